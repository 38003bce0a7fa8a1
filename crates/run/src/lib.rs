//! Plans, run folders, logs and the training loop.
#![forbid(unsafe_code)]

mod ball_file;
mod budget;
mod checkpoint;
mod columns;
mod course;
mod error;
mod estimate;
mod evaluation;
mod events;
mod experiment;
mod files;
mod folder;
mod guard;
mod log;
mod logs;
mod number;
mod page;
mod plan;
mod players;
mod policy_file;
mod redraw;
mod replay;
mod report;
mod reproduce;
mod resume;
mod rows;
mod session;
mod simulate;
mod skeleton;
mod summary;
mod train;
mod trained;
mod watch;

pub use ball_file::{BallParameter, BallSummary, Measured, make_ball};
pub use budget::Budget;
pub use checkpoint::{CheckpointError, read_checkpoint};
pub use columns::{COLUMNS, TURN_COLUMNS, stop_word};
pub use error::RunError;
pub use estimate::Estimate;
pub use evaluation::{
    Contestant, Destination, WorstCase, common_task, evaluate_all, methods, open_contestants, sweep_stem,
    worst_of_all, write_results,
};
pub use experiment::{DynamicsRow, EvaluationPlan, Experiment, Method, Within, select_experiments};
pub use files::{NewFile, check_output, refuse_existing, write_file};
pub use folder::RunFolder;
pub use number::{CountError, parse_count};
pub use page::{PageSources, page};
pub use plan::{
    AdversaryKind, AdversaryPlan, Algorithm, Layer, LearnerKind, Plan, PolicyPlan, Report, SettingError,
    Stop, sweep_systems, usual_sweep,
};
pub use policy_file::{PolicyOrigin, VariedParameter, read_policy, write_policy};
pub use redraw::redraw;
pub use report::{Reported, report};
pub use reproduce::{Agenda, Event, Job, JobStatus, tables_of};
pub use resume::{Saved, Standing};
pub use session::{IterationDone, Session};
pub use simulate::{Simulated, Simulation, parse_phi};
pub use summary::{Summary, SweepSummary};
pub use train::{TrainOptions, train};
pub use trained::Trained;
pub use watch::{Ending, Observer, Progress, TurnDone};
