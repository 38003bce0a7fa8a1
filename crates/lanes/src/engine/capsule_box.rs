//! A capsule before a box, in its frame: the point of its axis that is nearest, and another one that holds it as well.
//!
//! MuJoCo 3.17 makes one or two contacts of them, each that of a sphere at a point of the axis. The first point is the
//! nearest to the box: an end of the axis beside no more than one face, or what is nearest to an edge. The second one is
//! how far the axis then stays before that face, or before one beside that edge, if it leads there at all.

use super::cylinder::Facing;
use crate::algebra::{LEAST, Vec3, axpy, dot};
use crate::lane::{Lane, Mask, inlined};

/// Points of a capsule's axis, from −1 to 1.
pub(super) struct Points<F: Lane> {
    pub(super) first: F,
    /// Where there is a first one.
    pub(super) one: F::Mask,
    pub(super) second: F,
    /// Where there is a second one.
    pub(super) two: F::Mask,
}

/// A capsule and a box.
pub(super) struct Lying<'a, F> {
    pub(super) facing: &'a Facing<F>,
    /// Half the edges of the box.
    pub(super) size: &'a [f64; 3],
    pub(super) radius: f64,
    /// Half the length of the axis.
    pub(super) half: f64,
    pub(super) margin: f64,
}

/// What of the box is nearest to the axis so far.
struct Closest<F: Lane> {
    /// The square of how far it is.
    square: F,
    /// Where on the axis, from −1 to 1.
    at: F,
    /// Where on the edge, from −1 to 1.
    on: F,
    /// An end of the axis, which is beside one of these faces or in the box.
    end: F::Mask,
    faces: [F::Mask; 3],
    /// Along which axis of the box its edge is; none for an end.
    edges: [F::Mask; 3],
    /// Whether it is at an end of its edge, or the search for it went over one.
    corner: F::Mask,
    /// On which axes of the box the edge, or that corner, is on the positive side.
    upper: [F::Mask; 3],
}

/// The two other axes, in the order in which MuJoCo has the edges along one.
const OTHERS: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];

#[inline(always)]
fn when<F: Lane>(mask: F::Mask, yes: F::Mask, no: F::Mask) -> F::Mask {
    (mask & yes) | (!mask & no)
}

/// 1 or −1.
#[inline(always)]
fn sign<F: Lane>(forwards: F::Mask) -> F {
    F::select(forwards, F::one(), -F::one())
}

/// One number of three; the last where no mask is true.
#[inline(always)]
fn which<F: Lane>(masks: &[F::Mask; 3], numbers: &Vec3<F>) -> F {
    F::select(masks[0], numbers[0], F::select(masks[1], numbers[1], numbers[2]))
}

