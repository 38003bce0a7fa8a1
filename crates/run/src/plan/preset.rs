//! The named algorithms: each a preset of learner and adversary, tuned to the task where the task needs it.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use wr2l_robust::BallConfig;
use wr2l_sim::{AnyTask, SweepRange};

use super::authors::by_authors;
use super::chosen::usual_lane_steps;
use super::keys::{nested, overlay};
use super::sheet::{ADVERSARY, Sheet, lay};
use super::{AdversaryPlan, LearnerPlan, Plan, PolicyPlan, Report, Stop, paper};
use crate::players::kinds::{AdversaryKind, LearnerKind};
use crate::players::learner::LearnerRow;
use crate::players::{ADVERSARIES, LEARNERS};
use crate::task::TaskRef;

/// Steps of a run, where neither a task nor anybody else says how many.
const USUAL_STEPS: u64 = 1_000_000;

/// A named algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// PPO at the reference dynamics.
    Ppo,
    /// PPO, every episode under dynamics uniform in the ball (the paper's "PPO mean").
    PpoUniform,
    /// PPO under random points of the ball's boundary: the control for what the search adds.
    PpoBoundary,
    /// Wasserstein Robust Reinforcement Learning, with one worst case at a time.
    Wr2l,
    /// The same with several worst cases at once, beside the reference.
    #[default]
    Wr2lPopulation,
    /// The same as the paper prints it: `--paper`.
    Wr2lPaper,
    /// TRPO at the reference dynamics.
    Trpo,
    /// DDPG at the reference dynamics.
    Ddpg,
    /// TD3 at the reference dynamics.
    Td3,
    /// EPOpt (Rajeswaran et al. 2017): PPO on the worst episodes under dynamics uniform in the ball.
    Epopt,
    /// Robust adversarial reinforcement learning (Pinto et al. 2017): TRPO, pushed by a second policy.
    Rarl,
    /// PR-MDP (Tessler et al. 2019): DDPG, whose actions a second policy replaces now and then.
    PrMdp,
    /// NR-MDP (Tessler et al. 2019): DDPG, into whose actions a second policy's blend.
    NrMdp,
    /// RARL by its authors' numbers.
    RarlAuthors,
    /// PR-MDP by its authors' numbers.
    PrMdpAuthors,
    /// NR-MDP by its authors' numbers.
    NrMdpAuthors,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Ppo,
        Self::PpoUniform,
        Self::PpoBoundary,
        Self::Wr2l,
        Self::Wr2lPopulation,
        Self::Wr2lPaper,
        Self::Trpo,
        Self::Ddpg,
        Self::Td3,
        Self::Epopt,
        Self::Rarl,
        Self::PrMdp,
        Self::NrMdp,
        Self::RarlAuthors,
        Self::PrMdpAuthors,
        Self::NrMdpAuthors,
    ];

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ppo => "ppo",
            Self::PpoUniform => "ppo-uniform",
            Self::PpoBoundary => "ppo-boundary",
            Self::Wr2l => "wr2l",
            Self::Wr2lPopulation => "wr2l-population",
            Self::Wr2lPaper => "wr2l-paper",
            Self::Trpo => "trpo",
            Self::Ddpg => "ddpg",
            Self::Td3 => "td3",
            Self::Epopt => "epopt",
            Self::Rarl => "rarl",
            Self::PrMdp => "pr-mdp",
            Self::NrMdp => "nr-mdp",
            Self::RarlAuthors => "rarl-authors",
            Self::PrMdpAuthors => "pr-mdp-authors",
            Self::NrMdpAuthors => "nr-mdp-authors",
        }
    }

    /// Who plays.
    pub fn players(self) -> (LearnerKind, AdversaryKind) {
        let (learner, adversary) = match self {
            Self::Ppo => ("ppo", "nominal"),
            Self::PpoUniform => ("ppo", "uniform"),
            Self::PpoBoundary => ("ppo", "boundary"),
            Self::Wr2l | Self::Wr2lPaper => ("ppo", "wasserstein"),
            Self::Wr2lPopulation => ("ppo", "population"),
            Self::Trpo => ("trpo", "nominal"),
            Self::Ddpg => ("ddpg", "nominal"),
            Self::Td3 => ("td3", "nominal"),
            Self::Epopt => ("ppo", "cvar"),
            Self::Rarl | Self::RarlAuthors => ("trpo", "force"),
            Self::PrMdp | Self::NrMdp | Self::PrMdpAuthors | Self::NrMdpAuthors => ("ddpg", "action"),
        };
        let known = "the players of every preset have rows";
        (LearnerKind::named(learner).expect(known), AdversaryKind::named(adversary).expect(known))
    }

    /// The preset whose defaults fit a learner and an adversary of these names best: that of both, else that of the
    /// adversary, else plain WR²L.
    pub(super) fn of(learner: Option<&str>, adversary: &str) -> Self {
        let plays = |preset: &Self| preset.players().1.as_str() == adversary;
        let both = |preset: &Self| plays(preset) && learner == Some(preset.players().0.as_str());
        let find = |fits: &dyn Fn(&Self) -> bool| Self::ALL.into_iter().find(|preset| fits(preset));
        find(&both).or_else(|| find(&plays)).unwrap_or(Self::Wr2l)
    }

    /// The preset of a plan that names neither an algorithm nor an adversary, and who plays against its learner: whom the
    /// task names, else the default's; with another learner than the default's, which was not measured with it, plain WR²L's.
    pub(super) fn usual(task: &dyn AnyTask, learner: Option<LearnerKind>) -> (Self, AdversaryKind) {
        let (own, _) = Self::default().players();
        let learner = learner.unwrap_or(own);
        let mut of_learner = task
            .usual()
            .iter()
            .filter(|usual| usual.learner.as_deref().is_none_or(|one| one == learner.as_str()));
        let named =
            of_learner.find_map(|usual| usual.set.get(KIND)?.clone().try_into::<AdversaryKind>().ok());
        match named {
            Some(adversary) => (Self::of(Some(learner.as_str()), adversary.as_str()), adversary),
            None => {
                let preset = if learner == own { Self::default() } else { Self::Wr2l };
                (preset, preset.players().1)
            }
        }
    }
}

