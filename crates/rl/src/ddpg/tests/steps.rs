//! Single steps, minibatches halved, on one thread.

use super::*;
use crate::helper::Lead;

/// A first thread that has nobody to help it, and does both halves.
pub(in crate::ddpg) type Alone<'a, 'b> = Lead<'a, Job, &'b (dyn Fn(&mut Job) + Sync + 'b)>;

/// Everything that gradient steps touch, minibatches halved.
pub(in crate::ddpg) fn halved<R>(
    learner: &mut Ddpg,
    work: impl FnOnce(&Parts<'_>, &mut Alone<'_, '_>) -> R,
) -> R {
    let Ddpg { config, mover, opponent, critic, replay, inputs, halves, .. } = learner;
    let opponent = opponent.as_mut().map(|opponent| &mut opponent.mover);
    let parts = Parts::new(config, Memory { replay, inputs }, mover, opponent, critic, halves, true);
    let assist: &(dyn Fn(&mut Job) + Sync + '_) = &|job| parts.assist(job);
    with_helper(false, &mut Trust::new(1), Job::default(), assist, |lead| work(&parts, lead))
}

/// Draws a minibatch.
pub(in crate::ddpg) fn draw(learner: &mut Ddpg, stream: &mut Stream) {
    halved(learner, |parts, _| {
        parts.draw(None, stream);
        parts.gather();
    });
}

/// What is drawn, both halves of it.
pub(in crate::ddpg) fn drawn(learner: &Ddpg) -> Draw {
    let [first, second] = &learner.halves;
    let both = |of: fn(&Draw) -> &Vec<f32>| [of(&first.draw).as_slice(), of(&second.draw)].concat();
    Draw {
        obs: both(|draw| &draw.obs),
        actions: both(|draw| &draw.actions),
        next: both(|draw| &draw.next),
        dynamics: both(|draw| &draw.dynamics),
        rewards: both(|draw| &draw.rewards),
        goes_on: both(|draw| &draw.goes_on),
    }
}

/// One gradient step on a new minibatch.
pub(in crate::ddpg) fn update(learner: &mut Ddpg, mixing: Option<Mixing>, stream: &mut Stream) -> CriticStep {
    learner.updates += 1;
    let (count, alone) = (learner.updates, learner.critic_alone);
    halved(learner, |parts, lead| {
        parts.draw(mixing.map(|mixing| mixing.means), stream);
        parts.update(lead, mixing, true, count, alone)
    })
}

/// One step of the critics on the minibatch that is there.
pub(in crate::ddpg) fn learn(
    learner: &mut Ddpg,
    means: Option<Interference>,
    stream: &mut Stream,
) -> CriticStep {
    halved(learner, |parts, lead| {
        parts.draw_noise(means, stream);
        parts.learn(lead, means, false)
    })
}

/// y of the last step of the critics.
pub(in crate::ddpg) fn targets_of(learner: &Ddpg) -> Vec<f32> {
    learner.halves.iter().flat_map(|half| half.targets().to_vec()).collect()
}
