//! One contact in which friction is more than a pyramid of four rows: an elliptic cone, or a pyramid that resists spinning
//! and rolling as well.
//!
//! With r = J a − a_ref along the directions of a contact (the normal, its tangents, and turning about these), a cone adds
//! the cost s(r) of MuJoCo to what is minimised. s is convex, twice differentiable but for the surfaces between its zones,
//! and homogeneous of the second degree: its force is f(r) = −H(r) r, H its second derivatives. So a Newton step that starts
//! at r₀ is made with the force −H(r₀) r, a stiffness at the contact like that of rows; and where that force and f agree at
//! the end of a full step, the end is the minimum.
//!
//! What is computed for each cone is compiled for each number of directions (3, 4 and 6): loops that end at a number known
//! to the compiler keep their numbers in registers.

use super::NOTHING;
use crate::algebra::{Sym3, Vec3, Vec6, add6, angular, at_point, axpy, dot, scale, spatial, sub, wrench_of};
use crate::inertia::Stiff;
use crate::lane::{Lane, Mask, inlined};

/// Differences between forces smaller than this, relative to D times the accelerations involved, are nothing but rounding.
/// Stricter than that of rows: D is many times larger along the ground, and these differences are errors of the result.
const ROUNDING: f64 = 4e-15;
/// The same where both links move: such contacts are solved for after the rest, which rounds once more.
const ROUNDING_BETWEEN: f64 = 2e-14;

/// Pivots smaller than this, relative to the diagonal, are nothing but rounding.
const NO_PIVOT: f64 = 1e-15;

/// By directions: the normal, two tangents, and turning about these three.
pub(super) type Directions<F> = [F; 6];

/// Second derivatives by directions: the lower triangle, row by row.
pub(super) type Lower<F> = [F; 21];

/// Where a [`Lower`] has the entry of row `j` and column `k`, `k` not above `j`.
pub(super) const fn at(j: usize, k: usize) -> usize {
    j * (j + 1) / 2 + k
}

/// Calls a method that is compiled for each number of directions.
macro_rules! by_dim {
    ($cone:ident.$method:ident($($argument:expr),*)) => {
        match $cone.dim {
            3 => $cone.$method::<3>($($argument),*),
            4 => $cone.$method::<4>($($argument),*),
            _ => $cone.$method::<6>($($argument),*),
        }
    };
}

/// A link that touches something with a cone of friction.
#[derive(Clone, Copy)]
pub(super) struct Cone<F: Lane> {
    pub(super) link: usize,
    /// The cone of the same link before this one, of those with what does not move.
    pub(super) next: usize,
    pub(super) geoms: [u32; 2],
    /// From the tree's reference point to the point of contact.
    pub(super) lever: Vec3<F>,
    /// The other link, if what it touches moves, and the lever there.
    pub(super) against: Option<(usize, Vec3<F>)>,
    /// The normal and two tangents.
    pub(super) axes: [Vec3<F>; 3],
    /// How many directions matter: 3, 4 or 6.
    pub(super) dim: usize,
    pub(super) elliptic: bool,
    pub(super) touching: F::Mask,
    /// Of each direction but the first.
    pub(super) friction: [F; 5],
    pub(super) reference: Directions<F>,
    /// D of each direction; of a pyramid the sum of those of its rows.
    pub(super) weight: Directions<F>,
    /// D of a row of a pyramid; of an ellipse D₀ / (μ² (1 + μ²)), with μ the slope of its regular cone.
    pub(super) share: F,
    pub(super) slope: F,
    /// J a − a_ref at the current accelerations, and at those before.
    pub(super) residual: Directions<F>,
    pub(super) before: Directions<F>,
    /// The force at the residual.
    pub(super) force: Directions<F>,
    /// What the current accelerations were solved for with.
    pub(super) stiff: Lower<F>,
    pub(super) path: Path<F>,
}

/// What of an ellipse's cost along a step is the same at every share t of it.
#[derive(Clone, Copy)]
pub(super) struct Path<F> {
    /// Where it sticks: the slope at the start, and the slope's slope.
    stick: [F; 2],
    /// μ times the residual along the normal: at the start, and by t.
    normal: [F; 2],
    /// The square of the residual along the ground, by powers of t (half of that of the first).
    square: [F; 3],
}

