//! The training loop: Algorithm 1 with its bookkeeping.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use wr2l_rl::{Experience, FinishedEpisode, Fixed, Improvement, Learner, Ppo, Workers};
use wr2l_robust::adversary::{
    Adversary, Boundary, Nominal, Population, Report, Source, Turn, Uniform, Wasserstein,
};
use wr2l_sim::Outcome;

use crate::ball_file::{BallSummary, make_ball};
use crate::columns::{IterationRow, iteration_columns, turn_cells, turn_columns};
use crate::error::RunError;
use crate::folder::RunFolder;
use crate::log::CsvLog;
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
/// after that, logs and the policy of the last whole iteration remain.
pub fn train(
    plan: &Plan,
    folder: &RunFolder,
    threads: usize,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Trained, RunError> {
    let mut run = Run::start(plan, folder, threads, observer).inspect_err(|_| folder.clone().abandon())?;
    loop {
        let improvement = match run.turn(observer).and_then(|()| run.improve()) {
            Ok(improvement) => improvement,
            Err(error) => {
                run.rescue();
                return Err(error);
            }
        };
        if run.iteration == 1 {
            folder.keep()?;
        }
        let progress = run.progress(improvement);
        observer.iteration(&progress);
        if let Some(ending) = run.ending(&progress, stop) {
            run.save()?;
            return Ok(Trained { ending, last: progress, curve: run.curve });
        }
        if run.iteration.is_multiple_of(SAVE_EVERY) {
            run.save()?;
        }
    }
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
        let metrics = CsvLog::create(&folder.file("metrics.csv"), &iteration_columns(&plan.vary))?;
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
            phi: self
                .source
                .point()
                .or(choice.report.worst.as_deref())
                .map(|z| self.workers.space().physical(z)),
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
        let improvement = self.learner.improve(Experience::alone(
            &mut self.workers,
            &self.source,
            self.plan.seed,
            self.iteration,
            self.steps as f64 / self.plan.steps as f64,
        ))?;
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
        let row = IterationRow {
            iteration: self.iteration,
            steps: self.steps,
            simulator_steps: self.simulator_steps,
            return_mean: ret,
            length_mean: mean(|episode| f64::from(episode.length)),
            improvement,
            seconds: self.begun.elapsed().as_secs_f64(),
            steps_per_second: speed,
            z: self.source.point(),
        };
        self.metrics.row(&row.cells(self.plan.vary.len()))
    }

    fn ending(&self, progress: &Progress, stop: &AtomicBool) -> Option<Ending> {
        if self.steps >= self.plan.steps {
            Some(Ending::Budget)
        } else if progress.improvement.entropy < self.plan.stop.entropy_below {
            Some(Ending::Entropy)
        } else if stop.load(Ordering::Relaxed) {
            Some(Ending::Interrupted)
        } else {
            None
        }
    }

    /// After an error: keeps the policy of the last whole iteration, or nothing if there was none.
    fn rescue(&self) {
        if self.iteration == 0 {
            self.folder.clone().abandon();
        } else {
            // The error that led here is the one to report.
            let _ = self.save();
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
            AdversaryKind::Population => Box::new(Population::new(estimate, ball, config)?),
        };
        let log = CsvLog::create(&folder.file("adversary.csv"), &turn_columns(&plan.vary))?;
        Ok((Self { adversary, log, turn: 0, next: 0, current: vec![0.0; plan.vary.len()] }, steps))
    }
}
