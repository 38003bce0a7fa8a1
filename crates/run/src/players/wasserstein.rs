//! The adversary `wasserstein`: the paper's.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::adversary::{PerLane, Wasserstein};
use wr2l_robust::gradient::{Gradient, GradientEstimator};
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{Adversary, AdversaryConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, field, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Unread, Words};
use super::shared::{RAMP, RETURNS};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "wasserstein",
    about: "the paper: for every turn the worst point of the ball that Phase I finds",
    needs: Needs {
        ball: true,
        second_order: false,
        action_values: false,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::Always,
    usual: |_| Arc::new(WassersteinOptions::default()),
    read: read_adversary::<WassersteinOptions>,
    words: &[WORDS, RETURNS, RAMP],
    presets: Vec::new,
    opposition: Vec::new,
    quick: &[("phase_one.max_inner", 1), ("phase_one.gradient.pairs", 2), ("phase_one.surrogate.budget", 8)],
    since: || {
        vec![
            ("adversary.phase_one.search", Some("gradient".into())),
            ("adversary.phase_one.surrogate", None),
            ("adversary.worst_cases", Some(1.into())),
            ("adversary.nominal_share", Some(0.0.into())),
            ("adversary.uniform_share", Some(0.0.into())),
        ]
    },
};

const WORDS: &[Words] = &[
    Words {
        keys: &["phase_one.search"],
        meaning: "`surrogate`: by a model of the return ([how](../beyond-the-paper.md#the-attack)); or `gradient` (the paper)",
        usual: "`surrogate`",
    },
    Words {
        keys: &["phase_one.surrogate.budget"],
        meaning: "`surrogate`: evaluations of the return a turn",
        usual: "50–100",
    },
    Words {
        keys: &["phase_one.surrogate.first", "phase_one.surrogate.last"],
        meaning: "shares of them that random points have before the first model, and the last comparison on fresh random numbers",
        usual: "0.2–0.5, 0.1–0.3",
    },
    Words {
        keys: &["phase_one.surrogate.round", "phase_one.surrogate.again"],
        meaning: "evaluations between two fits, and the share of them that looks at the lowest points once more",
        usual: "8–32, 0.1–0.4",
    },
    Words {
        keys: &["phase_one.surrogate.finalists"],
        meaning: "points that the last comparison is among",
        usual: "8–32",
    },
    Words { keys: &["phase_one.max_inner"], meaning: "`gradient`: inner steps at most", usual: "1–10" },
    Words {
        keys: &["phase_one.start"],
        meaning: "`reference` (Algorithm 1 as printed), or `warm`: the worst case in force (Appendix B.1)",
        usual: "`reference`; pendulum: `warm`",
    },
    Words {
        keys: &["phase_one.starts"],
        meaning: "1 is the paper; with n the worst of n random points of the boundary and the current one is the start",
        usual: "1, or 8–48",
    },
    Words {
        keys: &["phase_one.gradient_tolerance", "phase_one.gap_tolerance"],
        meaning: "norm of the gradient, and Frank–Wolfe gap, at which the inner loop stops",
        usual: "0",
    },
    Words {
        keys: &["phase_one.gradient.estimator", "phase_one.gradient.ridge"],
        meaning: "`average` (Proposition 1) or `least-squares`, and its ridge where pairs are few",
        usual: "`average`, 0.01–1",
    },
    Words {
        keys: &["phase_one.gradient.sigma"],
        meaning: "how far from the point the gradient looks, in units of the nominal values: where J is flat near the \
                  reference, too small a σ finds nothing, and the adversary stays there",
        usual: "0.1; pendulum: 0.5",
    },
    Words {
        keys: &["phase_one.gradient.pairs"], meaning: "antithetic pairs of a gradient", usual: "16–128"
    },
    Words {
        keys: &["phase_one.line_search.c1", "phase_one.line_search.c2"],
        meaning: "the Wolfe conditions' constants",
        usual: "1e-4, 0.9",
    },
    Words {
        keys: &["phase_one.line_search.max_trials"],
        meaning: "step sizes tried before the fall-back",
        usual: "3–8",
    },
    Words {
        keys: &["worst_cases"],
        meaning: "how many of the latest worst cases the learner's lanes train under; 1 is the paper",
        usual: "1–8",
    },
    Words {
        keys: &["nominal_share"],
        meaning: "share of the learner's lanes that keep the reference; 0 is the paper",
        usual: "0–0.5",
    },
    Words {
        keys: &["uniform_share"],
        meaning: "share of the learner's lanes whose episodes each have dynamics of their own, uniform in the ball; 0 is \
                  the paper",
        usual: "0–0.5",
    },
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WassersteinOptions {
    epsilon_ramp: f64,
    episodes: usize,
    return_discount: f64,
    worst_cases: usize,
    nominal_share: f64,
    uniform_share: f64,
    phase_one: PhaseOne,
}

impl Default for WassersteinOptions {
    fn default() -> Self {
        let AdversaryConfig {
            epsilon_ramp,
            return_discount,
            worst_cases,
            nominal_share,
            uniform_share,
            phase_one,
            ..
        } = AdversaryConfig::default();
        // A turn costs 2 · pairs · episodes · max_inner episodes, and a line search each. So the adversary takes up to ten
        // times the learner's simulator steps: as much as one waits for, when a turn comes every four iterations.
        let gradient = Gradient { pairs: 16, ..phase_one.gradient };
        // The surrogate takes about as many episodes, and finds the worst where no slope leads to it.
        let phase_one = PhaseOne { search: SearchKind::Surrogate, max_inner: 2, gradient, ..phase_one };
        Self {
            epsilon_ramp,
            episodes: 1,
            return_discount,
            worst_cases,
            nominal_share,
            uniform_share,
            phase_one,
        }
    }
}

impl WassersteinOptions {
    fn config(&self) -> AdversaryConfig {
        let &Self {
            epsilon_ramp,
            episodes,
            return_discount,
            worst_cases,
            nominal_share,
            uniform_share,
            phase_one,
        } = self;
        AdversaryConfig {
            epsilon_ramp,
            episodes,
            return_discount,
            worst_cases,
            nominal_share,
            uniform_share,
            phase_one,
            ..AdversaryConfig::default()
        }
    }
}

impl AdversaryOptions for WassersteinOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, _space: &DynamicsSpace) -> Result<(), Mistake> {
        checked(&self.table(), self.config().validate())
    }

    /// Lanes for the worst cases, the reference and random points.
    fn check_lanes(&self, lanes: usize) -> Result<(), Mistake> {
        let Self { worst_cases, nominal_share, uniform_share, .. } = *self;
        let (nominal, random) = PerLane::counts(lanes, nominal_share, uniform_share);
        for (key, share, taken) in
            [("nominal_share", nominal_share, nominal), ("uniform_share", uniform_share, random)]
        {
            if share > 0.0 && taken == 0 {
                let message = format!("is less than one of the learner's lanes, of which there are {lanes}");
                return Err(Mistake::new(key, message));
            }
        }
        let left = lanes - nominal - random;
        if worst_cases > left.max(1) {
            let message =
                format!("more than the learner's lanes that are left for worst cases, {left} of {lanes}");
            return Err(Mistake::new("worst_cases", message));
        }
        Ok(())
    }

    fn sizes(&self) -> Vec<(&'static str, f64)> {
        let episodes = self.episodes as f64 * 64.0;
        let PhaseOne { gradient, surrogate, starts, .. } = &self.phase_one;
        vec![
            ("phase_one.gradient.pairs", 2.0 * gradient.pairs as f64 * episodes),
            ("phase_one.surrogate.budget", surrogate.budget as f64 * episodes),
            ("phase_one.starts", *starts as f64 * episodes),
        ]
    }

    fn unread(&self, _vary: &[String]) -> Vec<Unread> {
        let PhaseOne { search, starts, gradient, line_search, .. } = &self.phase_one;
        let rows: [(bool, &'static [&'static str], &str); 5] = [
            (
                *search == SearchKind::Surrogate,
                &["phase_one.surrogate"],
                "`adversary.phase_one.search = \"surrogate\"`",
            ),
            (
                *search == SearchKind::Gradient,
                &[
                    "phase_one.max_inner",
                    "phase_one.start",
                    "phase_one.starts",
                    "phase_one.gradient_tolerance",
                    "phase_one.gap_tolerance",
                    "phase_one.gradient",
                    "phase_one.line_search",
                ],
                "`adversary.phase_one.search = \"gradient\"`",
            ),
            (
                *starts == 1,
                &["phase_one.start"],
                "an inner loop with one start (`adversary.phase_one.starts = 1`)",
            ),
            (
                gradient.estimator == GradientEstimator::LeastSquares,
                &["phase_one.gradient.ridge"],
                "`adversary.phase_one.gradient.estimator = \"least-squares\"`",
            ),
            (
                line_search.max_trials > 0,
                &["phase_one.line_search.c1", "phase_one.line_search.c2"],
                "a line search with trials (`adversary.phase_one.line_search.max_trials`)",
            ),
        ];
        let unread = rows.into_iter().filter(|(read, ..)| !read);
        unread.map(|(_, keys, reader)| Unread::but_for(keys, reader)).collect()
    }

    fn epsilon_ramp(&self) -> f64 {
        self.epsilon_ramp
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        let PhaseOne { search, surrogate, max_inner, gradient, starts, .. } = &self.phase_one;
        let points = match search {
            SearchKind::Surrogate => surrogate.budget as f64 + 2.0,
            // Gradient pairs and about three points of the line search a step, two to four comparisons at the end.
            SearchKind::Gradient => {
                let inner = f64::from(*max_inner) * (2.0 * gradient.pairs as f64 + 6.0);
                *starts as f64 + inner + 4.0
            }
        };
        Some(points * self.episodes as f64)
    }

    fn build(&self, _seat: &Seat<'_>, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        let Field { estimate, ball, .. } = field(ball, &ROW)?;
        Ok(Box::new(Wasserstein::new(estimate, ball, self.config())?))
    }
}
