//! What is on disk: run folders, logs, checkpoints, policies, balls.

pub(crate) mod ball_file;
pub(crate) mod checkpoint;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod log;
pub(crate) mod number;
pub(crate) mod policy_file;
pub(crate) mod rows;
pub(crate) mod tensors;
