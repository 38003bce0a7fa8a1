//! The named algorithms: each a preset of learner and adversary, tuned to the task where the task needs it.

use serde::{Deserialize, Serialize};
use toml::Value;
use wr2l_rl::{DdpgConfig, PpoConfig, TrpoConfig};
use wr2l_robust::adversary::{ActionConfig, CvarConfig, ForceConfig, Mode, RegionConfig};
use wr2l_robust::gradient::Gradient;
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{AdversaryConfig, BallConfig};
use wr2l_sim::{AnyTask, SweepRange};

use super::keys::{nested, overlay};
use super::shape::shaped;
use super::{
    AdversaryKind, AdversaryPlan, LearnerKind, Plan, PolicyPlan, Report, Stop, paper, usual_lane_steps,
};
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
    /// Wasserstein Robust Reinforcement Learning.
    #[default]
    Wr2l,
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
    pub const ALL: [Self; 15] = [
        Self::Ppo,
        Self::PpoUniform,
        Self::PpoBoundary,
        Self::Wr2l,
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
        match self {
            Self::Ppo => (LearnerKind::Ppo, AdversaryKind::Nominal),
            Self::PpoUniform => (LearnerKind::Ppo, AdversaryKind::Uniform),
            Self::PpoBoundary => (LearnerKind::Ppo, AdversaryKind::Boundary),
            Self::Wr2l | Self::Wr2lPaper => (LearnerKind::Ppo, AdversaryKind::Wasserstein),
            Self::Trpo => (LearnerKind::Trpo, AdversaryKind::Nominal),
            Self::Ddpg => (LearnerKind::Ddpg, AdversaryKind::Nominal),
            Self::Td3 => (LearnerKind::Td3, AdversaryKind::Nominal),
            Self::Epopt => (LearnerKind::Ppo, AdversaryKind::Cvar),
            Self::Rarl | Self::RarlAuthors => (LearnerKind::Trpo, AdversaryKind::Force),
            Self::PrMdp | Self::NrMdp | Self::PrMdpAuthors | Self::NrMdpAuthors => {
                (LearnerKind::Ddpg, AdversaryKind::Action)
            }
        }
    }

    /// The preset whose defaults fit a learner and an adversary of these names best: that of both, else that of the
    /// adversary, else the default.
    pub(super) fn of(learner: Option<&str>, adversary: Option<&str>) -> Self {
        let Some(adversary) = adversary else { return Self::default() };
        let plays = |preset: &Self| preset.players().1.as_str() == adversary;
        let both = |preset: &Self| plays(preset) && learner == Some(preset.players().0.as_str());
        let find = |fits: &dyn Fn(&Self) -> bool| Self::ALL.into_iter().find(|preset| fits(preset));
        find(&both).or_else(|| find(&plays)).unwrap_or_default()
    }
}

/// Who plays where neither an algorithm nor an adversary is named, if not the default preset's.
pub(super) fn usual_adversary(task: &dyn AnyTask, learner: Option<LearnerKind>) -> Option<AdversaryKind> {
    let learner = learner.unwrap_or(LearnerKind::Ppo).as_str();
    let mut of_learner = task.usual().iter().filter(|usual| usual.learner.as_deref() == Some(learner));
    of_learner.find_map(|usual| usual.set.get(ADVERSARY)?.clone().try_into().ok())
}

