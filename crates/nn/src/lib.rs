//! Small networks over one flat parameter vector, with hand-derived gradients.
//!
//! - [`Mlp`]: layout of a tanh network; forward and backward over batches of rows.
//! - [`Convolutions`], [`Network`]: the same behind convolutions of an image.
//! - [`Policy`]: a network and the distribution over actions that it describes.
//! - [`Adam`], [`norm`], [`squared_norm`], [`clip_scale`], [`sum_chunks`]: from gradients to a step.
//! - [`RunningMoments`], [`Normaliser`]: scaling what goes in.
//! - [`product`]: the matrix product of all this, and so the least that it can cost.
//!
//! Layouts own no numbers and functions allocate nothing: parameters, gradients and caches belong to the
//! caller. All sums run in a fixed order, and a row's outputs depend on nothing but parameters and that row.
//! The example `update_speed` shows a whole PPO update made of these parts, and what it costs.
#![forbid(unsafe_code)]

mod adam;
mod categorical;
mod conv;
mod convolutions;
mod dots;
mod error;
mod gaussian;
mod image;
mod init;
mod lanes;
mod matmul;
mod mlp;
mod moments;
mod network;
mod policy;
mod tanh;

pub use adam::{Adam, AdamConfig, clip_scale, norm, squared_norm, sum_chunks};
pub use convolutions::Convolutions;
pub use error::NnError;
pub use image::{Convolution, Image};
pub use lanes::InstructionSet;
pub use matmul::product;
pub use mlp::{Activation, Mlp, MlpCache};
pub use moments::{Normaliser, RunningMoments};
pub use network::{Network, NetworkCache};
pub use policy::{Head, Policy, PolicyCache};
pub use tanh::{TANH_RELATIVE_ERROR, tanh_in_place};
