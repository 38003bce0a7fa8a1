//! A policy ready to act, and what it remembers.

pub(crate) mod actor;
pub(crate) mod history;
pub(crate) mod lane_actor;
