//! The constrained accelerations: the minimum of a strictly convex, piecewise quadratic cost.
//!
//! MuJoCo's accelerations minimise F(a) = ½ (a − a₀)ᵀM(a − a₀) + Σ ½ D min(0, J a − a_ref)², a₀ = M⁻¹f. Newton's
//! method: with S the rows that push at a, the next point is the minimum of the quadratic that F is there,
//! a⁺ = (M + J_SᵀD J_S)⁻¹(f + J_SᵀD a_ref). If the same rows push at a⁺, it is the exact minimum, whatever came
//! before. Undamped, the iteration can cycle; so, after a few full steps, a step must lower F by a thousandth of what
//! the quadratic promises, or a line search shortens it. From any start, this converges: Pang and Qi (1995, *A
//! globally convergent Newton method for convex SC¹ minimization problems*).
//!
//! Lanes that are done keep their solution to the bit while others go on.

use crate::lane::{Lane, Mask};
use crate::mass::{Couplings, Matrix, Symmetric};
use crate::model::{Design, MAX_BODIES, MAX_COORDINATES, angle};
use crate::pose::{Coordinates, hinges};
use crate::rows::{MULTIPLICITY, Rows};
use crate::unroll::Count;
use crate::vector::Vector;

/// Newton steps after which a lane counts as not converged. Hopper needs about 1.2, Walker2d 1.6, HalfCheetah 2.0
/// (the most of four lanes); none of a million random states needed as many as this.
const MAX_ITERATIONS: usize = 60;

/// Newton steps that are taken in full, whatever they do to the cost: nearly always they suffice, and a step that
/// jumps over a kink often finds the right rows at once. A line search from the start took a third of all time.
const FREE_ITERATIONS: usize = 5;

/// Halvings of the line search, should it not end earlier: the step is found to 1e-12.
const HALVINGS: usize = 40;

/// The part of the problem without constraints.
pub(crate) struct Problem<'a, F> {
    pub(crate) mass: &'a Couplings<F>,
    pub(crate) arms: &'a [Vector<F>; MAX_BODIES],
    pub(crate) force: &'a Coordinates<F>,
}

/// The accelerations (of absolute angles), and the lanes for which they are exact.
///
/// Only `live` lanes keep the search going; the others hold meaningless numbers.
#[inline(always)]
pub(crate) fn solve<R: Design, F: Lane>(
    problem: &Problem<'_, F>,
    rows: &mut Rows<F>,
    start: Coordinates<F>,
    live: F::Mask,
) -> (Coordinates<F>, F::Mask) {
    let mut a = start;
    let mut previous = start;
    let mut done = !live;
    for iteration in 0..MAX_ITERATIONS {
        if !rows.is_empty() {
            let mut scale = F::zero();
            R::Coordinates::each(
                #[inline(always)]
                |i| scale = scale + a[i].abs(),
            );
            let parent = |i: usize| (i > 2).then(|| angle(R::MODEL.bodies[i - 2].parent));
            let contradiction = rows.update(&a, &hinges::<R, F>(problem.arms, &a), parent, scale);
            if iteration > 0 {
                done = done | !contradiction;
                if !(!done).any() {
                    return (a, done);
                }
                if iteration > FREE_ITERATIONS {
                    shorten::<R, F>(problem, rows, &previous, &mut a, done);
                }
            }
            rows.each(
                #[inline(always)]
                |row, _, _| row.active = row.pushes,
            );
        }

        let (couplings, force) = with_rows::<R, F>(problem, rows);
        let mut matrix = Matrix::assemble::<R>(&couplings, problem.arms);
        for touch in rows.touches.iter() {
            let weight = touch.weight.only(touch.row.active);
            R::Bodies::each(
                #[inline(always)]
                |i| {
                    R::Bodies::each(
                        #[inline(always)]
                        |j| {
                            if j <= i && R::ENTRIES[angle(i)][angle(j)] {
                                let (i, j) = (angle(i), angle(j));
                                let product = touch.jacobian[i] * touch.jacobian[j];
                                matrix.0[i][j] = product.mul_add(weight, matrix.0[i][j]);
                            }
                        },
                    );
                },
            );
        }
        matrix.factor::<R>();
        let next = matrix.solve::<R>(force);
        previous = a;
        R::Coordinates::each(
            #[inline(always)]
            |i| a[i] = F::select(done, a[i], next[i]),
        );
        if rows.is_empty() {
            return (a, live | !live);
        }
    }
    (a, done)
}

