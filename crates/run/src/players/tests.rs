//! What holds of every row, whoever's it is.

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::{Table, Value};
use wr2l_rl::{StopFlag, Threads};
use wr2l_sim::TaskName;

use super::kinds::{AdversaryKind, LearnerKind};
use super::options::Words;
use super::{ADVERSARIES, LEARNERS, SHARED};
use crate::plan::{Layer, Plan};
use crate::training::players::{Opponent, learner};

/// The dotted keys in `table`; of an empty table its own.
fn keys(table: &Table) -> Vec<String> {
    let mut all = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                all.extend(keys(inner).into_iter().map(|inner| format!("{key}.{inner}")));
            }
            _ => all.push(key.clone()),
        }
    }
    all
}

/// Whether `words` are about `key`: `noise.*` is about all below `noise`, `ranges.NAME` about what has names of its own.
fn about(words: &Words, key: &str) -> bool {
    words.keys.iter().any(|own| {
        let stem = own.strip_suffix(".NAME").unwrap_or(own);
        stem == key || *own == "*" || own.strip_suffix('*').is_some_and(|start| key.starts_with(start))
    })
}

/// Every player: name, its options as they are usually, and words about them.
fn everybody() -> Vec<(&'static str, Table, Vec<Words>)> {
    let learners = LEARNERS.iter().map(|row| (row.name, (row.usual)(1).table(), row.words.to_vec()));
    let adversaries = ADVERSARIES.iter().map(|row| (row.name, (row.usual)(1).table(), row.words.concat()));
    learners.chain(adversaries).collect()
}

fn resolve(settings: &[&str]) -> Result<Plan, String> {
    let layers: Vec<Layer> = settings.iter().map(|text| Layer::set(text).unwrap()).collect();
    Plan::resolve(&layers).map_err(|error| error.to_string())
}

#[test]
fn every_option_is_described_and_every_description_is_of_an_option() {
    // These have no value unless they are set.
    let unset = ["cvar.after"];
    for (name, options, words) in everybody() {
        let keys = keys(&options);
        for key in &keys {
            assert!(words.iter().any(|words| about(words, key)), "`{key}` of `{name}` is not described");
        }
        for words in &words {
            let known =
                keys.iter().any(|key| about(words, key)) || words.keys.iter().all(|key| unset.contains(key));
            assert!(known && !words.meaning.is_empty(), "`{name}` has none of {:?}", words.keys);
        }
    }
}

#[test]
fn what_several_share_is_the_same_option_and_nobodys_else() {
    for row in ADVERSARIES {
        for other in ADVERSARIES.iter().filter(|other| other.name != row.name) {
            let (own, theirs) = ((row.usual)(1).table(), (other.usual)(1).table());
            for (key, value) in own.iter().filter(|(key, _)| theirs.contains_key(*key)) {
                assert_eq!(theirs[key], *value, "`{key}` of `{}` and `{}`", row.name, other.name);
                assert!(SHARED.iter().any(|(shared, _)| shared == key), "`{key}` says not whose it is");
            }
        }
    }
}

