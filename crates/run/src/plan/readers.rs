//! Which player of a run reads which key of the plan. What a plan's file holds, what of two plans has to agree for them to be
//! the same run, and which settings are refused because nothing would come of them, follow from it.

use toml::Table;
use wr2l_robust::HessianMethod;

use super::Plan;
use super::keys::{is_within, leaves, lookup, nested, overlay, remove};
use super::sheet::{ADVERSARY, Sheet};
use crate::players::adversary::{AdversaryRow, Turns};
use crate::players::kinds::AdversaryKind;
use crate::players::options::Unread;
use crate::players::{ADVERSARIES, LEARNERS, SHARED};

/// Keys, and all below them, that some plans have no reader for, whoever plays.
struct Row {
    keys: &'static [&'static str],
    /// Whether this plan has one.
    read: fn(&Plan) -> bool,
    /// Who it would be: what "only … reads it" is said of.
    reader: fn() -> String,
}

/// A key is read if every row that it falls under says so, and whose it is plays. One under no row, that is nobody's, always is.
const ROWS: &[Row] = &[
    Row {
        keys: &["stop.entropy_below"],
        read: |plan| plan.learner.kind().row().abilities.entropy,
        reader: || {
            let able = LEARNERS.iter().filter(|row| row.abilities.entropy);
            let names: Vec<String> = able.map(|row| format!("`{}`", row.name)).collect();
            format!("a learner whose policy has an entropy ({})", names.join(", "))
        },
    },
    Row {
        keys: &["from_hash"],
        read: |plan| plan.from.is_some(),
        reader: || "a run that begins with a policy (`from`)".to_owned(),
    },
    Row {
        keys: &["ppo.initial_std"],
        read: |plan| plan.from.is_none(),
        reader: || "a run that begins with a new policy (without `from`)".to_owned(),
    },
    Row {
        keys: &["vary"],
        read: Plan::draws_dynamics,
        reader: || {
            let others = listed(names(|row| !row.needs.ball), "and");
            format!("an adversary that chooses dynamics (any but {others})")
        },
    },
    Row {
        keys: &["ball"],
        read: Plan::trains_in_ball,
        reader: || {
            let others = listed(names(|row| !row.needs.ball), "and");
            let drawing = listed(names(has_region), "and");
            format!(
                "an adversary that plays in the ball (any but {others}; {drawing} where `adversary.region.shape = \"ball\"`)"
            )
        },
    },
    Row {
        keys: &["ball.gauss_newton"],
        // The zero-order Hessian's pairs are chosen by it.
        read: |plan| plan.ball.hessian == HessianMethod::GaussNewton || plan.ball.pairs.target_error > 0.0,
        reader: || "`ball.hessian = \"gauss-newton\"`, or `ball.pairs.target_error` above 0".to_owned(),
    },
    Row {
        keys: &["ball.pairs.most_steps", "ball.pairs.largest_share"],
        read: |plan| plan.ball.pairs.target_error > 0.0,
        reader: || "`ball.pairs.target_error` above 0".to_owned(),
    },
    Row {
        keys: &["ball.zero_order"],
        read: |plan| plan.ball.hessian == HessianMethod::ZeroOrder,
        reader: || "`ball.hessian = \"zero-order\"`".to_owned(),
    },
    Row {
        keys: &["adversary.lane_steps", "adversary.every"],
        read: Plan::takes_turns,
        reader: || {
            let names: Vec<String> =
                names(|row| row.turns == Turns::Always).map(|name| format!("`{name}`")).collect();
            format!(
                "an adversary that chooses anew ({}; all in the ball while `adversary.epsilon_ramp` grows it)",
                names.join(", ")
            )
        },
    },
    Row {
        keys: &["adversary.epsilon_ramp"],
        read: Plan::trains_in_ball,
        reader: || "an adversary that plays in the ball".to_owned(),
    },
];

/// The names of the adversaries that are such.
fn names(such: impl Fn(&'static AdversaryRow) -> bool) -> impl Iterator<Item = &'static str> {
    ADVERSARIES.iter().copied().filter(move |row| such(row)).map(|row| row.name)
}

/// Whether an adversary may draw from `adversary.region`.
fn has_region(row: &'static AdversaryRow) -> bool {
    AdversaryKind::of(row).keys().iter().any(|key| key == "region")
}

/// `a`, `b` and `c`.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>, and: &str) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {and} {last}", others.join(", ")),
        None => "of nobody".to_owned(),
    }
}

