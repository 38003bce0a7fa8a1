//! The training loop: Algorithm 1 with its bookkeeping.
//!
//! Between two iterations a run is plain data ([`Course`], the state of learner and adversary, the ball's estimate),
//! which a checkpoint holds whole. When checkpoints are made has no influence on what is learnt.

use std::time::{Duration, Instant};

use wr2l_nn::InstructionSet;
use wr2l_rl::{Company, Experience, Fixed, Learner, RlError, Selection, State, StopFlag, Workers};
use wr2l_robust::adversary::{Source, Turn};

use crate::ball_file::BallSummary;
use crate::checkpoint::{Checkpoints, Header};
use crate::columns::{IterationRow, iteration_scalars, turn_cells, turn_scalars};
use crate::course::{Course, mean_over_sound};
use crate::error::RunError;
use crate::folder::RunFolder;
use crate::guard;
use crate::logs::Logs;
use crate::plan::{AdversaryKind, Plan};
use crate::players::{Opponent, RestoreError, learner};
use crate::policy_file::{PolicyOrigin, VariedParameter, write_policy};
use crate::summary::Summary;
use crate::watch::{Ending, Observer, Progress, TurnDone};

/// Seconds of training between two checkpoints, at least: what a crash may cost.
const CHECKPOINT_EVERY: f64 = 30.0;
/// And at least this many times as long as the last one took, so that they cost less than 1 %: half of that.
const CHECKPOINT_SHARE: f64 = 200.0;

/// How to train: nothing that influences what is learnt.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Threads, at least one.
    pub threads: usize,
    /// Asks the run to stop: the iteration in progress is completed, an adversary's turn is not. A checkpoint is
    /// written in either case.
    pub stop: StopFlag,
    /// Seconds between two checkpoints, 0 for one after every iteration. By default 30, or 200 times as long as writing
    /// one takes.
    pub checkpoint_every: Option<f64>,
}

impl TrainOptions {
    /// Seconds of training between two checkpoints by default, if writing one takes `cost` seconds.
    pub fn usual_interval(cost: f64) -> f64 {
        CHECKPOINT_EVERY.max(CHECKPOINT_SHARE * cost)
    }
}

impl Default for TrainOptions {
    /// One thread that nobody stops.
    fn default() -> Self {
        Self { threads: 1, stop: StopFlag::default(), checkpoint_every: None }
    }
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
    /// Checkpoints that this process wrote, the policy file included.
    pub checkpoints: u64,
    /// Seconds that they took.
    pub checkpoint_seconds: f64,
    /// The ball that it trained in, if it did.
    pub ball: Option<BallSummary>,
    pub(crate) course: Course,
}

/// Trains as `plan` says, and writes plan, logs, checkpoints and policy into `folder`.
///
/// # Errors
/// [`RunError`]. If it comes before the run has begun (the ball is estimated, the first checkpoint written), the folder
/// is as before [`RunFolder::create`]; after that it is [`RunError::Stopped`], and the run can go on from its last
/// checkpoint ([`Saved`](crate::Saved)).
pub fn train(
    plan: &Plan,
    folder: &RunFolder,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Trained, RunError> {
    let begun = begin(plan, folder, options, observer).inspect_err(|_| folder.clone().abandon());
    begun?.finish(observer)
}

/// A run before its first iteration, with a checkpoint of that.
pub(crate) fn begin<'a>(
    plan: &'a Plan,
    folder: &'a RunFolder,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Run<'a>, RunError> {
    let mut begin = || {
        let mut run = Run::start(plan, folder, options, observer)?;
        run.checkpoint()?;
        folder.keep()?;
        Ok(run)
    };
    begin().map_err(|error: RunError| match error.is_interruption() {
        true => RunError::Interrupted("interrupted before training began".into()),
        false => error,
    })
}

/// A run between two iterations.
pub(crate) struct Run<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    workers: Workers,
    learner: Box<dyn Learner>,
    opponent: Option<Opponent>,
    source: Source,
    course: Course,
    logs: Logs,
    pace: Pace,
    stop: StopFlag,
    /// Since when this process trains, and how long others have before.
    begun: Instant,
    before: f64,
    /// Iterations that the newest checkpoint holds.
    saved: Option<u64>,
    /// Whether that was made by another plan.
    other_plan: bool,
}

