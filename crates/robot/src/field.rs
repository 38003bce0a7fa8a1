//! Numbers of a compiled model that effects write, and how.

use wr2l_lanes::Parameters;

use crate::inventory::Inventory;
use crate::loop_numbers::LoopNumbers;

/// A number of a compiled model, by the [`Inventory`]'s indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Mass(usize),
    Inertia(usize, usize),
    Centre(usize, usize),
    /// Sliding, torsional or rolling friction of a geom.
    Friction(usize, usize),
    PairFriction(usize, usize),
    Damping(usize),
    Armature(usize),
    FrictionLoss(usize),
    Stiffness(usize),
    Gain(usize),
    Bias(usize, usize),
    Gear(usize),
    ForceRange(usize, usize),
    Gravity(usize),
    Wind(usize),
    /// Of the loop around the physics: seconds until an actuator gets an action, noise on it, pushes of a body, noise of a
    /// term of the observation.
    Delay(usize),
    ActionNoise(usize),
    Push(usize),
    Noise(usize),
}

/// What is done to a nominal value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// It is multiplied.
    Scale,
    /// Something is added to it.
    Add,
    /// It is replaced.
    Set,
}

impl Op {
    /// The value that a parameter makes of a nominal one.
    pub fn value(self, nominal: f64, parameter: f64) -> f64 {
        match self {
            Self::Scale => nominal * parameter,
            // A zero's sign would be lost.
            Self::Add if parameter == 0.0 => nominal,
            Self::Add => nominal + parameter,
            Self::Set => parameter,
        }
    }

    /// Its name in task files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Add => "add",
            Self::Set => "set",
        }
    }
}

/// How a number follows a parameter. Each leaves the nominal value as it is, to the bit, at the parameter's nominal one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// As the operation says.
    By(Op),
    /// The limits of a range about 0 are `-value` and `value`: this is the lower.
    Mirrored(Op),
    /// In proportion to another number that changes by the operation, of which this is the nominal value.
    With(Op, f64),
}

impl Change {
    fn value(self, current: f64, parameter: f64) -> f64 {
        match self {
            Self::By(op) => op.value(current, parameter),
            Self::Mirrored(op) => -op.value(-current, parameter),
            Self::With(Op::Scale, _) => current * parameter,
            Self::With(op, nominal) => current * (op.value(nominal, parameter) / nominal),
        }
    }

    /// Whether it multiplies, so that several can act on one number in any order.
    pub(crate) fn scales(self) -> bool {
        matches!(self, Self::By(Op::Scale) | Self::Mirrored(Op::Scale) | Self::With(..))
    }
}

/// One number that follows a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Write {
    pub(crate) field: Field,
    pub(crate) change: Change,
}

impl Write {
    pub(crate) fn apply(self, slot: &mut f64, parameter: f64) {
        *slot = self.change.value(*slot, parameter);
    }
}

impl Field {
    /// Whether it is of the model, and not of the loop around it.
    #[cfg(feature = "mujoco")]
    pub(crate) fn is_physical(self) -> bool {
        !matches!(self, Self::Delay(_) | Self::ActionNoise(_) | Self::Push(_) | Self::Noise(_))
    }

    /// Its place among the loop's numbers.
    pub(crate) fn of_loop(self, numbers: &mut LoopNumbers) -> Option<&mut f64> {
        match self {
            Self::Delay(a) => numbers.delay.get_mut(a),
            Self::ActionNoise(a) => numbers.action_noise.get_mut(a),
            Self::Push(b) => numbers.push.get_mut(b),
            Self::Noise(term) => numbers.noise.get_mut(term),
            _ => None,
        }
    }

    /// What the batched engine has no word for, if this is of it.
    pub(crate) fn beyond_lanes(self) -> Option<&'static str> {
        match self {
            Self::Friction(_, 1..) | Self::PairFriction(_, 2..) => Some("torsional and rolling friction"),
            Self::ForceRange(..) => Some("limits of forces"),
            Self::Wind(_) => Some("the wind"),
            _ => None,
        }
    }

    /// Its place among the batched engine's parameters. The engine leaves out the world and the geoms that touch nothing.
    pub(crate) fn of_lanes<'a>(
        self,
        colliding: &[Option<usize>],
        parameters: &'a mut Parameters,
    ) -> Option<&'a mut f64> {
        match self {
            Self::Mass(b) => parameters.mass.get_mut(b.checked_sub(1)?),
            Self::Inertia(b, k) => parameters.inertia.get_mut(b.checked_sub(1)?)?.get_mut(k),
            Self::Centre(b, k) => parameters.centre.get_mut(b.checked_sub(1)?)?.get_mut(k),
            Self::Friction(g, 0) => parameters.friction.get_mut((*colliding.get(g)?)?),
            Self::PairFriction(p, k @ 0..2) => parameters.pair_friction.get_mut(p)?.get_mut(k),
            Self::Damping(d) => parameters.damping.get_mut(d),
            Self::Armature(d) => parameters.armature.get_mut(d),
            Self::FrictionLoss(d) => parameters.friction_loss.get_mut(d),
            Self::Stiffness(j) => parameters.stiffness.get_mut(j),
            Self::Gain(a) => parameters.gain.get_mut(a),
            Self::Bias(a, k) => parameters.bias.get_mut(a)?.get_mut(k),
            Self::Gear(a) => parameters.gear.get_mut(a),
            Self::Gravity(k) => parameters.gravity.get_mut(k),
            Self::Friction(..) | Self::PairFriction(..) | Self::ForceRange(..) | Self::Wind(_) => None,
            Self::Delay(_) | Self::ActionNoise(_) | Self::Push(_) | Self::Noise(_) => None,
        }
    }
}

/// Of every geom of an inventory, its index among those that may touch something.
pub(crate) fn colliding(inventory: &Inventory) -> Vec<Option<usize>> {
    let mut count = 0;
    let index = |collides: bool| {
        count += usize::from(collides);
        collides.then_some(count - usize::from(collides))
    };
    inventory.geoms.iter().map(|geom| geom.collides).map(index).collect()
}
