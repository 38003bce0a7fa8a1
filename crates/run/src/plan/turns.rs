//! How often the adversary moves, and that no choice of lanes makes it move so often that nothing is learnt.
//!
//! When it moves, every lane drops its episode and begins another. The same steps between two turns are fewer on each of
//! many lanes: at 128 a lane the Hopper never saw a second stride, and learnt to stand still. So turns are counted in
//! steps of a lane.

use super::Plan;
use super::keys::lookup;
use super::layers::{Complaint, Layer};

/// The longest episode, over this, is what a lane must have between two turns: several times the steps that a discount of
/// 0.995 looks ahead, so that what comes later in an episode has been seen.
const EPISODE_SHARE: u64 = 2;
/// However short a run is, so many turns are in order.
const TURNS: u64 = 4;

impl Plan {
    /// Policy steps, of all lanes together, between two turns of the adversary.
    pub(crate) fn steps_between_turns(&self) -> u64 {
        let lanes = self.learner.options().lanes() as u64;
        self.adversary.every.unwrap_or_else(|| self.adversary.lane_steps.saturating_mul(lanes))
    }

    /// What to say if the adversary moves before a lane has seen enough of an episode.
    fn moves_too_often(&self) -> Option<Complaint> {
        let learner = self.learner.options();
        // Whoever leaves the dynamics alone cuts no episode, and batches of whole episodes have none that could be cut.
        if !self.takes_turns() || !self.adversary.kind().needs_ball() || learner.episodes() > 0 {
            return None;
        }
        let lanes = learner.lanes() as u64;
        // A turn comes between two batches.
        let has = (self.steps_between_turns() / lanes).max(learner.horizon() as u64);
        let limit = u64::from(self.task.spec().episode_limit);
        let needs = (limit / EPISODE_SHARE).min(self.steps / (TURNS * lanes));
        let key = if self.adversary.every.is_some() { "adversary.every" } else { "adversary.lane_steps" };
        (has < needs).then(|| {
            let message = format!(
                "each of the {lanes} lanes would have {has} steps between two moves of the adversary, which cut its \
                 episodes, of up to {limit} steps, short: it needs {needs} to learn from, so set \
                 `adversary.lane_steps` to that or more"
            );
            Complaint::new(key, message)
        })
    }

