//! A shape somewhere in the world, and where a ray meets it.

use super::vector::{Axes, Vector, axes_along, dot, minus, plus, scaled, turned, turned_back, unit};
use crate::page::PartKind;

/// A shape in the world.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) kind: PartKind,
    /// As [`SolidPart::size`](crate::page::SolidPart) has them (m).
    pub(crate) size: Vector,
    /// Its centre (m).
    pub(crate) at: Vector,
    /// Its axes.
    pub(crate) axes: Axes,
}

/// Where a ray enters a shape: so many of its directions from its origin, with the outward normal there (not of unit length).
type Entry = Option<(f64, Vector)>;

impl Form {
    /// A rounded stick between two points.
    pub(crate) fn stick(from: Vector, to: Vector, radius: f64) -> Self {
        let along = minus(to, from);
        let half = 0.5 * dot(along, along).sqrt();
        let at = scaled(plus(from, to), 0.5);
        Self { kind: PartKind::Capsule, size: [radius, half, 0.0], at, axes: axes_along(along) }
    }

    /// Where the ray from `origin` along `direction` enters it, with the outward unit normal in the world. `None` for a ray that
    /// passes, or that begins inside.
    pub(crate) fn entry(&self, origin: Vector, direction: Vector) -> Entry {
        let o = turned_back(&self.axes, minus(origin, self.at));
        let d = turned_back(&self.axes, direction);
        let [a, b, _] = self.size;
        let (t, normal) = match self.kind {
            PartKind::Sphere => ball(o, d, [0.0; 3], a),
            PartKind::Capsule => capsule(o, d, a, b),
            PartKind::Cylinder => cylinder(o, d, a, b),
            PartKind::Ellipsoid => ellipsoid(o, d, self.size),
            PartKind::Box => cuboid(o, d, self.size),
        }?;
        (t > 0.0).then(|| (t, unit(turned(&self.axes, normal))))
    }

    /// Balls (centre and radius) whose hull holds it.
    pub(crate) fn hull(&self) -> Vec<(Vector, f64)> {
        let [a, b, c] = self.size;
        let at = |p: Vector| plus(self.at, turned(&self.axes, p));
        match self.kind {
            PartKind::Sphere => vec![(self.at, a)],
            PartKind::Capsule | PartKind::Cylinder => {
                // A flat end lies within the ball about its centre.
                vec![(at([0.0, 0.0, -b]), a), (at([0.0, 0.0, b]), a)]
            }
            PartKind::Ellipsoid => vec![(self.at, a.max(b).max(c))],
            PartKind::Box => (0..8)
                .map(|corner| {
                    let sign = |axis: u32| if corner >> axis & 1 == 1 { 1.0 } else { -1.0 };
                    (at([sign(0) * a, sign(1) * b, sign(2) * c]), 0.0)
                })
                .collect(),
        }
    }
}

fn ball(o: Vector, d: Vector, centre: Vector, radius: f64) -> Entry {
    let p = minus(o, centre);
    let (a, b, c) = (dot(d, d), dot(p, d), dot(p, p) - radius * radius);
    let root = b * b - a * c;
    if root < 0.0 {
        return None;
    }
    let t = (-b - root.sqrt()) / a;
    Some((t, plus(p, scaled(d, t))))
}

/// The side of an endless cylinder about the third axis.
fn side(o: Vector, d: Vector, radius: f64) -> Entry {
    let (a, b) = (d[0] * d[0] + d[1] * d[1], o[0] * d[0] + o[1] * d[1]);
    let root = b * b - a * (o[0] * o[0] + o[1] * o[1] - radius * radius);
    if !(a > 0.0 && root >= 0.0) {
        return None;
    }
    let t = (-b - root.sqrt()) / a;
    Some((t, [o[0] + t * d[0], o[1] + t * d[1], 0.0]))
}

fn capsule(o: Vector, d: Vector, radius: f64, half: f64) -> Entry {
    if let Some((t, normal)) = side(o, d, radius)
        && (o[2] + t * d[2]).abs() <= half
    {
        return Some((t, normal));
    }
    let ends = [-half, half].into_iter().filter_map(|z| ball(o, d, [0.0, 0.0, z], radius));
    ends.min_by(|a, b| a.0.total_cmp(&b.0))
}

fn cylinder(o: Vector, d: Vector, radius: f64, half: f64) -> Entry {
    if let Some((t, normal)) = side(o, d, radius)
        && (o[2] + t * d[2]).abs() <= half
    {
        return Some((t, normal));
    }
    if d[2] == 0.0 {
        return None;
    }
    // The end that the ray comes to first.
    let face = -d[2].signum();
    let t = (face * half - o[2]) / d[2];
    let (x, y) = (o[0] + t * d[0], o[1] + t * d[1]);
    (x * x + y * y <= radius * radius).then_some((t, [0.0, 0.0, face]))
}

fn ellipsoid(o: Vector, d: Vector, size: Vector) -> Entry {
    // The ball that it becomes where lengths are counted in its semi-axes.
    let of = |v: Vector| std::array::from_fn(|k| v[k] / size[k]);
    let (t, normal) = ball(of(o), of(d), [0.0; 3], 1.0)?;
    Some((t, of(normal)))
}

