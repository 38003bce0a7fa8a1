//! The step of a task in steps of the physics.

use crate::file::{Mistake, TaskFile};
use crate::inventory::Inventory;

/// How long a step of a task is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Steps of the physics.
    pub frame_skip: u32,
    /// Seconds: that number times the model's timestep.
    pub seconds: f64,
}

/// How far from a whole number of steps a time may be written, as a share of a step.
const ROUNDING: f64 = 1e-6;

/// So many whole times `unit` is in `seconds`; `None` if it is not.
fn whole(seconds: f64, unit: f64) -> Option<u32> {
    let times = seconds / unit;
    let near = times.round();
    ((times - near).abs() <= ROUNDING && near < f64::from(u32::MAX)).then_some(near as u32)
}

/// Multiples of `unit` on both sides of `seconds`, in words.
fn neighbours(seconds: f64, unit: f64) -> String {
    let below = (seconds / unit).floor();
    let (below, above) = (below * unit, (below + 1.0) * unit);
    if below > 0.0 { format!("{below:.6} or {above:.6}") } else { format!("{above:.6}") }
}

impl Timing {
    /// Of a task on a model.
    ///
    /// # Errors
    /// [`Mistake`] if `control_dt` is no multiple of the model's timestep.
    pub fn of(task: &TaskFile, inventory: &Inventory) -> Result<Self, Mistake> {
        let timestep = inventory.timestep;
        if !(timestep.is_finite() && timestep > 0.0) {
            return Err(task.mistake("robot.mjcf", format!("the model's timestep is {timestep} s")));
        }
        let frame_skip = match (task.robot.frame_skip, task.robot.control_dt) {
            (Some(frame_skip), _) => frame_skip,
            (None, dt) => {
                let dt = dt.unwrap_or(timestep);
                whole(dt, timestep).filter(|steps| *steps > 0).ok_or_else(|| {
                    let near = neighbours(dt, timestep);
                    let message = format!(
                        "expected a multiple of the model's timestep of {timestep} s, such as {near}"
                    );
                    task.mistake("robot.control_dt", message)
                })?
            }
        };
        Ok(Self { frame_skip, seconds: timestep * f64::from(frame_skip) })
    }

    /// A delay of an observation in steps of the task.
    ///
    /// # Errors
    /// What would be right, if it is no multiple of the step.
    pub(crate) fn steps(&self, delay: f64) -> Result<usize, String> {
        const MOST: u32 = 1000;
        match whole(delay, self.seconds) {
            Some(steps) if steps <= MOST => Ok(steps as usize),
            Some(_) => Err(format!("a delay is at most {MOST} steps")),
            None => {
                let near = neighbours(delay, self.seconds);
                Err(format!("expected a multiple of the step of {} s, such as {near}", self.seconds))
            }
        }
    }
}
