//! What stops a run rather than let it go on with numbers that mean nothing, and what it warns of.

use wr2l_rl::{Actor, Begin, Improvement, Selection, Skip};

use crate::training::counters::{Counters, mean_over_sound};
use wr2l_sim::Simulator;

/// Share of training episodes that may diverge without a warning.
const DIVERGED: f64 = 0.01;
/// Episodes before the share means anything.
const EPISODES: u64 = 100;

/// What in an iteration, or in the policy after it, had to be finite and was not.
///
/// Learners look at their advantages, gradients and parameters themselves and fail before they use them; this is the
/// same for every learner.
pub(crate) fn not_finite(done: &Improvement, actor: &Actor) -> Option<String> {
    // A learner that has left its policy as it was has also said why.
    let learnt = done.skipped.is_none();
    let losses = [
        ("the policy loss", done.policy_loss),
        ("the value loss", done.value_loss),
        ("the norm of the gradient", done.gradient_norm),
    ];
    for (what, value) in losses.into_iter().filter(|_| learnt) {
        if !value.is_finite() {
            return Some(format!("{what} is {value}"));
        }
    }
    let ret = mean_over_sound(&done.finished, |episode| episode.ret);
    if !ret.is_finite() && done.finished.len() as u64 > u64::from(done.diverged) {
        return Some(format!("the mean return is {ret}"));
    }
    let weight = actor.params().iter().position(|weight| !weight.is_finite());
    if let Some(at) = weight {
        return Some(format!("parameter {at} of the policy is {}", actor.params()[at]));
    }
    let normaliser = actor.normaliser();
    let broken = normaliser.mean().iter().chain(normaliser.inverse_deviation()).any(|x| !x.is_finite());
    broken.then(|| "the observation normaliser is not finite".to_owned())
}

/// A warning, if the learner met numbers that are not finite and therefore left everything as it was.
pub(crate) fn learnt_nothing(done: &Improvement, iteration: u64) -> Option<String> {
    (done.skipped == Some(Skip::NotFinite)).then(|| {
        format!(
            "nothing was learnt in iteration {iteration}: an advantage, a value target or the gradient was not finite; \
             the policy is as before"
        )
    })
}

/// A warning, if the physics diverges more often than can be passed over: once, as soon as that can be told.
pub(crate) fn watch(course: &mut Counters, simulator: &Simulator) -> Option<String> {
    if course.warned || course.episodes < EPISODES {
        return None;
    }
    let warning = diverging(course, simulator.physics(), simulator.task())?;
    course.warned = true;
    Some(warning)
}

/// The same at the end of a run, however short it was.
pub(crate) fn diverging(course: &Counters, physics: &str, task: &str) -> Option<String> {
    let share = course.diverged_in_training as f64 / course.episodes as f64;
    (share > DIVERGED).then(|| {
        format!(
            "the physics `{physics}` of task `{task}` diverged in {} of {} training episodes ({:.1} %): nothing is learnt where \
             it does, so do not trust returns there; narrow what varies, or try another physics",
            course.diverged_in_training,
            course.episodes,
            100.0 * share,
        )
    })
}

/// A warning, if a run of so many iterations is over before the selection of its episodes began.
pub(crate) fn never_selected(selection: &Selection, iterations: u64) -> Option<String> {
    let Begin::Iteration(first) = selection.begin else { return None };
    (selection.chooses() && iterations <= first).then(|| {
        format!(
            "the worst episodes were never selected: `adversary.cvar.after` is {first} iterations, and the run had \
             {iterations}; `adversary.cvar.begin` counts in shares of the step budget"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Layer, Plan};
    use wr2l_nn::{Normaliser, Policy};
    use wr2l_rl::FinishedEpisode;
    use wr2l_sim::{ActionSpace, Divergence, Outcome};

    fn plan() -> Plan {
        Plan::resolve(&[Layer::argument("", "task", "cartpole")]).unwrap()
    }

    fn actor() -> Actor {
        let policy = Policy::categorical(4, &[3], 2).unwrap();
        let params = vec![0.0; policy.parameters()];
        Actor::new(policy, params, Normaliser::identity(4), ActionSpace::Discrete { n: 2 }).unwrap()
    }

    fn episode(ret: f64, outcome: Outcome) -> FinishedEpisode {
        FinishedEpisode { ret, length: 1, outcome }
    }

    #[test]
    fn every_number_that_must_be_finite_stops_a_run_and_no_other() {
        let actor = actor();
        let sound = Improvement { explained_variance: f64::NEG_INFINITY, ..Improvement::default() };
        assert_eq!(not_finite(&sound, &actor), None);
        for value in [f64::NAN, f64::INFINITY] {
            for broken in [
                Improvement { policy_loss: value, ..sound.clone() },
                Improvement { value_loss: value, ..sound.clone() },
                Improvement { gradient_norm: value, ..sound.clone() },
                Improvement { finished: vec![episode(value, Outcome::Terminated)], ..sound.clone() },
            ] {
                assert!(not_finite(&broken, &actor).is_some(), "{broken:?}");
            }
            let diverged = episode(value, Outcome::Diverged(Divergence::State));
            let diverged = Improvement { finished: vec![diverged], diverged: 1, ..sound.clone() };
            assert_eq!(not_finite(&diverged, &actor), None);
            let warming = Improvement { policy_loss: value, skipped: Some(Skip::WarmUp), ..sound.clone() };
            assert_eq!(not_finite(&warming, &actor), None);
            let left = Improvement { gradient_norm: value, skipped: Some(Skip::NotFinite), ..sound.clone() };
            assert_eq!(not_finite(&left, &actor), None, "the policy was left alone");
            assert!(learnt_nothing(&left, 7).unwrap().contains("iteration 7"));
        }
    }

    #[test]
    fn the_watchdog_barks_once_above_one_percent_and_names_the_simulator() {
        let simulator = plan().simulator().unwrap();
        let course =
            |diverged_in_training, episodes| Counters { diverged_in_training, episodes, ..Counters::new(0) };
        assert_eq!(watch(&mut course(1, 100), &simulator), None);
        assert_eq!(watch(&mut course(9, 99), &simulator), None, "too early to tell");
        assert_eq!(diverging(&course(0, 0), "classic", "cartpole"), None);
        let mut bad = course(2, 100);
        let warning = watch(&mut bad, &simulator).unwrap();
        assert!(
            warning.contains("`classic`") && warning.contains("2 of 100") && warning.contains("2.0 %"),
            "{warning}"
        );
        assert_eq!(watch(&mut bad, &simulator), None);
        assert!(diverging(&course(1, 3), "classic", "cartpole").is_some());
    }
}
