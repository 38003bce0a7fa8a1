//! The step loop, the lanes that live on from batch to batch, and who and what moves them.

pub(crate) mod collect;
pub(crate) mod drive;
pub(crate) mod dynamics_source;
mod lanes_state;
pub(crate) mod players;
pub(crate) mod selection;
