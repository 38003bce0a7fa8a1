//! Physical parameters φ of one system, and the constants that follow from them.

use thiserror::Error;

use crate::lane::{Lane, Portable};
use crate::mass::{Couplings, Matrix, Symmetric};
use crate::model::{
    Capsule, Design, MAX_BODIES, MAX_CAPSULES, MAX_COORDINATES, MAX_JOINTS, MAX_PAIRS, Model, Point, angle,
};
use crate::vector::Vector;

/// The physical parameters of one robot; unused entries of the arrays are ignored.
///
/// Bodies, joints and capsules are in MuJoCo's order, without the world, the joints of a free root and the world's
/// geoms. Everything else that depends on mass (inertia, inverse weights) follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Density of every body (kg/m³, positive): mass and inertia follow together.
    pub density: [f64; MAX_BODIES],
    /// Inertia of the rotor of every joint (kg·m², not negative).
    pub armature: [f64; MAX_JOINTS],
    /// Viscous damping of every joint (N·m·s/rad, not negative).
    pub damping: [f64; MAX_JOINTS],
    /// Stiffness of the spring of every joint (N·m/rad, not negative).
    pub stiffness: [f64; MAX_JOINTS],
    /// Sliding friction of every capsule's contact with the ground (not negative; at least MuJoCo's 1e-5 acts).
    pub friction: [f64; MAX_CAPSULES],
    /// Length of the pole (m, positive); ignored by robots without one.
    pub pole_length: f64,
}

/// Why parameters were refused.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum ParameterError {
    /// A number is not finite, negative, or zero where it must be positive.
    #[error("{name} {index} must be finite and {bound}, got {value}")]
    Value {
        /// Which parameter.
        name: &'static str,
        /// Index of the body, joint or capsule.
        index: usize,
        /// What it must be.
        bound: &'static str,
        /// What it was.
        value: f64,
    },
    /// The lane does not exist.
    #[error("lane {lane} of a batch of {lanes}")]
    Lane {
        /// The lane asked for.
        lane: usize,
        /// How many there are.
        lanes: usize,
    },
}

impl Parameters {
    /// The nominal parameters of a model.
    pub(crate) fn nominal(model: &Model) -> Self {
        let mut nominal = Self {
            density: [model.density; MAX_BODIES],
            armature: [0.0; MAX_JOINTS],
            damping: [0.0; MAX_JOINTS],
            stiffness: [0.0; MAX_JOINTS],
            friction: [1.0; MAX_CAPSULES],
            pole_length: model.pole.map_or(1.0, |(_, length)| length),
        };
        for (j, joint) in model.joints.iter().enumerate() {
            nominal.armature[j] = joint.armature;
            nominal.damping[j] = joint.damping;
            nominal.stiffness[j] = joint.stiffness;
        }
        for (c, capsule) in model.capsules.iter().enumerate() {
            nominal.friction[c] = capsule.friction;
        }
        nominal
    }

