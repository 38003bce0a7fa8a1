//! How a policy is run and improved: rollouts, advantage estimation, PPO.
#![forbid(unsafe_code)]
