//! Whether the values of a task file make sense.

use super::choices::{Clip, Distribution, Intervals, Operation, Shape, Spread};
use super::mistake::Mistake;
use super::tables::TaskFile;
use crate::expression::is_taken;

/// Longest history of an observation, in steps.
const LONGEST_HISTORY: u32 = 1000;

/// A value that makes no sense: its path, and what would.
struct Wrong(String, String);

type Checked = Result<(), Wrong>;

fn wrong(path: impl Into<String>, message: impl Into<String>) -> Checked {
    Err(Wrong(path.into(), message.into()))
}

fn number(path: &str, value: f64, holds: bool, valid: &str) -> Checked {
    if holds { Ok(()) } else { wrong(path, format!("expected {valid}, found {value}")) }
}

fn spread(path: &str, spread: Spread) -> Checked {
    let size = spread.size();
    number(path, size, size.is_finite() && size >= 0.0, "a finite number that is not negative")
}

fn interval(path: &str, [low, high]: [f64; 2]) -> Checked {
    if low <= high && low.is_finite() && high.is_finite() {
        return Ok(());
    }
    wrong(path, format!("expected [LOW, HIGH] of finite numbers, found [{low}, {high}]"))
}

/// Ends of which one may be infinite.
fn ends(path: &str, [low, high]: [f64; 2]) -> Checked {
    if low < high { Ok(()) } else { wrong(path, format!("expected [LOW, HIGH], found [{low}, {high}]")) }
}

/// A name that logs, plans and expressions can carry.
fn name(path: &str, name: &str) -> Checked {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(());
    }
    wrong(path, format!("a name has letters, digits, `_` and `-`, and this one is `{name}`"))
}

/// Names of a list: each good, and none twice.
fn names<'a>(list: &str, all: impl Iterator<Item = &'a str>) -> Checked {
    let mut known: Vec<&str> = Vec::new();
    for (i, given) in all.enumerate() {
        // Those of the observation need none.
        if list == "observe" && given.is_empty() {
            continue;
        }
        let path = format!("{list}[{i}].name");
        name(&path, given)?;
        if known.contains(&given) {
            return wrong(path, format!("there are two of the name `{given}`"));
        }
        known.push(given);
    }
    Ok(())
}

fn shape(path: &str, shape: Shape) -> Checked {
    match shape {
        Shape::Gaussian(size) | Shape::Exponential(size) => {
            let key = if matches!(shape, Shape::Gaussian(_)) { "gaussian" } else { "exponential" };
            number(
                &format!("{path}.{key}"),
                size,
                size.is_finite() && size > 0.0,
                "a positive, finite number",
            )
        }
        Shape::Ramp([zero, one]) => {
            let path = format!("{path}.ramp");
            if zero.is_finite() && one.is_finite() && zero != one {
                return Ok(());
            }
            wrong(path, format!("expected two different, finite numbers, found [{zero}, {one}]"))
        }
        Shape::Clip(Clip(clip)) => ends(&format!("{path}.clip"), clip),
    }
}

fn robot(task: &TaskFile) -> Checked {
    let robot = &task.robot;
    if robot.mjcf.is_empty() {
        return wrong("robot.mjcf", "expected the path of a model");
    }
    match (robot.control_dt, robot.frame_skip) {
        (Some(dt), None) => {
            number(
                "robot.control_dt",
                dt,
                dt.is_finite() && dt > 0.0,
                "a positive, finite number of seconds",
            )?;
        }
        (None, Some(skip)) => {
            number("robot.frame_skip", f64::from(skip), skip > 0, "a whole number from 1")?;
        }
        (Some(_), Some(_)) => {
            return wrong("robot.frame_skip", "`control_dt` says this already: set one of them");
        }
        (None, None) => return wrong("robot", "expected either `control_dt` or `frame_skip`"),
    }
    for &std in &robot.velocity_noise {
        number(
            "robot.velocity_noise",
            std,
            std.is_finite() && std >= 0.0,
            "finite standard deviations, not negative",
        )?;
    }
    number("robot.episode_steps", 0.0, robot.episode_steps > 0, "a whole number from 1")
}

