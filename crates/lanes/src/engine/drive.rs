//! Forces on the joints: dampers, springs and actuators.

use super::{Setting, Work};
use crate::compiled::{Activation, Dynamics, Integrator, Options};
use crate::lane::{Lane, Mask};
use crate::model::Drive;

#[inline(always)]
fn clamped<F: Lane>(x: F, range: Option<[f64; 2]>) -> F {
    match range {
        Some([low, high]) => x.clamp(F::splat(low), F::splat(high)),
        None => x,
    }
}

/// An activation after a time step at a rate.
#[inline(always)]
pub(super) fn next_activation<F: Lane>(of: &Activation, options: &Options, now: F, rate: F) -> F {
    let h = options.timestep;
    let time = match of.dynamics {
        // The exact solution: the rate fades as the activation nears the control.
        Dynamics::ExactFilter => of.time * (1.0 - (-h / of.time).exp()),
        Dynamics::Integrator | Dynamics::Filter => h,
    };
    clamped(F::splat(time).mul_add(rate, now), of.range)
}

impl<F: Lane> Work<F> {
    /// Joint forces at coordinates, velocities and controls.
    pub(super) fn drive(&mut self, setting: &Setting<'_, F>, q: &[F], v: &[F]) {
        F::run(
            #[inline(always)]
            || self.find_drive(setting, q, v),
        );
    }

    #[inline(always)]
    fn find_drive(&mut self, setting: &Setting<'_, F>, q: &[F], v: &[F]) {
        let (model, system) = (setting.model, setting.system);
        for ((dof, damping), v) in self.dofs.iter_mut().zip(&system.damping).zip(v) {
            dof.force = -(*damping * *v);
            dof.implicit = *damping;
            dof.actuation = F::zero();
        }
        let implicit = model.compiled.options.integrator == Integrator::ImplicitFast;
        for (a, drive) in model.drives.iter().enumerate() {
            if drive.tendon {
                self.pull_tendon(setting, a, q, v);
                continue;
            }
            let (gear, bias) = (system.gear[a], &system.bias[a]);
            let control = self.input(setting, a, drive);
            let length = gear * q[drive.q];
            let speed = gear * v[drive.v];
            let force = control.mul_add(system.gain[a], bias[0]);
            let force = bias[2].mul_add(speed, bias[1].mul_add(length, force));
            let exerted = clamped(force, drive.force_range);
            self.exerted[a] = exerted;
            let dof = &mut self.dofs[drive.v];
            dof.actuation = gear.mul_add(exerted, dof.actuation);
            if implicit {
                let mut free = !F::Mask::none();
                if let Some([low, high]) = drive.force_range {
                    // A force at its limit does not change with the velocity.
                    free = F::splat(low).less(force) & force.less(F::splat(high));
                }
                let damping = (gear * gear * bias[2]).only(free);
                dof.implicit = dof.implicit - damping;
            }
        }
        for scalar in &model.tree.scalars {
            let dof = &mut self.dofs[scalar.v];
            let stretch = q[scalar.q] - F::splat(scalar.spring);
            let passive = system.stiffness[scalar.joint].neg_mul_add(stretch, dof.force);
            dof.force = passive + clamped(dof.actuation, scalar.force_range);
        }
    }

    /// What the force of an actuator is of: its control, or its activation, whose rate is found too.
    #[inline(always)]
    fn input(&mut self, setting: &Setting<'_, F>, a: usize, drive: &Drive) -> F {
        let compiled = &setting.model.compiled;
        let control = clamped(setting.control[a], drive.control_range);
        let Some(i) = drive.activation else { return control };
        let (of, now) = (&compiled.activations[i], self.activation[i]);
        let rate = match of.dynamics {
            Dynamics::Integrator => control,
            Dynamics::Filter | Dynamics::ExactFilter => (control - now) / F::splat(of.time),
        };
        self.rate[i] = rate;
        if of.early { next_activation(of, &compiled.options, now, rate) } else { now }
    }

    /// The force of an actuator that pulls a tendon, on the joints of that.
    #[inline(always)]
    fn pull_tendon(&mut self, setting: &Setting<'_, F>, a: usize, q: &[F], v: &[F]) {
        let (model, system) = (setting.model, setting.system);
        let (actuator, gear, bias) = (&model.compiled.actuators[a], system.gear[a], &system.bias[a]);
        let (mut length, mut speed) = (F::zero(), F::zero());
        for arm in &actuator.arms {
            let joint = &model.tree.joints[arm.joint as usize];
            let moment = gear * F::splat(arm.coefficient);
            length = moment.mul_add(q[joint.q], length);
            speed = moment.mul_add(v[joint.v], speed);
        }
        let control = self.input(setting, a, &model.drives[a]);
        let force = control.mul_add(system.gain[a], bias[0]);
        let force = bias[2].mul_add(speed, bias[1].mul_add(length, force));
        let exerted = clamped(force, actuator.force_range);
        self.exerted[a] = exerted;
        for arm in &actuator.arms {
            let d = model.tree.joints[arm.joint as usize].v;
            let moment = gear * F::splat(arm.coefficient);
            self.dofs[d].actuation = moment.mul_add(exerted, self.dofs[d].actuation);
        }
    }
}
