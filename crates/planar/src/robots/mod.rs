//! The robots: one file of numbers each, those of Gymnasium's `-v5` models.

mod half_cheetah;
mod hopper;
mod inverted_pendulum;
mod walker2d;

pub(crate) use half_cheetah::HalfCheetah;
pub(crate) use hopper::Hopper;
pub(crate) use inverted_pendulum::InvertedPendulum;
pub(crate) use walker2d::Walker2d;
