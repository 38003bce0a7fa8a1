//! Wasserstein robust reinforcement learning: the ball, zero-order gradients, adversaries.
#![forbid(unsafe_code)]
