//! What the constants of a system ask of the engine: responses of the system at rest in its reference pose.

use super::{Setting, Work};
use crate::algebra::{Vec6, add, cross, lift, spatial, sub, turned};
use crate::compiled::JointKind;
use crate::inertia::Rigid;
use crate::lane::Lane;
use crate::model::Model;
use crate::tree::Axis;

impl<F: Lane> Work<F> {
    /// Stands still at `q`, and eliminates the system without constraints.
    pub(crate) fn stand(&mut self, setting: &Setting<'_, F>, q: &[F]) {
        let v = vec![F::zero(); self.qacc.len()];
        self.motion(setting, q, &v);
        self.drive(setting, q, &v);
        self.forget();
        F::run(
            #[inline(always)]
            || self.eliminate(setting.model, setting.system, false, None),
        );
    }

    /// Forgets all loads.
    #[inline(always)]
    pub(crate) fn unload(&mut self) {
        self.load.fill([F::zero(); 6]);
        self.load_force.fill(F::zero());
        self.load_offset.fill(F::zero());
        self.loaded.fill(false);
    }

    /// Loads one lane: with a wrench on a link.
    pub(crate) fn load_link(&mut self, lane: usize, link: usize, wrench: [f64; 6]) {
        for (to, from) in self.load[link].iter_mut().zip(wrench) {
            to.set(lane, from);
        }
        self.loaded[link] = true;
    }

    /// Loads one lane: with a unit force on a degree of freedom.
    pub(crate) fn load_dof(&mut self, model: &Model, lane: usize, dof: usize) {
        self.load_force[dof].set(lane, 1.0);
        self.loaded[model.tree.dof_links[dof]] = true;
    }

    /// Finds every lane's response to its load.
    pub(crate) fn answer(&mut self, model: &Model) {
        F::run(
            #[inline(always)]
            || self.respond(model),
        );
    }

    /// A link's acceleration in the latest response of a lane.
    pub(crate) fn link_response(&self, lane: usize, link: usize) -> [f64; 6] {
        self.follow[link].map(|a| a.get(lane))
    }

    /// The acceleration of a degree of freedom in the latest response of a lane.
    pub(crate) fn dof_response(&self, lane: usize, dof: usize) -> f64 {
        self.response[dof].get(lane)
    }

    /// The inertia of every link with all that hangs on it.
    pub(crate) fn carried(&self, model: &Model) -> Vec<Rigid<F>> {
        let mut carried: Vec<Rigid<F>> = self.links.iter().map(|link| link.inertia).collect();
        for (l, link) in model.tree.links.iter().enumerate().rev() {
            if let Some(p) = link.parent {
                let own = carried[l];
                let sum = &mut carried[p];
                sum.mass = sum.mass + own.mass;
                sum.first = add(&sum.first, &own.first);
                for i in 0..6 {
                    sum.second[i] = sum.second[i] + own.second[i];
                }
            }
        }
        carried
    }

    /// The motion of a joint's link by a unit velocity of its degree of freedom `k`.
    pub(crate) fn subspace_of(&self, model: &Model, joint: &Axis, k: usize) -> Vec6<F> {
        if joint.kind != JointKind::Free {
            return self.dofs[joint.v + k].subspace;
        }
        let mut unit = [F::zero(); 3];
        unit[k % 3] = F::one();
        if k < 3 {
            return spatial([F::zero(); 3], unit);
        }
        let axis = turned(&self.links[joint.link].turn, &unit);
        let root = model.tree.links[joint.link].root;
        let lever = sub(&self.links[joint.link].position, &self.links[root].position);
        spatial(axis, cross(&lever, &axis))
    }

    /// From the reference point of a link's tree to a point of the link.
    pub(crate) fn lever(&self, model: &Model, link: usize, point: [f64; 3]) -> [f64; 3] {
        let own = add(&self.links[link].position, &turned(&self.links[link].turn, &lift(&point)));
        sub(&own, &self.links[model.tree.links[link].root].position).map(|x| x.get(0))
    }
}
