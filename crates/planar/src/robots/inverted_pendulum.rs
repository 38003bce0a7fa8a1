//! InvertedPendulum: a pole of variable length on a cart; nothing touches anything.

use crate::model::{Body, Capsule, Integrator, Joint, Model, Softness, angle, robot};
use crate::vector::Point;

const POLE_LENGTH: f64 = 0.6;

const MODEL: Model = Model {
    bodies: &[
        Body { parent: 0, hinge: Point::new(0.0, 0.0) },
        Body { parent: 0, hinge: Point::new(0.0, 0.0) },
    ],
    joints: &[
        Joint {
            coordinate: 0,
            sign: 1.0,
            range: (-1.0, 1.0),
            gear: Some(100.0),
            armature: 0.0,
            damping: 1.0,
            stiffness: 0.0,
        },
        Joint {
            coordinate: angle(1),
            sign: 1.0,
            range: (-std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2),
            gear: None,
            armature: 0.0,
            damping: 1.0,
            stiffness: 0.0,
        },
    ],
    capsules: &[
        Capsule {
            body: 0,
            centre: Point::new(0.0, 0.0),
            half: Point::new(0.1, 0.0),
            radius: 0.1,
            friction: 1.0,
        },
        // Leans by a thousandth of a metre, as Gymnasium's does.
        Capsule {
            body: 1,
            centre: Point::new(0.000_5, POLE_LENGTH / 2.0),
            half: Point::new(0.000_5, POLE_LENGTH / 2.0),
            radius: 0.049,
            friction: 1.0,
        },
    ],
    coordinates: &[0, angle(1)],
    height: 0.0,
    density: 1000.0,
    pole: Some((1, POLE_LENGTH)),
    timestep: 0.02,
    integrator: Integrator::RungeKutta4,
    control_limit: 3.0,
    limit: Softness::DEFAULT,
    contact: Softness::DEFAULT,
    margin: 0.0,
    ground: false,
    pairs: &[],
    gravity: 9.81,
};

robot! {
    /// InvertedPendulum.
    InvertedPendulum = MODEL
}
