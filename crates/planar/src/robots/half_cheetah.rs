//! HalfCheetah: a long torso with a head, on a back and a front leg with springs in their joints.

use crate::model::{Body, Capsule, Integrator, Joint, Model, Softness, angle, robot};
use crate::vector::Point;

const fn joint(body: usize, range: (f64, f64), gear: f64, damping: f64, stiffness: f64) -> Joint {
    Joint { coordinate: angle(body), sign: 1.0, range, gear: Some(gear), armature: 0.1, damping, stiffness }
}

/// A capsule of a leg; its axis is +z turned by `turn`.
const fn capsule(body: usize, centre: Point, turn: f64, half_length: f64) -> Capsule {
    Capsule { body, centre, half: Point::polar(turn, half_length), radius: 0.046, friction: 0.4 }
}

const MODEL: Model = Model {
    bodies: &[
        Body { parent: 0, hinge: Point::new(0.0, 0.0) },
        Body { parent: 0, hinge: Point::new(-0.5, 0.0) },
        Body { parent: 1, hinge: Point::new(0.16, -0.25) },
        Body { parent: 2, hinge: Point::new(-0.28, -0.14) },
        Body { parent: 0, hinge: Point::new(0.5, 0.0) },
        Body { parent: 4, hinge: Point::new(-0.14, -0.24) },
        Body { parent: 5, hinge: Point::new(0.13, -0.18) },
    ],
    joints: &[
        joint(1, (-0.52, 1.05), 120.0, 6.0, 240.0),
        joint(2, (-0.785, 0.785), 90.0, 4.5, 180.0),
        joint(3, (-0.4, 0.785), 60.0, 3.0, 120.0),
        joint(4, (-1.0, 0.7), 120.0, 4.5, 180.0),
        joint(5, (-1.2, 0.87), 60.0, 3.0, 120.0),
        joint(6, (-0.5, 0.5), 30.0, 1.5, 60.0),
    ],
    capsules: &[
        Capsule {
            body: 0,
            centre: Point::new(0.0, 0.0),
            half: Point::new(-0.5, 0.0),
            radius: 0.046,
            friction: 0.4,
        },
        capsule(0, Point::new(0.6, 0.1), 0.87, 0.15),
        capsule(1, Point::new(0.1, -0.13), -3.8, 0.145),
        capsule(2, Point::new(-0.14, -0.07), -2.03, 0.15),
        capsule(3, Point::new(0.03, -0.097), -0.27, 0.094),
        capsule(4, Point::new(-0.07, -0.12), 0.52, 0.133),
        capsule(5, Point::new(0.065, -0.09), -0.6, 0.106),
        capsule(6, Point::new(0.045, -0.07), -0.6, 0.07),
    ],
    coordinates: &[0, 1, angle(0), angle(1), angle(2), angle(3), angle(4), angle(5), angle(6)],
    height: 0.7,
    // 14 kg in all, as by MuJoCo's `settotalmass`.
    density: 660.884_950_077_473_5,
    pole: None,
    timestep: 0.01,
    integrator: Integrator::Euler,
    control_limit: 1.0,
    limit: Softness { solref: (0.02, 1.0), solimp: (0.0, 0.8, 0.03) },
    contact: Softness { solref: (0.02, 1.0), solimp: (0.0, 0.8, 0.01) },
    margin: 0.0,
    ground: true,
    pairs: &[],
    gravity: 9.81,
};

robot! {
    /// HalfCheetah.
    HalfCheetah = MODEL
}
