//! Linear systems with Gaussian noise and quadratic costs: stochastic dynamics whose distances and returns have closed forms.

use wr2l_rng::{Purpose, Stream, StreamKey};

use crate::batch::{check_numbers, judge_outcome};
use crate::{
    ActionSpace, BatchSim, Divergence, DynamicsSpace, Engine, Outcome, Parameter, SimError, SimSpec,
    Simulator, Verdict,
};

/// A state with a coordinate beyond this is diverged, as elsewhere.
const LARGEST: f64 = 1e10;
/// Numbers of noise are below this: an `f64` of a snapshot holds them exactly.
const NUMBERS: usize = 1 << 53;

/// Which number of a [`LinearSystem`] a dynamics parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinearEffect {
    /// The entry of A in this row and column.
    State(usize, usize),
    /// The entry of B in this row and column.
    Action(usize, usize),
    /// The standard deviation of this coordinate's noise.
    Noise(usize),
}

/// `x' = Ax + Bu + w` with `w` normal and independent in every coordinate; a step costs `Σ q_i x_i² + Σ r_j u_j²`, of the
/// state before it. Episodes start at a normal x and end at the time limit.
///
/// P_φ(· | x, u) is `N(Ax + Bu, diag(noise²))`, so that W₂² between two of them is
/// `‖ΔA x + ΔB u‖² + ‖Δnoise‖²`: of second order in φ everywhere, the paper's Eq. 9 without an approximation.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearSystem {
    /// A, `[n, n]`, row-major.
    pub a: Vec<f64>,
    /// B, `[n, m]`, row-major.
    pub b: Vec<f64>,
    /// q, `[n]`.
    pub state_cost: Vec<f64>,
    /// r, `[m]`.
    pub action_cost: Vec<f64>,
    /// Standard deviations of the noise, `[n]`, at least 0.
    pub noise: Vec<f64>,
    /// Standard deviations of the first state, `[n]`, at least 0.
    pub start: Vec<f64>,
    /// Actions lie in `[-largest_action, largest_action]`.
    pub largest_action: f64,
    /// Steps of an episode.
    pub steps: u32,
    /// What varies.
    pub parameters: Vec<(Parameter, LinearEffect)>,
}

impl LinearSystem {
    /// A mass of 1 kg on a rail with friction, held at its mark by a motor, in steps of 0.1 s: position in m, velocity in m/s,
    /// force in N. The inverse of its mass and its friction vary.
    pub fn cart() -> Self {
        let dt = 0.1;
        let parameter =
            |name: &str, unit: &str, description: &str, nominal: f64, lower: f64, upper: f64| Parameter {
                name: name.into(),
                unit: unit.into(),
                description: description.into(),
                nominal,
                lower,
                upper,
                // One unit of z is 100 %.
                scale: nominal,
            };
        Self {
            a: vec![1.0, dt, 0.0, 0.95],
            b: vec![0.0, dt],
            state_cost: vec![1.0, 0.1],
            action_cost: vec![0.1],
            noise: vec![0.01, 0.05],
            start: vec![1.0, 0.5],
            largest_action: 100.0,
            steps: 60,
            parameters: vec![
                (
                    parameter("keeps", "1", "Share of the velocity that a step leaves.", 0.95, 0.5, 1.1),
                    LinearEffect::State(1, 1),
                ),
                (
                    parameter("push", "m/s/N", "Velocity that a newton gives in a step.", dt, 0.01, 0.4),
                    LinearEffect::Action(1, 0),
                ),
            ],
        }
    }

    /// A simulator of the system: the agent sees x, which is the physical state.
    ///
    /// # Errors
    /// [`SimError::State`] for a table of the wrong length, or a number that is not finite or, where that makes no sense,
    /// negative; [`SimError::Space`] for its parameters.
    pub fn simulator(&self, name: impl Into<String>) -> Result<Simulator, SimError> {
        let (n, m) = (self.state_cost.len(), self.action_cost.len());
        check_numbers("coordinates of a linear system, at least one", &vec![0.0; n.min(m)], n.min(m).max(1))?;
        check_numbers("A of a linear system", &self.a, n * n)?;
        check_numbers("B of a linear system", &self.b, n * m)?;
        check_numbers("state costs of a linear system", &self.state_cost, n)?;
        check_numbers("action costs of a linear system", &self.action_cost, m)?;
        for (what, std) in [
            ("noise of a linear system, not negative", &self.noise),
            ("first state of a linear system, not negative", &self.start),
        ] {
            check_numbers(what, std, n)?;
            let got = std.iter().filter(|std| **std >= 0.0).count();
            if got < n {
                return Err(SimError::State { what, expected: n, got });
            }
        }
        if !(self.largest_action > 0.0 && self.largest_action.is_finite() && self.steps > 0) {
            let what = "largest action and number of steps, positive";
            return Err(SimError::State { what, expected: 2, got: 1 });
        }
        let space =
            DynamicsSpace::new(self.parameters.iter().map(|(parameter, _)| parameter.clone()).collect())?;
        for (parameter, effect) in &self.parameters {
            let there = match *effect {
                LinearEffect::State(i, j) => i < n && j < n,
                LinearEffect::Action(i, j) => i < n && j < m,
                LinearEffect::Noise(i) => i < n && parameter.lower >= 0.0,
            };
            if !there {
                let what = "parameters of a linear system that stand for one of its numbers";
                return Err(SimError::State { what, expected: self.parameters.len(), got: 0 });
            }
        }
        let spec = SimSpec {
            obs_dim: n,
            actions: ActionSpace::Continuous {
                low: vec![-self.largest_action; m],
                high: vec![self.largest_action; m],
            },
            nq: n,
            nv: 0,
            episode_limit: self.steps,
            dt: 1.0,
            // x, steps, number of the noise.
            snapshot_len: n + 2,
            forces: Vec::new(),
            walks: false,
        };
        let identity = format!("{self:?}");
        let engine = LinearEngine { system: self.clone(), spec, space: space.clone() };
        Ok(Simulator::with_engine(name, identity, space, engine))
    }

