//! Names of tasks and players, for help and completions to list.

use std::ffi::OsStr;

use clap::Arg;
use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use wr2l::run::{AdversaryKind, LearnerKind, robot_task_names};
use wr2l::sim::TaskName;

/// Any name; which ones there are, and what was meant, the plan says.
#[derive(Clone)]
pub(super) struct Names(fn() -> Vec<PossibleValue>);

/// Every learner, with what it is.
pub(super) fn learner() -> Names {
    Names(|| LearnerKind::all().map(|kind| PossibleValue::new(kind.as_str()).help(kind.about())).collect())
}

/// Every adversary, with what it does.
pub(super) fn adversary() -> Names {
    Names(|| AdversaryKind::all().map(|kind| PossibleValue::new(kind.as_str()).help(kind.about())).collect())
}

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter()))
    }
}

/// A task's name, or the path of a file, which is opened later.
#[derive(Clone)]
pub(super) struct TaskParser(PossibleValuesParser);

/// The project's tasks, or a file.
pub(super) fn task() -> TaskParser {
    TaskParser(PossibleValuesParser::new(
        TaskName::ALL.map(TaskName::as_str).into_iter().chain(robot_task_names()),
    ))
}

impl TypedValueParser for TaskParser {
    type Value = String;

    fn parse_ref(
        &self,
        cmd: &clap::Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        match value.to_str() {
            Some(path) if path.ends_with(".toml") => Ok(path.to_owned()),
            _ => self.0.parse_ref(cmd, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}
