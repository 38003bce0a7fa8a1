//! Values of a task file that are written in more than one way.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// How far random numbers lie from 0: written as a number for uniform within ± it, or as `{ uniform = u }`, `{ normal = σ }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Spread {
    /// Uniform within ± this number.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
}

impl Default for Spread {
    fn default() -> Self {
        Self::Uniform(0.0)
    }
}

impl Spread {
    /// Whether it is 0.
    pub fn is_none(&self) -> bool {
        self.size() == 0.0
    }

    /// Whether it is what stands where nothing is written: 0 of another shape may become more where it varies.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The number that is written.
    pub fn size(&self) -> f64 {
        let (Self::Uniform(size) | Self::Normal(size)) = self;
        *size
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(whole) => Some(*whole as f64),
        Value::Float(real) => Some(*real),
        _ => None,
    }
}

fn pair(value: &Value) -> Option<[f64; 2]> {
    match value.as_array()?.as_slice() {
        [low, high] => Some([number(low)?, number(high)?]),
        _ => None,
    }
}

fn numbers(values: &[f64]) -> Value {
    Value::Array(values.iter().map(|number| Value::Float(*number)).collect())
}

impl TryFrom<Value> for Spread {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let spread = match &value {
            Value::Table(table) if table.len() == 1 => {
                let of = |key: &str| table.get(key).and_then(number);
                of("uniform").map(Self::Uniform).or_else(|| of("normal").map(Self::Normal))
            }
            value => number(value).map(Self::Uniform),
        };
        spread.ok_or_else(|| {
            "expected a number (uniform within ± it), { uniform = NUMBER } or { normal = NUMBER }".into()
        })
    }
}

impl From<Spread> for Value {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Uniform(size) => Self::Float(size),
            Spread::Normal(size) => Self::Table(Table::from_iter([("normal".to_owned(), Self::Float(size))])),
        }
    }
}

/// Where numbers are cut off: written as `[low, high]`, or as one number for ± it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Clip(pub [f64; 2]);

impl TryFrom<Value> for Clip {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let clip = pair(&value).or_else(|| number(&value).map(|most| [-most, most]));
        clip.map(Self).ok_or_else(|| "expected [LOW, HIGH], or one number for ± it".into())
    }
}

impl From<Clip> for Value {
    fn from(Clip(ends): Clip) -> Self {
        numbers(&ends)
    }
}

/// Intervals of the numbers of some joints: one for all, or one each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Intervals(pub Vec<[f64; 2]>);

impl TryFrom<Value> for Intervals {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let several = || {
            let list = value.as_array()?;
            let intervals = list.iter().map(pair).collect::<Option<Vec<_>>>()?;
            (!intervals.is_empty()).then_some(intervals)
        };
        let intervals = pair(&value).map(|interval| vec![interval]).or_else(several);
        intervals.map(Self).ok_or_else(|| "expected [LOW, HIGH], or a list of such, one a number".into())
    }
}

impl From<Intervals> for Value {
    fn from(Intervals(intervals): Intervals) -> Self {
        match intervals.as_slice() {
            [one] => numbers(one),
            several => Self::Array(several.iter().map(|interval| numbers(interval)).collect()),
        }
    }
}

/// A constant of the task: a number, or a list of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Constant(pub Vec<f64>);

impl TryFrom<Value> for Constant {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let list = match &value {
            Value::Array(list) => list.iter().map(number).collect::<Option<Vec<_>>>(),
            value => number(value).map(|number| vec![number]),
        };
        match list {
            Some(list) if !list.is_empty() => Ok(Self(list)),
            _ => Err("expected a number, or a list of numbers".into()),
        }
    }
}

impl From<Constant> for Value {
    fn from(Constant(list): Constant) -> Self {
        match list.as_slice() {
            [number] => Self::Float(*number),
            list => numbers(list),
        }
    }
}

/// How an action becomes the controls of the actuators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum ActionMap {
    /// `"ctrlrange"`: the action is the control, and lies in the actuator's range.
    #[default]
    ControlRange,
    /// `{ around = "keyframe", scale = s }`: the control is the keyframe's plus s times the action, which lies in [-1, 1].
    AroundKeyframe {
        /// Control per action.
        scale: f64,
    },
}

impl TryFrom<Value> for ActionMap {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let around = |table: &Table| {
            let keyframe = table.get("around").and_then(Value::as_str) == Some("keyframe");
            let scale = table.get("scale").and_then(number)?;
            (keyframe && table.len() == 2).then_some(Self::AroundKeyframe { scale })
        };
        let map = match &value {
            Value::String(name) if name == "ctrlrange" => Some(Self::ControlRange),
            Value::Table(table) => around(table),
            _ => None,
        };
        map.ok_or_else(|| "expected \"ctrlrange\" or { around = \"keyframe\", scale = NUMBER }".into())
    }
}

impl From<ActionMap> for Value {
    fn from(map: ActionMap) -> Self {
        match map {
            ActionMap::ControlRange => Self::String("ctrlrange".into()),
            ActionMap::AroundKeyframe { scale } => Self::Table(Table::from_iter([
                ("around".to_owned(), Self::String("keyframe".into())),
                ("scale".to_owned(), Self::Float(scale)),
            ])),
        }
    }
}

/// Which contacts of a model count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContactRule {
    /// All that the model has.
    #[default]
    All,
    /// Those with planes of the world: what moves passes through what moves ([`crate::RobotModel::floor_contacts`]).
    Floor,
}

impl ContactRule {
    /// Whether all count.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// What the weight of a reward is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// A step of the task.
    #[default]
    Step,
    /// A second.
    Second,
}

impl Per {
    /// Whether it is a step.
    pub fn is_step(&self) -> bool {
        *self == Self::Step
    }
}

/// What is made of the value of a reward.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// exp(−½ (v/σ)²): 1 at 0.
    Gaussian(f64),
    /// exp(−|v|/s): 1 at 0, with a tip.
    Exponential(f64),
    /// From 0 at the first number to 1 at the second along a line, and no further.
    Ramp([f64; 2]),
    /// Cut off at these ends.
    Clip(Clip),
}

/// What is done with the nominal value of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// It is multiplied.
    Scale,
    /// Something is added.
    Add,
    /// It is replaced.
    Set,
}

/// How a varied quantity is spread over its range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Equally likely everywhere.
    #[default]
    Uniform,
    /// Its logarithm is.
    LogUniform,
}

impl Distribution {
    /// Whether it is uniform.
    pub fn is_uniform(&self) -> bool {
        *self == Self::Uniform
    }
}

/// How a varied quantity moves several elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Elements {
    /// One number moves all.
    #[default]
    Together,
    /// Each has a number of its own, called `NAME/ELEMENT`.
    Each,
}

impl Elements {
    /// Whether one number moves all.
    pub fn is_together(&self) -> bool {
        *self == Self::Together
    }
}
