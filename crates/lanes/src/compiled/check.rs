//! What must hold of a compiled model, whoever wrote it.

use thiserror::Error;

use super::{Compiled, Dynamics, JointKind, Softness, Tie};

/// Elements of one kind that a model may have: far beyond any robot, and few enough to compare each with each.
const MOST: usize = 10_000;

/// What is wrong with a compiled model.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{kind} {index}{}: {what}", if name.is_empty() { String::new() } else { format!(" `{name}`") })]
pub struct CheckError {
    /// The kind of the element.
    pub kind: &'static str,
    /// Its index among its kind.
    pub index: usize,
    /// Its name, if it has one.
    pub name: String,
    /// What is wrong.
    pub what: &'static str,
}

/// Says where, when something does not hold.
struct At<'a>(&'static str, usize, &'a str);

impl At<'_> {
    fn demand(&self, holds: bool, what: &'static str) -> Result<(), CheckError> {
        if holds {
            return Ok(());
        }
        Err(CheckError { kind: self.0, index: self.1, name: self.2.to_owned(), what })
    }

    fn finite(&self, numbers: &[f64]) -> Result<(), CheckError> {
        // Beyond this their products overflow.
        self.demand(numbers.iter().all(|x| x.abs() <= 1e100), "a number is not finite or absurdly large")
    }

    fn not_negative(&self, numbers: &[f64], what: &'static str) -> Result<(), CheckError> {
        self.finite(numbers)?;
        self.demand(numbers.iter().all(|x| *x >= 0.0), what)
    }

    fn unit(&self, numbers: &[f64], what: &'static str) -> Result<(), CheckError> {
        self.finite(numbers)?;
        let norm = numbers.iter().map(|x| x * x).sum::<f64>();
        self.demand((norm - 1.0).abs() < 1e-6, what)
    }

    fn range(&self, range: Option<[f64; 2]>) -> Result<(), CheckError> {
        let Some(range) = range else { return Ok(()) };
        self.finite(&range)?;
        self.demand(range[0] <= range[1], "a range ends before it begins")
    }

    fn softness(&self, softness: &Softness) -> Result<(), CheckError> {
        self.finite(&softness.solref)?;
        self.finite(&softness.solimp)?;
        let [a, b] = softness.solref;
        self.demand((a > 0.0) == (b > 0.0), "`solref` must have two positive numbers, or none")
    }
}

impl Compiled {
    /// Checks that numbers are finite and in their ranges, quaternions and axes of length 1, indices within bounds,
    /// parents before children, and joints in the order of their bodies.
    ///
    /// # Errors
    /// [`CheckError`] names the element.
    pub fn check(&self) -> Result<(), CheckError> {
        self.check_options()?;
        self.check_bodies()?;
        self.check_joints()?;
        self.check_geoms()?;
        self.check_pairs()?;
        for (i, actuator) in self.actuators.iter().enumerate() {
            let at = At("actuator", i, &actuator.name);
            at.demand((actuator.joint as usize) < self.joints.len(), "its joint does not exist")?;
            let kind = self.joints[actuator.joint as usize].kind;
            let turns = kind.is_scalar() || !actuator.arms.is_empty();
            at.demand(turns, "it acts on a joint that is neither hinge nor slide")?;
            for arm in &actuator.arms {
                let joint = self.joints.get(arm.joint as usize);
                let turns = joint.is_some_and(|joint| joint.kind.is_scalar());
                at.demand(turns, "a joint of its tendon does not exist or is neither hinge nor slide")?;
                at.finite(&[arm.coefficient])?;
            }
            at.demand(actuator.arms.len() <= MOST, "its tendon has more than 10,000 joints")?;
            at.finite(&[actuator.gear, actuator.gain])?;
            at.finite(&actuator.bias)?;
            at.range(actuator.control_range)?;
            at.range(actuator.force_range)?;
        }
        self.check_activations()?;
        self.check_equalities()
    }

    fn check_equalities(&self) -> Result<(), CheckError> {
        for (e, equality) in self.equalities.iter().enumerate() {
            let at = At("equality", e, &equality.name);
            at.softness(&equality.softness)?;
            match &equality.tie {
                Tie::Joint { joint, leader, polynomial } => {
                    for j in std::iter::once(joint).chain(leader) {
                        let joint = self.joints.get(*j as usize);
                        let turns = joint.is_some_and(|joint| joint.kind.is_scalar());
                        at.demand(turns, "a joint of it does not exist or is neither hinge nor slide")?;
                    }
                    at.finite(polynomial)?;
                }
                Tie::Connect { bodies, anchors } => {
                    let exist = bodies.iter().all(|b| *b as usize <= self.bodies.len());
                    at.demand(exist, "a body of it does not exist")?;
                    at.finite(anchors.as_flattened())?;
                }
            }
        }
        Ok(())
    }

    fn check_activations(&self) -> Result<(), CheckError> {
        let mut next = 0;
        for activation in &self.activations {
            let a = activation.actuator as usize;
            let name = self.actuators.get(a).map_or("", |actuator| &actuator.name);
            let at = At("actuator", a, name);
            at.demand(a < self.actuators.len(), "there is an activation of it, and it does not exist")?;
            at.demand(a >= next, "activations are not in the order of their actuators")?;
            next = a + 1;
            at.finite(&[activation.time])?;
            let timed = activation.dynamics == Dynamics::Integrator || activation.time > 0.0;
            at.demand(timed, "the time of a filter must be positive")?;
            at.range(activation.range)?;
        }
        Ok(())
    }

