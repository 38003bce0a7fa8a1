//! The row of an adversary: all that plans, help, checks and documentation know of it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use wr2l_robust::ball::Ball;
use wr2l_robust::{Adversary, BallEstimate, RobustError};
use wr2l_sim::DynamicsSpace;

use super::learner::Seat;
use super::options::{Mistake, Options, Since, Unread, Unreadable, Wanted, Words, read};
use crate::error::RunError;

/// An adversary as plans know it. Its options stand in the plan's section `adversary`, beside those of every adversary;
/// options of one name that several have are one option.
pub(crate) struct AdversaryRow {
    /// The name as the user types it.
    pub(crate) name: &'static str,
    /// What it does, in a few words.
    pub(crate) about: &'static str,
    /// What it cannot do without.
    pub(crate) needs: Needs,
    /// When its turns change anything.
    pub(crate) turns: Turns,
    /// The usual options in a run of so many steps.
    pub(crate) usual: fn(steps: u64) -> Arc<dyn AdversaryOptions>,
    /// Options from those of the section that are its own; what they do not say is as usual.
    pub(crate) read: fn(Value) -> Result<Arc<dyn AdversaryOptions>, Unreadable>,
    /// Every option in words, in the order of the documentation.
    pub(crate) words: &'static [&'static [Words]],
    /// What the presets that are made with it set of other options.
    pub(crate) presets: fn() -> Wanted,
    /// What is usual of other options wherever it plays.
    pub(crate) opposition: fn() -> Wanted,
    /// Values that make a run take a second or less, by key within the section.
    pub(crate) quick: &'static [(&'static str, i64)],
    /// Options that plans of earlier versions were without. The first are its own, unless version 0.1 had them.
    pub(crate) since: fn() -> Since,
}

/// What an adversary cannot do without.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    /// Parameters that vary, in the Wasserstein ball or a box.
    pub(crate) ball: bool,
    /// That ball by its second-order form.
    pub(crate) second_order: bool,
    /// A learner with a critic Q(s, a).
    pub(crate) action_values: bool,
    /// A learner whose batches are whole episodes.
    pub(crate) whole_episodes: bool,
    /// Bodies that forces can act on.
    pub(crate) bodies: bool,
}

/// When the turns of an adversary change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// Never.
    Never,
    /// While the ball grows.
    InGrowingBall,
    /// Always: it chooses anew.
    Always,
}

/// Options of an adversary.
pub(crate) trait AdversaryOptions: Options {
    /// Whose they are.
    fn row(&self) -> &'static AdversaryRow;

    /// Whether every option makes sense where `space` varies.
    ///
    /// # Errors
    /// [`Mistake`] for the first that does not.
    fn check(&self, space: &DynamicsSpace) -> Result<(), Mistake>;

    /// Whether so many lanes of the learner are enough, where each runs under dynamics of its own.
    ///
    /// # Errors
    /// [`Mistake`].
    fn check_lanes(&self, _lanes: usize) -> Result<(), Mistake> {
        Ok(())
    }

    /// How many numbers, to an order of magnitude, some options ask to be held in memory at once, by key.
    fn sizes(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Options that are not read as the others are, where `vary` varies.
    fn unread(&self, _vary: &[String]) -> Vec<Unread> {
        Vec::new()
    }

    /// Whether the dynamics that it chooses are those of the Wasserstein ball.
    fn in_ball(&self) -> bool {
        self.row().needs.ball
    }

    /// Share of training over which the ball grows.
    fn epsilon_ramp(&self) -> f64 {
        0.0
    }

    /// Episodes that a turn simulates in the ball, to measure returns. `None` if a turn does not even measure where it went.
    fn episodes_a_turn(&self) -> Option<f64>;

    /// The options that what it has learnt itself depends on: with others it begins anew.
    fn memory(&self) -> Table {
        Table::new()
    }

    /// A fresh adversary; `ball` is there if it needs one.
    ///
    /// # Errors
    /// [`RunError`], never for options that [`check`](Self::check) accepts on a task that fits.
    fn build(&self, seat: &Seat<'_>, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError>;
}

/// The ball that an adversary plays in.
#[derive(Debug)]
pub(crate) struct Field {
    /// What it was made of.
    pub(crate) estimate: BallEstimate,
    /// The ball.
    pub(crate) ball: Ball,
}

/// The ball, which an adversary that says so in its [`Needs`] has.
pub(crate) fn field(ball: Option<Field>, row: &AdversaryRow) -> Result<Field, RunError> {
    let forgotten =
        || RunError::Usage(format!("the adversary `{}` does not say that it needs a ball", row.name));
    ball.ok_or_else(forgotten)
}

/// Reads the section of an adversary whose options are a `T`: [`AdversaryRow::read`].
pub(crate) fn read_adversary<T: AdversaryOptions + DeserializeOwned>(
    section: Value,
) -> Result<Arc<dyn AdversaryOptions>, Unreadable> {
    Ok(Arc::new(read::<T>(section)?))
}

/// What a check of the options found, by the key within `options`: errors name the last part of it.
pub(crate) fn checked(options: &Table, result: Result<(), RobustError>) -> Result<(), Mistake> {
    fn find(table: &Table, at: &str, name: &str) -> Option<String> {
        table.iter().find_map(|(key, value)| {
            let here = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match value {
                _ if here == name || here.ends_with(&format!(".{name}")) => Some(here),
                Value::Table(inner) => find(inner, &here, name),
                _ => None,
            }
        })
    }
    result.map_err(|error| match error {
        RobustError::Parameter { name, value, requirement } => {
            let key = find(options, "", name).unwrap_or_else(|| name.to_owned());
            Mistake::new(key, format!("{requirement}, got {value}"))
        }
        other => Mistake::new("", other.to_string()),
    })
}
