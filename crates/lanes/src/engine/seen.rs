//! Forces of the latest evaluation, for those who observe a system: what MuJoCo's `mjData` holds after a step.

use super::cone::Cone;
use super::rows::force_of;
use super::{Moving, Setting, Work};
use crate::algebra::{
    Vec3, Vec6, add, add6, angular, cross_add, dot, dot6, linear, scale, spatial, sub, turned, wrench_of,
};
use crate::lane::Lane;
use crate::model::Model;

/// Forces, in every lane.
pub(crate) struct Seen<F> {
    /// Torque and force of contacts, of ties between bodies and from outside on every body, the world first, about the centre of mass of its tree (MuJoCo's `cfrc_ext`).
    pub(crate) bodies: Vec<Vec6<F>>,
    /// The sum of normal forces on every geom.
    pub(crate) geoms: Vec<F>,
    /// Forces of actuators (`actuator_force`), and what they add to degrees of freedom (`qfrc_actuator`).
    pub(crate) actuators: Vec<F>,
    pub(crate) dofs: Vec<F>,
    /// What constraints add to degrees of freedom (`qfrc_constraint`), if that is asked for.
    pub(crate) constraints: Vec<F>,
    /// Of every body, the mass and the centre of mass of its tree, kept by the tree's first body.
    masses: Vec<F>,
    pub(super) centres: Vec<Vec3<F>>,
    /// The wrenches of contacts on links and all that hangs from them, about the reference points of their trees.
    links: Vec<Vec6<F>>,
}

/// A force between two geoms: the wrench on the first about the reference point of a tree, and its normal part.
struct Contact<F> {
    geoms: [u32; 2],
    /// A link of that tree.
    link: usize,
    wrench: Vec6<F>,
    normal: F,
}

impl<F: Lane> Seen<F> {
    pub(crate) fn new(model: &Model, constraints: bool) -> Self {
        let (z, bodies) = (F::zero(), model.compiled.bodies.len() + 1);
        let (dofs, links) = if constraints { (model.tree.nv, model.tree.links.len()) } else { (0, 0) };
        Self {
            bodies: vec![[z; 6]; bodies],
            geoms: vec![z; model.compiled.geoms.len()],
            actuators: vec![z; model.compiled.actuators.len()],
            dofs: vec![z; model.tree.nv],
            constraints: vec![z; dofs],
            links: vec![[z; 6]; links],
            masses: vec![z; bodies],
            centres: vec![[z; 3]; bodies],
        }
    }

    /// Adds to the forces on a body, from those about a point.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        model: &Model,
        body: usize,
        point: &Vec3<F>,
        wrench: &Vec6<F>,
        lanes: F::Mask,
    ) {
        // Nothing is counted for the world.
        if body == 0 {
            return;
        }
        let lever = sub(point, &self.centres[model.tree.tops[body]]);
        let (torque, force) = (angular(wrench), linear(wrench));
        let moved = spatial(cross_add(&lever, &force, &torque), force);
        self.bodies[body] = add6(
            &self.bodies[body],
            &moved.map(
                #[inline(always)]
                |x| x.only(lanes),
            ),
        );
    }

    #[inline(always)]
    fn touch(&mut self, model: &Model, links: &[Moving<F>], contact: &Contact<F>, lanes: F::Mask) {
        let point = links[model.tree.links[contact.link].root].position;
        let back = contact.wrench.map(
            #[inline(always)]
            |x| -x,
        );
        for (geom, wrench) in contact.geoms.into_iter().zip([contact.wrench, back]) {
            let body = model.compiled.geoms[geom as usize].body as usize;
            self.push(model, body, &point, &wrench, lanes);
            let normal = &mut self.geoms[geom as usize];
            *normal = *normal + contact.normal.only(lanes);
        }
    }
}

