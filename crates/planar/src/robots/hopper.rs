//! Hopper: a torso on one leg, whose capsules also touch each other.

use crate::model::{Body, Capsule, Integrator, Joint, Model, Softness, angle, robot};
use crate::vector::Point;

const fn joint(body: usize, low_degrees: f64, high_degrees: f64) -> Joint {
    Joint {
        coordinate: angle(body),
        sign: -1.0,
        range: (low_degrees.to_radians(), high_degrees.to_radians()),
        gear: Some(200.0),
        armature: 1.0,
        damping: 1.0,
        stiffness: 0.0,
    }
}

const fn capsule(body: usize, centre: Point, half: Point, radius: f64, friction: f64) -> Capsule {
    Capsule { body, centre, half, radius, friction }
}

const MODEL: Model = Model {
    bodies: &[
        Body { parent: 0, hinge: Point::new(0.0, 0.0) },
        Body { parent: 0, hinge: Point::new(0.0, -0.2) },
        Body { parent: 1, hinge: Point::new(0.0, -0.45) },
        Body { parent: 2, hinge: Point::new(0.0, -0.5) },
    ],
    joints: &[joint(1, -150.0, 0.0), joint(2, -150.0, 0.0), joint(3, -45.0, 45.0)],
    capsules: &[
        capsule(0, Point::new(0.0, 0.0), Point::new(0.0, 0.2), 0.05, 1.0),
        capsule(1, Point::new(0.0, -0.225), Point::new(0.0, 0.225), 0.05, 1.0),
        capsule(2, Point::new(0.0, -0.25), Point::new(0.0, 0.25), 0.04, 1.0),
        capsule(3, Point::new(0.065, 0.0), Point::new(-0.195, 0.0), 0.06, 2.0),
    ],
    coordinates: &[0, 1, angle(0), angle(1), angle(2), angle(3)],
    height: 0.0,
    density: 1000.0,
    pole: None,
    timestep: 0.002,
    integrator: Integrator::RungeKutta4,
    control_limit: 1.0,
    limit: Softness::DEFAULT,
    contact: Softness { solref: (0.02, 1.0), solimp: (0.8, 0.8, 0.01) },
    margin: 0.002,
    ground: true,
    pairs: &[(0, 2), (0, 3), (1, 3)],
    gravity: 9.81,
};

robot! {
    /// Hopper.
    Hopper = MODEL
}
