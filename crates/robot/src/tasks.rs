//! The tasks of this project on robots of one's own, compiled in.

const TASKS: [(&str, &str); 7] = [
    ("ant", include_str!("../tasks/ant.toml")),
    ("humanoid", include_str!("../tasks/humanoid.toml")),
    ("humanoid-standup", include_str!("../tasks/humanoid-standup.toml")),
    ("inverted-double-pendulum", include_str!("../tasks/inverted-double-pendulum.toml")),
    ("pusher", include_str!("../tasks/pusher.toml")),
    ("reacher", include_str!("../tasks/reacher.toml")),
    ("swimmer", include_str!("../tasks/swimmer.toml")),
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    TASKS.iter().map(|(name, _)| *name)
}

/// The text of one.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    TASKS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
