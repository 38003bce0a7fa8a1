//! A task's observation, reward and terminal states on a model, as one program.

use std::collections::BTreeMap;
use std::fmt;

use wr2l_rng::Stream;

use crate::element::ElementKind;
use crate::expression::{Compiler, ExpressionError, Op, Part, Program, Scope, Scratch, Value};
use crate::file::{Clip, Mistake, Per, RewardTable, Shape, TaskFile};
use crate::input::Input;
use crate::inventory::Inventory;
use crate::observation::{self, HEADER, Observed};
use crate::quantity::Quantity;
use crate::selector::Selector;
use crate::timing::Timing;

/// What a task says about states of a model. The engine writes the [`Input`]s of all lanes into a [`Work`] and lets it be
/// evaluated; then the reward, its terms and the terminal states can be read from it, lane by lane, and the lane's memory be told
/// what is to be observed.
///
/// The reward is 0 and then every term added to it, in the order of the file; a term is its weight times its shaped value, and
/// a weight per second is multiplied by the seconds of a step before. A term of weight 0 is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    program: Program,
    timing: Timing,
    actuators: Vec<usize>,
    home: Vec<f64>,
    home_controls: Vec<f64>,
    observed: Vec<Observed>,
    /// Sizes of their noise.
    noise: Vec<f64>,
    /// Whether any of it is, or may become, more than nothing.
    noisy: bool,
    rewards: Vec<String>,
    ends: Vec<String>,
    /// The first result of the program that is no observation: the reward's terms, the reward, the ends, whether any holds.
    first: usize,
}

/// The numbers of some lanes while they are evaluated.
#[derive(Clone, Debug)]
pub struct Work {
    scratch: Scratch,
    /// Of each lane 0 if all that it observes and earns is finite, and else not a number.
    doubts: Vec<f64>,
    lanes: usize,
}

impl Work {
    /// The inputs, `[inputs, lanes]` in the order of [`Terms::inputs`], row-major: to be filled in before they are evaluated.
    pub fn inputs_mut(&mut self) -> &mut [f64] {
        self.scratch.inputs_mut()
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes
    }
}

/// A term whose value is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// `observation` or `reward`.
    pub what: &'static str,
    /// The term: the reward's name, or the observation's expression.
    pub term: String,
    /// Its value.
    pub value: f64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} term `{}` is {}", self.what, self.term, self.value)
    }
}

impl std::error::Error for Fault {}

/// The pose and controls where episodes begin without noise, and the velocities.
pub(crate) fn home(task: &TaskFile, inventory: &Inventory) -> Result<[Vec<f64>; 3], Mistake> {
    let nothing = || {
        [inventory.reference.clone(), vec![0.0; inventory.velocities], vec![0.0; inventory.actuators.len()]]
    };
    let Some(name) = &task.reset.keyframe else { return Ok(nothing()) };
    let names = || inventory.keyframes.iter().map(|keyframe| keyframe.name.as_str());
    let Some(keyframe) = inventory.keyframes.iter().find(|keyframe| keyframe.name == *name) else {
        let known: Vec<&str> = names().filter(|name| !name.is_empty()).collect();
        let hint = match wr2l_sim::nearest_name(name, known.iter().copied()) {
            Some(nearest) => format!("; did you mean `{nearest}`?"),
            None if known.is_empty() => "; it names none".to_owned(),
            None => format!("; there are {}", known.join(", ")),
        };
        return Err(task.mistake("reset.keyframe", format!("the model has no keyframe `{name}`{hint}")));
    };
    let [mut positions, mut velocities, mut controls] = nothing();
    for (to, from) in [
        (&mut positions, &keyframe.positions),
        (&mut velocities, &keyframe.velocities),
        (&mut controls, &keyframe.controls),
    ] {
        if to.len() == from.len() {
            to.copy_from_slice(from);
        } else if !from.is_empty() {
            let message =
                format!("this keyframe has {} numbers where the model has {}", from.len(), to.len());
            return Err(task.mistake("reset.keyframe", message));
        }
    }
    Ok([positions, velocities, controls])
}

