//! Sweeps over dynamics and the statistics of what came out.
//!
//! A [`Grid`] of one or more [`Axis`], a random [`Region`], or a search for the worst case ([`search_worst`]) names the
//! [`Systems`]; [`evaluate`] runs one policy on them; the results are a [`Table`], kept as CSV ([`write_csv`],
//! [`read_csv`]). [`Statistics`] condense a table over its systems, [`Scores`] several runs.
#![forbid(unsafe_code)]

mod across;
mod axis;
mod certificate;
mod columns;
mod comparison;
mod csv_file;
mod evaluate;
mod journal;
mod number;
mod random;
mod seeds;
mod standing;
mod statistics;
mod summary;
mod table;
mod worst_case;

pub use across::{Aggregate, Bootstrap, Interval, Resample, Scores, probability_of_improvement};
pub use axis::{Axis, Grid, MAX_SYSTEMS, SweepError, Systems};
pub use certificate::{Bound, Certainty, Certificate, CertificateError};
pub use csv_file::{CsvError, read_at_most, read_csv, write_atomically, write_csv};
pub use evaluate::{Evaluation, EvaluationError, Progress, Subject, evaluate, evaluate_on};
pub use journal::{Fingerprint, Journal};
pub use number::{NumberError, parse_number};
pub use random::{HALF_WIDTH, Region, RegionError, SHELL_REACH};
pub use seeds::write_statistics;
pub use standing::{STANDING_SPEED, stands_still};
pub use statistics::{Spread, Statistics, StatisticsError};
pub use summary::{method_lines, summary};
pub use table::{Episode, Provenance, Row, Table, Training};
pub use worst_case::{Search, search_worst, search_worst_on};
pub use wr2l_robust::phase_one::SearchKind;
