//! Contacts in which friction is more than a pyramid of four rows: [`Cone`]s, listed and solved with.

use super::between::{Grip, Pull};
use super::cone::Cone;
use super::detect::reference;
use super::softness::Soft;
use super::{NOTHING, Spot, Work};
use crate::algebra::{Vec6, dot, sub};
use crate::contacts::Law;
use crate::inertia::Stiff;
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::Surface;

impl<F: Lane> Work<F> {
    /// Lists a cone between a link and something that does not move, or another link.
    #[inline(always)]
    pub(super) fn touch_cone(
        &mut self,
        model: &Model,
        (link, other): (usize, Option<usize>),
        law: &Law,
        soft: &Soft,
        surface: &Surface<F>,
        spot: &Spot<F>,
    ) {
        let (zero, one) = (F::zero(), F::one());
        let elliptic = model.compiled.options.cone == crate::compiled::Cone::Elliptic;
        let dim = law.cone.unwrap_or(3).min(6);
        let lever = inlined(
            #[inline(always)]
            |link: usize| sub(&spot.point, &self.links[model.tree.links[link].root].position),
        );
        let against = other.map(
            #[inline(always)]
            |other| (other, lever(other)),
        );
        let lever = lever(link);
        let next = match other {
            Some(_) => NOTHING,
            None => std::mem::replace(&mut self.cone_heads[link], self.cones.len()),
        };
        let axes = [spot.normal, spot.tangents[0], spot.tangents[1]];
        let [first, second] = surface.friction;
        let [spinning, rolling, other] = surface.spin;
        let friction = [first, second, spinning, rolling, other];
        let impedance = soft.impedance(spot.depth);
        let weight = soft.weight(impedance, surface.weakness);
        let index = self.cones.len();
        let cone = self.cones.add();
        cone.link = link;
        cone.next = next;
        cone.geoms = law.geoms;
        cone.lever = lever;
        cone.against = against;
        cone.axes = axes;
        cone.dim = dim;
        cone.elliptic = elliptic;
        cone.touching = spot.touching;
        cone.friction = friction;
        cone.reference = [zero; 6];
        cone.weight = [weight; 6];
        cone.share = weight;
        cone.slope = zero;
        cone.residual = [zero; 6];
        cone.before = [zero; 6];
        cone.force = [zero; 6];
        cone.stiff = [zero; 21];
        let [velocity, turning] = cone.motion(&self.links[link].velocity, &self.links[cone.other()].velocity);
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
        if let Some((other, far)) = against {
            for j in 0..dim {
                let (direction, turning) = (axes[j % 3], j > 2);
                let pull = Pull { links: [other, link], levers: [far, lever], direction, turning };
                self.grips.push(Grip { cone: index, axis: j, pull });
            }
        }
    }

    /// Takes the accelerations of links into all cones; returns where one contradicts what they were solved with.
    #[inline(always)]
    pub(super) fn update_cones(&mut self, size: F) -> F::Mask {
        let mut contradiction = F::Mask::none();
        for cone in self.cones.iter_mut() {
            contradiction = contradiction | cone.update(&self.acceleration, size);
        }
        contradiction
    }

    /// Solves with the cones as they are at the current accelerations, in the lanes that are not `done`.
    #[inline(always)]
    pub(super) fn take_cones(&mut self, done: F::Mask) {
        for cone in self.cones.iter_mut() {
            // Between two links it is no part of the elimination.
            let changed = cone.take(done).any();
            self.stale[cone.link] |= changed && cone.against.is_none();
        }
    }
}

/// Adds what the cones of a link, the latest of which is `head`, were solved with to its stiffness and to the wrench on it.
#[inline(always)]
pub(super) fn press_cones<F: Lane>(cones: &[Cone<F>], head: usize, stiff: &mut Stiff<F>, push: &mut Vec6<F>) {
    let mut at = head;
    while at != NOTHING {
        let cone = &cones[at];
        if cone.presses().any() {
            cone.press(stiff, push);
        }
        at = cone.next;
    }
}
