//! Plans, run folders, logs and the training loop.
#![forbid(unsafe_code)]

mod error;
mod executors;
mod formats;
mod plan;
mod players;
mod start;
mod studies;
mod task;
mod training;

pub use error::RunError;
pub use executors::{Executors, Stage, simulate_with};
pub use formats::ball_file::{BallParameter, BallSummary, Measured, make_ball};
pub use formats::checkpoint::{CheckpointError, Keep, read_checkpoint};
pub use formats::files::{NewFile, check_output, refuse_existing, write_file};
pub use formats::folder::RunFolder;
pub use formats::number::{CountError, parse_count};
pub use formats::policy_file::{PolicyOrigin, VariedParameter, read_policy, write_policy};
pub use plan::{
    AdversaryPlan, Algorithm, Instructions, Layer, LearnerPlan, Plan, PolicyPlan, Report, SettingError, Stop,
    sweep_systems, usual_sweep,
};
pub use players::kinds::{AdversaryKind, LearnerKind};
pub use start::StartRef;
pub use studies::destination::Destination;
pub use studies::estimate::Estimate;
pub use studies::evaluation::{
    Contestant, WorstCase, common_task, evaluate_all, evaluation_key, methods, open_contestants, sweep_stem,
    worst_of_all, write_figure, write_results,
};
pub use studies::experiment::{DynamicsRow, EvaluationPlan, Experiment, Method, select_experiments};
pub use studies::film::Film;
pub use studies::page::{PageSources, page};
pub use studies::redraw::redraw;
pub use studies::report::{Reported, report};
pub use studies::reproduce::{Agenda, Event, Job, JobStatus, tables_of};
pub use studies::setting::Setting;
pub use studies::simulate::{Simulated, Simulation, parse_phi};
pub use studies::sweep::entry::{EXIT, Entry};
pub use studies::sweep::file::Sweep;
pub use studies::sweep::standing::{EntryStanding, end_of_log};
pub use studies::sweep::tables::{Collected, CollectedTable};
pub use studies::video::{Video, check_video, write_video};
pub use studies::within::Within;
pub use task::{TaskRef, robot_task_names, task_names};
pub use training::budget::Budget;
pub use training::columns::{COLUMNS, TURN_COLUMNS, stop_word};
pub use training::resume::{Saved, Standing};
pub use training::session::{IterationDone, Session};
pub use training::summary::{Summary, SweepSummary};
pub use training::train::{TrainOptions, train};
pub use training::trained::Trained;
pub use training::watch::{Ending, Observer, Progress, TurnDone};
