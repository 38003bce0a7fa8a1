//! How long experiments are likely to take.

use std::time::Instant;

use wr2l_rl::{EpisodeJob, EpisodeOptions, Experience, Fixed, Learner, Ppo, Workers};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Task, TaskName};

use crate::error::RunError;
use crate::plan::{AdversaryKind, Plan};
use crate::reproduce::{Agenda, JobStatus, Target, systems_of};

/// How long something is likely to take, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Training of the runs that are not done.
    pub training: f64,
    /// Evaluations that are not done.
    pub evaluation: f64,
}

impl Agenda {
    /// How long the missing work is likely to take on `threads` threads, from a second or so of simulation and learning
    /// of each task. Episodes are taken to last half of their time limit.
    ///
    /// # Errors
    /// [`RunError::Sim`], [`RunError::Learning`].
    pub fn estimate(&self, threads: usize) -> Result<Estimate, RunError> {
        let mut estimate = Estimate::default();
        let mut known: Vec<(TaskName, Speed)> = Vec::new();
        for job in &self.jobs {
            if known.iter().all(|(task, _)| *task != job.plan.task) {
                known.push((job.plan.task, Speed::measure(&job.plan)?));
            }
        }
        let speed = |task| known.iter().find(|(t, _)| *t == task).map_or(Speed::default(), |(_, s)| *s);
        for job in self.jobs.iter().filter(|job| job.status != JobStatus::Done) {
            let speed = speed(job.plan.task);
            estimate.training +=
                job.plan.steps as f64 * speed.learning + adversary_steps(&job.plan) * speed.simulation;
        }
        for experiment in self.experiments() {
            let plans = || experiment.methods.iter().flat_map(|method| &method.plans);
            let Some(first) = plans().next() else { continue };
            for evaluation in &experiment.evaluations {
                if self.csv(experiment, evaluation).exists() {
                    continue;
                }
                let episodes = match systems_of(evaluation, first.task)? {
                    Target::On(systems) => systems.len() as f64 * f64::from(evaluation.episodes),
                    Target::Worst(worst) => worst.search.budget as f64,
                };
                let steps = episodes * 0.5 * f64::from(Task::new(first.task).spec().episode_limit);
                estimate.evaluation += plans().count() as f64 * steps * speed(first.task).simulation;
            }
        }
        estimate.training /= threads as f64;
        estimate.evaluation /= threads as f64;
        Ok(estimate)
    }
}

/// Seconds a step, on one thread.
#[derive(Clone, Copy, Debug, Default)]
struct Speed {
    /// Of the simulator, with a policy acting.
    simulation: f64,
    /// Of learning, simulation included.
    learning: f64,
}

impl Speed {
    /// Measures an iteration of PPO, and some episodes.
    fn measure(plan: &Plan) -> Result<Self, RunError> {
        let simulator = plan.simulator()?;
        let mut workers = Workers::new(&simulator, 1)?;
        let mut learner = Ppo::new(plan.ppo.clone(), simulator.spec(), simulator.space().dim(), plan.seed)?;
        let source = Fixed::reference(simulator.space());
        let begun = Instant::now();
        let experience = Experience::alone(&mut workers, &source, 0, 0, 0.0);
        let transitions = learner.improve(experience)?.transitions;
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
        let z = vec![0.0; simulator.space().dim()];
        let begun = Instant::now();
        let results = workers.episodes(learner.actor(), &z, &jobs, options)?;
        let steps: u64 = results.iter().map(|result| u64::from(result.length)).sum();
        Ok(Self { simulation: begun.elapsed().as_secs_f64() / steps.max(1) as f64, learning })
    }
}

/// About how many simulator steps the adversary of a plan takes, H₀ left out.
fn adversary_steps(plan: &Plan) -> f64 {
    if plan.adversary.kind != AdversaryKind::Wasserstein {
        return 0.0;
    }
    let phase_one = &plan.adversary.phase_one;
    let turns = (plan.steps as f64 / plan.adversary.every as f64).ceil();
    // Gradient pairs and about three points of the line search a step, two to four comparisons at the end.
    let inner = f64::from(phase_one.max_inner) * (2.0 * phase_one.gradient.pairs as f64 + 6.0);
    let points = phase_one.starts as f64 + inner + 4.0;
    let length = 0.5 * f64::from(Task::new(plan.task).spec().episode_limit);
    turns * points * plan.adversary.episodes as f64 * length
}
