//! `wr2l simulate`: the format of the trajectory, and every way to ask for one wrongly.

mod common;

use common::Folder;

/// Columns of the cart-pole: 2 positions, 2 velocities, 4 observations.
const HEADER: &str = "step,qpos_0,qpos_1,qvel_0,qvel_1,obs_0,obs_1,obs_2,obs_3,reward,terminated,truncated";

fn rows(csv: &str) -> Vec<Vec<f64>> {
    csv.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn one_row_after_each_action_at_full_precision() {
    let folder = Folder::new();
    folder.write("s.csv", "0.01, 0.02, -0.03, 0.04\n");
    folder.write("a.csv", "1\n0\n1\n");
    folder.done("simulate cartpole --initial-state s.csv --actions a.csv -o t.csv");
    let text = folder.read("t.csv");
    assert_eq!(text.lines().next(), Some(HEADER));
    let rows = rows(&text);
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    // One Euler step by hand from the given state, pole half-length 0.5, masses 1 and 0.1, force 10.
    let (x, theta, x_dot, theta_dot) = (0.01, 0.02_f64, -0.03, 0.04);
    let temp = (10.0 + 0.05 * theta_dot * theta_dot * theta.sin()) / 1.1;
    let theta_acc = (9.8 * theta.sin() - theta.cos() * temp)
        / (0.5 * (4.0 / 3.0 - 0.1 * theta.cos() * theta.cos() / 1.1));
    let x_acc = temp - 0.05 * theta_acc * theta.cos() / 1.1;
    let expected =
        [x + 0.02 * x_dot, theta + 0.02 * theta_dot, x_dot + 0.02 * x_acc, theta_dot + 0.02 * theta_acc];
    for (got, expected) in rows[0][1..5].iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{got} against {expected}");
    }
    assert_eq!(rows[0][9..], [1.0, 0.0, 0.0]);
    for cell in text.lines().nth(1).unwrap().split(',').skip(1).take(9) {
        assert_eq!(format!("{:?}", cell.parse::<f64>().unwrap()), cell, "the shortest text of its f64");
    }
}

#[test]
fn standard_output_holds_the_same_bytes_and_seeds_decide_them() {
    let folder = Folder::new();
    folder.done("simulate cartpole --seed 3 -o a.csv");
    folder.done("simulate cartpole --seed 4 -o b.csv");
    assert_eq!(folder.read("a.csv"), folder.done("simulate cartpole --seed 3 -o -"));
    assert_ne!(folder.read("a.csv"), folder.read("b.csv"));
}

#[test]
fn termination_ends_the_trajectory_unless_ignored() {
    let folder = Folder::new();
    folder.done("simulate cartpole -o short.csv");
    folder.done("simulate cartpole --ignore-termination -o long.csv");
    let (short, long) = (rows(&folder.read("short.csv")), rows(&folder.read("long.csv")));
    assert!(short.len() < 100, "random pushes drop the pole");
    assert_eq!(short.last().unwrap()[10..], [1.0, 0.0]);
    assert_eq!(long.len(), 500);
    assert_eq!(long[499][11], 1.0, "the time limit");
    assert!(long[..499].iter().all(|row| row[11] == 0.0));
    assert_eq!(short[..], long[..short.len()]);
}

#[test]
fn dynamics_change_the_trajectory() {
    let folder = Folder::new();
    folder.done("simulate cartpole --phi pole_half_length=1.5 -o a.csv");
    folder.done("simulate cartpole --phi pole_half_length=0.5 -o b.csv");
    folder.done("simulate cartpole -o c.csv");
    assert_ne!(folder.read("a.csv"), folder.read("b.csv"));
    assert_eq!(folder.read("b.csv"), folder.read("c.csv"), "the nominal value is the reference");
}

#[test]
fn wrong_requests_are_refused_and_leave_nothing() {
    let folder = Folder::new();
    folder.refused("simulate cartpol -o t.csv", 2, &["cartpole"]);
    folder.refused("simulate cartpole", 2, &["--output"]);
    folder.refused(
        "simulate cartpole --phi pole_half_lenght=1 -o t.csv",
        2,
        &["did you mean `pole_half_length`?"],
    );
    folder.refused("simulate cartpole --phi pole_* -o t.csv", 2, &["name=value"]);
    folder.refused(
        "simulate cartpole --phi pole_half_length=-1 -o t.csv",
        2,
        &["pole_half_length", "bounds ["],
    );
    folder.refused("simulate cartpole --phi pole_half_length=nan -o t.csv", 2, &["nan"]);
    folder.refused("simulate cartpole --phi pole_half_length -o t.csv", 2, &["name=value"]);
    folder.refused(
        "simulate cartpole --phi pole_half_length=1,pole_half_length=1 -o t.csv",
        2,
        &["given twice"],
    );
    folder.refused("simulate cartpole --physics mujoc -o t.csv", 2, &["did you mean `mujoco`?"]);
    folder.refused("simulate cartpole --physics mujoco -o t.csv", 2, &["classic"]);
    folder.refused("simulate cartpole --steps 1.5 -o t.csv", 2, &["whole number"]);
}

