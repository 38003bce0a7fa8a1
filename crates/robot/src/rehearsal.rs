//! What a task pays before anything is learnt: its reward, term by term, under random actions and under none.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Outcome, SimError, Simulator};

/// A term of the reward, weight included, over many steps.
#[derive(Clone, Debug, PartialEq)]
pub struct TermSeen {
    /// Its name.
    pub name: String,
    /// Its mean a step.
    pub mean: f64,
    /// Its smallest value.
    pub least: f64,
    /// Its largest value.
    pub most: f64,
}

/// What happened in some steps of many lanes. Diverged steps are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The terms.
    pub terms: Vec<TermSeen>,
    /// Mean reward a step.
    pub reward: f64,
    /// Mean length of the episodes; one that goes on counts with what it has lasted.
    pub length: f64,
    /// Share of the episodes that a terminal state ended.
    pub ended: f64,
    /// Steps of the task that were taken.
    pub steps: u64,
    /// What was wrong where the physics or a term broke down first, and how many steps into the episode.
    pub diverged: Option<(String, u32)>,
}

/// Runs `lanes` lanes of a simulator for `steps` steps, over several episodes, at the nominal dynamics: under random actions, or
/// if `idle` under none (0, or the bound next to it).
///
/// # Errors
/// [`SimError`], if there is no batch.
pub fn rehearse(
    simulator: &Simulator,
    seed: u64,
    lanes: usize,
    steps: u32,
    idle: bool,
) -> Result<Course, SimError> {
    let mut sim = simulator.batch(lanes)?;
    let (actions, dim) = (sim.spec().actions.clone(), sim.spec().act_dim());
    let start = |episode: u64| StreamKey::new(seed, Purpose::Reset).episode(episode).stream();
    (0..lanes).for_each(|lane| sim.reset(lane, &mut start(lane as u64)));
    let mut random = StreamKey::new(seed, Purpose::Action).stream();
    let (mut taken, active) = (vec![0.0; lanes * dim], vec![true; lanes]);
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    let names = sim.reward_names().to_vec();
    let unseen = |name| TermSeen { name, mean: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY };
    let mut terms: Vec<TermSeen> = names.into_iter().map(unseen).collect();
    let mut values = vec![0.0; terms.len()];
    let (mut sum, mut sound, mut ended) = (0.0, 0_u64, 0_u64);
    let (mut episodes, mut ages, mut diverged) = (lanes as u64, vec![0_u32; lanes], None);
    for _ in 0..steps {
        for action in taken.chunks_mut(dim) {
            actions.draw(|low, high| random.uniform(low, high), action);
            if let (true, ActionSpace::Continuous { low, high }) = (idle, &actions) {
                let ends = low.iter().zip(high);
                action.iter_mut().zip(ends).for_each(|(a, (low, high))| *a = 0.0_f64.clamp(*low, *high));
            }
        }
        sim.step(&taken, &active, &mut rewards, &mut outcomes);
        for lane in 0..lanes {
            ages[lane] += 1;
            if let Outcome::Diverged(why) = outcomes[lane] {
                let reason = || sim.complaint(lane).unwrap_or_else(|| why.to_string());
                diverged.get_or_insert_with(|| (reason(), ages[lane]));
            } else {
                sim.reward_terms(lane, &mut values);
                for (term, value) in terms.iter_mut().zip(&values) {
                    term.mean += value;
                    (term.least, term.most) = (term.least.min(*value), term.most.max(*value));
                }
                (sum, sound) = (sum + rewards[lane], sound + 1);
                ended += u64::from(outcomes[lane] == Outcome::Terminated);
            }
            if outcomes[lane].is_over() {
                sim.reset(lane, &mut start(episodes));
                (episodes, ages[lane]) = (episodes + 1, 0);
            }
        }
    }
    let steps = u64::from(steps) * lanes as u64;
    let per_step = 1.0 / sound.max(1) as f64;
    terms.iter_mut().for_each(|term| term.mean *= per_step);
    Ok(Course {
        terms,
        reward: sum * per_step,
        length: steps as f64 / episodes as f64,
        ended: ended as f64 / episodes as f64,
        steps,
        diverged,
    })
}

/// A reward whose parts are this much larger than their sum is one that fights itself.
const FIGHT: f64 = 10.0;

/// What in the rewards of two courses, one of random actions and one of none, is likely to teach something else than was meant:
/// a sentence each.
pub fn doubts(random: &Course, idle: &Course) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some((reason, step)) = random.diverged.as_ref().or(idle.diverged.as_ref()) {
        doubts.push(format!("an episode broke down at its step {step}: {reason}"));
    }
    for term in random.terms.iter().filter(|term| term.least == 0.0 && term.most == 0.0) {
        doubts.push(format!("`{}` was 0 in every step: chance never meets what it pays for", term.name));
    }
    let part = |positive: bool| {
        let of = random.terms.iter().filter(|term| (term.mean > 0.0) == positive && term.mean != 0.0);
        let largest = of.max_by(|a, b| a.mean.abs().total_cmp(&b.mean.abs()));
        largest.map(|term| (term.name.as_str(), term.mean))
    };
    if let (Some((for_it, gain)), Some((against, loss))) = (part(true), part(false))
        && gain.min(-loss) > FIGHT * random.reward.abs()
    {
        doubts.push(format!(
            "the terms fight: under random actions `{for_it}` earns {gain:.3} and `{against}` {loss:.3} a step, and little is left"
        ));
    }
    if random.reward < 0.0 && random.ended > 0.0 {
        doubts.push(format!(
            "a step costs {:.3} on average, and an episode may end: to end it soon pays more than to go on",
            -random.reward
        ));
    }
    let lasts = idle.ended == 0.0 && idle.diverged.is_none();
    if lasts && idle.reward > 0.0 && idle.reward >= random.reward && idle.length > random.length {
        doubts.push(format!(
            "whoever does nothing earns {:.3} a step and never ends an episode, chance {:.3}: a policy may learn to stand still",
            idle.reward, random.reward
        ));
    }
    doubts
}
