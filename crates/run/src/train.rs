//! The training loop: Algorithm 1 with its bookkeeping.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use wr2l_rl::{Experience, FinishedEpisode, Fixed, Improvement, Learner, Ppo, Workers};
use wr2l_robust::adversary::{Adversary, Boundary, Nominal, Report, Source, Turn, Uniform, Wasserstein};
use wr2l_sim::Outcome;

use crate::ball_file::{BallSummary, make_ball};
use crate::error::RunError;
use crate::folder::RunFolder;
use crate::log::{Cell, CsvLog};
use crate::plan::{AdversaryKind, Plan};
use crate::policy_file::{PolicyOrigin, VariedParameter, write_policy};

/// Iterations between two writes of the policy, so that a killed run leaves one.
const SAVE_EVERY: u64 = 50;
/// Episodes over which the shown return is averaged.
const SHOWN_EPISODES: usize = 100;

/// Where a run stands after an iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Iterations done.
    pub iteration: u64,
    /// Policy steps done.
    pub steps: u64,
    /// Policy steps to do.
    pub budget: u64,
    /// Steps of the simulator, those of the adversary included.
    pub simulator_steps: u64,
    /// Episodes finished in training.
    pub episodes: u64,
    /// Mean return of the last hundred episodes; NaN before the first.
    pub recent_return: f64,
    /// Episodes whose physics diverged, so far.
    pub diverged: u64,
    /// Seconds since the start.
    pub seconds: f64,
    /// What the iteration did.
    pub improvement: Improvement,
}

/// What an adversary's turn came to.
#[derive(Clone, Debug)]
pub struct TurnDone {
    /// Number of the turn, from 0.
    pub turn: u64,
    /// Policy steps done before it.
    pub steps: u64,
    /// The chosen dynamics in physical units, if all episodes share them.
    pub phi: Option<Vec<f64>>,
    /// What led to them.
    pub report: Report,
    /// Simulator steps that it took.
    pub simulator_steps: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Watches a run.
pub trait Observer {
    /// The ball is known, before the first iteration. Not called for the adversary `nominal`.
    fn ball(&mut self, ball: &BallSummary);
    /// The adversary has taken a turn. Not called for the adversary `nominal`.
    fn turn(&mut self, turn: &TurnDone);
    /// An iteration is done.
    fn iteration(&mut self, progress: &Progress);
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The step budget is spent.
    Budget,
    /// The policy's entropy fell below the plan's threshold.
    Entropy,
    /// It was asked to stop.
    Interrupted,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// How it ended.
    pub ending: Ending,
    /// Where it ended.
    pub last: Progress,
    /// Policy steps and mean return of the episodes that ended in each iteration that had any.
    pub curve: Vec<(f64, f64)>,
}

/// Trains as `plan` says on `threads` threads, and writes plan, logs and policy into `folder`.
///
/// Sets of `stop` are noticed after each iteration; the policy is then written as at the normal end. The results do
/// not depend on `threads`.
///
/// # Errors
/// [`RunError`]. If it comes before the first iteration was done, the folder is as before [`RunFolder::create`];
/// after that, logs and the last policy written remain.
pub fn train(
    plan: &Plan,
    folder: &RunFolder,
    threads: usize,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Trained, RunError> {
    let mut run = Run::start(plan, folder, threads, observer).inspect_err(|_| folder.clone().abandon())?;
    let mut trained = None;
    while trained.is_none() {
        let first = run.iteration == 0;
        let done = run.turn(observer).and_then(|()| run.improve());
        let improvement = done.inspect_err(|_| {
            if first {
                folder.clone().abandon();
            }
        })?;
        observer.iteration(&run.progress(improvement.clone()));
        trained = run.ending(&improvement, stop).map(|ending| (ending, improvement));
        if trained.is_some() || run.iteration.is_multiple_of(SAVE_EVERY) {
            run.save()?;
        }
    }
    let (ending, improvement) = trained.expect("the loop above ends when there is one");
    Ok(Trained { ending, last: run.progress(improvement), curve: run.curve })
}

/// A run between two iterations.
struct Run<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    workers: Workers,
    learner: Ppo,
    opponent: Option<Opponent>,
    source: Source,
    metrics: CsvLog,
    begun: Instant,
    iteration: u64,
    steps: u64,
    simulator_steps: u64,
    episodes: u64,
    diverged: u64,
    recent: VecDeque<f64>,
    curve: Vec<(f64, f64)>,
}

/// The adversary, unless it is `nominal`, and its log.
struct Opponent {
    adversary: Box<dyn Adversary>,
    log: CsvLog,
    /// Number of the next turn, and the policy steps after which it comes.
    turn: u64,
    next: u64,
    /// What the last turn chose, in z.
    current: Vec<f64>,
}

impl<'a> Run<'a> {
    fn start(
        plan: &'a Plan,
        folder: &'a RunFolder,
        threads: usize,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        plan.write(&folder.file("plan.toml"))?;
        let simulator = plan.simulator()?;
        let begun = Instant::now();
        let mut workers = Workers::new(&simulator, threads)?;
        let learner = Ppo::new(plan.ppo.clone(), simulator.spec(), simulator.space().dim(), plan.seed)?;
        let source = Source::Fixed(Fixed::reference(simulator.space()));
        let (opponent, simulator_steps) = match plan.adversary.kind {
            AdversaryKind::Nominal => (None, 0),
            kind => {
                let (opponent, steps) = Opponent::start(kind, plan, folder, &mut workers, observer)?;
                (Some(opponent), steps)
            }
        };
        let metrics = CsvLog::create(&folder.file("metrics.csv"), &metrics_columns(&plan.vary))?;
        Ok(Self {
            plan,
            folder,
            workers,
            learner,
            opponent,
            source,
            metrics,
            begun,
            iteration: 0,
            steps: 0,
            simulator_steps,
            episodes: 0,
            diverged: 0,
            recent: VecDeque::with_capacity(SHOWN_EPISODES),
            curve: Vec::new(),
        })
    }

