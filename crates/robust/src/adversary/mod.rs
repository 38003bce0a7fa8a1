//! Who chooses the dynamics that the learner trains under.
//!
//! An [`Adversary`] takes its turn every so many transitions of the learner, and says under which dynamics the
//! learner's episodes run from then on:
//!
//! | adversary | chooses |
//! |---|---|
//! | [`Nominal`] | the reference dynamics |
//! | [`Uniform`] | for every episode a point uniform in the ball (the paper's "PPO mean"), or in a box |
//! | [`Boundary`] | for every turn a random point of the ball's boundary: the control for what the search adds |
//! | [`Wasserstein`] | for every turn the worst point of the ball, by Phase I of Algorithm 1 |
//! | [`Population`] | for every turn several of the worst of many points, beside the reference |
//! | [`Tail`] | for every episode a random point of the worst share of the ball, as a model of the return sees it |
//! | [`Cvar`] | as [`Uniform`], and the learner learns from the worst episodes alone (EPOpt) |
//! | [`Force`] | the reference dynamics; a second policy pushes the robot (RARL) |
//! | [`Action`] | the reference dynamics; a second policy's actions mix with the learner's (PR-MDP, NR-MDP) |
//!
//! What a turn depends on is in [`Turn`]; what an adversary keeps between turns besides, it saves and restores, so a run
//! resumes from plain data.

mod action;
mod boundary;
mod cvar;
mod force;
mod nominal;
mod population;
mod region;
mod tail;
mod uniform;
mod wasserstein;

pub use action::{Action, ActionConfig, Mode};
pub use boundary::Boundary;
pub use cvar::{Cvar, CvarConfig};
pub use force::{Force, ForceConfig};
pub use nominal::Nominal;
pub use population::{Population, PopulationConfig};
pub use region::{BadRange, DynamicsBox, RegionConfig, Shape};
pub use tail::{Tail, TailConfig, TailSource};
pub use uniform::{Uniform, UniformSource};
pub use wasserstein::Wasserstein;

use std::sync::Arc;

use wr2l_rl::{Actor, DynamicsSource, Executor, Fixed, Opposition, Selection, State, StateError};

use crate::RobustError;
use crate::phase_one::PhaseOneReport;

/// What a turn depends on besides the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn<'a> {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the turn, from 0.
    pub index: u64,
    /// Share of training that is done, 0 to 1.
    pub progress: f64,
    /// Dynamics that the last turn chose, in z (`[d]`), of several its [`Report::worst`]; zeros before the first, and where
    /// a turn chose none.
    pub current: &'a [f64],
}

/// What an adversary chose, and what is worth logging about it.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Dynamics of the learner's episodes until the next turn.
    pub source: Source,
    /// What led to it.
    pub report: Report,
    /// Simulator steps that the choice took, one-step simulations included.
    pub simulator_steps: u64,
}

/// Dynamics of the learner's episodes.
pub type Source = Arc<dyn DynamicsSource>;

/// Points that the learner's lanes take in turn; some lanes keep the reference, and some have random dynamics.
#[derive(Clone, Debug)]
pub struct PerLane {
    points: Vec<Vec<f64>>,
    nominal_share: f64,
    /// Random points for a share of all lanes.
    random: Option<(UniformSource, f64)>,
}

impl PerLane {
    /// `points` (`[d]` each) for the lanes but a share of `nominal_share`, in [0, 1), spread evenly over them. All
    /// lanes keep the reference if there are no points.
    pub fn new(points: Vec<Vec<f64>>, nominal_share: f64) -> Self {
        Self { points, nominal_share, random: None }
    }

    /// A share of the lanes, in [0, 1) and with the others' less than 1, spread evenly over those that do not keep the
    /// reference, has a point of `source` for every episode.
    #[must_use]
    pub fn and_random(self, source: UniformSource, share: f64) -> Self {
        Self { random: Some((source, share)), ..self }
    }

    /// The same, or the reference of `dim` parameters for all lanes if there are neither points nor random ones.
    fn or_reference(self, dim: usize) -> Source {
        match self.points.is_empty() && self.random.is_none() {
            true => Arc::new(Fixed(vec![0.0; dim])),
            false => Arc::new(self),
        }
    }

    /// How many of `lanes` lanes keep the reference, and how many have random points, if these shares of them do.
    pub fn counts(lanes: usize, nominal_share: f64, random_share: f64) -> (usize, usize) {
        let nominal = nominal_among(lanes as u64, nominal_share);
        let random = random_among(lanes as u64 - nominal, nominal_share, random_share);
        (nominal as usize, random as usize)
    }
}

