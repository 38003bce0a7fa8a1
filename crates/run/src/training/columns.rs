//! The columns of a run's logs.

use wr2l_rl::{Improvement, Skip};
use wr2l_robust::phase_one::Stop;

use crate::formats::log::Cell;
use crate::training::counters::mean_over_sound;
use crate::training::session::IterationDone;
use crate::training::watch::TurnDone;

/// Columns of `metrics.csv`; then one per varied parameter, `z_NAME`, with its normalised value under which the
/// iteration's episodes ran, empty if they differed; then one per term of the reward of a robot of one's own, `reward/NAME`,
/// with its mean a step.
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
/// | `skipped` | why the policy was left as it was: `no-gradient`, `not-finite`, `no-curvature`, `no-progress` (TRPO), `warm-up` (DDPG, TD3); usually empty |
///
/// For TRPO `policy_loss` is minus the gain in the surrogate, and `entropy`, `kl` are those of the step; for DDPG and TD3 it
/// is minus the mean of Q, `gradient_norm` is the first critic's, and what does not apply is empty.
pub const COLUMNS: [&str; 19] = [
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
    "skipped",
];

/// The column of `adversary.csv` that logs of version 0.1 do not have.
pub(crate) const W_LARGEST: &str = "w_largest";

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
/// | `w_largest` | largest W₂² of a sampled pair under z, in squared units of the state, from the same transitions as `w_measured`, their average; logs of runs that began before it go on without it |
/// | `inner_steps` | steps of the inner loop; what follows is of the last of them |
/// | `stop` | why the inner loop ended: `steps`, `gradient`, `gap`, `no-signal` (J does not respond: z was kept), or `budget` (there was none: `search = "surrogate"`) |
/// | `gap` | Frank–Wolfe gap before it, in units of return |
/// | `alpha`, `wolfe` | step size, and 1 if it satisfies the Wolfe conditions |
/// | `signal_to_noise`, `split_half_cosine` | of the gradient; believe the cosine |
/// | `diverged` | episodes that diverged while J was measured |
/// | `seconds` | wall time of the turn |
pub const TURN_COLUMNS: [&str; 18] = [
    "turn",
    "steps",
    "simulator_steps",
    "epsilon",
    "return_reference",
    "return_chosen",
    "w_measured",
    "w_taylor",
    W_LARGEST,
    "inner_steps",
    "stop",
    "gap",
    "alpha",
    "wolfe",
    "signal_to_noise",
    "split_half_cosine",
    "diverged",
    "seconds",
];

/// The header of `metrics.csv`; `terms` are the columns of the reward's.
pub(crate) fn iteration_columns(vary: &[String], terms: &[String]) -> Vec<String> {
    let fixed = COLUMNS.iter().map(|&name| name.to_owned());
    fixed.chain(vary.iter().map(|name| format!("z_{name}"))).chain(terms.iter().cloned()).collect()
}

/// The header of `adversary.csv`.
pub(crate) fn turn_columns(vary: &[String]) -> Vec<String> {
    TURN_COLUMNS.iter().map(|&name| name.to_owned()).chain(vary.iter().cloned()).collect()
}

/// A row of `metrics.csv`; see [`COLUMNS`].
pub(crate) struct IterationRow<'a> {
    pub(crate) iteration: u64,
    pub(crate) steps: u64,
    pub(crate) simulator_steps: u64,
    pub(crate) return_mean: f64,
    pub(crate) length_mean: f64,
    pub(crate) improvement: &'a Improvement,
    pub(crate) seconds: f64,
    pub(crate) steps_per_second: f64,
    pub(crate) z: Option<&'a [f64]>,
}

impl<'a> IterationRow<'a> {
    pub(crate) fn of(done: &'a IterationDone) -> Self {
        let IterationDone { progress, improvement, z, steps_per_second, .. } = done;
        Self {
            iteration: progress.iteration,
            steps: progress.steps,
            simulator_steps: progress.simulator_steps,
            return_mean: mean_over_sound(&improvement.finished, |episode| episode.ret),
            length_mean: mean_over_sound(&improvement.finished, |episode| f64::from(episode.length)),
            improvement,
            seconds: progress.seconds,
            steps_per_second: *steps_per_second,
            z: z.as_deref(),
        }
    }
}

