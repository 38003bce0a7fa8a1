//! The minimiser of a quadratic form over a box, by its products alone.
//!
//! Dostál & Schöberl (2005), modified proportioning with reduced gradient projections: conjugate gradients on the free
//! coordinates; where a step would leave the box, a projected gradient step that may hold many coordinates at once; and where
//! the held ones pull more than the free ones, a step that lets them go.

use super::Jacobian;
use super::metric::Damped;
use crate::linalg::dot;

/// `C = D^-½ A D^-½` with D the diagonal of A: a unit diagonal, free of units.
pub(super) struct Normal<'a, J> {
    pub(super) operator: &'a mut Damped<J>,
    /// `D^½`.
    pub(super) root: &'a [f64],
    pub(super) scaled: &'a mut [f64],
}

impl<J: Jacobian> Normal<'_, J> {
    /// Writes `Cy`.
    pub(super) fn apply(&mut self, y: &[f64], out: &mut [f64]) {
        self.scaled.iter_mut().zip(y.iter().zip(self.root)).for_each(|(s, (y, r))| *s = y / r);
        self.operator.apply(self.scaled, out);
        out.iter_mut().zip(self.root).for_each(|(out, r)| *out /= r);
    }
}

/// Vectors that the method needs (`[d]` each), and the length of its projected steps.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    /// The gradient `Cy + b`.
    pub(super) gradient: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
    trial: Vec<f64>,
    trial_gradient: Vec<f64>,
    /// Halved where a projected step leads up: below 2/‖C‖ it never does.
    length: f64,
}

impl Scratch {
    pub(super) fn new(dim: usize) -> Self {
        let vector = || vec![0.0; dim];
        let (gradient, direction, product) = (vector(), vector(), vector());
        Self { gradient, direction, product, trial: vector(), trial_gradient: vector(), length: 1.0 }
    }
}

/// Bounds of the box (`[d]` each), the lower at most 0 and the upper at least 0.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) lower: &'a [f64],
    pub(super) upper: &'a [f64],
}

impl Bounds<'_> {
    /// What of the gradient moves coordinate i while it is free; 0 for one at a bound.
    fn free(&self, i: usize, y: f64, gradient: f64) -> f64 {
        if self.lower[i] < y && y < self.upper[i] { gradient } else { 0.0 }
    }

    /// What of the gradient would take coordinate i from its bound back inside.
    fn inward(&self, i: usize, y: f64, gradient: f64) -> f64 {
        let (at_lower, at_upper) = (y <= self.lower[i], y >= self.upper[i]);
        match (at_lower, at_upper) {
            (true, false) => gradient.min(0.0),
            (false, true) => gradient.max(0.0),
            _ => 0.0,
        }
    }

    fn clamp(&self, i: usize, y: f64) -> f64 {
        y.clamp(self.lower[i], self.upper[i])
    }

    /// The longest step `a` for which `y − a · direction` stays in the box.
    fn room(&self, y: &[f64], direction: &[f64]) -> f64 {
        direction.iter().enumerate().fold(f64::INFINITY, |room, (i, &p)| match p {
            0.0 => room,
            0.0.. => room.min((y[i] - self.lower[i]) / p),
            _ => room.min((y[i] - self.upper[i]) / p),
        })
    }
}

/// Minimises `½yᵀCy + bᵀy` over the box from `y`, which lies in it, to a projected gradient of `tolerance · ‖b‖`; leaves
/// `Cy + b` in `scratch.gradient`. Returns the number of products, at most `most` and a few.
pub(super) fn minimise<J: Jacobian>(
    c: &mut Normal<'_, J>,
    b: &[f64],
    bounds: Bounds<'_>,
    y: &mut [f64],
    scratch: &mut Scratch,
    tolerance: f64,
    most: usize,
) -> usize {
    let Scratch { gradient, direction, product, trial, trial_gradient, length } = scratch;
    c.apply(y, gradient);
    gradient.iter_mut().zip(b).for_each(|(q, b)| *q += b);
    let enough = tolerance.powi(2) * dot(b, b);
    let (mut products, mut fresh) = (1, true);
    while products < most {
        let (mut free, mut reduced, mut inward) = (0.0, 0.0, 0.0);
        for i in 0..y.len() {
            let part = bounds.free(i, y[i], gradient[i]);
            free += part * part;
            // As far as a projected step of this length would go.
            let most = if part > 0.0 { y[i] - bounds.lower[i] } else { bounds.upper[i] - y[i] } / *length;
            reduced += part.abs() * part.abs().min(most);
            inward += bounds.inward(i, y[i], gradient[i]).powi(2);
        }
        if free + inward <= enough {
            break;
        }
        if inward > reduced {
            // Let go of the held coordinates that pull inwards.
            for i in 0..y.len() {
                direction[i] = bounds.inward(i, y[i], gradient[i]);
            }
            c.apply(direction, product);
            products += 1;
            let step = (inward / dot(direction, product)).min(bounds.room(y, direction));
            advance(bounds, y, gradient, step, direction, product);
            fresh = true;
            continue;
        }
        if fresh {
            for i in 0..y.len() {
                direction[i] = bounds.free(i, y[i], gradient[i]);
            }
            fresh = false;
        }
        c.apply(direction, product);
        products += 1;
        let (energy, room) = (dot(direction, product), bounds.room(y, direction));
        let step = dot(direction, gradient) / energy;
        advance(bounds, y, gradient, step.min(room), direction, product);
        if step <= room {
            let along: f64 =
                (0..y.len()).map(|i| bounds.free(i, y[i], gradient[i]) * product[i]).sum::<f64>() / energy;
            for i in 0..y.len() {
                direction[i] = bounds.free(i, y[i], gradient[i]) - along * direction[i];
            }
            continue;
        }
        // Out of the box: a projected gradient step, as long as it leads down.
        fresh = true;
        let value = |y: &[f64], gradient: &[f64]| {
            0.5 * y.iter().zip(gradient.iter().zip(b)).map(|(y, (q, b))| y * (q + b)).sum::<f64>()
        };
        let before = value(y, gradient);
        for _ in 0..60 {
            for i in 0..y.len() {
                trial[i] = bounds.clamp(i, y[i] - *length * bounds.free(i, y[i], gradient[i]));
            }
            c.apply(trial, trial_gradient);
            products += 1;
            trial_gradient.iter_mut().zip(b).for_each(|(q, b)| *q += b);
            if value(trial, trial_gradient) <= before {
                y.copy_from_slice(trial);
                gradient.copy_from_slice(trial_gradient);
                break;
            }
            *length *= 0.5;
        }
    }
    products
}

/// `y − step · direction`, kept in the box against rounding, with its gradient.
fn advance(
    bounds: Bounds<'_>,
    y: &mut [f64],
    gradient: &mut [f64],
    step: f64,
    along: &[f64],
    product: &[f64],
) {
    for i in 0..y.len() {
        y[i] = bounds.clamp(i, y[i] - step * along[i]);
        gradient[i] -= step * product[i];
    }
}
