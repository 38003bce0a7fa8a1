//! The one step loop: a simulator's lanes, each following a script, refilled until no script is left.

use wr2l_rng::Stream;
use wr2l_sim::{BatchSim, Outcome, SimError};

use crate::policy::actor::ActScratch;
use crate::rollout::players::{Acting, Disturbance, Interference, Player, Players};
use crate::{Actor, History};

/// What a lane is being used for: a single measured episode, or a stretch of a learner's batch.
///
/// Scripts are driven by [`drive`]; what one records depends on nothing but itself, so that results are the same
/// for any number of threads and any grouping of lanes.
pub(crate) trait Script {
    /// Prepares the simulator's lane, dynamics and state, and what the agent remembers there ([`crate::History`]).
    fn begin(&mut self, sim: &mut dyn BatchSim, lane: usize, memory: &mut [f64]) -> Result<(), SimError>;

    /// The stream of a player's action noise; asked for only when its actions are random.
    fn noise(&mut self, player: Player) -> &mut Stream;

    /// Gives the noise just drawn for a player's action its memory of the steps before.
    fn correlate(&mut self, player: Player, noise: &mut [f64]) {
        let _ = (player, noise);
    }

    /// Whether chance acts in this step, and the stream that it draws from.
    fn chance(&mut self) -> Option<&mut Stream> {
        None
    }

    /// Takes note of a step; `false` ends the script. May reset the lane to go on with another episode. `memory` is what
    /// the agent remembers after the step.
    fn record(
        &mut self,
        learner: &Actor,
        step: Step<'_>,
        sim: &mut dyn BatchSim,
        lane: usize,
        memory: &mut [f64],
    ) -> Result<bool, SimError>;
}

/// One step of one lane.
pub(crate) struct Step<'a> {
    /// The inputs of the learner's policy before the step: observation and memory, `[input_dim]`.
    pub(crate) obs: &'a [f64],
    /// The same, normalised as the policy saw them, `[input_dim]`.
    pub(crate) input: &'a [f32],
    /// The learner's action as it drew it, unclipped, `[action_dim]`; where actions are mixed, the one that counted.
    pub(crate) action: &'a [f32],
    /// Log-probability of the action; 0 for a deterministic one.
    pub(crate) log_prob: f32,
    /// The task's reward of the step.
    pub(crate) reward: f64,
    /// What became of the episode.
    pub(crate) outcome: Outcome,
}

/// A player's actions in all lanes, and what it takes to draw them.
#[derive(Debug)]
struct ActionBuffers {
    noise: Vec<f64>,
    drawn: Vec<f32>,
    log_probs: Vec<f32>,
    act: ActScratch,
}

impl ActionBuffers {
    fn new(lanes: usize, actor: &Actor) -> Self {
        Self {
            noise: vec![0.0; lanes * actor.act_dim()],
            drawn: vec![0.0; lanes * actor.act_dim()],
            log_probs: vec![0.0; lanes],
            act: actor.scratch(lanes),
        }
    }

    /// Acts on rows of `stride` numbers, which begin with what the policy sees.
    fn act(&mut self, actor: &Actor, acting: Acting, obs: &[f64], stride: usize) {
        let noise = (acting == Acting::Sample).then_some(self.noise.as_slice());
        actor.act_on(obs, stride, noise, &mut self.act, &mut self.drawn, &mut self.log_probs);
        if acting == Acting::Random {
            self.drawn.iter_mut().zip(&self.noise).for_each(|(drawn, noise)| *drawn = *noise as f32);
        }
    }

    /// Draws the random numbers of a lane's action.
    fn draw(&mut self, actor: &Actor, acting: Acting, lane: usize, player: Player, script: &mut impl Script) {
        let noise = &mut self.noise[lane * actor.act_dim()..][..actor.act_dim()];
        let stream = script.noise(player);
        match acting {
            Acting::Mode => {}
            Acting::Sample => {
                actor.draw_noise(stream, noise);
                script.correlate(player, noise);
            }
            Acting::Random => noise.fill_with(|| stream.uniform(-1.0, 1.0)),
        }
    }
}

