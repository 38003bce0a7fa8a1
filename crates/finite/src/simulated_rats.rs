//! Risk-averse tree search on a simulator: what there is of RATS where states are no table.

use wr2l_sim::{BatchSim, DynamicsSpace, Outcome, SimError};

use crate::drifting::best_of;

/// The options of a search on a simulator whose steps are deterministic, among a few candidate actions.
///
/// A deterministic step is a point mass, and the ball around it all that lies near; which of it dynamics can lead to is known only
/// by simulating. So the drift is one of the parameters φ: k decisions ahead each may have moved by k times its rate, and the
/// tree takes the worst of the present φ and of either end of each parameter's range, 2·dim + 1 points. With A actions and D
/// decisions that is `A + A·(2·dim + 1)·A + …` steps, one for each edge: continuous actions of m motors have A = bᵐ for b
/// values of each.
pub struct SimulatedRats<'a> {
    /// Depth of the tree, in decisions; at least 1.
    pub depth: usize,
    /// Discount.
    pub discount: f64,
    /// Candidate actions, each `[act_dim]`.
    pub actions: &'a [Vec<f64>],
    /// How far each parameter drifts in a step, `[dim]`, in normalised units z.
    pub rates: &'a [f64],
    /// What a state (`[nq + nv]`) is worth at a leaf.
    pub leaf: &'a dyn Fn(&[f64]) -> f64,
}

/// A node's place in the tree: where the simulator is, and what the parameters are now.
struct Scratch<'a> {
    sim: &'a mut dyn BatchSim,
    space: &'a DynamicsSpace,
    now: &'a [f64],
    steps: u64,
}

impl SimulatedRats<'_> {
    /// The first of the best actions from a snapshot of `sim` whose dynamics are `now` (physical values of `space`), its value, and
    /// the steps that were simulated. Uses lane 0, and leaves it anywhere.
    ///
    /// # Errors
    /// Of the simulator.
    pub fn search(
        &self,
        sim: &mut dyn BatchSim,
        space: &DynamicsSpace,
        now: &[f64],
        snapshot: &[f64],
    ) -> Result<(usize, f64, u64), SimError> {
        let mut scratch = Scratch { sim, space, now, steps: 0 };
        let (action, value) = self.node(&mut scratch, 0, snapshot)?;
        Ok((action, value, scratch.steps))
    }

    fn node(&self, at: &mut Scratch<'_>, depth: usize, snapshot: &[f64]) -> Result<(usize, f64), SimError> {
        let mut values = Vec::with_capacity(self.actions.len());
        for action in self.actions {
            let mut worst = f64::INFINITY;
            // Nothing has drifted at the first decision.
            let dynamics = if depth == 0 { 1 } else { 2 * self.rates.len() + 1 };
            for which in 0..dynamics {
                let phi = self.drifted(at, depth, which);
                at.sim.restore(0, snapshot)?;
                at.sim.set_dynamics(0, &phi)?;
                let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
                at.sim.step(action, &[true], &mut reward, &mut outcome);
                at.steps += 1;
                worst = worst.min(reward[0] + self.discount * self.later(at, depth + 1, outcome[0])?);
            }
            values.push(worst);
        }
        Ok(best_of(values.into_iter()))
    }

    /// What follows the step that was just simulated.
    fn later(&self, at: &mut Scratch<'_>, depth: usize, outcome: Outcome) -> Result<f64, SimError> {
        match outcome {
            Outcome::Terminated | Outcome::Diverged(_) => Ok(0.0),
            Outcome::Truncated => Ok(self.at_leaf(at)),
            Outcome::Running if depth == self.depth => Ok(self.at_leaf(at)),
            Outcome::Running => {
                let mut snapshot = vec![0.0; at.sim.spec().snapshot_len];
                at.sim.save(0, &mut snapshot);
                Ok(self.node(at, depth, &snapshot)?.1)
            }
        }
    }

    fn at_leaf(&self, at: &Scratch<'_>) -> f64 {
        let mut state = vec![0.0; at.sim.spec().state_dim()];
        at.sim.state(0, &mut state);
        (self.leaf)(&state)
    }

    /// The present dynamics for `which` = 0, else those in which one parameter has drifted as far as it may.
    fn drifted(&self, at: &Scratch<'_>, depth: usize, which: usize) -> Vec<f64> {
        let mut phi = at.now.to_vec();
        if let Some(end) = which.checked_sub(1) {
            let (i, sign) = (end / 2, if end % 2 == 0 { 1.0 } else { -1.0 });
            let parameter = &at.space.parameters()[i];
            let moved = sign * depth as f64 * self.rates[i] * parameter.scale;
            phi[i] = (phi[i] + moved).clamp(parameter.lower, parameter.upper);
        }
        phi
    }
}