impl<F: Lane> Path<F> {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        let z = F::zero();
        Self { stick: [z; 2], normal: [z; 2], square: [z; 3] }
    }
}

/// What a cone does at a residual.
struct Answer<F> {
    force: Directions<F>,
    stiff: Lower<F>,
}

/// Where a cone does not lift off: sticking, or between, on its surface.
struct Zone<M> {
    sticks: M,
    slides: M,
}

impl<F: Lane> Cone<F> {
    pub(super) fn zero() -> Self {
        let (z, three, six) = (F::zero(), [F::zero(); 3], [F::zero(); 6]);
        Self {
            link: 0,
            next: NOTHING,
            geoms: [0; 2],
            lever: three,
            against: None,
            axes: [three; 3],
            dim: 3,
            elliptic: false,
            touching: F::Mask::none(),
            friction: [z; 5],
            reference: six,
            weight: six,
            share: z,
            slope: z,
            residual: six,
            before: six,
            force: six,
            stiff: [z; 21],
            path: Path::zero(),
        }
    }

    #[inline(always)]
    fn answer<const N: usize>(&self, r: &Directions<F>) -> Answer<F> {
        if self.elliptic { self.ellipse::<N>(r) } else { self.pyramid::<N>(r) }
    }

    /// By μ times the residual along the normal, and the length of that along the ground.
    #[inline(always)]
    fn zone(&self, normal: F, slide: F) -> Zone<F::Mask> {
        let mu = self.slope;
        let off = !normal.less(mu * slide);
        let sticks = !F::zero().less(mu.mul_add(normal, slide)) & !off;
        Zone { sticks: self.touching & sticks, slides: self.touching & !(off | sticks) }
    }

    #[inline(always)]
    fn ellipse<const N: usize>(&self, r: &Directions<F>) -> Answer<F> {
        let (zero, mu) = (F::zero(), self.slope);
        let normal = mu * r[0];
        let (mut along, mut square) = ([zero; 6], zero);
        for j in 1..N {
            along[j] = self.friction[j - 1] * r[j];
            square = along[j].mul_add(along[j], square);
        }
        let slide = square.sqrt();
        let Zone { sticks, slides } = self.zone(normal, slide);
        let mut answer = Answer { force: [zero; 6], stiff: [zero; 21] };
        for j in 0..N {
            answer.stiff[at(j, j)] = self.weight[j].only(sticks);
            answer.force[j] = -(self.weight[j] * r[j]).only(sticks);
        }
        if !slides.any() {
            return answer;
        }
        let inverse = F::one() / slide.max(F::splat(1e-150));
        let gap = mu.neg_mul_add(slide, normal);
        let bend = -(mu * gap * inverse);
        let push = self.share * mu * gap;
        let square = mu * mu;
        for j in 1..N {
            along[j] = along[j] * inverse;
        }
        answer.force[0] = F::select(slides, -push, answer.force[0]);
        answer.stiff[0] = F::select(slides, self.share * square, answer.stiff[0]);
        for j in 1..N {
            let tilted = self.friction[j - 1] * self.share;
            answer.force[j] = F::select(slides, push * along[j] * self.friction[j - 1], answer.force[j]);
            answer.stiff[at(j, 0)] = F::select(slides, -(tilted * square * along[j]), zero);
            for k in 1..=j {
                let shared = (square - bend) * along[j] * along[k];
                let entry = if j == k { shared + bend } else { shared };
                let entry = tilted * self.friction[k - 1] * entry;
                answer.stiff[at(j, k)] = F::select(slides, entry, answer.stiff[at(j, k)]);
            }
        }
        answer
    }

