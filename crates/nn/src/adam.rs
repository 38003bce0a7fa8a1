//! The optimiser, and the norm of a gradient.

use crate::error::NnError;
use crate::lanes::{InstructionSet, Lanes, Op};

/// The constants of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// Decay of the mean of gradients, in [0, 1).
    pub beta1: f64,
    /// Decay of the mean of squared gradients, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the mean square: the gradient size below which steps shrink.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    /// β₁ = 0.9 and β₂ = 0.999 as in the paper; ε = 1e-5, on which PPO's published returns rest.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1.0e-5 }
    }
}

/// Adam with bias correction (Kingma & Ba 2015) over one flat parameter vector.
///
/// Its state is plain data, read by the accessors and restored by [`Adam::from_parts`].
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    step: u64,
    mean: Vec<f32>,
    square: Vec<f32>,
    instructions: InstructionSet,
}

impl Adam {
    /// An optimiser of `parameters` parameters that has made no step.
    pub fn new(parameters: usize, config: AdamConfig) -> Self {
        let instructions = InstructionSet::detect();
        Self { config, step: 0, mean: vec![0.0; parameters], square: vec![0.0; parameters], instructions }
    }

    /// An optimiser from saved numbers: steps made, and the two running means `[parameters]`.
    ///
    /// # Errors
    /// [`NnError::Length`] if the two lengths differ; [`NnError::Value`] if a number is not finite or a mean
    /// square is negative.
    pub fn from_parts(
        config: AdamConfig,
        step: u64,
        mean: Vec<f32>,
        square: Vec<f32>,
    ) -> Result<Self, NnError> {
        if mean.len() != square.len() {
            return Err(NnError::Length { what: "mean squares", expected: mean.len(), got: square.len() });
        }
        let refuse = |what, numbers: &[f32], least: f32| match numbers
            .iter()
            .position(|x| !x.is_finite() || *x < least)
        {
            Some(index) => Err(NnError::Value { what, index, value: f64::from(numbers[index]) }),
            None => Ok(()),
        };
        refuse("mean gradient", &mean, f32::MIN)?;
        refuse("mean squares", &square, 0.0)?;
        Ok(Self { config, step, mean, square, instructions: InstructionSet::detect() })
    }

    /// The same optimiser on a chosen instruction set.
    #[must_use]
    pub fn with_instructions(self, instructions: InstructionSet) -> Self {
        Self { instructions, ..self }
    }

    /// The constants.
    pub fn config(&self) -> AdamConfig {
        self.config
    }

    /// Steps made.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The decaying mean of gradients, `[parameters]`.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The decaying mean of squared gradients, `[parameters]`.
    pub fn square(&self) -> &[f32] {
        &self.square
    }

    /// Makes one descent step on `params` `[parameters]` along `scale · gradient`, in a single pass; `scale`
    /// is where a [`clip_scale`] goes.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn update(&mut self, learning_rate: f64, scale: f32, gradient: &[f32], params: &mut [f32]) {
        assert_eq!(gradient.len(), self.mean.len(), "gradient");
        assert_eq!(params.len(), self.mean.len(), "parameter vector");
        self.step += 1;
        let AdamConfig { beta1, beta2, epsilon } = self.config;
        let steps = self.step.min(i32::MAX as u64) as i32;
        let (correct1, correct2) = (1.0 - beta1.powi(steps), 1.0 - beta2.powi(steps));
        // m̂/(√v̂ + ε) = m·√c₂/c₁ / (√v + ε√c₂): the corrections move into two constants.
        self.instructions.run(Update {
            scale,
            beta: [beta1 as f32, beta2 as f32],
            complement: [(1.0 - beta1) as f32, (1.0 - beta2) as f32],
            rate: (-learning_rate * correct2.sqrt() / correct1) as f32,
            epsilon: (epsilon * correct2.sqrt()) as f32,
            gradient,
            mean: &mut self.mean,
            square: &mut self.square,
            params,
        });
    }
}

struct Update<'a> {
    scale: f32,
    beta: [f32; 2],
    complement: [f32; 2],
    rate: f32,
    epsilon: f32,
    gradient: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
    params: &'a mut [f32],
}

