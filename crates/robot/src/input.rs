//! Numbers of a lane that expressions read.

/// One number of a lane after a step, or at the start of an episode. Indices are those of the
/// [`Inventory`](crate::Inventory)'s lists; axes are 0, 1, 2 for x, y, z. An expression is compiled to a list of them, which
/// the engine fills in, one row an input and one column a lane, before the expression runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// A generalised position (`qpos`): m, rad, or a part of a unit quaternion.
    Position(usize),
    /// A generalised velocity (`qvel`): m/s or rad/s.
    Velocity(usize),
    /// The mean velocity of a generalised position over the step: how much it changed, by the step's seconds (m/s or rad/s).
    /// 0 at the start of an episode.
    PositionProgress(usize),
    /// The position of a body's frame in the world (m, `xpos`).
    BodyPosition {
        /// Which body.
        body: usize,
        /// Which axis of the world.
        axis: usize,
    },
    /// An entry of a body's rotation matrix (`xmat`): column `column` is the body's axis in the frame of the world.
    BodyRotation {
        /// Which body.
        body: usize,
        /// Which axis of the world.
        row: usize,
        /// Which axis of the body.
        column: usize,
    },
    /// The velocity of the origin of a body's frame, in the frame of the world (m/s).
    BodyVelocity {
        /// Which body.
        body: usize,
        /// Which axis of the world.
        axis: usize,
    },
    /// The angular velocity of a body, in its own frame (rad/s): what its gyroscope would measure.
    BodySpin {
        /// Which body.
        body: usize,
        /// Which axis of the body.
        axis: usize,
    },
    /// The mean velocity of the origin of a body's frame over the step: how far it came, by the step's seconds (m/s). 0 at the
    /// start of an episode. What Gymnasium pays for.
    BodyProgress {
        /// Which body.
        body: usize,
        /// Which axis of the world.
        axis: usize,
    },
    /// The centre of mass of a body and all that hangs from it, in the world (m, `subtree_com`).
    CentreOfMass {
        /// Which body; 0, the world, for everything.
        body: usize,
        /// Which axis of the world.
        axis: usize,
    },
    /// The mean velocity of that centre of mass over the step (m/s), as `BodyProgress`.
    CentreProgress {
        /// Which body.
        body: usize,
        /// Which axis of the world.
        axis: usize,
    },
    /// The position of a site in the world (m, `site_xpos`).
    SitePosition {
        /// Which site.
        site: usize,
        /// Which axis of the world.
        axis: usize,
    },
    /// The force and torque that contacts and other constraints exert on a body (`cfrc_ext`, about the centre of mass of its
    /// tree, torque first): component 0 to 5 (N·m, N).
    ConstraintForce {
        /// Which body.
        body: usize,
        /// Which component.
        component: usize,
    },
    /// A number of a body's inertia about the centre of mass of its tree, in the axes of the world (`cinert`): component 0 to 9,
    /// the last its mass (kg·m², kg·m, kg).
    TreeInertia {
        /// Which body.
        body: usize,
        /// Which component.
        component: usize,
    },
    /// The velocity of a body about the centre of mass of its tree, in the axes of the world (`cvel`, rotation first): component
    /// 0 to 5 (rad/s, m/s).
    TreeVelocity {
        /// Which body.
        body: usize,
        /// Which component.
        component: usize,
    },
    /// The sum of the normal forces of a geom's contacts (N).
    ContactForce {
        /// Which geom.
        geom: usize,
    },
    /// The force of an actuator (N or N·m, `actuator_force`).
    ActuatorForce(usize),
    /// The force of all actuators on a degree of freedom (N or N·m, `qfrc_actuator`).
    JointForce(usize),
    /// The force of contacts, limits, dry friction and equalities on a degree of freedom (N or N·m, `qfrc_constraint`).
    JointConstraintForce(usize),
    /// A number of the sensors (`sensordata`), by its address.
    Sensor(usize),
    /// A number of the action of this step, as the policy gave it.
    Action(usize),
    /// The same of the step before; 0 at the start of an episode.
    LastAction(usize),
    /// Seconds since the start of the episode.
    Time,
}
