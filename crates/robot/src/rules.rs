//! What a task says of a robot's episodes, for the engines: what they are to measure, and who judges.

use std::fmt;

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;
use wr2l_sim::{ActionSpace, Verdict};

use crate::input::Input;
use crate::model::RobotModel;

/// The rules of a task: how episodes start, what is read of them, who judges.
pub trait Rules: Send + Sync + fmt::Debug {
    /// The numbers that the referee reads of a lane, in the order of its rows.
    fn inputs(&self) -> &[Input];

    /// Length of an observation.
    fn obs_dim(&self) -> usize;

    /// Numbers that a referee keeps of a lane beyond the present: all that [`Referee::save`] writes.
    fn memory_len(&self) -> usize;

    /// Sizes of the noise of the observation's terms, in the unit of their values; none where no noise may vary.
    fn noise(&self) -> &[f64] {
        &[]
    }

    /// Draws where an episode starts: qpos and qvel, which come with the place of the start without noise.
    fn draw_start(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]);

    /// A referee of `lanes` lanes.
    fn referee(&self, lanes: usize) -> Box<dyn Referee>;
}

/// Observes and judges the lanes of a batch. A lane's results depend on its own column alone.
pub trait Referee: Send + fmt::Debug {
    /// A new episode of a lane begins in the state of its column; `inputs` is `[inputs, lanes]`. `stream` is that of the start,
    /// for what is random in the episode; a start in a given state comes without.
    fn start(&mut self, inputs: &[f64], lane: usize, stream: Option<&mut Stream>);

    /// A step was taken by the lanes with `active[lane]`: writes their verdicts. `inputs` is `[inputs, lanes]`.
    fn step(&mut self, inputs: &[f64], active: &[bool], verdicts: &mut [Verdict]);

    /// The observation of a lane after its start or last step (`[obs_dim]`).
    fn observe(&self, lane: usize, out: &mut [f64]);

    /// Names of the terms of the reward.
    fn reward_names(&self) -> &[String] {
        &[]
    }

    /// Writes the terms of the reward of a lane's last step (`[reward_names]`).
    fn reward_terms(&self, _lane: usize, _out: &mut [f64]) {}

    /// The term of a lane's last step that was no finite number, if one was not.
    fn complaint(&self, _lane: usize) -> Option<String> {
        None
    }

    /// From now on the noise of a lane's terms is of these sizes, in the order of [`Rules::noise`].
    fn set_noise_sizes(&mut self, _lane: usize, _sizes: &[f64]) {}

    /// Which noise a lane has to the end of its episode, as [`BatchSim::set_noise`](wr2l_sim::BatchSim::set_noise) says.
    fn set_noise(&mut self, _lane: usize, _number: u64) {}

    /// Writes what it keeps of a lane (`[memory_len]`).
    fn save(&self, lane: usize, out: &mut [f64]);

    /// Continues from what [`Referee::save`] wrote when the columns were as they are now.
    fn restore(&mut self, lane: usize, memory: &[f64], inputs: &[f64]);
}

/// Where a control comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drive {
    /// It is always this.
    Held(f64),
    /// `offset + scale · action[index]`.
    Driven {
        /// Which number of the action.
        index: usize,
        /// The control at an action of 0.
        offset: f64,
        /// Control per action.
        scale: f64,
    },
}

impl Drive {
    pub(crate) fn control(self, action: &[f64]) -> f64 {
        match self {
            Self::Held(control) => control,
            Self::Driven { index, offset, scale } => offset + scale * action[index],
        }
    }
}

/// Of which moment MuJoCo's derived quantities (places, velocities of bodies) are. Positions and velocities of joints are
/// always of the state that a step has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Of the state that the step has reached.
    #[default]
    Reached,
    /// Of the last evaluation within `mj_step`, one step of the physics before: what programs see that read `mjData` after
    /// `mj_step`, Gymnasium's among them.
    Evaluated,
}

impl Moment {
    /// Whether it is the state that a step has reached.
    pub fn is_reached(&self) -> bool {
        *self == Self::Reached
    }
}

/// A robot in a task: all that an engine needs besides what varies.
#[derive(Clone, Debug)]
pub struct Rig {
    /// The task's name.
    pub name: String,
    /// The robot.
    pub model: RobotModel,
    /// Its rules.
    pub rules: std::sync::Arc<dyn Rules>,
    /// What a policy may do.
    pub actions: ActionSpace,
    /// The controls, one an actuator.
    pub drives: Vec<Drive>,
    /// The controls, one an actuator, while no action has arrived yet.
    pub rest: Vec<f64>,
    /// Steps of the physics per step of the task; at least 1.
    pub frame_skip: u32,
    /// Steps of the task after which an episode is truncated.
    pub episode_steps: u32,
    /// Where episodes start before noise: qpos, qvel.
    pub start: (Vec<f64>, Vec<f64>),
    /// Bodies that forces from outside may push.
    pub pushed: Vec<usize>,
    /// Whether the robot is to come forward along the first generalised position.
    pub walks: bool,
    /// Of which moment derived quantities are.
    pub moment: Moment,
}

impl Rig {
    /// Seconds per step of the task.
    pub fn step_seconds(&self) -> f64 {
        self.model.inventory().timestep * f64::from(self.frame_skip)
    }
}
