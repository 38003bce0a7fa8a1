//! What the constants of a system ask of the engine: responses of the system at rest in its reference pose.

use super::{Setting, Work};
use crate::algebra::{Vec3, Vec6, add, cross, spatial, sub, turned};
use crate::compiled::JointKind;
use crate::inertia::Rigid;
use crate::lane::Lane;
use crate::model::Model;
use crate::tree::Axis;

impl<F: Lane> Work<F> {
    /// Stands still at `q`, and eliminates the system without constraints.
    pub(crate) fn stand(&mut self, setting: &Setting<'_, F>, q: &[F]) {
        let v = vec![F::zero(); self.qacc.len()];
        self.poses(setting.model, q);
        self.motion(setting, &v);
        self.drive(setting, q, &v);
        self.stale.fill(true);
        self.eliminate(setting.model, setting.system, false, None);
    }

    /// The acceleration of a link by a wrench on it, or the response to a unit force on a degree of freedom, which
    /// [`Work::response`] reads.
    pub(crate) fn response_to(
        &mut self,
        model: &Model,
        wrench: Option<(usize, Vec6<F>)>,
        dof: Option<usize>,
    ) -> Vec6<F> {
        self.load.fill([F::zero(); 6]);
        self.load_force.fill(F::zero());
        if let Some((link, wrench)) = wrench {
            self.load[link] = wrench;
        }
        if let Some(dof) = dof {
            self.load_force[dof] = F::one();
        }
        self.respond(model);
        wrench.map_or([F::zero(); 6], |(link, _)| self.follow[link])
    }

    /// The acceleration of a degree of freedom in the latest response.
    pub(crate) fn response(&self, dof: usize) -> f64 {
        self.response[dof].get(0)
    }

    /// The inertia of every link with all that hangs on it.
    pub(crate) fn carried(&self, model: &Model) -> Vec<Rigid<F>> {
        let mut carried = self.inertia.clone();
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
            return self.subspace[joint.v];
        }
        let mut unit = [F::zero(); 3];
        unit[k % 3] = F::one();
        if k < 3 {
            return spatial([F::zero(); 3], unit);
        }
        let axis = turned(&self.turn[joint.link], &unit);
        let root = model.tree.links[joint.link].root;
        let lever = sub(&self.position[joint.link], &self.position[root]);
        spatial(axis, cross(&lever, &axis))
    }

    /// Where a point of a link is.
    pub(crate) fn place(&self, link: usize, point: &Vec3<F>) -> Vec3<F> {
        add(&self.position[link], &turned(&self.turn[link], point))
    }
}
