//! `docs/settings.md`: every key that `--set` takes, as the code has it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::Value;
use wr2l_sim::TaskName;

use super::keys::{leaves, lookup};
use super::preset::defaults;
use super::readers::reader_of;
use super::{Algorithm, Layer, Plan};
use crate::players::options::Words;
use crate::players::{ADVERSARIES, LEARNERS, SHARED};

const RUN: &[Words] = &[
    Words { keys: &["task"], meaning: "a task's name, or the path of a task file", usual: "`wr2l tasks`" },
    Words {
        keys: &["task_hash"],
        meaning: "fingerprint of a task file and its robot; written into plans, so that a changed file is refused",
        usual: "not set by hand",
    },
    Words {
        keys: &["algorithm"],
        meaning: "preset that gives the other defaults (`--algorithm`)",
        usual: "[methods](methods/README.md)",
    },
    Words { keys: &["learner"], meaning: "who improves the policy (`--learner`)", usual: "LEARNERS" },
    Words { keys: &["physics"], meaning: "who simulates (`--physics`)", usual: "`wr2l tasks TASK`" },
    Words {
        keys: &["instructions"],
        meaning: "vector instructions that a machine has to have (`avx2` or `portable`), so that bits agree across machines",
        usual: "[machines](machines.md)",
    },
    Words {
        keys: &["vary"],
        meaning: "names of the dynamics parameters that vary, or patterns of them (`--vary`)",
        usual: "`wr2l tasks TASK`",
    },
    Words { keys: &["seed"], meaning: "seed of everything random but the ball (`--seed`)", usual: "0–9" },
    Words {
        keys: &["steps"],
        meaning: "policy steps to train for (`--steps`); the last iteration may go beyond",
        usual: "1e6–1e7",
    },
    Words {
        keys: &["from"],
        meaning: "the policy to begin with: a run folder, a checkpoint or a policy's file ([`--from`](runs.md#beginning-with-a-policy))",
        usual: "not set",
    },
    Words {
        keys: &["from_hash"],
        meaning: "its fingerprint; written into plans, so that a changed file is refused",
        usual: "not set by hand",
    },
    Words {
        keys: &["stop.entropy_below"],
        meaning: "nats; training stops once the policy's entropy falls below",
        usual: "−∞: never",
    },
    Words {
        keys: &["policy.history"],
        meaning: "earlier frames of observations and actions that policy and critic see, at most 16",
        usual: "0–4",
    },
    Words {
        keys: &["report.sweep"],
        meaning: "systems of the short evaluation after training, as `wr2l evaluate --sweep` takes them; `[]` for none",
        usual: "the task's",
    },
    Words { keys: &["report.episodes"], meaning: "its episodes a system", usual: "5–20" },
];

const BALL: &[Words] = &[
    Words {
        keys: &["ball.epsilon"],
        meaning: "radius ε in W₂², squared state units (`--epsilon`)",
        usual: "above 0; `wr2l ball TASK` shows what it means",
    },
    Words {
        keys: &["ball.half_width"],
        meaning: "instead of ε: how far the middle parameter may move alone, in units of its nominal value; of two, their mean (`--half-width`)",
        usual: "0.1–1",
    },
    Words {
        keys: &["ball.seed"],
        meaning: "seed of the estimate; `\"run\"` for the run's, as in version 0.1",
        usual: "0",
    },
    Words {
        keys: &["ball.measure"],
        meaning: "which dynamics belong to it: by the second-order form (`taylor`), or by the measured distance (`measured`)",
        usual: "`taylor`",
    },
    Words {
        keys: &["ball.hessian"],
        meaning: "how H₀ is estimated: `gauss-newton`, or `zero-order` (Proposition 2)",
        usual: "`gauss-newton`",
    },
    Words {
        keys: &["ball.ridge"],
        meaning: "smallest eigenvalue of H₀, in units of their mean; smaller ones are lifted to it",
        usual: "1e-6–1e-3, in [1e-12, 1]",
    },
    Words {
        keys: &["ball.transport"],
        meaning: "how clouds of next states are compared: `gaussian` (the paper) or `empirical`; all one where dynamics are deterministic",
        usual: "`gaussian`",
    },
    Words {
        keys: &["ball.state_weights"],
        meaning: "what a unit of a state coordinate is worth: `unit` (the paper) or `inverse-variance`",
        usual: "`unit`",
    },
    Words {
        keys: &["ball.pairs.count", "ball.pairs.pool"],
        meaning: "state–action pairs that W is measured at, and transitions that H₀ is averaged over, at least",
        usual: "1,000–4,000, ten times that",
    },
    Words {
        keys: &["ball.pairs.target_error"],
        meaning: "relative error of every half-width at which H₀ is good enough; 0: the plain mean over `count` pairs, as in version 0.1",
        usual: "0.01–0.05, in [0, 1)",
    },
    Words {
        keys: &["ball.pairs.most_steps"],
        meaning: "simulator steps after which H₀ is taken as it is",
        usual: "1e6–1e7",
    },
    Words {
        keys: &["ball.pairs.largest_share"],
        meaning: "most that one pair may make up of a parameter's curvature",
        usual: "0.003–0.03, in (0, 1]",
    },
    Words {
        keys: &["ball.pairs.samples"],
        meaning: "next states drawn for each pair; 1 says all of deterministic dynamics",
        usual: "1, or 16–256",
    },
    Words {
        keys: &["ball.gauss_newton.step"],
        meaning: "step of the central differences, in units of the nominal values",
        usual: "1e-3–1e-1",
    },
    Words {
        keys: &["ball.zero_order.sigma"],
        meaning: "standard deviation of the perturbations, in units of the nominal values",
        usual: "0.03–0.3",
    },
    Words {
        keys: &["ball.zero_order.tolerance", "ball.zero_order.max_samples"],
        meaning: "relative error at which sampling stops, and antithetic pairs after which it stops anyway",
        usual: "0.02–0.2, 500–5,000",
    },
];

