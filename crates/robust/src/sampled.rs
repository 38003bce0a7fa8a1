//! H₀ over as many state–action pairs as its error needs, and the few among them that W is measured at.

use wr2l_rl::{Executor, Trajectory};
use wr2l_rng::{Purpose, Stream, StreamKey};

use crate::config::BallConfig;
use crate::hessian::{Contributions, Distance, HessianEstimate, TransitionModel, pair_hessians};
use crate::pairs::{nothing_begins, trajectories};
use crate::{Pairs, RobustError, SimulatedTransitions};

/// Trajectories that are simulated and differentiated together.
const WAVE: usize = 64;
/// Pairs of a trajectory, on average, beyond which only every second, third and so on is used: the pairs of a long
/// trajectory resemble each other, so that many trajectories tell more than all pairs of a few.
const LONG: usize = 250;
/// Trajectories after which it is given up if none has taken a step.
const MAX_EMPTY: usize = 100_000;

/// What a ball is made of.
pub(crate) struct Sample {
    pub(crate) hessian: HessianEstimate,
    pub(crate) pairs: Pairs,
    pub(crate) distance: Distance,
}

/// Simulates trajectories of the reference until every half-width is known to the target error, or the budget is
/// spent.
pub(crate) fn sample(
    executor: &mut dyn Executor,
    config: &BallConfig,
    seed: u64,
) -> Result<Sample, RobustError> {
    let space = executor.space().clone();
    let (lower, upper) = (space.lower_z(), space.upper_z());
    let mut distance = Distance { estimator: config.transport, weights: Vec::new() };
    let mut contributions = Contributions::new(space.dim());
    let samples = config.pairs.samples;
    let (mut all, mut usual_stride) = (Pairs { samples, ..Pairs::none() }, None);
    let (mut done, mut steps, mut next_look) = (0, 0, config.pairs.pool.max(1));
    loop {
        let wave = trajectories(executor, None, done..done + WAVE, seed)?;
        done += WAVE;
        let stride = *usual_stride.get_or_insert_with(|| {
            let transitions: u64 = wave.iter().map(|trajectory| trajectory.len).sum();
            // As many next states at a time, however many a pair has.
            (transitions as usize).div_ceil((LONG * WAVE / samples).max(1)).max(1)
        });
        let (state_dim, act_dim) = (executor.spec().state_dim(), executor.spec().act_dim());
        let (fresh, lengths) = thinned(&wave, done - WAVE, stride, state_dim, act_dim);
        let fresh = Pairs { samples, ..fresh };
        if fresh.len > 0 {
            let mut model = SimulatedTransitions::new(executor, &fresh);
            if distance.weights.is_empty() {
                // From the first trajectories alone: a unit must not change while the mean is taken.
                let mut reference = vec![0.0; model.row_len()];
                model.next_states(&vec![0.0; space.dim()], &mut reference)?;
                distance.weights = config.state_weights.weights(&reference, model.state_dim());
            }
            let parts = pair_hessians(&mut model, &distance, &lower, &upper, &config.gauss_newton)?;
            steps += parts.simulator_steps;
            contributions.extend(&parts.packed, lengths);
            all.states.extend(fresh.states);
            all.actions.extend(fresh.actions);
            all.len += fresh.len;
        } else if done >= MAX_EMPTY && all.len == 0 {
            return Err(nothing_begins(space.dim()));
        }
        all.simulator_steps += fresh.simulator_steps;
        let spent = (all.simulator_steps + steps) as usize >= config.pairs.most_steps;
        if all.len < next_look && !spent || all.len == 0 {
            continue;
        }
        // Looks are few, so that chance has few occasions to end it too early.
        next_look = all.len * 2;
        let weights = contributions.weights(config.pairs.largest_share);
        let hessian = contributions.mean(&weights, steps)?;
        // A parameter that moves nothing has no half-width to know.
        let known = |error: &f64| error.is_nan() || *error <= config.pairs.target_error;
        if spent || hessian.half_width_errors().iter().all(known) {
            let key = StreamKey::new(seed, Purpose::Pairs).lane(u64::MAX);
            let leverage = contributions.leverage(&weights);
            let pairs = kept(&all, &weights, &leverage, config.pairs.count, &mut key.stream());
            return Ok(Sample { hessian, pairs, distance });
        }
    }
}

/// Every `stride`-th pair of trajectories whose first has number `first`, and how many are of each. Every transition has
/// the same chance: trajectories begin at the first, second and so on in turn.
fn thinned(
    wave: &[Trajectory],
    first: usize,
    stride: usize,
    state_dim: usize,
    act_dim: usize,
) -> (Pairs, Vec<usize>) {
    let mut pairs = Pairs::none();
    let mut lengths = Vec::with_capacity(wave.len());
    for (t, trajectory) in wave.iter().enumerate() {
        let before = pairs.len;
        for i in ((first + t) % stride..trajectory.len as usize).step_by(stride) {
            pairs.states.extend_from_slice(&trajectory.states[i * state_dim..][..state_dim]);
            pairs.actions.extend_from_slice(&trajectory.actions[i * act_dim..][..act_dim]);
            pairs.len += 1;
        }
        lengths.push(pairs.len - before);
        pairs.simulator_steps += trajectory.len;
    }
    (pairs, lengths)
}

/// About `count` of the pairs, those that count more with more chance, and each with the weight that makes up for it:
/// their weighted mean is, on average, the mean over all with `weights`.
///
/// Half of the chance is the same for all, because far from the reference other pairs may touch the ground; so no
/// weight is more than doubled.
fn kept(all: &Pairs, weights: &[f64], leverage: &[f64], count: usize, stream: &mut Stream) -> Pairs {
    let (state_dim, act_dim) = (all.states.len() / all.len, all.actions.len() / all.len);
    let chance = |i: usize| 0.5 + 0.5 * leverage[i];
    let total: f64 = (0..all.len).map(chance).sum();
    // Systematic: a comb of `count` equidistant teeth over the chances laid end to end.
    let tooth = total / count as f64;
    let mut next = tooth * stream.uniform(0.0, 1.0);
    let mut end = 0.0;
    let mut kept = Pairs { simulator_steps: all.simulator_steps, samples: all.samples, ..Pairs::none() };
    for i in 0..all.len {
        end += chance(i);
        let mut hits = 0;
        while next < end {
            hits += 1;
            next += tooth;
        }
        if hits > 0 {
            kept.states.extend_from_slice(&all.states[i * state_dim..][..state_dim]);
            kept.actions.extend_from_slice(&all.actions[i * act_dim..][..act_dim]);
            kept.weights.push(f64::from(hits) * weights[i] * tooth / (chance(i) * all.len as f64));
            kept.len += 1;
        }
    }
    // W is the mean over those that are kept, which is less than `count` where one was hit twice.
    kept.weights.iter_mut().for_each(|weight| *weight *= kept.len as f64);
    kept
}

#[cfg(test)]
mod tests;
