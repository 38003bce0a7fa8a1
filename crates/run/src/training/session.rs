//! Training a step at a time: Algorithm 1, for any learner, adversary and executor.
//!
//! A [`Session`] is in memory and writes nothing; [`train`](crate::train()) runs one into a folder. Between two steps it is
//! plain data, which [`Session::save`] writes down whole.

use std::sync::Arc;
use std::time::Instant;

use wr2l_rl::{
    Actor, Executor, Experience, Fixed, Improvement, Learner, Opposition, RlError, Selection, State,
    StateError, StopFlag,
};
use wr2l_robust::Adversary;
use wr2l_robust::adversary::{Source, Turn};

use crate::error::RunError;
use crate::executors::executor;
use crate::plan::Plan;
use crate::training::budget::Budget;
use crate::training::counters::Counters;
use crate::training::guard;
use crate::training::players::{Opponent, learner};
use crate::training::watch::{Ending, Observer, Progress, TurnDone};

impl Plan {
    /// What of the plan is not about who plays.
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            seed: self.seed,
            steps: self.steps,
            entropy_below: self.stop.entropy_below,
            every: self.steps_between_turns(),
            random_actions: self.adversary.random_actions,
        }
    }
}

/// What an iteration came to.
#[derive(Clone, Debug)]
pub struct IterationDone {
    /// Where the session stands after it.
    pub progress: Progress,
    /// What the learner says of it.
    pub improvement: Improvement,
    /// The dynamics in z that its episodes ran under, if they shared them.
    pub z: Option<Vec<f64>>,
    /// Policy steps a second.
    pub steps_per_second: f64,
    /// What should not be passed over, in sentences.
    pub warnings: Vec<String>,
}

/// A learner and an adversary at play.
#[derive(Debug)]
pub struct Session {
    budget: Budget,
    executor: Box<dyn Executor>,
    learner: Box<dyn Learner>,
    adversary: Option<Box<dyn Adversary>>,
    source: Source,
    course: Counters,
    /// Since when this process trains.
    begun: Instant,
    /// Seconds that others have trained before.
    before: f64,
}

impl Session {
    /// A session before its first step. Without an adversary all episodes run under the reference dynamics.
    pub fn new(
        budget: Budget,
        executor: Box<dyn Executor>,
        learner: Box<dyn Learner>,
        adversary: Option<Box<dyn Adversary>>,
    ) -> Self {
        let space = executor.space();
        Self {
            source: Arc::new(Fixed::reference(space)),
            course: Counters::new(space.dim()),
            begun: Instant::now(),
            before: 0.0,
            budget,
            executor,
            learner,
            adversary,
        }
    }

    /// The session of a plan, on so many threads: what `wr2l train` runs, without its folder. The ball is estimated here,
    /// if the adversary plays in one.
    ///
    /// # Errors
    /// [`RunError`], if the plan cannot be carried out.
    pub fn of(plan: &Plan, threads: usize, stop: StopFlag) -> Result<Self, RunError> {
        plan.check_machine()?;
        let mut executor = executor(&plan.stage()?, threads, stop)?;
        let learner = learner(plan, executor.simulator())?;
        let (adversary, steps) = match plan.adversary.kind().is_nobody() {
            true => (None, 0),
            false => {
                let (opponent, _, steps) = Opponent::start(plan, executor.as_mut())?;
                (Some(opponent.adversary), steps)
            }
        };
        let mut session = Self::new(plan.budget(), executor, learner, adversary);
        session.course.simulator_steps += steps;
        Ok(session)
    }

    /// The adversary takes its turn, if that is due, and the learner improves the policy once. How the session has ended,
    /// if it has: then nothing was done.
    ///
    /// # Errors
    /// [`RunError::Guard`] if a number that has to be finite is not; [`RunError`] of learner and adversary. The session can
    /// go on after [`Ending::Interrupted`], from where it was before the turn; after an error it cannot, that of an update
    /// which was given up ([`RunError::is_interruption`]) included.
    pub fn step(&mut self, observer: &mut dyn Observer) -> Result<Option<Ending>, RunError> {
        if let Some(ending) = self.ending() {
            return Ok(Some(ending));
        }
        match self.turn() {
            // The turn is taken again, from the start, when the session goes on.
            Err(error) if error.is_interruption() => return Ok(Some(Ending::Interrupted)),
            turn => {
                if let Some(turn) = turn? {
                    observer.turn(&turn);
                }
            }
        }
        let done = self.improve()?;
        done.warnings.iter().for_each(|warning| observer.warning(warning));
        observer.iteration(&done.progress, &done.improvement);
        Ok(None)
    }

    /// Steps to the end, or until the stop flag of the executor is raised.
    ///
    /// # Errors
    /// Those of [`Session::step`].
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Ending, RunError> {
        loop {
            if let Some(ending) = self.step(observer)? {
                return Ok(ending);
            }
        }
    }