    /// The same, and the layer that is to blame. A file of a whole run is not: what it says was done, and can be again.
    pub(super) fn refuses_its_turns<'a>(
        &self,
        layers: impl DoubleEndedIterator<Item = (&'a Layer, bool)>,
    ) -> Option<(Option<&'a Layer>, Complaint)> {
        let complaint = self.moves_too_often()?;
        let of_learner =
            ["lanes", "horizon", "episodes"].map(|key| format!("{}.{key}", self.learner.as_str()));
        let mut keys = vec!["adversary.every", "adversary.lane_steps"];
        keys.extend(of_learner.iter().map(String::as_str));
        let blamed =
            layers.rev().find(|(layer, _)| keys.iter().any(|key| lookup(layer.table(), key).is_some()));
        match blamed {
            Some((_, true)) => None,
            Some((layer, false)) => Some((Some(layer), complaint)),
            None => Some((None, complaint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::SettingError;

    fn with(settings: &[&str]) -> Result<Plan, SettingError> {
        Plan::resolve(&settings.iter().map(|setting| Layer::set(setting).unwrap()).collect::<Vec<_>>())
    }

    fn between(settings: &[&str]) -> u64 {
        with(&[&["task=hopper"], settings].concat()).unwrap().steps_between_turns()
    }

    #[test]
    fn a_lane_has_as_many_steps_between_two_turns_however_many_there_are() {
        assert_eq!(between(&["ppo.lanes=8"]), 8_192);
        assert_eq!(between(&["ppo.lanes=64"]), 65_536);
        assert_eq!(between(&["ppo.lanes=64", "adversary.lane_steps=2000"]), 128_000);
        for learner in ["trpo", "td3", "ddpg"] {
            let learner = format!("learner={learner}");
            assert_eq!(between(&["algorithm=wr2l", &learner]), 8_192, "as in version 0.1");
        }
        assert_eq!(between(&["algorithm=rarl", "adversary.lane_steps=1"]), 8);
        // Counted together they stay what they are, and each replaces the other.
        assert_eq!(between(&["ppo.lanes=8", "adversary.every=5000"]), 5_000);
        assert_eq!(between(&["ppo.lanes=8", "adversary.every=5000", "adversary.lane_steps=700"]), 5_600);
        let written = with(&["task=hopper", "adversary.every=9000"]).unwrap().to_toml();
        assert!(written.contains("every = 9000") && !written.contains("lane_steps"), "{written}");
        let written = with(&["task=hopper"]).unwrap().to_toml();
        assert!(!written.contains("\nevery") && written.contains("lane_steps = 1024"), "{written}");
    }

    #[test]
    fn turns_that_would_cut_all_episodes_short_are_refused_by_name() {
        let refused = |settings: &[&str]| {
            let layers = [&["task=hopper", "ppo.horizon=128"], settings].concat();
            with(&layers).err().map(|error| error.to_string())
        };
        let message = refused(&["ppo.lanes=64", "adversary.every=8192"]).unwrap();
        assert!(
            message.starts_with(
                "--set adversary.every=8192: `adversary.every`: each of the 64 lanes would have 128 steps"
            ) && message.contains("it needs 500"),
            "{message}"
        );
        // Whoever came last is to blame.
        let message = refused(&["adversary.every=8192", "ppo.lanes=64"]).unwrap();
        assert!(message.starts_with("--set ppo.lanes=64: "), "{message}");
        assert!(refused(&["ppo.lanes=64", "adversary.lane_steps=499"]).unwrap().contains("lane_steps=499"));
        assert_eq!(refused(&["ppo.lanes=64", "adversary.lane_steps=500"]), None);
        assert_eq!(refused(&["ppo.lanes=64", "adversary.every=32000"]), None);
        // A turn comes between two batches, and a short run has some as well.
        assert_eq!(refused(&["ppo.lanes=64", "ppo.horizon=500", "adversary.lane_steps=1"]), None);
        assert_eq!(refused(&["steps=64000", "ppo.lanes=64", "adversary.lane_steps=250"]), None);
        assert!(refused(&["steps=64000", "ppo.lanes=64", "adversary.lane_steps=249"]).is_some());
        // Who does not move the dynamics, or cuts no episode, may do so whenever they want.
        for other in ["algorithm=ppo-uniform", "algorithm=ppo"] {
            assert!(with(&["task=hopper", other, "ppo.horizon=32", "ppo.minibatches=4"]).is_ok(), "{other}");
        }
        assert!(with(&["task=hopper", "algorithm=rarl", "adversary.lane_steps=1"]).is_ok());
        assert_eq!(refused(&["ppo.episodes=20", "adversary.lane_steps=1"]), None);
        let ramp = ["algorithm=ppo-uniform", "adversary.epsilon_ramp=0.5", "adversary.lane_steps=1"];
        assert!(refused(&ramp).is_some(), "a ball that grows moves all");
    }

    #[test]
    fn a_plan_of_version_0_1_keeps_its_turns_however_short() {
        let mut table =
            with(&["task=hopper", "algorithm=wr2l", "ppo.lanes=64", "ppo.horizon=128"]).unwrap().to_table();
        let adversary = table["adversary"].as_table_mut().unwrap();
        adversary.remove("lane_steps");
        adversary.insert("every".into(), 8_192.into());
        let file = Layer::text(Path::new("plan.toml"), toml::to_string(&table).unwrap()).unwrap();
        let plan = Plan::resolve(std::slice::from_ref(&file)).unwrap();
        assert_eq!((plan.steps_between_turns(), plan.adversary.every), (8_192, Some(8_192)));
        assert_eq!(Plan::resolve(&[file.clone(), Layer::set("seed=3").unwrap()]).unwrap().seed, 3);
        assert!(Plan::resolve(&[file, Layer::set("ppo.horizon=64").unwrap()]).is_err());
    }
}
