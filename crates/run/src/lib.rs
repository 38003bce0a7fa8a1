//! Plans, run folders, logs and the training loop.
#![forbid(unsafe_code)]