/// When checkpoints are due.
struct Pace {
    every: Option<f64>,
    last: Instant,
    cost: Duration,
    written: u64,
    total: Duration,
}

impl Pace {
    fn new(every: Option<f64>) -> Self {
        Self { every, last: Instant::now(), cost: Duration::ZERO, written: 0, total: Duration::ZERO }
    }

    fn is_due(&self) -> bool {
        let usual = || TrainOptions::usual_interval(self.cost.as_secs_f64());
        self.last.elapsed().as_secs_f64() >= self.every.unwrap_or_else(usual)
    }

    fn done(&mut self, cost: Duration) {
        self.cost = cost;
        self.written += 1;
        self.total += cost;
        self.last = Instant::now();
    }
}

impl<'a> Run<'a> {
    fn start(
        plan: &'a Plan,
        folder: &'a RunFolder,
        options: &TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        plan.write(&folder.file("plan.toml"))?;
        let begun = Instant::now();
        let (mut workers, learner) = players(plan, options)?;
        let mut course = Course::new(plan.vary.len());
        let opponent = start_opponent(plan, folder, &mut workers, &mut course, observer)?;
        let logs = Logs::create(plan, folder, opponent.is_some())?;
        Ok(Self {
            source: Source::Fixed(Fixed::reference(workers.space())),
            pace: Pace::new(options.checkpoint_every),
            stop: options.stop.clone(),
            before: 0.0,
            saved: None,
            other_plan: false,
            plan,
            folder,
            workers,
            learner,
            opponent,
            course,
            logs,
            begun,
        })
    }

    /// The run as a checkpoint of `old`, the plan at that time, holds it.
    pub(crate) fn restore(
        plan: &'a Plan,
        folder: &'a RunFolder,
        options: &TrainOptions,
        old: &Plan,
        mut state: State<'static>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RestoreError> {
        let begun = Instant::now();
        let (mut workers, mut learner) = players(plan, options)?;
        let mut course = Course::new(plan.vary.len());
        state.restore("course", &mut course)?;
        state.within("learner", |state| learner.restore(state))?;
        let mut source = Source::Fixed(Fixed::reference(workers.space()));
        let same = plan.same_game(old);
        let opponent = match plan.adversary.kind {
            AdversaryKind::Nominal => None,
            _ if !same => start_opponent(plan, folder, &mut workers, &mut course, observer)?,
            _ => Some(Opponent::restore(plan, &workers, &mut state)?),
        };
        if same {
            if state.holds("source") {
                source = Source::Fixed(Fixed(state.take_finite("source", plan.vary.len())?));
            } else if let Some(chosen) = opponent.as_ref().and_then(|opponent| opponent.adversary.source()) {
                source = chosen;
            }
            state.finish()?;
        }
        let logs = Logs::resume(plan, folder, opponent.is_some(), &course, observer)?;
        Ok(Self {
            before: course.seconds,
            saved: Some(course.iteration),
            other_plan: old != plan,
            pace: Pace::new(options.checkpoint_every),
            stop: options.stop.clone(),
            plan,
            folder,
            workers,
            learner,
            opponent,
            source,
            course,
            logs,
            begun,
        })
    }

    /// Trains to the end, or until it is stopped.
    pub(crate) fn finish(mut self, observer: &mut dyn Observer) -> Result<Trained, RunError> {
        let ending = self.go_on(observer).and_then(|ending| {
            self.checkpoint()?;
            Ok(ending)
        });
        let ending = ending.map_err(|error| match self.saved {
            Some(iteration) => {
                let run = self.folder.path().display().to_string();
                RunError::Stopped { error: Box::new(error), iteration, run }
            }
            None => error,
        })?;
        let trained = Trained {
            ending,
            last: self.progress(),
            curve: self.course.curve.clone(),
            checkpoints: self.pace.written,
            checkpoint_seconds: self.pace.total.as_secs_f64(),
            // A file that cannot be read says nothing of what was learnt.
            ball: match self.plan.trains_in_ball() {
                true => BallSummary::read(&self.folder.file("ball.toml")).ok(),
                false => None,
            },
            course: self.course,
        };
        if let Some(warning) = self.opponent.as_ref().and_then(|opponent| {
            guard::never_selected(&opponent.adversary.selection(), trained.last.iteration)
        }) {
            observer.warning(&warning);
        }
        if ending != Ending::Interrupted {
            Summary::new(self.plan, &trained).write(self.folder)?;
        }
        Ok(trained)
    }

