//! Process noise on any simulator: dynamics that are a distribution.

use std::sync::Arc;

use wr2l_rng::{Purpose, Stream, StreamKey};

use crate::batch::check_numbers;
use crate::{BatchSim, Engine, Outcome, SimError, SimSpec};

/// Numbers of noise are below this: an `f64` of a snapshot holds them exactly.
const NUMBERS: usize = 1 << 53;

/// An engine whose robots are kicked: before every step each velocity changes by an independent normal number.
#[derive(Debug)]
pub(crate) struct NoisyEngine {
    inner: Arc<dyn Engine>,
    spec: SimSpec,
    /// Standard deviation of each velocity's kick, `[nv]`.
    std: Vec<f64>,
}

impl NoisyEngine {
    /// Kicks of standard deviation `std`, one for all velocities or one for each.
    pub(crate) fn new(inner: Arc<dyn Engine>, std: &[f64]) -> Result<Self, SimError> {
        let velocities = inner.spec().nv;
        let std = if let [all] = std { vec![*all; velocities] } else { std.to_vec() };
        check_numbers("process noise", &std, velocities)?;
        if std.iter().any(|std| *std < 0.0) {
            let got = std.iter().filter(|std| **std >= 0.0).count();
            return Err(SimError::State {
                what: "process noise that is not negative",
                expected: std.len(),
                got,
            });
        }
        // Behind the inner snapshot: the number of the noise, the step.
        let spec = SimSpec { snapshot_len: inner.spec().snapshot_len + 2, ..inner.spec().clone() };
        Ok(Self { inner, spec, std })
    }
}

impl Engine for NoisyEngine {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let forces = vec![0.0; 2 * self.spec.forces.len()];
        let lane = LaneNoise { number: 0, step: 0, forces };
        Ok(Box::new(NoisyBatch {
            inner: self.inner.batch(lanes)?,
            spec: self.spec.clone(),
            std: self.std.clone(),
            lanes: vec![lane; lanes],
            snapshot: vec![0.0; self.spec.snapshot_len - 2],
            finite: vec![true; lanes],
            active: vec![false; lanes],
        }))
    }

    fn preferred_lanes(&self) -> usize {
        self.inner.preferred_lanes()
    }
}

#[derive(Clone, Debug)]
struct LaneNoise {
    number: u64,
    step: u64,
    /// Forces in force, which a snapshot of the inner simulator does not hold.
    forces: Vec<f64>,
}

#[derive(Debug)]
struct NoisyBatch {
    inner: Box<dyn BatchSim>,
    spec: SimSpec,
    std: Vec<f64>,
    lanes: Vec<LaneNoise>,
    /// Scratch: a snapshot of the inner simulator.
    snapshot: Vec<f64>,
    /// Scratch: lanes whose state could be kicked.
    finite: Vec<bool>,
    /// Scratch: lanes that take the step.
    active: Vec<bool>,
}

impl NoisyBatch {
    /// Kicks the velocities of a lane; `false` if they are not finite afterwards.
    fn kick(&mut self, lane: usize) -> bool {
        let LaneNoise { number, step, forces } = &mut self.lanes[lane];
        let mut stream = StreamKey::new(*number, Purpose::ProcessNoise).episode(*step).stream();
        *step += 1;
        self.inner.save(lane, &mut self.snapshot);
        let velocities = &mut self.snapshot[self.spec.nq..][..self.spec.nv];
        for (velocity, std) in velocities.iter_mut().zip(&self.std) {
            // Drawn where the deviation is 0 as well: a velocity's noise depends on no other's deviation.
            *velocity += std * stream.normal();
        }
        let kicked = self.inner.restore(lane, &self.snapshot).is_ok();
        // `restore` took the forces away.
        kicked && (forces.iter().all(|f| *f == 0.0) || self.inner.set_forces(lane, forces).is_ok())
    }

    fn begin(&mut self, lane: usize, number: u64) {
        let lane = &mut self.lanes[lane];
        (lane.number, lane.step) = (number, 0);
        lane.forces.fill(0.0);
    }
}

impl BatchSim for NoisyBatch {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.inner.set_dynamics(lane, phi)
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        self.inner.set_forces(lane, forces)?;
        self.lanes[lane].forces.copy_from_slice(forces);
        Ok(())
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        self.inner.set_noise(lane, number);
        let lane = &mut self.lanes[lane];
        (lane.number, lane.step) = (number % NUMBERS as u64, 0);
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
        self.begin(lane, number);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        self.inner.set_state(lane, state)?;
        self.begin(lane, 0);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        self.inner.state(lane, out);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.inner.observe(lane, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let (inner, own) = out.split_at_mut(self.snapshot.len());
        self.inner.save(lane, inner);
        own.copy_from_slice(&[self.lanes[lane].number as f64, self.lanes[lane].step as f64]);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, self.spec.snapshot_len)?;
        let (inner, own) = snapshot.split_at(self.snapshot.len());
        self.inner.restore(lane, inner)?;
        self.begin(lane, own[0] as u64);
        self.lanes[lane].step = own[1] as u64;
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        for lane in 0..self.lanes.len() {
            self.finite[lane] = !active[lane] || self.kick(lane);
            self.active[lane] = active[lane] && self.finite[lane];
        }
        self.inner.step(actions, &self.active, rewards, outcomes);
        for lane in (0..self.lanes.len()).filter(|&lane| !self.finite[lane]) {
            (rewards[lane], outcomes[lane]) = (0.0, Outcome::Diverged(crate::Divergence::State));
        }
    }
}
