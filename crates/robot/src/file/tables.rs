//! The tables of a task file.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wr2l_sim::{SweepRange, Usual};

use super::choices::{
    ActionMap, Clip, Constant, ContactRule, Distribution, Elements, Intervals, Operation, Per, Shape, Spread,
};
use super::source::Origin;
use crate::rules::Moment;

/// A task on a model: what is observed, paid for and terminal, where episodes start, and what may vary. `docs/own-robot.md`
/// explains every key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// What the task is called; empty for the file's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// One sentence on what the agent has to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `[robot]`.
    pub robot: RobotTable,
    /// `[reset]`.
    #[serde(default)]
    pub reset: ResetTable,
    /// `[action]`.
    #[serde(default)]
    pub action: ActionTable,
    /// `[constants]`: numbers and lists that expressions read by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, Constant>,
    /// `[[observe]]`: terms of the observation, in its order.
    #[serde(default)]
    pub observe: Vec<ObserveTable>,
    /// `[[reward]]`: terms of the reward, in the order in which they are summed.
    #[serde(default)]
    pub reward: Vec<RewardTable>,
    /// `[[terminate]]`: any of them ends the episode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminate: Vec<TerminateTable>,
    /// `[vary.NAME]`: what may vary, in the order of the file.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "write_varied",
        deserialize_with = "read_varied"
    )]
    pub vary: Vec<Varied>,
    /// `[[sweep]]`: the sweep that shows the task's robustness.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<SweepRange>,
    /// `[[usual]]`: what a plan has by default on this task, later ones over earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usual: Vec<Usual>,
    /// Where all of it was written.
    #[serde(skip)]
    pub(super) origin: Origin,
}

/// The model, and the time in which it moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotTable {
    /// Path of the model, relative to the file in which it is written.
    pub mjcf: String,
    /// Seconds per step of the task: a multiple of the model's timestep. Either this or `frame_skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_dt: Option<f64>,
    /// Steps of the physics per step of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_skip: Option<u32>,
    /// Steps of the task after which an episode is truncated.
    #[serde(default = "episode_steps")]
    pub episode_steps: u32,
    /// Of which moment places and velocities of bodies are.
    #[serde(default, skip_serializing_if = "Moment::is_reached")]
    pub moment: Moment,
    /// Which contacts count.
    #[serde(default, skip_serializing_if = "ContactRule::is_all")]
    pub contacts: ContactRule,
    /// Process noise: standard deviations of what each generalised velocity is kicked by before every step of the task, one for all
    /// or one for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub velocity_noise: Vec<f64>,
}

fn episode_steps() -> u32 {
    1000
}

/// Where episodes start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetTable {
    /// The keyframe of the model where they start; without one, its reference pose at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyframe: Option<String>,
    /// Noise around it.
    #[serde(default, skip_serializing_if = "ResetNoise::is_none")]
    pub noise: ResetNoise,
    /// Joints that start anywhere within given intervals instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draw: Vec<DrawTable>,
}

/// Noise on where episodes start, number by number; quaternions stay unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetNoise {
    /// Of hinges (rad), slides (m) and ball joints (parts of a quaternion).
    #[serde(default, skip_serializing_if = "Spread::is_none")]
    pub joint: Spread,
    /// Of free joints (m, and parts of a quaternion).
    #[serde(default, skip_serializing_if = "Spread::is_none")]
    pub root: Spread,
    /// Of all velocities (m/s, rad/s).
    #[serde(default, skip_serializing_if = "Spread::is_none")]
    pub velocity: Spread,
}

impl ResetNoise {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.joint.is_none() && self.root.is_none() && self.velocity.is_none()
    }
}

/// Joints whose start is drawn anew, in the place of keyframe and noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawTable {
    /// Which joints.
    pub select: String,
    /// Their positions, uniform in these intervals; untouched without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Intervals>,
    /// Their velocities, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity: Option<Intervals>,
    /// The positions are drawn again until their Euclidean norm lies within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<[f64; 2]>,
}

/// What the policy drives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionTable {
    /// Which actuators.
    #[serde(default = "all_actuators")]
    pub select: String,
    /// How an action becomes a control.
    #[serde(default)]
    pub map: ActionMap,
}

fn all_actuators() -> String {
    "actuator:*".into()
}

impl Default for ActionTable {
    fn default() -> Self {
        Self { select: all_actuators(), map: ActionMap::default() }
    }
}

/// A term of the observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObserveTable {
    /// Its name, for selectors (`observe:NAME`); it needs none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The expression.
    pub value: String,
    /// Noise of the sensor, in the value's unit.
    #[serde(default, skip_serializing_if = "Spread::is_default")]
    pub noise: Spread,
    /// What it is multiplied by, after the noise.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f64,
    /// Where it is cut off, after the scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
    /// Seconds until the policy sees it: a multiple of the step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay: f64,
    /// How many steps it shows, this one first.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub history: u32,
}

fn one() -> f64 {
    1.0
}

fn is_one(number: &f64) -> bool {
    *number == 1.0
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn once() -> u32 {
    1
}

fn is_once(number: &u32) -> bool {
    *number == 1
}

/// A term of the reward: weight × shape(value).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardTable {
    /// Its name in logs.
    pub name: String,
    /// Its weight; a term of weight 0 is left out.
    pub weight: f64,
    /// The expression: one number.
    pub value: String,
    /// What the weight is for; `second` multiplies it by the seconds of a step.
    #[serde(default, skip_serializing_if = "Per::is_step")]
    pub per: Per,
    /// What is made of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

/// A condition that ends the episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminateTable {
    /// Its name in logs.
    pub name: String,
    /// The expression: true or false.
    pub when: String,
}

/// A quantity of the model that may vary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaryTable {
    /// Of which elements.
    pub select: String,
    /// Which quantity of them, such as `mass`.
    pub quantity: String,
    /// What is done with the nominal value.
    pub op: Operation,
    /// From, to.
    pub range: [f64; 2],
    /// How it is spread between.
    #[serde(default, skip_serializing_if = "Distribution::is_uniform")]
    pub distribution: Distribution,
    /// Whether one number moves all elements, or each has its own.
    #[serde(default, skip_serializing_if = "Elements::is_together")]
    pub elements: Elements,
}

/// An entry of `[vary.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied {
    /// Its name.
    pub name: String,
    /// What it says.
    pub table: VaryTable,
}

fn write_varied<S: Serializer>(varied: &[Varied], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(varied.iter().map(|varied| (&varied.name, &varied.table)))
}

/// In the order of names: whoever reads the file puts them into its order.
fn read_varied<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Varied>, D::Error> {
    let tables = BTreeMap::<String, VaryTable>::deserialize(deserializer)?;
    Ok(tables.into_iter().map(|(name, table)| Varied { name, table }).collect())
}
