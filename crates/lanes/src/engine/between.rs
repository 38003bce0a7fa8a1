//! What moving links do to each other.
//!
//! A contact of this kind joins two branches, which the elimination along the tree cannot. It is added afterwards, as in
//! Woodbury's formula: with x₀ and H₀ the solution and the system without these contacts, the pressures λ of rows solve
//! (D⁻¹ + J H₀⁻¹Jᵀ) λ = a_ref − J x₀, and x = x₀ + H₀⁻¹Jᵀ λ. A column of H₀⁻¹Jᵀ is a pass along the tree. Equality constraints
//! between two joints or links are such rows too, which always push.
//!
//! A cone has a stiffness H = L Lᵀ among its directions, and no D. Lᵀ J are as many rows of weight 1, so that these solve
//! (1 + Lᵀ J H₀⁻¹Jᵀ L) y = Lᵀ (a_ref − J x₀), and λ = L y.

use super::Work;
use super::cone::at;
use super::ties::Cord;
use crate::algebra::{Vec3, Vec6, add6, angular, at_point, dot, scale, spatial, sub, wrench_of};
use crate::lane::{Lane, Mask};
use crate::model::Model;

/// A direction along which, or about which, a link is pushed away from another.
#[derive(Clone, Copy)]
pub(super) struct Pull<F> {
    /// The second is pushed away from the first.
    pub(super) links: [usize; 2],
    pub(super) levers: [Vec3<F>; 2],
    pub(super) direction: Vec3<F>,
    pub(super) turning: bool,
}

/// One direction of a cone between two links.
#[derive(Clone, Copy)]
pub(super) struct Grip<F> {
    pub(super) cone: usize,
    /// Which of the cone's directions.
    pub(super) axis: usize,
    pub(super) pull: Pull<F>,
}

/// A row, a direction of a cone or a tie, by its index among its kind.
#[derive(Clone, Copy)]
enum Kind {
    Row(usize),
    Grip(usize),
    Tie(usize),
}

impl<F: Lane> Pull<F> {
    /// Velocity or acceleration along it, by those of links.
    #[inline(always)]
    pub(super) fn along(&self, motions: &[Vec6<F>]) -> F {
        let [a, b] = self.links;
        let apart = if self.turning {
            sub(&angular(&motions[b]), &angular(&motions[a]))
        } else {
            sub(&at_point(&motions[b], &self.levers[1]), &at_point(&motions[a], &self.levers[0]))
        };
        dot(&self.direction, &apart)
    }

    /// The wrench of a force along it on the first or the second link.
    #[inline(always)]
    pub(super) fn wrench(&self, side: usize, force: F) -> Vec6<F> {
        let sign = if side == 0 { -F::one() } else { F::one() };
        let push = scale(sign * force, &self.direction);
        if self.turning { spatial(push, [F::zero(); 3]) } else { wrench_of(&push, &self.levers[side]) }
    }
}

impl<F: Lane> Work<F> {
    /// Rows, after them directions of cones, and then ties.
    #[inline(always)]
    fn pulls(&self) -> usize {
        self.between.len() + self.grips.len() + self.tied.len()
    }

    #[inline(always)]
    fn kind(&self, k: usize) -> Kind {
        let (rows, grips) = (self.between.len(), self.grips.len());
        if k < rows {
            Kind::Row(k)
        } else if k < rows + grips {
            Kind::Grip(k - rows)
        } else {
            Kind::Tie(k - rows - grips)
        }
    }

    /// Acceleration along `k`, by those of joints and links.
    #[inline(always)]
    fn along(&self, k: usize, joints: &[F], links: &[Vec6<F>]) -> F {
        match self.kind(k) {
            Kind::Row(k) => self.between[k].pull.along(links),
            Kind::Grip(k) => self.grips[k].pull.along(links),
            Kind::Tie(k) => self.tied[k].cord.along(joints, links),
        }
    }

