//! A collected batch as an on-policy update sees it: one row a transition, lane after lane.

use wr2l_nn::RunningMoments;
use wr2l_sim::Outcome;

use crate::{LaneBatch, RlError, generalised_advantages};

/// Rewards scaled by their running deviation are clipped to ± this.
const REWARD_CLIP: f64 = 10.0;

/// What [`Samples::prepare`] needs besides batch and critic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimation {
    /// Discount γ per step.
    pub(crate) gamma: f64,
    /// λ of generalised advantage estimation.
    pub(crate) lambda: f64,
    /// What rewards are multiplied by; they are then clipped. `None` leaves them alone.
    pub(crate) reward_scale: Option<f64>,
}

impl Estimation {
    /// The scale of rewards: one over the running deviation of the discounted sums of past rewards.
    pub(crate) fn reward_scale(moments: &RunningMoments) -> f64 {
        let deviation = (moments.variance(0) + 1e-8).sqrt();
        if deviation.is_finite() { 1.0 / deviation } else { 1.0 }
    }
}

/// States, as a critic may see them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct States<'a> {
    /// Normalised inputs of the policy, `[rows, input_dim]`.
    pub(crate) inputs: &'a [f32],
    /// Normalised dynamics, `[rows, dim]`.
    pub(crate) dynamics: &'a [f32],
}

/// A batch, ready to learn from; `n` transitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// Normalised inputs of the policy, `[n, input_dim]`.
    pub(crate) inputs: Vec<f32>,
    /// Normalised dynamics, `[n, dim]`.
    pub(crate) dynamics: Vec<f32>,
    /// Actions as drawn, `[n, act_dim]`.
    pub(crate) actions: Vec<f32>,
    /// Their log-probabilities, `[n]`.
    pub(crate) log_probs: Vec<f32>,
    /// Scaled rewards, `[n]`.
    pub(crate) rewards: Vec<f64>,
    /// V(s) of the critic that the batch was prepared with, `[n]`.
    pub(crate) values: Vec<f32>,
    /// Advantages, `[n]`.
    pub(crate) advantages: Vec<f32>,
    /// Targets of the critic, `[n]`.
    pub(crate) returns: Vec<f32>,
    /// Transitions to learn from: those of the kept lanes, but for the diverged.
    pub(crate) valid: Vec<u32>,
    /// V(s') where it is needed.
    pub(crate) successors: Vec<f32>,
}

impl Samples {
    /// The states of all transitions.
    pub(crate) fn states(&self) -> States<'_> {
        States { inputs: &self.inputs, dynamics: &self.dynamics }
    }

    /// Fills all columns from `batch`, of which only the lanes `kept` are to be learnt from; `critic` writes the values
    /// of normalised observations under given dynamics.
    ///
    /// # Errors
    /// [`RlError::NothingValid`] if every transition to learn from diverged; [`RlError::NotFinite`] for an advantage or target.
    pub(crate) fn prepare(
        &mut self,
        batch: &[LaneBatch],
        kept: &[bool],
        mut critic: impl FnMut(States<'_>, &mut [f32]),
        options: Estimation,
        iteration: u64,
    ) -> Result<(), RlError> {
        self.gather(batch, kept, options.reward_scale);
        let n = self.rewards.len();
        for column in [&mut self.values, &mut self.successors, &mut self.advantages, &mut self.returns] {
            column.clear();
            column.resize(n, 0.0);
        }
        critic(States { inputs: &self.inputs, dynamics: &self.dynamics }, &mut self.values);
        let (mut successor_values, mut dynamics) = (Vec::new(), Vec::new());
        let mut start = 0;
        for lane in batch {
            let rows = start..start + lane.rewards.len();
            successor_values.resize(lane.successor_steps.len(), 0.0);
            dynamics.clear();
            let dim = lane.dynamics.len() / lane.rewards.len().max(1);
            for &step in &lane.successor_steps {
                dynamics.extend_from_slice(&lane.dynamics[step * dim..][..dim]);
            }
            critic(States { inputs: &lane.successors, dynamics: &dynamics }, &mut successor_values);
            for (&step, &value) in lane.successor_steps.iter().zip(&successor_values) {
                self.successors[start + step] = value;
            }
            generalised_advantages(
                options.gamma,
                options.lambda,
                &self.rewards[rows.clone()],
                &self.values[rows.clone()],
                &lane.outcomes,
                &self.successors[rows.clone()],
                &mut self.advantages[rows.clone()],
                &mut self.returns[rows.clone()],
            );
            start = rows.end;
        }
        if self.valid.is_empty() {
            return Err(RlError::NothingValid { iteration });
        }
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
        if !finite(&self.advantages) || !finite(&self.returns) {
            return Err(RlError::NotFinite { what: "an advantage or value target", iteration });
        }
        Ok(())
    }

    /// Copies what was collected, and notes which transitions may be learnt from.
    fn gather(&mut self, batch: &[LaneBatch], kept: &[bool], reward_scale: Option<f64>) {
        let Self { inputs, dynamics, actions, log_probs, rewards, valid, .. } = self;
        inputs.clear();
        dynamics.clear();
        actions.clear();
        log_probs.clear();
        rewards.clear();
        valid.clear();
        for (lane, kept) in batch.iter().zip(kept) {
            let start = rewards.len();
            inputs.extend_from_slice(&lane.inputs);
            dynamics.extend_from_slice(&lane.dynamics);
            actions.extend_from_slice(&lane.actions);
            log_probs.extend_from_slice(&lane.log_probs);
            match reward_scale {
                Some(scale) => {
                    rewards.extend(lane.rewards.iter().map(|r| (r * scale).clamp(-REWARD_CLIP, REWARD_CLIP)));
                }
                None => rewards.extend_from_slice(&lane.rewards),
            }
            if !kept {
                continue;
            }
            let sound = lane.outcomes.iter().enumerate().filter(|(_, o)| !matches!(o, Outcome::Diverged(_)));
            valid.extend(sound.map(|(t, _)| (start + t) as u32));
        }
    }

    /// Shifts and scales the advantages of the transitions that may be learnt from to mean 0 and variance 1; leaves
    /// equal ones at 0.
    pub(crate) fn standardise_advantages(&mut self) {
        let n = self.valid.len() as f64;
        let advantages = || self.valid.iter().map(|&row| f64::from(self.advantages[row as usize]));
        let mean = advantages().sum::<f64>() / n;
        let deviation = (advantages().map(|a| (a - mean).powi(2)).sum::<f64>() / n).sqrt() + 1e-8;
        for &row in &self.valid {
            let advantage = &mut self.advantages[row as usize];
            *advantage = ((f64::from(*advantage) - mean) / deviation) as f32;
        }
    }

    /// 1 − Var(target − V)/Var(target) over the transitions that may be learnt from.
    pub(crate) fn explained_variance(&self) -> f64 {
        let variance = |of: &dyn Fn(usize) -> f64| {
            let n = self.valid.len() as f64;
            let mean = self.valid.iter().map(|&i| of(i as usize)).sum::<f64>() / n;
            self.valid.iter().map(|&i| (of(i as usize) - mean).powi(2)).sum::<f64>() / n
        };
        let total = variance(&|i| f64::from(self.returns[i]));
        1.0 - variance(&|i| f64::from(self.returns[i]) - f64::from(self.values[i])) / total
    }
}

#[cfg(test)]
mod tests;
