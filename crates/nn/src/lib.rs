//! Small networks over one flat parameter vector, with hand-derived gradients.
#![forbid(unsafe_code)]

mod adam;
mod categorical;
mod dots;
mod error;
mod gaussian;
mod init;
mod lanes;
mod matmul;
mod mlp;
mod moments;
mod policy;
mod tanh;

pub use adam::{Adam, AdamConfig, clip_scale, norm, sum_chunks};
pub use error::NnError;
pub use lanes::InstructionSet;
pub use mlp::{Mlp, MlpCache};
pub use moments::{Normaliser, RunningMoments};
pub use policy::{Head, Policy, PolicyCache};
pub use tanh::{TANH_RELATIVE_ERROR, tanh_in_place};
