//! The tasks and robots of this project in the language of robots of one's own, compiled in.

/// A task of this project.
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    /// The task's file.
    pub(crate) text: &'static str,
    /// The robot's: an MJCF that includes no other.
    pub(crate) model: &'static str,
}

macro_rules! built_in {
    ($($name:literal on $model:literal),+ $(,)?) => {
        &[$(BuiltIn {
            name: $name,
            text: include_str!(concat!("../tasks/", $name, ".toml")),
            model: include_str!(concat!("../models/", $model, ".xml")),
        }),+]
    };
}

/// After Gymnasium's. The robots of the first four are those that `tasks/` of the repository names too, which move faster there.
const TASKS: &[BuiltIn] = built_in![
    "inverted-pendulum" on "planar/inverted_pendulum",
    "hopper" on "planar/hopper",
    "walker2d" on "planar/walker2d",
    "half-cheetah" on "planar/half_cheetah",
    "ant" on "ant",
    "humanoid" on "humanoid",
    "humanoid-standup" on "humanoid-standup",
    "inverted-double-pendulum" on "inverted-double-pendulum",
    "pusher" on "pusher",
    "reacher" on "reacher",
    "swimmer" on "swimmer",
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    TASKS.iter().map(|task| task.name)
}

/// The one of a name.
pub(crate) fn find(name: &str) -> Option<&'static BuiltIn> {
    TASKS.iter().find(|task| task.name == name)
}