    fn check(&self, model: &Model) -> Result<(), ParameterError> {
        let positive: [(&'static str, &[f64]); 2] = [
            ("density", &self.density[..model.bodies.len()]),
            ("pole_length", std::slice::from_ref(&self.pole_length)),
        ];
        let joints = model.joints.len();
        let not_negative: [(&'static str, &[f64]); 4] = [
            ("armature", &self.armature[..joints]),
            ("damping", &self.damping[..joints]),
            ("stiffness", &self.stiffness[..joints]),
            ("friction", &self.friction[..model.capsules.len()]),
        ];
        for (name, values) in positive {
            if let Some(index) = values.iter().position(|v| !(v.is_finite() && *v > 0.0)) {
                return Err(ParameterError::Value { name, index, bound: "positive", value: values[index] });
            }
        }
        for (name, values) in not_negative {
            if let Some(index) = values.iter().position(|v| !(v.is_finite() && *v >= 0.0)) {
                return Err(ParameterError::Value {
                    name,
                    index,
                    bound: "not negative",
                    value: values[index],
                });
            }
        }
        Ok(())
    }
}

/// The constants of one system that a fresh MuJoCo model would hold, for checks against it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Derived {
    /// Mass of every body (kg), MuJoCo's `body_mass`.
    pub mass: [f64; MAX_BODIES],
    /// Moment of inertia of every body about +y through its centre of mass (kg·m²).
    pub inertia: [f64; MAX_BODIES],
    /// MuJoCo's translational `body_invweight0` (1/kg).
    pub body_inverse_weight: [f64; MAX_BODIES],
    /// MuJoCo's `dof_invweight0` of every degree of freedom (1/kg, 1/(kg·m²)).
    pub dof_inverse_weight: [f64; MAX_COORDINATES],
}

/// What the engine needs to know of a system, in every lane. Arrays over joints are indexed by coordinate.
#[derive(Clone, Copy)]
pub(crate) struct System<F> {
    pub(crate) total_mass: F,
    /// The moment of each body in its own frame, see [`crate::mass`].
    pub(crate) moment: [Vector<F>; MAX_BODIES],
    /// The centre of mass of each body in its own frame.
    pub(crate) centre: [Vector<F>; MAX_BODIES],
    /// The diagonal of the mass matrix over the angles.
    pub(crate) diagonal: [F; MAX_BODIES],
    pub(crate) armature: [F; MAX_COORDINATES],
    pub(crate) damping: [F; MAX_COORDINATES],
    pub(crate) stiffness: [F; MAX_COORDINATES],
    pub(crate) limit_inverse_weight: [F; MAX_COORDINATES],
    pub(crate) friction: [F; MAX_CAPSULES],
    /// 1/D of a contact with the ground, times impedance/(1 − impedance).
    pub(crate) ground_softness: [F; MAX_CAPSULES],
    /// The same of a contact between the capsules of a pair.
    pub(crate) pair_softness: [F; MAX_PAIRS],
}

type Scalar = Portable;

/// The smallest friction that MuJoCo lets act (`mjMINMU`).
const MIN_FRICTION: f64 = 1e-5;

impl<F: Lane> System<F> {
    pub(crate) fn nominal<R: Design>() -> Self {
        let zero = F::zero();
        let mut system = Self {
            total_mass: zero,
            moment: [Vector::zero(); MAX_BODIES],
            centre: [Vector::zero(); MAX_BODIES],
            diagonal: [zero; MAX_BODIES],
            armature: [zero; MAX_COORDINATES],
            damping: [zero; MAX_COORDINATES],
            stiffness: [zero; MAX_COORDINATES],
            limit_inverse_weight: [zero; MAX_COORDINATES],
            friction: [zero; MAX_CAPSULES],
            ground_softness: [zero; MAX_CAPSULES],
            pair_softness: [zero; MAX_PAIRS],
        };
        let derived = Constants::new::<R>(&Parameters::nominal(&R::MODEL));
        for lane in 0..F::WIDTH {
            system.set_lane::<R>(lane, &derived);
        }
        system
    }

