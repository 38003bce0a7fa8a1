//! The fully resolved experiment and how it is put together.

mod layers;

pub use layers::{Complaint, Layer, SettingError, resolve};