    /// How it has ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        let interrupted = || self.executor.stop_flag().is_raised().then_some(Ending::Interrupted);
        self.course.ending(&self.budget).or_else(interrupted)
    }

    /// The policy as it stands.
    pub fn policy(&self) -> &Actor {
        self.learner.actor()
    }

    /// Who simulates.
    pub fn executor(&mut self) -> &mut dyn Executor {
        self.executor.as_mut()
    }

    /// Where it stands.
    pub fn progress(&self) -> Progress {
        Progress {
            iteration: self.course.iteration,
            steps: self.course.steps,
            budget: self.budget.steps,
            simulator_steps: self.course.simulator_steps,
            episodes: self.course.episodes,
            recent_return: self.course.recent_return(),
            diverged: self.course.diverged,
            seconds: self.seconds(),
        }
    }

    /// Writes down everything that determines how it goes on.
    pub fn save<'a>(&'a self, state: &mut State<'a>) {
        state.save("course", &self.course);
        state.within("learner", |state| self.learner.save(state));
        if let Some(adversary) = &self.adversary {
            state.within("adversary", |state| adversary.save(state));
            if let Some(point) = self.source.point() {
                state.put("source", point);
            }
        }
    }

    /// Takes back what [`Session::save`] wrote, into a session newly made of the same players.
    ///
    /// # Errors
    /// [`StateError`]; the session must not be used then.
    pub fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.restore_learner(state)?;
        if let Some(adversary) = &mut self.adversary {
            state.within("adversary", |state| adversary.restore(state))?;
        }
        self.restore_source(state)
    }

    /// Takes back the course and the learner alone: the adversary begins a new game.
    pub(crate) fn restore_learner(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        state.restore("course", &mut self.course)?;
        self.before = self.course.seconds;
        state.within("learner", |state| self.learner.restore(state))
    }

    /// Takes back what the adversary has chosen last.
    pub(crate) fn restore_source(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        if state.holds("source") {
            let z = state.take_finite("source", self.executor.space().dim())?;
            self.source = Arc::new(Fixed(z));
        } else if let Some(chosen) = self.adversary.as_ref().and_then(|adversary| adversary.source()) {
            self.source = chosen;
        }
        Ok(())
    }

    /// An adversary whose turn is next, and the steps of the simulator that it took to make it.
    pub(crate) fn begin_game(&mut self, adversary: Option<Box<dyn Adversary>>, simulator_steps: u64) {
        if adversary.is_some() {
            self.course.simulator_steps += simulator_steps;
            self.course.next_turn = self.course.steps;
            self.course.current.fill(0.0);
        }
        self.adversary = adversary;
    }

    /// An adversary whose game goes on.
    pub(crate) fn go_on_against(&mut self, adversary: Option<Box<dyn Adversary>>) {
        self.adversary = adversary;
    }

    pub(crate) fn course(&self) -> &Counters {
        &self.course
    }

    pub(crate) fn course_mut(&mut self) -> &mut Counters {
        &mut self.course
    }

    pub(crate) fn into_course(self) -> Counters {
        self.course
    }

    /// Which episodes the learner learns from.
    pub(crate) fn selection(&self) -> Selection {
        self.adversary.as_ref().map_or_else(Selection::default, |adversary| adversary.selection())
    }

    /// Wall time of training so far, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    /// Phase I, if it is the adversary's turn.
    pub(crate) fn turn(&mut self) -> Result<Option<TurnDone>, RunError> {
        let Self { budget, course, executor, learner, source, .. } = self;
        let Some(adversary) = self.adversary.as_mut().filter(|_| course.steps >= course.next_turn) else {
            return Ok(None);
        };
        let began = Instant::now();
        let turn = Turn {
            seed: budget.seed,
            index: course.turn,
            progress: course.grown(budget.steps),
            current: &course.current,
        };
        let mut before = State::default();
        adversary.save(&mut before);
        let mut before = before.into_owned();
        let choice = match adversary.choose(&turn, learner.actor(), executor.as_mut()) {
            Ok(choice) => choice,
            Err(error) => {
                // As if the turn had not begun.
                adversary.restore(&mut before).map_err(|error| RunError::Guard {
                    what: error.to_string(),
                    iteration: course.iteration + 1,
                })?;
                return Err(error.into());
            }
        };
        course.simulator_steps += choice.simulator_steps;
        course.diverged += choice.report.diverged;
        *source = choice.source;
        let shown = source.point().or(choice.report.worst.as_deref());
        match shown {
            Some(z) => course.current.copy_from_slice(z),
            None => course.current.fill(0.0),
        }
        let done = TurnDone {
            turn: course.turn,
            steps: course.steps,
            phi: shown.map(|z| executor.space().physical(z)),
            report: choice.report,
            simulator_steps: choice.simulator_steps,
            seconds: began.elapsed().as_secs_f64(),
        };
        course.turn += 1;
        let missed = (course.steps - course.next_turn) / budget.every + 1;
        course.next_turn = course.next_turn.saturating_add(missed.saturating_mul(budget.every));
        Ok(Some(done))
    }

    /// Phase II.
    pub(crate) fn improve(&mut self) -> Result<IterationDone, RunError> {
        let began = Instant::now();
        let iteration = self.course.iteration;
        let adversary = self.adversary.as_deref();
        let experience = Experience {
            executor: self.executor.as_mut(),
            source: self.source.as_ref(),
            seed: self.budget.seed,
            iteration,
            progress: self.course.progress(self.budget.steps),
            transition_share: 1.0 / self.budget.steps as f64,
            opposition: adversary.map_or(Opposition::Nobody, |adversary| adversary.opposition()),
            selection: adversary.map_or_else(Selection::default, |adversary| adversary.selection()),
            random_actions: self.budget.random_actions,
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
        let warnings = [
            guard::learnt_nothing(&improvement, self.course.iteration),
            guard::watch(&mut self.course, self.executor.simulator()),
            self.course.overshoot.watch(self.course.iteration),
        ];
        Ok(IterationDone {
            progress: self.progress(),
            z: self.source.point().map(<[f64]>::to_vec),
            steps_per_second: improvement.transitions as f64 / began.elapsed().as_secs_f64(),
            warnings: warnings.into_iter().flatten().collect(),
            improvement,
        })
    }
}