    /// Sets the constants of one lane.
    pub(crate) fn set_lane<R: Design>(&mut self, lane: usize, constants: &Constants) {
        let set = |to: &mut F, value: f64| to.set(lane, value);
        let phi = &constants.parameters;
        set(&mut self.total_mass, constants.total_mass);
        for b in 0..R::MODEL.bodies.len() {
            set(&mut self.moment[b].x, constants.moment[b].x);
            set(&mut self.moment[b].z, constants.moment[b].z);
            set(&mut self.centre[b].x, constants.centre[b].x);
            set(&mut self.centre[b].z, constants.centre[b].z);
            set(&mut self.diagonal[b], constants.diagonal[b]);
        }
        for (j, joint) in R::MODEL.joints.iter().enumerate() {
            let i = joint.coordinate;
            set(&mut self.armature[i], phi.armature[j]);
            set(&mut self.damping[i], phi.damping[j]);
            set(&mut self.stiffness[i], phi.stiffness[j]);
            let dof = R::MODEL.coordinates.iter().position(|c| *c == i).unwrap_or(0);
            set(&mut self.limit_inverse_weight[i], constants.derived.dof_inverse_weight[dof]);
        }
        let tran = &constants.derived.body_inverse_weight;
        for (c, capsule) in R::MODEL.capsules.iter().enumerate() {
            let mu = phi.friction[c].max(MIN_FRICTION);
            set(&mut self.friction[c], mu);
            // diagA = tran (1 + μ²), and every row of the pyramid has R = 2 μ² (1 − imp)/imp · diagA.
            set(&mut self.ground_softness[c], 2.0 * mu * mu * (1.0 + mu * mu) * tran[capsule.body]);
        }
        for (p, (one, other)) in R::MODEL.pairs.iter().enumerate() {
            let body = |c: usize| R::MODEL.capsules[c].body;
            set(&mut self.pair_softness[p], tran[body(*one)] + tran[body(*other)]);
        }
    }
}

/// The constants that follow from the parameters of one system.
pub(crate) struct Constants {
    parameters: Parameters,
    pub(crate) derived: Derived,
    total_mass: f64,
    moment: [Point; MAX_BODIES],
    centre: [Point; MAX_BODIES],
    diagonal: [f64; MAX_BODIES],
}

impl Constants {
    /// Checks parameters and derives the constants.
    pub(crate) fn checked<R: Design>(parameters: &Parameters) -> Result<Self, ParameterError> {
        parameters.check(&R::MODEL)?;
        Ok(Self::new::<R>(parameters))
    }

    fn new<R: Design>(parameters: &Parameters) -> Self {
        let model = &R::MODEL;
        let bodies = model.bodies.len();
        let (mass, centre, inertia) = masses(model, parameters);

        // Sums from the leaves to the root: what each body carries, as if it sat at the hinges.
        let mut carried = mass;
        let mut moment = [Point::new(0.0, 0.0); MAX_BODIES];
        let mut diagonal = [0.0; MAX_BODIES];
        for b in (0..bodies).rev() {
            moment[b].x += mass[b] * centre[b].x;
            moment[b].z += mass[b] * centre[b].z;
            diagonal[b] += inertia[b] + mass[b] * centre[b].norm_squared();
            if b > 0 {
                let (p, hinge) = (model.bodies[b].parent, model.bodies[b].hinge);
                moment[p].x += carried[b] * hinge.x;
                moment[p].z += carried[b] * hinge.z;
                diagonal[p] += carried[b] * hinge.norm_squared();
                carried[p] += carried[b];
            }
        }
        for (j, joint) in model.joints.iter().enumerate() {
            if joint.coordinate >= 2 {
                let b = joint.coordinate - 2;
                diagonal[b] += parameters.armature[j];
                diagonal[model.bodies[b].parent] += parameters.armature[j];
            }
        }

        let mut constants = Self {
            parameters: *parameters,
            derived: Derived {
                mass,
                inertia,
                body_inverse_weight: [0.0; MAX_BODIES],
                dof_inverse_weight: [0.0; MAX_COORDINATES],
            },
            total_mass: carried[0],
            moment,
            centre,
            diagonal,
        };
        constants.inverse_weights::<R>(&centre);
        constants
    }