/// The Newton system: mass and force with the rows that are active.
#[inline(always)]
fn with_rows<R: Design, F: Lane>(problem: &Problem<'_, F>, rows: &Rows<F>) -> (Couplings<F>, Coordinates<F>) {
    let mut couplings = *problem.mass;
    let mut force = *problem.force;
    for limit in rows.limits.iter() {
        let i = limit.coordinate;
        let weight = limit.weight.only(limit.row.active);
        let push = weight * limit.row.reference * limit.side;
        couplings.joint[i] = couplings.joint[i] + weight;
        force[i] = force[i] + push;
        if i >= 2 {
            let b = i - 2;
            couplings.diagonal[b] = couplings.diagonal[b] + weight;
            if b > 0 {
                let p = R::MODEL.bodies[b].parent;
                couplings.diagonal[p] = couplings.diagonal[p] + weight;
                force[angle(p)] = force[angle(p)] - push;
            }
        }
    }

    if !rows.contacts.is_empty() {
        // Per body: the sum of the contacts' 2 × 2 stiffness and force, on it and on all it carries.
        let zero = F::zero();
        let mut stiffness = [Symmetric { xx: zero, xz: zero, zz: zero }; MAX_BODIES];
        let mut push = [Vector::zero(); MAX_BODIES];
        for contact in rows.contacts.iter() {
            let b = contact.body;
            let [plus, minus, plain] = &contact.rows;
            let weight = |k: usize| (contact.weight * F::splat(MULTIPLICITY[k])).only(contact.rows[k].active);
            let (wp, wm, w0) = (weight(0), weight(1), weight(2));
            let mu = contact.friction;
            let own = Symmetric { xx: mu * mu * (wp + wm), xz: mu * (wp - wm), zz: wp + wm + w0 };
            let (fp, fm) = (wp * plus.reference, wm * minus.reference);
            let own_push = Vector { x: mu * (fp - fm), z: w0.mul_add(plain.reference, fp + fm) };
            stiffness[b].xx = stiffness[b].xx + own.xx;
            stiffness[b].xz = stiffness[b].xz + own.xz;
            stiffness[b].zz = stiffness[b].zz + own.zz;
            push[b] = push[b] + own_push;
            let turn = contact.lever.perp();
            let coupling = own.times(turn);
            couplings.body[b] = couplings.body[b] + coupling;
            couplings.diagonal[b] = couplings.diagonal[b] + turn.dot(coupling);
            force[angle(b)] = force[angle(b)] + contact.lever.torque_of(own_push);
        }
        R::Bodies::each_back(
            #[inline(always)]
            |b| {
                if b > 0 {
                    let p = R::MODEL.bodies[b].parent;
                    let turn = problem.arms[b].perp();
                    let coupling = stiffness[b].times(turn);
                    couplings.body[p] = couplings.body[p] + coupling;
                    couplings.diagonal[p] = couplings.diagonal[p] + turn.dot(coupling);
                    force[angle(p)] = force[angle(p)] + problem.arms[b].torque_of(push[b]);
                    stiffness[p].xx = stiffness[p].xx + stiffness[b].xx;
                    stiffness[p].xz = stiffness[p].xz + stiffness[b].xz;
                    stiffness[p].zz = stiffness[p].zz + stiffness[b].zz;
                    push[p] = push[p] + push[b];
                }
            },
        );
        couplings.root.xx = couplings.root.xx + stiffness[0].xx;
        couplings.root.xz = couplings.root.xz + stiffness[0].xz;
        couplings.root.zz = couplings.root.zz + stiffness[0].zz;
        force[0] = force[0] + push[0].x;
        force[1] = force[1] + push[0].z;
    }

    for touch in rows.touches.iter() {
        let push = touch.weight.only(touch.row.active) * touch.row.reference;
        R::Bodies::each(
            #[inline(always)]
            |b| force[angle(b)] = touch.jacobian[angle(b)].mul_add(push, force[angle(b)]),
        );
    }
    (couplings, force)
}

