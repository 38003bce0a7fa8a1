//! A learner of one's own: augmented random search (Mania, Guy & Recht 2018), a linear policy that climbs along random
//! directions, under whatever dynamics the adversary chooses.
//!
//! `cargo run --release -p wr2l-examples --example own_learner`

use std::error::Error;

use wr2l::nn::{Normaliser, Policy};
use wr2l::rl::{
    Actor, EpisodeJob, EpisodeOptions, Experience, FinishedEpisode, Improvement, Learner, Opposition,
    RlError, State, StateError, Threads,
};
use wr2l::rng::{Purpose, StreamKey};
use wr2l::robust::adversary::Uniform;
use wr2l::robust::{AdversaryConfig, BallConfig, BallEstimate, PairsConfig};
use wr2l::run::{Budget, Session};
use wr2l::sim::{Outcome, SimSpec, Simulator, Task, TaskName};

/// Directions that are tried in an iteration, each both ways.
const DIRECTIONS: usize = 8;
/// How far the weights are moved along a direction to try it.
const NOISE: f32 = 0.1;
/// How far the policy then goes, in units of the returns' deviation.
const STEP: f32 = 0.1;

/// A linear policy, and nothing else.
#[derive(Debug)]
pub struct RandomSearch {
    actor: Actor,
}

impl RandomSearch {
    /// A policy that does nothing yet.
    pub fn new(spec: &SimSpec) -> Result<Self, Box<dyn Error>> {
        let policy = Policy::gaussian(spec.obs_dim, &[], spec.act_dim())?;
        let weights = vec![0.0; policy.parameters()];
        let actor = Actor::new(policy, weights, Normaliser::identity(spec.obs_dim), spec.actions.clone())?;
        Ok(Self { actor })
    }

    /// The same policy with other weights.
    fn with(&self, weights: Vec<f32>) -> Result<Actor, RlError> {
        Actor::new(
            self.actor.policy().clone(),
            weights,
            self.actor.normaliser().clone(),
            self.actor.action_space().clone(),
        )
    }
}

impl Learner for RandomSearch {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        let Experience { executor, source, opposition, seed, iteration, .. } = experience;
        // Against somebody who pushes or acts, too, this learner would train as if it were alone.
        if !matches!(opposition, Opposition::Nobody) {
            return Err(RlError::Opposition { learner: "random search" });
        }
        let dim = executor.space().dim();
        let weights = self.actor.params().to_vec();
        let mut gradient = vec![0.0_f32; weights.len()];
        let mut done = Improvement::default();
        let mut seen = Vec::new();
        for direction in 0..DIRECTIONS as u64 {
            // Every random number is keyed by what it is for: the same run for any number of threads.
            let key = StreamKey::new(seed, Purpose::Own).iteration(iteration).lane(direction);
            let mut stream = key.stream();
            let along: Vec<f32> = weights.iter().map(|_| stream.normal() as f32).collect();
            // A direction counts as a lane, and an iteration as an episode: all that a source asks for.
            let mut z = vec![0.0; dim];
            source.z(direction, iteration, &mut z);
            let job = EpisodeJob { dynamics: 0, reset: key.episode(1), action: key.episode(2) };
            let options = EpisodeOptions { stochastic: false, discount: 1.0 };
            // Both ways from the same start, so that their difference is the policy's.
            let mut returns = [0.0; 2];
            let mut sound = true;
            for (ret, sign) in returns.iter_mut().zip([1.0, -1.0]) {
                let moved = weights.iter().zip(&along).map(|(w, a)| w + sign * NOISE * a).collect();
                let result = executor.episodes(&self.with(moved)?, &z, &[job], options)?[0];
                *ret = result.ret;
                done.transitions += result.length as usize;
                sound &= !matches!(result.outcome, Outcome::Diverged(_));
                let (ret, length, outcome) = (result.ret, result.length, result.outcome);
                done.finished.push(FinishedEpisode { ret, length, outcome });
            }
            // A return up to where the physics broke down says nothing of the policy.
            if !sound {
                done.diverged += 1;
                continue;
            }
            seen.extend(returns);
            for (g, a) in gradient.iter_mut().zip(&along) {
                *g += (returns[0] - returns[1]) as f32 * a;
            }
        }
        let count = seen.len().max(1) as f64;
        let mean = seen.iter().sum::<f64>() / count;
        let deviation = (seen.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / count).sqrt();
        // All returns alike: there is nothing to learn from.
        let rate = if deviation > 0.0 { STEP / (DIRECTIONS as f32 * deviation as f32) } else { 0.0 };
        let climbed = weights.iter().zip(&gradient).map(|(w, g)| w + rate * g).collect();
        self.actor = self.with(climbed)?;
        Ok(done)
    }

    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn transitions(&self) -> usize {
        // An episode may be of any length: the number is not fixed.
        0
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("weights", self.actor.params());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let weights = state.take_finite("weights", self.actor.params().len())?;
        self.actor = self.with(weights).map_err(|error| state.unusable("weights", error))?;
        Ok(())
    }
}

/// A session of it on the inverted pendulum, whose pole may have any length in a ball.
pub fn session(steps: u64, threads: usize) -> Result<Session, Box<dyn Error>> {
    let task = Task::new(TaskName::INVERTED_PENDULUM);
    let vary = task.space().select(&["pole_length"])?;
    let simulator = Simulator::new(task, None, vary)?;
    let mut executor = Threads::new(&simulator, threads)?;
    let pairs = PairsConfig { count: 200, pool: 1000, ..PairsConfig::default() };
    let config = BallConfig { half_width: Some(0.3), pairs, ..BallConfig::default() };
    let ball = BallEstimate::new(&mut executor, &config, 1)?.ball(simulator.space(), &config)?;
    let adversary = Uniform::new(ball, AdversaryConfig::default())?;
    let learner = RandomSearch::new(simulator.spec())?;
    let budget = Budget::new(1, steps);
    Ok(Session::new(budget, Box::new(executor), Box::new(learner), Some(Box::new(adversary))))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut session = session(100_000, 2)?;
    session.run(&mut ())?;
    println!("the linear policies that it tries balance for {:.0} steps", session.progress().recent_return);
    Ok(())
}
