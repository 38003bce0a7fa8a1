//! Programs to copy. Each file is one; `cargo run --release --example NAME -p wr2l-examples` runs it, and `tests.rs` holds
//! it to what it says. All of them use public names alone.
