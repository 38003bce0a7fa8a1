//! Serde's complaints in words for people.

use wr2l_sim::nearest_name;

/// What a complaint is about.
pub(super) enum About {
    /// A key, by its path.
    Key(String),
    /// A value, by its path.
    Value(String),
}

/// What serde says of the value at `path`, in words for people, and what it is about.
pub(super) fn readable(path: &str, message: &str) -> (About, String) {
    let path = if path == "." || path == "?" { "" } else { path };
    let message = message.trim_end().replace('\n', "; ");
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let (true, Some((name, known))) = (message.starts_with("unknown field"), quoted.split_first()) {
        let full = match path {
            "" => (*name).to_owned(),
            path if path.rsplit('.').next() == Some(name) => path.to_owned(),
            path => format!("{path}.{name}"),
        };
        let hint = match nearest_name(name, known.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("here belong {}", list(known)),
        };
        return (About::Key(full), format!("there is no key `{name}` here; {hint}"));
    }
    if let (true, Some((name, known))) = (message.starts_with("unknown variant"), quoted.split_first()) {
        let hint = match nearest_name(name, known.iter().copied()) {
            Some(nearest) => format!("; did you mean `{nearest}`?"),
            None => String::new(),
        };
        let message = format!("expected one of {}, found `{name}`{hint}", list(known));
        return (About::Value(path.to_owned()), message);
    }
    if let (true, Some(name)) = (message.starts_with("missing field"), quoted.first()) {
        return (About::Key(path.to_owned()), format!("the key `{name}` is missing"));
    }
    (About::Value(path.to_owned()), plain(&message))
}

/// Rust's names of kinds of values by those that people use.
fn plain(message: &str) -> String {
    const NAMES: [(&str, &str); 14] = [
        ("a sequence", "a list"),
        ("an array of length", "a list of length"),
        ("a borrowed string", "a text"),
        ("a string", "a text"),
        ("a boolean", "true or false"),
        ("f64", "a number"),
        ("u32", "a whole number from 0"),
        ("usize", "a whole number from 0"),
        ("string or table", "a name, or a table with one key"),
        ("struct", "a table with keys of its own; it is not one of"),
        ("map with a single key", "a table with one key"),
        ("a map", "a table"),
        ("tuple", "a list; no"),
        ("enum", "a name; no"),
    ];
    let (found, expected) = match message.split_once(", expected ") {
        Some((found, expected)) => (found, expected),
        None => return message.to_owned(),
    };
    let found = found.replace("invalid type: ", "found ").replace("invalid value: ", "found ");
    let found = found.replace("invalid length ", "found a list of length ");
    let found = found.replace("floating point", "the number").replace("integer", "the number");
    let found = found.replace("string", "the text").replace("sequence", "a list").replace("map", "a table");
    let found = found.replace("boolean", "the truth value");
    let named = NAMES.iter().find(|(rust, _)| expected.starts_with(rust));
    let expected = match named {
        Some((_, plain)) if plain.contains(';') => plain.split(';').next().unwrap_or_default().to_owned(),
        Some((rust, plain)) => format!("{plain}{}", &expected[rust.len()..]),
        None => expected.to_owned(),
    };
    format!("expected {expected}, {found}")
}
