//! A square grey image that is drawn on.

use zeno::{Command, Mask, Scratch, Vector};

/// Pixels of a side.
pub const SIDE: usize = 64;

/// The furthest from the image that a coordinate counts, in pixels: what lies beyond is not seen anyway, and the rasteriser's
/// whole numbers do not overflow.
const FURTHEST: f64 = 1000.0;

/// An image of [`SIDE`] × [`SIDE`] grey values in [0, 1], black at first. Coordinates are pixels: x to the right, y down, the
/// upper left corner at (0, 0).
///
/// How much of a pixel a shape covers is an exact area in 256ths, computed in whole numbers; the same on every machine.
#[derive(Default)]
pub struct Canvas {
    /// `[SIDE, SIDE]`, row by row.
    pixels: Vec<f32>,
    /// What of each pixel the latest shape covers.
    covered: Vec<u8>,
    scratch: Scratch,
}

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canvas").field("pixels", &self.pixels).finish_non_exhaustive()
    }
}

impl Canvas {
    /// A black image.
    pub fn new() -> Self {
        let pixels = vec![0.0; SIDE * SIDE];
        Self { pixels, covered: vec![0; SIDE * SIDE], scratch: Scratch::new() }
    }

    /// The grey values, row by row.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Makes it black again.
    pub fn clear(&mut self) {
        self.pixels.fill(0.0);
    }

    /// Draws the bar `width` pixels wide whose middle line runs from `from` to `to`, over what is there. Nothing if a number
    /// is not finite, or the line has no length. No allocation once some bars were drawn.
    pub fn bar(&mut self, from: [f64; 2], to: [f64; 2], width: f64, grey: f32) {
        let along = [to[0] - from[0], to[1] - from[1]];
        let half = 0.5 * width / along[0].hypot(along[1]);
        if !half.is_finite() {
            return;
        }
        let aside = [-along[1] * half, along[0] * half];
        let corner = |at: [f64; 2], side: f64| {
            [0, 1].map(|axis| (at[axis] + side * aside[axis]).clamp(-FURTHEST, FURTHEST))
        };
        self.fill([corner(from, 1.0), corner(to, 1.0), corner(to, -1.0), corner(from, -1.0)], grey);
    }

    /// Fills a convex shape of four corners.
    fn fill(&mut self, corners: [[f64; 2]; 4], grey: f32) {
        // The part of the image that the shape may touch.
        let axis = |axis: usize| {
            let of = corners.map(|corner| corner[axis]);
            let low = of.into_iter().fold(f64::INFINITY, f64::min).floor().clamp(0.0, SIDE as f64);
            let high = of.into_iter().fold(0.0, f64::max).ceil().clamp(0.0, SIDE as f64);
            (low as usize, high as usize)
        };
        let ((left, right), (top, bottom)) = (axis(0), axis(1));
        if left >= right || top >= bottom {
            return;
        }
        let (width, height) = (right - left, bottom - top);
        let point = |[x, y]: [f64; 2]| Vector::new((x - left as f64) as f32, (y - top as f64) as f32);
        let [a, b, c, d] = corners.map(point);
        let path =
            [Command::MoveTo(a), Command::LineTo(b), Command::LineTo(c), Command::LineTo(d), Command::Close];
        let covered = &mut self.covered[..width * height];
        covered.fill(0);
        Mask::with_scratch(&path[..], &mut self.scratch)
            .size(width as u32, height as u32)
            .render_into(covered, None);
        let rows = self.pixels.chunks_exact_mut(SIDE).skip(top);
        for (row, covered) in rows.zip(covered.chunks_exact(width)) {
            for (pixel, covered) in row[left..right].iter_mut().zip(covered) {
                *pixel += f32::from(*covered) / 255.0 * (grey - *pixel);
            }
        }
    }
}