    /// Phase I, if it is the adversary's turn.
    fn turn(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        let Some(opponent) = self.opponent.as_mut().filter(|opponent| self.steps >= opponent.next) else {
            return Ok(());
        };
        let began = Instant::now();
        let turn = Turn {
            seed: self.plan.seed,
            index: opponent.turn,
            progress: self.steps as f64 / self.plan.steps as f64,
            current: &opponent.current,
        };
        let choice = opponent.adversary.choose(&turn, self.learner.actor(), &mut self.workers)?;
        self.simulator_steps += choice.simulator_steps;
        self.diverged += choice.report.diverged;
        self.source = choice.source;
        match self.source.point() {
            Some(z) => opponent.current.copy_from_slice(z),
            None => opponent.current.fill(0.0),
        }
        let done = TurnDone {
            turn: opponent.turn,
            steps: self.steps,
            phi: self.source.point().map(|z| self.workers.space().physical(z)),
            report: choice.report,
            simulator_steps: choice.simulator_steps,
            seconds: began.elapsed().as_secs_f64(),
        };
        opponent.log.row(&turn_cells(&done, opponent.current.len()))?;
        opponent.turn += 1;
        while opponent.next <= self.steps {
            opponent.next += self.plan.adversary.every;
        }
        observer.turn(&done);
        Ok(())
    }

    /// Phase II, and its row in the log.
    fn improve(&mut self) -> Result<Improvement, RunError> {
        let began = Instant::now();
        let improvement = self.learner.improve(Experience {
            workers: &mut self.workers,
            source: &self.source,
            seed: self.plan.seed,
            iteration: self.iteration,
            progress: self.steps as f64 / self.plan.steps as f64,
        })?;
        self.iteration += 1;
        self.steps += improvement.transitions as u64;
        self.simulator_steps += improvement.transitions as u64;
        self.episodes += improvement.finished.len() as u64;
        self.diverged += u64::from(improvement.diverged);
        for episode in sound(&improvement.finished) {
            if self.recent.len() == SHOWN_EPISODES {
                self.recent.pop_front();
            }
            self.recent.push_back(episode.ret);
        }
        let speed = improvement.transitions as f64 / began.elapsed().as_secs_f64();
        self.log(&improvement, speed)?;
        Ok(improvement)
    }

