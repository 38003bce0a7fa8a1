//! The inertia of one rigid body, and of a body with all that hangs on it and pushes against it.

use crate::algebra::{
    Factor3, Mat3, SYM, Sym3, Vec3, Vec6, add, angular, axpy, cross, cross_add, dot, linear, spatial, sub,
    sym_mul_add, turned,
};
use crate::lane::{Lane, inlined};

/// Ten numbers of a rigid body: mass, first and second moments about a point.
#[derive(Clone, Copy)]
pub(crate) struct Rigid<F> {
    pub(crate) mass: F,
    pub(crate) first: Vec3<F>,
    pub(crate) second: Sym3<F>,
}

impl<F: Lane> Rigid<F> {
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Self { mass: F::zero(), first: [F::zero(); 3], second: [F::zero(); 6] }
    }

    /// The momentum of a motion, or the force for an acceleration.
    #[inline(always)]
    pub(crate) fn times(&self, motion: &Vec6<F>) -> Vec6<F> {
        let (w, l) = (angular(motion), linear(motion));
        let turning = sym_mul_add(&self.second, &w, &cross(&self.first, &l));
        spatial(turning, axpy(self.mass, &l, &cross(&w, &self.first)))
    }

    /// The same body turned by `r` and moved by `d`, in the frame that those are of.
    #[inline(always)]
    pub(crate) fn placed(&self, r: &Mat3<F>, d: &Vec3<F>) -> Self {
        let i = &self.second;
        // R I, then the six entries of (R I) Rᵀ.
        let mut t = *r;
        for k in 0..3 {
            let row = [r[3 * k], r[3 * k + 1], r[3 * k + 2]];
            for j in 0..3 {
                t[3 * k + j] =
                    row[2].mul_add(i[SYM[2][j]], row[1].mul_add(i[SYM[1][j]], row[0] * i[SYM[0][j]]));
            }
        }
        let h = turned(r, &self.first);
        let first = axpy(self.mass, d, &h);
        // Second moment about the new point: + (d·h + d·k) 1 − (h dᵀ + d kᵀ), k the first moment there.
        let spread = dot(d, &h) + dot(d, &first);
        let entry = inlined(
            #[inline(always)]
            |a: usize, b: usize| {
                let e = t[3 * a + 2]
                    .mul_add(r[3 * b + 2], t[3 * a + 1].mul_add(r[3 * b + 1], t[3 * a] * r[3 * b]));
                d[a].neg_mul_add(first[b], h[a].neg_mul_add(d[b], e))
            },
        );
        let second = [
            entry(0, 0) + spread,
            entry(1, 1) + spread,
            entry(2, 2) + spread,
            entry(0, 1),
            entry(0, 2),
            entry(1, 2),
        ];
        Self { mass: self.mass, first, second }
    }
}

/// A symmetric 6 × 6 matrix that gives the wrench for an acceleration: [angular, cross; crossᵀ, linear].
#[derive(Clone, Copy)]
pub(crate) struct Stiff<F> {
    pub(crate) angular: Sym3<F>,
    /// Rows are angular, columns linear.
    pub(crate) cross: Mat3<F>,
    pub(crate) linear: Sym3<F>,
}

