//! A time step: Euler, implicitfast or Runge–Kutta 4.

use super::drive::next_activation;
use super::sincos::sin_cos;
use super::{Setting, Watch, Work};
use crate::compiled::{Compiled, Integrator, JointKind};
use crate::lane::{Lane, Mask};
use crate::model::Model;

/// Coordinates, velocities, and the accelerations from which the next search starts.
pub(crate) struct State<F> {
    pub(crate) q: Vec<F>,
    pub(crate) v: Vec<F>,
    /// Activations.
    pub(crate) act: Vec<F>,
    pub(crate) guess: Vec<F>,
}

/// Coordinates and velocities at which the latest evaluation of a step was.
pub(crate) struct Evaluated<F> {
    pub(crate) q: Vec<F>,
    pub(crate) v: Vec<F>,
}

impl<F: Lane> Evaluated<F> {
    /// Takes those of some lanes.
    pub(crate) fn take(&mut self, lanes: F::Mask, q: &[F], v: &[F]) {
        F::run(
            #[inline(always)]
            || {
                for (kept, now) in [(&mut self.q, q), (&mut self.v, v)] {
                    for (kept, now) in kept.iter_mut().zip(now) {
                        *kept = F::select(lanes, *now, *kept);
                    }
                }
            },
        );
    }
}

/// `to = q` moved on by velocities over a time.
#[inline(always)]
fn advance<F: Lane>(model: &Model, q: &[F], v: &[F], time: f64, to: &mut [F]) {
    let h = F::splat(time);
    if model.tree.scalars.len() == v.len() {
        for ((to, q), v) in to.iter_mut().zip(q).zip(v) {
            *to = h.mul_add(*v, *q);
        }
        return;
    }
    for joint in &model.tree.joints {
        if joint.kind.is_scalar() {
            to[joint.q] = h.mul_add(v[joint.v], q[joint.q]);
            continue;
        }
        let (mut at, mut dof) = (joint.q, joint.v);
        if joint.kind == JointKind::Free {
            for i in 0..3 {
                to[at + i] = h.mul_add(v[dof + i], q[at + i]);
            }
            (at, dof) = (at + 3, dof + 3);
        }
        let (q, to) = (&q[at..at + 4], &mut to[at..at + 4]);
        let w = [v[dof], v[dof + 1], v[dof + 2]];
        let speed = w[2].mul_add(w[2], w[1].mul_add(w[1], w[0] * w[0])).max(F::splat(1e-60)).sqrt();
        let (s, c) = sin_cos(speed * F::splat(0.5 * time));
        let s = s / speed;
        let [x, y, z] = [w[0] * s, w[1] * s, w[2] * s];
        let [a, i, j, k] = [q[0], q[1], q[2], q[3]];
        let turned = [
            k.neg_mul_add(z, j.neg_mul_add(y, i.neg_mul_add(x, a * c))),
            k.neg_mul_add(y, j.mul_add(z, i.mul_add(c, a * x))),
            k.mul_add(x, j.mul_add(c, i.neg_mul_add(z, a * y))),
            k.mul_add(c, j.neg_mul_add(x, i.mul_add(y, a * z))),
        ];
        let mut square = F::zero();
        for t in turned {
            square = t.mul_add(t, square);
        }
        let norm = F::one() / square.sqrt();
        for i in 0..4 {
            to[i] = turned[i] * norm;
        }
    }
}

/// Moves activations on by a time step, at a share of rates.
#[inline(always)]
fn activate<F: Lane>(model: &Model, act: &mut [F], rates: &[F], share: F) {
    let Compiled { options, activations, .. } = &model.compiled;
    for ((act, of), rate) in act.iter_mut().zip(activations).zip(rates) {
        *act = next_activation(of, options, *act, *rate * share);
    }
}