    fn set(&mut self, effect: LinearEffect, value: f64) {
        let (n, m) = (self.state_cost.len(), self.action_cost.len());
        match effect {
            LinearEffect::State(i, j) => self.a[i * n + j] = value,
            LinearEffect::Action(i, j) => self.b[i * m + j] = value,
            LinearEffect::Noise(i) => self.noise[i] = value,
        }
    }
}

#[derive(Clone, Debug)]
struct LinearEngine {
    system: LinearSystem,
    spec: SimSpec,
    space: DynamicsSpace,
}

impl Engine for LinearEngine {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let n = self.spec.nq;
        let lane =
            Lane { system: self.system.clone(), x: vec![0.0; n], next: vec![0.0; n], elapsed: 0, noise: 0 };
        let mut batch = LinearBatch { engine: self.clone(), lanes: vec![lane; lanes] };
        let nominal = self.space.nominal();
        for lane in 0..lanes {
            batch.set_dynamics(lane, &nominal)?;
        }
        Ok(Box::new(batch))
    }
}

#[derive(Clone, Debug)]
struct Lane {
    system: LinearSystem,
    x: Vec<f64>,
    next: Vec<f64>,
    elapsed: u32,
    noise: u64,
}

impl Lane {
    /// Moves on by an action; its cost.
    fn advance(&mut self, action: &[f64]) -> f64 {
        let Self { system, x, next, .. } = self;
        let key = StreamKey::new(self.noise, Purpose::ProcessNoise).episode(u64::from(self.elapsed));
        let mut stream = key.stream();
        let (n, m) = (x.len(), action.len());
        for (i, next) in next.iter_mut().enumerate() {
            let drift = (0..n).map(|j| system.a[i * n + j] * x[j]).sum::<f64>();
            let push = (0..m).map(|j| system.b[i * m + j] * action[j]).sum::<f64>();
            *next = drift + push + system.noise[i] * stream.normal();
        }
        let of_state: f64 = x.iter().zip(&system.state_cost).map(|(x, q)| q * x * x).sum();
        let of_action: f64 = action.iter().zip(&system.action_cost).map(|(u, r)| r * u * u).sum();
        std::mem::swap(x, next);
        self.elapsed = self.elapsed.saturating_add(1);
        of_state + of_action
    }
}

#[derive(Debug)]
struct LinearBatch {
    engine: LinearEngine,
    lanes: Vec<Lane>,
}

impl BatchSim for LinearBatch {
    fn spec(&self) -> &SimSpec {
        &self.engine.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.engine.space.check(phi)?;
        for ((_, effect), &value) in self.engine.system.parameters.iter().zip(phi) {
            self.lanes[lane].system.set(*effect, value);
        }
        Ok(())
    }

    fn set_forces(&mut self, _lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check_numbers("forces", forces, 0)
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        self.lanes[lane].noise = number % NUMBERS as u64;
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let lane = &mut self.lanes[lane];
        for (x, std) in lane.x.iter_mut().zip(&lane.system.start) {
            *x = std * stream.normal();
        }
        (lane.elapsed, lane.noise) = (0, stream.below(NUMBERS) as u64);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check_numbers("state", state, self.engine.spec.nq)?;
        let lane = &mut self.lanes[lane];
        lane.x.copy_from_slice(state);
        (lane.elapsed, lane.noise) = (0, 0);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.lanes[lane].x);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.state(lane, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let (state, rest) = out.split_at_mut(self.engine.spec.nq);
        self.state(lane, state);
        rest.copy_from_slice(&[f64::from(self.lanes[lane].elapsed), self.lanes[lane].noise as f64]);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, self.engine.spec.snapshot_len)?;
        let (state, rest) = snapshot.split_at(self.engine.spec.nq);
        let lane = &mut self.lanes[lane];
        lane.x.copy_from_slice(state);
        (lane.elapsed, lane.noise) = (rest[0] as u32, rest[1] as u64);
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let act_dim = self.engine.spec.act_dim();
        for (i, lane) in self.lanes.iter_mut().enumerate().filter(|(i, _)| active[*i]) {
            let action = &actions[i * act_dim..][..act_dim];
            if !action.iter().all(|u| u.is_finite()) {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let verdict = Verdict { reward: -lane.advance(action), terminated: false };
            let divergence = (!lane.x.iter().all(|x| x.abs() <= LARGEST)).then_some(Divergence::State);
            (rewards[i], outcomes[i]) =
                judge_outcome(verdict, divergence, lane.elapsed, self.engine.spec.episode_limit);
        }
    }
}