/// The product of the mass matrix with accelerations of absolute angles.
#[inline(always)]
pub(crate) fn times_mass<R: Design, F: Lane>(
    mass: &Couplings<F>,
    arms: &[Vector<F>; MAX_BODIES],
    a: &Coordinates<F>,
) -> Coordinates<F> {
    let at = hinges::<R, F>(arms, a);
    let mut product = [F::zero(); MAX_COORDINATES];
    let mut carried = [Vector::zero(); MAX_BODIES];
    R::Bodies::each(
        #[inline(always)]
        |b| {
            let rate = a[angle(b)];
            product[angle(b)] = mass.body[b].dot(at[b]) + mass.diagonal[b] * rate;
            carried[b] = mass.body[b].scale(rate);
        },
    );
    R::Bodies::each_back(
        #[inline(always)]
        |b| {
            if b > 0 {
                let p = R::MODEL.bodies[b].parent;
                let armature = mass.joint[angle(b)];
                product[angle(b)] = armature.neg_mul_add(a[angle(p)], product[angle(b)]);
                product[angle(p)] = armature.neg_mul_add(a[angle(b)], product[angle(p)]);
                product[angle(p)] = product[angle(p)] + arms[b].torque_of(carried[b]);
                carried[p] = carried[p] + carried[b];
            }
        },
    );
    product[0] = (mass.root.xx + mass.joint[0]).mul_add(a[0], carried[0].x);
    product[1] = mass.root.zz.mul_add(a[1], carried[0].z);
    product
}

/// Shortens, by a line search, the steps that lower the cost too little.
///
/// Along the step d from `previous` to `a` the slope of F is φ'(t) = −(1 − t) dᵀHd + Σ D (s(t) − s) r(t) J d, with
/// H and s of the quadratic, s(t) of the rows that push at t, and r(t) linear: piecewise linear and increasing.
#[inline(always)]
fn shorten<R: Design, F: Lane>(
    problem: &Problem<'_, F>,
    rows: &mut Rows<F>,
    previous: &Coordinates<F>,
    a: &mut Coordinates<F>,
    done: F::Mask,
) {
    let zero = F::zero();
    let mut step = [zero; MAX_COORDINATES];
    R::Coordinates::each(
        #[inline(always)]
        |i| step[i] = a[i] - previous[i],
    );
    // What the quadratic promises to fall, and by how much F rises above it, both twice.
    let mut fall = zero;
    let inertia = times_mass::<R, F>(problem.mass, problem.arms, &step);
    R::Coordinates::each(
        #[inline(always)]
        |i| fall = step[i].mul_add(inertia[i], fall),
    );
    let mut rise = zero;
    rows.each(
        #[inline(always)]
        |row, weight, _| {
            let change = row.residual - row.before;
            fall = (weight * change).only(row.active).mul_add(change, fall);
            let excess = weight * row.residual * row.residual;
            rise = rise + excess.only(row.pushes & !row.active) - excess.only(row.active & !row.pushes);
        },
    );
    let too_far = (fall * F::splat(0.999)).less(rise) & !done;
    if !too_far.any() {
        return;
    }

    // Halve the interval until the slope is a tenth of what it was at the start.
    let (mut low, mut high, mut t) = (zero, F::splat(1.0), F::splat(1.0));
    let mut searching = too_far;
    for _ in 0..HALVINGS {
        t = F::select(searching, (low + high) * F::splat(0.5), t);
        let mut slope = (t - F::splat(1.0)) * fall;
        rows.each(
            #[inline(always)]
            |row, weight, touching| {
                let change = row.residual - row.before;
                let residual = t.mul_add(change, row.before);
                let pushes = residual.less(zero) & touching;
                let excess = weight * residual * change;
                slope = slope + excess.only(pushes & !row.active) - excess.only(row.active & !pushes);
            },
        );
        searching = searching & (fall * F::splat(0.1)).less(slope.abs());
        if !searching.any() {
            break;
        }
        let uphill = zero.less(slope);
        low = F::select(uphill, low, t);
        high = F::select(uphill, t, high);
    }
    R::Coordinates::each(
        #[inline(always)]
        |i| a[i] = F::select(too_far, t.mul_add(step[i], previous[i]), a[i]),
    );
    rows.each(
        #[inline(always)]
        |row, _, touching| {
            let residual = t.mul_add(row.residual - row.before, row.before);
            row.residual = F::select(too_far, residual, row.residual);
            row.pushes = row.residual.less(zero) & touching;
        },
    );
}
