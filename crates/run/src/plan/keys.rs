//! Dotted keys in TOML tables: `ppo.clip` is the key `clip` of the table `ppo`.

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// Lays `over` over `base`.
pub(super) fn overlay(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (Some(below), value) => *below = like(below, value.clone()),
            (None, value) => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// `1e6` where a whole number belongs, and `1` where a real number belongs.
fn like(below: &Value, value: Value) -> Value {
    match (below, &value) {
        (Value::Integer(_), Value::Float(real)) if real.fract() == 0.0 && real.abs() <= 9e15 => {
            Value::Integer(*real as i64)
        }
        (Value::Float(_), Value::Integer(whole)) => Value::Float(*whole as f64),
        _ => value,
    }
}

/// A table that sets `key` alone.
pub(super) fn nested(key: &str, value: Value) -> Table {
    let mut parts = key.split('.').rev();
    let mut table = Table::new();
    table.insert(parts.next().unwrap_or_default().to_owned(), value);
    for part in parts {
        let mut outer = Table::new();
        outer.insert(part.to_owned(), Value::Table(table));
        table = outer;
    }
    table
}

/// The value of `key`, if it is set.
pub(super) fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(a, b)| (a, Some(b)));
    match (table.get(first)?, rest) {
        (value, None) => Some(value),
        (Value::Table(inner), Some(rest)) => lookup(inner, rest),
        _ => None,
    }
}

/// Takes `key` out, if it is set.
pub(super) fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((first, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

/// The dotted keys that hold values and no further keys, with their values.
pub(super) fn leaves(table: &Table) -> Vec<(String, Value)> {
    fn add(table: &Table, prefix: &str, to: &mut Vec<(String, Value)>) {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            match value {
                Value::Table(inner) => add(inner, &format!("{key}."), to),
                value => to.push((key, value.clone())),
            }
        }
    }
    let mut all = Vec::new();
    add(table, "", &mut all);
    all
}

/// Whether `key` is `at`, or one below it.
pub(super) fn is_within(key: &str, at: &str) -> bool {
    key.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Byte offset of the deepest part of `key` that `text` sets.
pub(super) fn locate(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    // serde_path_to_error writes list elements as `vary[0]`.
    for part in key.split(['.', '[']) {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
        found = Some(name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}
