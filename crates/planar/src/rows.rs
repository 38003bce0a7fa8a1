//! Soft constraints: joint limits, contacts with the ground and contacts between capsules.
//!
//! A constraint is one or more *rows*. A row pushes only where its acceleration stays below its reference, with the
//! cost ½ D r², r = J a − a_ref < 0. All rows that touch in any lane are listed here anew for every evaluation of
//! the dynamics; where a lane does not touch, its row is never active.

use crate::lane::{Lane, Mask};
use crate::model::{MAX_BODIES, MAX_CAPSULES, MAX_COORDINATES, MAX_JOINTS, MAX_PAIRS, Softness};
use crate::vector::Vector;

/// Residuals smaller than this, relative to the accelerations involved, are nothing but rounding.
const ROUNDING: f64 = 1e-13;
/// The same for f32. Some rows are a thousand times stiffer than the bodies are heavy: what is let pass here comes back as
/// that much more of an error.
const ROUNDING_SINGLE: f64 = 1e-6;

/// One inequality, in every lane.
#[derive(Clone, Copy)]
pub(crate) struct Row<F: Lane> {
    /// The acceleration that the row asks for.
    pub(crate) reference: F,
    /// J a − a_ref at the current accelerations.
    pub(crate) residual: F,
    /// The residual at the accelerations before.
    pub(crate) before: F,
    /// Where the row was taken to push when the current accelerations were solved for.
    pub(crate) active: F::Mask,
    /// Where the residual says that it pushes.
    pub(crate) pushes: F::Mask,
}

impl<F: Lane> Row<F> {
    #[inline(always)]
    pub(crate) fn new(reference: F) -> Self {
        let none = F::Mask::from_bits(0);
        Self { reference, residual: F::zero(), before: F::zero(), active: none, pushes: none }
    }

    /// Takes the row's new acceleration. Returns where that contradicts the set it was solved with.
    ///
    /// Residuals within rounding of zero contradict nothing: pushing or not, such a row does not matter.
    #[inline(always)]
    fn update(&mut self, acceleration: F, touching: F::Mask, scale: F) -> F::Mask {
        self.before = self.residual;
        self.residual = acceleration - self.reference;
        self.pushes = self.residual.less(F::zero()) & touching;
        let rounding = F::either(ROUNDING, ROUNDING_SINGLE) * (scale + self.reference.abs());
        let matters = rounding.less(self.residual.abs());
        (self.pushes ^ self.active) & matters
    }
}

/// A joint beyond one of its limits.
#[derive(Clone, Copy)]
pub(crate) struct Limit<F: Lane> {
    pub(crate) coordinate: usize,
    /// What turns the coordinate's velocity (a difference of absolute angles) into the row's: +1 or −1.
    pub(crate) side: F,
    pub(crate) weight: F,
    pub(crate) touching: F::Mask,
    pub(crate) row: Row<F>,
}

/// One end of a capsule in the ground: a pyramid of four rows, two of which are equal.
///
/// The rows of the pyramid are n ± μ t with the tangents ±x and ±y. Nothing moves along y, so that both rows of
/// that pair are the plain normal.
#[derive(Clone, Copy)]
pub(crate) struct Contact<F: Lane> {
    pub(crate) capsule: usize,
    pub(crate) body: usize,
    /// From the body's hinge to the point of contact.
    pub(crate) lever: Vector<F>,
    /// Distance to the ground, negative inside.
    pub(crate) distance: F,
    pub(crate) weight: F,
    pub(crate) friction: F,
    pub(crate) touching: F::Mask,
    /// n + μ x, n − μ x, and n, which counts twice.
    pub(crate) rows: [Row<F>; 3],
}

/// How often each row of a [`Contact`] counts.
pub(crate) const MULTIPLICITY: [f64; 3] = [1.0, 1.0, 2.0];

/// Two capsules of the robot that touch each other, without friction.
#[derive(Clone, Copy)]
pub(crate) struct Touch<F: Lane> {
    pub(crate) jacobian: [F; MAX_COORDINATES],
    pub(crate) weight: F,
    pub(crate) touching: F::Mask,
    pub(crate) row: Row<F>,
}

/// A list of bounded length in memory that is never cleared.
pub(crate) struct List<T, const N: usize> {
    items: [T; N],
    len: usize,
}

