//! Small networks over one flat parameter vector, with hand-derived gradients.
#![forbid(unsafe_code)]
