//! The mass matrix in absolute angles, and its factorisation.
//!
//! With P_b the hinge of body b, its *arm* e_b (from the parent's hinge to P_b) and its *moment* u_b (Σ mass ×
//! position relative to P_b over the body, and over everything it carries as if that sat at the hinges), the
//! kinetic energy couples the coordinates by
//!
//! - M(x, x) = M(z, z) = total mass, M(xz, θ_b) = u_b⊥, M(θ_b, θ_b) = constant,
//! - M(θ_a, θ_b) = e·u_b for the arm e by which the way from a to b leaves a, and 0 between siblings.
//!
//! A contact with stiffness matrix A at lever r on body b adds to this matrix as if A were a (direction-dependent)
//! mass there, which is why the couplings below are general.

use crate::lane::Lane;
use crate::model::{Design, MAX_BODIES, MAX_COORDINATES, angle};
use crate::unroll::Count;
use crate::vector::Vector;

/// A symmetric 2 × 2 matrix.
#[derive(Clone, Copy)]
pub(crate) struct Symmetric<F> {
    pub(crate) xx: F,
    pub(crate) xz: F,
    pub(crate) zz: F,
}

impl<F: Lane> Symmetric<F> {
    #[inline(always)]
    pub(crate) fn times(self, v: Vector<F>) -> Vector<F> {
        Vector { x: self.xx.mul_add(v.x, self.xz * v.z), z: self.xz.mul_add(v.x, self.zz * v.z) }
    }
}

/// The entries of a matrix with the sparsity of the mass matrix, before they are combined with the arms.
#[derive(Clone, Copy)]
pub(crate) struct Couplings<F> {
    /// Between x and z.
    pub(crate) root: Symmetric<F>,
    /// Between (x, z) and the angle of each body; its product with an arm couples the angles.
    pub(crate) body: [Vector<F>; MAX_BODIES],
    /// The diagonal entry of each angle.
    pub(crate) diagonal: [F; MAX_BODIES],
    /// What couples the two sides of each coordinate's joint (armature and active limits); part of the diagonal too.
    pub(crate) joint: [F; MAX_COORDINATES],
}

/// A symmetric matrix with the sparsity of the mass matrix (lower triangle), then its factors.
///
/// Eliminated from the leaves to the root, so that nothing fills in.
pub(crate) struct Matrix<F>(pub(crate) [[F; MAX_COORDINATES]; MAX_COORDINATES]);

impl<F: Lane> Matrix<F> {
    /// Combines couplings with the arms of the bodies.
    #[inline(always)]
    pub(crate) fn assemble<R: Design>(couplings: &Couplings<F>, arms: &[Vector<F>; MAX_BODIES]) -> Self {
        let mut m = [[F::zero(); MAX_COORDINATES]; MAX_COORDINATES];
        m[0][0] = couplings.root.xx + couplings.joint[0];
        m[1][0] = couplings.root.xz;
        m[1][1] = couplings.root.zz;
        R::Bodies::each(
            #[inline(always)]
            |b| {
                let parent = R::MODEL.bodies[b].parent;
                let c = couplings.body[b];
                m[angle(b)][0] = c.x;
                m[angle(b)][1] = c.z;
                R::Bodies::each(
                    #[inline(always)]
                    |a| {
                        if a < b && R::ENTRIES[angle(b)][angle(a)] {
                            let mut entry = arms[R::NEXT[a][b]].torque_of(c);
                            if a == parent {
                                entry = entry - couplings.joint[angle(b)];
                            }
                            m[angle(b)][angle(a)] = entry;
                        }
                    },
                );
                m[angle(b)][angle(b)] = couplings.diagonal[b];
            },
        );
        Self(m)
    }

    /// Turns the matrix into its factors LᵀDL: below the diagonal L, on the diagonal 1/D.
    #[inline(always)]
    pub(crate) fn factor<R: Design>(&mut self) {
        let m = &mut self.0;
        R::Coordinates::each_back(
            #[inline(always)]
            |k| {
                if R::ENTRIES[k][k] {
                    let inverse = F::splat(1.0) / m[k][k];
                    R::Coordinates::each(
                        #[inline(always)]
                        |i| {
                            if i < k && R::ENTRIES[k][i] {
                                let factor = m[k][i] * inverse;
                                R::Coordinates::each(
                                    #[inline(always)]
                                    |j| {
                                        if j < i && R::ENTRIES[k][j] {
                                            m[i][j] = factor.neg_mul_add(m[k][j], m[i][j]);
                                        }
                                    },
                                );
                                m[i][i] = factor.neg_mul_add(m[k][i], m[i][i]);
                            }
                        },
                    );
                    R::Coordinates::each(
                        #[inline(always)]
                        |i| {
                            if i < k && R::ENTRIES[k][i] {
                                m[k][i] = m[k][i] * inverse;
                            }
                        },
                    );
                    m[k][k] = inverse;
                }
            },
        );
    }

    /// Solves for a right-hand side with the factors; locked coordinates get 0.
    #[inline(always)]
    pub(crate) fn solve<R: Design>(&self, mut f: [F; MAX_COORDINATES]) -> [F; MAX_COORDINATES] {
        let m = &self.0;
        R::Coordinates::each_back(
            #[inline(always)]
            |k| {
                R::Coordinates::each(
                    #[inline(always)]
                    |i| {
                        if i < k && R::ENTRIES[k][i] {
                            f[i] = m[k][i].neg_mul_add(f[k], f[i]);
                        }
                    },
                );
            },
        );
        R::Coordinates::each(
            #[inline(always)]
            |k| {
                // The unknown found last comes last, so that the sum need not wait for it.
                let mut sum = F::zero();
                if R::ENTRIES[k][k] {
                    sum = f[k] * m[k][k];
                    R::Coordinates::each(
                        #[inline(always)]
                        |i| {
                            if i < k && R::ENTRIES[k][i] {
                                sum = m[k][i].neg_mul_add(f[i], sum);
                            }
                        },
                    );
                }
                f[k] = sum;
            },
        );
        f
    }
}