impl<F: Lane> Lying<'_, F> {
    /// Where a capsule may touch the box, by what is quickly found.
    #[inline(always)]
    pub(super) fn within(&self) -> F::Mask {
        let Facing { centre, along, .. } = self.facing;
        let beyond = inlined(
            #[inline(always)]
            |k: usize| {
                (centre[k].abs() - along[k].abs()).less(F::splat(self.size[k] + self.radius + self.margin))
            },
        );
        beyond(0) & beyond(1) & beyond(2)
    }

    #[inline(always)]
    pub(super) fn points(&self) -> Points<F> {
        let none = F::Mask::none();
        let mut closest = Closest {
            square: F::splat(f64::INFINITY),
            at: F::zero(),
            on: F::zero(),
            end: none,
            faces: [none; 3],
            edges: [none; 3],
            corner: none,
            upper: [none; 3],
        };
        self.try_ends(&mut closest);
        for axis in 0..3 {
            self.try_edges(axis, &mut closest);
        }
        let edge = closest.edges[0] | closest.edges[1] | closest.edges[2];
        let (mut second, mut two) = (closest.at, none);
        let mut take = inlined(
            #[inline(always)]
            |lanes: F::Mask, (at, there): (F, F::Mask)| {
                second = F::select(lanes & there, at, second);
                two = two | (lanes & there);
            },
        );
        let corner = edge & closest.corner;
        let side = edge & !closest.corner;
        if closest.end.any() {
            take(closest.end, self.past_end(&closest));
        }
        if corner.any() {
            take(corner, self.past_corner(&closest));
        }
        if side.any() {
            take(side, self.past_edge(&closest));
        }
        Points { first: closest.at, one: closest.end | edge, second, two }
    }

    #[inline(always)]
    fn try_ends(&self, closest: &mut Closest<F>) {
        let Facing { centre, along, .. } = self.facing;
        for end in [-1.0, 1.0] {
            let tip = axpy(F::splat(end), along, centre);
            let mut out = [F::zero(); 3];
            let mut faces = [F::Mask::none(); 3];
            for k in 0..3 {
                out[k] = (tip[k].abs() - F::splat(self.size[k])).max(F::zero());
                faces[k] = F::zero().less(out[k]);
            }
            let several = (faces[0] & faces[1]) | (faces[1] & faces[2]) | (faces[2] & faces[0]);
            let square = dot(&out, &out);
            let nearer = square.less(closest.square) & !several;
            closest.square = F::select(nearer, square, closest.square);
            closest.at = F::select(nearer, F::splat(end), closest.at);
            closest.end = closest.end | nearer;
            for (k, face) in faces.into_iter().enumerate() {
                closest.faces[k] = when::<F>(nearer, face, closest.faces[k]);
            }
        }
    }

    /// The four edges along an axis of the box.
    #[inline(always)]
    fn try_edges(&self, axis: usize, closest: &mut Closest<F>) {
        let one = F::one();
        let Facing { centre, along, .. } = self.facing;
        let [p, q] = OTHERS[axis];
        let length = self.size[axis];
        // Seen along the edge.
        let across = along[q].mul_add(along[q], along[p] * along[p]);
        let skew = !(F::splat(length * length) * across).less(F::splat(LEAST));
        if !skew.any() {
            return;
        }
        let inverse = one / across;
        for (high_q, high_p) in [(false, false), (false, true), (true, false), (true, true)] {
            let place = inlined(
                #[inline(always)]
                |k: usize, high: bool| F::splat(if high { self.size[k] } else { -self.size[k] }) - centre[k],
            );
            let (to_p, to_q) = (place(p, high_p), place(q, high_q));
            let beside = along[q].mul_add(to_q, along[p] * to_p);
            let mut at = beside * inverse;
            let inverse_length = F::splat(1.0 / length);
            let mut on = at.mul_add(along[axis], centre[axis]) * inverse_length;
            let (mut high, mut low) = (one.less(on), on.less(-one));
            on = clip(on);
            // Beyond an end of the edge it is the corner's nearest point.
            let to_corner = on.mul_add(F::splat(length), -centre[axis]);
            let of_corner = along[axis].mul_add(to_corner, beside) * F::splat(1.0 / (self.half * self.half));
            at = F::select(high | low, of_corner, at);
            // Beyond an end of the axis it is that end's; where this is beside the edge again, MuJoCo goes on as at its corner.
            let over = one.less(at.abs());
            at = clip(at);
            let of_end = at.mul_add(along[axis], centre[axis]) * inverse_length;
            let (end_high, end_low) = (over & one.less(of_end), over & of_end.less(-one));
            high = (high & !end_low) | end_high;
            low = low | end_low;
            on = F::select(over, clip(of_end), on);
            let apart = [
                at.neg_mul_add(along[p], to_p),
                at.neg_mul_add(along[q], to_q),
                at.neg_mul_add(along[axis], on.mul_add(F::splat(length), -centre[axis])),
            ];
            let square = dot(&apart, &apart);
            let nearer = skew & square.less(closest.square - F::splat(LEAST));
            closest.square = F::select(nearer, square, closest.square);
            closest.at = F::select(nearer, at, closest.at);
            closest.on = F::select(nearer, on, closest.on);
            closest.end = closest.end & !nearer;
            closest.corner = when::<F>(nearer, high | low, closest.corner);
            closest.edges = closest.edges.map(
                #[inline(always)]
                |mask| mask & !nearer,
            );
            closest.edges[axis] = closest.edges[axis] | nearer;
            for (k, side) in [(p, high_p), (q, high_q)] {
                closest.upper[k] = if side { closest.upper[k] | nearer } else { closest.upper[k] & !nearer };
            }
            closest.upper[axis] = when::<F>(nearer, high, closest.upper[axis]);
        }
    }

    /// From an end that is beside a face: where the axis leaves the face, or its other end.
    #[inline(always)]
    fn past_end(&self, closest: &Closest<F>) -> (F, F::Mask) {
        let (zero, two) = (F::zero(), F::splat(2.0));
        let Facing { centre, along, .. } = self.facing;
        let faces = &closest.faces;
        let way = -closest.at;
        let mut far = two;
        for k in 0..3 {
            let tip = closest.at.mul_add(along[k], centre[k]);
            for bound in [self.size[k], -self.size[k]] {
                let leaves = (F::splat(bound) - tip) / along[k] * way;
                let sooner = zero.less(leaves) & leaves.less(far) & !faces[k];
                far = F::select(sooner, leaves, far);
            }
        }
        (far.mul_add(way, closest.at), faces[0] | faces[1] | faces[2])
    }

    /// How far the axis goes while it passes the box along each of its axes.
    #[inline(always)]
    fn passes(&self) -> Vec3<F> {
        let along = &self.facing.along;
        let passes = inlined(
            #[inline(always)]
            |k: usize| F::splat(2.0 * self.size[k]) / along[k].abs(),
        );
        [passes(0), passes(1), passes(2)]
    }

    /// On which axes of the box the capsule's leads to the side on which the nearest point is not.
    #[inline(always)]
    fn crosses(&self, closest: &Closest<F>) -> [F::Mask; 3] {
        let along = &self.facing.along;
        let crosses = inlined(
            #[inline(always)]
            |k: usize| F::zero().less(along[k]) ^ closest.upper[k],
        );
        [crosses(0), crosses(1), crosses(2)]
    }

    /// From a corner: along that edge of it which the axis is least across, or over the face that this edge stands on.
    #[inline(always)]
    fn past_corner(&self, closest: &Closest<F>) -> (F, F::Mask) {
        let along = &self.facing.along;
        let (crosses, passes) = (self.crosses(closest), self.passes());
        // The axis on which it leads another way than on both others. Where there is none it points to the corner.
        let odd = inlined(
            #[inline(always)]
            |k: usize| (crosses[k] ^ crosses[(k + 1) % 3]) & (crosses[k] ^ crosses[(k + 2) % 3]),
        );
        let odd = [odd(0), odd(1), odd(2)];
        let inwards = (odd[0] & crosses[0]) | (odd[1] & crosses[1]) | (odd[2] & crosses[2]);
        let lengthwise = which(&odd, along);
        let edge = F::splat(0.5 * self.half * self.half).less(lengthwise * lengthwise);
        let way = F::select(edge, sign(inwards), -sign::<F>(inwards));
        let mut far = way.neg_mul_add(closest.at, F::one());
        for k in 0..3 {
            let bounds = !(edge ^ odd[k]);
            far = F::select(bounds, passes[k].min(far), far);
        }
        (far.mul_add(way, closest.at), odd[0] | odd[1] | odd[2])
    }

    /// From within an edge: over that face beside it which the axis is least across, if it leads over it.
    #[inline(always)]
    fn past_edge(&self, closest: &Closest<F>) -> (F, F::Mask) {
        let one = F::one();
        let along = &self.facing.along;
        let (crosses, passes) = (self.crosses(closest), self.passes());
        let (mut second, mut there) = (closest.at, F::Mask::none());
        for (axis, edge) in closest.edges.into_iter().enumerate() {
            let (p, q) = ((axis + 1) % 3, (axis + 2) % 3);
            let first = along[q].abs().less(along[p].abs());
            let forwards = when::<F>(first, crosses[p], crosses[q]);
            let way = sign::<F>(forwards);
            let far = way.neg_mul_add(closest.at, one);
            let far = F::select(first, passes[p], passes[q]).min(far);
            let up = !(F::zero().less(along[axis]) ^ forwards);
            let left = F::select(up, one - closest.on, one + closest.on);
            let far = (F::splat(self.size[axis]) * left / along[axis].abs()).min(far);
            second = F::select(edge, far.mul_add(way, closest.at), second);
            there = there | (edge & (crosses[p] ^ crosses[q]));
        }
        (second, there)
    }
}

#[inline(always)]
fn clip<F: Lane>(x: F) -> F {
    x.clamp(-F::one(), F::one())
}