    #[inline(always)]
    fn pyramid<const N: usize>(&self, r: &Directions<F>) -> Answer<F> {
        let zero = F::zero();
        let mut answer = Answer { force: [zero; 6], stiff: [zero; 21] };
        for j in 1..N {
            let mu = self.friction[j - 1];
            for mu in [mu, -mu] {
                let residual = mu.mul_add(r[j], r[0]);
                let weight = self.share.only(residual.less(zero) & self.touching);
                let pull = weight * residual;
                answer.force[0] = answer.force[0] - pull;
                answer.force[j] = mu.neg_mul_add(pull, answer.force[j]);
                answer.stiff[0] = answer.stiff[0] + weight;
                answer.stiff[at(j, 0)] = mu.mul_add(weight, answer.stiff[at(j, 0)]);
                answer.stiff[at(j, j)] = (mu * mu).mul_add(weight, answer.stiff[at(j, j)]);
            }
        }
        answer
    }

    /// H x, with H what was solved with.
    #[inline(always)]
    fn times<const N: usize>(&self, x: &Directions<F>) -> Directions<F> {
        let mut y = [F::zero(); 6];
        for j in 0..N {
            for k in 0..=j {
                let entry = self.stiff[at(j, k)];
                y[j] = entry.mul_add(x[k], y[j]);
                if k < j {
                    y[k] = entry.mul_add(x[j], y[k]);
                }
            }
        }
        y
    }

    /// The motion at the point, and the turning, against what it touches, by those of its link and of the [`Cone::other`].
    #[inline(always)]
    pub(super) fn motion(&self, own: &Vec6<F>, other: &Vec6<F>) -> [Vec3<F>; 2] {
        let (moving, turning) = (at_point(own, &self.lever), angular(own));
        let Some((_, lever)) = &self.against else { return [moving, turning] };
        [sub(&moving, &at_point(other, lever)), sub(&turning, &angular(other))]
    }

    /// The other link; its own if what it touches does not move.
    #[inline(always)]
    pub(super) fn other(&self) -> usize {
        self.against.map_or(
            self.link,
            #[inline(always)]
            |(other, _)| other,
        )
    }

    /// Takes the new accelerations of links. Returns where the force there is not the one it was solved with.
    #[inline(always)]
    pub(super) fn update(&mut self, accelerations: &[Vec6<F>], size: F) -> F::Mask {
        by_dim!(self.update_by(accelerations, size))
    }

    #[inline(always)]
    fn update_by<const N: usize>(&mut self, accelerations: &[Vec6<F>], size: F) -> F::Mask {
        let [moving, turning] = self.motion(&accelerations[self.link], &accelerations[self.other()]);
        let rounding = if self.against.is_some() { ROUNDING_BETWEEN } else { ROUNDING };
        for j in 0..N {
            let along = if j < 3 { dot(&self.axes[j], &moving) } else { dot(&self.axes[j - 3], &turning) };
            self.residual[j] = along - self.reference[j];
        }
        self.force = self.answer::<N>(&self.residual).force;
        let solved = self.times::<N>(&self.residual);
        let mut contradiction = F::Mask::none();
        for j in 0..N {
            let rounding = F::splat(rounding) * (size + self.reference[0].abs() + self.reference[j].abs());
            let off = (self.force[j] + solved[j]).abs();
            contradiction = contradiction | (self.weight[j] * rounding).less(off);
        }
        contradiction & self.touching
    }

    /// Where other rows of a pyramid push than it was solved with.
    #[inline(always)]
    pub(super) fn turned(&self) -> F::Mask {
        by_dim!(self.turned_by())
    }

    #[inline(always)]
    fn turned_by<const N: usize>(&self) -> F::Mask {
        let new = self.pyramid::<N>(&self.residual).stiff;
        let mut turned = F::Mask::none();
        for i in 0..at(N, 0) {
            turned = turned | self.stiff[i].less(new[i]) | new[i].less(self.stiff[i]);
        }
        turned
    }

    /// Where it was solved with any stiffness.
    #[inline(always)]
    pub(super) fn presses(&self) -> F::Mask {
        F::zero().less(self.stiff[0])
    }

    /// L of H = L Lᵀ, with H what was solved with; H may lack rank.
    #[inline(always)]
    pub(super) fn root(&self) -> Lower<F> {
        by_dim!(self.root_by())
    }

