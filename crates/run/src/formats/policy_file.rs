//! `policy.safetensors`: a trained policy with all that acting needs. `docs/policy-format.md` describes the layout.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use wr2l_nn::{Activation, Head, InstructionSet, Normaliser, Policy};
use wr2l_rl::{Actor, History};
use wr2l_sim::{ActionSpace, DynamicsSpace, Physics, SimSpec, Task, TaskName};

use crate::error::RunError;
use crate::formats::files::write_file;
use crate::formats::tensors::{Tensor, weights};

/// Version of the layout.
const FORMAT: u32 = 1;
/// Key of the metadata. A single one, because the format does not order several.
const KEY: &str = "wr2l";
/// Largest file that is read: a hundred times the largest policy one would train here.
const MAX_BYTES: u64 = 256 << 20;

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyOrigin {
    /// The task it was trained on.
    pub task: String,
    /// What tells a task that is none of the project's apart from others of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_hash: Option<String>,
    /// The physics it was trained on.
    pub physics: Physics,
    /// The algorithm that trained it.
    pub algorithm: String,
    /// Seed of the run.
    pub seed: u64,
    /// Policy steps it was trained for.
    pub steps: u64,
    /// Those of the policy that this training began with, and of those before it; 0 if it began with a new one.
    #[serde(default, skip_serializing_if = "is_none")]
    pub steps_before: u64,
    /// The dynamics parameters that could vary in training.
    pub varied: Vec<VariedParameter>,
}

/// A dynamics parameter that could vary in training, in physical units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariedParameter {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Reference value.
    pub nominal: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Size of one unit of z.
    pub scale: f64,
}

impl PolicyOrigin {
    /// Policy steps of all training that led to it.
    pub fn steps_in_all(&self) -> u64 {
        self.steps.saturating_add(self.steps_before)
    }
}

impl VariedParameter {
    /// All parameters of a space.
    pub fn all(space: &DynamicsSpace) -> Vec<Self> {
        let parameter = |p: &wr2l_sim::Parameter| Self {
            name: p.name.clone(),
            unit: p.unit.clone(),
            nominal: p.nominal,
            lower: p.lower,
            upper: p.upper,
            scale: p.scale,
        };
        space.parameters().iter().map(parameter).collect()
    }
}

/// What the metadata holds.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    #[serde(flatten)]
    origin: PolicyOrigin,
    /// Absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observation_clip: Option<f64>,
    /// What follows the hidden layers.
    #[serde(default)]
    hidden: Hidden,
    /// Whether the mean goes through tanh and is scaled to the bounds.
    #[serde(default)]
    bounded: bool,
    /// Frames of differences and actions that the inputs have besides the observation; absent without.
    #[serde(default, skip_serializing_if = "is_zero")]
    history: usize,
    actions: Actions,
}

fn is_zero(frames: &usize) -> bool {
    *frames == 0
}

fn is_none(steps: &u64) -> bool {
    *steps == 0
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Hidden {
    #[default]
    Tanh,
    Relu,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Actions {
    Continuous { low: Vec<f64>, high: Vec<f64> },
    Discrete { n: usize },
}

/// Writes a policy. The same policy gives the same bytes.
///
/// # Errors
/// [`RunError::Io`].
pub fn write_policy(path: &Path, actor: &Actor, origin: &PolicyOrigin) -> Result<(), RunError> {
    let bytes = policy_bytes(actor, origin, Vec::new());
    write_file(path, &bytes.map_err(|reason| RunError::content(path, None, reason))?)
}

/// The content of a policy's file, with more arrays, which readers of policies pass over.
pub(crate) fn policy_bytes(
    actor: &Actor,
    origin: &PolicyOrigin,
    more: Vec<Tensor>,
) -> Result<Vec<u8>, String> {
    let normaliser = actor.normaliser();
    let header = Header {
        format: FORMAT,
        origin: origin.clone(),
        observation_clip: Some(normaliser.clip()).filter(|clip| clip.is_finite()),
        hidden: match actor.policy().mlp().activation() {
            Activation::Tanh => Hidden::Tanh,
            Activation::Relu => Hidden::Relu,
        },
        bounded: actor.policy().head() == Head::Bounded,
        history: actor.history().frames(),
        actions: match actor.action_space().clone() {
            ActionSpace::Continuous { low, high } => Actions::Continuous { low, high },
            ActionSpace::Discrete { n } => Actions::Discrete { n },
        },
    };
    let mut tensors = weights(actor.policy(), actor.params())?;
    let f64s = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    for (name, values) in [("mean", normaliser.mean()), ("inverse_deviation", normaliser.inverse_deviation())]
    {
        tensors.push(Tensor {
            name: format!("observation.{name}"),
            dtype: Dtype::F64,
            shape: vec![values.len()],
            bytes: f64s(values),
        });
    }
    tensors.extend(more);
    let text = serde_json::to_string(&header).map_err(|error| error.to_string())?;
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    let named = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor));
    safetensors::serialize(named, Some(metadata)).map_err(|error| error.to_string())
}