    /// MuJoCo's inverse weights: diagonal entries of J M⁻¹ Jᵀ in the reference configuration, all angles 0.
    fn inverse_weights<R: Design>(&mut self, centre: &[Point; MAX_BODIES]) {
        let model = &R::MODEL;
        let lift = |p: Point| Vector { x: Scalar::splat(p.x), z: Scalar::splat(p.z) };
        let mut arms = [Vector::zero(); MAX_BODIES];
        let mut couplings = Couplings {
            root: Symmetric {
                xx: Scalar::splat(self.total_mass),
                xz: Scalar::zero(),
                zz: Scalar::splat(self.total_mass),
            },
            body: [Vector::zero(); MAX_BODIES],
            diagonal: [Scalar::zero(); MAX_BODIES],
            joint: [Scalar::zero(); MAX_COORDINATES],
        };
        for b in 0..model.bodies.len() {
            arms[b] = lift(model.bodies[b].hinge);
            couplings.body[b] = lift(self.moment[b]).perp();
            couplings.diagonal[b] = Scalar::splat(self.diagonal[b]);
        }
        for (j, joint) in model.joints.iter().enumerate() {
            couplings.joint[joint.coordinate] = Scalar::splat(self.parameters.armature[j]);
        }
        let mut factors = Matrix::assemble::<R>(&couplings, &arms);
        factors.factor::<R>();
        let quadratic = |row: [f64; MAX_COORDINATES]| {
            let solution = factors.solve::<R>(row.map(Scalar::splat));
            // A locked coordinate does not move: its solution is 0.
            row.iter().zip(&solution).map(|(r, s)| r * s.get(0)).sum::<f64>()
        };

        for b in 0..model.bodies.len() {
            // The Jacobian of the centre of mass: a column is the arm's ⊥, on the way from the root.
            let (mut along_x, mut along_z) = ([0.0; MAX_COORDINATES], [0.0; MAX_COORDINATES]);
            (along_x[0], along_z[1]) = (1.0, 1.0);
            (along_x[angle(b)], along_z[angle(b)]) = (centre[b].z, -centre[b].x);
            let mut child = b;
            while child != 0 {
                let (parent, hinge) = (model.bodies[child].parent, model.bodies[child].hinge);
                (along_x[angle(parent)], along_z[angle(parent)]) = (hinge.z, -hinge.x);
                child = parent;
            }
            // The mean over three directions, of which y cannot move and still counts.
            self.derived.body_inverse_weight[b] = (quadratic(along_x) + quadratic(along_z)) / 3.0;
        }
        for (dof, &i) in model.coordinates.iter().enumerate() {
            let mut row = [0.0; MAX_COORDINATES];
            row[i] = 1.0;
            // What pushes a hinge turns its two bodies in opposite directions. The angle of a free root stands alone.
            if i > 2 {
                row[angle(model.bodies[i - 2].parent)] = -1.0;
            }
            self.derived.dof_inverse_weight[dof] = quadratic(row);
        }
    }
}

/// Mass, centre of mass and moment of inertia (about +y through it) of every body.
fn masses(model: &Model, phi: &Parameters) -> ([f64; MAX_BODIES], [Point; MAX_BODIES], [f64; MAX_BODIES]) {
    let mut mass = [0.0; MAX_BODIES];
    let mut centre = [Point::new(0.0, 0.0); MAX_BODIES];
    let mut inertia = [0.0; MAX_BODIES];
    let capsules = || {
        model.capsules.iter().enumerate().map(|(c, capsule)| {
            let mut capsule: Capsule = *capsule;
            if model.pole.is_some_and(|(pole, _)| pole == c) {
                capsule.half.z = phi.pole_length / 2.0;
                capsule.centre.z = phi.pole_length / 2.0;
            }
            let (volume, inertia) = capsule.volume_and_inertia();
            let density = phi.density[capsule.body];
            (capsule.body, capsule.centre, density * volume, density * inertia)
        })
    };
    for (b, at, m, _) in capsules() {
        mass[b] += m;
        centre[b].x += m * at.x;
        centre[b].z += m * at.z;
    }
    for b in 0..model.bodies.len() {
        centre[b].x /= mass[b];
        centre[b].z /= mass[b];
    }
    for (b, at, m, i) in capsules() {
        inertia[b] += i + m * Point::new(at.x - centre[b].x, at.z - centre[b].z).norm_squared();
    }
    (mass, centre, inertia)
}
