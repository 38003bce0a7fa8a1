//! A simulator of a family: episodes, drawn step by step.

use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{ActionSpace, BatchSim, Divergence, Engine, Outcome, SimError, SimSpec, Simulator};

use crate::Family;
use crate::mdp::row_of;

/// Numbers that key the draws of an episode are below this: an `f64` of a snapshot holds them exactly.
const SEEDS: usize = 1 << 53;

impl Family {
    /// A simulator of this family: `name` in tables and journals.
    ///
    /// The agent sees which state it is in, one-hot (`[n]`); the physical state is the state's position (`[k]`), in which
    /// W₂ is measured. A step draws the next state from `P_φ(· | s, a)`, by a number that depends on the episode and the step
    /// alone: episodes that share it differ by φ and nothing else.
    pub fn simulator(&self, name: impl Into<String>) -> Simulator {
        let mdp = self.mdp();
        let spec = SimSpec {
            obs_dim: mdp.states(),
            actions: ActionSpace::Discrete { n: mdp.actions() },
            nq: mdp.position_dim(),
            nv: 0,
            episode_limit: mdp.episode_limit(),
            dt: 1.0,
            // State, elapsed steps, number of the episode's draws.
            snapshot_len: 3,
            forces: Vec::new(),
            walks: false,
        };
        let identity = format!("{self:?}");
        let engine = Process { family: self.clone(), spec };
        Simulator::with_engine(name, identity, self.space().clone(), engine)
    }
}

/// Makes batches of a family.
#[derive(Clone, Debug)]
struct Process {
    family: Family,
    spec: SimSpec,
}

impl Engine for Process {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let nominal = self.family.space().nominal();
        self.family.space().check(&nominal)?;
        let transitions = self.family.transitions(&nominal);
        let lane = Lane { transitions, state: 0, elapsed: 0, noise: 0 };
        Ok(Box::new(Processes { process: self.clone(), lanes: vec![lane; lanes] }))
    }
}

/// One lane.
#[derive(Clone, Debug)]
struct Lane {
    /// P_φ, `[n, m, n]`.
    transitions: Vec<f64>,
    state: usize,
    elapsed: u32,
    noise: u64,
}

/// Many lanes, each with its own φ.
#[derive(Debug)]
struct Processes {
    process: Process,
    lanes: Vec<Lane>,
}

/// Refuses what is not `expected` finite numbers.
fn check(what: &'static str, values: &[f64], expected: usize) -> Result<(), SimError> {
    let got = values.iter().filter(|value| value.is_finite()).count();
    if got == expected && values.len() == expected {
        Ok(())
    } else {
        Err(SimError::State {
            what,
            expected,
            got: if values.len() == expected { got } else { values.len() },
        })
    }
}

/// The first state at which the cumulative probability passes `uniform`, in [0, 1); the last possible one where rounding
/// leaves the sum below it.
fn pick(row: &[f64], uniform: f64) -> usize {
    let (mut left, mut possible) = (uniform, 0);
    for (state, &p) in row.iter().enumerate() {
        if left < p {
            return state;
        }
        left -= p;
        if p > 0.0 {
            possible = state;
        }
    }
    possible
}

impl BatchSim for Processes {
    fn spec(&self) -> &SimSpec {
        &self.process.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.process.family.space().check(phi)?;
        self.process.family.transitions_into(phi, &mut self.lanes[lane].transitions);
        Ok(())
    }

    fn set_forces(&mut self, _lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check("forces", forces, 0)
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        self.lanes[lane].noise = number % SEEDS as u64;
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let state = pick(self.process.family.mdp().start(), stream.uniform(0.0, 1.0));
        let lane = &mut self.lanes[lane];
        (lane.state, lane.elapsed, lane.noise) = (state, 0, stream.below(SEEDS) as u64);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        let mdp = self.process.family.mdp();
        check("state", state, mdp.position_dim())?;
        let found = (0..mdp.states()).find(|&s| mdp.position(s) == state);
        let nowhere = SimError::State { what: "position of a state", expected: state.len(), got: 0 };
        let lane = &mut self.lanes[lane];
        (lane.state, lane.elapsed, lane.noise) = (found.ok_or(nowhere)?, 0, 0);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(self.process.family.mdp().position(self.lanes[lane].state));
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        out.fill(0.0);
        out[self.lanes[lane].state] = 1.0;
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let Lane { state, elapsed, noise, .. } = self.lanes[lane];
        out.copy_from_slice(&[state as f64, f64::from(elapsed), noise as f64]);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check("snapshot", snapshot, 3)?;
        let states = self.process.family.mdp().states();
        if !(0.0..states as f64).contains(&snapshot[0]) {
            return Err(SimError::State {
                what: "snapshot with a state of the process",
                expected: 3,
                got: 2,
            });
        }
        let lane = &mut self.lanes[lane];
        (lane.state, lane.elapsed, lane.noise) =
            (snapshot[0] as usize, snapshot[1] as u32, snapshot[2] as u64);
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let mdp = self.process.family.mdp();
        let (n, m) = (mdp.states(), mdp.actions());
        for (i, lane) in self.lanes.iter_mut().enumerate().filter(|(i, _)| active[*i]) {
            let action = actions[i];
            if !(action >= 0.0 && action < m as f64 && action.fract() == 0.0) {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let action = action as usize;
            let key = StreamKey::new(lane.noise, Purpose::ProcessNoise).episode(u64::from(lane.elapsed));
            let next =
                pick(row_of(&lane.transitions, n, m, lane.state, action), key.stream().uniform(0.0, 1.0));
            rewards[i] = mdp.reward(lane.state, action) + mdp.arrival()[next];
            lane.state = next;
            lane.elapsed = lane.elapsed.saturating_add(1);
            outcomes[i] = if mdp.is_terminal(next) {
                Outcome::Terminated
            } else if lane.elapsed >= self.process.spec.episode_limit {
                Outcome::Truncated
            } else {
                Outcome::Running
            };
        }
    }
}
