//! `wr2l tasks`, `wr2l completions`, and help.

mod common;

use common::Folder;

#[test]
fn tasks_are_listed_with_their_parameters() {
    let folder = Folder::new();
    let all = folder.done("tasks");
    for task in ["cartpole", "inverted-pendulum", "torque-pendulum", "hopper", "walker2d", "half-cheetah"] {
        assert!(all.contains(task), "{all}");
    }
    let hopper = folder.done("tasks hopper");
    let friction = hopper.lines().find(|line| line.starts_with("friction ")).unwrap();
    assert!(friction.split_whitespace().nth(1) == Some("2"), "{friction}");
    assert!(!hopper.contains('\x1b'));
    for line in folder.done("tasks hopper --json").lines() {
        let parameter: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(parameter["lower"].as_f64() < parameter["nominal"].as_f64(), "{line}");
    }
    // Robots in three dimensions need MuJoCo, which compiles them.
    let with_robots = cfg!(feature = "mujoco");
    assert_eq!(folder.done("tasks --json").lines().count(), if with_robots { 13 } else { 6 });
    assert_eq!(all.lines().any(|line| line.starts_with("humanoid-standup ")), with_robots);
    assert!(all.contains("humanoid-standup"), "{all}");
    if with_robots {
        assert!(folder.done("tasks ant").contains("torso_mass"));
    } else {
        folder.refused("tasks ant", 2, &["ant: this build has no MuJoCo", "cargo xtask run"]);
    }
}

#[test]
fn a_misspelt_task_suggests_the_nearest() {
    let folder = Folder::new();
    folder.refused("tasks hoper", 2, &["'hopper'"]);
    folder.refused("nonsense", 2, &[]);
    folder.refused("", 2, &["Usage"]);
}

#[test]
fn every_command_has_help_with_an_example() {
    let folder = Folder::new();
    for line in folder.done("help").lines().skip_while(|line| !line.starts_with("Commands:")).skip(1) {
        let Some(command) = line.strip_prefix("  ").and_then(|rest| rest.split_whitespace().next()) else {
            break;
        };
        if line.starts_with("   ") || command == "help" {
            continue;
        }
        let help = folder.done(&format!("{command} --help"));
        assert!(help.contains(&format!("wr2l {command}")) && help.contains("Example"), "{help}");
    }
}

#[test]
fn completions_are_scripts_for_each_shell() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(folder.done(&format!("completions {shell}")).contains("wr2l"), "{shell}");
    }
}

#[test]
fn help_and_completions_name_every_player_and_say_what_it_is() {
    let folder = Folder::new();
    let help = folder.done("train --help");
    // Lines of help may be broken anywhere.
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let completions = folder.done("completions bash");
    let learners = wr2l::run::LearnerKind::all().map(|kind| (kind.as_str(), kind.about()));
    for (name, about) in
        learners.chain(wr2l::run::AdversaryKind::all().map(|kind| (kind.as_str(), kind.about())))
    {
        assert!(words.contains(&format!("- {name}: {about}")), "{name}: {words}");
        assert!(completions.contains(name), "{name}");
    }
}