/// The elements of one kind that a selector at a path of the task means.
pub(crate) fn select(
    task: &TaskFile,
    path: &str,
    text: &str,
    kind: ElementKind,
    inventory: &Inventory,
) -> Result<Vec<usize>, Mistake> {
    let refuse = |column: usize, message: String| {
        let start = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
        let error = ExpressionError { line: 1, column: column + 1, span: start..text.len(), message };
        task.mistake_within(path, text, &error)
    };
    let selector = Selector::parse(text)
        .map_err(|error| refuse(error.column().map_or(0, |column| column - 1), error.to_string()))?;
    if selector.kind() != kind {
        let (wanted, got) = (kind.plural(), selector.kind().plural());
        return Err(refuse(0, format!("expected a selector of {wanted}, and this one is of {got}")));
    }
    let found = selector.select(inventory).map_err(|error| refuse(0, error.to_string()))?;
    Ok(found.into_iter().map(|element| element.index()).collect())
}

impl Terms {
    /// Compiles a task on a model.
    ///
    /// # Errors
    /// [`Mistake`] for the first expression or selector that the model does not bear out.
    pub fn compile(task: &TaskFile, inventory: &Inventory) -> Result<Self, Mistake> {
        let timing = Timing::of(task, inventory)?;
        let actuators = select(task, "action.select", &task.action.select, ElementKind::Actuator, inventory)?;
        let [home, _, home_controls] = home(task, inventory)?;
        let constants = task.constants.iter().map(|(name, constant)| (name.clone(), constant.0.clone()));
        let constants: BTreeMap<String, Vec<f64>> = constants.collect();
        let mut compiler = Compiler::new(Scope {
            inventory,
            actuators: &actuators,
            step_seconds: timing.seconds,
            home: &home,
            home_controls: &home_controls,
            constants: &constants,
        });
        let mut results = Vec::new();
        let mut observed = Vec::new();
        for (i, term) in task.observe.iter().enumerate() {
            let path = |key: &str| format!("observe[{i}].{key}");
            let value = expression(&mut compiler, task, &path("value"), &term.value)?;
            let delay = timing.steps(term.delay).map_err(|message| task.mistake(&path("delay"), message))?;
            results.push(value);
            observed.push(Observed {
                value: term.value.clone(),
                width: value.width(),
                noise: term.noise,
                scale: term.scale,
                clip: term.clip.map_or([f64::NEG_INFINITY, f64::INFINITY], |Clip(clip)| clip),
                delay,
                history: term.history as usize,
            });
        }
        let first = observed.iter().map(|term| term.width).sum();
        let ends = ends(&mut compiler, task)?;
        let terminated = any(&mut compiler, &ends);
        compiler.define_terminated(terminated);
        let mut rewards = Vec::new();
        let mut total = compiler.graph.constant(&[0.0]);
        for (i, term) in task.reward.iter().enumerate() {
            // Read even if it is left out: a mistake is one.
            let part = reward(&mut compiler, task, i, term, timing.seconds)?;
            if term.weight != 0.0 {
                total = compiler.graph.each(Op::Add, &[total, part]);
                results.push(compiler.of(part, false));
                rewards.push(term.name.clone());
            }
        }
        results.push(compiler.of(total, false));
        results.extend(&ends);
        results.push(terminated);
        let program = compiler.program(&results).map_err(|error| task.mistake("", error.to_string()))?;
        let ends = task.terminate.iter().map(|end| end.name.clone()).collect();
        let noise: Vec<f64> = observed.iter().map(|term| term.noise.size()).collect();
        let varies = task.vary.iter().any(|varied| varied.table.quantity == Quantity::Noise.as_str());
        let noisy = varies || noise.iter().any(|size| *size != 0.0);
        Ok(Self {
            program,
            timing,
            actuators,
            home,
            home_controls,
            observed,
            noise,
            noisy,
            rewards,
            ends,
            first,
        })
    }

    /// The numbers that it reads, each once, in increasing order.
    pub fn inputs(&self) -> &[Input] {
        self.program.inputs()
    }

    /// How long a step is.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The actuators that the action drives, in its order.
    pub fn actuators(&self) -> &[usize] {
        &self.actuators
    }