/// Buffers of [`drive`], made for a number of lanes and the players' shapes.
#[derive(Debug)]
struct DriveScratch {
    /// The agent's history.
    history: History,
    /// Observations, each with the memory behind it, `[lanes, input_dim]` of the agent.
    obs: Vec<f64>,
    /// What the agent remembers in every lane, and the observation after a step.
    memory: Vec<f64>,
    after: Vec<f64>,
    actions: Vec<f64>,
    /// The actions before chance acts, if they are to be remembered.
    chosen: Vec<f64>,
    active: Vec<bool>,
    rewards: Vec<f64>,
    outcomes: Vec<Outcome>,
    agent: ActionBuffers,
    opponent: Option<ActionBuffers>,
    /// One number a lane that decides whether the opponent takes over.
    coins: Vec<f64>,
    /// Forces on the bodies of a lane.
    forces: Vec<f64>,
}

impl DriveScratch {
    fn new(lanes: usize, players: &Players<'_>) -> Self {
        let agent = players.agent;
        let history = agent.history();
        let remembered = if history.frames() > 0 { lanes } else { 0 };
        Self {
            history,
            obs: vec![0.0; lanes * agent.input_dim()],
            memory: vec![0.0; lanes * history.memory()],
            after: vec![0.0; history.obs_dim()],
            chosen: vec![0.0; remembered * agent.act_dim()],
            actions: vec![0.0; lanes * agent.act_dim()],
            active: vec![false; lanes],
            rewards: vec![0.0; lanes],
            outcomes: vec![Outcome::Running; lanes],
            agent: ActionBuffers::new(lanes, agent),
            opponent: players.disturbance.map(|disturbance| ActionBuffers::new(lanes, disturbance.actor)),
            coins: vec![1.0; lanes],
            forces: players
                .disturbance
                .map_or_else(Vec::new, |disturbance| vec![0.0; disturbance.actor.act_dim()]),
        }
    }

    /// Draws all actions of the step, and applies what the opponent does.
    fn act(&mut self, players: &Players<'_>, acting: Acting, sim: &mut dyn BatchSim) -> Result<(), SimError> {
        let stride = self.history.inputs();
        self.agent.act(players.agent, acting, &self.obs, stride);
        if let (Some(hand), Some(disturbance)) = (&mut self.opponent, players.disturbance) {
            hand.act(disturbance.actor, disturbance.acting(acting), &self.obs, stride);
            match disturbance.means {
                Interference::Force { bound } => self.push(&disturbance, bound, sim)?,
                means => self.mix(players.agent, means),
            }
        }
        players.agent.clip(&self.agent.drawn, &mut self.actions);
        if self.history.frames() > 0 {
            self.chosen.copy_from_slice(&self.actions);
        }
        Ok(())
    }

    /// What the agent remembers in a lane.
    fn memory(&mut self, lane: usize) -> &mut [f64] {
        let len = self.history.memory();
        &mut self.memory[lane * len..][..len]
    }

    /// Puts a lane's observation together with the memory behind it.
    fn observe(&mut self, sim: &dyn BatchSim, lane: usize) {
        let (width, len) = (self.history.inputs(), self.history.memory());
        let row = &mut self.obs[lane * width..][..width];
        let (obs, memory) = row.split_at_mut(self.history.obs_dim());
        sim.observe(lane, obs);
        memory.copy_from_slice(&self.memory[lane * len..][..len]);
    }

    /// Remembers the step that a lane has just made.
    fn remember(&mut self, sim: &dyn BatchSim, lane: usize) {
        if self.history.frames() == 0 {
            return;
        }
        sim.observe(lane, &mut self.after);
        let (width, len) = (self.history.inputs(), self.history.memory());
        let act_dim = self.chosen.len() / self.active.len();
        self.history.push(
            &self.obs[lane * width..][..self.history.obs_dim()],
            &self.chosen[lane * act_dim..][..act_dim],
            &self.after,
            &mut self.memory[lane * len..][..len],
        );
    }