fn reset(task: &TaskFile) -> Checked {
    let noise = &task.reset.noise;
    for (key, noise) in [("joint", noise.joint), ("root", noise.root), ("velocity", noise.velocity)] {
        spread(&format!("reset.noise.{key}"), noise)?;
    }
    for (i, draw) in task.reset.draw.iter().enumerate() {
        let path = format!("reset.draw[{i}]");
        for (key, intervals) in [("position", &draw.position), ("velocity", &draw.velocity)] {
            let Some(Intervals(intervals)) = intervals else { continue };
            intervals.iter().try_for_each(|ends| interval(&format!("{path}.{key}"), *ends))?;
        }
        if let Some(norm) = draw.norm {
            ends(&format!("{path}.norm"), norm)?;
        }
        if draw.norm.is_some() && draw.position.is_none() {
            return wrong(format!("{path}.norm"), "the norm is of the positions: `position` is missing");
        }
    }
    Ok(())
}

fn terms(task: &TaskFile) -> Checked {
    if let super::ActionMap::AroundKeyframe { scale } = task.action.map {
        number("action.map", scale, scale.is_finite() && scale != 0.0, "a finite scale that is not 0")?;
    }
    if task.observe.is_empty() {
        return wrong("observe", "expected at least one `[[observe]]`");
    }
    for (i, term) in task.observe.iter().enumerate() {
        let path = |key: &str| format!("observe[{i}].{key}");
        spread(&path("noise"), term.noise)?;
        let (scale, delay) = (term.scale, term.delay);
        number(&path("scale"), scale, scale.is_finite(), "a finite number")?;
        number(&path("delay"), delay, delay.is_finite() && delay >= 0.0, "seconds, not negative")?;
        let steps = term.history;
        let valid = format!("a whole number from 1 to {LONGEST_HISTORY}");
        number(&path("history"), f64::from(steps), (1..=LONGEST_HISTORY).contains(&steps), &valid)?;
        if let Some(Clip(clip)) = term.clip {
            ends(&path("clip"), clip)?;
        }
    }
    names("observe", task.observe.iter().map(|term| term.name.as_str()))?;
    names("reward", task.reward.iter().map(|term| term.name.as_str()))?;
    for (i, term) in task.reward.iter().enumerate() {
        number(&format!("reward[{i}].weight"), term.weight, term.weight.is_finite(), "a finite number")?;
        if let Some(of) = term.shape {
            shape(&format!("reward[{i}].shape"), of)?;
        }
    }
    names("terminate", task.terminate.iter().map(|term| term.name.as_str()))
}

fn constants(task: &TaskFile) -> Checked {
    for (key, constant) in &task.constants {
        let path = format!("constants.{key}");
        let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return wrong(
                path,
                format!("expressions cannot read a name like `{key}`: letters, digits and `_` can be"),
            );
        }
        if is_taken(key) {
            return wrong(path, format!("`{key}` means something else in expressions already"));
        }
        for value in &constant.0 {
            number(&path, *value, value.is_finite(), "a finite number")?;
        }
    }
    Ok(())
}

fn vary(task: &TaskFile) -> Checked {
    for varied in &task.vary {
        let path = format!("vary.{}", varied.name);
        name(&path, &varied.name)?;
        let table = &varied.table;
        let [low, high] = table.range;
        let range = format!("{path}.range");
        if !(low.is_finite() && high.is_finite() && low < high) {
            return wrong(range, format!("expected [LOW, HIGH] of finite numbers, found [{low}, {high}]"));
        }
        if !(low > 0.0) && table.distribution == Distribution::LogUniform {
            return wrong(range, format!("the logarithm needs positive numbers, found [{low}, {high}]"));
        }
        if low < 0.0 && table.op == Operation::Scale {
            return wrong(range, format!("a scale is not negative, found [{low}, {high}]"));
        }
    }
    Ok(())
}

fn plan(task: &TaskFile) -> Checked {
    for (i, sweep) in task.sweep.iter().enumerate() {
        interval(&format!("sweep[{i}].range"), sweep.range)?;
    }
    Ok(())
}

/// The first value that makes no sense.
pub(super) fn check(task: &TaskFile) -> Result<(), Mistake> {
    let checks = [robot, reset, terms, constants, vary, plan];
    checks
        .iter()
        .try_for_each(|check| check(task))
        .map_err(|Wrong(path, message)| task.mistake(&path, message))
}
