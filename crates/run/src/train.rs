//! The training loop: Algorithm 1 with its bookkeeping.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use wr2l_rl::{Experience, FinishedEpisode, Fixed, Improvement, Learner, Ppo, Workers};
use wr2l_sim::Outcome;

use crate::error::RunError;
use crate::folder::RunFolder;
use crate::log::{Cell, CsvLog};
use crate::plan::Plan;
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

/// Watches a run.
pub trait Observer {
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
    let mut run = Run::start(plan, folder, threads).inspect_err(|_| folder.clone().abandon())?;
    let mut trained = None;
    while trained.is_none() {
        let first = run.iteration == 0;
        let improvement = run.improve().inspect_err(|_| {
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

impl<'a> Run<'a> {
    fn start(plan: &'a Plan, folder: &'a RunFolder, threads: usize) -> Result<Self, RunError> {
        plan.write(&folder.file("plan.toml"))?;
        let simulator = plan.simulator()?;
        let learner = Ppo::new(plan.ppo.clone(), simulator.spec(), simulator.space().dim(), plan.seed)?;
        let columns: Vec<String> = COLUMNS.iter().map(|&name| name.to_owned()).collect();
        Ok(Self {
            plan,
            folder,
            workers: Workers::new(&simulator, threads)?,
            learner,
            metrics: CsvLog::create(&folder.file("metrics.csv"), &columns)?,
            begun: Instant::now(),
            iteration: 0,
            steps: 0,
            simulator_steps: 0,
            episodes: 0,
            diverged: 0,
            recent: VecDeque::with_capacity(SHOWN_EPISODES),
            curve: Vec::new(),
        })
    }

    /// One iteration: Phase II, and its row in the log.
    fn improve(&mut self) -> Result<Improvement, RunError> {
        let began = Instant::now();
        let source = Fixed::reference(self.workers.space());
        let improvement = self.learner.improve(Experience {
            workers: &mut self.workers,
            source: &source,
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
        let cells: [Cell; COLUMNS.len()] = [
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

/// Columns of `metrics.csv`.
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