#[test]
fn names_are_told_apart_and_are_no_keys_of_anything_else() {
    let names: Vec<&str> = LEARNERS.iter().map(|row| row.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in names {
        let of_plan =
            ["algorithm", "learner", "task", "physics", "vary", "seed", "steps", "stop", "adversary"];
        assert!(!of_plan.contains(&name) && !["ball", "policy", "report"].contains(&name), "{name}");
        assert_eq!(LearnerKind::named(name).map(LearnerKind::as_str), Some(name));
    }
    let names: Vec<&str> = ADVERSARIES.iter().map(|row| row.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for row in ADVERSARIES {
        for key in AdversaryKind::of(row).keys() {
            assert!(!["kind", "lane_steps", "every", "random_actions"].contains(&key.as_str()), "{key}");
        }
        assert_eq!(AdversaryKind::named(row.name).map(AdversaryKind::as_str), Some(row.name));
    }
    assert!(LearnerKind::named("nobody").is_none() && AdversaryKind::named("nobody").is_none());
}

#[test]
fn quick_values_and_those_of_presets_are_of_options_that_there_are() {
    let of = |name: &str, quick: &[(&str, i64)], options: &Table| {
        for (key, _) in quick {
            assert!(keys(options).iter().any(|own| own == key), "`{name}` has no `{key}` to make quick");
        }
    };
    LEARNERS.iter().for_each(|row| of(row.name, row.quick, &(row.usual)(1).table()));
    for row in ADVERSARIES {
        of(row.name, row.quick, &(row.usual)(1).table());
        for (key, value) in (row.presets)().into_iter().chain((row.opposition)()) {
            let (section, own) = key.split_once('.').unwrap();
            let known = LEARNERS.iter().find(|learner| learner.name == section);
            let known =
                known.is_some_and(|learner| keys(&(learner.usual)(1).table()).iter().any(|key| key == own));
            assert!(known || key == "adversary.lane_steps", "`{}` wants {key} = {value}", row.name);
        }
    }
}

/// Also that whoever needs a ball says so, and that every fit pair is refused or made, and nobody passes for nobody.
#[test]
fn every_pair_is_made_as_named_or_refused_in_a_sentence() {
    let mut made = BTreeSet::new();
    for learns in LearnerKind::all() {
        for plays in AdversaryKind::all() {
            let (learns, plays) = (learns.as_str(), plays.as_str());
            let (learner_set, kind) = (format!("learner={learns}"), format!("adversary.kind={plays}"));
            let mut settings = vec!["task=hopper", &*learner_set, &*kind, "steps=1000"];
            let episodes = format!("{learns}.episodes=2");
            for small in
                [&*episodes, "ball.pairs.count=10", "ball.pairs.pool=20", "ball.pairs.target_error=0.0"]
            {
                settings.push(small);
                if resolve(&settings).is_err_and(|message| !message.contains("must be at least 1 with")) {
                    settings.pop();
                }
            }
            let plan = match resolve(&settings) {
                Ok(plan) => plan,
                Err(refusal) => {
                    assert!(refusal.contains("use the learner"), "{refusal}");
                    continue;
                }
            };
            let simulator = plan.simulator().unwrap();
            learner(&plan, &simulator).unwrap();
            let mut executor = Threads::new(&simulator, 1).unwrap().with_stop_flag(StopFlag::default());
            let (opponent, ball, _) = Opponent::start(&plan, &mut executor).unwrap();
            assert_eq!(ball.is_some(), plan.trains_in_ball(), "{plays}");
            let shown = format!("{:?}", opponent.adversary).to_lowercase();
            assert!(shown.starts_with(plays), "`{plays}` is {shown:.40}");
            made.extend([learns.to_owned(), plays.to_owned()]);
        }
    }
    assert_eq!(made.len(), LEARNERS.len() + ADVERSARIES.len(), "each in some pair: {made:?}");
}

#[test]
fn who_plays_in_a_box_estimates_no_ball() {
    for algorithm in ["ppo-uniform", "epopt"] {
        let region = ["adversary.region.shape=box", "adversary.region.half_width=0.4"];
        let name = format!("algorithm={algorithm}");
        let plan = resolve(&[&["task=hopper", &*name], &region[..]].concat()).unwrap();
        let simulator = plan.simulator().unwrap();
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let (opponent, ball, steps) = Opponent::start(&plan, &mut executor).unwrap();
        assert!(ball.is_none() && opponent.estimate.is_none() && steps == 0, "{algorithm}: {steps}");
    }
}

#[test]
fn a_plan_of_before_a_player_is_whole_without_its_options() {
    // With what version 0.1 did not have left out, whichever row says so.
    for algorithm in ["ppo", "wr2l"] {
        let plan = resolve(&["task=hopper", &format!("algorithm={algorithm}")]).unwrap();
        let mut table: Table = plan.to_toml().parse().unwrap();
        for row in LEARNERS.iter().filter(|row| row.name != "ppo") {
            table.remove(row.name);
            assert_eq!((row.since)().first().map(|(key, _)| *key), Some(row.name), "its section comes first");
        }
        let file = Layer::text("plan.toml".as_ref(), toml::to_string(&table).unwrap()).unwrap();
        assert_eq!(Plan::resolve(&[file]).unwrap(), plan);
    }
}

/// With `WR2L_REWRITE_DOCS` set it writes the tables instead.
#[test]
fn the_tables_of_the_documentation_are_those_of_the_rows() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/methods"));
    let mut wanted: Vec<(String, String)> = Vec::new();
    wanted
        .extend(LearnerKind::all().map(|kind| (format!("learner {}", kind.as_str()), kind.options_table())));
    wanted.extend(
        AdversaryKind::all().map(|kind| (format!("adversary {}", kind.as_str()), kind.options_table())),
    );
    for (who, table) in wanted.iter().filter(|(_, table)| !table.is_empty()) {
        let begin = format!("<!-- options of the {who}: written by a test from its row -->\n\n");
        let mut pages = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let Some((before, rest)) = text.split_once(&begin) else { continue };
            let (there, after) = rest.split_once("\n<!-- end of options -->").expect("the table ends");
            if std::env::var_os("WR2L_REWRITE_DOCS").is_some() {
                let text = format!("{before}{begin}{table}\n<!-- end of options -->{after}");
                std::fs::write(&path, text).unwrap();
            } else {
                assert_eq!(there, table, "{}: WR2L_REWRITE_DOCS=1 writes it", path.display());
            }
            pages.push(path);
        }
        assert_eq!(pages.len(), 1, "the options of the {who} have one page: {pages:?}");
    }
}

#[test]
fn a_task_without_bodies_refuses_whoever_pushes_and_one_with_choices_whoever_needs_numbers() {
    let task = format!("task={}", TaskName::CARTPOLE);
    for kind in LearnerKind::all() {
        let plan = resolve(&[&task, "adversary.kind=nominal", &format!("learner={}", kind.as_str())]);
        assert_eq!(plan.is_ok(), kind.takes_choices(), "{plan:?}");
    }
    for kind in AdversaryKind::all().filter(|kind| kind.needs_bodies()) {
        let refusal = resolve(&[&task, &format!("adversary.kind={}", kind.as_str())]).unwrap_err();
        assert!(refusal.contains("needs bodies to push"), "{refusal}");
    }
}
