//! Expressions: the closed language of observations, rewards and terminal states.
//!
//! A [`Compiler`] reads expressions about a model and makes one [`Program`] of them. The language has numbers, true and false,
//! and lists of these of a fixed length; a list of one is a number. It has no loops and no state of the user's, so every
//! program ends after the same instructions. `docs/own-robot.md` is its reference.
//!
//! Sums run from the first number to the last. An operation on constants is done once, by the same function. A part that
//! occurs several times is computed once. None of this changes a bit.

mod ast;
mod compile;
mod emit;
mod error;
mod graph;
mod kernel;
mod lexer;
mod parser;
mod program;
mod quantity;
mod resolve;
mod scope;

pub use compile::{Compiler, Value};
pub use emit::ProgramTooLarge;
pub use error::ExpressionError;
pub(crate) use graph::Part;
pub(crate) use kernel::Op;
pub use program::{Program, Scratch};
pub(crate) use resolve::is_taken;
pub use scope::Scope;
