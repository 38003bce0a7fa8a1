//! Whole episodes of the reference dynamics, every state and action of them.

use wr2l_rng::{Stream, StreamKey};
use wr2l_sim::{ActionSpace, BatchSim, Outcome, SimError};

use crate::{Actor, LaneActor};

/// State–action pairs of one episode, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// Full physical states before each step, qpos then qvel, unclipped (`[len, state_dim]`).
    pub states: Vec<f64>,
    /// Actions (`[len, act_dim]`).
    pub actions: Vec<f64>,
    /// Steps; one that diverged is left out.
    pub len: u64,
}

/// An episode under the dynamics `phi` in each of the first lanes, one for each key, with the actions of `actor`, or
/// uniform in their space.
pub(super) fn run(
    sim: &mut dyn BatchSim,
    actor: Option<&Actor>,
    phi: &[f64],
    keys: &[StreamKey],
) -> Result<Vec<Trajectory>, SimError> {
    let spec = sim.spec().clone();
    let (state_dim, act_dim, lanes) = (spec.state_dim(), spec.act_dim(), sim.lanes());
    let mut active = vec![false; lanes];
    active[..keys.len()].fill(true);
    let mut action = vec![0.0; lanes * act_dim];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    // One a lane, because each may remember its own trajectory.
    let mut choosers: Vec<LaneActor<'_>> =
        actor.iter().flat_map(|actor| keys.iter().map(|_| LaneActor::new(actor))).collect();
    let mut observation = vec![0.0; spec.obs_dim];
    let mut streams: Vec<Stream> = keys.iter().map(|key| key.stream()).collect();
    let mut episodes = Vec::with_capacity(keys.len());
    for (lane, stream) in streams.iter_mut().enumerate() {
        sim.set_dynamics(lane, phi)?;
        sim.reset(lane, stream);
        episodes.push(Trajectory::default());
    }
    while active.contains(&true) {
        for (lane, episode) in episodes.iter_mut().enumerate().filter(|(lane, _)| active[*lane]) {
            let at = episode.states.len();
            episode.states.resize(at + state_dim, 0.0);
            sim.state(lane, &mut episode.states[at..]);
            let action = &mut action[lane * act_dim..][..act_dim];
            match choosers.get_mut(lane) {
                Some(chooser) => {
                    sim.observe(lane, &mut observation);
                    action.copy_from_slice(chooser.act(&observation, Some(&mut streams[lane])));
                }
                None => uniform_action(&spec.actions, &mut streams[lane], action),
            }
        }
        sim.step(&action, &active, &mut rewards, &mut outcomes);
        for (lane, episode) in episodes.iter_mut().enumerate().filter(|(lane, _)| active[*lane]) {
            if matches!(outcomes[lane], Outcome::Diverged(_)) {
                episode.states.truncate(episode.states.len() - state_dim);
            } else {
                episode.actions.extend_from_slice(&action[lane * act_dim..][..act_dim]);
                episode.len += 1;
            }
        }
        for (active, outcome) in active.iter_mut().zip(&outcomes) {
            *active &= !outcome.is_over();
        }
    }
    Ok(episodes)
}

/// An action uniform in the action box, or a uniform choice.
fn uniform_action(space: &ActionSpace, stream: &mut Stream, action: &mut [f64]) {
    match space {
        ActionSpace::Continuous { low, high } => {
            for (action, (&low, &high)) in action.iter_mut().zip(low.iter().zip(high)) {
                *action = stream.uniform(low, high);
            }
        }
        ActionSpace::Discrete { n } => action[0] = stream.below(*n) as f64,
    }
}
