//! One episode of a policy with mean actions, a step at a time: what films, replays and videos show.

use wr2l_rl::LaneActor;
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{BatchSim, Outcome, Simulator};

use crate::error::RunError;
use crate::studies::evaluation::Contestant;

/// Why an episode is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// By the task's own rule: mostly a fall.
    Terminated,
    /// By its time limit.
    TimeLimit,
    /// The physics blew up.
    Diverged,
}

/// An episode on its way.
pub(crate) struct Episode<'a> {
    sim: Box<dyn BatchSim>,
    actor: LaneActor<'a>,
    state: Vec<f64>,
    observation: Vec<f64>,
    /// Generalised positions.
    nq: usize,
    /// Seconds that a step takes.
    dt: f64,
    /// Steps before its end.
    length: u32,
    /// Sum of their rewards.
    ret: f64,
    end: Option<End>,
    /// Whether the physics can go on.
    moves: bool,
}

impl<'a> Episode<'a> {
    /// Begins where the evaluation's first episode of this seed does, under `phi` (the simulator's parameters, in physical units).
    ///
    /// # Errors
    /// [`RunError::Sim`].
    pub(crate) fn begin(
        one: &'a Contestant,
        simulator: &Simulator,
        phi: &[f64],
        seed: u64,
    ) -> Result<Self, RunError> {
        let spec = simulator.spec();
        let mut sim = simulator.batch(1)?;
        sim.set_dynamics(0, phi)?;
        sim.reset(0, &mut StreamKey::new(seed, Purpose::EvaluationReset).stream());
        Ok(Self {
            sim,
            actor: LaneActor::new(&one.actor),
            state: vec![0.0; spec.state_dim()],
            observation: vec![0.0; spec.obs_dim],
            nq: spec.nq,
            dt: spec.dt,
            length: 0,
            ret: 0.0,
            end: None,
            moves: true,
        })
    }

    /// Moves on by a step, also beyond its end: how a robot falls is what one wants to see. `false` if the physics has blown up,
    /// and nothing can move.
    pub(crate) fn step(&mut self) -> bool {
        if !self.moves {
            return false;
        }
        let (mut rewards, mut outcomes) = ([0.0], [Outcome::Running]);
        self.sim.observe(0, &mut self.observation);
        self.sim.step(self.actor.act(&self.observation, None), &[true], &mut rewards, &mut outcomes);
        if matches!(outcomes[0], Outcome::Diverged(_)) {
            self.end.get_or_insert(End::Diverged);
            self.moves = false;
        } else if self.end.is_none() {
            self.length += 1;
            self.ret += rewards[0];
            self.end = match outcomes[0] {
                Outcome::Terminated => Some(End::Terminated),
                outcome => outcome.is_over().then_some(End::TimeLimit),
            };
        }
        self.moves
    }

    /// Generalised positions, `[nq]`.
    pub(crate) fn positions(&mut self) -> &[f64] {
        self.sim.state(0, &mut self.state);
        &self.state[..self.nq]
    }

    /// Return so far, that of the whole episode after its end.
    pub(crate) fn ret(&self) -> f64 {
        self.ret
    }

    /// Steps so far, those of the whole episode after its end.
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    /// The same in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        f64::from(self.length) * self.dt
    }

    /// Why it is over, if it is.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }
}
