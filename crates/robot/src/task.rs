//! A task on a robot of one's own: its file, its model, what it reads and judges, what varies.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use toml::Value;
use wr2l_rng::Stream;
use wr2l_sim::{ActionSpace, DynamicsSpace, SimError, Simulator, SweepRange, Usual, Verdict};

use crate::element::Element;
use crate::file::{ActionMap, ContactRule, Mistake, ObserveTable, TaskFile, Varied};
use crate::input::Input;
use crate::inventory::{Inventory, SensedTerm};
use crate::model::{RobotError, RobotModel};
use crate::physics::{Choice, RobotPhysics, choose};
use crate::quantity::Quantity;
use crate::rules::{Drive, Referee, Rig, Rules};
use crate::start::Start;
use crate::terms::{Terms, Work};
use crate::vary::{Variation, Vary};

/// How far the middle parameter may move in the ball, relative to its unit, if nobody says otherwise.
const HALF_WIDTH: f64 = 0.3;

/// Why there is no task.
#[derive(Debug, Error)]
pub enum TaskError {
    /// Something in its file is wrong.
    #[error(transparent)]
    Mistake(#[from] Mistake),
    /// Its model is.
    #[error(transparent)]
    Robot(#[from] RobotError),
    /// Nothing in this build can move it.
    #[error(transparent)]
    Sim(#[from] SimError),
}

/// A task on a robot of one's own.
#[derive(Clone, Debug)]
pub struct RobotTask {
    file: TaskFile,
    /// The file's, and what sets the robot apart from its model.
    pub(crate) description: String,
    model: RobotModel,
    /// What the model consists of, and what the task observes.
    inventory: Inventory,
    rules: Arc<TermRules>,
    start: (Vec<f64>, Vec<f64>),
    drives: Vec<Drive>,
    actions: ActionSpace,
    variation: Variation,
    sweep: Vec<SweepRange>,
    usual: Vec<Usual>,
}

impl RobotTask {
    /// Reads a task file and its model.
    ///
    /// # Errors
    /// [`TaskError`], with the place in the file or the model's path.
    pub fn load(path: &Path) -> Result<Self, TaskError> {
        let mut file = TaskFile::open(path)?;
        if file.name.is_empty() {
            file.name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        }
        let beside = file.model_named_in().map_or(path, Path::new).parent().unwrap_or(Path::new(""));
        let model = match file.built_in_model() {
            Some((name, text)) => RobotModel::from_text(name, text),
            None => RobotModel::open(&beside.join(&file.robot.mjcf)),
        };
        let model = model.map_err(|error| file.mistake("robot.mjcf", error.to_string()))?;
        Self::new(file, model)
    }

    /// The task of this project with a name, such as `ant`; `None` for a name that has none.
    ///
    /// # Errors
    /// [`TaskError`] in a build without MuJoCo, which has to compile the robot.
    pub fn built_in(name: &str) -> Option<Result<Self, TaskError>> {
        let file = match TaskFile::built_in(name)? {
            Ok(file) => file,
            Err(mistake) => return Some(Err(mistake.into())),
        };
        let (name, text) = file.built_in_model()?;
        Some(
            RobotModel::from_text(name, text)
                .map_err(TaskError::from)
                .and_then(|model| Self::new(file, model)),
        )
    }

    /// A task on a model that was read before.
    ///
    /// # Errors
    /// [`TaskError`], if the model does not bear the file out.
    pub fn new(file: TaskFile, model: RobotModel) -> Result<Self, TaskError> {
        model.check()?;
        let model = match file.robot.contacts {
            ContactRule::All => model,
            ContactRule::Floor => {
                model.floor_contacts().map_err(|error| file.mistake("robot.contacts", error.to_string()))?
            }
        };
        let mut inventory = model.inventory().clone();
        let sensed = |term: &ObserveTable| SensedTerm { name: term.name.clone(), noise: term.noise.size() };
        inventory.observed = file.observe.iter().map(sensed).collect();
        let terms = Terms::compile(&file, &inventory)?;
        let start = Start::compile(&file, &inventory)?;
        let variation = variation(&file, &inventory, &terms)?;
        let (sweep, usual) = (usual_sweep(&file, &variation), usual(&file, &variation));
        let (drives, actions) = drives(&file, &model, &terms)?;
        let [qpos, qvel, _] = crate::terms::home(&file, &inventory)?;
        let (noise, velocities) = (file.robot.velocity_noise.len(), inventory.velocities);
        if noise > 1 && noise != velocities {
            let message =
                format!("expected one number, or one for each of the {velocities} velocities, got {noise}");
            return Err(file.mistake("robot.velocity_noise", message).into());
        }
        let rules = Arc::new(TermRules { terms: Arc::new(terms), start });
        let apart =
            if file.robot.contacts.is_all() { "" } else { " Of contacts those with the floor alone." };
        let description = format!("{}{apart}", file.description).trim().to_owned();
        Ok(Self {
            file,
            description,
            model,
            inventory,
            rules,
            start: (qpos, qvel),
            drives,
            actions,
            variation,
            sweep,
            usual,
        })
    }

    /// The same task with more that may vary, each a word as [`Varied::ad_hoc`] reads it; and the names of these parameters.
    ///
    /// # Errors
    /// A sentence with the word that does not fit, or the nearest name.
    pub fn varied_by(&self, words: &[&str]) -> Result<(Self, Vec<String>), String> {
        let mut file = self.file.clone();
        let mut names = Vec::new();
        for word in words {
            let varied = Varied::ad_hoc(word)?;
            if file.vary.iter().any(|known| known.name == varied.name) {
                let name = &varied.name;
                return Err(format!(
                    "`{word}`: there is a parameter `{name}`; begin with another name, NAME:QUANTITY@…"
                ));
            }
            names.push(varied.name.clone());
            file.vary.push(varied);
        }
        let entries = file.variations().map_err(|mistake| mistake.message)?;
        let resolved = Variation::resolve(&self.inventory, &entries);
        let resolved = resolved.map_err(|error| {
            let word = names.iter().position(|name| *name == error.name).map(|i| words[i]);
            format!("`{}`: {}", word.unwrap_or(&error.name), error.reason)
        })?;
        drives_what_varies(&entries, &resolved, &self.inventory, self.terms())
            .map_err(|(name, reason)| format!("{name}: {reason}"))?;
        let task = Self::new(file, self.model.clone()).map_err(|error| error.to_string())?;
        Ok((task, names))
    }

    /// Its file.
    pub fn file(&self) -> &TaskFile {
        &self.file
    }

    /// Its robot.
    pub fn model(&self) -> &RobotModel {
        &self.model
    }

    /// What selectors address: the elements of its robot, and the terms of its observation.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// What it observes and judges.
    pub fn terms(&self) -> &Terms {
        &self.rules.terms
    }

    /// The sweep that shows its robustness: the file's, or the first two of what may vary, from end to end.
    pub fn sweep(&self) -> &[SweepRange] {
        &self.sweep
    }

    /// What a plan has by default on it: what suits a robot of which nothing is known, and over that what the file says.
    pub fn usual(&self) -> &[Usual] {
        &self.usual
    }

    /// What may vary.
    pub fn variation(&self) -> &Variation {
        &self.variation
    }

    /// All that an engine needs of it.
    pub fn rig(&self) -> Rig {
        let moves = |body: &usize| self.model.inventory().joints.iter().any(|joint| joint.body == *body);
        Rig {
            name: self.file.name.clone(),
            model: self.model.clone(),
            rules: Arc::clone(&self.rules) as Arc<dyn Rules>,
            actions: self.actions.clone(),
            drives: self.drives.clone(),
            rest: self.rules.terms.home_controls().to_vec(),
            frame_skip: self.rules.terms.timing().frame_skip,
            episode_steps: self.file.robot.episode_steps,
            start: self.start.clone(),
            // The first body that moves is what carries the others.
            pushed: (1..self.model.inventory().bodies.len()).find(moves).into_iter().collect(),
            walks: false,
            moment: self.file.robot.moment,
        }
    }

    /// The physics that it runs on if none is asked for, and why.
    ///
    /// # Errors
    /// As [`choose`].
    pub fn choice(&self) -> Result<Choice, SimError> {
        choose(&self.rig(), &self.variation.effects, None)
    }

    /// A simulator that varies the parameters of `vary`, a selection of [`Variation::space`].
    ///
    /// # Errors
    /// As [`Rig::simulator`].
    pub fn simulator(
        &self,
        physics: Option<RobotPhysics>,
        vary: &DynamicsSpace,
    ) -> Result<Simulator, SimError> {
        let simulator = self.rig().simulator(&self.variation.effects, vary, physics)?;
        match &self.file.robot.velocity_noise[..] {
            [] => Ok(simulator),
            noise => simulator.with_process_noise(noise),
        }
    }
}

fn usual_sweep(file: &TaskFile, variation: &Variation) -> Vec<SweepRange> {
    if !file.sweep.is_empty() {
        return file.sweep.clone();
    }
    let first = variation.space.parameters().iter().take(2);
    first.map(|p| SweepRange { parameter: p.name.clone(), range: [p.lower, p.upper] }).collect()
}

fn usual(file: &TaskFile, variation: &Variation) -> Vec<Usual> {
    let names = variation.space.names().map(Value::from).collect();
    let mut set = vec![("vary", Value::Array(names))];
    // By its effect, where the file says no radius: how far the next state moves says nothing across robots.
    if !file.usual.iter().any(|usual| usual.set.contains_key("ball.epsilon")) {
        set.push(("ball.half_width", Value::Float(HALF_WIDTH)));
    }
    let set = set.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let unknown = Usual { learner: None, adversary: None, algorithm: None, varies: Some(true), set };
    // Who plays by chance plays in the ranges that the file gives.
    let by_chance = ["uniform", "cvar"].map(|adversary| {
        let set = [("adversary.region.shape".to_owned(), Value::from("range"))].into_iter().collect();
        Usual { learner: None, adversary: Some(adversary.to_owned()), algorithm: None, varies: None, set }
    });
    std::iter::once(unknown).chain(by_chance).chain(file.usual.iter().cloned()).collect()
}

/// The uncertain quantities that a file names, on a model.
fn variation(file: &TaskFile, inventory: &Inventory, terms: &Terms) -> Result<Variation, Mistake> {
    let entries = file.variations()?;
    let refused = |name: &str, reason: String| file.mistake(&format!("vary.{name}.select"), reason);
    let variation =
        Variation::resolve(inventory, &entries).map_err(|error| refused(&error.name, error.reason))?;
    drives_what_varies(&entries, &variation, inventory, terms)
        .map_err(|(name, reason)| refused(&name, reason))?;
    Ok(variation)
}

/// Refuses what is about actions on an actuator that gets none: the entry's name, and why.
fn drives_what_varies(
    entries: &[Vary],
    variation: &Variation,
    inventory: &Inventory,
    terms: &Terms,
) -> Result<(), (String, String)> {
    for (entry, elements) in variation.entries.iter().zip(&variation.elements) {
        let Vary { name, quantity, .. } = &entries[*entry];
        let sent = matches!(quantity, Quantity::Delay | Quantity::ActionNoise);
        let held = |element: &&Element| sent && !terms.actuators().contains(&element.index());
        if let Some(element) = elements.iter().find(held) {
            let held = element.label(inventory);
            let reason = format!("{quantity} is of actions, and the policy does not drive `{held}`");
            return Err((name.clone(), reason));
        }
    }
    Ok(())
}

/// How the action becomes controls, and its bounds.
fn drives(file: &TaskFile, model: &RobotModel, terms: &Terms) -> Result<(Vec<Drive>, ActionSpace), Mistake> {
    let actuators = &model.inventory().actuators;
    let home = terms.home_controls();
    let mut drives: Vec<Drive> = home.iter().map(|control| Drive::Held(*control)).collect();
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (index, &a) in terms.actuators().iter().enumerate() {
        let (bounds, offset, scale) = match file.action.map {
            ActionMap::AroundKeyframe { scale } => ([-1.0, 1.0], home[a], scale),
            ActionMap::ControlRange => match actuators[a].control_range {
                Some(range) => (range, 0.0, 1.0),
                None => {
                    let name = crate::Element::Actuator(a).label(model.inventory());
                    let message = format!(
                        "actuator `{name}` has no `ctrlrange` in the model, so that the action has no bounds; give it one, or \
                         write `map = {{ around = \"keyframe\", scale = … }}`"
                    );
                    return Err(file.mistake("action.map", message));
                }
            },
        };
        drives[a] = Drive::Driven { index, offset, scale };
        low.push(bounds[0]);
        high.push(bounds[1]);
    }
    Ok((drives, ActionSpace::Continuous { low, high }))
}

/// The rules of a file.
#[derive(Debug)]
struct TermRules {
    terms: Arc<Terms>,
    start: Start,
}

impl Rules for TermRules {
    fn inputs(&self) -> &[Input] {
        self.terms.inputs()
    }

    fn obs_dim(&self) -> usize {
        self.terms.obs_dim()
    }

    fn noise(&self) -> &[f64] {
        self.terms.noise()
    }

    fn memory_len(&self) -> usize {
        self.terms.memory_len()
    }

    fn draw_start(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        self.start.draw(stream, qpos, qvel);
    }

    fn referee(&self, lanes: usize) -> Box<dyn Referee> {
        let memory = vec![0.0; lanes * self.terms.memory_len()];
        Box::new(TermReferee {
            work: self.terms.work(lanes),
            alone: self.terms.work(1),
            memory,
            noise: self.terms.noise().repeat(lanes),
            terms: Arc::clone(&self.terms),
        })
    }
}

/// Judges by the terms of a file.
#[derive(Debug)]
struct TermReferee {
    terms: Arc<Terms>,
    work: Work,
    /// For a lane whose episode starts while those of others go on.
    alone: Work,
    /// Sizes of the noise of the observation's terms, `[lanes, terms]`.
    noise: Vec<f64>,
    /// Of every lane, `[lanes, memory_len]`.
    memory: Vec<f64>,
}

impl TermReferee {
    fn evaluate(&mut self, inputs: &[f64]) {
        self.work.inputs_mut().copy_from_slice(inputs);
        self.terms.evaluate(&mut self.work);
    }

    fn noises(&self, lane: usize) -> std::ops::Range<usize> {
        let terms = self.terms.noise().len();
        lane * terms..(lane + 1) * terms
    }

    fn range(&self, lane: usize) -> std::ops::Range<usize> {
        let length = self.terms.memory_len();
        lane * length..(lane + 1) * length
    }
}

impl Referee for TermReferee {
    fn start(&mut self, inputs: &[f64], lane: usize, stream: Option<&mut Stream>) {
        let (range, lanes) = (self.range(lane), self.work.lanes());
        for (own, row) in self.alone.inputs_mut().iter_mut().zip(inputs.chunks_exact(lanes)) {
            *own = row[lane];
        }
        self.terms.evaluate(&mut self.alone);
        self.terms.begin(&mut self.memory[range.clone()], stream);
        let noise = &self.noise[self.noises(lane)];
        self.terms.remember(&self.alone, 0, noise, &mut self.memory[range]);
    }

    fn step(&mut self, inputs: &[f64], active: &[bool], verdicts: &mut [Verdict]) {
        self.evaluate(inputs);
        for lane in (0..active.len()).filter(|lane| active[*lane]) {
            let range = self.range(lane);
            let noise = &self.noise[self.noises(lane)];
            self.terms.remember(&self.work, lane, noise, &mut self.memory[range]);
            let sound = self.terms.fault(&self.work, lane).is_none();
            let reward = if sound { self.terms.reward(&self.work, lane) } else { f64::NAN };
            verdicts[lane] = Verdict { reward, terminated: self.terms.terminated(&self.work, lane) };
        }
    }

    fn reward_names(&self) -> &[String] {
        self.terms.reward_names()
    }

    fn reward_terms(&self, lane: usize, out: &mut [f64]) {
        for (term, out) in out.iter_mut().enumerate() {
            *out = self.terms.reward_term(&self.work, term, lane);
        }
    }

    fn complaint(&self, lane: usize) -> Option<String> {
        self.terms.fault(&self.work, lane).map(|fault| fault.to_string())
    }

    fn set_noise_sizes(&mut self, lane: usize, sizes: &[f64]) {
        let noises = self.noises(lane);
        self.noise[noises].copy_from_slice(sizes);
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        let range = self.range(lane);
        self.terms.set_noise(&mut self.memory[range], number);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.terms.observe(&self.memory[self.range(lane)], out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.memory[self.range(lane)]);
    }

    fn restore(&mut self, lane: usize, memory: &[f64], _inputs: &[f64]) {
        let range = self.range(lane);
        self.memory[range].copy_from_slice(memory);
    }
}
