//! Training into a folder: a session with its logs, checkpoints and policy.
//!
//! Between two iterations a run is plain data (the session's, and the ball's estimate), which a checkpoint holds whole.
//! When checkpoints are made has no influence on what is learnt.

use std::time::{Duration, Instant};

use wr2l_nn::InstructionSet;
use wr2l_rl::{State, StopFlag};

use crate::error::RunError;
use crate::executors::executor;
use crate::formats::ball_file::BallSummary;
use crate::formats::checkpoint::{Checkpoints, Header, Keep};
use crate::formats::folder::{BEST, RunFolder};
use crate::formats::policy_file::{PolicyOrigin, write_policy};
use crate::plan::Plan;
use crate::training::best::Best;
use crate::training::changed_steps::steps_to_course;
use crate::training::counters::{Counters, mean_over_sound};
use crate::training::guard;
use crate::training::logs::Logs;
use crate::training::players::{ESTIMATE, Opponent, RestoreError, learner, origin};
use crate::training::session::Session;
use crate::training::summary::Summary;
use crate::training::trained::Trained;
use crate::training::watch::{Ending, Observer};

/// Seconds of training between two checkpoints, at least: what a crash may cost.
const CHECKPOINT_EVERY: f64 = 30.0;
/// And at least this many times as long as the last one took, so that they cost less than 1 %: half of that.
const CHECKPOINT_SHARE: f64 = 200.0;

/// How to train: nothing that influences what is learnt.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Threads, at least one.
    pub threads: usize,
    /// Asks the run to stop: the iteration in progress is completed, an adversary's turn is not, and a checkpoint is
    /// written. An update that outlasts the flag's patience is given up: the run goes on from the checkpoint before.
    pub stop: StopFlag,
    /// Seconds between two checkpoints, 0 for one after every iteration. By default 30, or 200 times as long as writing
    /// one takes.
    pub checkpoint_every: Option<f64>,
    /// Which checkpoints stay. By default the last three, and the last one once the run has ended.
    pub keep: Option<Keep>,
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
        Self { threads: 1, stop: StopFlag::default(), checkpoint_every: None, keep: None }
    }
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