    /// Where a row or the cone of a direction was taken to push.
    #[inline(always)]
    fn pushing(&self, k: usize) -> F::Mask {
        match self.kind(k) {
            Kind::Row(k) => self.rows[self.between[k].row].active,
            Kind::Grip(k) => self.cones[self.grips[k].cone].presses(),
            Kind::Tie(_) => !F::Mask::none(),
        }
    }

    /// Adds what links do to each other to the accelerations of the latest elimination. `stale` says whether anything was
    /// eliminated anew.
    #[inline(always)]
    pub(super) fn add_between(&mut self, model: &Model, stale: bool) {
        let n = self.pulls();
        let mut pressed = F::Mask::none();
        for k in 0..n {
            pressed = pressed | self.pushing(k);
        }
        if !pressed.any() {
            if stale {
                self.column_known.fill(false);
            }
            return;
        }
        let nv = self.qacc.len();
        if self.pressure.len() < n {
            self.pressure.resize(n, F::zero());
            self.column_known.resize(n, false);
            self.columns.resize(n * nv, F::zero());
            self.coupling.resize(n * n, F::zero());
            self.dense.resize(n * n, F::zero());
        }
        if stale {
            self.column_known.fill(false);
        }
        for k in 0..n {
            if self.pushing(k).any() && !self.column_known[k] {
                self.find_column(model, k);
            }
        }
        self.find_pressures();
        for k in 0..n {
            let pushing = self.pushing(k);
            if !pushing.any() {
                continue;
            }
            let pressure = self.pressure[k];
            for (a, column) in self.qacc.iter_mut().zip(&self.columns[k * nv..]) {
                // Selected, so that the bits of other lanes stay.
                *a = F::select(pushing, pressure.mul_add(*column, *a), *a);
            }
        }
        self.follow.copy_from_slice(&self.acceleration);
        self.spread(model);
        for (now, before) in self.acceleration.iter_mut().zip(&self.follow) {
            for i in 0..6 {
                now[i] = F::select(pressed, now[i], before[i]);
            }
        }
    }

    /// The response to a unit of pressure along `k`, and what it does to every row and direction.
    #[inline(always)]
    fn find_column(&mut self, model: &Model, k: usize) {
        self.unload();
        let pull = match self.kind(k) {
            Kind::Row(k) => Some(self.between[k].pull),
            Kind::Grip(k) => Some(self.grips[k].pull),
            Kind::Tie(k) => match self.tied[k].cord {
                Cord::Links(pull, _) => Some(pull),
                Cord::Joints { dofs: [a, b], ratio } => {
                    self.load_force[a] = self.load_force[a] + F::one();
                    self.load_force[b] = self.load_force[b] - ratio;
                    self.loaded[model.tree.dof_links[a]] = true;
                    self.loaded[model.tree.dof_links[b]] = true;
                    None
                }
            },
        };
        if let Some(pull) = pull {
            for side in 0..2 {
                let link = pull.links[side];
                self.load[link] = add6(&self.load[link], &pull.wrench(side, F::one()));
                self.loaded[link] = true;
            }
        }
        self.respond(model);
        let (n, nv) = (self.pulls(), self.qacc.len());
        self.columns[k * nv..][..nv].copy_from_slice(&self.response);
        for l in 0..n {
            self.coupling[k * n + l] = self.along(l, &self.response, &self.follow);
        }
        self.column_known[k] = true;
    }

