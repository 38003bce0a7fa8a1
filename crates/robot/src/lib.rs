//! Robots of one's own: any model that MuJoCo compiles, as a task written in one file.
//!
//! An [`Inventory`] lists what a model consists of, by name: what selectors address and expressions read. The numbers that an
//! expression reads of a state are [`Input`]s, which an engine fills in for every lane.
#![deny(unsafe_code)]

mod any;
mod batch;
mod control_loop;
mod effect_test;
mod effects;
mod element;
mod expression;
mod field;
mod file;
mod friction;
mod input;
mod inspect;
mod inventory;
mod kinematics;
mod lane_forces;
mod lane_sensors;
mod lanes_engine;
mod loop_numbers;
mod model;
mod mover;
#[cfg(feature = "mujoco")]
mod mujoco_engine;
mod observation;
mod physics;
mod quantity;
mod rehearsal;
mod rules;
mod selector;
mod solid;
mod start;
mod task;
mod tasks;
mod terms;
mod timing;
mod vary;

pub use effect_test::{Felt, feel};
pub use effects::Effects;
pub use element::{Element, ElementKind};
pub use expression::{Compiler, ExpressionError, Program, ProgramTooLarge, Scope, Scratch, Value};
pub use field::Op;
pub use file::{
    ActionMap, ActionTable, Clip, Constant, ContactRule, Distribution, DrawTable, Elements, Intervals,
    Mistake, ObserveTable, Operation, Per, ResetNoise, ResetTable, RewardTable, RobotTable, Shape, Spread,
    TaskFile, TerminateTable, Varied, VaryTable,
};
pub use input::Input;
pub use inspect::{Listed, Nominal, describe, inspect};
pub use inventory::{
    Actuator, Body, Geom, Inventory, Joint, JointKind, Keyframe, Pair, Sensed, SensedTerm, Sensor, Site,
};
pub use model::{RobotError, RobotModel};
pub use physics::{Choice, RobotPhysics, choose};
pub use quantity::Quantity;
pub use rehearsal::{Course, TermSeen, doubts, rehearse};
pub use rules::{Drive, Moment, Referee, Rig, Rules};
pub use selector::{SelectError, Selector};
pub use start::Start;
pub use task::{RobotTask, TaskError};
pub use terms::{Fault, Terms, Work};
pub use timing::Timing;
pub use vary::{Draw, Variation, Vary, VaryError};
