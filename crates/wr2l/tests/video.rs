//! `wr2l video`: panels of policies and dynamics, the files they become, and every way to ask for one wrongly.

mod common;

use common::Folder;

fn train(folder: &Folder, task: &str, run: &str, options: &str) {
    folder.done(&format!(
        "train {task} --algorithm ppo --steps 2048 --set ppo.lanes=8 --set ppo.horizon=256 --no-report --quiet -o {run} {options}"
    ));
}

/// Width, height, number of frames and hundredths of a second in all, as a GIF's blocks say them.
fn gif(folder: &Folder, name: &str) -> (usize, usize, usize, usize) {
    let bytes = std::fs::read(folder.path(name)).unwrap();
    let number = |at: usize| usize::from(bytes[at]) + 256 * usize::from(bytes[at + 1]);
    assert_eq!(&bytes[..6], b"GIF89a");
    let (mut at, mut frames, mut time) = (13 + 3 * 256, 0, 0);
    let skip = |mut at: usize| {
        while bytes[at] != 0 {
            at += 1 + usize::from(bytes[at]);
        }
        at + 1
    };
    loop {
        match bytes[at] {
            0x21 => {
                if bytes[at + 1] == 0xF9 {
                    time += number(at + 4);
                }
                at = skip(at + 2);
            }
            0x2C => {
                frames += 1;
                at = skip(at + 11);
            }
            other => {
                assert_eq!(other, 0x3B, "the end");
                return (number(6), number(8), frames, time);
            }
        }
    }
}

