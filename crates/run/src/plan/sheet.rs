//! A plan as a table, with the options of everybody who may play: what settings are laid over. A plan keeps those of who does.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use wr2l_robust::BallConfig;
use wr2l_sim::Physics;

use super::keys::overlay;
use super::layers::Complaint;
use super::messages::{full_key, readable};
use super::{AdversaryPlan, Algorithm, Instructions, LearnerPlan, Plan, PolicyPlan, Report, Stop};
use crate::players::adversary::AdversaryOptions;
use crate::players::kinds::{AdversaryKind, LearnerKind};
use crate::players::learner::LearnerOptions;
use crate::players::options::{Unreadable, read};
use crate::players::{ADVERSARIES, LEARNERS};
use crate::start::StartRef;
use crate::task::TaskRef;

/// Where the options of adversaries stand.
pub(super) const ADVERSARY: &str = "adversary";

/// A plan, and the options of everybody.
pub(super) struct Sheet {
    pub(super) plan: Plan,
    /// In the order of the rows, as the adversaries'.
    pub(super) learners: Vec<Arc<dyn LearnerOptions>>,
    pub(super) adversaries: Vec<Arc<dyn AdversaryOptions>>,
}

/// What every plan has, whoever plays.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    algorithm: Algorithm,
    learner: LearnerKind,
    task: TaskRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_hash: Option<String>,
    physics: Physics,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<Instructions>,
    vary: Vec<String>,
    seed: u64,
    steps: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<StartRef>,
    /// That of `from`, which was compared with it when that was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_hash: Option<String>,
    stop: Stop,
    adversary: CommonAdversary,
    ball: BallConfig,
    policy: PolicyPlan,
    report: Report,
}

/// What every adversary has.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommonAdversary {
    kind: AdversaryKind,
    #[serde(default = "super::chosen::usual_lane_steps")]
    lane_steps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<u64>,
    random_actions: f64,
}

impl Sheet {
    /// Reads a plan. Sections that are missing are as usual.
    ///
    /// # Errors
    /// [`Complaint`] for a key that nobody has, and a value that is not of its key's kind.
    pub(super) fn read(table: &Table) -> Result<Self, Complaint> {
        let mut common = table.clone();
        let mut learners = Vec::new();
        for row in LEARNERS {
            learners.push(match common.remove(row.name) {
                None => (row.usual)(0),
                Some(section) => (row.read)(section).map_err(|found| complaint(row.name, found, &[]))?,
            });
        }
        let mut adversaries = Vec::new();
        let mut known = Vec::new();
        for row in ADVERSARIES {
            let mut own = Table::new();
            for key in AdversaryKind::of(row).keys() {
                if let Some(value) = table.get(ADVERSARY).and_then(|section| section.get(key)) {
                    own.insert(key.clone(), value.clone());
                }
                if !known.contains(key) {
                    known.push(key.clone());
                }
            }
            let options = (row.read)(Value::Table(own)).map_err(|found| complaint(ADVERSARY, found, &[]))?;
            adversaries.push(options);
        }
        if let Some(Value::Table(section)) = common.get_mut(ADVERSARY) {
            section.retain(|key, _| !known.iter().any(|own| own == key));
        }
        let sections: Vec<String> = LEARNERS.iter().map(|row| row.name.to_owned()).collect();
        let common: Common = read(Value::Table(common)).map_err(|found| {
            let more = if found.path.starts_with(ADVERSARY) { &known } else { &sections };
            complaint("", found, more)
        })?;
        let Common {
            algorithm,
            learner,
            task,
            task_hash,
            physics,
            instructions,
            vary,
            seed,
            steps,
            from,
            stop,
            ball,
            policy,
            report,
            ..
        } = common;
        let CommonAdversary { kind, lane_steps, every, random_actions } = common.adversary;
        let learner = learners.iter().find(|options| options.row().name == learner.as_str());
        let options = adversaries.iter().find(|options| options.row().name == kind.as_str());
        let plan = Plan {
            algorithm,
            learner: LearnerPlan::of(learner.expect("every kind is a row").clone()),
            task,
            task_hash,
            physics,
            instructions,
            vary,
            seed,
            steps,
            from,
            stop,
            adversary: AdversaryPlan {
                lane_steps,
                every,
                random_actions,
                options: options.expect("every kind is a row").clone(),
            },
            ball,
            policy,
            report,
        };
        Ok(Self { plan, learners, adversaries })
    }
}

/// `plan` as a table, with the options of who plays.
pub(super) fn table_of(plan: &Plan) -> Table {
    let Plan {
        algorithm,
        learner,
        task,
        task_hash,
        physics,
        instructions,
        vary,
        seed,
        steps,
        from,
        stop,
        adversary,
        ball,
        policy,
        report,
    } = plan;
    let common = Common {
        algorithm: *algorithm,
        learner: learner.kind(),
        task: task.clone(),
        task_hash: task_hash.clone(),
        physics: *physics,
        instructions: *instructions,
        vary: vary.clone(),
        seed: *seed,
        steps: *steps,
        from: from.clone(),
        from_hash: from.as_ref().map(StartRef::hash),
        stop: stop.clone(),
        adversary: CommonAdversary {
            kind: adversary.kind(),
            lane_steps: adversary.lane_steps,
            every: adversary.every,
            random_actions: adversary.random_actions,
        },
        ball: *ball,
        policy: *policy,
        report: report.clone(),
    };
    let mut table = Table::try_from(common).expect("a plan has string keys and no number beyond TOML's");
    let options = learner.options();
    lay(&mut table, options.row().name, options.table());
    lay(&mut table, ADVERSARY, adversary.options().table());
    table
}

/// Lays the options of a section over `table`.
pub(super) fn lay(table: &mut Table, section: &str, options: Table) {
    overlay(table, &Table::from_iter([(section.to_owned(), Value::Table(options))]));
}

/// What to say of something unreadable in `section`, which has the keys `more` beside those that serde knows.
fn complaint(section: &str, found: Unreadable, more: &[String]) -> Complaint {
    let Unreadable { path, mut message } = found;
    if message.starts_with("unknown field") {
        more.iter().for_each(|key| message += &format!(", `{key}`"));
    }
    let path = match (section, path.as_str()) {
        ("", _) => path,
        (_, ".") => section.to_owned(),
        _ => format!("{section}.{path}"),
    };
    Complaint { key: full_key(path, &message), message: readable(&message) }
}
