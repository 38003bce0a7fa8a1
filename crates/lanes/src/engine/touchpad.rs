//! Sensors that feel contacts.

use super::Work;
use crate::algebra::{Vec3, add, axpy, neg, scale, sub, unturned};
use crate::compiled::Shape;
use crate::lane::{Lane, Mask};
use crate::model::Model;

/// A zone that feels the normal forces of a body's contacts.
pub(super) struct Touchpad<F> {
    pub(super) body: usize,
    pub(super) shape: Shape,
    pub(super) size: [f64; 3],
    pub(super) position: Vec3<F>,
    pub(super) turn: [F; 9],
}

/// A contact: its point, the direction in which the first geom's body is pushed, and how strongly.
struct Press<F> {
    geoms: [u32; 2],
    point: Vec3<F>,
    normal: Vec3<F>,
    force: F,
}

impl<F: Lane> Touchpad<F> {
    /// What of a contact's normal force the zone feels: all if the line from the contact out of the body meets it.
    #[inline(always)]
    fn feels(&self, model: &Model, press: &Press<F>) -> F {
        let bodies = press.geoms.map(
            #[inline(always)]
            |geom| model.compiled.geoms[geom as usize].body as usize,
        );
        let out = if bodies[1] == self.body {
            press.normal
        } else if bodies[0] == self.body {
            neg(&press.normal)
        } else {
            return F::zero();
        };
        let pushes = F::zero().less(press.force).bits();
        if pushes == 0 {
            return F::zero();
        }
        let point = unturned(&self.turn, &sub(&press.point, &self.position));
        let out = unturned(&self.turn, &out);
        let mut felt = 0;
        for lane in 0..F::WIDTH {
            if pushes >> lane & 1 == 1 {
                let numbers = [0, 1, 2].map(|i| (point[i].get(lane), out[i].get(lane)));
                let meets = meets(self.shape, self.size, numbers.map(|n| n.0), numbers.map(|n| n.1));
                felt |= u32::from(meets) << lane;
            }
        }
        press.force.only(F::Mask::from_bits(felt))
    }
}

impl<F: Lane> Work<F> {
    /// The sum of the normal forces that a zone feels.
    #[inline(always)]
    pub(super) fn felt(&self, model: &Model, pad: &Touchpad<F>) -> F {
        let mut sum = F::zero();
        for touch in self.touches.iter() {
            let mut force = F::zero();
            for row in &self.rows[touch.first..touch.first + touch.count] {
                force = force + row.force();
            }
            let point = add(&touch.lever, &self.links[model.tree.links[touch.link].root].position);
            let (geoms, normal) = (touch.geoms, touch.normal);
            sum = sum + pad.feels(model, &Press { geoms, point, normal, force });
        }
        for cone in self.cones.iter() {
            let point = add(&cone.lever, &self.links[model.tree.links[cone.link].root].position);
            let (geoms, normal, force) = (cone.geoms, cone.axes[0], cone.force[0]);
            sum = sum + pad.feels(model, &Press { geoms, point, normal, force });
        }
        let mut first = 0;
        while let Some(between) = self.between.get(first) {
            let rows = &self.between[first..first + between.count];
            let mut force = F::zero();
            for row in rows {
                force = force + self.rows[row.row].force();
            }
            let pull = &between.pull;
            let normal = match rows {
                // Its directions are n + μ t and n − μ t.
                [one, other, ..] => {
                    let half = F::splat(0.5);
                    axpy(half, &one.pull.direction, &scale(half, &other.pull.direction))
                }
                _ => pull.direction,
            };
            let point = add(&pull.levers[1], &self.links[model.tree.links[pull.links[1]].root].position);
            let geoms = between.geoms;
            sum = sum + pad.feels(model, &Press { geoms, point, normal, force });
            first += between.count;
        }
        sum
    }
}

/// The stretch of a line `p + t d` with `a t² + 2 b t + c ≤ 0`; none is one that ends before it begins.
fn stretch(a: f64, b: f64, c: f64) -> [f64; 2] {
    const NONE: [f64; 2] = [f64::INFINITY, f64::NEG_INFINITY];
    if a < 1e-15 {
        // It neither comes nearer nor goes away.
        return if c <= 0.0 { [f64::NEG_INFINITY, f64::INFINITY] } else { NONE };
    }
    let square = b * b - a * c;
    if square < 0.0 {
        return NONE;
    }
    let root = square.sqrt();
    [(-b - root) / a, (-b + root) / a]
}

/// The stretch of a line between two planes at ± `half` from the origin.
fn slab(p: f64, d: f64, half: f64) -> [f64; 2] {
    if d.abs() < 1e-15 {
        return stretch(0.0, 0.0, p.abs() - half);
    }
    let ends = [(-half - p) / d, (half - p) / d];
    [ends[0].min(ends[1]), ends[0].max(ends[1])]
}

/// The stretch within a sphere about a point of the z axis.
fn ball(p: [f64; 3], d: [f64; 3], radius: f64) -> [f64; 2] {
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    stretch(dot(d, d), dot(d, p), dot(p, p) - radius * radius)
}

/// Whether a ray from `p` along `d` meets a convex shape about the origin. Whatever starts inside does.
fn meets(shape: Shape, size: [f64; 3], p: [f64; 3], d: [f64; 3]) -> bool {
    let within = |stretches: &[[f64; 2]]| {
        let start = stretches.iter().fold(0.0, |start: f64, s| start.max(s[0]));
        let end = stretches.iter().fold(f64::INFINITY, |end: f64, s| end.min(s[1]));
        start <= end
    };
    let column = || {
        let round = stretch(
            d[0] * d[0] + d[1] * d[1],
            d[0] * p[0] + d[1] * p[1],
            p[0] * p[0] + p[1] * p[1] - size[0] * size[0],
        );
        within(&[round, slab(p[2], d[2], size[1])])
    };
    match shape {
        Shape::Sphere => within(&[ball(p, d, size[0])]),
        Shape::Ellipsoid => {
            let scaled = |v: [f64; 3]| [v[0] / size[0], v[1] / size[1], v[2] / size[2]];
            within(&[ball(scaled(p), scaled(d), 1.0)])
        }
        Shape::Box => within(&[0, 1, 2].map(|i| slab(p[i], d[i], size[i]))),
        Shape::Cylinder => column(),
        Shape::Capsule => {
            let end = |side: f64| within(&[ball([p[0], p[1], p[2] - side * size[1]], d, size[0])]);
            column() || end(1.0) || end(-1.0)
        }
        Shape::Plane | Shape::Other(_) => false,
    }
}
