//! Serde's complaints in words for people.

use wr2l_sim::nearest_name;

/// The key a message of serde is about: the path it stopped at, and the unknown key itself where the path ends
/// one level above it.
pub(super) fn full_key(path: String, message: &str) -> String {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match unknown {
        Some(name) if path == "." => name.to_owned(),
        Some(name) if path != name && !path.ends_with(&format!(".{name}")) => format!("{path}.{name}"),
        _ => path,
    }
}

/// Serde's message in words for people, with the nearest of the names that it would have accepted.
pub(super) fn readable(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (what, known) = if message.starts_with("unknown field") {
        ("no such key", "known keys")
    } else if message.starts_with("unknown variant") {
        ("no such value", "known values")
    } else {
        return plain_types(&message.replace('\n', "; "));
    };
    let Some((name, candidates)) = quoted.split_first() else { return message.to_owned() };
    match nearest_name(name, candidates.iter().copied()) {
        Some(nearest) => format!("{what}; did you mean `{nearest}`?"),
        None => format!("{what}; {known}: {}", candidates.join(", ")),
    }
}

/// What serde calls by Rust's names, by names that people use.
fn plain_types(message: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("a sequence", "a list"),
        ("a borrowed string", "a text"),
        ("a string", "a text"),
        ("a boolean", "true or false"),
        ("any valid TOML value", "a value"),
        ("f64", "a number"),
        ("f32", "a number"),
        ("string or table", "a name"),
    ];
    let Some((found, expected)) = message.split_once("expected ") else { return message.to_owned() };
    let whole = ["usize", "u64", "u32", "u16", "u8", "i64", "i32"];
    let (name, rest) = expected
        .split_once([',', ';', ' '])
        .map_or((expected, ""), |(name, _)| (name, &expected[name.len()..]));
    if whole.contains(&name) {
        return format!("{found}expected a whole number{rest}");
    }
    if name == "struct" || name == "enum" {
        let kind = if name == "struct" { "a section with keys of its own" } else { "a name" };
        return format!("{found}expected {kind}");
    }
    match NAMES.iter().find(|(rust, _)| expected.starts_with(rust)) {
        Some((rust, plain)) => format!("{found}expected {plain}{}", &expected[rust.len()..]),
        None => message.to_owned(),
    }
}