impl IterationRow<'_> {
    /// The row, with `dim` varied parameters and `terms` terms of the reward.
    pub(crate) fn cells(&self, dim: usize, terms: usize) -> Vec<Cell> {
        let done = self.improvement;
        let term = |i: usize| done.reward_terms.get(i).copied().unwrap_or(f64::NAN);
        let mut cells: Vec<Cell> = vec![
            self.iteration.into(),
            self.steps.into(),
            self.simulator_steps.into(),
            (done.finished.len() as u64).into(),
            self.return_mean.into(),
            self.length_mean.into(),
            done.policy_loss.into(),
            done.value_loss.into(),
            done.entropy.into(),
            done.kl.into(),
            done.clip_fraction.into(),
            done.explained_variance.into(),
            done.gradient_norm.into(),
            done.learning_rate.into(),
            done.dropped.into(),
            done.diverged.into(),
            self.seconds.into(),
            self.steps_per_second.into(),
            Cell::Word(done.skipped.map_or("", Skip::as_str)),
        ];
        cells.extend(coordinates(self.z, dim));
        cells.extend((0..terms).map(|i| Cell::from(term(i))));
        cells
    }
}

/// What TensorBoard shows of an iteration.
pub(crate) fn iteration_scalars(row: &IterationRow<'_>) -> Vec<(&'static str, f64)> {
    let done = row.improvement;
    vec![
        ("rollout/return_mean", row.return_mean),
        ("rollout/length_mean", row.length_mean),
        ("rollout/diverged", f64::from(done.diverged)),
        ("train/policy_loss", done.policy_loss),
        ("train/value_loss", done.value_loss),
        ("train/entropy", done.entropy),
        ("train/kl", done.kl),
        ("train/clip_fraction", done.clip_fraction),
        ("train/explained_variance", done.explained_variance),
        ("train/gradient_norm", done.gradient_norm),
        ("train/learning_rate", done.learning_rate),
        ("time/simulator_steps", row.simulator_steps as f64),
        ("time/steps_per_second", row.steps_per_second),
    ]
}

/// What TensorBoard shows of an adversary's turn.
pub(crate) fn turn_scalars(done: &TurnDone) -> Vec<(&'static str, f64)> {
    let or_nothing = |value: Option<f64>| value.unwrap_or(f64::NAN);
    vec![
        ("adversary/return_reference", or_nothing(done.report.reference_value)),
        ("adversary/return_chosen", or_nothing(done.report.value)),
        ("adversary/w_measured", or_nothing(done.report.measured)),
        ("adversary/w_taylor", or_nothing(done.report.taylor)),
        ("adversary/w_largest", or_nothing(done.report.largest)),
        ("adversary/epsilon", or_nothing(done.report.epsilon)),
        ("adversary/diverged", done.report.diverged as f64),
    ]
}

/// A row of `adversary.csv`, with `dim` varied parameters.
pub(crate) fn turn_cells(done: &TurnDone, dim: usize) -> Vec<Cell> {
    let or_nothing = |value: Option<f64>| Cell::from(value.unwrap_or(f64::NAN));
    let report = &done.report;
    let phase_one = report.phase_one.as_ref();
    let last = phase_one.and_then(|found| found.steps.last());
    let mut cells: Vec<Cell> = vec![
        done.turn.into(),
        done.steps.into(),
        done.simulator_steps.into(),
        or_nothing(report.epsilon),
        or_nothing(report.reference_value),
        or_nothing(report.value),
        or_nothing(report.measured),
        or_nothing(report.taylor),
        or_nothing(report.largest),
        or_nothing(phase_one.map(|found| found.steps.len() as f64)),
        Cell::Word(phase_one.map_or("", |found| stop_word(found.stop))),
        or_nothing(last.map(|step| step.gap)),
        or_nothing(last.map(|step| step.alpha)),
        or_nothing(last.map(|step| f64::from(u8::from(step.wolfe)))),
        or_nothing(last.map(|step| step.gradient.signal_to_noise)),
        or_nothing(last.and_then(|step| step.gradient.split_half_cosine)),
        report.diverged.into(),
        done.seconds.into(),
    ];
    cells.extend(coordinates(done.phi.as_deref(), dim));
    cells
}

/// Why the inner loop ended, in a word.
pub fn stop_word(stop: Stop) -> &'static str {
    match stop {
        Stop::Steps => "steps",
        Stop::Gradient => "gradient",
        Stop::Gap => "gap",
        Stop::NoSignal => "no-signal",
        Stop::Budget => "budget",
    }
}

/// One cell a coordinate, empty where the episodes shared none.
fn coordinates(point: Option<&[f64]>, dim: usize) -> Vec<Cell> {
    point.map_or_else(
        || vec![Cell::from(f64::NAN); dim],
        |point| point.iter().map(|&v| Cell::from(v)).collect(),
    )
}