    fn push(&mut self, by: &Disturbance<'_>, bound: f64, sim: &mut dyn BatchSim) -> Result<(), SimError> {
        let Some(hand) = &self.opponent else { return Ok(()) };
        let drawn = hand.drawn.chunks_exact(by.actor.act_dim());
        for (lane, (drawn, active)) in drawn.zip(&self.active).enumerate() {
            if *active {
                by.actor.clip(drawn, &mut self.forces);
                self.forces.iter_mut().for_each(|force| *force *= bound);
                sim.set_forces(lane, &self.forces)?;
            }
        }
        Ok(())
    }

    /// Both draw within the unit box; only what is within it is mixed.
    fn mix(&mut self, agent: &Actor, means: Interference) {
        let Some(hand) = &mut self.opponent else { return };
        let width = agent.act_dim();
        for drawn in [&mut hand.drawn, &mut self.agent.drawn] {
            drawn.iter_mut().for_each(|a| *a = a.clamp(-1.0, 1.0));
        }
        let opponents = hand.drawn.chunks_exact(width);
        let mixed = self.agent.drawn.chunks_exact_mut(width);
        for ((action, opponent), coin) in mixed.zip(opponents).zip(&self.coins) {
            means.mix(*coin, opponent, action);
        }
    }
}

impl Disturbance<'_> {
    /// How the opponent acts: while the agent explores at random, from its policy.
    fn acting(&self, agent: Acting) -> Acting {
        if agent == Acting::Mode || !self.explores { Acting::Mode } else { Acting::Sample }
    }
}