    fn go_on(&mut self, observer: &mut dyn Observer) -> Result<Ending, RunError> {
        loop {
            if let Some(ending) = self.course.ending(self.plan) {
                return Ok(ending);
            }
            if self.stop.is_raised() {
                return Ok(Ending::Interrupted);
            }
            match self.turn(observer) {
                // The turn is taken again, from the start, when the run goes on.
                Err(error) if error.is_interruption() => return Ok(Ending::Interrupted),
                other => other?,
            }
            self.improve(observer)?;
            // The first one soon, so that there is a policy to look at.
            if self.course.iteration == 1 || self.pace.is_due() {
                self.checkpoint()?;
            }
        }
    }

    /// Phase I, if it is the adversary's turn.
    fn turn(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        let Self { plan, course, workers, .. } = self;
        let Some(opponent) = self.opponent.as_mut().filter(|_| course.steps >= course.next_turn) else {
            return Ok(());
        };
        let began = Instant::now();
        let turn = Turn {
            seed: plan.seed,
            index: course.turn,
            progress: course.steps as f64 / plan.steps as f64,
            current: &course.current,
        };
        let mut before = State::default();
        opponent.adversary.save(&mut before);
        let mut before = before.into_owned();
        let choice = match opponent.adversary.choose(&turn, self.learner.actor(), workers) {
            Ok(choice) => choice,
            Err(error) => {
                // As if the turn had not begun.
                opponent.adversary.restore(&mut before).map_err(|error| RunError::Guard {
                    what: error.to_string(),
                    iteration: course.iteration + 1,
                })?;
                return Err(error.into());
            }
        };
        course.simulator_steps += choice.simulator_steps;
        course.diverged += choice.report.diverged;
        self.source = choice.source;
        match self.source.point().or(choice.report.worst.as_deref()) {
            Some(z) => course.current.copy_from_slice(z),
            None => course.current.fill(0.0),
        }
        let done = TurnDone {
            turn: course.turn,
            steps: course.steps,
            phi: self.source.point().or(choice.report.worst.as_deref()).map(|z| workers.space().physical(z)),
            report: choice.report,
            simulator_steps: choice.simulator_steps,
            seconds: began.elapsed().as_secs_f64(),
        };
        if let Some(log) = &mut self.logs.adversary {
            log.row(&turn_cells(&done, course.current.len()))?;
        }
        self.logs.events.scalars(done.steps, &turn_scalars(&done))?;
        course.turn += 1;
        let missed = (course.steps - course.next_turn) / plan.adversary.every + 1;
        course.next_turn = course.next_turn.saturating_add(missed.saturating_mul(plan.adversary.every));
        observer.turn(&done);
        Ok(())
    }

    /// Phase II, and its row in the log.
    fn improve(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        let began = Instant::now();
        let iteration = self.course.iteration;
        let adversary = self.opponent.as_ref().map(|opponent| opponent.adversary.as_ref());
        let experience = Experience {
            workers: &mut self.workers,
            source: &self.source,
            seed: self.plan.seed,
            iteration,
            progress: self.course.steps as f64 / self.plan.steps as f64,
            transition_share: 1.0 / self.plan.steps as f64,
            company: adversary.map_or(Company::Nobody, |adversary| adversary.company()),
            selection: adversary.map_or_else(Selection::default, |adversary| adversary.selection()),
            random_actions: self.plan.adversary.random_actions,
        };
        let improvement = self.learner.improve(experience).map_err(|error| match error {
            RlError::NotFinite { what, .. } => {
                RunError::Guard { what: format!("{what} is not finite"), iteration: iteration + 1 }
            }
            RlError::NothingValid { .. } => {
                let what = "every transition diverged, which leaves nothing to learn from".to_owned();
                RunError::Guard { what, iteration: iteration + 1 }
            }
            other => other.into(),
        })?;
        if let Some(what) = guard::not_finite(&improvement, self.learner.actor()) {
            return Err(RunError::Guard { what, iteration: iteration + 1 });
        }
        self.course.advance(&improvement);
        let row = IterationRow {
            iteration: self.course.iteration,
            steps: self.course.steps,
            simulator_steps: self.course.simulator_steps,
            return_mean: mean_over_sound(&improvement.finished, |episode| episode.ret),
            length_mean: mean_over_sound(&improvement.finished, |episode| f64::from(episode.length)),
            improvement: &improvement,
            seconds: self.seconds(),
            steps_per_second: improvement.transitions as f64 / began.elapsed().as_secs_f64(),
            z: self.source.point(),
        };
        self.logs.metrics.row(&row.cells(self.plan.vary.len()))?;
        self.logs.events.scalars(self.course.steps, &iteration_scalars(&row))?;
        if let Some(warning) = guard::learnt_nothing(&improvement, self.course.iteration) {
            observer.warning(&warning);
        }
        if let Some(warning) = guard::watch(&mut self.course, self.plan) {
            observer.warning(&warning);
        }
        observer.iteration(&self.progress(), &improvement);
        Ok(())
    }

