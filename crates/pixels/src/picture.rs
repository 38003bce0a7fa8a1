//! How systems look.

use crate::Canvas;
use crate::canvas::SIDE;

/// How a system is drawn: a function of its generalised positions alone.
///
/// No parameter φ enters: an image that gave away the length of the pole would tell the policy the dynamics that it has to be
/// robust against.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Its name, by which results are told apart.
    pub name: &'static str,
    /// Number of generalised positions that it draws, `[positions]`.
    pub positions: usize,
    /// Draws them on a black canvas. Positions may be any numbers, NaN as well.
    pub draw: fn(&[f64], &mut Canvas),
}

/// The cart on its way from −2.5 to 2.5 m, and the pole, 40 pixels long whatever its length, as in Gymnasium's drawing an
/// upright bar on a flat one.
pub const CART_POLE: Picture = Picture { name: "cart-pole", positions: 2, draw: cart_pole };

fn cart_pole(positions: &[f64], canvas: &mut Canvas) {
    /// Pixels a metre, and of the pole.
    const SCALE: f64 = SIDE as f64 / 5.0;
    const POLE: f64 = 40.0;
    let (sin, cos) = positions[1].sin_cos();
    let x = 0.5 * SIDE as f64 + SCALE * positions[0];
    canvas.bar([x - 5.0, 54.0], [x + 5.0, 54.0], 6.0, 0.5);
    canvas.bar([x, 52.0], [x + POLE * sin, 52.0 - POLE * cos], 3.0, 1.0);
}

/// The rod of the torque-driven pendulum, 26 pixels long whatever its length, about the middle of the image; a positive angle
/// turns it to the left, as in Gymnasium's drawing.
pub const TORQUE_PENDULUM: Picture = Picture { name: "torque-pendulum", positions: 1, draw: torque_pendulum };

fn torque_pendulum(positions: &[f64], canvas: &mut Canvas) {
    const ROD: f64 = 26.0;
    const MIDDLE: f64 = 0.5 * SIDE as f64;
    let (sin, cos) = positions[0].sin_cos();
    canvas.bar([MIDDLE, MIDDLE], [MIDDLE - ROD * sin, MIDDLE - ROD * cos], 3.0, 1.0);
}
