//! Options of the ball and of the adversaries, as an experiment file holds them.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::RobustError;
use crate::adversary::{PopulationConfig, TailConfig};
use crate::ball::measure::BallMeasure;
use crate::ball::metric::Metric;
use crate::error::{check_positive, check_share};
use crate::hessian::{GaussNewton, StateWeights, TransportEstimator, ZeroOrder};
use crate::pairs::PairsConfig;
use crate::phase_one::PhaseOne;

/// How the Hessian H₀ is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HessianMethod {
    /// From the Jacobian of the next state: 2d one-step simulations per pair, positive semi-definite.
    #[default]
    GaussNewton,
    /// From values of W alone (Proposition 2, the paper): thousands of one-step simulations per pair.
    ZeroOrder,
}

/// Whose random numbers the ball is estimated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BallSeed {
    /// The run's, as in version 0.1: every run has a ball of its own. `"run"` in files.
    Run,
    /// Its own: the same ball for every run.
    Own(u64),
}

impl BallSeed {
    /// The seed in a run of seed `run`.
    pub fn of(self, run: u64) -> u64 {
        match self {
            Self::Run => run,
            Self::Own(seed) => seed,
        }
    }
}

impl Default for BallSeed {
    fn default() -> Self {
        Self::Own(0)
    }
}

impl Serialize for BallSeed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Run => serializer.serialize_str("run"),
            Self::Own(seed) => serializer.serialize_u64(*seed),
        }
    }
}

impl<'de> Deserialize<'de> for BallSeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seed;
        impl Visitor<'_> for Seed {
            type Value = BallSeed;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number, or \"run\" for the run's seed")
            }
            fn visit_u64<E: Error>(self, seed: u64) -> Result<BallSeed, E> {
                Ok(BallSeed::Own(seed))
            }
            fn visit_i64<E: Error>(self, seed: i64) -> Result<BallSeed, E> {
                let seed = u64::try_from(seed);
                seed.map(BallSeed::Own).map_err(|_| E::custom("it must not be negative"))
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<BallSeed, E> {
                match word {
                    "run" => Ok(BallSeed::Run),
                    _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
                }
            }
        }
        deserializer.deserialize_any(Seed)
    }
}

/// Options of the Wasserstein ball.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BallConfig {
    /// Radius ε, in units of W₂² (squared state units); ignored if `half_width` is given. Usual: 0.01 to 0.1 for
    /// Hopper, 0.3 to 3 for Walker2d, 1 to 60 for HalfCheetah, with two parameters. Nobody can guess it: look at
    /// [`Ball::ranges`](crate::ball::Ball::ranges).
    pub epsilon: f64,
    /// Instead of ε: how far the middle parameter may move alone, in units of its nominal value
    /// ([`Metric::epsilon_for_half_width`]). Usual: 0.1 to 1.
    pub half_width: Option<f64>,
    /// Seed of its random numbers: with one of its own, 0 unless it is set, the ball is the same for every seed of the
    /// run.
    pub seed: BallSeed,
    /// Which dynamics belong to it. H₀ guides the search in either.
    pub measure: BallMeasure,
    /// How H₀ is estimated.
    pub hessian: HessianMethod,
    /// Eigenvalues of H₀ below `ridge · tr(H₀)/d` are lifted to that value. In [1e-12, 1]. Usual: 1e-6 to 1e-3.
    pub ridge: f64,
    /// How next states are compared; makes no difference for deterministic simulators.
    pub transport: TransportEstimator,
    /// What a unit of each state coordinate is worth.
    pub state_weights: StateWeights,
    /// State–action pairs.
    pub pairs: PairsConfig,
    /// Options of `hessian = "gauss-newton"`.
    pub gauss_newton: GaussNewton,
    /// Options of `hessian = "zero-order"`.
    pub zero_order: ZeroOrder,
}

impl Default for BallConfig {
    fn default() -> Self {
        Self {
            epsilon: 0.03,
            half_width: None,
            seed: BallSeed::default(),
            measure: BallMeasure::default(),
            hessian: HessianMethod::default(),
            ridge: Metric::DEFAULT_RIDGE,
            transport: TransportEstimator::default(),
            state_weights: StateWeights::default(),
            pairs: PairsConfig::default(),
            gauss_newton: GaussNewton::default(),
            zero_order: ZeroOrder::default(),
        }
    }
}