fn cuboid(o: Vector, d: Vector, size: Vector) -> Entry {
    let (mut enter, mut leave, mut normal) = (f64::NEG_INFINITY, f64::INFINITY, [0.0; 3]);
    for axis in 0..3 {
        if d[axis] == 0.0 {
            if o[axis].abs() > size[axis] {
                return None;
            }
            continue;
        }
        let face = -d[axis].signum();
        let near = (face * size[axis] - o[axis]) / d[axis];
        if near > enter {
            enter = near;
            normal = [0.0; 3];
            normal[axis] = face;
        }
        leave = leave.min((-face * size[axis] - o[axis]) / d[axis]);
    }
    (enter <= leave).then_some((enter, normal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vector::{axes_of, length};
    use super::*;

    /// How far a point in a form's own frame is from its surface, negative inside; of an ellipsoid and only near it.
    fn distance(form: &Form, p: Vector) -> f64 {
        let [a, b, c] = form.size;
        let radial = p[0].hypot(p[1]);
        match form.kind {
            PartKind::Sphere => length(p) - a,
            PartKind::Capsule => radial.hypot((p[2].abs() - b).max(0.0)) - a,
            PartKind::Cylinder => {
                let (out, over) = (radial - a, p[2].abs() - b);
                out.max(0.0).hypot(over.max(0.0)) + out.max(over).min(0.0)
            }
            PartKind::Ellipsoid => length([p[0] / a, p[1] / b, p[2] / c]) - 1.0,
            PartKind::Box => {
                let over = [p[0].abs() - a, p[1].abs() - b, p[2].abs() - c];
                length(over.map(|x| x.max(0.0)))
                    + over.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x)).min(0.0)
            }
        }
    }

    const KINDS: [PartKind; 5] =
        [PartKind::Sphere, PartKind::Capsule, PartKind::Cylinder, PartKind::Ellipsoid, PartKind::Box];

    proptest! {
        #[test]
        fn a_ray_enters_where_it_first_is_on_the_surface_and_what_passes_never_is(
            kind in 0..KINDS.len(),
            size in [0.05..0.6_f64, 0.05..0.6_f64, 0.05..0.6_f64],
            at in [-0.5..0.5_f64, -0.5..0.5_f64, -0.5..0.5_f64],
            turn in [-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64, 0.1..1.0_f64],
            from in [-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64],
            to in [-0.6..0.6_f64, -0.6..0.6_f64, -0.6..0.6_f64],
        ) {
            let form = Form { kind: KINDS[kind], size, at, axes: axes_of(turn) };
            let origin = scaled(unit(from), 3.0);
            let direction = minus(to, origin);
            let gap = |t: f64| {
                let p = plus(origin, scaled(direction, t));
                distance(&form, turned_back(&form.axes, minus(p, form.at)))
            };
            let steps = |end: f64| (0..400).map(move |k| f64::from(k) / 400.0 * end);
            match form.entry(origin, direction) {
                Some((t, normal)) => {
                    prop_assert!(gap(t).abs() < 1e-6, "{}", gap(t));
                    prop_assert!(steps(t - 1e-6).all(|t| gap(t) > -1e-6));
                    prop_assert!((length(normal) - 1.0).abs() < 1e-9);
                    // Outwards: against the ray, and away from the surface.
                    prop_assert!(dot(normal, direction) <= 1e-9);
                    let out = plus(plus(origin, scaled(direction, t)), scaled(normal, 1e-4));
                    prop_assert!(distance(&form, turned_back(&form.axes, minus(out, form.at))) > 0.0);
                }
                None => prop_assert!(steps(2.0).all(|t| gap(t) > -1e-9)),
            }
        }

        #[test]
        fn the_hull_holds_all_of_it(
            kind in 0..KINDS.len(),
            size in [0.05..0.6_f64, 0.05..0.6_f64, 0.05..0.6_f64],
            turn in [-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64, 0.1..1.0_f64],
            along in [-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64],
            to in [-0.3..0.3_f64, -0.3..0.3_f64, -0.3..0.3_f64],
        ) {
            let form = Form { kind: KINDS[kind], size, at: [0.1, 0.2, 0.3], axes: axes_of(turn) };
            let along = unit(along);
            let furthest = form.hull().iter().map(|(p, r)| dot(*p, along) + r).fold(f64::NEG_INFINITY, f64::max);
            let origin = plus(form.at, scaled(along, 4.0));
            if let Some((t, _)) = form.entry(origin, minus(plus(form.at, to), origin)) {
                let p = plus(origin, scaled(minus(plus(form.at, to), origin), t));
                prop_assert!(dot(p, along) <= furthest + 1e-9);
            }
        }
    }

    #[test]
    fn a_stick_runs_from_end_to_end() {
        let stick = Form::stick([1.0, 0.0, 0.0], [1.0, 0.0, 2.0], 0.1);
        let (t, normal) = stick.entry([1.0, 0.0, 5.0], [0.0, 0.0, -1.0]).unwrap();
        assert!((t - 2.9).abs() < 1e-12 && normal[2] > 0.999, "{t} {normal:?}");
        // One without length is a ball.
        let ball = Form::stick([0.0; 3], [0.0; 3], 0.5);
        assert!((ball.entry([-2.0, 0.0, 0.0], [1.0, 0.0, 0.0]).unwrap().0 - 1.5).abs() < 1e-12);
    }
}