/// The key that names the adversary. A task's usual value counts where nobody is named; a preset is one's own.
const ADVERSARY: &str = "adversary.kind";

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

    /// The plan with all that the paper fixes, and what is chosen where it is open.
    fn changed_to_the_papers(self) -> Self {
        let own = [("algorithm", Algorithm::Wr2lPaper.as_str().into())];
        let values = own.into_iter().chain(paper::fixed()).chain(paper::chosen());
        let values = values.map(|(key, value)| (key.to_owned(), value)).collect::<Vec<_>>();
        self.with(values)
    }

    /// The plan with these values of its own options.
    fn with(self, values: impl IntoIterator<Item = (String, Value)>) -> Self {
        let mut table = self.to_table();
        for (key, value) in values {
            overlay(&mut table, &nested(&key, value));
        }
        table.try_into().expect("a plan with other values of its own options")
    }

    /// The plan with what is usual on its task, of the values that are tied to a preset, or of the others.
    fn with_the_usual(self, algorithm: Algorithm, tied: bool) -> Self {
        let (learner, adversary) = (self.learner, algorithm.players().1);
        let holds = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
        let mut values = Vec::new();
        for usual in self.task.usual() {
            let counts = usual.algorithm.is_some() == tied
                && holds(&usual.algorithm, algorithm.as_str())
                && holds(&usual.learner, learner.as_str())
                && holds(&usual.adversary, adversary.as_str())
                && usual.varies.is_none_or(|varies| varies == adversary.needs_ball());
            if counts {
                let set = usual.set.iter().filter(|(key, _)| *key != ADVERSARY);
                values.extend(set.map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        self.with(values)
    }

    /// The same where somebody has named the learner, the adversary or the steps, so that the others' defaults fit them. The
    /// plan's steps are the preset's.
    pub(super) fn preset_for(
        algorithm: Algorithm,
        learner: Option<LearnerKind>,
        adversary: Option<AdversaryKind>,
        task: &TaskRef,
        steps: Option<u64>,
    ) -> Self {
        let (usual_learner, kind) = algorithm.players();
        let learner = learner.unwrap_or(usual_learner);
        let adversary = adversary.unwrap_or(kind);
        if algorithm == Algorithm::Wr2lPaper {
            return Self::preset_for(Algorithm::Wr2l, Some(learner), Some(adversary), task, steps)
                .changed_to_the_papers()
                .with_the_usual(algorithm, true);
        }
        Self {
            algorithm,
            learner,
            task: task.clone(),
            task_hash: task.hash(),
            physics: task.physics()[0],
            // Who does not play in the ball trains in the untouched reference model, as the published returns were
            // obtained; for the others it is the task that says what varies.
            vary: Vec::new(),
            seed: 0,
            steps: USUAL_STEPS,
            stop: Stop { entropy_below: f64::NEG_INFINITY },
            adversary: AdversaryPlan {
                action: ActionConfig {
                    mode: match algorithm {
                        Algorithm::NrMdp | Algorithm::NrMdpAuthors => Mode::Blend,
                        _ => Mode::TakeOver,
                    },
                    ..ActionConfig::default()
                },
                kind: adversary,
                ..adversary_plan(kind, learner)
            },
            ball: BallConfig::default(),
            policy: PolicyPlan::default(),
            ppo: PpoConfig {
                // EPOpt's batches are its authors' hundred trajectories.
                episodes: if kind == AdversaryKind::Cvar { 100 } else { 0 },
                // It tells the values of lanes under different dynamics apart.
                critic_sees_dynamics: adversary == AdversaryKind::Population,
                ..shaped(PpoConfig::default(), steps.unwrap_or(USUAL_STEPS))
            },
            trpo: TrpoConfig::default(),
            ddpg: DdpgConfig::default(),
            td3: DdpgConfig::td3(),
            report: Report { sweep: usual_sweep(&**task, 15, 5), episodes: 5 },
        }
        .with_the_usual(algorithm, false)
        .by_authors()
        .with_the_usual(algorithm, true)
    }
}

fn adversary_plan(kind: AdversaryKind, learner: LearnerKind) -> AdversaryPlan {
    let AdversaryConfig {
        epsilon_ramp,
        return_discount,
        worst_cases,
        nominal_share,
        uniform_share,
        phase_one,
        population,
        tail,
        ..
    } = AdversaryConfig::default();
    // A turn costs 2 · pairs · episodes · max_inner episodes, and a line search each. So the adversary takes up to ten
    // times the learner's simulator steps: as much as one waits for, when a turn comes every four iterations.
    let gradient = Gradient { pairs: 16, ..phase_one.gradient };
    // The surrogate takes about as many episodes, and finds the worst where no slope leads to it.
    let phase_one = PhaseOne { search: SearchKind::Surrogate, max_inner: 2, gradient, ..phase_one };
    // Those who push take a turn for every iteration of the learner.
    let lane_steps = match kind {
        AdversaryKind::Force => 1,
        // On half as many lanes: as many turns.
        _ if learner.replays() => 2 * usual_lane_steps(),
        _ => usual_lane_steps(),
    };
    AdversaryPlan {
        kind,
        lane_steps,
        every: None,
        epsilon_ramp,
        episodes: 1,
        return_discount,
        worst_cases,
        nominal_share,
        uniform_share,
        random_actions: 0.0,
        phase_one,
        population,
        tail,
        region: RegionConfig::default(),
        cvar: CvarConfig::default(),
        action: ActionConfig::default(),
        force: ForceConfig::default(),
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