/// A session that is written into a folder.
pub(crate) struct Run<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    session: Session,
    /// What a checkpoint keeps of the ball.
    estimate: Option<String>,
    best: Best,
    logs: Logs,
    pace: Pace,
    keep: Option<Keep>,
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
        plan.write_whole(folder.path())?;
        let mut session = against_nobody(plan, options)?;
        let estimate = begin_game(plan, folder, &mut session, observer)?;
        let logs = Logs::create(plan, folder)?;
        let pace = Pace::new(options.checkpoint_every);
        Ok(Self {
            plan,
            folder,
            session,
            estimate,
            best: Best::default(),
            logs,
            pace,
            keep: options.keep,
            saved: None,
            other_plan: false,
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
        let mut session = against_nobody(plan, options)?;
        session.restore_learner(&mut state)?;
        if old.steps != plan.steps {
            session.course_mut().change_steps(old.steps);
            if let Some(said) = course_of_rate(plan, session.course()) {
                observer.warning(&said);
            }
        }
        let same = plan.same_game(old);
        let (mut estimate, mut best) = (None, Best::default());
        if !same {
            // The best of another game is not the best of this one.
            folder.remove(BEST)?;
            estimate = begin_game(plan, folder, &mut session, observer)?;
        } else if !plan.adversary.kind().is_nobody() {
            let opponent = Opponent::restore(plan, session.executor(), &mut state)?;
            session.go_on_against(Some(opponent.adversary));
            estimate = opponent.estimate;
        }
        if same {
            session.restore_source(&mut state)?;
            best = Best::restore(&mut state, session.policy())?;
            state.finish()?;
        }
        let logs = Logs::resume(plan, folder, session.course(), observer)?;
        Ok(Self {
            saved: Some(session.course().iteration),
            other_plan: old != plan,
            pace: Pace::new(options.checkpoint_every),
            keep: options.keep,
            plan,
            folder,
            session,
            estimate,
            best,
            logs,
        })
    }

    /// Trains to the end, or until it is stopped.
    pub(crate) fn finish(mut self, observer: &mut dyn Observer) -> Result<Trained, RunError> {
        let ending = self.go_on(observer).and_then(|ending| match ending {
            Some(ending) => self.checkpoint().map(|()| ending),
            None => Ok(Ending::Interrupted),
        });
        let ending = ending.map_err(|error| match self.saved {
            Some(iteration) => {
                let run = self.folder.path().display().to_string();
                RunError::Stopped { error: Box::new(error), iteration, run }
            }
            None => error,
        })?;
        let last = self.session.progress();
        let ended = ending != Ending::Interrupted;
        let warnings = [
            guard::never_selected(&self.session.selection(), last.iteration),
            // With the count of the whole run.
            self.session.course().overshoot.warning(last.iteration).filter(|_| ended),
        ];
        warnings.iter().flatten().for_each(|warning| observer.warning(warning));
        let course = self.session.into_course();
        let trained = Trained {
            ending,
            last,
            curve: course.curve.clone(),
            saved: self.saved.unwrap_or(0),
            checkpoints: self.pace.written,
            checkpoint_seconds: self.pace.total.as_secs_f64(),
            // A file that cannot be read says nothing of what was learnt.
            ball: match self.plan.trains_in_ball() {
                true => BallSummary::read(&self.folder.file("ball.toml")).ok(),
                false => None,
            },
            course,
        };
        if ended {
            Summary::new(self.plan, &trained).write(self.folder)?;
            Checkpoints::of(self.folder).prune(self.keep.unwrap_or(Keep::ENDED))?;
        }
        Ok(trained)
    }

    /// How it ended; `None` if it was interrupted in the midst of an update, of which no checkpoint can be made.
    fn go_on(&mut self, observer: &mut dyn Observer) -> Result<Option<Ending>, RunError> {
        loop {
            if let Some(ending) = self.session.ending() {
                return Ok(Some(ending));
            }
            match self.session.turn() {
                // The turn is taken again, from the start, when the run goes on.
                Err(error) if error.is_interruption() => return Ok(Some(Ending::Interrupted)),
                turn => {
                    if let Some(turn) = turn? {
                        self.best.turn(&turn, self.session.policy());
                        self.logs.turn(&turn, self.plan.vary.len())?;
                        observer.turn(&turn);
                    }
                }
            }
            let (before, steps) = (self.session.policy().clone(), self.session.course().steps);
            let done = match self.session.improve() {
                Err(error) if error.is_interruption() => return Ok(None),
                done => done?,
            };
            if let Some(mean_return) = self.session.course().return_of_a_hundred() {
                let ended = mean_over_sound(&done.improvement.finished, |episode| episode.ret).is_finite();
                self.best.episodes(mean_return, ended, before, steps);
            }
            self.logs.iteration(&done, self.plan.vary.len())?;
            done.warnings.iter().for_each(|warning| observer.warning(warning));
            observer.iteration(&done.progress, &done.improvement);
            // The first one soon, so that there is a policy to look at.
            let stage = self.keep.is_some_and(|keep| keep.is_power(done.progress.iteration));
            if done.progress.iteration == 1 || stage || self.pace.is_due() {
                self.checkpoint()?;
            }
        }
    }

    /// Puts everything that determines how the run goes on, and the policy, on disk.
    fn checkpoint(&mut self) -> Result<(), RunError> {
        let began = Instant::now();
        let seconds = self.session.seconds();
        self.session.course_mut().seconds = seconds;
        let iteration = self.session.course().iteration;
        if self.other_plan || self.saved != Some(iteration) {
            // The rows that the checkpoint counts must be there whenever it is.
            self.logs.sync()?;
            let header = Header {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                instructions: InstructionSet::detect().bits().to_owned(),
                plan: self.plan.to_toml(),
            };
            let mut state = State::default();
            self.session.save(&mut state);
            self.best.save(&mut state);
            if let Some(estimate) = &self.estimate {
                state.put(ESTIMATE, estimate.as_bytes());
            }
            Checkpoints::of(self.folder).write(
                iteration,
                &header,
                &state,
                self.keep.unwrap_or(Keep::TRAINING),
            )?;
            self.saved = Some(iteration);
            self.other_plan = false;
        }
        if iteration > 0 {
            self.write_policy()?;
        }
        self.pace.done(began.elapsed());
        Ok(())
    }

    fn write_policy(&mut self) -> Result<(), RunError> {
        let origin = origin(self.plan, self.session.course().steps)?;
        write_policy(&self.folder.file("policy.safetensors"), self.session.policy(), &origin)?;
        match self.best.take_fresh() {
            Some(best) => {
                let origin = PolicyOrigin { steps: best.steps, ..origin };
                write_policy(&self.folder.file(BEST), &best.actor, &origin)
            }
            None => Ok(()),
        }
    }
}

/// What becomes of a learning rate that falls over training, where the number of steps has changed.
fn course_of_rate(plan: &Plan, course: &Counters) -> Option<String> {
    let learner = plan.learner.as_str();
    let anneals = plan.get(&format!("{learner}.anneal")).is_some_and(|value| value.as_bool() == Some(true));
    let rate = plan.get(&format!("{learner}.learning_rate"))?.as_float().filter(|_| anneals)?;
    let to_course = steps_to_course(course.steps, plan.steps);
    let then = (course.steps + to_course).min(plan.steps);
    let at = |progress: f64| rate * (1.0 - progress).max(0.0);
    Some(format!(
        "the learning rate goes on at {:.2e}: within {to_course} steps it moves to {:.2e}, that of a run of {} steps, and \
         falls to 0 at its end",
        at(course.progress(plan.steps)),
        at(then as f64 / plan.steps as f64),
        plan.steps
    ))
}

/// A session whose adversary is not there yet.
fn against_nobody(plan: &Plan, options: &TrainOptions) -> Result<Session, RunError> {
    plan.check_machine()?;
    let executor = executor(&plan.stage()?, options.threads, options.stop.clone())?;
    let learner = learner(plan, executor.simulator())?;
    Ok(Session::new(plan.budget(), executor, learner, None))
}

/// Estimates the ball, if the adversary plays in one, writes it down, and makes the adversary, whose turn is next; none
/// for `nominal`. What a checkpoint keeps of the ball.
fn begin_game(
    plan: &Plan,
    folder: &RunFolder,
    session: &mut Session,
    observer: &mut dyn Observer,
) -> Result<Option<String>, RunError> {
    if plan.adversary.kind().is_nobody() {
        return Ok(None);
    }
    let (opponent, ball, steps) = Opponent::start(plan, session.executor())?;
    if let Some(ball) = &ball {
        ball.write(&folder.file("ball.toml"))?;
        observer.ball(ball);
        if let Some(warning) = ball.warning() {
            observer.warning(&warning);
        }
    }
    session.begin_game(Some(opponent.adversary), steps);
    Ok(opponent.estimate)
}