    fn log(&mut self, improvement: &Improvement, speed: f64) -> Result<(), RunError> {
        let finished: Vec<&FinishedEpisode> = sound(&improvement.finished).collect();
        let mean = |of: fn(&FinishedEpisode) -> f64| {
            // 0/0 is NaN, an empty cell.
            finished.iter().map(|episode| of(episode)).sum::<f64>() / finished.len() as f64
        };
        let ret = mean(|episode| episode.ret);
        if ret.is_finite() {
            self.curve.push((self.steps as f64, ret));
        }
        let mut cells: Vec<Cell> = vec![
            self.iteration.into(),
            self.steps.into(),
            self.simulator_steps.into(),
            (improvement.finished.len() as u64).into(),
            ret.into(),
            mean(|episode| f64::from(episode.length)).into(),
            improvement.policy_loss.into(),
            improvement.value_loss.into(),
            improvement.entropy.into(),
            improvement.kl.into(),
            improvement.clip_fraction.into(),
            improvement.explained_variance.into(),
            improvement.gradient_norm.into(),
            improvement.learning_rate.into(),
            improvement.dropped.into(),
            improvement.diverged.into(),
            self.begun.elapsed().as_secs_f64().into(),
            speed.into(),
        ];
        let no_point = vec![f64::NAN; self.plan.vary.len()];
        cells.extend(self.source.point().unwrap_or(&no_point).iter().map(|&z| Cell::from(z)));
        self.metrics.row(&cells)
    }

    fn ending(&self, improvement: &Improvement, stop: &AtomicBool) -> Option<Ending> {
        if self.steps >= self.plan.steps {
            Some(Ending::Budget)
        } else if improvement.entropy < self.plan.stop.entropy_below {
            Some(Ending::Entropy)
        } else if stop.load(Ordering::Relaxed) {
            Some(Ending::Interrupted)
        } else {
            None
        }
    }

    fn save(&self) -> Result<(), RunError> {
        let origin = PolicyOrigin {
            task: self.plan.task,
            physics: self.plan.physics,
            algorithm: self.plan.algorithm.to_string(),
            seed: self.plan.seed,
            steps: self.steps,
            varied: VariedParameter::all(self.workers.space()),
        };
        write_policy(&self.folder.file("policy.safetensors"), self.learner.actor(), &origin)
    }

