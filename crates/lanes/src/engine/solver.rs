//! The constrained accelerations: the minimum of a strictly convex, piecewise quadratic cost.
//!
//! MuJoCo's accelerations minimise F(a) = ½ (a − a₀)ᵀM(a − a₀) + Σ ½ D min(0, J a − a_ref)², a₀ = M⁻¹f, and a Huber cost
//! for dry friction; equality constraints add ½ D (J a − a_ref)² wherever a is. Newton's method: with S the rows that push at a, the next point is the minimum of the quadratic that F
//! is there. If the same rows push at that minimum, it is the exact minimum of F, whatever came before; after a shortened
//! step the same rows prove nothing. Undamped, the iteration can cycle; so, after a few full steps, a line search shortens
//! them. From any start, this converges: Pang and Qi (1995, *A globally convergent Newton method for convex SC¹
//! minimization problems*).
//!
//! Lanes that are done keep their solution to the bit while others go on.

use super::{Setting, Work, all};
use crate::lane::{Lane, Mask};

/// Newton steps after which a lane counts as not converged.
const MAX_ITERATIONS: usize = 100;

/// Newton steps that are taken in full, whatever they do to the cost: nearly always they suffice, and a step that jumps
/// over a kink often finds the right rows at once.
const FREE_ITERATIONS: usize = 4;
/// The same with dry friction, which makes full steps cycle.
const FREE_WITH_FRICTION: usize = 3;
/// The same with dry friction and cones: after more, some states of a quadruped's did not converge.
const FREE_WITH_CONES: usize = 1;

/// The share of the slope at the start of a step down to which the minimum along it is searched for.
const ENOUGH: f64 = 0.3;
/// The same with cones, along which the cost bends all the way, and after so many steps that a lane does not come to an end.
const ENOUGH_WITH_CONES: f64 = 0.1;
const MANY: usize = 20;

/// Steps after which a search is asked whether it stands still. Few take as many.
const LONG: usize = 6;

impl<F: Lane> Work<F> {
    /// Searches for the accelerations from `guess`; returns the lanes of `live` without a solution.
    pub(super) fn solve(&mut self, setting: &Setting<'_, F>, guess: &[F], live: F::Mask) -> F::Mask {
        F::run(
            #[inline(always)]
            || self.search(setting, guess, live),
        )
    }

    #[inline(always)]
    fn search(&mut self, setting: &Setting<'_, F>, guess: &[F], live: F::Mask) -> F::Mask {
        let (model, system) = (setting.model, setting.system);
        if self.rows.is_empty() && self.losses.is_empty() && self.cones.is_empty() && !model.tied {
            self.eliminate(model, system, false, None);
            return F::Mask::none();
        }
        self.qacc.copy_from_slice(guess);
        self.spread(model);
        self.update_rows();
        let mut done = !live;
        self.take_rows(F::Mask::none());
        // By the model and not by the lanes beside, so that a lane's way is its own.
        let free = match (model.lossy, model.coned) {
            (false, _) => FREE_ITERATIONS,
            (true, false) => FREE_WITH_FRICTION,
            (true, true) => FREE_WITH_CONES,
        };
        let pyramids = model.coned && model.compiled.options.cone == crate::compiled::Cone::Pyramidal;
        for iteration in 0..MAX_ITERATIONS {
            let enough = if model.coned || iteration >= MANY { ENOUGH_WITH_CONES } else { ENOUGH };
            let damped = iteration >= free;
            if damped {
                self.remember();
            }
            let stale = self.stale.iter().any(|stale| *stale);
            self.eliminate(model, system, true, None);
            if !(self.between.is_empty() && self.grips.is_empty() && self.tied.is_empty()) {
                self.add_between(model, stale);
            }
            done = done | !self.update_rows();
            if iteration >= LONG && pyramids {
                done = done | self.stands();
            }
            if all(done) {
                break;
            }
            if damped {
                self.shorten(model, system, !done, enough);
            }
            self.take_rows(done);
        }
        if model.tied {
            self.load_ties();
        }
        !done
    }

    /// Where the same rows push at the end of a full step that it was solved with, so that no step leads any further.
    ///
    /// Along a direction of friction the force of a pyramid is the difference of what two rows push, and rounds as these do,
    /// however small it is. Where friction is small and all is at rest, that is more than a cone allows for rounding, and
    /// looks like a contradiction for ever. Kept out of line: seldom is a search that long.
    #[cold]
    #[inline(never)]
    fn stands(&self) -> F::Mask {
        F::run(
            #[inline(always)]
            || {
                let mut turned = F::Mask::none();
                for cone in self.cones.iter() {
                    turned = turned | cone.turned();
                }
                for row in &self.rows {
                    turned = turned | (row.pushes ^ row.active);
                }
                for loss in &self.losses {
                    for side in 0..2 {
                        turned = turned | (loss.beyond[side] ^ loss.active[side]);
                    }
                }
                !turned
            },
        )
    }

    /// Keeps the point that the next step starts from; accelerations are to be found anew.
    #[inline(always)]
    fn remember(&mut self) {
        std::mem::swap(&mut self.qacc_before, &mut self.qacc);
        std::mem::swap(&mut self.acceleration_before, &mut self.acceleration);
        for row in &mut self.rows {
            row.before = row.residual;
        }
        for cone in self.cones.iter_mut() {
            cone.remember();
        }
        for loss in &mut self.losses {
            loss.before = loss.residual;
        }
    }
}
