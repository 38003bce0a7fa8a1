//! Dynamics that drift while an episode runs, on any simulator.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_rng::{Purpose, Stream, StreamKey};

use crate::batch::check_numbers;
use crate::{BatchSim, DynamicsSpace, Engine, Outcome, SimError, SimSpec};

/// Numbers of noise are below this: an `f64` of a snapshot holds them exactly.
const NUMBERS: usize = 1 << 53;

/// How the dynamics of a lane leave those that it was set to: in normalised units z, after every step, never beyond the hard
/// bounds of the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// Each parameter by as much as this, a number for each, always the same way.
    Steady(Vec<f64>),
    /// Each parameter by ± this, either way with equal chance, independently; keyed by the episode and the step.
    Walk(f64),
}

/// An engine whose dynamics drift.
#[derive(Debug)]
pub(crate) struct DriftingEngine {
    inner: Arc<dyn Engine>,
    spec: SimSpec,
    space: DynamicsSpace,
    drift: Drift,
}

impl DriftingEngine {
    pub(crate) fn new(inner: Arc<dyn Engine>, space: DynamicsSpace, drift: Drift) -> Result<Self, SimError> {
        match &drift {
            Drift::Steady(rates) => check_numbers("drift", rates, space.dim())?,
            Drift::Walk(rate) => {
                check_numbers("drift", &[*rate], 1)?;
                if *rate < 0.0 {
                    return Err(SimError::State { what: "drift that is not negative", expected: 1, got: 0 });
                }
            }
        }
        // Behind the inner snapshot: the number of the noise, the step, how far each parameter has drifted.
        let snapshot_len = inner.spec().snapshot_len + 2 + space.dim();
        let spec = SimSpec { snapshot_len, ..inner.spec().clone() };
        Ok(Self { inner, spec, space, drift })
    }
}

impl Engine for DriftingEngine {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let dim = self.space.dim();
        let lane = LaneDrift { number: 0, step: 0, moved: vec![0.0; dim], set: self.space.nominal() };
        Ok(Box::new(DriftingBatch {
            inner: self.inner.batch(lanes)?,
            spec: self.spec.clone(),
            space: self.space.clone(),
            drift: self.drift.clone(),
            lanes: vec![lane; lanes],
            phi: vec![0.0; dim],
        }))
    }

    fn preferred_lanes(&self) -> usize {
        self.inner.preferred_lanes()
    }
}

#[derive(Clone, Debug)]
struct LaneDrift {
    number: u64,
    step: u64,
    /// How far each parameter is from where it was set, in z.
    moved: Vec<f64>,
    /// What it was set to.
    set: Vec<f64>,
}

#[derive(Debug)]
struct DriftingBatch {
    inner: Box<dyn BatchSim>,
    spec: SimSpec,
    space: DynamicsSpace,
    drift: Drift,
    lanes: Vec<LaneDrift>,
    /// Scratch: dynamics.
    phi: Vec<f64>,
}

impl DriftingBatch {
    /// Gives the inner simulator the dynamics of a lane as they are now.
    fn apply(&mut self, lane: usize) -> Result<(), SimError> {
        let LaneDrift { moved, set, .. } = &self.lanes[lane];
        for (i, parameter) in self.space.parameters().iter().enumerate() {
            let drifted = set[i] + moved[i] * parameter.scale;
            // What has not drifted is what was set, to the bit.
            self.phi[i] =
                if moved[i] == 0.0 { set[i] } else { drifted.clamp(parameter.lower, parameter.upper) };
        }
        self.inner.set_dynamics(lane, &self.phi)
    }

    /// One step of drift.
    fn move_on(&mut self, lane: usize) -> Result<(), SimError> {
        let LaneDrift { number, step, moved, .. } = &mut self.lanes[lane];
        match &self.drift {
            Drift::Steady(rates) => moved.iter_mut().zip(rates).for_each(|(moved, rate)| *moved += rate),
            Drift::Walk(rate) => {
                let mut stream =
                    StreamKey::new(*number, Purpose::ProcessNoise).lane(1).episode(*step).stream();
                moved
                    .iter_mut()
                    .for_each(|moved| *moved += if stream.below(2) == 0 { *rate } else { -*rate });
            }
        }
        *step += 1;
        self.apply(lane)
    }

    fn begin(&mut self, lane: usize, number: u64) -> Result<(), SimError> {
        let at = &mut self.lanes[lane];
        (at.number, at.step) = (number, 0);
        at.moved.fill(0.0);
        self.apply(lane)
    }
}

impl BatchSim for DriftingBatch {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Sets what the episode begins with; what it has drifted since stays on top.
    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        self.lanes[lane].set.copy_from_slice(phi);
        self.apply(lane)
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        self.inner.set_forces(lane, forces)
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        self.inner.set_noise(lane, number);
        self.lanes[lane].number = number % NUMBERS as u64;
    }

    fn reward_names(&self) -> &[String] {
        self.inner.reward_names()
    }

    fn reward_terms(&self, lane: usize, out: &mut [f64]) {
        self.inner.reward_terms(lane, out);
    }

    fn complaint(&self, lane: usize) -> Option<String> {
        self.inner.complaint(lane)
    }

    fn failure(&self) -> Option<SimError> {
        self.inner.failure()
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        self.inner.reset(lane, stream);
        let number = stream.below(NUMBERS) as u64;
        self.begin(lane, number).expect("what was set once can be set again");
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        self.inner.set_state(lane, state)?;
        self.begin(lane, 0)
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        self.inner.state(lane, out);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.inner.observe(lane, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let (inner, own) = out.split_at_mut(self.spec.snapshot_len - 2 - self.space.dim());
        self.inner.save(lane, inner);
        let LaneDrift { number, step, moved, .. } = &self.lanes[lane];
        own[..2].copy_from_slice(&[*number as f64, *step as f64]);
        own[2..].copy_from_slice(moved);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, self.spec.snapshot_len)?;
        let (inner, own) = snapshot.split_at(self.spec.snapshot_len - 2 - self.space.dim());
        self.inner.restore(lane, inner)?;
        let at = &mut self.lanes[lane];
        (at.number, at.step) = (own[0] as u64, own[1] as u64);
        at.moved.copy_from_slice(&own[2..]);
        self.apply(lane)
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        self.inner.step(actions, active, rewards, outcomes);
        for lane in (0..self.lanes.len()).filter(|&lane| active[lane]) {
            self.move_on(lane).expect("drift ends at the bounds");
        }
    }
}