/// The key that names the adversary. A task's usual value counts where nobody is named; a preset is one's own.
const KIND: &str = "adversary.kind";

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Plan {
    /// The defaults of `algorithm` on `task`.
    #[cfg(test)]
    pub(super) fn preset(algorithm: Algorithm, task: wr2l_sim::TaskName) -> Self {
        Self::preset_for(algorithm, None, None, &task.into(), None)
    }

    /// The plan of the [`defaults`].
    pub(super) fn preset_for(
        algorithm: Algorithm,
        learner: Option<LearnerKind>,
        adversary: Option<AdversaryKind>,
        task: &TaskRef,
        steps: Option<u64>,
    ) -> Self {
        let sheet = Sheet::read(&defaults(algorithm, learner, adversary, task, steps));
        sheet.map(|sheet| sheet.plan).map_err(|complaint| complaint.message).expect("defaults are a plan")
    }
}

/// The defaults of `algorithm` on `task`, with the options of everybody, where somebody may have named the learner, the
/// adversary or the steps, so that the others' defaults fit them. The steps of the plan are the preset's.
pub(super) fn defaults(
    algorithm: Algorithm,
    learner: Option<LearnerKind>,
    adversary: Option<AdversaryKind>,
    task: &TaskRef,
    steps: Option<u64>,
) -> Table {
    let (usual_learner, usual_adversary) = algorithm.players();
    let learner = learner.unwrap_or(usual_learner);
    let adversary = adversary.unwrap_or(usual_adversary);
    if algorithm == Algorithm::Wr2lPaper {
        // With all that the paper fixes, and what is chosen where it is open.
        let mut plan = defaults(Algorithm::Wr2l, Some(learner), Some(adversary), task, steps);
        let own = [("algorithm", Algorithm::Wr2lPaper.as_str().into())];
        set(&mut plan, own.into_iter().chain(paper::fixed()).chain(paper::chosen()));
        let (learner, _) = algorithm.players();
        lay_usual(&mut plan, algorithm, learner, task, true);
        return plan;
    }
    let steps = steps.unwrap_or(USUAL_STEPS);
    let usual = |row: &LearnerRow| (row.usual)(steps);
    let plan = Plan {
        algorithm,
        learner: LearnerPlan::of(usual(learner.row())),
        task: task.clone(),
        task_hash: task.hash(),
        physics: task.physics()[0],
        instructions: None,
        // Who does not play in the ball trains in the untouched reference model, as the published returns were
        // obtained; for the others it is the task that says what varies.
        vary: Vec::new(),
        seed: 0,
        steps: USUAL_STEPS,
        from: None,
        stop: Stop { entropy_below: f64::NEG_INFINITY },
        adversary: AdversaryPlan {
            lane_steps: usual_lane_steps() * learner.row().lane_steps_factor,
            every: None,
            random_actions: 0.0,
            options: (adversary.row().usual)(steps),
        },
        ball: BallConfig::default(),
        policy: PolicyPlan::default(),
        report: Report { sweep: usual_sweep(&**task, 15, 5), episodes: 5 },
    };
    let mut plan = plan.to_table();
    LEARNERS.iter().for_each(|row| lay(&mut plan, row.name, usual(row).table()));
    ADVERSARIES.iter().for_each(|row| lay(&mut plan, ADVERSARY, (row.usual)(steps).table()));
    set(&mut plan, (usual_adversary.row().presets)());
    set(&mut plan, (adversary.row().opposition)());
    if matches!(algorithm, Algorithm::NrMdp | Algorithm::NrMdpAuthors) {
        set(&mut plan, [("adversary.action.mode", "blend".into())]);
    }
    lay_usual(&mut plan, algorithm, learner, task, false);
    by_authors(&mut plan, algorithm);
    lay_usual(&mut plan, algorithm, learner, task, true);
    plan
}