const ADVERSARY: &[Words] = &[
    Words {
        keys: &["adversary.kind"],
        meaning: "who chooses the dynamics or disturbs the agent (`--adversary`)",
        usual: "ADVERSARIES",
    },
    Words {
        keys: &["adversary.lane_steps"],
        meaning: "steps of each of the learner's lanes between two turns, at least ([why](methods/README.md#turns))",
        usual: "500–2,000",
    },
    Words {
        keys: &["adversary.every"],
        meaning: "the same in steps of all lanes together, as version 0.1 counted",
        usual: "not set",
    },
    Words {
        keys: &["adversary.random_actions"],
        meaning: "probability that chance acts instead of the agent in a step of training",
        usual: "0–0.2, in [0, 1)",
    },
];

/// Keys without a value unless somebody sets them.
const UNSET: &[&str] = &[
    "instructions",
    "task_hash",
    "from",
    "from_hash",
    "ball.half_width",
    "adversary.every",
    "ball.pairs.samples",
];

/// The plans of `wr2l train TASK` on every task that `settings` fit.
fn plans(settings: &[String]) -> Vec<(TaskName, Plan)> {
    let of = |task: TaskName| {
        let task = std::iter::once(format!("task={task}"));
        let layers: Vec<Layer> =
            task.chain(settings.iter().cloned()).map(|text| Layer::set(&text).unwrap()).collect();
        Plan::resolve(&layers).ok()
    };
    TaskName::ALL.into_iter().filter_map(|task| Some((task, of(task)?))).collect()
}

