//! One run on several machines: an executor over ranks.
//!
//! A job has `size` processes, the ranks 0, 1, …. Rank 0 runs the command: it keeps the learner, the run's folder and the log. The
//! others serve it: whenever rank 0 simulates, each rank takes a share of the lanes or pairs, or as many episodes or trajectories as it
//! finishes, and rank 0 puts the results together in their order. Random streams are keyed by what they are for, so that the results are those of
//! one process to the bit, whatever the number of ranks.
//!
//! Where rank 0 has one thread, a rank of the same machine does half of a learner's update, over a socket between the two.
//!
//! Nothing here knows how other messages travel: a [`Link`] is any stream of bytes to somebody who passes them on. `wr2l-mpi` in
//! `crates/mpi` is one, by MPI.
//!
//! A rank that cannot do its share says so, and rank 0 does it itself, which also tells why it cannot be done. A rank that is
//! gone ends the run: its last checkpoint is kept.
#![forbid(unsafe_code)]

mod actor;
mod executor;
mod frame;
mod job;
mod lanes;
mod link;
#[cfg_attr(not(unix), path = "nobody.rs")]
mod near;
mod pieces;
mod post;
mod serve;
mod stage;
mod table;
mod values;
mod wire;

pub use executor::Ranks;
pub use frame::{read_frame, write_frame};
pub use link::{ENVIRONMENT, Link, LinkError, Place};
pub use serve::serve;
