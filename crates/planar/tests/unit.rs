//! The tests inside the modules of the library, without compiling its kernels once more (see `Cargo.toml`).
#![allow(dead_code, unused_imports)]

#[path = "../src/lane/mod.rs"]
mod lane;
#[path = "../src/parts.rs"]
mod parts;
#[path = "../src/vector.rs"]
mod vector;