impl Op for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let with = Constants {
            scale: lanes.splat(self.scale),
            beta: [lanes.splat(self.beta[0]), lanes.splat(self.beta[1])],
            complement: [lanes.splat(self.complement[0]), lanes.splat(self.complement[1])],
            rate: lanes.splat(self.rate),
            epsilon: lanes.splat(self.epsilon),
        };
        let whole = self.params.len() - self.params.len() % L::WIDTH;
        let (gradients, last_gradient) = self.gradient.split_at(whole);
        let (means, last_mean) = self.mean.split_at_mut(whole);
        let (squares, last_square) = self.square.split_at_mut(whole);
        let (params, last_params) = self.params.split_at_mut(whole);
        let state = means.chunks_exact_mut(L::WIDTH).zip(squares.chunks_exact_mut(L::WIDTH));
        let moved = gradients.chunks_exact(L::WIDTH).zip(params.chunks_exact_mut(L::WIDTH));
        for ((mean, square), (g, params)) in state.zip(moved) {
            let (mut m, mut v, mut p) = (lanes.load(mean), lanes.load(square), lanes.load(params));
            with.step(lanes, lanes.load(g), [&mut m, &mut v, &mut p]);
            lanes.store(mean, m);
            lanes.store(square, v);
            lanes.store(params, p);
        }
        let g = lanes.load_partial(last_gradient);
        let mut m = lanes.load_partial(last_mean);
        let mut v = lanes.load_partial(last_square);
        let mut p = lanes.load_partial(last_params);
        with.step(lanes, g, [&mut m, &mut v, &mut p]);
        lanes.store_partial(last_mean, m);
        lanes.store_partial(last_square, v);
        lanes.store_partial(last_params, p);
    }
}

/// Those of [`Update`], in every lane.
struct Constants<V> {
    scale: V,
    beta: [V; 2],
    complement: [V; 2],
    rate: V,
    epsilon: V,
}

impl<V: Copy> Constants<V> {
    #[inline(always)]
    fn step<L: Lanes<V = V>>(&self, lanes: L, gradient: V, [mean, square, params]: [&mut V; 3]) {
        let g = lanes.mul(self.scale, gradient);
        *mean = lanes.mul_add(self.beta[0], *mean, lanes.mul(self.complement[0], g));
        *square = lanes.mul_add(self.beta[1], *square, lanes.mul(self.complement[1], lanes.mul(g, g)));
        let direction = lanes.div(*mean, lanes.add(lanes.sqrt(*square), self.epsilon));
        *params = lanes.mul_add(self.rate, direction, *params);
    }
}

/// The Euclidean norm of a gradient, in f64, as a fixed tree of sums; NaN or infinite if the gradient holds
/// such a number (finite f32 never overflow it). The same bits on every instruction set.
pub fn norm(gradient: &[f32]) -> f64 {
    squared_norm(gradient).sqrt()
}

/// The square of [`norm`].
pub fn squared_norm(gradient: &[f32]) -> f64 {
    InstructionSet::detect().run(SquaredNorm(gradient))
}

/// The factor by which a gradient of the given norm must be multiplied to have a norm of at most `limit`:
/// at most 1, and NaN for a norm that is NaN or infinite, which no factor can mend (skip such a step).
pub fn clip_scale(norm: f64, limit: f64) -> f32 {
    if !norm.is_finite() {
        f32::NAN
    } else if norm > limit {
        (limit / norm) as f32
    } else {
        1.0
    }
}

/// Adds up gradients of parts of a minibatch, `chunks` `[n, parameters]`, in order,
/// into `total` `[parameters]`, overwriting it: whichever thread computed a chunk, the bits are the same.
///
/// # Panics
/// If `chunks` is not whole gradients.
pub fn sum_chunks(chunks: &[f32], total: &mut [f32]) {
    let Some((first, rest)) = chunks.split_at_checked(total.len()) else {
        assert!(chunks.is_empty(), "chunks are not whole gradients");
        return total.fill(0.0);
    };
    total.copy_from_slice(first);
    if total.is_empty() {
        return;
    }
    assert_eq!(rest.len() % total.len(), 0, "chunks are not whole gradients");
    for chunk in rest.chunks_exact(total.len()) {
        InstructionSet::detect().run(Add { to: total, from: chunk });
    }
}

struct Add<'a> {
    to: &'a mut [f32],
    from: &'a [f32],
}

impl Op for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to += from;
        }
    }
}

struct SquaredNorm<'a>(&'a [f32]);

