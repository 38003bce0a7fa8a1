//! Who may play, a row each. Plans, their defaults, checks and presets, `--quick`, estimates of time, the command line's help
//! and the tables of options in `docs/methods` are walks over these rows.

mod action;
pub(crate) mod adversary;
mod boundary;
mod copos;
mod cvar;
mod ddpg;
mod force;
pub(crate) mod kinds;
pub(crate) mod learner;
pub(crate) mod nominal;
pub(crate) mod options;
mod population;
pub(crate) mod ppo;
mod shape;
mod shared;
mod tail;
mod td3;
#[cfg(test)]
mod tests;
mod trpo;
mod uniform;
mod wasserstein;
mod words;

pub(crate) use shared::SHARED;

/// The learners. Where several would do, the first is recommended.
pub(crate) static LEARNERS: &[&learner::LearnerRow] =
    &[&ppo::ROW, &trpo::ROW, &copos::ROW, &td3::ROW, &ddpg::ROW];

/// The adversaries.
pub(crate) static ADVERSARIES: &[&adversary::AdversaryRow] = &[
    &nominal::ROW,
    &uniform::ROW,
    &boundary::ROW,
    &wasserstein::ROW,
    &population::ROW,
    &tail::ROW,
    &cvar::ROW,
    &force::ROW,
    &action::ROW,
];