impl<T: Copy, const N: usize> List<T, N> {
    fn new(filler: T) -> Self {
        Self { items: [filler; N], len: 0 }
    }
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) {
        self.items[self.len] = item;
        self.len += 1;
    }
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
    #[inline(always)]
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items[..self.len].iter()
    }
    #[inline(always)]
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items[..self.len].iter_mut()
    }
}

/// Everything that touches in any lane.
pub(crate) struct Rows<F: Lane> {
    pub(crate) limits: List<Limit<F>, MAX_JOINTS>,
    pub(crate) contacts: List<Contact<F>, { 2 * MAX_CAPSULES }>,
    /// A pair has five candidates, and each may be another lane's: see [`crate::detect::touches`].
    pub(crate) touches: List<Touch<F>, { 5 * MAX_PAIRS }>,
}

impl<F: Lane> Rows<F> {
    pub(crate) fn new() -> Self {
        let (zero, none) = (F::zero(), F::Mask::from_bits(0));
        let row = Row::new(zero);
        Self {
            limits: List::new(Limit { coordinate: 0, side: zero, weight: zero, touching: none, row }),
            contacts: List::new(Contact {
                capsule: 0,
                body: 0,
                lever: Vector::zero(),
                distance: zero,
                weight: zero,
                friction: zero,
                touching: none,
                rows: [row; 3],
            }),
            touches: List::new(Touch {
                jacobian: [zero; MAX_COORDINATES],
                weight: zero,
                touching: none,
                row,
            }),
        }
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.limits.clear();
        self.contacts.clear();
        self.touches.clear();
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.limits.is_empty() & self.contacts.is_empty() & self.touches.is_empty()
    }

    /// Calls `f` with every row, its weight D (with its multiplicity) and where it touches.
    #[inline(always)]
    pub(crate) fn each(&mut self, mut f: impl FnMut(&mut Row<F>, F, F::Mask)) {
        for limit in self.limits.iter_mut() {
            f(&mut limit.row, limit.weight, limit.touching);
        }
        for contact in self.contacts.iter_mut() {
            for (row, multiplicity) in contact.rows.iter_mut().zip(MULTIPLICITY) {
                f(row, contact.weight * F::splat(multiplicity), contact.touching);
            }
        }
        for touch in self.touches.iter_mut() {
            f(&mut touch.row, touch.weight, touch.touching);
        }
    }

    /// Computes every row's residual from accelerations (absolute angles) and those of the hinges.
    ///
    /// Returns where a row contradicts the set that the accelerations were solved with. `scale` is the size of the
    /// accelerations, against which rounding is measured.
    #[inline(always)]
    pub(crate) fn update(
        &mut self,
        acceleration: &[F; MAX_COORDINATES],
        hinges: &[Vector<F>; MAX_BODIES],
        parent: impl Fn(usize) -> Option<usize>,
        scale: F,
    ) -> F::Mask {
        let mut contradiction = F::Mask::from_bits(0);
        for limit in self.limits.iter_mut() {
            let mut along = acceleration[limit.coordinate];
            if let Some(p) = parent(limit.coordinate) {
                along = along - acceleration[p];
            }
            contradiction = contradiction | limit.row.update(limit.side * along, limit.touching, scale);
        }
        for contact in self.contacts.iter_mut() {
            let at = hinges[contact.body].plus_perp(contact.lever, acceleration[2 + contact.body]);
            let slide = contact.friction * at.x;
            for (row, along) in contact.rows.iter_mut().zip([at.z + slide, at.z - slide, at.z]) {
                contradiction = contradiction | row.update(along, contact.touching, scale);
            }
        }
        for touch in self.touches.iter_mut() {
            let mut along = F::zero();
            for i in 2..MAX_COORDINATES {
                along = touch.jacobian[i].mul_add(acceleration[i], along);
            }
            contradiction = contradiction | touch.row.update(along, touch.touching, scale);
        }
        contradiction
    }
}

/// The impedance of a constraint at a distance (negative inside), measured from its margin.
#[inline(always)]
pub(crate) fn impedance<F: Lane>(softness: &Softness, distance: F) -> F {
    let (surface, full) = softness.impedances();
    if softness.solimp.0 == softness.solimp.1 {
        return F::splat(surface);
    }
    let one = F::splat(1.0);
    let x = (distance.abs() * F::splat(1.0 / softness.solimp.2)).min(one);
    let rest = one - x;
    let y = F::select(
        F::splat(0.5).less(x),
        (rest * rest).neg_mul_add(F::splat(2.0), one),
        x * x * F::splat(2.0),
    );
    y.mul_add(F::splat(full - surface), F::splat(surface))
}