/// Reads a policy written by [`write_policy`].
///
/// # Errors
/// [`RunError::Io`]; [`RunError::Content`] for anything that is not a complete policy for its task. No content of
/// the file can cause a panic, or an allocation larger than a few times the file.
pub fn read_policy(path: &Path) -> Result<(Actor, PolicyOrigin), RunError> {
    let bytes = read_bytes(path)?;
    parse(&bytes).map_err(|reason| unusable(path, reason))
}

/// The bytes of what may be a policy's file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, RunError> {
    let io = |error: std::io::Error| RunError::io("read", path, &error);
    let meta = path.metadata().map_err(io)?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(unusable(path, "it is no regular file of reasonable size".into()));
    }
    std::fs::read(path).map_err(io)
}

pub(crate) fn unusable(path: &Path, reason: String) -> RunError {
    RunError::content(path, None, format!("not a usable policy: {reason}"))
}

pub(crate) fn parse(bytes: &[u8]) -> Result<(Actor, PolicyOrigin), String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("damaged, or not a safetensors file ({error})"))?;
    let header = read_header(bytes)?;
    Ok((read_actor(&file, &header)?, header.origin))
}

fn read_header(bytes: &[u8]) -> Result<Header, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
    let text = text.ok_or("its metadata has no key `wr2l`")?;
    let header: Header = serde_json::from_str(text).map_err(|error| format!("metadata: {error}"))?;
    if header.format != FORMAT {
        return Err(format!(
            "format {} instead of {FORMAT}: another version of wr2l wrote it",
            header.format
        ));
    }
    Ok(header)
}

fn read_actor(file: &SafeTensors<'_>, header: &Header) -> Result<Actor, String> {
    let spec = known_spec(&header.origin)?;
    let (head, outputs, actions) = match &header.actions {
        Actions::Continuous { low, high } => {
            let ordered = low.iter().zip(high).all(|(l, h)| l.is_finite() && h.is_finite() && l <= h);
            if low.len() != high.len() || !ordered {
                return Err("the bounds of the actions are no bounds".into());
            }
            let space = ActionSpace::Continuous { low: low.clone(), high: high.clone() };
            (if header.bounded { Head::Bounded } else { Head::Gaussian }, low.len(), space)
        }
        Actions::Discrete { n } => (Head::Categorical, *n, ActionSpace::Discrete { n: *n }),
    };
    let same_kind = spec.as_ref().is_none_or(|spec| match (&actions, &spec.actions) {
        (ActionSpace::Continuous { .. }, ActionSpace::Continuous { .. }) => actions.dim() == spec.act_dim(),
        (a, b) => a == b,
    });
    if !same_kind {
        return Err(format!("its actions are not those of task `{}`", header.origin.task));
    }

    let history = match &spec {
        Some(spec) => History::of(spec, header.history),
        // Whoever evaluates it says whether it fits.
        None => History::that_makes(columns_of(file)?, header.history, actions.dim()),
    }
    .map_err(|error| error.to_string())?;
    // Shapes are those of data that is in the file, so nothing larger than the file can follow from them.
    let mut params = Vec::new();
    let mut sizes = vec![history.inputs()];
    loop {
        let (layer, inputs) = (sizes.len() - 1, sizes[sizes.len() - 1]);
        let (shape, weight) = f32s(file, &format!("policy.{layer}.weight"))?;
        let [rows, columns] = shape[..] else { return Err(format!("layer {layer} is no matrix")) };
        let (bias_shape, bias) = f32s(file, &format!("policy.{layer}.bias"))?;
        if columns != inputs || bias_shape != [rows] || rows == 0 {
            return Err(format!("the shapes of layer {layer} do not fit"));
        }
        sizes.push(rows);
        if file.tensor(&format!("policy.{}.weight", layer + 1)).is_err() {
            params.extend(weight);
            params.extend(bias);
            break;
        }
        // Hidden layers are kept as inputs × outputs.
        params.extend(
            (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| weight[r * columns + c]),
        );
        params.extend(bias);
    }
    if sizes[sizes.len() - 1] != outputs {
        return Err("the last layer does not have one output per action".into());
    }
    if head != Head::Categorical {
        params.extend(f32s(file, "policy.log_std")?.1);
    }
    let hidden = &sizes[1..sizes.len() - 1];
    let activation = match header.hidden {
        Hidden::Tanh => Activation::Tanh,
        Hidden::Relu => Activation::Relu,
    };
    let policy = Policy::new(head, history.inputs(), hidden, outputs, InstructionSet::detect())
        .map_err(|error| error.to_string())?
        .with_activation(activation);
    let normaliser = Normaliser::from_parts(
        f64s(file, "observation.mean")?,
        f64s(file, "observation.inverse_deviation")?,
        header.observation_clip.unwrap_or(f64::INFINITY),
    )
    .map_err(|error| error.to_string())?;
    Actor::new(policy, params, normaliser, actions)
        .and_then(|actor| actor.with_history(header.history))
        .map_err(|error| error.to_string())
}

