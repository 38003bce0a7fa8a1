//! Set-up, tests, and benches against peers.
#![forbid(unsafe_code)]

fn main() {}