/// Of the first `lanes` lanes those that keep the reference.
fn nominal_among(lanes: u64, share: f64) -> u64 {
    (lanes as f64 * share).floor() as u64
}

/// Of the first `lanes` lanes that do not keep the reference those that have random points.
fn random_among(lanes: u64, nominal_share: f64, share: f64) -> u64 {
    // Its share of the lanes that are left; what rounding takes from a whole number is given back.
    (lanes as f64 * share / (1.0 - nominal_share) + 1e-9).floor() as u64
}

impl DynamicsSource for PerLane {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let nominal = nominal_among(lane, self.nominal_share);
        if nominal_among(lane + 1, self.nominal_share) > nominal {
            return out.fill(0.0);
        }
        let mut place = lane - nominal;
        if let Some((source, share)) = &self.random {
            let random = random_among(place, self.nominal_share, *share);
            if random_among(place + 1, self.nominal_share, *share) > random {
                return source.z(lane, episode, out);
            }
            place -= random;
        }
        match self.points.len() {
            0 => out.fill(0.0),
            count => out.copy_from_slice(&self.points[place as usize % count]),
        }
    }
}

/// Points of `dim` coordinates each that an adversary wrote one after the other, `most` at most.
fn take_points(
    state: &mut State<'_>,
    name: &str,
    dim: usize,
    most: usize,
) -> Result<Vec<Vec<f64>>, StateError> {
    let points: Vec<f64> = state.take_any(name)?;
    let sound = points.len().is_multiple_of(dim)
        && points.len() / dim <= most
        && points.iter().all(|z| z.is_finite());
    if !sound {
        return Err(state.unusable(name, format!("it has to hold at most {most} finite points")));
    }
    Ok(points.chunks_exact(dim).map(<[f64]>::to_vec).collect())
}

/// What is worth logging about a turn; what does not apply to an adversary is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Radius ε in force.
    pub epsilon: Option<f64>,
    /// J at the reference, where the adversary measured it.
    pub reference_value: Option<f64>,
    /// J at the chosen dynamics (at `worst` if there are several), where the adversary measured it.
    pub value: Option<f64>,
    /// If the lanes have several dynamics, the worst that this turn found, in z (`[d]`).
    pub worst: Option<Vec<f64>>,
    /// `½zᵀH₀z` of the chosen dynamics, the Taylor value of W.
    pub taylor: Option<f64>,
    /// W of the chosen dynamics as measured; `None` also where a one-step simulation diverged.
    pub measured: Option<f64>,
    /// The largest W₂² of a sampled pair under them ([`PairDistances`](crate::hessian::PairDistances)), from the same
    /// transitions: what the average of Eq. 7 allows and Eq. 6 would not.
    pub largest: Option<f64>,
    /// Phase I: gradients, gaps, step sizes.
    pub phase_one: Option<PhaseOneReport>,
    /// Episodes that diverged while J was measured.
    pub diverged: u64,
}

/// Chooses the dynamics that the learner trains under.
pub trait Adversary: std::fmt::Debug + Send {
    /// Takes a turn against the policy of `actor`. Simulations run on `executor`, with random numbers keyed by the
    /// turn, so that the choice is the same for any number of threads.
    ///
    /// # Errors
    /// Whatever keeps it from choosing: [`RobustError::NotFinite`], [`RobustError::Diverged`],
    /// [`RobustError::Sim`].
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError>;

    /// Who else acts in the learner's episodes.
    fn opposition(&self) -> Opposition<'_> {
        Opposition::Nobody
    }

    /// Which of its episodes the learner learns from.
    fn selection(&self) -> Selection {
        Selection::default()
    }

    /// Writes down what it keeps between turns and [`Adversary::restore`] needs. Nothing, unless it says otherwise.
    fn save<'a>(&'a self, state: &mut State<'a>) {
        let _ = state;
    }

    /// Takes back what [`Adversary::save`] wrote, into an adversary made by the same plan.
    ///
    /// # Errors
    /// [`StateError`]; the adversary must not be used then.
    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let _ = state;
        Ok(())
    }

    /// The source of its last turn, made again after [`Adversary::restore`], if that is no single point: a run keeps
    /// points ([`DynamicsSource::point`]) itself. `None` before the first turn.
    fn source(&self) -> Option<Source> {
        None
    }
}
