//! EPOpt (Rajeswaran et al. 2017): domain randomisation, of which the learner sees the worst.

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, DynamicsSource, Selection, State, StateError, Workers};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, Report, Source, Turn, Uniform};
use crate::RobustError;
use crate::ball::Ball;
use crate::config::AdversaryConfig;
use crate::error::check_positive;

/// Where the dynamics of an episode are drawn from, uniformly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// The Wasserstein ball within the hard bounds, as `uniform` does.
    #[default]
    Ball,
    /// All parameters independently within `half_width` of their nominal values, and the hard bounds.
    Box,
}

/// Options of [`Cvar`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CvarConfig {
    /// Share ε of a batch's episodes, those of lowest return, that the learner learns from, in (0, 1]; with 1 it is
    /// `uniform`. Usual: 0.1–0.3.
    pub fraction: f64,
    /// Iterations of the learner during which it learns from all episodes. Usual: 50–100.
    pub after: u64,
    /// Where dynamics are drawn from.
    pub region: Region,
    /// `region = "box"`: how far every parameter may be from its nominal value, in units of it. Usual: 0.1–1.
    pub half_width: f64,
}

impl Default for CvarConfig {
    fn default() -> Self {
        Self { fraction: 0.1, after: 100, region: Region::default(), half_width: 0.5 }
    }
}

impl CvarConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        if !(self.fraction > 0.0 && self.fraction <= 1.0) {
            let requirement = "it must lie in (0, 1]";
            return Err(RobustError::Parameter { name: "fraction", value: self.fraction, requirement });
        }
        check_positive("half_width", self.half_width)
    }
}

/// Every episode under dynamics of its own, and the learner learns from the worst share of them: it maximises the
/// conditional value at risk of its return. Needs a learner whose batches are whole episodes.
#[derive(Clone, Debug)]
pub struct Cvar {
    uniform: Uniform,
    config: CvarConfig,
    /// The last turn's source, if that is a box.
    drawn: Option<BoxSource>,
}

impl Cvar {
    /// Plays in `ball`, or the box that `config` describes.
    ///
    /// # Errors
    /// [`CvarConfig::validate`]'s and [`AdversaryConfig::validate`]'s.
    pub fn new(ball: Ball, config: CvarConfig, common: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { uniform: Uniform::new(ball, common)?, config, drawn: None })
    }
}

impl Adversary for Cvar {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        workers: &mut Workers,
    ) -> Result<Choice, RobustError> {
        match self.config.region {
            Region::Ball => self.uniform.choose(turn, actor, workers),
            Region::Box => {
                let parameters = workers.space().parameters();
                let half = self.config.half_width;
                let z = |bound: f64, p: &wr2l_sim::Parameter| (bound - p.nominal) / p.scale;
                let source = BoxSource {
                    lower: parameters.iter().map(|p| z(p.lower, p).max(-half)).collect(),
                    upper: parameters.iter().map(|p| z(p.upper, p).min(half)).collect(),
                    seed: turn.seed,
                };
                self.drawn = Some(source.clone());
                Ok(Choice { source: Source::Box(source), report: Report::default(), simulator_steps: 0 })
            }
        }
    }

    fn selection(&self) -> Selection {
        Selection { fraction: self.config.fraction, after: self.config.after }
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        match &self.drawn {
            Some(source) => {
                state.put("lower", &source.lower);
                state.put("upper", &source.upper);
                state.put("seed", source.seed);
            }
            None => self.uniform.save(state),
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        if !state.holds("lower") {
            return self.uniform.restore(state);
        }
        let lower = state.take_any::<f64>("lower")?;
        let upper = state.take_finite::<f64>("upper", lower.len())?;
        if lower.iter().zip(&upper).any(|(lower, upper)| !(lower.is_finite() && lower <= upper)) {
            return Err(state.unusable("lower", "it is no lower end of a box"));
        }
        self.drawn = Some(BoxSource { lower, upper, seed: state.one("seed")? });
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        match &self.drawn {
            Some(source) => Some(Source::Box(source.clone())),
            None => self.uniform.source(),
        }
    }
}

/// Points uniform in a box, one per lane and episode.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSource {
    lower: Vec<f64>,
    upper: Vec<f64>,
    seed: u64,
}

impl DynamicsSource for BoxSource {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(self.seed, Purpose::Dynamics).lane(lane).episode(episode).stream();
        for (out, (lower, upper)) in out.iter_mut().zip(self.lower.iter().zip(&self.upper)) {
            *out = stream.uniform(*lower, *upper);
        }
    }
}
