//! One time step of one group of lanes.

use crate::dynamics::{Setting, accelerations};
use crate::lane::{Lane, Mask};
use crate::model::{Design, Integrator, MAX_COORDINATES};
use crate::pose::Coordinates;
use crate::rows::Rows;
use crate::unroll::Count;

/// Positions and velocities of the joints, and the accelerations last found, from which the solver starts.
#[derive(Clone, Copy)]
pub(crate) struct State<F> {
    pub(crate) q: Coordinates<F>,
    pub(crate) v: Coordinates<F>,
    pub(crate) guess: Coordinates<F>,
}

/// `x + y · by`, coordinate by coordinate.
#[inline(always)]
fn along<R: Design, F: Lane>(x: &Coordinates<F>, y: &Coordinates<F>, by: F) -> Coordinates<F> {
    let mut sum = [F::zero(); MAX_COORDINATES];
    R::Coordinates::each(
        #[inline(always)]
        |i| {
            if R::ENTRIES[i][i] {
                sum[i] = y[i].mul_add(by, x[i]);
            }
        },
    );
    sum
}

/// Advances a state by one time step. Returns the lanes in which the solver did not converge.
///
/// `peek` only finds the accelerations (`state.guess`): one function does both, so that the large code behind it is
/// compiled once.
#[inline(always)]
pub(crate) fn step<R: Design, F: Lane>(
    setting: &Setting<'_, F>,
    rows: &mut Rows<F>,
    state: &mut State<F>,
    peek: bool,
) -> F::Mask {
    let h = R::MODEL.timestep;
    let mut failed = F::Mask::from_bits(0);
    match R::MODEL.integrator {
        Integrator::Euler => {
            let (a, end) =
                accelerations::<R, F>(setting, rows, &state.q, &state.v, &state.guess, &mut failed);
            state.guess = a;
            if peek {
                return failed;
            }
            state.v = along::<R, F>(&state.v, &end, F::splat(h));
            state.q = along::<R, F>(&state.q, &state.v, F::splat(h));
        }
        Integrator::RungeKutta4 => {
            // The classical tableau: each stage starts from the one before, and counts 1, 2, 2, 1 sixths.
            let ahead = [h / 2.0, h / 2.0, h, 0.0];
            let weight = [h / 6.0, h / 3.0, h / 3.0, h / 6.0];
            let (mut q, mut v) = (state.q, state.v);
            let (mut end_q, mut end_v) = (state.q, state.v);
            for stage in 0..4 {
                let (a, _) = accelerations::<R, F>(setting, rows, &q, &v, &state.guess, &mut failed);
                end_q = along::<R, F>(&end_q, &v, F::splat(weight[stage]));
                end_v = along::<R, F>(&end_v, &a, F::splat(weight[stage]));
                q = along::<R, F>(&state.q, &v, F::splat(ahead[stage]));
                v = along::<R, F>(&state.v, &a, F::splat(ahead[stage]));
                state.guess = a;
                if peek {
                    return failed;
                }
            }
            (state.q, state.v) = (end_q, end_v);
        }
    }
    failed
}
