//! One trained policy is worth the same here and in Gymnasium, on the seven tasks that only the language of task files has.
#![cfg(feature = "mujoco")]

mod common;

use std::process::Command;

use common::Folder;

#[test]
fn a_trained_policy_returns_the_same_in_gymnasium() {
    let (Some(python), Some(_)) = (std::env::var_os("WR2L_PYTHON"), std::env::var_os("WR2L_THOROUGH")) else {
        println!("skipped: `cargo xtask test --thorough` sets WR2L_PYTHON and WR2L_THOROUGH");
        return;
    };
    let folder = Folder::new();
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/results/robot/returns.py"))
        .args([folder.path("returns").as_os_str(), "20k".as_ref(), "50".as_ref()])
        .env("WR2L", env!("CARGO_BIN_EXE_wr2l"))
        .output()
        .unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = folder.read("returns/returns.csv");
    // A line for each; seven tasks, of which one has two engines.
    assert_eq!(table.lines().filter(|line| line.contains("as drawn,0,50,")).count(), 8, "{table}");
}
