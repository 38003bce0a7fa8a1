//! Sweeps over dynamics and the statistics of what came out.
//!
//! A [`Grid`] of one or more [`Axis`] names the systems; [`evaluate`] runs one policy on them; the results are a
//! [`Table`], kept as CSV ([`write_csv`], [`read_csv`]); [`Statistics`] and [`Spread`] condense them over systems and over seeds.
#![forbid(unsafe_code)]

mod axis;
mod csv_file;
mod evaluate;
mod number;
mod statistics;
mod summary;
mod table;

pub use axis::{Axis, Grid, MAX_SYSTEMS, SweepError, Systems};
pub use csv_file::{CsvError, read_csv, write_atomically, write_csv};
pub use evaluate::{Evaluation, EvaluationError, Progress, Subject, evaluate};
pub use number::{NumberError, parse_number};
pub use statistics::{Spread, Statistics, StatisticsError};
pub use summary::summary;
pub use table::{Episode, Provenance, Row, Table};