/// Whose an option of the section `adversary` is, by its key within it; `None` for those of every adversary.
fn owner(key: &str) -> Option<String> {
    let first = key.split('.').next().unwrap_or_default();
    let owners: Vec<&str> =
        names(|row| AdversaryKind::of(row).keys().iter().any(|own| own == first)).collect();
    let shared = SHARED.iter().find(|(name, _)| *name == first);
    match (owners.as_slice(), shared) {
        ([], _) => None,
        (_, Some((_, what))) => {
            let owners: Vec<String> = owners.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("an adversary that {what} ({})", owners.join(", ")))
        }
        (owners, None) => Some(format!("the adversary {}", listed(owners.iter().copied(), "or"))),
    }
}

/// Who alone reads `key`, whoever plays; `None` if everybody does.
#[cfg(test)]
pub(super) fn reader_of(key: &str) -> Option<String> {
    let rows = ROWS.iter().filter(|row| row.keys.iter().any(|at| is_within(key, at)));
    rows.map(|row| (row.reader)()).next().or_else(|| owner(key.strip_prefix("adversary.")?))
}

impl Plan {
    /// Whether somebody in this run reads `key`. True for keys that do not exist.
    pub(crate) fn reads(&self, key: &str) -> bool {
        self.reader_missing(key).is_none()
    }

    /// Who reads `key`, if nobody in this run does.
    pub(super) fn reader_missing(&self, key: &str) -> Option<String> {
        let among = |unread: Vec<Unread>, key: &str| {
            let mut unread = unread.into_iter();
            unread.find(|row| row.keys.iter().any(|at| is_within(key, at))).map(|row| row.reader)
        };
        let (section, rest) = key.split_once('.').unwrap_or((key, ""));
        let learner = LEARNERS.iter().find(|row| row.name == section);
        if let Some(other) = learner.filter(|row| row.name != self.learner.as_str()) {
            return Some(format!("the learner `{}`", other.name));
        }
        let mut rows = ROWS.iter().filter(|row| row.keys.iter().any(|at| is_within(key, at)));
        if let Some(row) = rows.find(|row| !(row.read)(self)) {
            return Some((row.reader)());
        }
        if learner.is_some() {
            return among(self.learner.options().unread(self.draws_dynamics()), rest);
        }
        if section != ADVERSARY || rest.is_empty() {
            return None;
        }
        let first = rest.split('.').next().unwrap_or_default();
        match self.adversary.kind().keys().iter().any(|own| own == first) {
            true => among(self.adversary.options().unread(&self.vary), rest),
            false => owner(rest),
        }
    }

    /// The plan with the values of `preset` where nobody reads them: two plans that agree in all that is read are equal.
    pub(super) fn without_the_unread(self, preset: &Table) -> Self {
        let mut table = self.to_table();
        for (key, _) in leaves(&table).into_iter().chain(leaves(preset)) {
            // What varies gives the arrays of a run's checkpoints their length: plans of earlier versions keep it.
            if key == "vary" || self.reads(&key) {
                continue;
            }
            match lookup(preset, &key) {
                Some(value) => overlay(&mut table, &nested(&key, value.clone())),
                None => remove(&mut table, &key),
            }
        }
        Sheet::read(&table).map_or(self, |sheet| sheet.plan)
    }

    /// Takes out what nobody reads.
    pub(super) fn keep_the_read(&self, table: &mut Table) {
        for (key, _) in leaves(&*table) {
            if key != "vary" && !self.reads(&key) {
                remove(table, &key);
            }
        }
        remove_empty(table, self);
    }

    /// Whether episodes run under other dynamics than the reference.
    fn draws_dynamics(&self) -> bool {
        self.adversary.kind().needs_ball()
    }

    /// Whether the run's dynamics are those of the Wasserstein ball.
    pub fn trains_in_ball(&self) -> bool {
        self.adversary.options().in_ball()
    }

    /// Whether a turn of the adversary can change anything.
    pub(super) fn takes_turns(&self) -> bool {
        let options = self.adversary.options();
        match options.row().turns {
            Turns::Never => false,
            Turns::InGrowingBall => options.in_ball() && options.epsilon_ramp() > 0.0,
            Turns::Always => true,
        }
    }
}

/// Takes out the tables that hold nothing any more, unless they are somebody's without keys (`adversary.region.ranges`).
fn remove_empty(table: &mut Table, plan: &Plan) {
    fn prune(table: &mut Table, prefix: &str, plan: &Plan) {
        let names: Vec<String> = table.keys().cloned().collect();
        for name in names {
            let key = format!("{prefix}{name}");
            let Some(toml::Value::Table(inner)) = table.get_mut(&name) else { continue };
            prune(inner, &format!("{key}."), plan);
            if inner.is_empty() && !plan.reads(&key) {
                table.remove(&name);
            }
        }
    }
    prune(table, "", plan);
}
