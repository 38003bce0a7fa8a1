//! A policy ready to act: all that a policy file holds.

use wr2l_nn::{Head, NnError, Normaliser, Policy, PolicyCache};
use wr2l_rng::Stream;
use wr2l_sim::ActionSpace;

use crate::{History, Persist, RlError, State, StateError};

/// A policy with its weights, its frozen observation normaliser and the bounds of its actions.
#[derive(Clone, Debug)]
pub struct Actor {
    policy: Policy,
    params: Vec<f32>,
    normaliser: Normaliser,
    actions: ActionSpace,
    history: History,
}

impl Actor {
    /// Puts a policy together that remembers nothing: its inputs are an observation.
    ///
    /// # Errors
    /// [`RlError::Shape`] if weights, normaliser or action bounds do not fit the policy; [`RlError::NotFinite`] for
    /// a weight that is not finite.
    pub fn new(
        policy: Policy,
        params: Vec<f32>,
        normaliser: Normaliser,
        actions: ActionSpace,
    ) -> Result<Self, RlError> {
        let shape = |what, expected, got| match expected == got {
            true => Ok(()),
            false => Err(RlError::Shape { what, expected, got }),
        };
        shape("policy weights", policy.parameters(), params.len())?;
        shape("observation normaliser", policy.network().inputs(), normaliser.dim())?;
        shape("action", policy.action_dim(), actions.dim())?;
        if let ActionSpace::Discrete { n } = actions {
            shape("choices", policy.network().outputs(), n)?;
        }
        if params.iter().any(|w| !w.is_finite()) {
            return Err(RlError::NotFinite { what: "a policy weight", iteration: 0 });
        }
        let history = History::none(policy.network().inputs(), policy.action_dim());
        Ok(Self { policy, params, normaliser, actions, history })
    }

    /// The same policy, whose inputs are an observation and a memory of `frames` frames ([`History`]).
    ///
    /// # Errors
    /// [`RlError::Option`] for too many frames; [`RlError::Shape`] if that cannot be what its inputs are.
    pub fn with_history(self, frames: usize) -> Result<Self, RlError> {
        let history = History::that_makes(self.input_dim(), frames, self.act_dim())?;
        Ok(Self { history, ..self })
    }

    /// The policy's layout.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy's weights, `[policy.parameters()]`.
    pub fn params(&self) -> &[f32] {
        &self.params
    }

    /// The frozen normaliser of the inputs.
    pub fn normaliser(&self) -> &Normaliser {
        &self.normaliser
    }

    /// Admissible actions.
    pub fn action_space(&self) -> &ActionSpace {
        &self.actions
    }

    /// Length of an observation.
    pub fn obs_dim(&self) -> usize {
        self.history.obs_dim()
    }

    /// What it remembers.
    pub fn history(&self) -> History {
        self.history
    }

    /// Length of its inputs: of an observation and the memory behind it.
    pub fn input_dim(&self) -> usize {
        self.policy.network().inputs()
    }

    /// Length of an action.
    pub fn act_dim(&self) -> usize {
        self.policy.action_dim()
    }

    /// Replaces the weights and the normaliser after an improvement.
    pub(crate) fn renew(&mut self, params: &[f32], normaliser: Normaliser) {
        self.params.copy_from_slice(params);
        self.normaliser = normaliser;
    }

    /// Replaces the network's weights, the first of all weights; what follows (log standard deviations) stays.
    pub(crate) fn renew_network(&mut self, network: &[f32]) {
        self.params[..network.len()].copy_from_slice(network);
    }

    /// Replaces the normaliser.
    pub(crate) fn renew_normaliser(&mut self, normaliser: &Normaliser) {
        self.normaliser.clone_from(normaliser);
    }

    /// Scratch for acting on up to `rows` rows at once.
    pub fn scratch(&self, rows: usize) -> ActScratch {
        ActScratch { inputs: vec![0.0; rows * self.input_dim()], cache: self.policy.cache(rows) }
    }

    /// Draws the random numbers of one action, `[act_dim]`.
    pub fn draw_noise(&self, stream: &mut Stream, noise: &mut [f64]) {
        self.policy.draw_noise(stream, noise);
    }

    /// Acts on raw inputs: observations, each with the memory behind it if the policy has a history ([`History`]).
    ///
    /// - `raw`: `[rows, input_dim]`;
    /// - `noise`: `[rows, act_dim]` from [`Actor::draw_noise`], or `None` for the deterministic action;
    /// - `actions`: `[rows, act_dim]`, as drawn, before clipping ([`Actor::clip`]);
    /// - `log_probs`: `[rows]`, written only if there is noise.
    ///
    /// A row's result does not depend on the other rows.
    ///
    /// # Panics
    /// If a slice has another length than stated, or there are more rows than the scratch was made for.
    pub fn act(
        &self,
        raw: &[f64],
        noise: Option<&[f64]>,
        scratch: &mut ActScratch,
        actions: &mut [f32],
        log_probs: &mut [f32],
    ) {
        self.act_on(raw, self.input_dim(), noise, scratch, actions, log_probs);
    }

    /// The same on rows of `stride` numbers, the first of which are the inputs.
    pub(crate) fn act_on(
        &self,
        raw: &[f64],
        stride: usize,
        noise: Option<&[f64]>,
        scratch: &mut ActScratch,
        actions: &mut [f32],
        log_probs: &mut [f32],
    ) {
        let ActScratch { inputs, cache } = scratch;
        let (rows, width) = (raw.len() / stride, self.input_dim());
        for (raw, input) in raw.chunks_exact(stride).zip(inputs.chunks_exact_mut(width)) {
            self.normaliser.apply(&raw[..width], input);
        }
        self.policy.forward(&self.params, &inputs[..rows * width], cache);
        match noise {
            Some(noise) => self.policy.sample(&self.params, noise, cache, actions, log_probs),
            None => self.policy.mode(cache, actions),
        }
    }

    /// Actions as the simulator takes them: clipped to their bounds. The control cost thus sees clipped actions. Those
    /// of a bounded policy ([`Head::Bounded`]) are clipped to [−1, 1] and then scaled to their bounds.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn clip(&self, drawn: &[f32], actions: &mut [f64]) {
        assert_eq!(drawn.len(), actions.len(), "one number each");
        match &self.actions {
            ActionSpace::Discrete { .. } => {
                for (out, &a) in actions.iter_mut().zip(drawn) {
                    *out = f64::from(a);
                }
            }
            ActionSpace::Continuous { low, high } => {
                let bounded = self.policy.head() == Head::Bounded;
                for (drawn, out) in drawn.chunks_exact(low.len()).zip(actions.chunks_exact_mut(low.len())) {
                    for i in 0..low.len() {
                        let action = f64::from(drawn[i]);
                        out[i] = match bounded {
                            true => {
                                let (middle, half) = (0.5 * (low[i] + high[i]), 0.5 * (high[i] - low[i]));
                                middle + half * action.clamp(-1.0, 1.0)
                            }
                            false => action.clamp(low[i], high[i]),
                        };
                    }
                }
            }
        }
    }
}

impl Persist for Actor {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("params", &self.params);
        state.save("normaliser", &self.normaliser);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.params = state.take_finite("params", self.params.len())?;
        state.restore("normaliser", &mut self.normaliser)
    }
}

/// Buffers of [`Actor::act`], made once by [`Actor::scratch`].
#[derive(Clone, Debug)]
pub struct ActScratch {
    pub(crate) inputs: Vec<f32>,
    cache: PolicyCache,
}

impl From<NnError> for RlError {
    fn from(error: NnError) -> Self {
        Self::Network(error)
    }
}
