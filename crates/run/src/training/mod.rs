//! Training, in memory or into a folder.

pub(crate) mod best;
pub(crate) mod budget;
pub(crate) mod changed_steps;
pub(crate) mod columns;
pub(crate) mod counters;
pub(crate) mod guard;
pub(crate) mod logs;
pub(crate) mod overshoot;
pub(crate) mod players;
pub(crate) mod resume;
pub(crate) mod session;
pub(crate) mod summary;
pub(crate) mod train;
pub(crate) mod trained;
pub(crate) mod watch;
