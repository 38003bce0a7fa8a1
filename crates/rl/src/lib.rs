//! How a policy is run and improved: rollouts, advantage estimation, PPO, TRPO, DDPG, TD3.
//!
//! An [`Executor`] simulates, as a rule on the [`Threads`] of this process. It runs whole episodes
//! ([`Executor::episodes`]) or fills a learner's batches from lanes that live on ([`Executor::collect`]); either is a pure function of policy, dynamics,
//! random streams and lane states, with the same bits for any number of threads. A [`Learner`] improves an
//! [`Actor`] on what they bring.
#![forbid(unsafe_code)]

mod actor;
mod collect;
mod conjugate_gradient;
mod critic;
mod ddpg;
mod ddpg_config;
mod ddpg_exploration;
mod ddpg_networks;
mod drive;
mod dynamics_source;
mod error;
mod executor;
mod gae;
mod helper;
mod history;
mod lane_actor;
mod lanes_state;
mod learner;
mod options;
mod players;
mod ppo;
mod ppo_config;
mod ppo_loss;
mod ppo_networks;
mod replay;
mod samples;
mod selection;
mod state;
mod trpo;
mod trpo_config;

pub use actor::{ActScratch, Actor};
pub use collect::{CollectOptions, Correlation, FinishedEpisode, LaneBatch, LaneState, Lanes, Stretch};
pub use ddpg::Ddpg;
pub use ddpg_config::{DdpgConfig, HiddenUnits, InitialWeights};
pub use ddpg_exploration::{NoiseConfig, NoiseKind};
pub use dynamics_source::{DynamicsSource, Fixed};
pub use error::RlError;
pub use executor::{
    EpisodeJob, EpisodeOptions, EpisodeResult, Executor, StepsFrom, StopFlag, Threads, Trajectory,
    TransitionError,
};
pub use gae::generalised_advantages;
pub use history::History;
pub use lane_actor::LaneActor;
pub use learner::{Company, Experience, Improvement, Learner, Mixing, PhaseSeconds, Skip};
pub use players::{Acting, Disturbance, Means, Player, Players};
pub use ppo::Ppo;
pub use ppo_config::PpoConfig;
pub use selection::{Begin, Selection};
pub use state::{Array, Number, Persist, State, StateError};
pub use trpo::Trpo;
pub use trpo_config::TrpoConfig;
