//! The worst point of the ball where hard bounds cut it.

use super::Jacobian;
use super::box_minimiser::{self, Bounds, Normal, Scratch};
use super::metric::{ConjugateGradients, Damped};
use crate::linalg::dot;

/// Looks at the multiplier of the ellipsoid, on the way out and on the way between.
const LOOKS: usize = 100;

/// The ball in coordinates `y_i = z_i √(A_ii / 2ε)`, A = H₀ + λI, where it reads `yᵀCy ≤ 1` with a unit diagonal, and the
/// vectors that its minimiser needs (`[d]` each).
#[derive(Clone, Debug)]
pub(super) struct NormalForm {
    /// `√A_ii`.
    root: Vec<f64>,
    /// `√(2ε)`.
    radius: f64,
    lower: Vec<f64>,
    upper: Vec<f64>,
    gradient: Vec<f64>,
    linear: Vec<f64>,
    scaled: Vec<f64>,
    scratch: Scratch,
    low: Point,
    high: Point,
    trial: Point,
}

/// `y(t) = argmin ½yᵀCy + t gᵀy` over the box.
#[derive(Clone, Debug)]
struct Point {
    t: f64,
    y: Vec<f64>,
    /// `Cy`.
    product: Vec<f64>,
    /// `√(yᵀCy)`.
    size: f64,
}

impl Point {
    fn origin(dim: usize) -> Self {
        Self { t: 0.0, y: vec![0.0; dim], product: vec![0.0; dim], size: 0.0 }
    }
}

impl NormalForm {
    /// The normal form of the ball of radius ε whose metric has this diagonal.
    pub(super) fn new(diagonal: &[f64], epsilon: f64, lower: &[f64], upper: &[f64]) -> Self {
        let (dim, radius) = (diagonal.len(), (2.0 * epsilon).sqrt());
        let root: Vec<f64> = diagonal.iter().map(|a| a.sqrt()).collect();
        let in_y = |bounds: &[f64]| bounds.iter().zip(&root).map(|(b, r)| b * r / radius).collect();
        let (lower, upper) = (in_y(lower), in_y(upper));
        let vector = || vec![0.0; dim];
        let point = || Point::origin(dim);
        let (gradient, linear, scaled) = (vector(), vector(), vector());
        let (low, high, trial) = (point(), point(), point());
        let scratch = Scratch::new(dim);
        Self { root, radius, lower, upper, gradient, linear, scaled, scratch, low, high, trial }
    }

    /// Writes the minimiser of `gᵀz` over ellipsoid ∩ box into `z`, with `bounds` the box in z and `reach` the value of
    /// `|gᵀz|` at the minimiser over the ellipsoid alone. Returns the products that it took.
    ///
    /// The multiplier 1/t of the ellipsoid is the one at which y(t) lies on its surface. Without the box y(t) grows in
    /// proportion to t and crosses at `t = 1/reach`; the box shortens it.
    pub(super) fn minimiser<J: Jacobian>(
        &mut self,
        operator: &mut Damped<J>,
        options: &ConjugateGradients,
        g: &[f64],
        reach: f64,
        bounds: [&[f64]; 2],
        z: &mut [f64],
    ) -> usize {
        for i in 0..g.len() {
            self.gradient[i] = g[i] * self.radius / self.root[i];
        }
        let mut products = 0;
        self.trial.y.fill(0.0);
        self.trial.t = 1.0 / reach;
        products += self.look(operator, options);
        while self.trial.size > 1.0 {
            self.trial.t *= 0.5;
            products += self.look(operator, options);
        }
        std::mem::swap(&mut self.trial, &mut self.low);
        products += self.walk_out(operator, options);
        if self.high.size > 1.0 {
            products += self.close_in(operator, options);
            products += self.cross(operator);
        }
        for (i, z) in z.iter_mut().enumerate() {
            // A coordinate at its bound in y is at its bound in z to the bit.
            *z = match self.low.y[i] {
                y if y == self.lower[i] => bounds[0][i],
                y if y == self.upper[i] => bounds[1][i],
                y => y * self.radius / self.root[i],
            };
        }
        products
    }

