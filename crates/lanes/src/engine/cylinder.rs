//! Spheres and capsules before a cylinder, in its frame: its axis is z.

use crate::algebra::{LEAST, Mat3, Vec3, add, axpy, dot, neg, scale, sub, unit};
use crate::lane::{Lane, Mask, inlined};

/// How many steps a search makes at most; most need three or four.
const STEPS: usize = 100;
/// A capsule lies on an end of a cylinder, as on a plane, if the sine of its slope is less.
const SLOPE: f64 = 0.0888;
/// An axis this near to the solid is inside it.
const INSIDE: f64 = 1e-9;
/// What is this much beyond an end is beyond it.
const BEYOND: f64 = 1e-12;

/// The nearest points of the axis of a sphere or capsule and of a block, in the block's frame.
#[derive(Clone, Copy)]
pub(super) struct Nearest<F> {
    /// That of the axis.
    pub(super) point: Vec3<F>,
    /// From it to the block; out of the way, where it is inside.
    pub(super) normal: Vec3<F>,
    /// How far it is from the block, negative inside.
    pub(super) distance: F,
}

/// A sphere or capsule before a block, in the block's frame.
pub(super) struct Facing<F> {
    pub(super) centre: Vec3<F>,
    /// Half the axis.
    pub(super) along: Vec3<F>,
    /// The block's frame in the world.
    pub(super) turn: Mat3<F>,
    pub(super) origin: Vec3<F>,
}

/// A cylinder.
#[derive(Clone, Copy)]
pub(super) struct Cylinder {
    pub(super) radius: f64,
    /// Half its height.
    pub(super) half: f64,
}

/// One of the two contacts of a capsule that lies on an end of a cylinder.
pub(super) struct Rest<F: Lane> {
    pub(super) lanes: F::Mask,
    pub(super) distance: F,
    pub(super) normal: Vec3<F>,
    pub(super) point: Vec3<F>,
}

#[inline(always)]
fn flat<F: Lane>(v: &Vec3<F>) -> Vec3<F> {
    [v[0], v[1], F::zero()]
}

/// 1 or −1: the sign of a number, that of zero the second.
#[inline(always)]
fn sign<F: Lane>(x: F) -> F {
    F::select(F::zero().less(x), F::one(), -F::one())
}

#[inline(always)]
fn pick<F: Lane>(mask: F::Mask, yes: &Vec3<F>, no: &Vec3<F>) -> Vec3<F> {
    [F::select(mask, yes[0], no[0]), F::select(mask, yes[1], no[1]), F::select(mask, yes[2], no[2])]
}

#[inline(always)]
fn choose<F: Lane>(mask: F::Mask, yes: &Nearest<F>, no: &Nearest<F>) -> Nearest<F> {
    Nearest {
        point: pick(mask, &yes.point, &no.point),
        normal: pick(mask, &yes.normal, &no.normal),
        distance: F::select(mask, yes.distance, no.distance),
    }
}

/// A quotient whose divisor is not negative, 0 where that is nearly 0.
#[inline(always)]
fn over<F: Lane>(a: F, b: F) -> F {
    (a / b.max(F::splat(LEAST * LEAST))).only(F::splat(LEAST * LEAST).less(b))
}

impl Cylinder {
    /// The point of the cylinder nearest to a point outside; inside, the nearer of end and side.
    #[inline(always)]
    pub(super) fn before_sphere<F: Lane>(&self, point: &Vec3<F>) -> Nearest<F> {
        let (zero, half) = (F::zero(), F::splat(self.half));
        let (inward, out) = unit(&neg(&flat(point)));
        let (side, end) = (out - F::splat(self.radius), point[2].abs() - half);
        let (beside, above) = (end.less(zero), side.less(zero));
        let top = [zero, zero, -sign(point[2])];
        let to_end = above & (!beside | side.less(end));
        let to_side = beside & !to_end;
        let (corner, far) = unit(&add(&scale(side, &inward), &scale(end, &top)));
        let normal = pick(to_end, &top, &pick(to_side, &inward, &corner));
        let distance = F::select(to_end, end, F::select(to_side, side, far));
        Nearest { point: *point, normal, distance }
    }

