//! The passes over a batch, in two halves that meet once a minibatch.

use wr2l_nn::clip_scale;
use wr2l_rng::{Purpose, StreamKey};

use crate::helper::Lead;
use crate::ppo::loss::{Losses, Minibatch};
use crate::ppo::networks::{CriticHalf, Half};
use crate::samples::Samples;
use crate::{PpoConfig, RlError, StopFlag};

/// A helper that is held up may cost one part in so many of the time of updates.
pub(crate) const PENANCE: u32 = 10;

/// What stays the same through all passes over a batch.
#[derive(Clone, Copy)]
pub(crate) struct Passes<'a> {
    pub(crate) config: &'a PpoConfig,
    pub(crate) samples: &'a Samples,
    pub(crate) learning_rate: f64,
    pub(crate) seed: u64,
    pub(crate) iteration: u64,
    pub(crate) stop: &'a StopFlag,
}

impl Passes<'_> {
    /// Minibatches of a pass.
    pub(crate) fn minibatches(self) -> usize {
        self.config.minibatches_of(self.samples.valid.len())
    }

    /// The rows of every pass, one pass after the other: each a random permutation of those that are learnt from.
    pub(crate) fn orders(self) -> Vec<u32> {
        let key = StreamKey::new(self.seed, Purpose::Minibatch).iteration(self.iteration);
        let mut order = self.samples.valid.clone();
        let mut orders = Vec::with_capacity(self.config.epochs as usize * order.len());
        for epoch in 0..self.config.epochs {
            key.episode(u64::from(epoch)).stream().shuffle(&mut order);
            orders.extend_from_slice(&order);
        }
        orders
    }

    /// One half's way through `orders`, in step with the other's. The losses of both in the last pass, the norm of the last
    /// gradient, and the passes that were done.
    pub(crate) fn run<'a>(
        self,
        orders: &'a [u32],
        mut half: Turn<'a, impl Half>,
        mut other: impl OtherHalf<'a>,
    ) -> Result<(Losses, f64, u32), RlError> {
        let Self { config, samples, iteration, stop, .. } = self;
        let (n, minibatches) = (samples.valid.len(), self.minibatches());
        let (mut losses, mut norm, mut epochs) = (Losses::default(), 0.0, 0);
        // Of the minibatch before: each half makes its step when it comes to the next one.
        let mut scale = None;
        for order in orders.chunks_exact(n) {
            for m in 0..minibatches {
                stop.check_patience()?;
                let rows = &order[n * m / minibatches..n * (m + 1) / minibatches];
                other.offer(scale, rows);
                half.set(scale, rows);
                half.take(self);
                // Two numbers have the same sum in either order: both halves know the same norm.
                norm = (half.squared_norm + other.settle(half.squared_norm)?).sqrt();
                if !norm.is_finite() {
                    return Err(RlError::NotFinite { what: "the gradient", iteration });
                }
                scale = Some(clip_scale(norm, config.max_gradient_norm));
            }
            losses = other.join(half.take_losses())?;
            epochs += 1;
            if config.kl_limit > 0.0 && losses.kl > config.kl_limit {
                break;
            }
        }
        half.finish(scale, self);
        other.finish(scale)?;
        Ok((losses, norm, epochs))
    }
}

/// What one half of the update does between two meetings: the step against its last gradient, and the next gradient.
pub(crate) struct Turn<'a, H> {
    half: &'a mut H,
    /// What the last gradient is multiplied by; `None` before the first.
    scale: Option<f32>,
    /// The minibatch of the next gradient.
    rows: &'a [u32],
    /// Squared norm of the last gradient.
    squared_norm: f64,
    /// Whether it makes no step.
    stays: bool,
}

impl<'a, H: Half> Turn<'a, H> {
    pub(crate) fn new(half: &'a mut H, stays: bool) -> Self {
        // Of an update that failed.
        half.take_losses();
        Self { half, scale: None, rows: &[], squared_norm: 0.0, stays }
    }

    fn set(&mut self, scale: Option<f32>, rows: &'a [u32]) {
        self.scale = scale;
        self.rows = rows;
    }

    pub(crate) fn take(&mut self, passes: Passes<'_>) {
        self.step(passes);
        let minibatch = Minibatch { rows: self.rows, samples: passes.samples };
        self.squared_norm = self.half.gradient(passes.config, minibatch);
    }

    fn step(&mut self, passes: Passes<'_>) {
        if let Some(scale) = self.scale.filter(|_| !self.stays) {
            self.half.step(passes.learning_rate, scale);
        }
    }

    fn take_losses(&mut self) -> Losses {
        self.half.take_losses()
    }

    /// The last step.
    fn finish(&mut self, scale: Option<f32>, passes: Passes<'_>) {
        self.set(scale, &[]);
        self.step(passes);
    }
}

/// One half of the update, seen from the other.
pub(crate) trait OtherHalf<'a> {
    /// Says what comes next, to one that cannot know: a step against its last gradient times `scale`, and the gradient of `rows`.
    fn offer(&mut self, _scale: Option<f32>, _rows: &'a [u32]) {}

    /// The squared norm of that gradient, for one's own.
    fn settle(&mut self, squared_norm: f64) -> Result<f64, RlError>;

    /// The losses of both in a pass that is over, from one's own.
    fn join(&mut self, losses: Losses) -> Result<Losses, RlError>;

    /// The last step, against the last gradient times `scale`.
    fn finish(self, scale: Option<f32>) -> Result<(), RlError>;
}

/// The critic's half in this process.
pub(crate) struct Here<'l, 'h, 'a, W> {
    pub(crate) lead: &'l mut Lead<'h, Turn<'a, CriticHalf>, W>,
    pub(crate) passes: Passes<'a>,
}

impl<'a, W: Fn(&mut Turn<'a, CriticHalf>)> OtherHalf<'a> for Here<'_, '_, 'a, W> {
    fn offer(&mut self, scale: Option<f32>, rows: &'a [u32]) {
        self.lead.offer(|critic| critic.set(scale, rows));
    }

    fn settle(&mut self, _: f64) -> Result<f64, RlError> {
        Ok(self.lead.settle(|critic| critic.squared_norm))
    }

    fn join(&mut self, policy: Losses) -> Result<Losses, RlError> {
        Ok(Losses { value: self.lead.job().take_losses().value, ..policy })
    }

    fn finish(self, scale: Option<f32>) -> Result<(), RlError> {
        self.lead.job().finish(scale, self.passes);
        Ok(())
    }
}
