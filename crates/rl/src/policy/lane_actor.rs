//! A policy acting in one lane, one observation after another.

use wr2l_rng::Stream;

use crate::{ActScratch, Actor};

/// A policy in one lane, with what it remembers of the episode: for whoever steps a simulator by hand.
///
/// ```
/// use wr2l_rl::{LaneActor, Ppo, PpoConfig, Learner};
/// use wr2l_sim::{BatchSim, Outcome, Simulator, Task, TaskName};
/// let task = Task::new(TaskName::CARTPOLE);
/// let space = task.space().select::<&str>(&[])?;
/// let simulator = Simulator::new(task, None, space)?;
/// let ppo = Ppo::with_history(PpoConfig::default(), simulator.spec(), 0, 2, 1)?;
/// let mut sim = simulator.batch(1)?;
/// let mut actor = LaneActor::new(ppo.actor());
/// let (mut observation, mut rewards, mut outcomes) = ([0.0; 4], [0.0], [Outcome::Running]);
/// actor.begin();
/// while !outcomes[0].is_over() {
///     sim.observe(0, &mut observation);
///     sim.step(actor.act(&observation, None), &[true], &mut rewards, &mut outcomes);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LaneActor<'a> {
    actor: &'a Actor,
    scratch: ActScratch,
    /// The last observation, and the memory that the policy had with it.
    raw: Vec<f64>,
    noise: Vec<f64>,
    drawn: Vec<f32>,
    log_prob: [f32; 1],
    /// What was done there.
    action: Vec<f64>,
    /// Whether the episode has seen an action.
    acted: bool,
}

impl<'a> LaneActor<'a> {
    /// The policy before an episode.
    pub fn new(actor: &'a Actor) -> Self {
        Self {
            actor,
            scratch: actor.scratch(1),
            raw: vec![0.0; actor.input_dim()],
            noise: vec![0.0; actor.act_dim()],
            drawn: vec![0.0; actor.act_dim()],
            log_prob: [0.0],
            action: vec![0.0; actor.act_dim()],
            acted: false,
        }
    }

    /// Forgets the episode before.
    pub fn begin(&mut self) {
        self.raw.fill(0.0);
        self.acted = false;
    }

    /// The action for the next `observation` of the episode, `[act_dim]` as simulators take it: drawn with a stream, the
    /// mean (or most probable choice) without one.
    ///
    /// # Panics
    /// If the observation has not the policy's length.
    pub fn act(&mut self, observation: &[f64], stream: Option<&mut Stream>) -> &[f64] {
        let Self { actor, scratch, raw, noise, drawn, log_prob, action, acted } = self;
        let (before, memory) = raw.split_at_mut(actor.obs_dim());
        if *acted {
            actor.history().push(before, action, observation, memory);
        }
        before.copy_from_slice(observation);
        let noise = stream.map(|stream| {
            actor.draw_noise(stream, noise);
            noise.as_slice()
        });
        actor.act(raw, noise, scratch, drawn, log_prob);
        actor.clip(drawn, action);
        *acted = true;
        action
    }
}