impl<F: Lane> Work<F> {
    /// Writes the forces of the latest evaluation, in the lanes given; those of others stay.
    pub(crate) fn see(&self, setting: &Setting<'_, F>, lanes: F::Mask, seen: &mut Seen<F>) {
        F::run(
            #[inline(always)]
            || {
                self.see_joints(setting, lanes, seen);
                self.find_trees(setting, seen);
                for wrench in &mut seen.bodies {
                    for x in wrench {
                        *x = F::select(lanes, F::zero(), *x);
                    }
                }
                for normal in &mut seen.geoms {
                    *normal = F::select(lanes, F::zero(), *normal);
                }
                self.see_contacts(setting.model, lanes, seen);
                self.see_ties(setting.model, lanes, seen);
                if !seen.constraints.is_empty() {
                    self.see_constraints(setting.model, lanes, seen);
                }
                if let Some(outside) = setting.outside {
                    for (b, [force, torque]) in outside.wrenches.iter().enumerate() {
                        let point = self.centre(setting, b + 1);
                        seen.push(setting.model, b + 1, &point, &spatial(*torque, *force), lanes);
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn see_joints(&self, setting: &Setting<'_, F>, lanes: F::Mask, seen: &mut Seen<F>) {
        for (to, from) in seen.actuators.iter_mut().zip(&self.exerted) {
            *to = F::select(lanes, *from, *to);
        }
        let model = setting.model;
        for (j, joint) in model.tree.joints.iter().enumerate() {
            for d in joint.v..joint.v + joint.kind.dofs() {
                seen.dofs[d] = F::select(lanes, self.actuation(model, j, d), seen.dofs[d]);
            }
        }
    }

    /// The force of all actuators on a degree of freedom of a joint.
    #[inline(always)]
    pub(super) fn actuation(&self, model: &Model, j: usize, d: usize) -> F {
        match model.compiled.joints[j].actuator_force_range {
            Some([low, high]) => self.dofs[d].actuation.clamp(F::splat(low), F::splat(high)),
            None => self.dofs[d].actuation,
        }
    }

    /// The centre of mass of a body, in the frame of the world.
    #[inline(always)]
    pub(super) fn centre(&self, setting: &Setting<'_, F>, body: usize) -> Vec3<F> {
        let centre = &setting.system.centres[body - 1];
        match setting.model.tree.homes[body].0 {
            Some(link) => add(&self.links[link].position, &turned(&self.links[link].turn, centre)),
            None => *centre,
        }
    }

    /// Masses and centres of mass of trees.
    #[inline(always)]
    fn find_trees(&self, setting: &Setting<'_, F>, seen: &mut Seen<F>) {
        seen.masses.fill(F::zero());
        seen.centres.fill([F::zero(); 3]);
        for (b, mass) in setting.system.masses.iter().enumerate() {
            let top = setting.model.tree.tops[b + 1];
            let moment = scale(*mass, &self.centre(setting, b + 1));
            seen.masses[top] = seen.masses[top] + *mass;
            seen.centres[top] = add(&seen.centres[top], &moment);
        }
        for (centre, mass) in seen.centres.iter_mut().zip(&seen.masses) {
            // What has no mass is not pushed about its centre.
            *centre = scale(F::one() / mass.max(F::splat(1e-15)), centre);
        }
    }

    #[inline(always)]
    fn see_contacts(&self, model: &Model, lanes: F::Mask, seen: &mut Seen<F>) {
        let links = &self.links;
        for touch in self.touches.iter() {
            let mut forces = [F::zero(); 4];
            for (force, row) in forces.iter_mut().zip(&self.rows[touch.first..touch.first + touch.count]) {
                *force = row.force();
            }
            let normal = (forces[0] + forces[1]) + (forces[2] + forces[3]);
            let force =
                if touch.count == 1 { scale(normal, &touch.normal) } else { force_of(touch, &forces) };
            let wrench = wrench_of(&force, &touch.lever);
            let contact = Contact { geoms: touch.geoms, link: touch.link, wrench, normal };
            seen.touch(model, links, &contact, lanes);
        }
        for cone in self.cones.iter() {
            let Cone { geoms, link, force, lever, .. } = *cone;
            let contact = Contact { geoms, link, wrench: cone.wrench(&force, &lever), normal: force[0] };
            seen.touch(model, links, &contact, lanes);
        }
        for between in &self.between {
            let normal = self.rows[between.row].force();
            let wrench = between.pull.wrench(1, normal);
            let contact = Contact { geoms: between.geoms, link: between.pull.links[1], wrench, normal };
            seen.touch(model, links, &contact, lanes);
        }
    }

    /// What contacts, limits, dry friction and ties add to the degrees of freedom.
    #[inline(always)]
    fn see_constraints(&self, model: &Model, lanes: F::Mask, seen: &mut Seen<F>) {
        let links = &mut seen.links;
        links.fill([F::zero(); 6]);
        for touch in self.touches.iter() {
            let own = &self.rows[touch.first..touch.first + touch.count];
            let push = if touch.count == 1 {
                scale(own[0].force(), &touch.normal)
            } else {
                force_of(touch, &[own[0].force(), own[1].force(), own[2].force(), own[3].force()])
            };
            links[touch.link] = add6(&links[touch.link], &wrench_of(&push, &touch.lever));
        }
        for cone in self.cones.iter() {
            links[cone.link] = add6(&links[cone.link], &cone.wrench(&cone.force, &cone.lever));
            if let Some((link, lever)) = &cone.against {
                let back = cone.force.map(
                    #[inline(always)]
                    |f| -f,
                );
                links[*link] = add6(&links[*link], &cone.wrench(&back, lever));
            }
        }
        for between in &self.between {
            let push = self.rows[between.row].force();
            for side in 0..2 {
                let link = between.pull.links[side];
                links[link] = add6(&links[link], &between.pull.wrench(side, push));
            }
        }
        self.see_tied_links(links);
        for (l, link) in model.tree.links.iter().enumerate().rev() {
            let wrench = links[l];
            if let Some(parent) = link.parent {
                links[parent] = add6(&links[parent], &wrench);
            }
            for d in link.dofs.clone() {
                let along = if link.free {
                    // The reference point is its origin; it turns about its own axes.
                    let k = d - link.dofs.start;
                    let turn = &self.links[l].turn;
                    match k.checked_sub(3) {
                        Some(k) => dot(&[turn[k], turn[3 + k], turn[6 + k]], &angular(&wrench)),
                        None => wrench[3 + k],
                    }
                } else {
                    dot6(&self.dofs[d].subspace, &wrench)
                };
                seen.constraints[d] = F::select(lanes, along, seen.constraints[d]);
            }
        }
        for limit in &self.limits {
            let force = F::splat(limit.side) * self.rows[limit.row].force();
            seen.constraints[limit.dof] = seen.constraints[limit.dof] + force.only(lanes);
        }
        for loss in &self.losses {
            seen.constraints[loss.dof] = seen.constraints[loss.dof] + loss.force().only(lanes);
        }
        self.see_tied_joints(lanes, &mut seen.constraints);
    }
}
