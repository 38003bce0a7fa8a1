//! Contacts with what does not move, in which friction is more than a pyramid of four rows: elliptic cones, and pyramids
//! that resist spinning and rolling as well.
//!
//! With r = J a − a_ref along the directions of a contact (the normal, its tangents, and turning about these), a cone adds
//! the cost s(r) of MuJoCo to what is minimised. s is convex, twice differentiable but for the surfaces between its zones,
//! and homogeneous of the second degree: its force is f(r) = −H(r) r, H its second derivatives. So a Newton step that starts
//! at r₀ is made with the force −H(r₀) r, a stiffness at the contact like that of rows; and where that force and f agree at
//! the end of a full step, the end is the minimum.

use super::detect::reference;
use super::softness::Soft;
use super::{NOTHING, Spot, Work};
use crate::algebra::{Sym3, Vec3, Vec6, add6, angular, at_point, axpy, dot, scale, spatial, sub, wrench_of};
use crate::contacts::Law;
use crate::inertia::Stiff;
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::Surface;

/// Differences between forces smaller than this, relative to D times the accelerations involved, are nothing but rounding.
/// Stricter than that of rows: D is many times larger along the ground, and these differences are errors of the result.
const ROUNDING: f64 = 4e-15;

/// By directions: the normal, two tangents, and turning about these three.
pub(super) type Directions<F> = [F; 6];

/// Second derivatives by directions; only the lower triangle means anything.
pub(super) type Lower<F> = [Directions<F>; 6];

/// A link that touches something that does not move, with a cone of friction.
#[derive(Clone, Copy)]
pub(super) struct Cone<F: Lane> {
    pub(super) link: usize,
    /// The cone of the same link before this one.
    pub(super) next: usize,
    pub(super) geoms: [u32; 2],
    /// From the tree's reference point to the point of contact.
    pub(super) lever: Vec3<F>,
    /// The normal and two tangents.
    pub(super) axes: [Vec3<F>; 3],
    /// How many directions matter: 3, 4 or 6.
    pub(super) dim: usize,
    elliptic: bool,
    pub(super) touching: F::Mask,
    /// Of each direction but the first.
    friction: [F; 5],
    reference: Directions<F>,
    /// D of each direction; of a pyramid the sum of those of its rows.
    weight: Directions<F>,
    /// D of a row of a pyramid; of an ellipse D₀ / (μ² (1 + μ²)), with μ the slope of its regular cone.
    share: F,
    slope: F,
    /// J a − a_ref at the current accelerations, and at those before.
    pub(super) residual: Directions<F>,
    before: Directions<F>,
    /// The force at the residual.
    pub(super) force: Directions<F>,
    /// What the current accelerations were solved for with.
    stiff: Lower<F>,
}

/// What a cone does at a residual.
struct Answer<F> {
    force: Directions<F>,
    stiff: Lower<F>,
}

impl<F: Lane> Cone<F> {
    #[inline(always)]
    fn answer(&self, r: &Directions<F>) -> Answer<F> {
        if self.elliptic { self.ellipse(r) } else { self.pyramid(r) }
    }

