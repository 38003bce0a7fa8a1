//! Sweeps: many independent runs from one file, for one machine or many.

pub(crate) mod entry;
pub(crate) mod file;
pub(crate) mod standing;
pub(crate) mod tables;