/// The value that most plans have for `key`, and those of the others with their tasks.
fn default_of(key: &str, plans: &[(TaskName, Plan)]) -> String {
    let mut values: Vec<(String, Vec<String>)> = Vec::new();
    for (task, plan) in plans {
        let shown = match plan.get(key) {
            // All of a section has no value that a cell could hold.
            Some(value) if value.is_table() => continue,
            Some(value) => format!("`{}`", value.to_string().trim()),
            None => "–".to_owned(),
        };
        match values.iter_mut().find(|(known, _)| *known == shown) {
            Some((_, tasks)) => tasks.push(task.to_string()),
            None => values.push((shown, vec![task.to_string()])),
        }
    }
    // Of equally many the first task's.
    values.sort_by_key(|(_, tasks)| std::cmp::Reverse(tasks.len()));
    match values.as_slice() {
        [] => "–".to_owned(),
        [(value, _)] => value.clone(),
        [_, _, _, _, ..] => "the task's".to_owned(),
        [(value, _), others @ ..] => {
            let others: Vec<String> =
                others.iter().map(|(value, tasks)| format!("{} {value}", tasks.join(", "))).collect();
            format!("{value}; {}", others.join("; "))
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A line of a table: words about keys within `section`, with their defaults and who reads them.
fn line(section: &str, words: &Words, plans: &[(TaskName, Plan)], reader: Option<&str>) -> String {
    let keys: Vec<String> = words.keys.iter().map(|key| format!("{section}{key}")).collect();
    let mut readers: Vec<String> = keys.iter().filter_map(|key| reader_of(key)).collect();
    readers.dedup();
    let reader = match (reader, readers.is_empty()) {
        (Some(reader), _) => reader.to_owned(),
        (None, true) => "every run".to_owned(),
        (None, false) => readers.join("; "),
    };
    let defaults: Vec<String> = keys.iter().map(|key| default_of(key, plans)).collect();
    // Pages of methods lie beside each other, and this one a folder above.
    let linked = |text: &str| match section {
        "" => text.to_owned(),
        _ => text.replace("](", "](methods/").replace("](methods/../", "]("),
    };
    let meaning = linked(words.meaning);
    let usual = match words.usual {
        "LEARNERS" => names(LEARNERS.iter().map(|row| row.name)),
        "ADVERSARIES" => names(ADVERSARIES.iter().map(|row| row.name)),
        usual => linked(usual),
    };
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    format!("| {} | {meaning} | {usual} | {} | {reader} |\n", keys.join(", "), defaults.join(", "))
}

const HEAD: &str = "| key | meaning | range or usual | default | read by |\n|---|---|---|---|---|\n";

fn page() -> String {
    let mut text = "# Every setting\n\n<!-- written by a test: WR2L_REWRITE_DOCS=1 cargo test -p wr2l-run settings -->\n\n\
        Keys for `--set key=value` and for plans (`wr2l train --plan FILE`). The default is that of `wr2l train TASK`, with\n\
        `--learner` or `--adversary` where the section is one's own; a preset (`--algorithm`) may have another. Where tasks\n\
        differ, most have the first value. A value that nobody in a run reads is refused, by the name of who would read it.\n\
        `plan.toml` of a run folder has the values that it trained with.\n"
        .to_owned();
    let usual = plans(&[]);
    for (title, table) in [("Every run", RUN), ("The ball", BALL), ("Every adversary", ADVERSARY)] {
        text += &format!("\n## {title}\n\n{HEAD}");
        table.iter().for_each(|words| text += &line("", words, &usual, None));
    }
    text += &format!("\n## Several adversaries\n\n{HEAD}");
    let mut shared = BTreeSet::new();
    for row in ADVERSARIES {
        let plans = plans(&[format!("adversary.kind={}", row.name)]);
        for words in row.words.iter().copied().flatten() {
            let first = words.keys[0].split('.').next().unwrap();
            let of_several = SHARED.iter().any(|(key, _)| *key == first);
            if of_several && shared.insert(words.keys) {
                text += &line("adversary.", words, &plans, None);
            }
        }
    }
    for row in ADVERSARIES {
        let own = row.words.iter().copied().flatten().filter(|words| !shared.contains(words.keys));
        let plans = plans(&[format!("adversary.kind={}", row.name)]);
        let reader = format!("`{}`", row.name);
        let lines: String = own.map(|words| line("adversary.", words, &plans, Some(&reader))).collect();
        if !lines.is_empty() {
            text += &format!("\n## Adversary {}\n\n{}.\n\n{HEAD}{lines}", row.name, sentence(row.about));
        }
    }
    for row in LEARNERS {
        let plans = plans(&[format!("learner={}", row.name)]);
        let reader = format!("`{}`", row.name);
        text += &format!("\n## Learner {}\n\n{}.\n\n{HEAD}", row.name, sentence(row.about));
        let section = format!("{}.", row.name);
        row.words.iter().for_each(|words| text += &line(&section, words, &plans, Some(&reader)));
    }
    text
}

/// `text` with a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// With `WR2L_REWRITE_DOCS` set it writes the page instead.
#[test]
fn the_page_of_settings_is_what_the_code_says() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md"));
    let page = page();
    if std::env::var_os("WR2L_REWRITE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
    } else {
        let there = std::fs::read_to_string(&path).unwrap();
        assert!(there == page, "{}: WR2L_REWRITE_DOCS=1 writes it", path.display());
    }
}

#[test]
fn every_key_of_a_plan_that_is_no_player_s_is_described_once() {
    let task = TaskName::HOPPER.into();
    let table = defaults(Algorithm::default(), None, None, &task, None);
    let own = |key: &str| match key.split_once('.') {
        Some(("adversary", rest)) => {
            let first = rest.split('.').next().unwrap();
            !ADVERSARIES.iter().any(|row| (row.usual)(1).table().contains_key(first))
        }
        Some((section, _)) => !LEARNERS.iter().any(|row| row.name == section),
        None => true,
    };
    let keys: BTreeSet<String> = leaves(&table).into_iter().map(|(key, _)| key).filter(|k| own(k)).collect();
    let mut described = BTreeSet::new();
    for words in [RUN, BALL, ADVERSARY].concat() {
        for key in words.keys {
            assert!(described.insert((*key).to_owned()), "`{key}` twice");
            let value: Option<&Value> = lookup(&table, key);
            assert_eq!(value.is_none(), UNSET.contains(key), "`{key}` is no key of a plan, or unset");
        }
    }
    assert_eq!(keys.difference(&described).collect::<Vec<_>>(), [""; 0]);
}