    fn check_options(&self) -> Result<(), CheckError> {
        let (at, options) = (At("option", 0, ""), &self.options);
        at.finite(&[options.timestep, options.impratio])?;
        at.finite(&options.gravity)?;
        at.finite(&options.wind)?;
        at.not_negative(&[options.density, options.viscosity], "the medium must not be negative")?;
        at.demand(options.timestep > 0.0, "the time step must be positive")?;
        at.demand(options.impratio > 0.0, "`impratio` must be positive")?;
        let counts = [
            self.bodies.len(),
            self.joints.len(),
            self.geoms.len(),
            self.pairs.len(),
            self.excludes.len(),
            self.actuators.len(),
            self.equalities.len(),
        ];
        at.demand(counts.iter().all(|count| *count <= MOST), "more than 10,000 elements of a kind")
    }

    fn check_bodies(&self) -> Result<(), CheckError> {
        for (i, body) in self.bodies.iter().enumerate() {
            let at = At("body", i + 1, &body.name);
            at.demand(body.parent as usize <= i, "its parent does not come before it")?;
            at.finite(&body.position)?;
            at.finite(&body.centre)?;
            at.unit(&body.orientation, "its orientation must be a unit quaternion")?;
            at.unit(&body.axes, "its principal axes must be a unit quaternion")?;
            at.not_negative(&[body.mass], "its mass must not be negative")?;
            at.not_negative(&body.inertia, "its inertia must not be negative")?;
        }
        Ok(())
    }

    fn check_joints(&self) -> Result<(), CheckError> {
        let mut last = 0;
        for (j, joint) in self.joints.iter().enumerate() {
            let at = At("joint", j, &joint.name);
            let body = joint.body as usize;
            at.demand((1..=self.bodies.len()).contains(&body), "its body does not exist")?;
            at.demand(body >= last, "joints are not in the order of their bodies")?;
            if joint.kind == JointKind::Free {
                at.demand(self.bodies[body - 1].parent == 0, "a free joint must be a child of the world")?;
            }
            if body == last {
                let shared = joint.kind == JointKind::Free || self.joints[j - 1].kind == JointKind::Free;
                at.demand(!shared, "a free joint must be the only one of its body")?;
                // Its degrees of freedom are about axes of the body, which nothing must turn once more.
                let ball = self.joints[j - 1].kind == JointKind::Ball;
                at.demand(!ball, "a ball joint must be the last one of its body")?;
            }
            last = body;
            at.finite(&joint.anchor)?;
            at.finite(&joint.reference)?;
            at.finite(&[joint.spring, joint.margin])?;
            at.not_negative(&[joint.stiffness], "its stiffness must not be negative")?;
            at.range(joint.range)?;
            at.range(joint.actuator_force_range)?;
            at.softness(&joint.softness)?;
            match joint.kind {
                JointKind::Free => {
                    at.unit(&joint.reference[3..], "its orientation must be a unit quaternion")?
                }
                JointKind::Ball => {
                    at.unit(&joint.reference[..4], "its orientation must be a unit quaternion")?;
                    let free = joint.range.is_none() && joint.stiffness == 0.0;
                    at.demand(free, "a ball joint has neither limit nor spring")?;
                }
                JointKind::Slide | JointKind::Hinge => {
                    at.unit(&joint.axis, "its axis must be a unit vector")?
                }
            }
        }
        At("dof", 0, "").demand(self.dofs.len() == self.nv(), "there are not as many as the joints have")?;
        for (d, dof) in self.dofs.iter().enumerate() {
            let at = At("dof", d, "");
            let numbers = [dof.armature, dof.damping, dof.friction_loss];
            at.not_negative(&numbers, "armature, damping and friction must not be negative")?;
            at.softness(&dof.softness)?;
        }
        Ok(())
    }

    fn check_geoms(&self) -> Result<(), CheckError> {
        for (g, geom) in self.geoms.iter().enumerate() {
            let at = At("geom", g, &geom.name);
            at.demand(geom.body as usize <= self.bodies.len(), "its body does not exist")?;
            at.finite(&geom.position)?;
            at.finite(&[geom.margin])?;
            at.unit(&geom.orientation, "its orientation must be a unit quaternion")?;
            at.not_negative(&geom.size, "its size must not be negative")?;
            at.not_negative(&[geom.friction, geom.solmix], "friction and solmix must not be negative")?;
            at.not_negative(&geom.spin, "friction must not be negative")?;
            at.demand([1, 3, 4, 6].contains(&geom.condim), "its condim must be 1, 3, 4 or 6")?;
            at.softness(&geom.softness)?;
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), CheckError> {
        for (p, pair) in self.pairs.iter().enumerate() {
            let at = At("pair", p, &pair.name);
            let exist = pair.geoms.iter().all(|g| (*g as usize) < self.geoms.len());
            at.demand(exist, "a geom does not exist")?;
            at.demand(pair.geoms[0] != pair.geoms[1], "a geom does not touch itself")?;
            at.not_negative(&pair.friction, "its friction must not be negative")?;
            at.not_negative(&pair.spin, "its friction must not be negative")?;
            at.finite(&[pair.margin])?;
            at.demand([1, 3, 4, 6].contains(&pair.condim), "its condim must be 1, 3, 4 or 6")?;
            at.softness(&pair.softness)?;
        }
        for (e, bodies) in self.excludes.iter().enumerate() {
            let exist = bodies.iter().all(|b| *b as usize <= self.bodies.len());
            At("exclude", e, "").demand(exist, "a body does not exist")?;
        }
        Ok(())
    }
}
