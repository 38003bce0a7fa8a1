//! The tutorials on robots of others, command by command, with short trainings: `cargo xtask test --thorough`. Their robots are
//! in wheels of PyPI, which `pip` fetches.
#![cfg(all(feature = "mujoco", unix))]

mod common;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use common::Folder;

/// The commands of a page: its blocks marked `sh`.
fn commands(page: &str) -> String {
    let path = format!("{}/../../docs/guide/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| block).collect()
}

/// Runs a page in a folder that has the repository's `examples` and nothing else.
fn follow(page: &str) -> Option<(Folder, String)> {
    let (Some(python), Some(_)) = (std::env::var_os("WR2L_PYTHON"), std::env::var_os("WR2L_THOROUGH")) else {
        println!("skipped: `cargo xtask test --thorough` runs it");
        return None;
    };
    let folder = Folder::new();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"), folder.path("examples")).unwrap();
    std::fs::create_dir(folder.path("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_wr2l"), folder.path("bin/wr2l")).unwrap();
    for (name, arguments) in [("pip", "-m pip"), ("python3", "")] {
        let script = format!("#!/bin/sh\nexec \"{}\" {arguments} \"$@\"\n", python.display());
        std::fs::write(folder.path(&format!("bin/{name}")), script).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(&format!("bin/{name}")), executable).unwrap();
    }
    let mut script = "set -eu\n".to_owned();
    for line in commands(page).lines() {
        let short = |word: &str| match word {
            "1M" | "2M" | "3M" => "4k".to_owned(),
            word => word.to_owned(),
        };
        let line: Vec<String> = line.split(' ').map(short).collect();
        let line = line.join(" ");
        // Who plays in a ball.
        let in_ball = line.starts_with("wr2l train") && line.contains("--half-width");
        script += &line;
        script += if in_ball {
            " --set ball.pairs.count=60 --set ball.pairs.pool=120 --set ball.pairs.target_error=0\n"
        } else {
            "\n"
        };
    }
    let path = format!("{}:{}", folder.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("sh")
        .args(["-c", &script])
        .env("PATH", path)
        .current_dir(folder.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{script}\n{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    Some((folder, said))
}

#[test]
fn a_go2_walks_by_its_tutorial() {
    let Some((folder, said)) = follow("go2") else { return };
    assert!(said.contains("physics: lanes") && said.contains("every parameter changes"), "{said}");
    assert!(folder.read("go2.html").contains("payload"));
    let kept = std::fs::metadata(folder.path("runs/robust/task/model.robot")).unwrap().len();
    assert!(kept < 1 << 20, "a run does not keep looks: {kept} bytes");
}

#[test]
fn a_panda_reaches_by_its_tutorial() {
    let Some((folder, said)) = follow("panda") else { return };
    assert!(said.contains("physics: lanes") && said.contains("every parameter changes"), "{said}");
    assert!(folder.read("panda.html").contains("payload"));
}
