//! Products with the Fisher information matrix of a policy.

use super::{Head, Policy, PolicyCache, through_tanh};
use crate::categorical;

impl Policy {
    /// Writes how the network's outputs (means before any tanh, or logits) change along `direction` `[parameters]` into `changes`
    /// `[rows, outputs]`, after a [`Policy::forward`] with the same `params` and `observations`.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn output_changes(
        &self,
        params: &[f32],
        observations: &[f32],
        direction: &[f32],
        cache: &mut PolicyCache,
        changes: &mut [f32],
    ) {
        let (params, direction) = (self.split(params).0, self.split(direction).0);
        self.network.tangent(params, direction, observations, &mut cache.network, changes);
    }

    /// Adds to `product` `[parameters]` the sum over the rows of F·v, where F is the Fisher information of the
    /// distribution of a row and v is `vector` `[parameters]`, after a [`Policy::forward`] with the same `params` and
    /// `observations`. Divided by the rows, it is the Hessian of [`Policy::mean_kl`] at equal parameters, times v.
    ///
    /// Exact, by the Gauss–Newton form F = Jᵀ·M·J: forward mode gives J·v, the change of the network's outputs; M is
    /// the Fisher information of the distribution in terms of its outputs (1/σ² for a mean, 2 for a log standard
    /// deviation, diag(p) − p·pᵀ for logits); reverse mode applies Jᵀ. Nothing is left out: the term with second
    /// derivatives of the network has the factor ∂KL/∂outputs, which is zero at equal parameters.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn fisher_product(
        &self,
        params: &[f32],
        observations: &[f32],
        vector: &[f32],
        cache: &mut PolicyCache,
        product: &mut [f32],
    ) {
        assert_eq!(product.len(), self.parameters(), "product");
        let (rows, outputs) = (cache.rows(), self.network.outputs());
        let params = self.split(params).0;
        let (vector, along_log_std) = self.split(vector);
        let (product, product_log_std) = product.split_at_mut(self.network.parameters());
        let PolicyCache { network, inverse_std, d_outputs, .. } = cache;
        d_outputs.resize(rows * outputs, 0.0);
        self.network.tangent(params, vector, observations, network, d_outputs);
        if self.head == Head::Bounded {
            through_tanh(network.outputs(), d_outputs);
        }
        match self.head {
            Head::Gaussian | Head::Bounded => {
                for row in d_outputs.chunks_exact_mut(outputs) {
                    for (d, inverse_std) in row.iter_mut().zip(inverse_std.iter()) {
                        *d *= inverse_std * inverse_std;
                    }
                }
                for (sum, v) in product_log_std.iter_mut().zip(along_log_std) {
                    *sum += 2.0 * rows as f32 * v;
                }
            }
            Head::Categorical => {
                let logits = network.outputs().chunks_exact(outputs);
                for (row, logits) in d_outputs.chunks_exact_mut(outputs).zip(logits) {
                    categorical::fisher(logits, row);
                }
            }
        }
        if self.head == Head::Bounded {
            through_tanh(network.outputs(), d_outputs);
        }
        self.network.backward(params, observations, d_outputs, network, product);
    }
}
