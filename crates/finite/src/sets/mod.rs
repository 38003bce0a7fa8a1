//! Sets of transition probabilities around the reference, one for each state and action independently of the others:
//! (s, a)-rectangular sets (Iyengar 2005; Nilim & El Ghaoui 2005).

mod interval;
mod kullback_leibler;
mod total_variation;
mod wasserstein;

pub use interval::Interval;
pub use kullback_leibler::KullbackLeibler;
pub use total_variation::TotalVariation;
pub use wasserstein::Wasserstein;
pub(crate) use wasserstein::carry;

use crate::FiniteMdp;

/// A set of distributions over next states for every state and action.
pub trait RowSet {
    /// Writes the distribution of the set of (state, action) with the lowest expectation of `worth` (`[n]`) into `out`
    /// (`[n]`), and returns that expectation.
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64;
}

/// The reference alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nominal;

impl RowSet for Nominal {
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64 {
        out.copy_from_slice(mdp.row(state, action));
        crate::mdp::dot(out, worth)
    }
}

/// States, that of least worth first; among equals the first.
fn by_worth(worth: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..worth.len()).collect();
    order.sort_by(|&a, &b| worth[a].total_cmp(&worth[b]));
    order
}
