//! Layer normalisation (Ba et al. 2016) of the sums of a hidden layer, row by row, before its activation.

use crate::lanes::{Eight, LANES, Lanes, Op};

/// Added to the variance of a row before its square root is divided by.
const VARIANCE_FLOOR: f32 = 1.0e-5;

/// Replaces every row u of `y` by g·n + s, with n = (u − mean)/√(variance + 1e-5) over the row, and keeps n and one over
/// that root for [`Denormalise`].
pub(super) struct Normalise<'a> {
    /// `[rows, stride]`; numbers beyond a row's width stay as they are.
    pub(super) y: &'a mut [f32],
    pub(super) stride: usize,
    /// Gains g and shifts s, `[width]`.
    pub(super) gains: &'a [f32],
    pub(super) shifts: &'a [f32],
    /// n, `[rows, stride]`.
    pub(super) normalised: &'a mut [f32],
    /// One over the root, `[rows]`.
    pub(super) inverse: &'a mut [f32],
}

impl Op for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let lanes = lanes.eight();
        let Self { y, stride, gains, shifts, normalised, inverse } = self;
        let width = gains.len();
        let share = 1.0 / width as f32;
        let rows = y.chunks_exact_mut(stride).zip(normalised.chunks_exact_mut(stride)).zip(inverse);
        for ((y, n), inverse) in rows {
            let (y, n) = (&mut y[..width], &mut n[..width]);
            let mut sum = lanes.splat(0.0);
            for y in y.chunks(LANES) {
                sum = lanes.add(sum, lanes.load_partial(y));
            }
            let mean = lanes.splat(lanes.sum(sum) * share);
            for (n, y) in n.chunks_mut(LANES).zip(y.chunks(LANES)) {
                lanes.store_partial(n, lanes.sub(lanes.load_partial(y), mean));
            }
            let mut squares = lanes.splat(0.0);
            for n in n.chunks(LANES) {
                let deviation = lanes.load_partial(n);
                squares = lanes.mul_add(deviation, deviation, squares);
            }
            *inverse = 1.0 / (lanes.sum(squares) * share + VARIANCE_FLOOR).sqrt();
            let scale = lanes.splat(*inverse);
            let columns = n.chunks_mut(LANES).zip(y.chunks_mut(LANES));
            for ((n, y), (g, s)) in columns.zip(gains.chunks(LANES).zip(shifts.chunks(LANES))) {
                let normal = lanes.mul(lanes.load_partial(n), scale);
                lanes.store_partial(n, normal);
                let out = lanes.mul_add(normal, lanes.load_partial(g), lanes.load_partial(s));
                lanes.store_partial(y, out);
            }
        }
    }
}

/// Turns the gradient with respect to g·n + s into the one with respect to u, after [`Normalise`]: with d = g·δ it is
/// (d − mean(d) − n·mean(d·n))/root. Adds the gradients of the gains, Σ δ·n, and of the biases within u over the rows, in
/// order, where there is a place for them. That of the shifts is Σ δ.
pub(super) struct Denormalise<'a> {
    /// `[rows, stride]`.
    pub(super) delta: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) gains: &'a [f32],
    pub(super) normalised: &'a [f32],
    pub(super) inverse: &'a [f32],
    /// `[width]`, or empty.
    pub(super) d_gains: &'a mut [f32],
    pub(super) d_biases: &'a mut [f32],
}

impl Op for Denormalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let lanes = lanes.eight();
        let Self { delta, stride, gains, normalised, inverse, d_gains, d_biases } = self;
        let width = gains.len();
        let share = 1.0 / width as f32;
        let rows = delta.chunks_exact_mut(stride).zip(normalised.chunks_exact(stride)).zip(inverse);
        for ((delta, n), inverse) in rows {
            let (delta, n) = (&mut delta[..width], &n[..width]);
            for ((d_gain, delta), n) in
                d_gains.chunks_mut(LANES).zip(delta.chunks(LANES)).zip(n.chunks(LANES))
            {
                let term = lanes.load_partial(d_gain);
                let sum = lanes.mul_add(lanes.load_partial(delta), lanes.load_partial(n), term);
                lanes.store_partial(d_gain, sum);
            }
            let (mut sum, mut along) = (lanes.splat(0.0), lanes.splat(0.0));
            for ((delta, n), g) in delta.chunks_mut(LANES).zip(n.chunks(LANES)).zip(gains.chunks(LANES)) {
                let d = lanes.mul(lanes.load_partial(delta), lanes.load_partial(g));
                lanes.store_partial(delta, d);
                sum = lanes.add(sum, d);
                along = lanes.mul_add(d, lanes.load_partial(n), along);
            }
            let mean = lanes.splat(lanes.sum(sum) * share);
            let along = lanes.splat(lanes.sum(along) * share);
            let scale = lanes.splat(*inverse);
            for (delta, n) in delta.chunks_mut(LANES).zip(n.chunks(LANES)) {
                let centred = lanes.sub(lanes.load_partial(delta), mean);
                let d = lanes.sub(centred, lanes.mul(lanes.load_partial(n), along));
                lanes.store_partial(delta, lanes.mul(d, scale));
            }
            for (d_bias, delta) in d_biases.chunks_mut(LANES).zip(delta.chunks(LANES)) {
                let sum = lanes.add(lanes.load_partial(d_bias), lanes.load_partial(delta));
                lanes.store_partial(d_bias, sum);
            }
        }
    }
}
