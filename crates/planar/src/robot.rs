//! The robots that there are.

use crate::model::{Design, Model, Names, angle};
use crate::robots;
use crate::system::{Constants, Derived, ParameterError, Parameters};

/// The robots that exist: Gymnasium's `-v5` models of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Robot {
    /// A torso on one leg: 6 degrees of freedom, 3 motors.
    Hopper,
    /// A torso on two legs: 9 degrees of freedom, 6 motors.
    Walker2d,
    /// A long torso on a back and a front leg: 9 degrees of freedom, 6 motors.
    HalfCheetah,
    /// A pole on a cart: 2 degrees of freedom, 1 motor.
    InvertedPendulum,
}

/// Sizes and the time step of a robot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Number of degrees of freedom: length of positions and of velocities.
    pub dofs: usize,
    /// Number of motors: length of a control.
    pub controls: usize,
    /// Number of bodies.
    pub bodies: usize,
    /// Number of joints with parameters.
    pub joints: usize,
    /// Number of capsules.
    pub capsules: usize,
    /// Seconds per time step.
    pub timestep: f64,
}

/// A body of a robot, in the plane of x (forward) and z (up), lengths in m.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyShape {
    /// Its name in the model.
    pub name: &'static str,
    /// Number of the body that carries it.
    pub parent: Option<usize>,
    /// Where it is hinged; of the root its origin.
    pub hinge: [f64; 2],
    /// Number of the position that turns it, if one does.
    pub angle: Option<usize>,
    /// Whether that turns z towards x (1) or away from it (−1).
    pub sign: f64,
    /// Numbers of the positions that shift it along x and along z.
    pub slide: [Option<usize>; 2],
    /// Both ends and the radius of each of its capsules.
    pub capsules: Vec<([f64; 2], [f64; 2], f64)>,
}

impl Robot {
    /// All robots.
    pub const ALL: [Self; 4] = [Self::Hopper, Self::Walker2d, Self::HalfCheetah, Self::InvertedPendulum];

    pub(crate) fn model(self) -> Model {
        match self {
            Self::Hopper => robots::Hopper::MODEL,
            Self::Walker2d => robots::Walker2d::MODEL,
            Self::HalfCheetah => robots::HalfCheetah::MODEL,
            Self::InvertedPendulum => robots::InvertedPendulum::MODEL,
        }
    }

    /// What its parts are called in its model.
    pub fn names(self) -> Names {
        match self {
            Self::Hopper => robots::HOPPER_NAMES,
            Self::Walker2d => robots::WALKER2D_NAMES,
            Self::HalfCheetah => robots::HALFCHEETAH_NAMES,
            Self::InvertedPendulum => robots::INVERTEDPENDULUM_NAMES,
        }
    }

    /// Its bodies where all positions are 0, for drawing; parents come first.
    pub fn bodies(self) -> Vec<BodyShape> {
        let (model, names) = (self.model(), self.names());
        let position = |coordinate| model.coordinates.iter().position(|&free| free == coordinate);
        let mut bodies: Vec<BodyShape> = Vec::with_capacity(model.bodies.len());
        for (i, body) in model.bodies.iter().enumerate() {
            let parent = (i > 0).then_some(body.parent);
            let [x, z] = parent.map_or([0.0, model.height], |parent| bodies[parent].hinge);
            let hinge = [x + body.hinge.x, z + body.hinge.z];
            let of_body = model.capsules.iter().filter(|capsule| capsule.body == i);
            let joint = model.joints.iter().find(|joint| joint.coordinate == angle(i));
            bodies.push(BodyShape {
                name: names.bodies[i],
                parent,
                hinge,
                angle: position(angle(i)),
                sign: joint.map_or(1.0, |joint| joint.sign),
                slide: if i == 0 { [position(0), position(1)] } else { [None; 2] },
                capsules: of_body
                    .map(|capsule| {
                        let (centre, half) = (capsule.centre, capsule.half);
                        let end =
                            |s: f64| [hinge[0] + centre.x + s * half.x, hinge[1] + centre.z + s * half.z];
                        (end(-1.0), end(1.0), capsule.radius)
                    })
                    .collect(),
            });
        }
        bodies
    }

    /// Sizes and the time step.
    pub fn shape(self) -> Shape {
        let model = self.model();
        Shape {
            dofs: model.coordinates.len(),
            controls: model.joints.iter().filter(|joint| joint.gear.is_some()).count(),
            bodies: model.bodies.len(),
            joints: model.joints.len(),
            capsules: model.capsules.len(),
            timestep: model.timestep,
        }
    }

    /// The nominal physical parameters.
    pub fn parameters(self) -> Parameters {
        Parameters::nominal(&self.model())
    }

    /// The constants that follow from parameters.
    ///
    /// # Errors
    /// [`ParameterError::Value`] for a number outside its bounds.
    pub fn derive(self, parameters: &Parameters) -> Result<Derived, ParameterError> {
        let constants = match self {
            Self::Hopper => Constants::checked::<robots::Hopper>(parameters),
            Self::Walker2d => Constants::checked::<robots::Walker2d>(parameters),
            Self::HalfCheetah => Constants::checked::<robots::HalfCheetah>(parameters),
            Self::InvertedPendulum => Constants::checked::<robots::InvertedPendulum>(parameters),
        };
        constants.map(|c| c.derived)
    }
}