    /// The pose where episodes begin without noise.
    pub fn home(&self) -> &[f64] {
        &self.home
    }

    /// The controls of that pose, one an actuator of the model.
    pub fn home_controls(&self) -> &[f64] {
        &self.home_controls
    }

    /// Numbers of an observation.
    pub fn obs_dim(&self) -> usize {
        self.observed.iter().map(Observed::seen).sum()
    }

    /// Names of the reward's terms, in the order in which they are summed.
    pub fn reward_names(&self) -> &[String] {
        &self.rewards
    }

    /// Names of the conditions that end an episode.
    pub fn end_names(&self) -> &[String] {
        &self.ends
    }

    /// Numbers of a lane's memory, which are all plain: to save and restore a lane, copy them.
    pub fn memory_len(&self) -> usize {
        HEADER + self.observed.iter().map(Observed::kept).sum::<usize>()
    }

    /// Memory to evaluate so many lanes in.
    pub fn work(&self, lanes: usize) -> Work {
        Work { scratch: self.program.scratch(lanes), doubts: vec![0.0; lanes], lanes }
    }

    /// Evaluates all lanes.
    pub fn evaluate(&self, work: &mut Work) {
        self.program.compute(&mut work.scratch);
        // All lanes at once, as a fault is looked for in every step and hardly ever there.
        self.program.doubts(self.first + self.rewards.len() + 1, &work.scratch, &mut work.doubts);
    }

    fn result(&self, work: &Work, i: usize, lane: usize) -> f64 {
        self.program.number(i, lane, &work.scratch)
    }

    /// The reward of a lane.
    pub fn reward(&self, work: &Work, lane: usize) -> f64 {
        self.result(work, self.first + self.rewards.len(), lane)
    }

    /// A term of the reward of a lane, weight included.
    pub fn reward_term(&self, work: &Work, term: usize, lane: usize) -> f64 {
        self.result(work, self.first + term, lane)
    }

    /// Whether a condition ends the episode of a lane.
    pub fn ended(&self, work: &Work, end: usize, lane: usize) -> bool {
        self.result(work, self.first + self.rewards.len() + 1 + end, lane) != 0.0
    }

    /// Whether any of them does.
    pub fn terminated(&self, work: &Work, lane: usize) -> bool {
        self.result(work, self.first + self.rewards.len() + 1 + self.ends.len(), lane) != 0.0
    }

    /// The first term of a lane that is not finite, observation before reward.
    pub fn fault(&self, work: &Work, lane: usize) -> Option<Fault> {
        if work.doubts[lane] == 0.0 {
            return None;
        }
        let mut numbers = 0..self.first;
        for term in &self.observed {
            let value = numbers.by_ref().take(term.width).map(|i| self.result(work, i, lane));
            if let Some(value) = value.filter(|value| !value.is_finite()).last() {
                return Some(Fault { what: "observation", term: term.value.clone(), value });
            }
        }
        let reward = |i| self.reward_term(work, i, lane);
        let terms = (0..self.rewards.len()).find(|i| !reward(*i).is_finite());
        let name = |i: usize| Fault { what: "reward", term: self.rewards[i].clone(), value: reward(i) };
        let total = self.reward(work, lane);
        let sum = (!total.is_finite()).then(|| Fault { what: "reward", term: "sum".into(), value: total });
        terms.map(name).or(sum)
    }

    /// Begins a lane's episode in its memory (`[memory_len]`). If a term has noise, two numbers are drawn from `stream`, which
    /// key all noise of the episode; without a stream, the key is 0.
    pub fn begin(&self, memory: &mut [f64], stream: Option<&mut Stream>) {
        // Only what needs random numbers draws any.
        observation::begin(memory, stream.filter(|_| self.noisy));
    }

    /// Sizes of the noise of the observation's terms, as the task has it.
    pub fn noise(&self) -> &[f64] {
        &self.noise
    }

    /// Chooses which noise the lane of a memory has from here on; the same number gives the same.
    pub fn set_noise(&self, memory: &mut [f64], number: u64) {
        observation::set_noise(memory, number);
    }