    /// Where a capsule may be as near as this, by what is quickly found.
    #[inline(always)]
    pub(super) fn within<F: Lane>(&self, facing: &Facing<F>, reach: F) -> F::Mask {
        let Facing { centre, along, .. } = facing;
        let low = centre[2].abs() - along[2].abs();
        let point = axpy(self.beside(facing), &flat(along), &flat(centre));
        let wide = F::splat(self.radius) + reach;
        low.less(F::splat(self.half) + reach) & dot(&point, &point).less(wide * wide)
    }

    /// Where on its axis a capsule is nearest to the cylinder's axis, from −1 to 1.
    #[inline(always)]
    fn beside<F: Lane>(&self, facing: &Facing<F>) -> F {
        let (centre, along) = (flat(&facing.centre), flat(&facing.along));
        over(-dot(&centre, &along), dot(&along, &along)).clamp(-F::one(), F::one())
    }

    /// What of a capsule's axis and of the cylinder is nearest, in the lanes `near`.
    #[inline(always)]
    pub(super) fn before_capsule<F: Lane>(&self, facing: &Facing<F>, near: F::Mask) -> Nearest<F> {
        let t = self.search(facing, near);
        let point = axpy(t, &facing.along, &facing.centre);
        let outside = self.before_sphere(&point);
        let inside = near & !F::splat(INSIDE).less(outside.distance);
        if !inside.any() {
            return outside;
        }
        choose(inside, &self.out(facing), &outside)
    }

    /// Where on its axis a capsule is nearest to the cylinder, from −1 to 1: the distance is convex along the axis, and this
    /// is the root of the slope of half its square.
    #[inline(always)]
    fn search<F: Lane>(&self, facing: &Facing<F>, near: F::Mask) -> F {
        let (zero, one) = (F::zero(), F::one());
        let (radius, half) = (F::splat(self.radius), F::splat(self.half));
        let Facing { centre, along, .. } = facing;
        let across = dot(&flat(along), &flat(along));
        // The slope, and how fast it grows.
        let slope = inlined(
            #[inline(always)]
            |t: F| {
                let point = axpy(t, along, centre);
                let out = dot(&flat(&point), &flat(&point)).sqrt();
                let outwards = over(dot(&flat(along), &flat(&point)), out);
                let beside = (out - radius).max(zero);
                let above = (point[2].abs() - half).max(zero);
                let first = beside.mul_add(outwards, above * (sign(point[2]) * along[2]));
                let turns = over(beside, out) * outwards.neg_mul_add(outwards, across);
                let grows = (outwards.mul_add(outwards, turns)).only(zero.less(beside));
                (first, grows + (along[2] * along[2]).only(zero.less(above)))
            },
        );
        let (mut low, mut high) = (-one, one);
        let (at_low, at_high) = (slope(low).0, slope(high).0);
        let mut t = self.beside(facing);
        // Before a side the axes of both may be parallel: MuJoCo's point then.
        let length = dot(along, along).sqrt();
        let upright = across.less(F::splat(1e-20) * dot(along, along));
        let shared = -(centre[2] / (length + half)) * sign(along[2]);
        let upright = upright & shared.abs().less(one);
        t = F::select(upright, shared, t);
        let first = !at_low.less(zero);
        let last = !first & !zero.less(at_high);
        t = F::select(first & !upright, low, F::select(last & !upright, high, t));
        let mut open = near & !(first | last | upright);
        let mut moved = one + one;
        for _ in 0..STEPS {
            if !open.any() {
                break;
            }
            let (value, grows) = slope(t);
            low = F::select(open & value.less(zero), t, low);
            high = F::select(open & zero.less(value), t, high);
            let newton = t - value / grows.max(F::splat(LEAST * LEAST));
            // Newton's step where it stays inside and is much shorter than the one before.
            let good = low.less(newton) & newton.less(high) & (newton - t).abs().less(F::splat(0.5) * moved);
            let next = F::select(good, newton, F::splat(0.5) * (low + high));
            let step = (next - t).abs();
            let still = !zero.less(value.abs()) | !F::splat(1e-16).less(step);
            t = F::select(open & zero.less(value.abs()), next, t);
            moved = F::select(open, step, moved);
            open = open & !still;
        }
        t
    }

