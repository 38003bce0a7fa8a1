//! Layers of settings: a preset's defaults, then an experiment file, then flags, then `--set`.
//!
//! Every layer is a TOML table laid over the ones below. The result is read into a typed structure after each
//! layer, so that a mistake is reported with the place it was made in: file, line and key, or the flag.

use std::path::{Path, PathBuf};

use toml::{Table, Value};
use wr2l_eval::parse_number;

use super::keys::{leaves, locate, lookup, nested, overlay, remove};
use super::mistake::SettingError;
use crate::formats::files::{is_too_deep, read_text};
use crate::task::is_path;

/// Largest experiment file that is read: a thousand times what one would write.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// Where settings were written.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    /// A TOML file and its text.
    File { path: PathBuf, text: String },
    /// A command-line argument as typed, e.g. `--epsilon 0.1` or `--set ppo.clip=0.2`.
    Argument(String),
}

/// Settings from one place, to be laid over others.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    origin: Origin,
    table: Table,
}

/// A value that its key does not accept, found after reading; see [`resolve`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Complaint {
    /// Dotted key, e.g. `ball.epsilon`.
    pub(crate) key: String,
    /// What is wrong and what would be valid.
    pub(crate) message: String,
}

impl Complaint {
    /// A complaint about `key`.
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl Layer {
    /// The settings in a TOML file.
    ///
    /// # Errors
    /// [`SettingError::Read`], or [`SettingError::Syntax`] with the line.
    pub fn file(path: &Path) -> Result<Self, SettingError> {
        let text = read_text(path, MAX_BYTES).map_err(|error| SettingError::Read {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Self::text(path, text)
    }

    /// The settings in `text`, reported as if read from `path`.
    ///
    /// # Errors
    /// [`SettingError::Syntax`] with the line.
    pub fn text(path: &Path, text: String) -> Result<Self, SettingError> {
        if is_too_deep(&text) {
            let message = "a key within a key within a key, too deep to read".to_owned();
            return Err(SettingError::Syntax { place: path.display().to_string(), message });
        }
        let mut table = text.parse::<Table>().map_err(|error| SettingError::Syntax {
            place: place(path, &text, error.span().map(|span| span.start)),
            message: error.message().trim_end().replace('\n', "; "),
        })?;
        as_flags_take(&mut table);
        from_folder(&mut table, path.parent());
        Ok(Self { origin: Origin::File { path: path.to_owned(), text }, table })
    }

    /// The plan that a checkpoint at `path`, in a folder of a run's folder, holds.
    ///
    /// # Errors
    /// As [`Layer::text`].
    pub(crate) fn of_checkpoint(path: &Path, text: String) -> Result<Self, SettingError> {
        let mut layer = Self::text(Path::new(""), text)?;
        from_folder(&mut layer.table, path.parent().and_then(Path::parent));
        if let Origin::File { path: shown, .. } = &mut layer.origin {
            *shown = path.to_owned();
        }
        Ok(layer)
    }

    /// One setting made by a command-line flag; `shown` is the flag as the user typed it.
    pub fn argument(shown: impl Into<String>, key: &str, value: impl Into<Value>) -> Self {
        Self { origin: Origin::Argument(shown.into()), table: nested(key, value.into()) }
    }

    /// One setting of a whole number.
    ///
    /// # Errors
    /// [`SettingError::Key`] for a number beyond TOML's integers.
    pub fn count(shown: impl Into<String>, key: &str, value: u64) -> Result<Self, SettingError> {
        let shown = shown.into();
        match i64::try_from(value) {
            Ok(value) => Ok(Self::argument(shown, key, value)),
            Err(_) => Err(SettingError::Key {
                place: shown,
                key: key.to_owned(),
                message: format!("{value} is larger than {}", i64::MAX),
            }),
        }
    }

    /// One `section.key=value` of `--set`. The value is TOML; beyond TOML, numbers like `2M` are read, and a
    /// bare word stands for a string.
    ///
    /// # Errors
    /// [`SettingError::Syntax`] without `=`, with an empty key, or for a value that is none of these.
    pub fn set(setting: &str) -> Result<Self, SettingError> {
        let shown = format!("--set {setting}");
        let syntax = |message: String| SettingError::Syntax { place: shown.clone(), message };
        if is_too_deep(setting) {
            return Err(SettingError::Syntax {
                place: "--set".to_owned(),
                message: "a key within a key within a key, too deep to read".to_owned(),
            });
        }
        let (key, text) = setting
            .split_once('=')
            .ok_or_else(|| syntax("expected key=value, for example --set ppo.learning_rate=1e-4".into()))?;
        let (key, text) = (key.trim(), text.trim());
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(syntax("expected key=value, for example --set ppo.learning_rate=1e-4".into()));
        }
        let value = parse_value(text).ok_or_else(|| {
            syntax(format!(
                "`{text}` is not a TOML value; write a number, true, false, \"text\" or [\"a\", \"b\"]"
            ))
        })?;
        Ok(Self::argument(shown, key, value))
    }

    /// What it sets.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Other settings from the same place.
    pub(super) fn sibling(&self, table: Table) -> Self {
        Self { origin: self.origin.clone(), table }
    }

    /// The value of a top-level key, if this layer sets it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        lookup(&self.table, key)
    }

    /// Takes a setting out.
    pub(crate) fn unset(&mut self, key: &str) {
        remove(&mut self.table, key);
    }

    /// A mistake in this layer's `key`, with its place.
    pub(crate) fn complain(&self, complaint: Complaint) -> SettingError {
        let place = match &self.origin {
            Origin::Argument(shown) => shown.clone(),
            Origin::File { path, text } => place(path, text, locate(text, &complaint.key)),
        };
        SettingError::Key { place, key: complaint.key, message: complaint.message }
    }
}

/// Paths in a plan's file are from its own folder.
fn from_folder(table: &mut Table, folder: Option<&Path>) {
    let Some(folder) = folder else { return };
    for key in ["task", "from"] {
        if let Some(Value::String(path)) = table.get_mut(key)
            && (key == "from" || is_path(path))
        {
            *path = folder.join(&*path).display().to_string();
        }
    }
}

/// Reads `steps = "4k"` and `vary = "a, b"` as the flags of these names are read.
fn as_flags_take(table: &mut Table) {
    if let Some(steps) = table.get_mut("steps")
        && let Some(Value::Integer(whole)) = steps.as_str().and_then(parse_value)
    {
        *steps = Value::Integer(whole);
    }
    if let Some(vary) = table.get_mut("vary")
        && let Some(names) = vary.as_str()
    {
        let names = names.split(',').map(|name| Value::from(name.trim()));
        *vary = Value::Array(names.collect());
    }
}

/// Lays `layers` over `defaults` in order and has `read` make a `T` of the result, which `check` then examines.
///
/// `exclusive` lists groups of keys that replace each other: a layer that sets one unsets the others below it.
/// Whole numbers are accepted for reals and `1e6` for a whole number, wherever the defaults show which is meant.
///
/// # Errors
/// [`SettingError::Key`] for an unknown key (with the nearest known one), a value of the wrong kind, or a
/// complaint of `check`, blamed on the last layer that set the key.
pub(crate) fn resolve<T>(
    defaults: Table,
    layers: &[Layer],
    exclusive: &[&[&str]],
    read: impl Fn(&Table) -> Result<T, Complaint>,
    check: impl Fn(&T) -> Result<(), Complaint>,
) -> Result<T, SettingError> {
    let known: Vec<String> = leaves(&defaults).into_iter().map(|(key, _)| key).collect();
    let mut table = defaults;
    let mut plan = read(&table).map_err(|complaint| SettingError::Key {
        place: "defaults".into(),
        key: complaint.key,
        message: complaint.message,
    });
    for layer in layers {
        for group in exclusive {
            let mut set = group.iter().filter(|key| lookup(&layer.table, key).is_some());
            if let (Some(first), Some(second)) = (set.next(), set.next()) {
                let message = format!("set either this or `{first}`: they replace each other");
                return Err(layer.complain(Complaint::new(*second, message)));
            }
            if group.iter().any(|key| lookup(&layer.table, key).is_some()) {
                group.iter().for_each(|key| remove(&mut table, key));
            }
        }
        overlay(&mut table, &layer.table);
        plan = Ok(read(&table).map_err(|complaint| layer.complain(misplaced(complaint, &known)))?);
    }
    let plan = plan?;
    match check(&plan) {
        Ok(()) => Ok(plan),
        Err(complaint) => Err(layers
            .iter()
            .rev()
            .find(|layer| lookup(&layer.table, &complaint.key).is_some())
            .map(|layer| layer.complain(complaint.clone()))
            .unwrap_or(SettingError::Key {
                place: "defaults".into(),
                key: complaint.key,
                message: complaint.message,
            })),
    }
}

/// What to say of a key that exists, but elsewhere: of all others the complaint as it is.
fn misplaced(complaint: Complaint, known: &[String]) -> Complaint {
    let name = complaint.key.rsplit('.').next().unwrap_or_default();
    if !complaint.message.starts_with("no such key") || name.is_empty() {
        return complaint;
    }
    let message = if complaint.key != name && known.iter().any(|key| key == name) {
        format!("no such key; `{name}` stands above the first [section]")
    } else {
        let ending = format!(".{name}");
        let mut elsewhere: Vec<&String> = known.iter().filter(|key| key.ends_with(&ending)).collect();
        // The shortest is the one that most plans have.
        elsewhere.sort_by_key(|key| key.matches('.').count());
        match elsewhere.as_slice() {
            [] => return complaint,
            [only] => format!("no such key; it is `{only}`"),
            several => {
                let names: Vec<&str> = several.iter().take(4).map(|key| key.as_str()).collect();
                format!("no such key; it may be `{}`", names.join("`, `"))
            }
        }
    };
    Complaint { message, ..complaint }
}

fn parse_value(text: &str) -> Option<Value> {
    if let Ok(mut table) = format!("value = {text}").parse::<Table>()
        && table.len() == 1
    {
        return table.remove("value");
    }
    if let Ok(number) = parse_number(text) {
        let whole = number.fract() == 0.0 && number.abs() <= 9e15;
        return Some(if whole { Value::Integer(number as i64) } else { Value::Float(number) });
    }
    let bare = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-*".contains(c))
        && text.starts_with(|c: char| !c.is_ascii_digit());
    bare.then(|| Value::String(text.to_owned()))
}

fn place(path: &Path, text: &str, offset: Option<usize>) -> String {
    match offset {
        Some(offset) => {
            let line = text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
            format!("{}, line {line}", path.display())
        }
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::messages::{full_key, readable};
    use crate::players::options::{Unreadable, read};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        steps: u64,
        vary: Vec<String>,
        mode: Mode,
        inner: Inner,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        ZeroOrder,
        GaussNewton,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        learning_rate: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        epsilon: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        half_width: Option<f64>,
    }

    fn defaults() -> Table {
        Table::try_from(Settings {
            steps: 10,
            vary: vec!["all".into()],
            mode: Mode::ZeroOrder,
            inner: Inner { learning_rate: 3e-4, epsilon: Some(0.1), half_width: None },
        })
        .unwrap()
    }

    fn run(layers: &[Layer]) -> Result<Settings, SettingError> {
        let exclusive: &[&[&str]] = &[&["inner.epsilon", "inner.half_width"]];
        let read = |table: &Table| {
            read::<Settings>(Value::Table(table.clone())).map_err(|Unreadable { path, message }| {
                Complaint::new(full_key(path, &message), readable(&message))
            })
        };
        resolve(defaults(), layers, exclusive, read, |s: &Settings| {
            if s.inner.learning_rate > 0.0 {
                Ok(())
            } else {
                Err(Complaint::new("inner.learning_rate", "must be positive"))
            }
        })
    }

    fn file(text: &str) -> Layer {
        Layer::text(Path::new("e.toml"), text.into()).unwrap()
    }

    #[test]
    fn later_layers_win_and_leave_the_rest() {
        let settings = run(&[
            file("steps = 1e6\n[inner]\nlearning_rate = 1\n"),
            Layer::argument("--steps 20", "steps", 20),
            Layer::set("steps=2M").unwrap(),
            Layer::set("mode=gauss-newton").unwrap(),
            Layer::set("vary=[\"a\", \"b*\"]").unwrap(),
        ])
        .unwrap();
        assert_eq!(settings.steps, 2_000_000);
        assert_eq!(settings.mode, Mode::GaussNewton);
        assert_eq!(settings.vary, ["a", "b*"]);
        assert_eq!(settings.inner.learning_rate, 1.0);
        assert_eq!(settings.inner.epsilon, Some(0.1));
    }

    #[test]
    fn exclusive_keys_replace_each_other() {
        let settings = run(&[Layer::set("inner.half_width=0.3").unwrap()]).unwrap();
        assert_eq!((settings.inner.epsilon, settings.inner.half_width), (None, Some(0.3)));
    }

    #[test]
    fn keys_that_replace_each_other_are_refused_side_by_side() {
        let error = run(&[file("[inner]\nepsilon = 1.0\nhalf_width = 0.3\n")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "e.toml, line 3: `inner.half_width`: set either this or `inner.epsilon`: they replace each other"
        );
    }

    #[test]
    fn kinds_of_values_go_by_names_that_people_use() {
        for (text, words) in [
            ("steps = \"many\"", "expected a whole number"),
            ("vary = 3", "expected a list"),
            ("vary = [3]", "expected a text"),
            ("[inner]\nlearning_rate = \"x\"", "expected a number"),
            ("inner = 3", "expected a section"),
        ] {
            let message = run(&[file(text)]).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn mistakes_name_file_line_key_and_the_nearest_name() {
        let message = |layers: &[Layer]| run(layers).unwrap_err().to_string();
        assert_eq!(
            message(&[file("steps = 3\n\n[inner]\nlearnin_rate = 1.0\n")]),
            "e.toml, line 4: `inner.learnin_rate`: no such key; did you mean `learning_rate`?"
        );
        assert_eq!(
            message(&[file("stepps = 3\n")]),
            "e.toml, line 1: `stepps`: no such key; did you mean `steps`?"
        );
        assert_eq!(
            message(&[file("\nmode = \"gauss-newtn\"\n")]),
            "e.toml, line 2: `mode`: no such value; did you mean `gauss-newton`?"
        );
        let wrong_kind = message(&[file("# c\nsteps = \"many\"\n")]);
        assert!(wrong_kind.starts_with("e.toml, line 2: `steps`: invalid type"), "{wrong_kind}");
        let wrong_element = message(&[file("# c\nvary = [\"a\", 3]\n")]);
        assert!(wrong_element.starts_with("e.toml, line 2: `vary[1]`: invalid type"), "{wrong_element}");
        assert_eq!(
            message(&[file("[inner]\n\nlearning_rate = -1\n"), Layer::set("steps=1").unwrap()]),
            "e.toml, line 3: `inner.learning_rate`: must be positive"
        );
        assert_eq!(
            message(&[Layer::set("iner.learning_rate=1").unwrap()]),
            "--set iner.learning_rate=1: `iner`: no such key; did you mean `inner`?"
        );
    }

    #[test]
    fn broken_toml_names_the_line() {
        let error = Layer::text(Path::new("e.toml"), "steps = 1\nmode = = 2\n".into()).unwrap_err();
        assert!(error.to_string().starts_with("e.toml, line 2: "), "{error}");
    }

    #[test]
    fn malformed_set_arguments_are_refused() {
        for text in ["steps", "=3", "a..b=1", ".=2", "steps=", "steps=1 2", "steps=1\nmode=2", "steps=[1"] {
            assert!(Layer::set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
        let refused = |text: &str| run(&[file(text)]).unwrap_err().to_string();
        assert_eq!(
            refused("[inner]\nlearning_rate = 1.0\nsteps = 4\n"),
            "e.toml, line 3: `inner.steps`: no such key; `steps` stands above the first [section]"
        );
        assert_eq!(
            refused("learning_rate = 1.0\n"),
            "e.toml, line 1: `learning_rate`: no such key; it is `inner.learning_rate`"
        );
        assert!(refused("learning_rat = 1.0\n").contains("no such key"), "a typing slip stays one");
    }

    #[test]
    fn a_file_takes_what_the_flags_take() {
        let settings = run(&[file("steps = \"4k\"\nvary = \"a, b*\"\n")]).unwrap();
        assert_eq!((settings.steps, settings.vary), (4000, vec!["a".to_owned(), "b*".to_owned()]));
        for wrong in ["steps = \"4 k\"", "steps = \"many\"", "steps = \"0.5\""] {
            assert!(run(&[file(wrong)]).is_err(), "{wrong}");
        }
    }
}
