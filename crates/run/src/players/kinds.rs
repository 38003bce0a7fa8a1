//! The names of players, as users type them and files hold them.

use std::sync::LazyLock;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::adversary::AdversaryRow;
use super::learner::LearnerRow;
use super::{ADVERSARIES, LEARNERS, nominal};

/// Who improves the policy.
#[derive(Clone, Copy)]
pub struct LearnerKind(&'static LearnerRow);

impl LearnerKind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        LEARNERS.iter().map(|row| Self(row))
    }

    /// That of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.as_str() == name)
    }

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        self.0.about
    }

    /// Whether its actions may be choices, as the cart-pole's are.
    pub fn takes_choices(self) -> bool {
        self.0.abilities.choices
    }

    pub(crate) fn of(row: &'static LearnerRow) -> Self {
        Self(row)
    }

    pub(crate) fn row(self) -> &'static LearnerRow {
        self.0
    }
}

/// Who chooses the dynamics that the learner trains under, or disturbs it.
#[derive(Clone, Copy)]
pub struct AdversaryKind(&'static AdversaryRow);

impl AdversaryKind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ADVERSARIES.iter().map(|row| Self(row))
    }

    /// That of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.as_str() == name)
    }

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// What it does, in a few words.
    pub fn about(self) -> &'static str {
        self.0.about
    }

    /// Whether it chooses dynamics, in the Wasserstein ball or a box.
    pub fn needs_ball(self) -> bool {
        self.0.needs.ball
    }

    /// Whether it pushes bodies of the robot.
    pub fn needs_bodies(self) -> bool {
        self.0.needs.bodies
    }

    /// Whether it is nobody: the reference dynamics.
    pub fn is_nobody(self) -> bool {
        self.0.name == nominal::ROW.name
    }

    /// The keys of its options within the section `adversary`, nested ones by the first part.
    pub(crate) fn keys(self) -> &'static [String] {
        static KEYS: LazyLock<Vec<Vec<String>>> =
            LazyLock::new(|| ADVERSARIES.iter().map(|row| keys(row)).collect());
        let place = ADVERSARIES.iter().position(|row| row.name == self.0.name);
        place.map_or(&[], |place| &KEYS[place])
    }

    pub(crate) fn of(row: &'static AdversaryRow) -> Self {
        Self(row)
    }

    pub(crate) fn row(self) -> &'static AdversaryRow {
        self.0
    }
}

fn keys(row: &AdversaryRow) -> Vec<String> {
    let mut keys: Vec<String> = (row.usual)(1).table().into_iter().map(|(key, _)| key).collect();
    // Options without a value are in no table.
    for key in row.words.iter().copied().flatten().flat_map(|words| words.keys) {
        let first = key.split('.').next().unwrap_or_default().to_owned();
        if !keys.contains(&first) {
            keys.push(first);
        }
    }
    keys
}

/// `name` as the kind that `find` knows it as, or serde's usual sentence with the `known` ones.
fn named<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    find: fn(&str) -> Option<T>,
    known: impl Iterator<Item = &'static str>,
) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    find(&name).ok_or_else(|| {
        let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
        D::Error::custom(format!("unknown variant `{name}`, expected one of {}", known.join(", ")))
    })
}

impl<'de> Deserialize<'de> for LearnerKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named(deserializer, Self::named, Self::all().map(Self::as_str))
    }
}

impl<'de> Deserialize<'de> for AdversaryKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named(deserializer, Self::named, Self::all().map(Self::as_str))
    }
}

impl Serialize for LearnerKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for AdversaryKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialEq for LearnerKind {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq for AdversaryKind {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for LearnerKind {}
impl Eq for AdversaryKind {}

impl std::fmt::Debug for LearnerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for AdversaryKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
