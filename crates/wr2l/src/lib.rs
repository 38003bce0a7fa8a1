//! Control policies that survive dynamics they were not trained on: the library behind the command `wr2l`.
//!
//! Each module is one of the project's crates; see `ARCHITECTURE.md` for what each is for.
#![forbid(unsafe_code)]

pub use wr2l_eval as eval;
pub use wr2l_nn as nn;
pub use wr2l_report as report;
pub use wr2l_rl as rl;
pub use wr2l_rng as rng;
pub use wr2l_robust as robust;
pub use wr2l_run as run;
pub use wr2l_sim as sim;