/// Sets options, by their dotted keys.
fn set<'a>(plan: &mut Table, values: impl IntoIterator<Item = (&'a str, Value)>) {
    values.into_iter().for_each(|(key, value)| overlay(plan, &nested(key, value)));
}

/// Sets what is usual on the task, of the values that are tied to a preset, or of the others.
fn lay_usual(plan: &mut Table, algorithm: Algorithm, learner: LearnerKind, task: &TaskRef, tied: bool) {
    let (_, adversary) = algorithm.players();
    let holds = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
    for usual in task.usual() {
        let counts = usual.algorithm.is_some() == tied
            && holds(&usual.algorithm, algorithm.as_str())
            && holds(&usual.learner, learner.as_str())
            && holds(&usual.adversary, adversary.as_str())
            && usual.varies.is_none_or(|varies| varies == adversary.needs_ball());
        if counts {
            let values = usual.set.iter().filter(|(key, _)| key.as_str() != KIND);
            set(plan, values.map(|(key, value)| (key.as_str(), value.clone())));
        }
    }
}

/// The sweep that shows a task's robustness: `curve` points where one parameter matters, `side` points of each where
/// several do.
pub fn usual_sweep(task: &dyn AnyTask, curve: usize, side: usize) -> Vec<String> {
    let sweep = task.sweep();
    let points = if sweep.len() > 1 { side } else { curve };
    let axis = |axis: &SweepRange| format!("{}={}:{}:{points}", axis.parameter, axis.range[0], axis.range[1]);
    sweep.iter().map(axis).collect()
}
