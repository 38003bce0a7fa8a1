//! Physical quantities that may vary: what each is, of what, in which unit, within which bounds, and what follows from it.

use std::fmt;

use crate::element::{Element, ElementKind};
use crate::field::{Change, Field, Op, Write};
use crate::inventory::{Inventory, JointKind};

/// Below this MuJoCo takes friction for this.
const LEAST_FRICTION: f64 = 1e-5;
/// The least mass (kg) that a body is given: far below any robot's part, far above what makes solvers fail.
const LEAST_MASS: f64 = 1e-9;
/// Seconds that an action is late at most.
const LONGEST_DELAY: f64 = 1.0;
/// As large as any such number may become.
const LARGEST: f64 = 1e9;

/// A physical quantity of elements of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Mass of bodies (kg); inertia follows in proportion, as for a body of other density.
    Mass,
    /// Inertia of bodies, all three moments alike; mass stays.
    Inertia,
    /// A coordinate of the centre of mass in the body's frame (m), by axis.
    Centre(usize),
    /// Sliding friction of geoms or pairs.
    Slide,
    /// Torsional friction (m).
    Spin,
    /// Rolling friction (m).
    Roll,
    /// Viscous damping of joints.
    Damping,
    /// Inertia of the rotors at joints.
    Armature,
    /// Dry friction of joints.
    FrictionLoss,
    /// Stiffness of the springs of joints.
    Stiffness,
    /// Force per control of actuators; a servo's bias follows in proportion, so that it becomes stronger or weaker and keeps
    /// its aim.
    Gain,
    /// Gear of actuators.
    Gear,
    /// The largest force of actuators, in both directions.
    ForceLimit,
    /// Gravity along an axis of the world (m/s²).
    Gravity(usize),
    /// Velocity of the medium along an axis of the world (m/s).
    Wind(usize),
    /// Seconds until an action arrives at actuators.
    Delay,
    /// Standard deviation of the noise on the actions of actuators, in halves of their range; new at every step.
    ActionNoise,
    /// Random force on the centre of mass of bodies: standard deviation of each horizontal component (N); new every 0.5 s.
    Push,
    /// Size of the noise of terms of the observation, in the unit of their values.
    Noise,
}

/// All quantities, with their names in task files.
const NAMES: [(Quantity, &str); 25] = [
    (Quantity::Mass, "mass"),
    (Quantity::Inertia, "inertia"),
    (Quantity::Centre(0), "com.x"),
    (Quantity::Centre(1), "com.y"),
    (Quantity::Centre(2), "com.z"),
    (Quantity::Slide, "friction.slide"),
    (Quantity::Spin, "friction.spin"),
    (Quantity::Roll, "friction.roll"),
    (Quantity::Damping, "damping"),
    (Quantity::Armature, "armature"),
    (Quantity::FrictionLoss, "frictionloss"),
    (Quantity::Stiffness, "stiffness"),
    (Quantity::Gain, "gain"),
    (Quantity::Gear, "gear"),
    (Quantity::ForceLimit, "force_limit"),
    (Quantity::Gravity(0), "gravity.x"),
    (Quantity::Gravity(1), "gravity.y"),
    (Quantity::Gravity(2), "gravity.z"),
    (Quantity::Wind(0), "wind.x"),
    (Quantity::Wind(1), "wind.y"),
    (Quantity::Wind(2), "wind.z"),
    (Quantity::Delay, "delay"),
    (Quantity::ActionNoise, "action_noise"),
    (Quantity::Push, "push"),
    (Quantity::Noise, "noise"),
];