impl BallConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        match self.half_width {
            Some(half_width) => check_positive("half_width", half_width)?,
            None => check_positive("epsilon", self.epsilon)?,
        }
        if !(1e-12..=1.0).contains(&self.ridge) {
            let requirement = "it must lie in [1e-12, 1]";
            return Err(RobustError::Parameter { name: "ridge", value: self.ridge, requirement });
        }
        self.pairs.validate()?;
        check_positive("gauss_newton.step", self.gauss_newton.step)?;
        check_positive("zero_order.sigma", self.zero_order.sigma)?;
        check_positive("zero_order.tolerance", self.zero_order.tolerance)?;
        check_positive("zero_order.max_samples", self.zero_order.max_samples as f64)
    }
}

/// Options of the adversaries that play within the ball.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdversaryConfig {
    /// Share of training over which ε grows linearly to its full value, in 20 steps; 0 for full from the start
    /// (the paper). In [0, 1]. Usual: 0 or 0.3 to 0.7.
    pub epsilon_ramp: f64,
    /// `wasserstein`, `population`, `tail`: episodes m that each value of J is averaged over. Usual: 1 to 16.
    pub episodes: usize,
    /// `wasserstein`, `population`, `tail`: discount per step in J. 1 is what evaluation measures; Eq. 2
    /// has a discount, which blinds the adversary to what happens late in an episode.
    pub return_discount: f64,
    /// `wasserstein`: how many of its latest worst cases the learner's lanes train under, in turn. 1 is the paper: all
    /// under the newest. With more, the policy is not taught to forget the last one. Usual: 1 to 8.
    pub worst_cases: usize,
    /// `wasserstein`: share of the learner's lanes that keep the reference dynamics, in [0, 1). 0 is the paper. Usual: 0 to
    /// 0.5.
    pub nominal_share: f64,
    /// `wasserstein`: share of the learner's lanes whose episodes run each under a point of its own, uniform in the ball, in
    /// [0, 1), with `nominal_share` less than 1. 0 is the paper. Usual: 0 to 0.5.
    pub uniform_share: f64,
    /// `wasserstein`: the inner loop.
    pub phase_one: PhaseOne,
    /// Options of `population`.
    pub population: PopulationConfig,
    /// Options of `tail`.
    pub tail: TailConfig,
}

impl Default for AdversaryConfig {
    fn default() -> Self {
        Self {
            epsilon_ramp: 0.0,
            episodes: 2,
            return_discount: 1.0,
            worst_cases: 1,
            nominal_share: 0.0,
            uniform_share: 0.0,
            phase_one: PhaseOne::default(),
            population: PopulationConfig::default(),
            tail: TailConfig::default(),
        }
    }
}

