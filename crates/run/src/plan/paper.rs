//! `--paper`: Algorithm 1 as the paper prints it. What the paper says is fixed, what it leaves open is chosen here, the same
//! for every task wherever that is possible; `docs/methods/paper.md` has every option with its reason.

use toml::Value;

use super::layers::Complaint;
use super::{Algorithm, Plan};

/// Transitions of an update (Appendix B.1).
const TRANSITIONS: std::ops::RangeInclusive<usize> = 5_000..=10_000;

/// The options that the paper fixes.
pub(super) fn fixed() -> Vec<(&'static str, Value)> {
    vec![
        // Algorithm 1: PPO against the worst dynamics in the ball, a turn for every update, each from the reference.
        ("learner", "ppo".into()),
        ("adversary.kind", "wasserstein".into()),
        ("adversary.every", 1.into()),
        ("adversary.phase_one.search", "gradient".into()),
        ("adversary.phase_one.start", "reference".into()),
        ("adversary.phase_one.starts", 1.into()),
        ("adversary.epsilon_ramp", 0.0.into()),
        ("adversary.worst_cases", 1.into()),
        ("adversary.nominal_share", 0.0.into()),
        ("adversary.uniform_share", 0.0.into()),
        ("adversary.random_actions", 0.0.into()),
        // Propositions 1 and 2, on the discounted return of eq. 2 and the distance of eq. 7.
        ("adversary.phase_one.gradient.estimator", "average".into()),
        ("adversary.return_discount", 0.99.into()),
        ("ball.measure", "taylor".into()),
        ("ball.hessian", "zero-order".into()),
        ("ball.transport", "gaussian".into()),
        ("ball.state_weights", "unit".into()),
        // Appendix B.1: networks, and PPO with the options that Schulman et al. 2017 print for MuJoCo.
        ("policy.history", 0.into()),
        ("ppo.hidden", Value::Array(vec![64.into(), 64.into()])),
        ("ppo.episodes", 0.into()),
        ("ppo.critic_sees_dynamics", false.into()),
        ("ppo.epochs", 10.into()),
        ("ppo.learning_rate", 3e-4.into()),
        ("ppo.anneal", false.into()),
        ("ppo.gamma", 0.99.into()),
        ("ppo.lambda", 0.95.into()),
        ("ppo.clip", 0.2.into()),
        ("ppo.entropy", 0.0.into()),
    ]
}

/// What the paper leaves open or to the application, where the choice differs from the usual preset's; a task may choose
/// otherwise (its values for `wr2l-paper`).
pub(super) fn chosen() -> Vec<(&'static str, Value)> {
    vec![
        ("steps", 3_000_000.into()),
        // 8,192 transitions, in minibatches of the 64 of Schulman et al. 2017.
        ("ppo.lanes", 8.into()),
        ("ppo.horizon", 1024.into()),
        ("ppo.minibatches", 128.into()),
        ("ppo.initial_std", 1.0.into()),
        // Training ends when the entropy of the policy, in nats, falls below this (Appendix B.1: "application-dependent"):
        // where the deviations of all actions are about a quarter of the first ones.
        ("stop.entropy_below", 0.0.into()),
    ]
}

impl Plan {
    /// What in the plan is not the paper's, if it calls itself so.
    pub(super) fn departs_from_the_paper(&self) -> Option<Complaint> {
        if self.algorithm != Algorithm::Wr2lPaper {
            return None;
        }
        let table = self.to_table();
        let other = fixed().into_iter().find(|(key, value)| super::keys::lookup(&table, key) != Some(value));
        if let Some((key, value)) = other {
            let message = format!(
                "the paper has {value}, which `--paper` keeps; `--algorithm wr2l` takes other values"
            );
            return Some(Complaint::new(key, message));
        }
        let learner = self.learner.options();
        let transitions = learner.lanes() * learner.horizon();
        (!TRANSITIONS.contains(&transitions)).then(|| {
            let message = format!(
                "`ppo.lanes` × `ppo.horizon` is {transitions}; the paper collects 5,000 to 10,000 transitions for an \
                 update"
            );
            Complaint::new("ppo.horizon", message)
        })
    }
}