impl Quantity {
    /// All quantities.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.into_iter().map(|(quantity, _)| quantity)
    }

    /// Its name in task files.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(quantity, _)| *quantity == self).map_or("", |(_, name)| name)
    }

    /// The quantity of a name.
    ///
    /// # Errors
    /// A sentence with the nearest name, or all of them.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some((quantity, _)) = NAMES.iter().find(|(_, known)| *known == name) {
            return Ok(*quantity);
        }
        let names = NAMES.map(|(_, name)| name);
        Err(match wr2l_sim::nearest_name(name, names) {
            Some(nearest) => format!("unknown quantity `{name}`; did you mean `{nearest}`?"),
            None => format!("unknown quantity `{name}`; there are {}", names.join(", ")),
        })
    }

    /// The kinds of elements that have it.
    pub fn kinds(self) -> &'static [ElementKind] {
        match self {
            Self::Mass | Self::Inertia | Self::Centre(_) | Self::Push => &[ElementKind::Body],
            Self::Slide | Self::Spin | Self::Roll => &[ElementKind::Geom, ElementKind::Pair],
            Self::Damping | Self::Armature | Self::FrictionLoss | Self::Stiffness => &[ElementKind::Joint],
            Self::Gain | Self::Gear | Self::ForceLimit | Self::Delay | Self::ActionNoise => {
                &[ElementKind::Actuator]
            }
            Self::Noise => &[ElementKind::Observe],
            Self::Gravity(_) | Self::Wind(_) => &[ElementKind::Option],
        }
    }

    /// Its unit at an element.
    pub fn unit(self, inventory: &Inventory, element: Element) -> &'static str {
        let slides = match element {
            Element::Joint(j) => inventory.joints[j].kind == JointKind::Slide,
            Element::Actuator(a) => {
                let joint = inventory.actuators[a].joint;
                joint.is_some_and(|joint| inventory.joints[joint].kind == JointKind::Slide)
            }
            _ => false,
        };
        match (self, slides) {
            (Self::Mass, _) => "kg",
            (Self::Inertia, _) => "kg·m²",
            (Self::Centre(_) | Self::Spin | Self::Roll, _) => "m",
            (Self::Slide | Self::Gear | Self::Gain | Self::ActionNoise | Self::Noise, _) => "1",
            (Self::Delay, _) => "s",
            (Self::Push, _) => "N",
            (Self::Damping, true) => "N·s/m",
            (Self::Damping, false) => "N·m·s/rad",
            (Self::Armature, true) => "kg",
            (Self::Armature, false) => "kg·m²",
            (Self::FrictionLoss | Self::ForceLimit, true) => "N",
            (Self::FrictionLoss | Self::ForceLimit, false) => "N·m",
            (Self::Stiffness, true) => "N/m",
            (Self::Stiffness, false) => "N·m/rad",
            (Self::Gravity(_), _) => "m/s²",
            (Self::Wind(_), _) => "m/s",
        }
    }

    /// Smallest and largest value of it.
    pub fn bounds(self) -> [f64; 2] {
        match self {
            Self::Mass => [LEAST_MASS, LARGEST],
            Self::Inertia => [1e-15, LARGEST],
            Self::Centre(_) => [-100.0, 100.0],
            Self::Slide | Self::Spin | Self::Roll => [LEAST_FRICTION, 1e4],
            Self::Damping | Self::Armature | Self::FrictionLoss | Self::Stiffness => [0.0, LARGEST],
            Self::Gain | Self::Gear => [-LARGEST, LARGEST],
            Self::ForceLimit => [1e-9, LARGEST],
            Self::Gravity(_) | Self::Wind(_) => [-1000.0, 1000.0],
            Self::Delay => [0.0, LONGEST_DELAY],
            Self::ActionNoise => [0.0, 10.0],
            Self::Push | Self::Noise => [0.0, LARGEST],
        }
    }

    /// Its nominal value at an element of one of its kinds.
    ///
    /// # Errors
    /// Why the element has none.
    pub fn nominal(self, inventory: &Inventory, element: Element) -> Result<f64, String> {
        let name = || element.label(inventory);
        match (self, element) {
            (Self::Mass, Element::Body(b)) if inventory.bodies[b].mass > 0.0 => Ok(inventory.bodies[b].mass),
            (Self::Inertia, Element::Body(b)) if inventory.bodies[b].mass > 0.0 => {
                Ok(inventory.bodies[b].inertia[0])
            }
            (Self::Mass | Self::Inertia, Element::Body(_)) => Err(format!("`{}` has no mass", name())),
            (Self::Centre(k), Element::Body(b)) => Ok(inventory.bodies[b].centre[k]),
            (Self::Slide, Element::Geom(g)) => Ok(inventory.geoms[g].friction[0]),
            (Self::Spin, Element::Geom(g)) => Ok(inventory.geoms[g].friction[1]),
            (Self::Roll, Element::Geom(g)) => Ok(inventory.geoms[g].friction[2]),
            (Self::Slide, Element::Pair(p)) => Ok(inventory.pairs[p].friction[0]),
            (Self::Spin, Element::Pair(p)) => Ok(inventory.pairs[p].friction[2]),
            (Self::Roll, Element::Pair(p)) => Ok(inventory.pairs[p].friction[3]),
            (Self::Damping, Element::Joint(j)) => Ok(inventory.joints[j].damping),
            (Self::Armature, Element::Joint(j)) => Ok(inventory.joints[j].armature),
            (Self::FrictionLoss, Element::Joint(j)) => Ok(inventory.joints[j].friction_loss),
            (Self::Stiffness, Element::Joint(j)) => Ok(inventory.joints[j].stiffness),
            (Self::Gain, Element::Actuator(a)) if inventory.actuators[a].linear => {
                Ok(inventory.actuators[a].gain)
            }
            (Self::Gain, Element::Actuator(_)) => {
                Err(format!("the force of `{}` is not proportional to a gain", name()))
            }
            (Self::Gear, Element::Actuator(a)) => Ok(inventory.actuators[a].gear),
            (Self::ForceLimit, Element::Actuator(a)) => match inventory.actuators[a].force_range {
                Some([low, high]) if low == -high => Ok(high),
                Some(_) => Err(format!("the limits of `{}` are not the same in both directions", name())),
                None => Err(format!("the force of `{}` has no limit in the model", name())),
            },
            (Self::Push, Element::Body(b)) if inventory.bodies[b].mass > 0.0 => Ok(0.0),
            (Self::Push, Element::Body(_)) => Err(format!("`{}` has no mass", name())),
            (Self::Delay | Self::ActionNoise, Element::Actuator(_)) => Ok(0.0),
            (Self::Noise, Element::Observe(term)) => Ok(inventory.observed[term].noise),
            (Self::Gravity(k), Element::Option) => Ok(inventory.gravity[k]),
            (Self::Wind(k), Element::Option) if inventory.density > 0.0 || inventory.viscosity > 0.0 => {
                Ok(inventory.wind[k])
            }
            (Self::Wind(_), Element::Option) => {
                Err("there is no wind in a vacuum: the model's `<option>` sets \
                                                     neither `density` nor `viscosity`"
                    .to_owned())
            }
            _ => Err(format!("a {} has no {self}", element.kind())),
        }
    }

    /// Why an operation makes no sense for it, if it does not.
    pub(crate) fn refuses(self, op: Op) -> Option<&'static str> {
        (self == Self::Inertia && op != Op::Scale)
            .then_some("inertia is three numbers, so that it can be scaled and nothing else")
    }

    /// The numbers that follow it at an element that has it.
    pub(crate) fn writes(self, inventory: &Inventory, element: Element, op: Op) -> Vec<Write> {
        let by = |field| Write { field, change: Change::By(op) };
        let each = |field: fn(usize) -> Field| match element {
            Element::Joint(j) => {
                let joint = &inventory.joints[j];
                let count = match joint.kind {
                    JointKind::Free => 6,
                    JointKind::Ball => 3,
                    JointKind::Slide | JointKind::Hinge => 1,
                };
                (joint.velocity..joint.velocity + count).map(|dof| by(field(dof))).collect()
            }
            _ => Vec::new(),
        };
        let i = element.index();
        match self {
            Self::Mass => {
                let with = Change::With(op, inventory.bodies[i].mass);
                let inertia = (0..3).map(|k| Write { field: Field::Inertia(i, k), change: with });
                std::iter::once(by(Field::Mass(i))).chain(inertia).collect()
            }
            Self::Inertia => (0..3).map(|k| by(Field::Inertia(i, k))).collect(),
            Self::Centre(k) => vec![by(Field::Centre(i, k))],
            Self::Slide | Self::Spin | Self::Roll => {
                let k = [Self::Slide, Self::Spin, Self::Roll].iter().position(|q| *q == self).unwrap_or(0);
                if element.kind() == ElementKind::Geom {
                    return vec![by(Field::Friction(i, k))];
                }
                let entries: &[usize] = [&[0, 1][..], &[2], &[3, 4]][k];
                entries.iter().map(|k| by(Field::PairFriction(i, *k))).collect()
            }
            Self::Damping => each(Field::Damping),
            Self::Armature => each(Field::Armature),
            Self::FrictionLoss => each(Field::FrictionLoss),
            Self::Stiffness => vec![by(Field::Stiffness(i))],
            Self::Gain => {
                let with = Change::With(op, inventory.actuators[i].gain);
                let bias = (0..3).map(|k| Write { field: Field::Bias(i, k), change: with });
                std::iter::once(by(Field::Gain(i))).chain(bias).collect()
            }
            Self::Gear => vec![by(Field::Gear(i))],
            Self::ForceLimit => vec![
                Write { field: Field::ForceRange(i, 0), change: Change::Mirrored(op) },
                by(Field::ForceRange(i, 1)),
            ],
            Self::Gravity(k) => vec![by(Field::Gravity(k))],
            Self::Wind(k) => vec![by(Field::Wind(k))],
            Self::Delay => vec![by(Field::Delay(i))],
            Self::ActionNoise => vec![by(Field::ActionNoise(i))],
            Self::Push => vec![by(Field::Push(i))],
            Self::Noise => vec![by(Field::Noise(i))],
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
