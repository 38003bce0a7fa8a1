//! The one step loop: a simulator's lanes, each following a script, refilled until no script is left.

use wr2l_rng::Stream;
use wr2l_sim::{BatchSim, Outcome, Sim, SimError};

use crate::{Actor, actor::ActScratch};

/// What a lane is being used for: a single measured episode, or a stretch of a learner's batch.
///
/// Scripts are driven by [`drive`]; what one records depends on nothing but itself, so that results are the same
/// for any number of threads and any grouping of lanes.
pub(crate) trait Script {
    /// Prepares the simulator's lane: dynamics and state.
    fn begin(&mut self, sim: &mut Sim, lane: usize) -> Result<(), SimError>;

    /// The stream of the script's action noise; asked for only when actions are stochastic.
    fn noise(&mut self) -> &mut Stream;

    /// Takes note of a step; `false` ends the script. May reset the lane to go on with another episode.
    fn record(&mut self, actor: &Actor, step: Step<'_>, sim: &mut Sim, lane: usize)
    -> Result<bool, SimError>;
}

/// One step of one lane.
pub(crate) struct Step<'a> {
    /// Observation before the step, `[obs_dim]`.
    pub(crate) obs: &'a [f64],
    /// The same, normalised as the policy saw it, `[obs_dim]`.
    pub(crate) input: &'a [f32],
    /// The action as the policy drew it, unclipped, `[action_dim]`.
    pub(crate) action: &'a [f32],
    /// Log-probability of the action; 0 for a deterministic one.
    pub(crate) log_prob: f32,
    /// Reward of the step.
    pub(crate) reward: f64,
    /// What became of the episode.
    pub(crate) outcome: Outcome,
}

/// Buffers of [`drive`], made for a number of lanes and an actor's shapes.
#[derive(Debug)]
pub(crate) struct DriveScratch {
    obs: Vec<f64>,
    noise: Vec<f64>,
    drawn: Vec<f32>,
    log_probs: Vec<f32>,
    actions: Vec<f64>,
    active: Vec<bool>,
    rewards: Vec<f64>,
    outcomes: Vec<Outcome>,
    act: ActScratch,
}

impl DriveScratch {
    fn new(lanes: usize, actor: &Actor) -> Self {
        Self {
            obs: vec![0.0; lanes * actor.obs_dim()],
            noise: vec![0.0; lanes * actor.act_dim()],
            drawn: vec![0.0; lanes * actor.act_dim()],
            log_probs: vec![0.0; lanes],
            actions: vec![0.0; lanes * actor.act_dim()],
            active: vec![false; lanes],
            rewards: vec![0.0; lanes],
            outcomes: vec![Outcome::Running; lanes],
            act: actor.scratch(lanes),
        }
    }
}

/// Follows scripts on the lanes of `sim` until `next` has no more: a lane whose script has ended takes the next
/// one at once, so that no lane idles while work is left. Finished scripts go to `done`.
pub(crate) fn drive<S: Script>(
    sim: &mut Sim,
    actor: &Actor,
    stochastic: bool,
    mut next: impl FnMut() -> Option<S>,
    mut done: impl FnMut(S),
) -> Result<(), SimError> {
    let lanes = sim.lanes();
    let (obs_dim, act_dim) = (actor.obs_dim(), actor.act_dim());
    let mut scratch = DriveScratch::new(lanes, actor);
    let mut scripts: Vec<Option<S>> = Vec::with_capacity(lanes);
    for lane in 0..lanes {
        let mut script = next();
        if let Some(script) = &mut script {
            script.begin(sim, lane)?;
        }
        scratch.active[lane] = script.is_some();
        scripts.push(script);
    }
    while scratch.active.contains(&true) {
        for (lane, script) in scripts.iter_mut().enumerate() {
            let Some(script) = script else { continue };
            sim.observe(lane, &mut scratch.obs[lane * obs_dim..][..obs_dim]);
            if stochastic {
                actor.draw_noise(script.noise(), &mut scratch.noise[lane * act_dim..][..act_dim]);
            }
        }
        let noise = stochastic.then_some(scratch.noise.as_slice());
        actor.act(&scratch.obs, noise, &mut scratch.act, &mut scratch.drawn, &mut scratch.log_probs);
        actor.clip(&scratch.drawn, &mut scratch.actions);
        sim.step(&scratch.actions, &scratch.active, &mut scratch.rewards, &mut scratch.outcomes);
        for lane in 0..lanes {
            let Some(script) = &mut scripts[lane] else { continue };
            let step = Step {
                obs: &scratch.obs[lane * obs_dim..][..obs_dim],
                input: &scratch.act.inputs[lane * obs_dim..][..obs_dim],
                action: &scratch.drawn[lane * act_dim..][..act_dim],
                log_prob: scratch.log_probs[lane],
                reward: scratch.rewards[lane],
                outcome: scratch.outcomes[lane],
            };
            if script.record(actor, step, sim, lane)? {
                continue;
            }
            let mut successor = next();
            if let Some(successor) = &mut successor {
                successor.begin(sim, lane)?;
            }
            scratch.active[lane] = successor.is_some();
            if let Some(finished) = std::mem::replace(&mut scripts[lane], successor) {
                done(finished);
            }
        }
    }
    Ok(())
}