    /// The shortest way out of a capsule's axis that enters the cylinder.
    ///
    /// It is over an end; or across the axis of the cylinder; or across the capsule's, over a rim.
    #[inline(always)]
    fn out<F: Lane>(&self, facing: &Facing<F>) -> Nearest<F> {
        let (zero, one) = (F::zero(), F::one());
        let (radius, half) = (F::splat(self.radius), F::splat(self.half));
        let Facing { centre, along, .. } = facing;
        let up = sign(centre[2]);
        let end = Nearest {
            point: axpy(F::select(zero.less(along[2].abs()), -(up * sign(along[2])), zero), along, centre),
            normal: [zero, zero, -up],
            distance: up.mul_add(centre[2], -(along[2].abs() + half)),
        };
        // Straight across both axes.
        let (across, width) = unit(&[-along[1], along[0], zero]);
        let point = axpy(self.beside(facing), along, centre);
        let (inward, out) = unit(&neg(&flat(&point)));
        let inward = pick(F::splat(LEAST).less(out), &inward, &across);
        let side = Nearest { point, normal: inward, distance: out - radius };
        let best = choose(end.distance.less(side.distance), &side, &end);
        // Seen along the capsule's axis the rims are ellipses, and the way out is that of a point to the nearer one: the
        // angle at which it is shortest, between `across` and `over`.
        let length = dot(along, along).sqrt();
        let axis = scale(one / length, along);
        let over_it = [
            axis[1] * across[2] - axis[2] * across[1],
            axis[2] * across[0] - axis[0] * across[2],
            axis[0] * across[1] - axis[1] * across[0],
        ];
        let (a, b) = (dot(&across, centre), dot(&over_it, centre));
        let (right, upwards) = (sign(a), sign(b));
        let (a, b, tilt) = (a.abs(), b.abs(), over_it[2].abs());
        let lift = half.neg_mul_add(tilt, b);
        // How fast the way grows with the angle whose cosine and sine these are.
        let growth = inlined(
            #[inline(always)]
            |[c, s]: [F; 2]| {
                let shrunk = (tilt * s).neg_mul_add(tilt * s, one).max(zero).sqrt();
                s.mul_add(a - over(radius * (tilt * tilt) * c, shrunk), -(lift * c))
            },
        );
        let mut rim = zero.less(lift);
        // Of unit vectors that enclose the angle. Between the rims there may be none.
        let (mut low, mut high) = ([one, zero], [zero, one]);
        let mut cosine = 0.97;
        for _ in 0..40 {
            let at = [F::splat(cosine), F::splat((1.0_f64 - cosine * cosine).sqrt())];
            let found = !rim & growth(at).less(zero);
            for k in 0..2 {
                low[k] = F::select(found, at[k], low[k]);
            }
            rim = rim | found;
            cosine *= 0.6;
        }
        rim = rim & F::splat(1e-10).less(width / length);
        if !rim.any() {
            return best;
        }
        let mut at = low;
        for _ in 0..60 {
            let (c, s) = (low[0] + high[0], low[1] + high[1]);
            let size = s.mul_add(s, c * c).sqrt();
            at = [c / size, s / size];
            let before = growth(at).less(zero);
            for k in 0..2 {
                low[k] = F::select(before, at[k], low[k]);
                high[k] = F::select(before, high[k], at[k]);
            }
        }
        let outwards = add(&scale(right * at[0], &across), &scale(upwards * at[1], &over_it));
        let (around, _) = unit(&flat(&outwards));
        let edge = [radius * around[0], radius * around[1], half * sign(outwards[2])];
        let depth = dot(&outwards, &sub(&edge, centre));
        let t = (dot(&sub(&edge, centre), &axis) / length).clamp(-one, one);
        let over_rim = Nearest { point: axpy(t, along, centre), normal: neg(&outwards), distance: -depth };
        choose(rim & best.distance.less(over_rim.distance), &over_rim, &best)
    }