    #[inline(always)]
    fn root_by<const N: usize>(&self) -> Lower<F> {
        let mut root = [F::zero(); 21];
        for k in 0..N {
            let diagonal = self.stiff[at(k, k)];
            let mut pivot = diagonal;
            for i in 0..k {
                pivot = root[at(k, i)].neg_mul_add(root[at(k, i)], pivot);
            }
            let some = (diagonal * F::splat(NO_PIVOT)).less(pivot);
            let pivot = pivot.only(some).sqrt();
            let inverse = F::one() / F::select(some, pivot, F::one());
            root[at(k, k)] = pivot;
            for j in k + 1..N {
                let mut entry = self.stiff[at(j, k)];
                for i in 0..k {
                    entry = root[at(j, i)].neg_mul_add(root[at(k, i)], entry);
                }
                root[at(j, k)] = (entry * inverse).only(some);
            }
        }
        root
    }

    /// Adds what it was solved with to a link's stiffness and to the wrench on it.
    #[inline(always)]
    pub(super) fn press(&self, stiff: &mut Stiff<F>, push: &mut Vec6<F>) {
        by_dim!(self.press_by(stiff, push));
    }

    #[inline(always)]
    fn press_by<const N: usize>(&self, stiff: &mut Stiff<F>, push: &mut Vec6<F>) {
        let (h, n, z) = (&self.stiff, &self.axes, F::zero());
        let pull = self.times::<N>(&self.reference);
        let entry = inlined(
            #[inline(always)]
            |i: usize, j: usize| if i < j { h[at(j, i)] } else { h[at(i, j)] },
        );
        // Σ h n nᵀ over directions: along, along with turning, and turning.
        let spread = inlined(
            #[inline(always)]
            |first: usize, second: usize| {
                let mut sum = [[z; 3]; 3];
                for i in first..N.min(first + 3) {
                    let mut row = [z; 3];
                    for j in second..N.min(second + 3) {
                        row = axpy(entry(i, j), &n[j - second], &row);
                    }
                    for a in 0..3 {
                        sum[a] = axpy(n[i - first][a], &row, &sum[a]);
                    }
                }
                sum
            },
        );
        let symmetric = inlined(
            #[inline(always)]
            |m: &[Vec3<F>; 3]| -> Sym3<F> { [m[0][0], m[1][1], m[2][2], m[0][1], m[0][2], m[1][2]] },
        );
        stiff.add_at(&symmetric(&spread(0, 0)), &self.lever);
        *push = add6(push, &self.wrench(&pull, &self.lever));
        if N > 3 {
            stiff.add_turned(&spread(0, 3), &symmetric(&spread(3, 3)), &self.lever);
        }
    }

    /// The wrench of a force by directions, at the reference point from which `lever` leads to the contact.
    #[inline(always)]
    pub(super) fn wrench(&self, f: &Directions<F>, lever: &Vec3<F>) -> Vec6<F> {
        let n = &self.axes;
        let force = axpy(f[0], &n[0], &axpy(f[1], &n[1], &scale(f[2], &n[2])));
        let wrench = wrench_of(&force, lever);
        if self.dim == 3 {
            return wrench;
        }
        let torque = axpy(f[3], &n[0], &axpy(f[4], &n[1], &scale(f[5], &n[2])));
        add6(&wrench, &spatial(torque, [F::zero(); 3]))
    }

    #[inline(always)]
    pub(super) fn remember(&mut self) {
        self.before = self.residual;
    }

    /// Prepares [`Cone::slopes`] for the step from the point before. Returns the slope along it of the force that the step
    /// was solved with, at its end.
    #[inline(always)]
    pub(super) fn prepare(&mut self) -> F {
        by_dim!(self.prepare_by())
    }