impl Op for SquaredNorm<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) -> f64 {
        // Four times the vector length in f64: independent sums that hide the latency of the additions.
        const SUMS: usize = 16;
        let (whole, rest) = self.0.as_chunks::<SUMS>();
        let mut sums = [0.0; SUMS];
        for chunk in whole {
            for i in 0..SUMS {
                let x = f64::from(chunk[i]);
                sums[i] += x * x;
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += f64::from(*x) * f64::from(*x);
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_equal_the_textbook_formulas() {
        let config = AdamConfig { beta1: 0.9, beta2: 0.99, epsilon: 1.0e-5 };
        for instructions in InstructionSet::available() {
            // 11 parameters: one whole vector and a rest.
            let mut adam = Adam::new(11, config).with_instructions(instructions);
            let mut params = vec![1.0_f32; 11];
            let (mut m, mut v, mut p) = ([0.0; 11], [0.0; 11], [1.0_f64; 11]);
            for t in 1..=50 {
                let gradient: Vec<f32> = (0..11).map(|i| ((i * t) as f32 * 0.7).sin() * 3.0).collect();
                adam.update(0.01, 0.5, &gradient, &mut params);
                for i in 0..11 {
                    let g = 0.5 * f64::from(gradient[i]);
                    m[i] = config.beta1 * m[i] + (1.0 - config.beta1) * g;
                    v[i] = config.beta2 * v[i] + (1.0 - config.beta2) * g * g;
                    let m_hat = m[i] / (1.0 - config.beta1.powi(t));
                    let v_hat = v[i] / (1.0 - config.beta2.powi(t));
                    p[i] -= 0.01 * m_hat / (v_hat.sqrt() + config.epsilon);
                    assert!((f64::from(params[i]) - p[i]).abs() < 2.0e-6, "step {t}, parameter {i}");
                }
            }
            assert_eq!(adam.step(), 50);
            assert_eq!(adam.instructions.name(), instructions.name());
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate_towards_the_gradient() {
        // By hand: m̂ = g and v̂ = g², so the step is lr·g/(|g| + ε) = 0.1·2/(2 + 1e-5).
        let mut adam = Adam::new(1, AdamConfig::default());
        let mut params = [1.0];
        adam.update(0.1, 1.0, &[2.0], &mut params);
        assert!((f64::from(params[0]) - (1.0 - 0.1 * 2.0 / 2.000_01)).abs() < 1.0e-7);
    }

    #[test]
    fn a_zero_gradient_moves_nothing() {
        let mut adam = Adam::new(9, AdamConfig::default());
        let mut params = [0.25; 9];
        adam.update(0.1, 1.0, &[0.0; 9], &mut params);
        assert_eq!(params, [0.25; 9]);
    }

    #[test]
    fn a_restored_optimiser_continues_bit_for_bit() {
        let mut adam = Adam::new(10, AdamConfig::default());
        let mut params = vec![0.0; 10];
        let gradient: Vec<f32> = (0..10).map(|i| i as f32 - 4.5).collect();
        adam.update(0.1, 1.0, &gradient, &mut params);
        let (mean, square) = (adam.mean().to_vec(), adam.square().to_vec());
        let mut restored = Adam::from_parts(adam.config(), adam.step(), mean, square).unwrap();
        let mut other = params.clone();
        adam.update(0.1, 1.0, &gradient, &mut params);
        restored.update(0.1, 1.0, &gradient, &mut other);
        assert_eq!(params, other);
        assert!(Adam::from_parts(AdamConfig::default(), 1, vec![0.0], vec![-1.0]).is_err());
        assert!(Adam::from_parts(AdamConfig::default(), 1, vec![f32::NAN], vec![1.0]).is_err());
        assert!(Adam::from_parts(AdamConfig::default(), 1, vec![0.0], vec![]).is_err());
    }

    #[test]
    fn clipping_limits_the_norm_and_refuses_what_is_not_finite() {
        assert_eq!(clip_scale(0.4, 0.5), 1.0);
        assert_eq!(clip_scale(2.0, 0.5), 0.25);
        assert_eq!(clip_scale(0.0, 0.5), 1.0);
        assert!(clip_scale(norm(&[1.0, f32::NAN]), 0.5).is_nan());
        assert!(clip_scale(norm(&[f32::INFINITY]), 0.5).is_nan());
        assert!(norm(&[f32::MAX; 100]).is_finite());
    }

    #[test]
    fn chunk_gradients_add_up_in_order() {
        let mut total = [9.0; 3];
        sum_chunks(&[1.0e8, 1.0, 2.0, 1.0, 1.0, 2.0, -1.0e8, 1.0, 2.0], &mut total);
        // In order, the 1 is lost against 1e8; were the two large ones added first, it would not be.
        assert_eq!(total, [0.0, 3.0, 6.0]);
        sum_chunks(&[], &mut total);
        assert_eq!(total, [0.0; 3]);
    }

    proptest! {
        #[test]
        fn the_norm_is_the_root_of_the_sum_of_squares(x in prop::collection::vec(-1.0e3_f32..1.0e3, 0..100)) {
            let expected = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            prop_assert!((norm(&x) - expected).abs() <= 1.0e-12 * expected);
            for instructions in InstructionSet::available() {
                prop_assert_eq!(instructions.run(SquaredNorm(&x)).sqrt().to_bits(), norm(&x).to_bits());
            }
        }
    }
}
