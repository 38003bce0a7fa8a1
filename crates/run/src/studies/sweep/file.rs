//! Sweep files: tasks × methods × seeds, and what each policy is evaluated on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wr2l_sim::Physics;

use super::entry::{Asked, Entry, evaluate, train};
use crate::error::RunError;
use crate::formats::files::read_text;
use crate::plan::{Layer, MAX_BYTES, Plan, SettingError};
use crate::studies::experiment::EvaluationPlan;
use crate::task::TaskRef;

/// Most entries of a sweep: what `status` and `collect` are meant for.
const MOST: usize = 100_000;

/// A sweep: its folder and its entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Its name, that of its file without extension.
    pub name: String,
    /// The folder of everything: `runs/`, `logs/`, `collected/`.
    pub output: PathBuf,
    /// Threads of an entry.
    pub threads: u64,
    /// Names of the evaluations, in the order of the file.
    pub evaluations: Vec<String>,
    /// All entries: seed by seed, so that every method has its first results early.
    pub entries: Vec<Entry>,
}

/// What a sweep file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The folder; by default the file's name without extension.
    output: Option<PathBuf>,
    tasks: Vec<TaskRef>,
    seeds: Seeds,
    steps: u64,
    physics: Option<Physics>,
    /// Threads of every command.
    #[serde(default = "one")]
    threads: u64,
    method: Vec<MethodEntry>,
    #[serde(default)]
    evaluation: Vec<EvaluationPlan>,
}

fn one() -> u64 {
    1
}

/// So many seeds from 0, or these.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Seeds {
    Count(u64),
    These(Vec<u64>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodEntry {
    name: String,
    algorithm: Option<String>,
    learner: Option<String>,
    adversary: Option<String>,
    vary: Option<Vec<String>>,
    #[serde(default)]
    set: toml::Table,
}

impl Sweep {
    /// The sweep that the file at `path` describes.
    ///
    /// # Errors
    /// [`RunError::Io`]; [`RunError::Setting`] with file and line, or method and key, for the first mistake.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let text = read_text(path, MAX_BYTES).map_err(|error| RunError::io("read", path, &error))?;
        Self::parse(path, &text)
    }

    /// The sweep that a table with the keys of a file describes. Its results lie in the folder `name`, if the table does not say
    /// where.
    ///
    /// # Errors
    /// [`RunError::Setting`] as of [`Sweep::read`], with `name` for the file's.
    pub fn of_table(name: &str, table: toml::Table) -> Result<Self, RunError> {
        let file = table.try_into().map_err(|error: toml::de::Error| unreadable(name.to_owned(), &error))?;
        Self::of(name, PathBuf::from(name), name, &file)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, RunError> {
        let shown = path.display().to_string();
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            unreadable(line.map_or_else(|| shown.clone(), |line| format!("{shown}, line {line}")), &error)
        })?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self::of(&shown, path.with_extension(""), &name, &file)
    }

    /// The sweep of `file`, called `name`, whose mistakes are in `shown`; by default it goes to `folder`.
    fn of(shown: &str, folder: PathBuf, name: &str, file: &File) -> Result<Self, RunError> {
        let refuse =
            |place: String, message: String| RunError::Setting(SettingError::Syntax { place, message });
        let in_file = |message: &str| refuse(shown.to_owned(), message.to_owned());
        let seeds: Vec<u64> = match &file.seeds {
            Seeds::Count(count) => (0..(*count).min(MOST as u64 + 1)).collect(),
            Seeds::These(seeds) => seeds.clone(),
        };
        let different: BTreeSet<u64> = seeds.iter().copied().collect();
        if seeds.is_empty() || different.len() < seeds.len() {
            return Err(in_file("`seeds`: at least one, and none twice"));
        }
        if file.tasks.is_empty() || file.method.is_empty() || file.threads == 0 {
            return Err(in_file("at least one task, one method and one thread"));
        }
        if seeds.len().saturating_mul(file.tasks.len() * file.method.len()) > MOST {
            return Err(in_file(&format!("more than {MOST} runs: divide it among several files")));
        }
        let names = file.method.iter().map(|method| &method.name);
        let names: Vec<&String> =
            names.chain(file.evaluation.iter().map(|evaluation| &evaluation.name)).collect();
        if let Some(wrong) = names.iter().find(|name| !is_part_of_names(name)) {
            return Err(in_file(&format!(
                "`{wrong}` becomes part of file names: letters, digits and hyphens"
            )));
        }
        let (methods, evaluations) = names.split_at(file.method.len());
        for several in [methods, evaluations] {
            if let Some((i, name)) = several.iter().enumerate().find(|(i, name)| several[..*i].contains(name))
            {
                return Err(in_file(&format!(
                    "`{name}` is called twice, the second time as number {}",
                    i + 1
                )));
            }
        }
        let mut tasks: Vec<(&TaskRef, Vec<(&MethodEntry, Asked)>)> = Vec::new();
        for task in &file.tasks {
            if tasks.iter().any(|(other, _)| other.name() == task.name()) {
                return Err(in_file(&format!("`tasks`: {task} is there twice")));
            }
            for evaluation in &file.evaluation {
                let place = format!("{shown}, evaluation `{}`", evaluation.name);
                evaluation
                    .check(&**task)
                    .map_err(|message| refuse(place, format!("on {task}: {message}")))?;
            }
            let asked = file.method.iter().map(|method| Ok((method, asked(shown, file, task, method)?)));
            tasks.push((task, asked.collect::<Result<_, RunError>>()?));
        }
        let output = file.output.clone().unwrap_or(folder);
        let mut entries = Vec::with_capacity(seeds.len() * file.tasks.len() * file.method.len());
        for &seed in &seeds {
            // A number that no plan can hold.
            Layer::count(format!("{shown}, `seeds`"), "seed", seed)?;
            for (_, methods) in &tasks {
                for (method, asked) in methods {
                    entries.push(entry(file, &output, method, asked, seed));
                }
            }
        }
        let evaluations = file.evaluation.iter().map(|evaluation| evaluation.name.clone()).collect();
        Ok(Self { name: name.to_owned(), output, threads: file.threads, evaluations, entries })
    }

    /// The entries of share `part` of `parts`: every `parts`th, so that what takes long is spread.
    pub fn part(&self, part: usize, parts: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().skip(part).step_by(parts.max(1))
    }
}

