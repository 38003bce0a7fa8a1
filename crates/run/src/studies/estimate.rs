//! How long experiments are likely to take.

use std::time::{Duration, Instant};

use wr2l_rl::{EpisodeJob, EpisodeOptions, Executor, Experience, Fixed, Threads};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::Turn;

use crate::error::RunError;
use crate::plan::{LearnerPlan, Plan};
use crate::studies::experiment::{Target, systems_of};
use crate::studies::reproduce::{Agenda, JobStatus};
use crate::training::players::{Opponent, learner};

/// How long each kind of run is tried for: a few iterations of most learners.
const TRIAL: Duration = Duration::from_millis(500);

/// How long something is likely to take, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Training of the runs that are not done.
    pub training: f64,
    /// Evaluations that are not done.
    pub evaluation: f64,
}

impl Agenda {
    /// How long the missing work is likely to take on `threads` threads, from half a second or so of every task, physics and
    /// method on this machine. Episodes of evaluations and of adversaries that play whole ones are taken to last half of their
    /// time limit.
    ///
    /// # Errors
    /// [`RunError::Sim`], [`RunError::Learning`].
    pub fn estimate(&self, threads: usize) -> Result<Estimate, RunError> {
        let mut known: Vec<(&Plan, Speed)> = Vec::new();
        let mut speed = |plan| match known.iter().find(|(other, _)| is_as_fast(plan, other)) {
            Some((_, speed)) => Ok(*speed),
            None => {
                let speed = Speed::measure(plan)?;
                known.push((plan, speed));
                Ok::<_, RunError>(speed)
            }
        };
        let (mut training, mut longest, mut evaluation) = (0.0, 0.0_f64, 0.0);
        for job in self.jobs.iter().filter(|job| job.status != JobStatus::Done) {
            let speed = speed(&job.plan)?;
            let seconds =
                job.plan.steps as f64 * speed.learning + adversary_steps(&job.plan) * speed.simulation;
            training += seconds;
            longest = longest.max(seconds);
        }
        for experiment in self.experiments() {
            let plans = || experiment.methods.iter().flat_map(|method| &method.plans);
            let Some(first) = plans().next() else { continue };
            for one in &experiment.evaluations {
                if self.csv(experiment, one).exists() {
                    continue;
                }
                let episodes = match systems_of(one, &*first.task)? {
                    Target::On(systems) => systems.len() as f64 * f64::from(one.episodes),
                    Target::Worst(worst) => worst.search.budget as f64,
                };
                let steps = plans().count() as f64 * episodes * usual_length(first);
                evaluation += steps * speed(first)?.simulation;
            }
        }
        let threads = threads as f64;
        // A run has one thread.
        Ok(Estimate { training: longest.max(training / threads), evaluation: evaluation / threads })
    }
}

/// Steps of an episode of which nothing is known: half of the time limit.
fn usual_length(plan: &Plan) -> f64 {
    0.5 * f64::from(plan.task.spec().episode_limit)
}

/// Whether [`Speed::measure`] would find the same for both.
fn is_as_fast(one: &Plan, other: &Plan) -> bool {
    let game = |plan: &Plan| {
        let (task, adversary) = (&plan.task, &plan.adversary);
        (task.hash(), task.to_string(), plan.physics, adversary.kind(), adversary.random_actions)
    };
    game(one) == game(other) && one.learner == other.learner
}

/// Seconds a step, on one thread.
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// Of the simulator, with a policy acting.
    simulation: f64,
    /// Of learning, simulation included, and the learning of an adversary that is a policy itself.
    learning: f64,
}

impl Speed {
    /// Measures some iterations of the run, and some episodes.
    fn measure(plan: &Plan) -> Result<Self, RunError> {
        // What is done only at the beginning of a run says nothing of the rest.
        let mut plan = plan.clone();
        if let Some(options) = plan.learner.options().underway() {
            plan.learner = LearnerPlan::of(options);
        }
        let simulator = plan.simulator()?;
        let mut executor = Threads::new(&simulator, 1)?;
        let mut learner = learner(&plan, &simulator)?;
        let z = vec![0.0; simulator.space().dim()];
        let source = Fixed(z.clone());
        // Those that play in the ball are counted in steps of the simulator: `adversary_steps`.
        let mut opponent = match plan.trains_in_ball() {
            true => None,
            false => Some(Opponent::start(&plan, &mut executor)?.0),
        };
        let begun = Instant::now();
        let (mut transitions, mut iteration) = (0, 0);
        while iteration == 0 || begun.elapsed() < TRIAL {
            let mut experience = Experience::alone(&mut executor, &source, plan.seed, iteration, 0.0);
            experience.random_actions = plan.adversary.random_actions;
            if let Some(Opponent { adversary, .. }) = &mut opponent {
                let turn = Turn { seed: plan.seed, index: iteration, progress: 0.0, current: &z };
                adversary.choose(&turn, learner.actor(), experience.executor)?;
                experience.opposition = adversary.opposition();
                experience.selection = adversary.selection();
            }
            transitions += learner.improve(experience)?.transitions;
            iteration += 1;
        }
        let learning = begun.elapsed().as_secs_f64() / transitions.max(1) as f64;

        let key = |purpose, i| StreamKey::new(0, purpose).episode(i);
        let jobs: Vec<EpisodeJob> = (0..4 * simulator.preferred_lanes() as u64)
            .map(|i| EpisodeJob {
                dynamics: 0,
                reset: key(Purpose::ReturnReset, i),
                action: key(Purpose::ReturnAction, i),
            })
            .collect();
        let options = EpisodeOptions { stochastic: true, discount: 1.0 };
        let begun = Instant::now();
        let results = executor.episodes(learner.actor(), &z, &jobs, options)?;
        let steps: u64 = results.iter().map(|result| u64::from(result.length)).sum();
        Ok(Self { simulation: begun.elapsed().as_secs_f64() / steps.max(1) as f64, learning })
    }
}

/// About how many simulator steps an adversary that plays in the ball takes, H₀ left out.
fn adversary_steps(plan: &Plan) -> f64 {
    let Some(episodes) = plan.adversary.options().episodes_a_turn() else { return 0.0 };
    let turns = (plan.steps as f64 / plan.steps_between_turns() as f64).ceil();
    // Each of them measures W of its choice, on two steps a state–action pair.
    let measured = 2.0 * plan.ball.pairs.count as f64;
    turns * (episodes * usual_length(plan) + measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select_experiments;

    #[test]
    fn every_method_is_tried_and_no_number_of_threads_makes_one_run_shorter() {
        let folder = tempfile::tempdir().unwrap();
        // Every pair of learner and adversary that the experiments have.
        let experiments = select_experiments(&["fig4".into()], true, None).unwrap();
        let mut agenda = Agenda::new(experiments, folder.path()).unwrap();
        agenda.jobs.retain(|job| job.plan.seed == 0);
        let estimate = agenda.estimate(1_000_000).unwrap();
        assert!(estimate.training > 1e-6 && estimate.training.is_finite(), "{estimate:?}");
        assert!(estimate.evaluation > 0.0, "{estimate:?}");
        for job in &mut agenda.jobs {
            job.status = JobStatus::Done;
        }
        assert_eq!(agenda.estimate(1).unwrap().training, 0.0);
    }
}
