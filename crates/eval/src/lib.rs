//! Sweeps over dynamics and the statistics of what came out.
#![forbid(unsafe_code)]