/// What TOML says of a file that cannot be read.
fn unreadable(place: String, error: &toml::de::Error) -> RunError {
    let message = error.message().trim_end().replace('\n', "; ");
    RunError::Setting(SettingError::Syntax { place, message })
}

fn is_part_of_names(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// What a method means on a task, checked as the command line would.
fn asked(shown: &str, file: &File, task: &TaskRef, method: &MethodEntry) -> Result<Asked, RunError> {
    let place = format!("{shown}, method `{}`", method.name);
    let mut words = vec!["train".to_owned(), task.handle().to_owned()];
    let mut layers = vec![Layer::argument(&place, "task", task.handle())];
    let named = [
        ("--algorithm", "algorithm", &method.algorithm),
        ("--learner", "learner", &method.learner),
        ("--adversary", "adversary.kind", &method.adversary),
    ];
    for (flag, key, value) in named {
        if let Some(value) = value {
            layers.push(Layer::argument(&place, key, value.as_str()));
            words.extend([flag.to_owned(), value.clone()]);
        }
    }
    layers.push(Layer::count(&place, "steps", file.steps)?);
    words.extend(["--steps".to_owned(), file.steps.to_string()]);
    if let Some(names) = &method.vary {
        layers.push(Layer::argument(&place, "vary", names.clone()));
        words.extend(["--vary".to_owned(), names.join(",")]);
    }
    if let Some(physics) = file.physics {
        layers.push(Layer::argument(&place, "physics", physics.as_str()));
        words.extend(["--physics".to_owned(), physics.as_str().to_owned()]);
    }
    for (key, value) in &method.set {
        if key == "seed" || key == "steps" {
            let message = format!("`{key}` is set for all methods, at the head of the file");
            return Err(RunError::Setting(SettingError::Syntax { place, message }));
        }
        // By way of the text, so that the command will read what was checked.
        let setting = format!("{key}={value}");
        layers.push(Layer::set(&setting)?);
        words.extend(["--set".to_owned(), setting]);
    }
    Ok(Asked { words, plan: Plan::resolve(&layers)? })
}

fn entry(file: &File, output: &Path, method: &MethodEntry, asked: &Asked, seed: u64) -> Entry {
    let task = asked.plan.task.to_string();
    let name = format!("{task}-{}-s{seed}", method.name);
    let mut entry = Entry {
        run: output.join("runs").join(&name),
        log: output.join("logs").join(format!("{name}.log")),
        task,
        method: method.name.clone(),
        seed,
        commands: Vec::new(),
        name,
    };
    entry.commands.push(train(asked, seed, file.threads, &entry.run));
    for evaluation in &file.evaluation {
        let to = entry.evaluation(&evaluation.name);
        entry.commands.push(evaluate(evaluation, file.threads, &entry.run, &to));
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "tasks = [\"cartpole\", \"hopper\"]\nseeds = 3\nsteps = 1000\n\n[[method]]\nname = \"plain\"\n\
                        algorithm = \"ppo\"\n\n[[method]]\nname = \"near\"\nalgorithm = \"ppo-uniform\"\n\
                        set = { \"ball.epsilon\" = 0.01, \"ppo.hidden\" = [8, 8] }\n\n[[evaluation]]\nname = \"far\"\n\
                        random = 5\nepisodes = 1\n";

    fn parse(text: &str) -> Result<Sweep, RunError> {
        Sweep::parse(Path::new("in/study.toml"), text)
    }

    #[test]
    fn a_file_is_every_task_with_every_method_and_every_seed_once() {
        let sweep = parse(GOOD).unwrap();
        assert_eq!((sweep.name.as_str(), &sweep.output), ("study", &PathBuf::from("in/study")));
        let names: BTreeSet<&str> = sweep.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!((sweep.entries.len(), names.len()), (12, 12));
        assert!(names.contains("hopper-near-s2"), "{names:?}");
        let firsts: Vec<u64> = sweep.entries[..4].iter().map(|entry| entry.seed).collect();
        assert_eq!(firsts, [0; 4], "all methods on all tasks before the second seed");
        for entry in &sweep.entries {
            assert_eq!(entry.commands.len(), 2, "it is trained and evaluated");
            assert_eq!(entry.commands[1][1], entry.run.display().to_string());
        }
        let these = parse(&GOOD.replace("seeds = 3", "seeds = [7, 2]")).unwrap();
        assert_eq!(
            these.entries.iter().map(|entry| entry.seed).collect::<Vec<_>>(),
            [[7; 4], [2; 4]].concat()
        );
    }

    #[test]
    fn the_parts_of_a_sweep_are_all_of_it_and_none_of_it_twice() {
        let sweep = parse(GOOD).unwrap();
        for parts in [1, 5, 12, 40] {
            let all = (0..parts).flat_map(|part| sweep.part(part, parts));
            let mut names: Vec<&str> = all.map(|entry| entry.name.as_str()).collect();
            names.sort_unstable();
            let mut expected: Vec<&str> = sweep.entries.iter().map(|entry| entry.name.as_str()).collect();
            expected.sort_unstable();
            assert_eq!(names, expected, "{parts}");
        }
    }

    #[test]
    fn a_table_is_the_sweep_of_the_file_that_says_the_same() {
        let table = || GOOD.parse::<toml::Table>().unwrap();
        let sweep = Sweep::of_table("in/study", table()).unwrap();
        let of_file = parse(GOOD).unwrap();
        assert_eq!((&sweep.output, &sweep.entries), (&of_file.output, &of_file.entries));
        let mut elsewhere = table();
        elsewhere.insert("output".into(), "there".into());
        assert_eq!(Sweep::of_table("study", elsewhere).unwrap().output, PathBuf::from("there"));
        let mut wrong = table();
        wrong.insert("stepps".into(), 3.into());
        let error = Sweep::of_table("study", wrong).unwrap_err();
        assert!(
            error.is_usage() && error.to_string().starts_with("study: unknown field `stepps`"),
            "{error}"
        );
    }

    #[test]
    fn mistakes_are_refused_with_their_place() {
        for (from, to, said) in [
            ("seeds", "sedes", "in/study.toml, line 2: unknown field `sedes`"),
            ("seeds = 3", "seeds = 0", "`seeds`: at least one"),
            ("seeds = 3", "seeds = [1, 1]", "none twice"),
            ("seeds = 3", "seeds = 1_000_000_000_000", "more than 100000 runs"),
            ("seeds = 3", "seeds = [9_223_372_036_854_775_808]", "is larger than"),
            ("\"hopper\"", "\"cartpole\"", "cartpole is there twice"),
            ("\"hopper\"", "\"hoper\"", "line 1"),
            ("\"near\"", "\"plain\"", "`plain` is called twice"),
            ("\"near\"", "\"a/b\"", "file names"),
            ("\"ball.epsilon\"", "\"ball.epsilonn\"", "did you mean `epsilon`?"),
            ("\"ball.epsilon\" = 0.01", "seed = 3", "`seed` is set for all methods"),
            ("\"ppo\"\n", "\"pppo\"\n", "method `plain`"),
            ("random = 5", "sweep = [\"gravity=5:15:3\"]", "on hopper"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = parse(&text).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(said), "{to}: {error}");
        }
    }
}
