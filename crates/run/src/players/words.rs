//! The options of a player as a table of Markdown, as the pages in `docs/methods` have it.

use super::kinds::{AdversaryKind, LearnerKind};
use super::options::Words;

impl LearnerKind {
    /// Its options, with their meaning and usual values, as a table of Markdown.
    pub fn options_table(self) -> String {
        table(self.as_str(), self.row().words.iter())
    }
}

impl AdversaryKind {
    /// Its options, with their meaning and usual values, as a table of Markdown; empty if it has none.
    pub fn options_table(self) -> String {
        table("adversary", self.row().words.iter().copied().flatten())
    }
}

fn table<'a>(section: &str, words: impl Iterator<Item = &'a Words>) -> String {
    let mut text = String::new();
    for Words { keys, meaning, usual } in words {
        if text.is_empty() {
            text += "| option | meaning | usual |\n|---|---|---|\n";
        }
        let keys: Vec<String> = keys.iter().map(|key| format!("`{section}.{key}`")).collect();
        text += &format!("| {} | {meaning} | {usual} |\n", keys.join(", "));
    }
    text
}