    #[inline(always)]
    fn prepare_by<const N: usize>(&mut self) -> F {
        let force = self.times::<N>(&self.residual);
        let (zero, mu) = (F::zero(), self.slope);
        let change = inlined(
            #[inline(always)]
            |j: usize| self.residual[j] - self.before[j],
        );
        let mut slope = zero;
        let mut path = Path::zero();
        path.normal = [mu * self.before[0], mu * change(0)];
        for j in 0..N {
            let (from, by) = (self.before[j], change(j));
            slope = force[j].mul_add(by, slope);
            let weighted = self.weight[j] * by;
            path.stick = [weighted.mul_add(from, path.stick[0]), weighted.mul_add(by, path.stick[1])];
            if j > 0 {
                let friction = self.friction[j - 1];
                let (from, by) = (friction * from, friction * by);
                path.square[0] = from.mul_add(from, path.square[0]);
                path.square[1] = from.mul_add(by, path.square[1]);
                path.square[2] = by.mul_add(by, path.square[2]);
            }
        }
        self.path = path;
        slope
    }

    /// Slope of its cost at the share `t` of the step, and the slope's slope.
    #[inline(always)]
    pub(super) fn slopes(&self, t: F) -> [F; 2] {
        if self.elliptic { self.ellipse_slopes(t) } else { by_dim!(self.pyramid_slopes(t)) }
    }

    #[inline(always)]
    fn ellipse_slopes(&self, t: F) -> [F; 2] {
        let Path { stick, normal, square } = &self.path;
        let (zero, mu) = (F::zero(), self.slope);
        let along = t.mul_add(square[2], square[1]);
        let slide = t.mul_add(along + square[1], square[0]).max(zero).sqrt();
        let depth = t.mul_add(normal[1], normal[0]);
        let Zone { sticks, slides } = self.zone(depth, slide);
        let stuck = [t.mul_add(stick[1], stick[0]).only(sticks), stick[1].only(sticks)];
        if !slides.any() {
            return stuck;
        }
        let inverse = F::one() / slide.max(F::splat(1e-150));
        let gap = mu.neg_mul_add(slide, depth);
        let faster = along * inverse;
        let bend = (faster.neg_mul_add(faster, square[2]) * inverse).max(zero);
        let change = mu.neg_mul_add(faster, normal[1]);
        let first = self.share * gap * change;
        let second = self.share * change.mul_add(change, -(gap * mu * bend));
        [F::select(slides, first, stuck[0]), F::select(slides, second, stuck[1])]
    }

    #[inline(always)]
    fn pyramid_slopes<const N: usize>(&self, t: F) -> [F; 2] {
        let (mut first, mut second) = (F::zero(), F::zero());
        let change = inlined(
            #[inline(always)]
            |j: usize| self.residual[j] - self.before[j],
        );
        for j in 1..N {
            let mu = self.friction[j - 1];
            for mu in [mu, -mu] {
                let by = mu.mul_add(change(j), change(0));
                let residual = t.mul_add(by, mu.mul_add(self.before[j], self.before[0]));
                let weighted = (self.share * by).only(residual.less(F::zero()) & self.touching);
                first = weighted.mul_add(residual, first);
                second = weighted.mul_add(by, second);
            }
        }
        [first, second]
    }

    /// Moves the residual back along the step, where that is shorter.
    #[inline(always)]
    pub(super) fn shorten(&mut self, t: F, shorter: F::Mask) {
        for j in 0..self.dim {
            let part = t.mul_add(self.residual[j] - self.before[j], self.before[j]);
            self.residual[j] = F::select(shorter, part, self.residual[j]);
        }
    }

    /// Solves with what it does at the residual from here on, but where a lane is done. Returns where that is not what was
    /// solved with before: a cone that sticks or lifts off keeps its stiffness wherever the residual goes.
    #[inline(always)]
    pub(super) fn take(&mut self, done: F::Mask) -> F::Mask {
        by_dim!(self.take_by(done))
    }

    #[inline(always)]
    fn take_by<const N: usize>(&mut self, done: F::Mask) -> F::Mask {
        let new = self.answer::<N>(&self.residual).stiff;
        let mut changed = F::Mask::none();
        for i in 0..at(N, 0) {
            let (old, new) = (self.stiff[i], new[i]);
            changed = changed | old.less(new) | new.less(old);
            self.stiff[i] = F::select(done, old, new);
        }
        changed & !done
    }
}