/// Follows scripts on the lanes of `sim`, at most `most` at a time, until `next` has no more: a lane whose script has ended takes
/// the next one at once, so that no lane idles while work is left. Finished scripts go to `done`.
///
/// An opponent without a history sees the observation, one with the agent's sees what the agent sees.
///
/// # Panics
/// If the opponent has another history than these, or shapes are not the simulator's.
pub(crate) fn drive<S: Script>(
    sim: &mut dyn BatchSim,
    most: usize,
    players: Players<'_>,
    acting: Acting,
    mut next: impl FnMut() -> Option<S>,
    mut done: impl FnMut(S),
) -> Result<(), SimError> {
    let lanes = sim.lanes();
    let learner = players.learner();
    let (input_dim, act_dim, stride) = (learner.input_dim(), learner.act_dim(), players.agent.input_dim());
    assert!(players.see_alike(), "an opponent remembers nothing, or what the agent does");
    let mut scratch = DriveScratch::new(lanes, &players);
    let memory_len = scratch.history.memory();
    let mut scripts: Vec<Option<S>> = Vec::with_capacity(lanes);
    for lane in 0..lanes {
        let mut script = if lane < most { next() } else { None };
        if let Some(script) = &mut script {
            script.begin(sim, lane, scratch.memory(lane))?;
        }
        scratch.active[lane] = script.is_some();
        scripts.push(script);
    }
    while scratch.active.contains(&true) {
        for (lane, script) in scripts.iter_mut().enumerate() {
            let Some(script) = script else { continue };
            scratch.observe(sim, lane);
            if acting != Acting::Mode {
                scratch.agent.draw(players.agent, acting, lane, Player::Agent, script);
            }
            if let (Some(hand), Some(disturbance)) = (&mut scratch.opponent, players.disturbance) {
                hand.draw(disturbance.actor, disturbance.acting(acting), lane, Player::Opponent, script);
                scratch.coins[lane] = disturbance.means.coin(script.noise(Player::Opponent));
            }
        }
        scratch.act(&players, acting, sim)?;
        for (lane, script) in scripts.iter_mut().enumerate() {
            if let Some(stream) = script.as_mut().and_then(Script::chance) {
                let width = players.agent.act_dim();
                let action = &mut scratch.actions[lane * width..][..width];
                players.agent.action_space().draw(|low, high| stream.uniform(low, high), action);
            }
        }
        sim.step(&scratch.actions, &scratch.active, &mut scratch.rewards, &mut scratch.outcomes);
        for lane in 0..lanes {
            let Some(script) = &mut scripts[lane] else { continue };
            scratch.remember(sim, lane);
            let hand = match (players.learner, &scratch.opponent) {
                (Player::Opponent, Some(hand)) => hand,
                _ => &scratch.agent,
            };
            let step = Step {
                obs: &scratch.obs[lane * stride..][..input_dim],
                input: &hand.act.inputs[lane * input_dim..][..input_dim],
                action: &hand.drawn[lane * act_dim..][..act_dim],
                log_prob: hand.log_probs[lane],
                reward: scratch.rewards[lane],
                outcome: scratch.outcomes[lane],
            };
            let memory = &mut scratch.memory[lane * memory_len..][..memory_len];
            if script.record(learner, step, sim, lane, memory)? {
                continue;
            }
            // It may be what comes next.
            if let Some(finished) = scripts[lane].take() {
                done(finished);
            }
            let mut successor = next();
            if let Some(successor) = &mut successor {
                successor.begin(sim, lane, scratch.memory(lane))?;
            }
            scratch.active[lane] = successor.is_some();
            scripts[lane] = successor;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use wr2l_nn::{Normaliser, Policy};
    use wr2l_rng::{Purpose, StreamKey};
    use wr2l_sim::{ActionSpace, DynamicsSpace, Simulator, Task, TaskName};

    use super::*;

    /// So many steps of a lane; counts who runs at the same time.
    struct Steps<'a> {
        left: u32,
        running: &'a Cell<usize>,
        most: &'a Cell<usize>,
    }

    impl Script for Steps<'_> {
        fn begin(&mut self, sim: &mut dyn BatchSim, lane: usize, _: &mut [f64]) -> Result<(), SimError> {
            sim.reset(lane, &mut StreamKey::new(1, Purpose::Test).stream());
            self.running.set(self.running.get() + 1);
            self.most.set(self.most.get().max(self.running.get()));
            Ok(())
        }

        fn noise(&mut self, _: Player) -> &mut Stream {
            unreachable!("actions are the policy's means")
        }

        fn record(
            &mut self,
            _: &Actor,
            _: Step<'_>,
            _: &mut dyn BatchSim,
            _: usize,
            _: &mut [f64],
        ) -> Result<bool, SimError> {
            self.left -= 1;
            self.running.set(self.running.get() - usize::from(self.left == 0));
            Ok(self.left > 0)
        }
    }

    #[test]
    fn all_scripts_are_followed_and_no_more_at_a_time_than_asked_for() {
        let simulator =
            Simulator::new(Task::new(TaskName::CARTPOLE), None, DynamicsSpace::default()).unwrap();
        let policy = Policy::categorical(4, &[2], 2).unwrap();
        let params = vec![0.0; policy.parameters()];
        let actor =
            Actor::new(policy, params, Normaliser::identity(4), ActionSpace::Discrete { n: 2 }).unwrap();
        for (most, at_once) in [(1, 1), (3, 3), (5, 5), (8, 5)] {
            let mut sim = simulator.batch(5).unwrap();
            let (running, peak) = (Cell::new(0), Cell::new(0));
            let mut lengths = (1..=9).rev();
            let next = || lengths.next().map(|left| Steps { left, running: &running, most: &peak });
            let mut finished = 0;
            drive(&mut *sim, most, Players::alone(&actor), Acting::Mode, next, |_| finished += 1).unwrap();
            assert_eq!((finished, running.get(), peak.get()), (9, 0, at_once));
        }
    }
}
