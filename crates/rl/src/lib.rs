//! How a policy is run and improved: rollouts, advantage estimation, PPO, TRPO, DDPG, TD3.
//!
//! An [`Executor`] simulates, as a rule on the [`Threads`] of this process. It runs whole episodes
//! ([`Executor::episodes`]) or fills a learner's batches from lanes that live on ([`Executor::collect`]); either is a pure function of policy, dynamics,
//! random streams and lane states, with the same bits for any number of threads. A [`Learner`] improves an
//! [`Actor`] on what they bring.
#![forbid(unsafe_code)]

mod copos;
mod critic;
mod ddpg;
mod error;
mod executor;
mod gae;
mod helper;
mod learner;
mod options;
mod policy;
mod ppo;
mod rollout;
mod samples;
mod start;
mod state;
mod trpo;

pub use copos::Copos;
pub use copos::config::CoposConfig;
pub use ddpg::Ddpg;
pub use ddpg::config::{DdpgConfig, HiddenUnits, InitialWeights};
pub use ddpg::exploration::{NoiseConfig, NoiseKind};
pub use error::RlError;
pub use executor::aside::{Aside, Exchange};
pub use executor::{
    EpisodeJob, EpisodeOptions, EpisodeResult, Executor, StepsFrom, StopFlag, Threads, Trajectory,
    TransitionError, episodes_while,
};
pub use gae::generalised_advantages;
pub use learner::{Experience, Improvement, Learner, Mixing, Opposition, PhaseSeconds, Skip};
pub use policy::actor::{ActScratch, Actor};
pub use policy::history::History;
pub use policy::lane_actor::LaneActor;
pub use ppo::Ppo;
pub use ppo::aside::work_aside;
pub use ppo::config::PpoConfig;
pub use rollout::collect::{
    CollectOptions, Correlation, FinishedEpisode, LaneBatch, LaneState, Lanes, Stretch,
};
pub use rollout::dynamics_source::{DynamicsSource, Fixed};
pub use rollout::players::{Acting, Disturbance, Interference, Player, Players};
pub use rollout::selection::{Begin, Selection};
pub use start::{Misfit, Start, is_learnt};
pub use state::{Array, Number, Persist, State, StateError};
pub use trpo::Trpo;
pub use trpo::config::TrpoConfig;
