//! How the transition probabilities depend on the dynamics parameters φ.

use wr2l_sim::{DynamicsSpace, Parameter};

use crate::error::check_range;
use crate::mdp::{ROUNDING, dot};
use crate::{FiniteError, FiniteMdp, RowSet};

/// What one unit of a parameter adds to one probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// State.
    pub state: usize,
    /// Action.
    pub action: usize,
    /// Next state.
    pub next: usize,
    /// ∂P(next | state, action)/∂φ, in 1/(unit of the parameter).
    pub rate: f64,
}

/// A process and its dynamics parameters: `P_φ = P₀ + Σ_i (φ_i − φ₀_i) ∂P/∂φ_i`, which are probabilities all over the
/// parameters' bounds.
///
/// It is an [`Engine`](wr2l_sim::Engine) of `wr2l-sim`; [`Family::simulator`] is what learners and adversaries take. As a
/// [`RowSet`] it is the set of all `P_φ(· | s, a)` within the bounds, chosen for each state and action by itself: the
/// rectangular hull of the family, whose worst case is at most that of any one φ for all states.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    mdp: FiniteMdp,
    space: DynamicsSpace,
    /// Effects of each parameter, in the order of the space.
    effects: Vec<Vec<Effect>>,
    /// The same by state and action (`[n · m]`): parameter, next state and rate, the parameters in order.
    by_row: Vec<Vec<(usize, usize, f64)>>,
}

impl Family {
    /// The family of these parameters, each with its effects.
    ///
    /// # Errors
    /// [`FiniteError::Space`] for a parameter without sense; [`FiniteError::Number`] for an effect on a state or action
    /// that there is not, or of a rate that is not finite; [`FiniteError::Row`] where a row would not add up to 1, or a
    /// probability leave [0, 1] within the bounds.
    pub fn new(mdp: FiniteMdp, parameters: Vec<(Parameter, Vec<Effect>)>) -> Result<Self, FiniteError> {
        let (parameters, effects): (Vec<_>, Vec<_>) = parameters.into_iter().unzip();
        let mut family = Self { mdp, space: DynamicsSpace::new(parameters)?, effects, by_row: Vec::new() };
        family.check()?;
        let actions = family.mdp.actions();
        family.by_row = vec![Vec::new(); family.mdp.states() * actions];
        for (parameter, effects) in family.effects.iter().enumerate() {
            for effect in effects {
                let row = effect.state * actions + effect.action;
                family.by_row[row].push((parameter, effect.next, effect.rate));
            }
        }
        Ok(family)
    }

    fn check(&self) -> Result<(), FiniteError> {
        let (n, m) = (self.mdp.states(), self.mdp.actions());
        let (mut least, mut sums) = (self.mdp.transitions().to_vec(), vec![0.0; n * m]);
        for (parameter, effects) in self.space.parameters().iter().zip(&self.effects) {
            sums.fill(0.0);
            let mut rates = vec![0.0; n * m * n];
            for effect in effects {
                for (what, index, end) in
                    [("state", effect.state, n), ("action", effect.action, m), ("next state", effect.next, n)]
                {
                    check_range(what, index as f64, index < end, "one of the process")?;
                }
                check_range("rate", effect.rate, effect.rate.is_finite(), "finite")?;
                let row = effect.state * m + effect.action;
                sums[row] += effect.rate;
                rates[row * n + effect.next] += effect.rate;
            }
            if let Some(row) = sums.iter().position(|sum| sum.abs() > ROUNDING) {
                let reason = format!("the rates of `{}` add up to {}, not 0", parameter.name, sums[row]);
                return Err(FiniteError::Row { state: row / m, action: row % m, reason });
            }
            let (down, up) = (parameter.lower - parameter.nominal, parameter.upper - parameter.nominal);
            for (least, rate) in least.iter_mut().zip(&rates) {
                *least += (rate * down).min(rate * up);
            }
        }
        // Rows add up to 1, so that none is above 1 where none is below 0.
        let rows = (0..n * m).filter(|row| !self.mdp.is_terminal(row / m));
        for row in rows {
            if let Some(low) = least[row * n..][..n].iter().find(|low| **low < -ROUNDING) {
                let reason = format!("a probability becomes {low} within the bounds of the parameters");
                return Err(FiniteError::Row { state: row / m, action: row % m, reason });
            }
        }
        Ok(())
    }

    /// The reference.
    pub fn mdp(&self) -> &FiniteMdp {
        &self.mdp
    }

    /// The parameters.
    pub fn space(&self) -> &DynamicsSpace {
        &self.space
    }

    /// The same family with other bounds, `[d]` each.
    ///
    /// # Errors
    /// As [`Family::new`]; [`FiniteError::Shape`].
    pub fn within(&self, lower: &[f64], upper: &[f64]) -> Result<Self, FiniteError> {
        crate::error::check("lower bounds", lower, self.space.dim())?;
        crate::error::check("upper bounds", upper, self.space.dim())?;
        let mut parameters = self.space.parameters().to_vec();
        for (parameter, (lower, upper)) in parameters.iter_mut().zip(lower.iter().zip(upper)) {
            (parameter.lower, parameter.upper) = (*lower, *upper);
        }
        Self::new(self.mdp.clone(), parameters.into_iter().zip(self.effects.iter().cloned()).collect())
    }

    /// Writes P_φ (`[n, m, n]`) for physical values `phi` (`[d]`); rounding makes no probability negative.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transitions_into(&self, phi: &[f64], out: &mut [f64]) {
        assert_eq!(phi.len(), self.space.dim(), "one value a parameter");
        let (n, m) = (self.mdp.states(), self.mdp.actions());
        out.copy_from_slice(self.mdp.transitions());
        for ((parameter, effects), phi) in self.space.parameters().iter().zip(&self.effects).zip(phi) {
            let change = phi - parameter.nominal;
            for effect in effects {
                out[(effect.state * m + effect.action) * n + effect.next] += change * effect.rate;
            }
        }
        out.iter_mut().for_each(|p| *p = p.max(0.0));
    }

    /// P_φ (`[n, m, n]`).
    ///
    /// # Panics
    /// As [`Family::transitions_into`].
    pub fn transitions(&self, phi: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.mdp.transitions().len()];
        self.transitions_into(phi, &mut out);
        out
    }
}

impl RowSet for Family {
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64 {
        out.copy_from_slice(mdp.row(state, action));
        let here = &self.by_row[state * mdp.actions() + action];
        for effects in here.chunk_by(|a, b| a.0 == b.0) {
            let parameter = &self.space.parameters()[effects[0].0];
            let slope: f64 = effects.iter().map(|(_, next, rate)| rate * worth[*next]).sum();
            // Where it makes no difference, the reference.
            let end = match slope {
                0.0 => parameter.nominal,
                0.0.. => parameter.lower,
                _ => parameter.upper,
            };
            for (_, next, rate) in effects {
                out[*next] += (end - parameter.nominal) * rate;
            }
        }
        dot(out, worth)
    }
}
