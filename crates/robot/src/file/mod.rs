//! Task files: what a robot is to do, as TOML.

mod ad_hoc;
mod check;
mod choices;
mod document;
mod messages;
mod mistake;
mod source;
mod tables;
mod varied;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::Value;

pub use choices::{
    ActionMap, Clip, Constant, ContactRule, Distribution, Elements, Intervals, Operation, Per, Shape, Spread,
};
pub use mistake::Mistake;
pub use tables::{
    ActionTable, DrawTable, ObserveTable, ResetNoise, ResetTable, RewardTable, RobotTable, TaskFile,
    TerminateTable, Varied, VaryTable,
};

use crate::expression::ExpressionError;
use crate::tasks;
use document::{Node, Source};
use messages::{About, readable};
use source::Origin;

/// What the name of a task of the project ends with in mistakes.
const BUILT_IN: &str = " (built in)";
/// Most files that extend each other.
const MOST_FILES: usize = 8;
/// Largest file that is opened, in bytes.
const LARGEST: u64 = 4 << 20;

impl TaskFile {
    /// Reads the text of a task file; `name` is what mistakes call it. It may extend a built-in task, by name, or another file,
    /// relative to the folder of `name`.
    ///
    /// # Errors
    /// [`Mistake`], with line and column.
    pub fn read(text: &str, name: &str) -> Result<Self, Mistake> {
        Self::read_with(text, name, open)
    }

    /// As [`TaskFile::read`], with another way to find what is extended: `find(extended, name)` gives the name and the text of
    /// what the file called `name` extends, or says why there is none.
    ///
    /// # Errors
    /// [`Mistake`], with line and column.
    pub fn read_with(
        text: &str,
        name: &str,
        mut find: impl FnMut(&str, &str) -> Result<(String, String), String>,
    ) -> Result<Self, Mistake> {
        let mut sources = vec![Source { name: name.into(), text: text.into() }];
        let mut nodes = Vec::new();
        loop {
            let number = sources.len() - 1;
            let source = &sources[number];
            let mut node = Node::read(source, number)?;
            let extended = node.text("extends").map(|(extended, place)| (extended.to_owned(), place.clone()));
            if extended.is_some() {
                node.remove("extends");
            }
            nodes.push(node);
            let Some((extended, place)) = extended else { break };
            let refuse = |message: String| Mistake::new(&source.name, &source.text, &place.span, message);
            if sources.len() >= MOST_FILES {
                return Err(refuse(format!("more than {MOST_FILES} files extend each other")));
            }
            let (name, text) = find(&extended, &source.name).map_err(refuse)?;
            sources.push(Source { name, text });
        }
        let mut layers = nodes.into_iter().rev();
        // The first of all is always there.
        let lowest = layers.next().map_or_else(|| Node::read(&sources[0], 0), Ok)?;
        let node = layers.fold(lowest, |below, above| above.over(below));
        let origin = Origin { places: node.places(), sources };
        Self::from_value(node.to_value(), origin)
    }

    fn from_value(value: Value, origin: Origin) -> Result<Self, Mistake> {
        let read: Result<Self, _> = serde_path_to_error::deserialize(value);
        let mut task = match read {
            Ok(task) => task,
            Err(error) => {
                let path = error.path().to_string();
                let (about, message) = readable(&path, error.inner().message());
                return Err(match about {
                    About::Key(path) => origin.at_key(&path, message),
                    About::Value(path) => origin.at_value(&path, message),
                });
            }
        };
        let place = |name: &str| {
            let place = origin.places.get(&format!("vary.{name}")).map(|(key, _)| key);
            // What a file extends comes before it.
            place.map(|place| (usize::MAX - place.source, place.span.start))
        };
        task.vary.sort_by_cached_key(|varied| place(&varied.name));
        task.origin = origin;
        check::check(&task)?;
        Ok(task)
    }

    /// Reads a task file from disk.
    ///
    /// # Errors
    /// [`Mistake`]; of a file that cannot be read at its first line.
    pub fn open(path: &Path) -> Result<Self, Mistake> {
        let name = path.display().to_string();
        match read_text(path) {
            Ok(text) => Self::read(&text, &name),
            Err(reason) => Err(Mistake::new(&name, "", &(0..0), format!("it cannot be read: {reason}"))),
        }
    }

    /// The task of this project with a name, such as `ant`; `None` for a name that has none.
    ///
    /// # Errors
    /// [`Mistake`], which no file of this project has.
    pub fn built_in(name: &str) -> Option<Result<Self, Mistake>> {
        let task = tasks::find(name)?;
        let named = |read: Self| Self { name: name.into(), ..read };
        Some(Self::read(task.text, &format!("{name}.toml{BUILT_IN}")).map(named))
    }

    /// Names of the tasks of this project in this language, such as `ant`.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> + Clone {
        tasks::names()
    }

    /// The MJCF of this project that it runs on, with its name: where a task of this project names the model, and no file over it.
    pub fn built_in_model(&self) -> Option<(&'static str, &'static str)> {
        let task =
            tasks::find(self.origin.file_of("robot.mjcf")?.strip_suffix(BUILT_IN)?.strip_suffix(".toml")?)?;
        Some((task.name, task.model))
    }

    /// As TOML, whole: what it extended is in it.
    ///
    /// # Errors
    /// None that is known: every task file can be written.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The file in which the model's path is written, and which that is relative to; `None` of a task that was not read.
    pub fn model_named_in(&self) -> Option<&str> {
        self.origin.file_of("robot.mjcf").filter(|file| !file.ends_with(BUILT_IN))
    }

    /// A mistake in a value, by its path, such as `reward[2].weight` or `vary.payload.select`.
    pub fn mistake(&self, path: &str, message: impl Into<String>) -> Mistake {
        self.placed().at_value(path, message)
    }

    /// A mistake in the expression that is the value at a path.
    pub fn mistake_within(&self, path: &str, text: &str, error: &ExpressionError) -> Mistake {
        self.placed().within(path, text, error)
    }

    /// Where its values are written: of a task that a program made, in the file that it would be.
    fn placed(&self) -> Origin {
        if !self.origin.sources.is_empty() {
            return self.origin.clone();
        }
        let source = Source { name: "task".into(), text: self.to_toml().unwrap_or_default() };
        let places = Node::read(&source, 0).map(|node| node.places()).unwrap_or_default();
        Origin { sources: vec![source], places }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err("it is no file".into());
    }
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// A built-in task, or a file beside the one that extends it.
fn open(extended: &str, by: &str) -> Result<(String, String), String> {
    if let Some(task) = tasks::find(extended) {
        return Ok((format!("{extended}.toml{BUILT_IN}"), task.text.to_owned()));
    }
    let path = Path::new(by).parent().unwrap_or(Path::new("")).join(extended);
    if !extended.ends_with(".toml") {
        let nearest = wr2l_sim::nearest_name(extended, tasks::names());
        let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
        let known: Vec<&str> = tasks::names().collect();
        let known = known.join(", ");
        return Err(format!(
            "there is no task `{extended}`{hint}; there are {known}, and files called *.toml"
        ));
    }
    let text = read_text(&path).map_err(|reason| format!("`{}` cannot be read: {reason}", path.display()))?;
    Ok((path.display().to_string(), text))
}