    /// Moves `trial` to y(t) of its t.
    fn look<J: Jacobian>(&mut self, operator: &mut Damped<J>, options: &ConjugateGradients) -> usize {
        let Self { root, lower, upper, gradient, linear, scaled, scratch, trial, .. } = self;
        linear.iter_mut().zip(&*gradient).for_each(|(b, g)| *b = trial.t * g);
        let mut c = Normal { operator, root, scaled };
        let bounds = Bounds { lower, upper };
        let (tolerance, most) = (options.tolerance, options.most_products);
        let taken = box_minimiser::minimise(&mut c, linear, bounds, &mut trial.y, scratch, tolerance, most);
        let parts = scratch.gradient.iter().zip(&*linear);
        trial.product.iter_mut().zip(parts).for_each(|(p, (q, b))| *p = q - b);
        trial.size = dot(&trial.y, &trial.product).max(0.0).sqrt();
        taken
    }

    /// Whether `low` is where the linear loss alone would lead within the box.
    fn in_corner(&self) -> bool {
        let side = |i: usize| if self.gradient[i] > 0.0 { self.lower[i] } else { self.upper[i] };
        (0..self.gradient.len()).all(|i| self.gradient[i] == 0.0 || self.low.y[i] == side(i))
    }

    /// Moves `low` outwards until it is on the surface, or in the corner of the box, or `high` has passed the surface.
    fn walk_out<J: Jacobian>(&mut self, operator: &mut Damped<J>, options: &ConjugateGradients) -> usize {
        let (mut products, mut growth) = (0, 1.0);
        self.high.size = 0.0;
        for _ in 0..LOOKS {
            if 1.0 - self.low.size <= 1e-12 || self.in_corner() || self.low.t > 1e280 {
                break;
            }
            // A projection grows no faster than t, so t/s(t) never passes the surface; grown, it soon does.
            self.trial.t = self.low.t / self.low.size.max(1e-3) * growth;
            growth = f64::min(growth * (growth + 0.1), 1e16);
            self.trial.y.copy_from_slice(&self.low.y);
            products += self.look(operator, options);
            if self.trial.size > 1.0 {
                std::mem::swap(&mut self.trial, &mut self.high);
                break;
            }
            std::mem::swap(&mut self.trial, &mut self.low);
        }
        products
    }

    /// Brings `low` and `high` together until the same coordinates are at their bounds.
    fn close_in<J: Jacobian>(&mut self, operator: &mut Damped<J>, options: &ConjugateGradients) -> usize {
        let (mut products, mut halve) = (0, false);
        for _ in 0..LOOKS {
            let (low, high) = (&self.low, &self.high);
            let at_same = |i: usize| {
                let sides = |y: f64| (y == self.lower[i], y == self.upper[i]);
                sides(low.y[i]) == sides(high.y[i])
            };
            let width = high.t - low.t;
            if high.size - low.size <= 1e-12 || width <= 1e-14 * high.t || (0..low.y.len()).all(at_same) {
                break;
            }
            // Where the straight line between them crosses, and every other time the middle, lest one end never move.
            let straight = ((1.0 - low.size) / (high.size - low.size)).clamp(0.01, 0.99);
            self.trial.t = low.t + width * if halve { 0.5 } else { straight };
            halve = !halve;
            self.trial.y.copy_from_slice(&low.y);
            products += self.look(operator, options);
            let end = if self.trial.size <= 1.0 { &mut self.low } else { &mut self.high };
            std::mem::swap(&mut self.trial, end);
        }
        products
    }

    /// Moves `low` to where the segment to `high` crosses the surface: `size(low + θ d) = 1`, in the form that subtracts
    /// nothing.
    fn cross<J: Jacobian>(&mut self, operator: &mut Damped<J>) -> usize {
        let Self { root, scaled, low, high, trial, .. } = self;
        for i in 0..low.y.len() {
            trial.y[i] = high.y[i] - low.y[i];
        }
        Normal { operator, root, scaled }.apply(&trial.y, &mut trial.product);
        let (a, b) = (dot(&trial.y, &trial.product), dot(&low.y, &trial.product));
        let missing = (1.0 - low.size * low.size).max(0.0);
        let end = b + (b * b + a * missing).max(0.0).sqrt();
        let theta = if end > 0.0 { (missing / end).min(1.0) } else { 0.0 };
        for i in 0..low.y.len() {
            // Where both are at a bound, the sum is to the bit.
            low.y[i] = (low.y[i] + theta * trial.y[i]).clamp(self.lower[i], self.upper[i]);
        }
        1
    }
}