impl AdversaryConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        let in_unit = |name, value: f64| {
            let requirement = "it must lie in [0, 1]";
            match (0.0..=1.0).contains(&value) {
                true => Ok(()),
                false => Err(RobustError::Parameter { name, value, requirement }),
            }
        };
        in_unit("epsilon_ramp", self.epsilon_ramp)?;
        in_unit("return_discount", self.return_discount)?;
        check_positive("episodes", self.episodes as f64)?;
        check_positive("worst_cases", self.worst_cases as f64)?;
        check_share("nominal_share", self.nominal_share)?;
        check_share("uniform_share", self.uniform_share)?;
        if self.nominal_share + self.uniform_share >= 1.0 {
            let requirement = "with `nominal_share` it must be less than 1";
            return Err(RobustError::Parameter {
                name: "uniform_share",
                value: self.uniform_share,
                requirement,
            });
        }
        self.population.validate()?;
        self.tail.validate()?;
        self.phase_one.validate()
    }

    /// The radius in force after `progress` (0 to 1) of training, when the full one is `epsilon`.
    pub fn ramped(&self, epsilon: f64, progress: f64) -> f64 {
        /// So coarse that episodes of the uniform adversary are seldom dropped because the ball has grown.
        const STEPS: f64 = 20.0;
        if progress >= self.epsilon_ramp {
            return epsilon;
        }
        epsilon * ((STEPS * progress / self.epsilon_ramp).floor() + 1.0).clamp(1.0, STEPS) / STEPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_nonsense_is_named() {
        assert_eq!(BallConfig::default().validate(), Ok(()));
        assert_eq!(AdversaryConfig::default().validate(), Ok(()));
        for (config, name) in [
            (BallConfig { epsilon: 0.0, ..BallConfig::default() }, "epsilon"),
            (BallConfig { epsilon: f64::NAN, ..BallConfig::default() }, "epsilon"),
            (BallConfig { half_width: Some(-0.1), ..BallConfig::default() }, "half_width"),
            (BallConfig { ridge: 0.0, ..BallConfig::default() }, "ridge"),
            (
                BallConfig {
                    pairs: PairsConfig { count: 0, ..PairsConfig::default() },
                    ..BallConfig::default()
                },
                "pairs.count",
            ),
        ] {
            let error = config.validate().unwrap_err();
            assert!(matches!(error, RobustError::Parameter { name: n, .. } if n == name), "{error}");
        }
        for (config, name) in [
            (AdversaryConfig { epsilon_ramp: 1.5, ..AdversaryConfig::default() }, "epsilon_ramp"),
            (AdversaryConfig { return_discount: f64::NAN, ..AdversaryConfig::default() }, "return_discount"),
            (AdversaryConfig { worst_cases: 0, ..AdversaryConfig::default() }, "worst_cases"),
            (AdversaryConfig { nominal_share: 1.0, ..AdversaryConfig::default() }, "nominal_share"),
            (AdversaryConfig { uniform_share: -0.1, ..AdversaryConfig::default() }, "uniform_share"),
            (
                AdversaryConfig { nominal_share: 0.5, uniform_share: 0.5, ..AdversaryConfig::default() },
                "uniform_share",
            ),
            (AdversaryConfig { episodes: 0, ..AdversaryConfig::default() }, "episodes"),
        ] {
            let error = config.validate().unwrap_err();
            assert!(matches!(error, RobustError::Parameter { name: n, .. } if n == name), "{error}");
        }
    }

    #[test]
    fn files_name_options_as_the_docs_do_and_unknown_ones_are_refused() {
        let text = r#"{"hessian": "zero-order", "half_width": 0.3, "state_weights": "inverse-variance"}"#;
        let config: BallConfig = serde_json::from_str(text).unwrap();
        assert_eq!((config.hessian, config.half_width), (HessianMethod::ZeroOrder, Some(0.3)));
        let text = r#"{"phase_one": {"start": "warm", "gradient": {"estimator": "least-squares"}}}"#;
        assert!(serde_json::from_str::<AdversaryConfig>(text).is_ok());
        for typo in [r#"{"epsilom": 1.0}"#, r#"{"phase_one": {"starts_": 1}}"#] {
            assert!(serde_json::from_str::<BallConfig>(typo).is_err());
            assert!(serde_json::from_str::<AdversaryConfig>(typo).is_err());
        }
    }

    #[test]
    fn the_radius_grows_to_its_full_value_and_stays() {
        let config = AdversaryConfig { epsilon_ramp: 0.5, ..AdversaryConfig::default() };
        let radii: Vec<f64> = (0..=100).map(|i| config.ramped(2.0, f64::from(i) / 100.0)).collect();
        assert!((radii[0] - 0.1).abs() < 1e-12 && radii[50..].iter().all(|&r| r == 2.0));
        assert!(radii.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(AdversaryConfig::default().ramped(2.0, 0.0), 2.0);
    }

    #[test]
    fn the_radius_is_the_linear_one_rounded_up_to_a_twentieth_whatever_the_ramp() {
        for epsilon_ramp in [0.05, 0.3, 0.5, 1.0] {
            let config = AdversaryConfig { epsilon_ramp, ..AdversaryConfig::default() };
            for i in 0..=1000 {
                let progress = f64::from(i) / 1000.0;
                let (radius, linear) = (config.ramped(2.0, progress), (progress / epsilon_ramp).min(1.0));
                let share = radius / 2.0;
                assert!(share > linear - 1e-9 && share < linear + 0.05 + 1e-9, "{epsilon_ramp} {progress}");
                assert!((20.0 * share - (20.0 * share).round()).abs() < 1e-9, "{epsilon_ramp} {progress}");
            }
        }
    }
}
