//! Walker2d: a torso on two legs that do not touch each other.

use crate::model::{Body, Capsule, Integrator, Joint, Model, Softness, angle, robot};
use crate::vector::Point;

const fn joint(body: usize, low_degrees: f64, high_degrees: f64) -> Joint {
    Joint {
        coordinate: angle(body),
        sign: -1.0,
        range: (low_degrees.to_radians(), high_degrees.to_radians()),
        gear: Some(100.0),
        armature: 0.01,
        damping: 0.1,
        stiffness: 0.0,
    }
}

const fn thigh(body: usize) -> Capsule {
    Capsule {
        body,
        centre: Point::new(0.0, -0.225),
        half: Point::new(0.0, 0.225),
        radius: 0.05,
        friction: 0.9,
    }
}

const fn leg(body: usize) -> Capsule {
    Capsule { body, centre: Point::new(0.0, -0.25), half: Point::new(0.0, 0.25), radius: 0.04, friction: 0.9 }
}

const fn foot(body: usize) -> Capsule {
    Capsule { body, centre: Point::new(0.1, 0.0), half: Point::new(-0.1, 0.0), radius: 0.06, friction: 1.9 }
}

const THIGH: Body = Body { parent: 0, hinge: Point::new(0.0, -0.2) };
const LEG: Point = Point::new(0.0, -0.45);
const FOOT: Point = Point::new(0.0, -0.5);

const MODEL: Model = Model {
    bodies: &[
        Body { parent: 0, hinge: Point::new(0.0, 0.0) },
        THIGH,
        Body { parent: 1, hinge: LEG },
        Body { parent: 2, hinge: FOOT },
        THIGH,
        Body { parent: 4, hinge: LEG },
        Body { parent: 5, hinge: FOOT },
    ],
    joints: &[
        joint(1, -150.0, 0.0),
        joint(2, -150.0, 0.0),
        joint(3, -45.0, 45.0),
        joint(4, -150.0, 0.0),
        joint(5, -150.0, 0.0),
        joint(6, -45.0, 45.0),
    ],
    capsules: &[
        Capsule {
            body: 0,
            centre: Point::new(0.0, 0.0),
            half: Point::new(0.0, 0.2),
            radius: 0.05,
            friction: 0.9,
        },
        thigh(1),
        leg(2),
        foot(3),
        thigh(4),
        leg(5),
        foot(6),
    ],
    coordinates: &[0, 1, angle(0), angle(1), angle(2), angle(3), angle(4), angle(5), angle(6)],
    height: 0.0,
    density: 1000.0,
    pole: None,
    timestep: 0.002,
    integrator: Integrator::RungeKutta4,
    control_limit: 1.0,
    limit: Softness::DEFAULT,
    contact: Softness::DEFAULT,
    margin: 0.0,
    ground: true,
    pairs: &[],
    gravity: 9.81,
};

robot! {
    /// Walker2d.
    Walker2d = MODEL
}