    fn progress(&self, improvement: Improvement) -> Progress {
        Progress {
            iteration: self.iteration,
            steps: self.steps,
            budget: self.plan.steps,
            simulator_steps: self.simulator_steps,
            episodes: self.episodes,
            recent_return: self.recent.iter().sum::<f64>() / self.recent.len() as f64,
            diverged: self.diverged,
            seconds: self.begun.elapsed().as_secs_f64(),
            improvement,
        }
    }
}

/// Episodes whose return means something.
fn sound(finished: &[FinishedEpisode]) -> impl Iterator<Item = &FinishedEpisode> {
    finished.iter().filter(|episode| !matches!(episode.outcome, Outcome::Diverged(_)))
}

impl Opponent {
    /// Estimates the ball, writes it down, and makes the adversary. Also the simulator steps it took.
    fn start(
        kind: AdversaryKind,
        plan: &Plan,
        folder: &RunFolder,
        workers: &mut Workers,
        observer: &mut dyn Observer,
    ) -> Result<(Self, u64), RunError> {
        let (estimate, ball) = make_ball(plan, workers)?;
        let summary = BallSummary::new(&estimate, &ball, workers)?;
        summary.write(&folder.file("ball.toml"))?;
        observer.ball(&summary);
        let steps = estimate.pairs.simulator_steps + estimate.hessian.simulator_steps;
        let config = plan.adversary.config();
        let adversary: Box<dyn Adversary> = match kind {
            AdversaryKind::Nominal => Box::new(Nominal),
            AdversaryKind::Uniform => Box::new(Uniform::new(ball, config)?),
            AdversaryKind::Boundary => Box::new(Boundary::new(estimate, ball, config)?),
            AdversaryKind::Wasserstein => Box::new(Wasserstein::new(estimate, ball, config)?),
        };
        let columns: Vec<String> =
            TURN_COLUMNS.iter().map(|&name| name.to_owned()).chain(plan.vary.iter().cloned()).collect();
        let log = CsvLog::create(&folder.file("adversary.csv"), &columns)?;
        Ok((Self { adversary, log, turn: 0, next: 0, current: vec![0.0; plan.vary.len()] }, steps))
    }
}

fn metrics_columns(vary: &[String]) -> Vec<String> {
    let fixed = COLUMNS.iter().map(|&name| name.to_owned());
    fixed.chain(vary.iter().map(|name| format!("z_{name}"))).collect()
}

fn turn_cells(done: &TurnDone, dim: usize) -> Vec<Cell> {
    let or_nothing = |value: Option<f64>| Cell::from(value.unwrap_or(f64::NAN));
    let report = &done.report;
    let phase_one = report.phase_one.as_ref();
    let last = phase_one.and_then(|found| found.steps.last());
    let mut cells: Vec<Cell> = vec![
        done.turn.into(),
        done.steps.into(),
        done.simulator_steps.into(),
        or_nothing(report.epsilon),
        or_nothing(phase_one.map(|found| found.reference_value)),
        or_nothing(phase_one.map(|found| found.value)),
        or_nothing(report.measured),
        or_nothing(report.taylor),
        or_nothing(phase_one.map(|found| found.steps.len() as f64)),
        or_nothing(last.map(|step| step.gap)),
        or_nothing(last.map(|step| step.alpha)),
        or_nothing(last.map(|step| f64::from(u8::from(step.wolfe)))),
        or_nothing(last.map(|step| step.gradient.signal_to_noise)),
        or_nothing(last.and_then(|step| step.gradient.split_half_cosine)),
        report.diverged.into(),
        done.seconds.into(),
    ];
    let no_point = vec![f64::NAN; dim];
    cells.extend(done.phi.as_ref().unwrap_or(&no_point).iter().map(|&phi| Cell::from(phi)));
    cells
}

/// Columns of `adversary.csv`; then one per varied parameter, by its name, with its value in physical units. What
/// does not apply to an adversary is empty.
///
/// | column | meaning |
/// |---|---|
/// | `turn` | number of the turn, from 0 |
/// | `steps` | policy steps done before it |
/// | `simulator_steps` | steps of the simulator that it took |
/// | `epsilon` | radius in force |
/// | `return_reference`, `return_chosen` | J(0) and J(z) of the stochastic policy, on the same random numbers |
/// | `w_measured`, `w_taylor` | W(z) as simulated (empty if a step diverged), and `½zᵀH₀z` |
/// | `inner_steps` | steps of the inner loop; what follows is of the last of them |
/// | `gap` | Frank–Wolfe gap before it, in units of return |
/// | `alpha`, `wolfe` | step size, and 1 if it satisfies the Wolfe conditions |
/// | `signal_to_noise`, `split_half_cosine` | of the gradient; believe the cosine |
/// | `diverged` | episodes that diverged while J was measured |
/// | `seconds` | wall time of the turn |
pub const TURN_COLUMNS: [&str; 16] = [
    "turn",
    "steps",
    "simulator_steps",
    "epsilon",
    "return_reference",
    "return_chosen",
    "w_measured",
    "w_taylor",
    "inner_steps",
    "gap",
    "alpha",
    "wolfe",
    "signal_to_noise",
    "split_half_cosine",
    "diverged",
    "seconds",
];

/// Columns of `metrics.csv`; then one per varied parameter, `z_NAME`, with its normalised value under which the
/// iteration's episodes ran, empty if they differed.
///
/// | column | meaning |
/// |---|---|
/// | `iteration` | learner iterations done, from 1 |
/// | `steps` | policy steps done |
/// | `simulator_steps` | steps of the simulator, those of the adversary included |
/// | `episodes` | episodes that ended in this iteration |
/// | `return_mean`, `length_mean` | their mean undiscounted return and number of steps, diverged ones left out; empty if there are none |
/// | `policy_loss`, `value_loss`, `entropy`, `kl`, `clip_fraction` | means over the last epoch |
/// | `explained_variance` | of the value targets by the critic, before the update |
/// | `gradient_norm` | of the last minibatch, before clipping |
/// | `learning_rate` | of this iteration |
/// | `dropped` | episodes cut off because the adversary moved |
/// | `diverged` | episodes whose physics broke down |
/// | `seconds` | wall time since the start |
/// | `steps_per_second` | policy steps per second of this iteration |
pub const COLUMNS: [&str; 18] = [
    "iteration",
    "steps",
    "simulator_steps",
    "episodes",
    "return_mean",
    "length_mean",
    "policy_loss",
    "value_loss",
    "entropy",
    "kl",
    "clip_fraction",
    "explained_variance",
    "gradient_norm",
    "learning_rate",
    "dropped",
    "diverged",
    "seconds",
    "steps_per_second",
];