#[test]
fn policies_and_dynamics_stand_side_by_side_for_so_many_seconds_and_the_same_every_time() {
    let folder = Folder::new();
    train(&folder, "hopper", "first", "");
    train(&folder, "hopper", "second", "--seed 1");
    let small = "--seconds 0.8 --fps 10 --width 160";
    folder.done(&format!("video first second --phi torso_density=2500,friction=0.7 {small} -o both.gif"));
    assert_eq!(gif(&folder, "both.gif"), (324, 120, 8, 80));
    folder.done(&format!("video first second --phi torso_density=2500,friction=0.7 {small} -o again.gif"));
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap();
    assert!(bytes("both.gif") == bytes("again.gif"));
    // A row for each of the dynamics.
    folder.done(&format!("video first second --phi reference --phi friction=0.7 {small} -o grid.gif"));
    assert_eq!(gif(&folder, "grid.gif"), (324, 244, 8, 80));
    folder.done(&format!("video first --phi reference --phi friction=0.7 {small} --seed 3 -o row.gif"));
    assert_eq!(gif(&folder, "row.gif"), (324, 120, 8, 80));
    folder.done(&format!("video first --phi reference {small} --view -30,40 -o one.gif"));
    assert_eq!(gif(&folder, "one.gif"), (160, 120, 8, 80));

    folder.done(&format!("video first {small} -o frames"));
    let names = |run: &str| {
        let entries = std::fs::read_dir(folder.path(run)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!((names("frames").len(), names("frames")[7].as_str()), (8, "frame-0007.png"));
    let picture = |k: usize| std::fs::read(folder.path(&format!("frames/frame-000{k}.png"))).unwrap();
    assert!((1..8).all(|k| picture(k) != picture(k - 1)), "it moves");
    folder.refused(&format!("video first {small} -o frames"), 2, &["frames", "--force"]);
    folder.done("video first --seconds 0.2 --fps 10 --width 160 --force -o frames/");
    assert_eq!(names("frames").len(), 2);
}

#[test]
fn carts_are_shown_and_what_makes_no_video_is_refused() {
    let folder = Folder::new();
    train(&folder, "cartpole", "cart", "");
    let small = "--fps 10 --width 160 --seconds 0.5";
    folder.done(&format!("video cart {small} --phi pole_half_length=1 -o cart.gif"));
    assert_eq!(gif(&folder, "cart.gif").2, 5);
    folder.refused(&format!("video cart {small} -o cart.gif"), 2, &["cart.gif", "--force"]);
    folder.done(&format!("video cart {small} --force -o cart.gif"));
    let refused = |arguments: &str, code: i32, words: &[&str]| {
        folder.refused(&format!("video {arguments}"), code, words);
    };
    refused("-o a.gif", 2, &["RUN"]);
    refused("cart --seconds 0 -o a.gif", 2, &["--seconds 0", "whole episode"]);
    refused("cart --seconds=-1 -o a.gif", 2, &["--seconds -1"]);
    refused("cart --seconds 1e9 -o a.gif", 2, &["whole episode"]);
    refused("cart --fps 0 -o a.gif", 2, &["fps"]);
    refused("cart --fps 60 -o a.gif", 2, &["at most 50"]);
    refused("cart --width 10 -o a.gif", 2, &["width"]);
    refused("cart --view behind -o a.gif", 2, &["AZIMUTH,ELEVATION"]);
    refused("cart --phi frixion=1 -o a.gif", 2, &["frixion"]);
    refused("cart --phi gravity=-1 -o a.gif", 2, &["gravity"]);
    refused("cart -o a.avi", 2, &[".gif, .mp4, .webm"]);
    refused("cart -o a.png", 2, &["folder"]);
    refused("cart -o missing/a.gif", 1, &["missing/a.gif"]);
    refused("cart -o missing/frames/", 1, &["missing/frames"]);
    refused("nothing -o a.gif", 1, &["nothing"]);
    refused(&format!("cart {} -o a.gif", "--phi reference ".repeat(13)), 2, &["1 to 12 panels, not 13"]);
    train(&folder, "hopper", "hopper", "");
    refused("cart hopper -o a.gif", 2, &["hopper"]);
}

/// A program called `ffmpeg` that keeps its arguments and what it is given.
#[cfg(unix)]
fn with_program(folder: &Folder, script: &str, arguments: &str) -> (i32, String) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder.path("bin")).unwrap();
    folder.write("bin/ffmpeg", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(folder.path("bin/ffmpeg"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path("bin").display());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wr2l"));
    let output =
        command.args(arguments.split(' ')).env("PATH", path).current_dir(folder.path("")).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
#[cfg(unix)]
fn ffmpeg_gets_the_raw_pictures_and_what_it_says_is_told() {
    let folder = Folder::new();
    train(&folder, "hopper", "run", "");
    let video = "video run --seconds 0.5 --fps 10 --width 160 -o a.mp4";
    // The last argument is the file.
    let keeps = "[ \"$1\" = -version ] && exit 0\necho \"$@\" >said\nfor file; do :; done\ncat >\"$file\"";
    let (code, said) = with_program(&folder, keeps, video);
    assert_eq!(code, 0, "{said}");
    assert_eq!(std::fs::metadata(folder.path("a.mp4")).unwrap().len(), 160 * 120 * 3 * 5);
    let arguments = folder.read("said");
    for words in ["-f rawvideo -pix_fmt rgb24 -s 160x120 -r 10 -i -", "libx264", "yuv420p"] {
        assert!(arguments.contains(words), "{arguments}");
    }
    std::fs::remove_file(folder.path("a.mp4")).unwrap();
    let fails = "[ \"$1\" = -version ] && exit 0\necho 'Unknown encoder' >&2\nexit 3";
    let before = folder.names();
    let (code, said) = with_program(&folder, fails, video);
    assert!(code == 1 && said.contains("Unknown encoder"), "{code} {said}");
    assert_eq!(folder.names(), before, "nothing is left behind");
    std::fs::remove_file(folder.path("bin/ffmpeg")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wr2l"));
    let alone = command.args(video.split(' ')).env("PATH", folder.path("bin")).current_dir(folder.path(""));
    let output = alone.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && said.contains("no `ffmpeg` on the PATH") && said.contains(".gif"),
        "{said}"
    );
}