    /// Puts the state of a lane that was evaluated into its memory: once at the start of an episode, and once a step. `noise`
    /// are the sizes of its terms' noise, usually [`Terms::noise`].
    pub fn remember(&self, work: &Work, lane: usize, noise: &[f64], memory: &mut [f64]) {
        observation::remember(&self.observed, noise, memory, |i| self.result(work, i, lane));
    }

    /// Writes the observation (`[obs_dim]`) of a lane from its memory.
    pub fn observe(&self, memory: &[f64], out: &mut [f64]) {
        observation::observe(&self.observed, memory, out);
    }
}

/// An expression at a path of the task.
fn expression(
    compiler: &mut Compiler<'_>,
    task: &TaskFile,
    path: &str,
    text: &str,
) -> Result<Value, Mistake> {
    compiler.value(text).map_err(|error| task.mistake_within(path, text, &error))
}

/// All conditions that end an episode.
fn ends(compiler: &mut Compiler<'_>, task: &TaskFile) -> Result<Vec<Value>, Mistake> {
    let end = |(i, end): (usize, &crate::file::TerminateTable)| {
        let path = format!("terminate[{i}].when");
        let value = expression(compiler, task, &path, &end.when)?;
        if !value.is_boolean() {
            let message = "expected true or false, such as `height(body:base) < 0.2`, and found a number";
            return Err(task.mistake(&path, message));
        }
        if value.width() != 1 {
            let message =
                format!("expected one truth, and found {}: take any(...) or all(...)", value.width());
            return Err(task.mistake(&path, message));
        }
        Ok(value)
    };
    task.terminate.iter().enumerate().map(end).collect()
}

fn any(compiler: &mut Compiler<'_>, ends: &[Value]) -> Value {
    let none = compiler.graph.constant(&[0.0]);
    let any = ends.iter().map(|end| end.part).reduce(|any, end| compiler.graph.each(Op::Or, &[any, end]));
    compiler.of(any.unwrap_or(none), true)
}

/// Weight × shape(value).
fn reward(
    compiler: &mut Compiler<'_>,
    task: &TaskFile,
    i: usize,
    term: &RewardTable,
    seconds: f64,
) -> Result<Part, Mistake> {
    let path = format!("reward[{i}].value");
    let value = expression(compiler, task, &path, &term.value)?;
    if value.width() != 1 {
        let width = value.width();
        let message =
            format!("a reward is one number, and this has {width}: take sum(...), mean(...) or norm(...)");
        return Err(task.mistake(&path, message));
    }
    let weight = match term.per {
        Per::Step => term.weight,
        Per::Second => term.weight * seconds,
    };
    let graph = &mut compiler.graph;
    let mut with = |op: Op, part: Part, number: f64| {
        let number = graph.constant(&[number]);
        graph.each(op, &[part, number])
    };
    let shaped = match term.shape {
        None => value.part,
        Some(Shape::Gaussian(size)) => {
            let ratio = with(Op::Divide, value.part, size);
            let square = graph.each(Op::Square, &[ratio]);
            let half = graph.constant(&[-0.5]);
            let exponent = graph.each(Op::Multiply, &[square, half]);
            graph.each(Op::Exp, &[exponent])
        }
        Some(Shape::Exponential(size)) => {
            let ratio = with(Op::Divide, value.part, -size);
            // Below 0 whatever the sign of the value.
            let magnitude = graph.each(Op::Abs, &[ratio]);
            let exponent = graph.each(Op::Negate, &[magnitude]);
            graph.each(Op::Exp, &[exponent])
        }
        Some(Shape::Ramp([zero, one])) => {
            let above = with(Op::Subtract, value.part, zero);
            let share = with(Op::Divide, above, one - zero);
            let ends = [0.0, 1.0].map(|end| graph.constant(&[end]));
            graph.each(Op::Clamp, &[share, ends[0], ends[1]])
        }
        Some(Shape::Clip(Clip([low, high]))) => {
            let ends = [low, high].map(|end| graph.constant(&[end]));
            graph.each(Op::Clamp, &[value.part, ends[0], ends[1]])
        }
    };
    let weight = graph.constant(&[weight]);
    Ok(graph.each(Op::Multiply, &[weight, shaped]))
}