    /// The contacts of a capsule that lies on an end, which stand in place of that of the nearest points: MuJoCo clips its
    /// lowest line by a polygon of 16 corners on the rim, and takes both ends of what is left.
    #[inline(always)]
    pub(super) fn rests<F: Lane>(
        &self,
        facing: &Facing<F>,
        nearest: &Nearest<F>,
        radius: F,
        margin: F,
    ) -> [Rest<F>; 2] {
        let (zero, one) = (F::zero(), F::one());
        let half = F::splat(self.half);
        let Facing { centre, along, .. } = facing;
        let on = axpy(nearest.distance, &nearest.normal, &nearest.point);
        let up = sign(on[2]);
        let level = (along[2] * along[2]).less(F::splat(SLOPE * SLOPE) * dot(along, along));
        // The nearest point of the cylinder is one of an end or rim, and that of the side is not a rim's.
        let tilted = F::splat(BEYOND).less((nearest.normal[2] * nearest.distance).abs());
        let mut lanes = level & tilted & !on[2].abs().less(half - F::splat(BEYOND));
        let none = [zero; 3];
        let blank = Rest { lanes: F::Mask::none(), distance: zero, normal: none, point: none };
        if !lanes.any() {
            return [Rest { ..blank }, blank];
        }
        let swell = F::splat(0.5).mul_add(margin, radius);
        // The line of the capsule's wall towards the cylinder; inside the wall, where the nearest point is that of a cap.
        let lean = over(dot(&nearest.normal, along), dot(along, along));
        let line = axpy(swell, &axpy(-lean, along, &nearest.normal), centre);
        let (mut low, mut high) = (-one, one);
        let apothem = F::splat(self.radius * CORNER[0][0]);
        for [c, s] in CORNER {
            for (c, s) in [(c, s), (-s, c), (-c, -s), (s, -c)] {
                let (c, s) = (F::splat(c), F::splat(s));
                let room = apothem - c.mul_add(line[0], s * line[1]);
                let out = c.mul_add(along[0], s * along[1]);
                let parallel = !zero.less(out.abs());
                let at = room / F::select(parallel, one, out);
                high = F::select(zero.less(out), at.min(high), high);
                low = F::select(out.less(zero), at.max(low), low);
                lanes = lanes & !(parallel & room.less(zero));
            }
        }
        lanes = lanes & !high.less(low);
        let lower = inlined(
            #[inline(always)]
            |t: F| {
                let point = axpy(t, along, &line);
                let distance = up.mul_add(point[2], F::splat(0.5) * margin) - half;
                let middle = up * F::splat(0.5).mul_add(distance, half);
                ([point[0], point[1], middle], distance)
            },
        );
        let [(first, deep), (second, other)] = [lower(low), lower(high)];
        let [at_first, at_second] = [lanes & !margin.less(deep), lanes & !margin.less(other)];
        let normal = [zero, zero, -up];
        // Where only one end is deep enough and it is a cut, MuJoCo has it twice.
        let cut = (at_first & (-one).less(low)) | (at_second & high.less(one));
        let (point, distance) = (pick(at_first, &first, &second), F::select(at_first, deep, other));
        let twice = (at_first & at_second) | ((at_first ^ at_second) & cut);
        [
            Rest { lanes: at_first | at_second, distance, normal, point },
            Rest {
                lanes: twice,
                distance: F::select(at_second, other, deep),
                normal,
                point: pick(at_second, &second, &first),
            },
        ]
    }
}

/// Cosine and sine of the directions of sides of a regular polygon of 16 corners, one of which is at x, from 0 to 90°.
const CORNER: [[f64; 2]; 4] = [
    [0.980_785_280_403_230_4, 0.195_090_322_016_128_25],
    [0.831_469_612_302_545_2, 0.555_570_233_019_602_2],
    [0.555_570_233_019_602_2, 0.831_469_612_302_545_2],
    [0.195_090_322_016_128_25, 0.980_785_280_403_230_4],
];
