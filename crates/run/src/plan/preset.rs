//! The named algorithms: each a preset of learner and adversary, tuned to the task where the task needs it.

use serde::{Deserialize, Serialize};
use wr2l_rl::{DdpgConfig, PpoConfig, TrpoConfig};
use wr2l_robust::adversary::{ActionConfig, CvarConfig, ForceConfig, Mode, RegionConfig};
use wr2l_robust::gradient::Gradient;
use wr2l_robust::phase_one::{PhaseOne, SearchKind, Start};
use wr2l_robust::{AdversaryConfig, BallConfig};
use wr2l_sim::{Physics, TaskName};

use super::keys::{nested, overlay};
use super::{AdversaryKind, AdversaryPlan, LearnerKind, Plan, PolicyPlan, Report, Stop, paper};

/// A named algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// PPO at the reference dynamics.
    Ppo,
    /// PPO, every episode under dynamics uniform in the ball (the paper's "PPO mean").
    PpoUniform,
    /// PPO under random points of the ball's boundary: the control for what the gradient adds.
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

/// Who plays where neither an algorithm nor an adversary is named, if not the default preset's: the robot that cannot fall
/// learns more under several worst cases at once than under one.
pub(super) fn usual_adversary(task: TaskName, learner: Option<LearnerKind>) -> Option<AdversaryKind> {
    let ppo = learner.is_none_or(|learner| learner == LearnerKind::Ppo);
    (task == TaskName::HalfCheetah && ppo).then_some(AdversaryKind::Population)
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Plan {
    /// The defaults of `algorithm` on `task`.
    #[cfg(test)]
    pub(super) fn preset(algorithm: Algorithm, task: TaskName) -> Self {
        Self::preset_for(algorithm, None, None, task)
    }

    /// The plan with all that the paper fixes, and what is chosen where it is open.
    fn changed_to_the_papers(self) -> Self {
        let mut table = self.to_table();
        let own = [("algorithm", Algorithm::Wr2lPaper.as_str().into())];
        for (key, value) in own.into_iter().chain(paper::fixed()).chain(paper::chosen(self.task)) {
            overlay(&mut table, &nested(key, value));
        }
        table.try_into().expect("a plan with other values of its own options")
    }

    /// The same where somebody has named the learner or the adversary, so that the others' defaults fit them.
    pub(super) fn preset_for(
        algorithm: Algorithm,
        learner: Option<LearnerKind>,
        adversary: Option<AdversaryKind>,
        task: TaskName,
    ) -> Self {
        let (usual_learner, kind) = algorithm.players();
        let learner = learner.unwrap_or(usual_learner);
        let adversary = adversary.unwrap_or(kind);
        // Who does not play in the ball trains in the untouched reference model, as the published returns were obtained.
        let robust = kind.needs_ball();
        if algorithm == Algorithm::Wr2lPaper {
            return Self::preset_for(Algorithm::Wr2l, Some(learner), Some(adversary), task)
                .changed_to_the_papers();
        }
        let usual: Vec<String> = usual_vary(task).iter().map(|&name| name.to_owned()).collect();
        Self {
            algorithm,
            learner,
            task,
            physics: Physics::available(task)[0],
            vary: if robust { usual } else { Vec::new() },
            seed: 0,
            steps: match task {
                TaskName::CartPole | TaskName::InvertedPendulum => 200_000,
                TaskName::Hopper | TaskName::Walker2d | TaskName::HalfCheetah => 1_000_000,
            },
            stop: Stop { entropy_below: f64::NEG_INFINITY },
            adversary: AdversaryPlan {
                action: ActionConfig {
                    mode: match algorithm {
                        Algorithm::NrMdp | Algorithm::NrMdpAuthors => Mode::Blend,
                        _ => Mode::TakeOver,
                    },
                    ..ActionConfig::default()
                },
                cvar: CvarConfig::default(),
                force: ForceConfig { trpo: trpo(task), ..ForceConfig::default() },
                kind: adversary,
                ..adversary_plan(kind, task)
            },
            ball: ball(task, learner),
            policy: PolicyPlan::default(),
            ppo: PpoConfig {
                episodes: if kind == AdversaryKind::Cvar { trajectories(task) } else { 0 },
                // It tells the values of lanes under different dynamics apart.
                critic_sees_dynamics: adversary == AdversaryKind::Population,
                ..ppo(task, robust)
            },
            trpo: trpo(task),
            ddpg: DdpgConfig::default(),
            td3: DdpgConfig::td3(),
            report: Report { sweep: usual_sweep(task, 15, 5), episodes: 5 },
        }
        .by_authors()
    }
}

fn adversary_plan(kind: AdversaryKind, task: TaskName) -> AdversaryPlan {
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
    let mut phase_one = PhaseOne { search: SearchKind::Surrogate, max_inner: 2, gradient, ..phase_one };
    if task == TaskName::InvertedPendulum {
        // A policy that balances the reference pole balances all that are a tenth longer or shorter, too: there is no
        // gradient to find so near.
        phase_one.gradient.sigma = 0.5;
        phase_one.start = Start::Warm;
    }
    // Those who push take a turn for every iteration of the learner.
    let every = if kind == AdversaryKind::Force { 1 } else { 8_192 };
    AdversaryPlan {
        kind,
        every,
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

/// A radius that a policy can be trained for in the preset's million steps. Larger ones take longer: the Hopper learns in one
/// of 0.1, too, in three million. The smaller tasks' distances are in other units, so theirs is chosen by its effect.
fn ball(task: TaskName, learner: LearnerKind) -> BallConfig {
    let default = BallConfig::default();
    match task {
        TaskName::CartPole | TaskName::InvertedPendulum => BallConfig { half_width: Some(0.5), ..default },
        TaskName::Hopper => BallConfig { epsilon: 0.03, ..default },
        TaskName::Walker2d => BallConfig { epsilon: 1.0, ..default },
        // In the larger one TD3 learnt nothing of use when all parameters varied, and less than in this one when two did.
        TaskName::HalfCheetah if learner.replays() => BallConfig { epsilon: 3.0, ..default },
        // With two parameters 60 has the better worst tenth at less nominal return, with all of them 10 is better.
        TaskName::HalfCheetah => BallConfig { epsilon: 30.0, ..default },
    }
}

/// The published settings; under changing dynamics, where those tend to end standing still on the robots that can fall, a
/// longer horizon, and entropy: as much as keeps the noise of the actions from fading, without which many runs stay on a
/// plateau under the worst dynamics. The robot that cannot fall settles in a slow gait with them, and does not with a
/// shorter horizon and less noise at the start.
fn ppo(task: TaskName, robust: bool) -> PpoConfig {
    let usual = PpoConfig::default();
    let entropy = match task {
        // Twice the Hopper's actions, under the same advantages.
        TaskName::Walker2d if robust => 0.01,
        TaskName::Hopper | TaskName::HalfCheetah if robust => 0.005,
        _ => usual.entropy,
    };
    match task {
        TaskName::Hopper | TaskName::Walker2d if robust => PpoConfig { gamma: 0.995, entropy, ..usual },
        TaskName::HalfCheetah => PpoConfig { gamma: 0.98, entropy, initial_std: 0.3, ..usual },
        _ => usual,
    }
}

/// Trajectories of EPOpt's batches. Its authors' hundred, but where none ever ends before its thousand steps: a million
/// steps would be ten batches.
fn trajectories(task: TaskName) -> usize {
    if task == TaskName::HalfCheetah { 20 } else { 100 }
}

/// The published settings. Without the running normalisation of observations where a solved task keeps the state at one
/// point: the moments then shrink towards it, and what the trust region holds still is turned up from behind, until the
/// pole falls.
fn trpo(task: TaskName) -> TrpoConfig {
    let balances = matches!(task, TaskName::CartPole | TaskName::InvertedPendulum);
    TrpoConfig { normalise_observations: !balances, ..TrpoConfig::default() }
}

/// What the paper varies in its low-dimensional experiments.
fn usual_vary(task: TaskName) -> &'static [&'static str] {
    match task {
        TaskName::CartPole => &["pole_half_length"],
        TaskName::InvertedPendulum => &["pole_length"],
        TaskName::Hopper | TaskName::Walker2d | TaskName::HalfCheetah => &["torso_density", "friction"],
    }
}

/// The sweep that shows a task's robustness: `curve` points where one parameter matters, `side` × `side` points where
/// two do. It reaches outside every ball one would train in, on purpose.
pub fn usual_sweep(task: TaskName, curve: usize, side: usize) -> Vec<String> {
    match task {
        TaskName::CartPole => vec![format!("pole_half_length=0.1:2.5:{curve}")],
        TaskName::InvertedPendulum => vec![format!("pole_length=0.3:3:{curve}")],
        TaskName::Hopper | TaskName::Walker2d => {
            vec![format!("torso_density=500:3000:{side}"), format!("friction=0.5:3:{side}")]
        }
        TaskName::HalfCheetah => {
            vec![format!("torso_density=330:2000:{side}"), format!("friction=0.1:1.5:{side}")]
        }
    }
}