/// Shapes and limits of the policy's task, if it is one of the project's, which has them beside its name.
fn known_spec(origin: &PolicyOrigin) -> Result<Option<SimSpec>, String> {
    match origin.task.parse::<TaskName>() {
        Ok(name) => Ok(Some(Task::new(name).spec())),
        Err(_) if origin.task_hash.is_some() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Columns of the first layer.
fn columns_of(file: &SafeTensors<'_>) -> Result<usize, String> {
    let tensor = file.tensor("policy.0.weight").map_err(|_| "tensor `policy.0.weight` is missing")?;
    tensor.shape().last().copied().ok_or_else(|| "layer 0 is no matrix".into())
}

fn f32s(file: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
    let tensor = file.tensor(name).map_err(|_| format!("tensor `{name}` is missing"))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("tensor `{name}` is not F32"));
    }
    let (values, _) = tensor.data().as_chunks();
    Ok((tensor.shape().to_vec(), values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
}

fn f64s(file: &SafeTensors<'_>, name: &str) -> Result<Vec<f64>, String> {
    let tensor = file.tensor(name).map_err(|_| format!("tensor `{name}` is missing"))?;
    if tensor.dtype() != Dtype::F64 || tensor.shape().len() != 1 {
        return Err(format!("tensor `{name}` is no vector of F64"));
    }
    let (values, _) = tensor.data().as_chunks();
    Ok(values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_nn::RunningMoments;
    use wr2l_rng::{Purpose, StreamKey};

    fn example(task: TaskName) -> (Actor, PolicyOrigin) {
        remembering(task, 0)
    }

    fn remembering(task: TaskName, frames: usize) -> (Actor, PolicyOrigin) {
        let spec = Task::new(task).spec();
        let inputs = History::of(&spec, frames).unwrap().inputs();
        let policy = match spec.actions {
            // As DDPG's, with bounds other than ±1.
            ActionSpace::Continuous { .. } if task == TaskName::INVERTED_PENDULUM => {
                Policy::bounded(inputs, &[5, 4], spec.act_dim())
                    .map(|policy| policy.with_activation(Activation::Relu))
            }
            ActionSpace::Continuous { .. } => Policy::gaussian(inputs, &[5, 4], spec.act_dim()),
            ActionSpace::Discrete { n } => Policy::categorical(inputs, &[5, 4], n),
        }
        .unwrap();
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let params = (0..policy.parameters()).map(|_| stream.normal() as f32).collect();
        let mut moments = RunningMoments::new(inputs);
        for _ in 0..9 {
            let row: Vec<f64> = (0..inputs).map(|_| stream.normal()).collect();
            moments.update(&row).unwrap();
        }
        let actor = Actor::new(policy, params, moments.normaliser(10.0), spec.actions).unwrap();
        let actor = actor.with_history(frames).unwrap();
        let origin = PolicyOrigin {
            task: task.to_string(),
            task_hash: None,
            physics: Physics::Mujoco,
            algorithm: "wr2l".into(),
            seed: u64::MAX,
            steps: 3,
            steps_before: 0,
            varied: VariedParameter::all(&Task::new(task).space()),
        };
        (actor, origin)
    }

    fn same(a: &Actor, b: &Actor) -> bool {
        a.params() == b.params()
            && a.normaliser() == b.normaliser()
            && a.action_space() == b.action_space()
            && a.history() == b.history()
            && a.policy().head() == b.policy().head()
            && a.policy().mlp().sizes() == b.policy().mlp().sizes()
            && a.policy().mlp().activation() == b.policy().mlp().activation()
    }

    #[test]
    fn a_policy_reads_back_to_the_bit_and_writes_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        let tasks = [TaskName::HOPPER, TaskName::CARTPOLE, TaskName::INVERTED_PENDULUM];
        for (task, frames) in tasks.into_iter().flat_map(|task| [0, 1, 16].map(|frames| (task, frames))) {
            let (actor, origin) = remembering(task, frames);
            write_policy(&first, &actor, &origin).unwrap();
            let said = std::fs::read(&first).unwrap().windows(7).any(|bytes| bytes == b"history");
            assert_eq!(said, frames > 0, "files without a history are those of version 0.1");
            let (read, read_origin) = read_policy(&first).unwrap();
            assert!(same(&actor, &read) && origin == read_origin);
            write_policy(&second, &read, &read_origin).unwrap();
            assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
        }
    }

    #[test]
    fn the_documented_formula_gives_the_mean_action() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (actor, origin) = example(TaskName::HOPPER);
        write_policy(&path, &actor, &origin).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let observation: Vec<f64> = (0..actor.obs_dim()).map(|i| i as f64 * 0.3 - 1.0).collect();
        let mean = f64s(&file, "observation.mean").unwrap();
        let inverse = f64s(&file, "observation.inverse_deviation").unwrap();
        let mut x: Vec<f64> =
            (0..mean.len()).map(|i| ((observation[i] - mean[i]) * inverse[i]).clamp(-10.0, 10.0)).collect();
        for layer in 0..3 {
            let (shape, weight) = f32s(&file, &format!("policy.{layer}.weight")).unwrap();
            let (_, bias) = f32s(&file, &format!("policy.{layer}.bias")).unwrap();
            x = (0..shape[0])
                .map(|r| {
                    let sum: f64 = (0..shape[1]).map(|c| f64::from(weight[r * shape[1] + c]) * x[c]).sum();
                    let y = sum + f64::from(bias[r]);
                    if layer < 2 { y.tanh() } else { y }
                })
                .collect();
        }
        let mut action = [0.0; 3];
        actor.act(&observation, None, &mut actor.scratch(1), &mut action, &mut []);
        for (a, b) in action.iter().zip(&x) {
            assert!((f64::from(*a) - b).abs() < 1e-4, "{action:?} against {x:?}");
        }
    }

    #[test]
    fn damaged_and_hostile_files_are_errors_that_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.safetensors");
        let (actor, origin) = example(TaskName::HOPPER);
        write_policy(&path, &actor, &origin).unwrap();
        let good = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            assert!(parse(bytes).is_err(), "{what}");
        };
        for length in 0..good.len() {
            refused(&good[..length], "truncated");
        }
        refused(&[good.as_slice(), b"x"].concat(), "longer");
        refused(&[0xff; 64], "a header of 2⁶⁴ bytes");
        refused(&[&99_000_000_u64.to_le_bytes()[..], b"{}"].concat(), "a header longer than the file");
        let header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        refused(&header("{}"), "no metadata");
        let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
        refused(&header(huge), "a tensor larger than memory");
        // Every byte of the header changed, one at a time: an error or a policy, never a panic.
        let end = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
        for i in 0..end {
            let mut bytes = good.clone();
            bytes[i] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            let _ = read_policy(&path);
        }
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        let message = read_policy(&path).unwrap_err().to_string();
        assert!(message.contains("p.safetensors") && message.contains("damaged"), "{message}");
        assert!(read_policy(folder.path()).is_err(), "a folder");
        assert!(read_policy(&folder.path().join("none")).is_err(), "nothing");
    }

    #[test]
    fn a_history_that_is_not_what_the_inputs_are_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        let (actor, origin) = remembering(TaskName::HOPPER, 2);
        write_policy(&path, &actor, &origin).unwrap();
        let good = std::fs::read(&path).unwrap();
        let words = b"history\\\":2";
        let at = good.windows(words.len()).position(|bytes| bytes == words).unwrap() + words.len() - 1;
        for (digit, word) in [(b'0', "layer 0"), (b'1', "layer 0"), (b'3', "layer 0"), (b'-', "metadata")] {
            let mut bytes = good.clone();
            bytes[at] = digit;
            assert!(parse(&bytes).err().unwrap().contains(word), "{word}");
        }
        let mut bytes = good.clone();
        bytes.splice(at..=at, u64::MAX.to_string().into_bytes());
        bytes[..8].copy_from_slice(&(u64::from_le_bytes(good[..8].try_into().unwrap()) + 19).to_le_bytes());
        assert!(parse(&bytes).err().unwrap().contains("at most 16 frames"));
    }

    #[test]
    fn a_policy_that_does_not_fit_its_task_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        let (actor, origin) = example(TaskName::HOPPER);
        for task in [TaskName::WALKER2D, TaskName::CARTPOLE] {
            write_policy(&path, &actor, &PolicyOrigin { task: task.to_string(), ..origin.clone() }).unwrap();
            let message = read_policy(&path).unwrap_err().to_string();
            assert!(message.contains(task.as_str()) || message.contains("layer 0"), "{message}");
        }
    }
}