    #[inline(always)]
    fn ellipse(&self, r: &Directions<F>) -> Answer<F> {
        let (zero, dim, mu) = (F::zero(), self.dim, self.slope);
        let normal = mu * r[0];
        let (mut along, mut square) = ([zero; 6], zero);
        for j in 1..dim {
            along[j] = self.friction[j - 1] * r[j];
            square = along[j].mul_add(along[j], square);
        }
        let slide = square.sqrt();
        // Lifting off, sticking, or between: on the surface of the cone.
        let off = !normal.less(mu * slide);
        let sticks = !zero.less(mu.mul_add(normal, slide)) & !off;
        let slides = self.touching & !(off | sticks);
        let sticks = self.touching & sticks;
        let mut answer = Answer { force: [zero; 6], stiff: [[zero; 6]; 6] };
        for j in 0..dim {
            answer.stiff[j][j] = self.weight[j].only(sticks);
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
        for j in 1..dim {
            along[j] = along[j] * inverse;
        }
        answer.force[0] = F::select(slides, -push, answer.force[0]);
        answer.stiff[0][0] = F::select(slides, self.share * square, answer.stiff[0][0]);
        for j in 1..dim {
            let tilted = self.friction[j - 1] * self.share;
            answer.force[j] = F::select(slides, push * along[j] * self.friction[j - 1], answer.force[j]);
            answer.stiff[j][0] = F::select(slides, -(tilted * square * along[j]), zero);
            for k in 1..=j {
                let shared = (square - bend) * along[j] * along[k];
                let entry = if j == k { shared + bend } else { shared };
                let entry = tilted * self.friction[k - 1] * entry;
                answer.stiff[j][k] = F::select(slides, entry, answer.stiff[j][k]);
            }
        }
        answer
    }

    #[inline(always)]
    fn pyramid(&self, r: &Directions<F>) -> Answer<F> {
        let zero = F::zero();
        let mut answer = Answer { force: [zero; 6], stiff: [[zero; 6]; 6] };
        for j in 1..self.dim {
            let mu = self.friction[j - 1];
            for mu in [mu, -mu] {
                let residual = mu.mul_add(r[j], r[0]);
                let weight = self.share.only(residual.less(zero) & self.touching);
                let pull = weight * residual;
                answer.force[0] = answer.force[0] - pull;
                answer.force[j] = mu.neg_mul_add(pull, answer.force[j]);
                answer.stiff[0][0] = answer.stiff[0][0] + weight;
                answer.stiff[j][0] = mu.mul_add(weight, answer.stiff[j][0]);
                answer.stiff[j][j] = (mu * mu).mul_add(weight, answer.stiff[j][j]);
            }
        }
        answer
    }

    /// H x, with H what was solved with.
    #[inline(always)]
    fn times(&self, stiff: &Lower<F>, x: &Directions<F>) -> Directions<F> {
        let mut y = [F::zero(); 6];
        for j in 0..self.dim {
            for k in 0..=j {
                y[j] = stiff[j][k].mul_add(x[k], y[j]);
                if k < j {
                    y[k] = stiff[j][k].mul_add(x[j], y[k]);
                }
            }
        }
        y
    }

    /// Takes the link's new acceleration. Returns where the force there is not the one it was solved with.
    #[inline(always)]
    fn update(&mut self, acceleration: &Vec6<F>, size: F) -> F::Mask {
        let (at, turning) = (at_point(acceleration, &self.lever), angular(acceleration));
        for j in 0..self.dim {
            let along = if j < 3 { dot(&self.axes[j], &at) } else { dot(&self.axes[j - 3], &turning) };
            self.residual[j] = along - self.reference[j];
        }
        self.force = self.answer(&self.residual).force;
        let solved = self.times(&self.stiff, &self.residual);
        let mut contradiction = F::Mask::none();
        for j in 0..self.dim {
            let rounding = F::splat(ROUNDING) * (size + self.reference[0].abs() + self.reference[j].abs());
            let off = (self.force[j] + solved[j]).abs();
            contradiction = contradiction | (self.weight[j] * rounding).less(off);
        }
        contradiction & self.touching
    }

    /// Adds what it was solved with to a link's stiffness and to the wrench on it.
    #[inline(always)]
    pub(super) fn press(&self, stiff: &mut Stiff<F>, push: &mut Vec6<F>) {
        let (h, n, z) = (&self.stiff, &self.axes, F::zero());
        let pull = self.times(h, &self.reference);
        let entry = inlined(
            #[inline(always)]
            |i: usize, j: usize| if i < j { h[j][i] } else { h[i][j] },
        );
        // Σ h n nᵀ over directions: along, along with turning, and turning.
        let spread = inlined(
            #[inline(always)]
            |first: usize, second: usize| {
                let mut sum = [[z; 3]; 3];
                for i in first..self.dim.min(first + 3) {
                    let mut row = [z; 3];
                    for j in second..self.dim.min(second + 3) {
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
        *push = add6(push, &self.wrench(&pull));
        if self.dim > 3 {
            stiff.add_turned(&spread(0, 3), &symmetric(&spread(3, 3)), &self.lever);
        }
    }

    /// The wrench of a force by directions, at the reference point.
    #[inline(always)]
    pub(super) fn wrench(&self, f: &Directions<F>) -> Vec6<F> {
        let n = &self.axes;
        let force = axpy(f[0], &n[0], &axpy(f[1], &n[1], &scale(f[2], &n[2])));
        let wrench = wrench_of(&force, &self.lever);
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

    /// Slope, along the step from the point before, of the force it was solved with at the step's end.
    #[inline(always)]
    pub(super) fn solved_slope(&self) -> F {
        let force = self.times(&self.stiff, &self.residual);
        let mut slope = F::zero();
        for j in 0..self.dim {
            slope = force[j].mul_add(self.residual[j] - self.before[j], slope);
        }
        slope
    }

    /// Slope of its cost at the share `t` of the step, and the slope's slope.
    #[inline(always)]
    pub(super) fn slopes(&self, t: F) -> [F; 2] {
        let (mut change, mut r) = ([F::zero(); 6], self.residual);
        for j in 0..self.dim {
            change[j] = self.residual[j] - self.before[j];
            r[j] = t.mul_add(change[j], self.before[j]);
        }
        let answer = self.answer(&r);
        let bent = self.times(&answer.stiff, &change);
        let (mut first, mut second) = (F::zero(), F::zero());
        for j in 0..self.dim {
            first = answer.force[j].neg_mul_add(change[j], first);
            second = bent[j].mul_add(change[j], second);
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

    /// Solves with what it does at the residual from here on, but where a lane is done.
    #[inline(always)]
    fn take(&mut self, done: F::Mask) {
        let new = self.answer(&self.residual).stiff;
        for j in 0..self.dim {
            for k in 0..=j {
                self.stiff[j][k] = F::select(done, self.stiff[j][k], new[j][k]);
            }
        }
    }
}

impl<F: Lane> Work<F> {
    /// Lists a cone between a link and something that does not move.
    #[inline(always)]
    pub(super) fn touch_cone(
        &mut self,
        model: &Model,
        link: usize,
        law: &Law,
        soft: &Soft,
        surface: &Surface<F>,
        spot: &Spot<F>,
    ) {
        let (zero, one) = (F::zero(), F::one());
        let elliptic = model.compiled.options.cone == crate::compiled::Cone::Elliptic;
        let dim = law.cone.unwrap_or(3).min(6);
        let lever = sub(&spot.point, &self.position[model.tree.links[link].root]);
        let (velocity, turning) = (at_point(&self.velocity[link], &lever), angular(&self.velocity[link]));
        let axes = [spot.normal, spot.tangents[0], spot.tangents[1]];
        let [first, second] = surface.friction;
        let [spinning, rolling, other] = surface.spin;
        let friction = [first, second, spinning, rolling, other];
        let impedance = soft.impedance(spot.depth);
        let weight = soft.weight(impedance, surface.weakness);
        let mut cone = Cone {
            link,
            next: std::mem::replace(&mut self.cone_heads[link], self.cones.len()),
            geoms: law.geoms,
            lever,
            axes,
            dim,
            elliptic,
            touching: spot.touching,
            friction,
            reference: [zero; 6],
            weight: [weight; 6],
            share: weight,
            slope: zero,
            residual: [zero; 6],
            before: [zero; 6],
            force: [zero; 6],
            stiff: [[zero; 6]; 6],
        };
        cone.reference[0] = reference(soft, impedance, spot.depth, dot(&axes[0], &velocity));
        for j in 1..dim {
            let speed = if j < 3 { dot(&axes[j], &velocity) } else { dot(&axes[j - 3], &turning) };
            cone.reference[j] = -(F::splat(soft.damping) * speed);
        }
        let ratio = F::splat(model.compiled.options.impratio);
        if elliptic {
            // MuJoCo gives friction that many times the weight, and lets D grow with the square of friction.
            let square = first * first;
            let tangential = ratio * weight / square;
            for j in 1..dim {
                cone.weight[j] = tangential * friction[j - 1] * friction[j - 1];
            }
            let regular = square / ratio;
            cone.slope = regular.sqrt();
            cone.share = weight / (regular * (one + regular));
        } else {
            cone.weight[0] = F::splat((2 * (dim - 1)) as f64) * weight;
            for j in 1..dim {
                cone.weight[j] = F::splat(2.0) * weight * friction[j - 1] * friction[j - 1];
            }
        }
        self.cones.push(cone);
    }

    /// Takes the accelerations of links into all cones; returns where one contradicts what they were solved with.
    #[inline(always)]
    pub(super) fn update_cones(&mut self, size: F) -> F::Mask {
        let mut contradiction = F::Mask::none();
        for cone in &mut self.cones {
            contradiction = contradiction | cone.update(&self.acceleration[cone.link], size);
        }
        contradiction
    }

    /// Solves with the cones as they are at the current accelerations, in the lanes that are not `done`.
    #[inline(always)]
    pub(super) fn take_cones(&mut self, done: F::Mask) {
        for cone in &mut self.cones {
            cone.take(done);
            self.stale[cone.link] |= (cone.touching & !done).any();
        }
    }

    /// Adds what the cones of a link were solved with to its stiffness and to the wrench on it.
    #[inline(always)]
    pub(super) fn press_cones(&self, link: usize, stiff: &mut Stiff<F>, push: &mut Vec6<F>) {
        let mut at = self.cone_heads[link];
        while at != NOTHING {
            self.cones[at].press(stiff, push);
            at = self.cones[at].next;
        }
    }
}
