//! A simulator of one's own: a cart on a rail, brought to its mark by a motor, with a mass and a friction that nobody knows
//! exactly. WR²L trains on it as on any other, ball and all.
//!
//! `cargo run --release -p wr2l-examples --example own_simulator`

use std::error::Error;

use wr2l::rl::{Actor, Ppo, PpoConfig, Threads};
use wr2l::rng::Stream;
use wr2l::robust::adversary::Wasserstein;
use wr2l::robust::{AdversaryConfig, BallConfig, BallEstimate, PairsConfig};
use wr2l::run::{Budget, Session};
use wr2l::sim::{
    ActionSpace, BatchSim, Divergence, DynamicsSpace, Engine, Outcome, Parameter, SimError, SimSpec,
    Simulator, SpaceError,
};

/// Seconds per step.
const DT: f64 = 0.05;
/// Force of the motor at action 1, N.
const FORCE: f64 = 5.0;
/// Cost per squared action.
const COST: f64 = 0.01;
/// Where the rail ends, m.
const END: f64 = 3.0;

/// The engine: makes batches of carts.
#[derive(Debug)]
struct Rail {
    spec: SimSpec,
    space: DynamicsSpace,
}

/// What varies: the cart's mass and the rail's friction.
fn space() -> Result<DynamicsSpace, SpaceError> {
    let parameter = |name: &str, unit: &str, description: &str, nominal: f64| Parameter {
        name: name.into(),
        unit: unit.into(),
        description: description.into(),
        nominal,
        lower: 0.2 * nominal,
        upper: 5.0 * nominal,
        // One unit of z is 100 %.
        scale: nominal,
    };
    DynamicsSpace::new(vec![
        parameter("mass", "kg", "Mass of the cart.", 1.0),
        parameter("friction", "N·s/m", "Viscous friction of the rail.", 0.5),
    ])
}

impl Engine for Rail {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let lane = Cart { phi: [0.0; 2], position: 0.0, velocity: 0.0, elapsed: 0.0 };
        let mut batch =
            Carts { spec: self.spec.clone(), space: self.space.clone(), lanes: vec![lane; lanes] };
        let nominal = self.space.nominal();
        for lane in 0..lanes {
            batch.set_dynamics(lane, &nominal)?;
        }
        Ok(Box::new(batch))
    }
}

/// One lane.
#[derive(Clone, Debug)]
struct Cart {
    /// Mass, friction.
    phi: [f64; 2],
    position: f64,
    velocity: f64,
    /// Steps of the episode: a number like the others, so that a snapshot holds it.
    elapsed: f64,
}

/// Many lanes, each with its own dynamics.
#[derive(Debug)]
struct Carts {
    spec: SimSpec,
    space: DynamicsSpace,
    lanes: Vec<Cart>,
}

/// Refuses what is not `expected` finite numbers.
fn check(what: &'static str, values: &[f64], expected: usize) -> Result<(), SimError> {
    let got = values.iter().filter(|value| value.is_finite()).count();
    if got == expected && values.len() == expected {
        Ok(())
    } else {
        Err(SimError::State { what, expected, got })
    }
}

impl BatchSim for Carts {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        self.lanes[lane].phi.copy_from_slice(phi);
        Ok(())
    }

    fn set_forces(&mut self, _lane: usize, forces: &[f64]) -> Result<(), SimError> {
        // Nobody may push this cart: `SimSpec::forces` is empty.
        check("forces", forces, 0)
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let lane = &mut self.lanes[lane];
        (lane.position, lane.velocity, lane.elapsed) = (stream.uniform(-1.0, 1.0), 0.0, 0.0);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check("state", state, 2)?;
        let lane = &mut self.lanes[lane];
        (lane.position, lane.velocity, lane.elapsed) = (state[0], state[1], 0.0);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&[self.lanes[lane].position, self.lanes[lane].velocity]);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.state(lane, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let Cart { position, velocity, elapsed, .. } = self.lanes[lane];
        out.copy_from_slice(&[position, velocity, elapsed]);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check("snapshot", snapshot, 3)?;
        let lane = &mut self.lanes[lane];
        (lane.position, lane.velocity, lane.elapsed) = (snapshot[0], snapshot[1], snapshot[2]);
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        for (i, lane) in self.lanes.iter_mut().enumerate().filter(|(i, _)| active[*i]) {
            if !actions[i].is_finite() {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let [mass, friction] = lane.phi;
            let force = FORCE * actions[i].clamp(-1.0, 1.0) - friction * lane.velocity;
            lane.velocity += DT * force / mass;
            lane.position += DT * lane.velocity;
            lane.elapsed += 1.0;
            rewards[i] = 1.0 - lane.position.abs().min(1.0) - COST * actions[i] * actions[i];
            // A step that is both counts as terminated: after a time limit the value of the last state counts, after an
            // end nothing does.
            outcomes[i] = if lane.position.abs() > END {
                Outcome::Terminated
            } else if lane.elapsed >= f64::from(self.spec.episode_limit) {
                Outcome::Truncated
            } else {
                Outcome::Running
            };
        }
    }
}

/// The simulator.
pub fn rail() -> Result<Simulator, SpaceError> {
    let spec = SimSpec {
        obs_dim: 2,
        actions: ActionSpace::Continuous { low: vec![-1.0], high: vec![1.0] },
        nq: 1,
        nv: 1,
        episode_limit: 100,
        dt: DT,
        // Position, velocity, elapsed steps.
        snapshot_len: 3,
        forces: Vec::new(),
        walks: false,
    };
    let space = space()?;
    let engine = Rail { spec, space: space.clone() };
    // Journals tell simulators apart by the second text: all that changes results belongs into it.
    let identity = format!("rail {DT} {FORCE} {COST} {END} {:?}", engine.spec);
    Ok(Simulator::with_engine("rail", identity, space, engine))
}

/// Trains WR²L on it. The policy, and its mean return over the last episodes.
pub fn train(steps: u64, threads: usize) -> Result<(Actor, f64), Box<dyn Error>> {
    let simulator = rail()?;
    let mut executor = Threads::new(&simulator, threads)?;
    let pairs = PairsConfig { count: 200, pool: 1000, ..PairsConfig::default() };
    let config = BallConfig { half_width: Some(0.5), pairs, ..BallConfig::default() };
    let estimate = BallEstimate::new(&mut executor, &config, 1)?;
    let ball = estimate.ball(simulator.space(), &config)?;
    let adversary = Wasserstein::new(estimate, ball, AdversaryConfig::default())?;
    let learner = Ppo::new(PpoConfig::default(), simulator.spec(), simulator.space().dim(), 1)?;
    let mut session =
        Session::new(Budget::new(1, steps), Box::new(executor), Box::new(learner), Some(Box::new(adversary)));
    session.run(&mut ())?;
    Ok((session.policy().clone(), session.progress().recent_return))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (_, ret) = train(60_000, 2)?;
    println!("the cart stands on its mark: {ret:.1} of at most 100");
    Ok(())
}