    /// Puts everything that determines how the run goes on, and the policy, on disk.
    fn checkpoint(&mut self) -> Result<(), RunError> {
        let began = Instant::now();
        self.course.seconds = self.seconds();
        if self.other_plan || self.saved != Some(self.course.iteration) {
            // The rows that the checkpoint counts must be there whenever it is.
            self.logs.sync()?;
            let header = Header {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                instructions: InstructionSet::detect().name().to_owned(),
                plan: self.plan.to_toml(),
            };
            let checkpoints = Checkpoints::of(self.folder);
            checkpoints.write(self.course.iteration, &header, &self.state())?;
            self.saved = Some(self.course.iteration);
            self.other_plan = false;
        }
        if self.course.iteration > 0 {
            self.write_policy()?;
        }
        self.pace.done(began.elapsed());
        Ok(())
    }

    fn state(&self) -> State<'_> {
        let mut state = State::default();
        state.save("course", &self.course);
        state.within("learner", |state| self.learner.save(state));
        if let Some(opponent) = &self.opponent {
            opponent.save(&mut state);
            if let Some(point) = self.source.point() {
                state.put("source", point);
            }
        }
        state
    }

    fn write_policy(&self) -> Result<(), RunError> {
        let origin = PolicyOrigin {
            task: self.plan.task,
            physics: self.plan.physics,
            algorithm: self.plan.method(),
            seed: self.plan.seed,
            steps: self.course.steps,
            varied: VariedParameter::all(self.workers.space()),
        };
        write_policy(&self.folder.file("policy.safetensors"), self.learner.actor(), &origin)
    }

    fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    fn progress(&self) -> Progress {
        Progress {
            iteration: self.course.iteration,
            steps: self.course.steps,
            budget: self.plan.steps,
            simulator_steps: self.course.simulator_steps,
            episodes: self.course.episodes,
            recent_return: self.course.recent_return(),
            diverged: self.course.diverged,
            seconds: self.seconds(),
        }
    }
}

/// Threads with simulators, and a fresh learner.
fn players(plan: &Plan, options: &TrainOptions) -> Result<(Workers, Box<dyn Learner>), RunError> {
    let simulator = plan.simulator()?;
    let workers = Workers::new(&simulator, options.threads)?.with_stop_flag(options.stop.clone());
    Ok((workers, learner(plan, &simulator)?))
}

/// Estimates the ball, if the adversary plays in one, writes it down, and makes the adversary, whose turn is next; none
/// for `nominal`.
fn start_opponent(
    plan: &Plan,
    folder: &RunFolder,
    workers: &mut Workers,
    course: &mut Course,
    observer: &mut dyn Observer,
) -> Result<Option<Opponent>, RunError> {
    if plan.adversary.kind == AdversaryKind::Nominal {
        return Ok(None);
    }
    let (opponent, ball, steps) = Opponent::start(plan, workers)?;
    if let Some(ball) = &ball {
        ball.write(&folder.file("ball.toml"))?;
        observer.ball(ball);
        if let Some(warning) = ball.warning() {
            observer.warning(&warning);
        }
    }
    course.simulator_steps += steps;
    course.next_turn = course.steps;
    course.current.fill(0.0);
    Ok(Some(opponent))
}