    /// Solves for the pressures of what pushes, by L D Lᵀ. In a lane where something does not push its pressure is 0.
    #[inline(always)]
    fn find_pressures(&mut self) {
        let n = self.pulls();
        for k in 0..n {
            let pushing = self.pushing(k);
            let wanted = match self.kind(k) {
                Kind::Row(k) => self.rows[self.between[k].row].reference,
                Kind::Grip(k) => {
                    let grip = &self.grips[k];
                    self.cones[grip.cone].reference[grip.axis]
                }
                Kind::Tie(k) => self.tied[k].reference,
            };
            self.pressure[k] = (wanted - self.along(k, &self.qacc, &self.acceleration)).only(pushing);
            for l in 0..=k {
                let both = pushing & self.pushing(l);
                let entry = if both.any() { self.coupling[l * n + k].only(both) } else { F::zero() };
                self.dense[k * n + l] = entry;
            }
        }
        self.combine_directions();
        for k in 0..n {
            let kind = self.kind(k);
            let entry = &mut self.dense[k * n + k];
            *entry = match kind {
                Kind::Row(k) => {
                    let row = &self.rows[self.between[k].row];
                    F::select(row.active, *entry + F::one() / row.weight, F::one())
                }
                Kind::Grip(_) => *entry + F::one(),
                Kind::Tie(k) => *entry + F::one() / self.tied[k].weight,
            };
        }
        for c in 0..n {
            if !self.pushing(c).any() {
                continue;
            }
            let Self { dense, pressure, .. } = self;
            let inverse = F::one() / dense[c * n + c];
            for r in c + 1..n {
                let factor = dense[r * n + c] * inverse;
                for t in c + 1..=r {
                    dense[r * n + t] = factor.neg_mul_add(dense[t * n + c], dense[r * n + t]);
                }
                pressure[r] = factor.neg_mul_add(pressure[c], pressure[r]);
            }
        }
        let Self { dense, pressure, .. } = self;
        for c in (0..n).rev() {
            let mut sum = pressure[c];
            for t in c + 1..n {
                sum = dense[t * n + c].neg_mul_add(pressure[t], sum);
            }
            pressure[c] = sum / dense[c * n + c];
        }
        self.separate_directions();
    }

    /// Takes Lᵀ of the directions of every cone: of what is wanted, and of the coupling from both sides.
    #[inline(always)]
    fn combine_directions(&mut self) {
        let (n, rows) = (self.pulls(), self.between.len());
        let Self { grips, cones, roots, dense, pressure, .. } = self;
        let end = rows + grips.len();
        roots.clear();
        if grips.is_empty() {
            return;
        }
        // The upper triangle is wanted as well.
        for k in 0..n {
            for l in 0..k {
                dense[l * n + k] = dense[k * n + l];
            }
        }
        let mut first = rows;
        while first < end {
            let cone = &cones[grips[first - rows].cone];
            let root = cone.root();
            for v in 0..cone.dim {
                let own = root[at(v, v)];
                pressure[first + v] = own * pressure[first + v];
                for i in 0..n {
                    dense[i * n + first + v] = own * dense[i * n + first + v];
                }
                for j in v + 1..cone.dim {
                    let share = root[at(j, v)];
                    pressure[first + v] = share.mul_add(pressure[first + j], pressure[first + v]);
                    for i in 0..n {
                        let sum = share.mul_add(dense[i * n + first + j], dense[i * n + first + v]);
                        dense[i * n + first + v] = sum;
                    }
                }
            }
            for v in 0..cone.dim {
                for i in 0..n {
                    let mut sum = root[at(v, v)] * dense[(first + v) * n + i];
                    for j in v + 1..cone.dim {
                        sum = root[at(j, v)].mul_add(dense[(first + j) * n + i], sum);
                    }
                    dense[(first + v) * n + i] = sum;
                }
            }
            roots.push(root);
            first += cone.dim;
        }
    }

    /// From what was solved for to the pressures along the directions of cones: L times it.
    #[inline(always)]
    fn separate_directions(&mut self) {
        let rows = self.between.len();
        let Self { grips, cones, roots, pressure, .. } = self;
        let mut first = rows;
        for root in roots.iter() {
            let dim = cones[grips[first - rows].cone].dim;
            for j in (0..dim).rev() {
                let mut sum = F::zero();
                for v in 0..=j {
                    sum = root[at(j, v)].mul_add(pressure[first + v], sum);
                }
                pressure[first + j] = sum;
            }
            first += dim;
        }
    }
}