#[test]
fn wrong_files_are_refused_by_name_and_line() {
    let folder = Folder::new();
    folder.write("wide.csv", "0\n1\n0,1\n");
    folder.write("text.csv", "0\n1\nleft\n");
    folder.write("nan.csv", "0\nnan\n");
    folder.write("two.csv", "0\n2\n");
    folder.write("short.csv", "0\n1\n");
    folder.write("state.csv", "0,0,0\n");
    folder.write("states.csv", "0,0,0,0\n0,0,0,0\n");
    folder.write("empty.csv", "");
    let refused = |arguments: &str, words: &[&str]| {
        folder.refused(&format!("simulate cartpole {arguments} -o t.csv"), 1, words);
    };
    refused("--actions wide.csv", &["wide.csv, line 3", "expected 1 columns, got 2"]);
    refused("--actions text.csv", &["text.csv, line 3", "`left` is not a number"]);
    refused("--actions nan.csv", &["nan.csv, line 2", "not finite"]);
    refused("--actions two.csv", &["two.csv, line 2", "from 0 to 1"]);
    refused("--actions short.csv --steps 3", &["short.csv", "2 in the file"]);
    refused("--actions missing.csv", &["cannot read `missing.csv`"]);
    refused("--initial-state state.csv", &["state.csv, line 1", "expected 4 columns, got 3"]);
    refused("--initial-state states.csv", &["states.csv", "one line"]);
    refused("--initial-state empty.csv", &["empty.csv", "one line"]);
}

#[test]
fn nothing_is_overwritten_or_left_half_written() {
    let folder = Folder::new();
    folder.write("t.csv", "mine");
    folder.refused("simulate cartpole -o t.csv", 2, &["`t.csv` exists already", "--force"]);
    assert_eq!(folder.read("t.csv"), "mine");
    folder.refused("simulate cartpole -o t.csv/below.csv", 1, &["cannot write `t.csv/below.csv`"]);
    folder.done("simulate cartpole --force -o t.csv");
    assert_eq!(folder.read("t.csv").lines().next(), Some(HEADER));
    assert_eq!(folder.names(), ["t.csv"]);
    if cfg!(target_os = "linux") {
        folder.refused("simulate cartpole -o /dev/full", 1, &["cannot write `/dev/full`"]);
    }
}

#[test]
fn what_was_random_can_be_saved_and_gives_the_same_trajectory() {
    let folder = Folder::new();
    for task in ["cartpole", "hopper"] {
        folder.done(&format!(
            "simulate {task} --seed 4 --steps 40 --ignore-termination -o {task}.csv --save-initial-state {task}-s.csv \
             --save-actions {task}-a.csv"
        ));
        assert_eq!(folder.read(&format!("{task}-a.csv")).lines().count(), 40);
        folder.done(&format!(
            "simulate {task} --ignore-termination -o {task}-again.csv --initial-state {task}-s.csv --actions {task}-a.csv"
        ));
        assert_eq!(folder.read(&format!("{task}.csv")), folder.read(&format!("{task}-again.csv")));
    }
    folder.refused("simulate cartpole -o t.csv --save-actions cartpole-a.csv", 2, &["exists already"]);
    folder.refused(
        "simulate cartpole -o t.csv --save-actions nowhere/a.csv",
        1,
        &["cannot write `nowhere/a.csv`"],
    );
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_it_and_an_interrupt_leaves_nothing() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let folder = Folder::new();
    let start = |output: &str| {
        Command::new(env!("CARGO_BIN_EXE_wr2l"))
            .args(["simulate", "cartpole", "--steps", "1G", "--ignore-termination", "-o", output])
            .current_dir(folder.path("."))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Were it not to notice, this would go on for an hour.
    let mut child = start("-");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("step,"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut child = start("t.csv");
    while folder.names().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}