impl<F: Lane> Work<F> {
    /// One time step in all lanes; returns those of `live` in which a search failed. Only lanes of `live` mean anything
    /// afterwards. `watch` has what sensors measure where it begins, `last` where the last evaluation is.
    pub(crate) fn step(
        &mut self,
        setting: &Setting<'_, F>,
        state: &mut State<F>,
        live: F::Mask,
        watch: Option<&mut Watch<'_, F>>,
        last: Option<&mut Evaluated<F>>,
    ) -> F::Mask {
        self.activation.copy_from_slice(&state.act);
        let unsolved = self.evaluate(setting, &state.q, &state.v, &state.guess, live);
        if let Some(watch) = watch {
            self.sense(setting, &state.q, &state.v, watch);
        }
        state.guess.copy_from_slice(&self.qacc);
        let model = setting.model;
        match model.compiled.options.integrator {
            Integrator::RungeKutta4 => unsolved | self.runge_kutta(setting, state, live, last),
            Integrator::Euler | Integrator::ImplicitFast => {
                if let Some(last) = last {
                    last.take(live, &state.q, &state.v);
                }
                F::run(
                    #[inline(always)]
                    || {
                        self.euler(setting, state);
                        activate(model, &mut state.act, &self.rate, F::one());
                    },
                );
                unsolved
            }
        }
    }

    #[inline(always)]
    fn euler(&mut self, setting: &Setting<'_, F>, state: &mut State<F>) {
        let model = setting.model;
        let h = model.compiled.options.timestep;
        let damped = setting.system.damped;
        if damped.any() {
            // (M + h B) a = all forces, with B what velocities change of them.
            self.add_constraint_forces(model);
            self.forget();
            self.eliminate(model, setting.system, false, Some(F::splat(h)));
        }
        for d in 0..state.v.len() {
            let implicit = self.qacc[d] + F::zero();
            let a = F::select(damped, implicit, state.guess[d]);
            state.v[d] = F::splat(h).mul_add(a, state.v[d]);
        }
        advance(model, &state.q, &state.v, h, &mut self.next_q);
        state.q.copy_from_slice(&self.next_q);
    }

    fn runge_kutta(
        &mut self,
        setting: &Setting<'_, F>,
        state: &mut State<F>,
        live: F::Mask,
        last: Option<&mut Evaluated<F>>,
    ) -> F::Mask {
        let model = setting.model;
        let h = model.compiled.options.timestep;
        let mut unsolved = F::Mask::none();
        let (mut q, mut v) = (std::mem::take(&mut self.stage_q), std::mem::take(&mut self.stage_v));
        self.sum_v.copy_from_slice(&state.v);
        self.sum_a.copy_from_slice(&state.guess);
        self.sum_rate.copy_from_slice(&self.rate);
        v.copy_from_slice(&state.v);
        for stage in 1..4 {
            let share = if stage == 3 { 1.0 } else { 0.5 };
            let weight = if stage == 3 { 1.0 } else { 2.0 };
            F::run(
                #[inline(always)]
                || {
                    advance(model, &state.q, &v, share * h, &mut q);
                    let time = F::splat(share * h);
                    for ((v, start), a) in v.iter_mut().zip(&state.v).zip(&state.guess) {
                        *v = time.mul_add(*a, *start);
                    }
                    for ((act, start), rate) in self.activation.iter_mut().zip(&state.act).zip(&self.rate) {
                        *act = time.mul_add(*rate, *start);
                    }
                },
            );
            unsolved = unsolved | self.evaluate(setting, &q, &v, &state.guess, live);
            state.guess.copy_from_slice(&self.qacc);
            F::run(
                #[inline(always)]
                || {
                    let weight = F::splat(weight);
                    let sums = [
                        (&mut self.sum_v, &v),
                        (&mut self.sum_a, &self.qacc),
                        (&mut self.sum_rate, &self.rate),
                    ];
                    for (sum, numbers) in sums {
                        for (sum, number) in sum.iter_mut().zip(numbers) {
                            *sum = weight.mul_add(*number, *sum);
                        }
                    }
                },
            );
        }
        if let Some(last) = last {
            last.take(live, &q, &v);
        }
        F::run(
            #[inline(always)]
            || {
                let (sixth, share) = (F::splat(1.0 / 6.0), F::splat(h / 6.0));
                for (v, sum) in v.iter_mut().zip(&self.sum_v) {
                    *v = *sum * sixth;
                }
                for (v, sum) in state.v.iter_mut().zip(&self.sum_a) {
                    *v = share.mul_add(*sum, *v);
                }
                advance(model, &state.q, &v, h, &mut q);
                activate(model, &mut state.act, &self.sum_rate, F::splat(1.0 / 6.0));
            },
        );
        state.q.copy_from_slice(&q);
        (self.stage_q, self.stage_v) = (q, v);
        unsolved
    }
}