impl<F: Lane> Stiff<F> {
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Self { angular: [F::zero(); 6], cross: [F::zero(); 9], linear: [F::zero(); 6] }
    }

    #[inline(always)]
    pub(crate) fn of(body: &Rigid<F>) -> Self {
        let (m, h, z) = (body.mass, &body.first, F::zero());
        Self {
            angular: body.second,
            cross: [z, -h[2], h[1], h[2], z, -h[0], -h[1], h[0], z],
            linear: [m, m, m, z, z, z],
        }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, other: &Self) {
        for i in 0..6 {
            self.angular[i] = self.angular[i] + other.angular[i];
            self.linear[i] = self.linear[i] + other.linear[i];
        }
        for i in 0..9 {
            self.cross[i] = self.cross[i] + other.cross[i];
        }
    }

    #[inline(always)]
    pub(crate) fn times(&self, s: &Vec6<F>) -> Vec6<F> {
        let c = &self.cross;
        let (w, l) = (angular(s), linear(s));
        let top = sym_mul_add(&self.angular, &w, &turned(c, &l));
        let below = [
            c[6].mul_add(w[2], c[3].mul_add(w[1], c[0] * w[0])),
            c[7].mul_add(w[2], c[4].mul_add(w[1], c[1] * w[0])),
            c[8].mul_add(w[2], c[5].mul_add(w[1], c[2] * w[0])),
        ];
        spatial(top, sym_mul_add(&self.linear, &l, &below))
    }

    /// [`Stiff::times`] of a motion without rotation.
    #[inline(always)]
    pub(crate) fn times_slide(&self, l: &Vec3<F>) -> Vec6<F> {
        spatial(turned(&self.cross, l), sym_mul_add(&self.linear, l, &[F::zero(); 3]))
    }

    /// Subtracts u gᵀ, which is symmetric.
    #[inline(always)]
    pub(crate) fn less_rank_one(&mut self, u: &Vec6<F>, g: &Vec6<F>) {
        for i in 0..3 {
            for j in i..3 {
                let at = SYM[i][j];
                self.angular[at] = u[i].neg_mul_add(g[j], self.angular[at]);
                self.linear[at] = u[3 + i].neg_mul_add(g[3 + j], self.linear[at]);
            }
            for j in 0..3 {
                self.cross[3 * i + j] = u[i].neg_mul_add(g[3 + j], self.cross[3 * i + j]);
            }
        }
    }

    /// Adds a stiffness against the motion of a point.
    #[inline(always)]
    pub(crate) fn add_at(&mut self, a: &Sym3<F>, lever: &Vec3<F>) {
        // [p]× A, by columns of A; then its product with [p]×ᵀ, by rows.
        let column = inlined(
            #[inline(always)]
            |j: usize| cross(lever, &[a[SYM[0][j]], a[SYM[1][j]], a[SYM[2][j]]]),
        );
        let columns = [column(0), column(1), column(2)];
        let row = inlined(
            #[inline(always)]
            |i: usize| cross(lever, &[columns[0][i], columns[1][i], columns[2][i]]),
        );
        let rows = [row(0), row(1), row(2)];
        for i in 0..3 {
            for j in i..3 {
                self.angular[SYM[i][j]] = self.angular[SYM[i][j]] + rows[i][j];
                self.linear[SYM[i][j]] = self.linear[SYM[i][j]] + a[SYM[i][j]];
            }
            for j in 0..3 {
                self.cross[3 * i + j] = self.cross[3 * i + j] + columns[j][i];
            }
        }
    }

    /// Adds a stiffness of a point's motion against turning (rows along, columns about) and one of turning against itself.
    #[inline(always)]
    pub(crate) fn add_turned(&mut self, mixed: &[Vec3<F>; 3], turning: &Sym3<F>, lever: &Vec3<F>) {
        let column = inlined(
            #[inline(always)]
            |j: usize| cross(lever, &[mixed[0][j], mixed[1][j], mixed[2][j]]),
        );
        let columns = [column(0), column(1), column(2)];
        for i in 0..3 {
            for j in i..3 {
                let at = SYM[i][j];
                self.angular[at] = self.angular[at] + (turning[at] + (columns[j][i] + columns[i][j]));
            }
            for j in 0..3 {
                self.cross[3 * i + j] = self.cross[3 * i + j] + mixed[j][i];
            }
        }
    }

    /// Adds a stiffness against turning about an axis.
    #[inline(always)]
    pub(crate) fn add_turning(&mut self, k: F, axis: &Vec3<F>) {
        for i in 0..3 {
            let along = k * axis[i];
            for j in i..3 {
                self.angular[SYM[i][j]] = along.mul_add(axis[j], self.angular[SYM[i][j]]);
            }
        }
    }
}

/// The factors of a [`Stiff`]: the linear block, and what is left of the angular one.
#[derive(Clone, Copy)]
pub(crate) struct Factor6<F> {
    linear: Factor3<F>,
    angular: Factor3<F>,
    /// The linear acceleration by a unit of each angular one, by columns: linear⁻¹ crossᵀ.
    follow: [Vec3<F>; 3],
    cross: Mat3<F>,
}

impl<F: Lane> Factor6<F> {
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        let z = F::zero();
        Self { linear: Factor3::zero(), angular: Factor3::zero(), follow: [[z; 3]; 3], cross: [z; 9] }
    }

    #[inline(always)]
    pub(crate) fn of(k: &Stiff<F>) -> Self {
        let linear = Factor3::of(&k.linear);
        let c = &k.cross;
        let row = inlined(
            #[inline(always)]
            |i: usize| [c[3 * i], c[3 * i + 1], c[3 * i + 2]],
        );
        let follow = [linear.solve(&row(0)), linear.solve(&row(1)), linear.solve(&row(2))];
        let mut rest = k.angular;
        for i in 0..3 {
            for j in i..3 {
                rest[SYM[i][j]] = rest[SYM[i][j]] - dot(&row(i), &follow[j]);
            }
        }
        Self { linear, angular: Factor3::of(&rest), follow, cross: k.cross }
    }

    /// The acceleration that a wrench causes.
    #[inline(always)]
    pub(crate) fn solve(&self, p: &Vec6<F>) -> Vec6<F> {
        let free = self.linear.solve(&linear(p));
        let turning = self.angular.solve(&sub(&angular(p), &turned(&self.cross, &free)));
        let mut l = free;
        for i in 0..3 {
            for k in 0..3 {
                l[k] = turning[i].neg_mul_add(self.follow[i][k], l[k]);
            }
        }
        spatial(turning, l)
    }
}

/// The wrench that keeps a body's motion from going straight on: v ×* (I v) + I a.
#[inline(always)]
pub(crate) fn inertial_wrench<F: Lane>(
    body: &Rigid<F>,
    velocity: &Vec6<F>,
    acceleration: &Vec6<F>,
) -> Vec6<F> {
    let momentum = body.times(velocity);
    let force = body.times(acceleration);
    let (w, l) = (angular(velocity), linear(velocity));
    let (mw, ml) = (angular(&momentum), linear(&momentum));
    let turning = cross_add(&w, &mw, &cross_add(&l, &ml, &angular(&force)));
    spatial(turning, add(&cross(&w, &ml), &linear(&force)))
}
