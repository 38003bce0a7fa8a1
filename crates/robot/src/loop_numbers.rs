//! The numbers of the loop around the physics that parameters move.

/// The loop's numbers of a lane; all 0 leave the loop as it is, but for the noise of sensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LoopNumbers {
    /// Seconds until an action arrives, one an actuator.
    pub(crate) delay: Vec<f64>,
    /// Standard deviation of the noise on actions, in halves of their range, one an actuator.
    pub(crate) action_noise: Vec<f64>,
    /// Standard deviation of each horizontal component of a push (N), one a body.
    pub(crate) push: Vec<f64>,
    /// Size of a sensor's noise, one a term of the observation.
    pub(crate) noise: Vec<f64>,
}

/// What of the loop a batch's parameters can reach. What they cannot costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Steps of the task, begun ones included, that the latest action is late at most; 0 if none can be late.
    pub(crate) late: usize,
    /// Whether actions can have noise.
    pub(crate) inexact: bool,
    /// Bodies that can be pushed.
    pub(crate) pushed: Vec<usize>,
    /// Whether the noise of sensors can change.
    pub(crate) sensed: bool,
}
