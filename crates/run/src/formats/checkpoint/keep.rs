//! Which checkpoints of a run stay.

use std::str::FromStr;

/// Which checkpoints of a run stay when another is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest, at least one. Usual: 1–10; `usize::MAX` for all.
    pub last: usize,
    /// Whether those after 1, 2, 4, 8, … iterations stay, too, and are written then: a policy of every stage of training.
    pub powers: bool,
}

impl Keep {
    /// While a run trains, if nothing is said: a damaged one costs little.
    pub const TRAINING: Self = Self { last: 3, powers: false };
    /// Once it has ended, if nothing is said: that of an off-policy learner holds a replay buffer.
    pub const ENDED: Self = Self { last: 1, powers: false };

    /// Whether the one after `iteration` iterations stays, than which so many are `newer`.
    pub(crate) fn keeps(self, iteration: u64, newer: usize) -> bool {
        newer < self.last.max(1) || self.is_power(iteration)
    }

    /// Whether one belongs after `iteration` iterations, whenever that is.
    pub(crate) fn is_power(self, iteration: u64) -> bool {
        self.powers && iteration.is_power_of_two()
    }
}

impl FromStr for Keep {
    type Err = String;

    /// `5`, `all`, `powers`, `5+powers`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (last, powers) = match text.strip_suffix("powers") {
            None => (text, false),
            Some("") => return Ok(Self { powers: true, ..Self::TRAINING }),
            Some(rest) => (rest.strip_suffix('+').unwrap_or_default(), true),
        };
        let last = match last {
            "all" => Some(usize::MAX),
            number => number.parse().ok().filter(|last| *last > 0),
        };
        let wrong =
            || format!("expected a number of at least 1, `all`, `powers` or `5+powers`, got `{text}`");
        Ok(Self { last: last.ok_or_else(wrong)?, powers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_said_in_a_word() {
        let keep = |last, powers| Ok(Keep { last, powers });
        assert_eq!("5".parse(), keep(5, false));
        assert_eq!("all".parse(), keep(usize::MAX, false));
        assert_eq!("powers".parse(), keep(3, true));
        assert_eq!("12+powers".parse(), keep(12, true));
        for wrong in
            ["", "0", "-1", "0+powers", "+powers", "5powers", "some", "5+", "99999999999999999999999"]
        {
            assert!(wrong.parse::<Keep>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_newest_always_stays() {
        let none = Keep { last: 0, powers: false };
        assert!(none.keeps(7, 0) && !none.keeps(8, 1));
        let powers = Keep { last: 2, powers: true };
        let kept: Vec<u64> = (0..=20).filter(|&i| powers.keeps(i, 20 - i as usize)).collect();
        assert_eq!(kept, [1, 2, 4, 8, 16, 19, 20]);
    }
}
