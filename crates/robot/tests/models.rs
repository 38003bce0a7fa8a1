//! Models are read whole, kept whole, and refused in a sentence.
#![cfg(feature = "mujoco")]

use wr2l_robot::{RobotError, RobotModel, Selector, describe, inspect};

mod common;
use common::{folder, robot};

#[test]
fn a_kept_robot_is_the_robot() {
    for name in ["quadruped", "tumblers", "eel"] {
        let read = robot(name);
        let file = read.to_bytes();
        let kept = RobotModel::from_bytes(&file).unwrap();
        assert_eq!(kept.inventory(), read.inventory());
        assert_eq!((kept.name(), kept.hash()), (name, read.hash()));
        assert_eq!(kept.lanes().unwrap().compiled(), read.lanes().unwrap().compiled());
        assert_eq!(kept.to_bytes(), file);
    }
}

#[test]
fn a_damaged_file_is_refused() {
    let file = robot("eel").to_bytes();
    for end in [0, 1, 8, 31, 33, 39, 41, 100, file.len() - 1] {
        assert!(matches!(RobotModel::from_bytes(&file[..end]), Err(RobotError::Kept(_))), "{end}");
    }
    for at in (0..file.len()).step_by(file.len() / 40) {
        let mut bad = file.clone();
        bad[at] ^= 0x10;
        assert!(RobotModel::from_bytes(&bad).is_err(), "{at}");
    }
}

#[test]
fn the_hash_is_of_the_content_and_not_of_the_place() {
    let text = std::fs::read_to_string(folder().join("eel.xml")).unwrap();
    let folder = std::env::temp_dir().join(format!("wr2l-robot-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        RobotModel::load(&path)
    };
    let hashes: Vec<String> =
        ["a.xml", "b.xml"].map(|name| write(name, &text).unwrap().hash().to_owned()).into();
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], robot("eel").hash());
    let other = write("a.xml", &text.replace("density=\"1100\"", "density=\"1101\"")).unwrap();
    assert_ne!(other.hash(), hashes[0]);
    let body = r#"<mujoco><include file="part.xml"/><worldbody/></mujoco>"#;
    let missing = write("whole.xml", body).unwrap_err().to_string();
    assert!(missing.contains("whole.xml") && missing.contains("part.xml"), "{missing}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_cannot_be_learnt_on_is_loaded_and_says_so() {
    let still =
        RobotModel::from_text("still", "<mujoco><worldbody><geom size='1'/></worldbody></mujoco>").unwrap();
    assert!(still.check().unwrap_err().to_string().contains("nothing moves"));
    let idle = RobotModel::from_text(
        "idle",
        "<mujoco><worldbody><body><freejoint/><geom size='1'/></body></worldbody></mujoco>",
    )
    .unwrap();
    assert!(idle.check().unwrap_err().to_string().contains("no actuators"));
    assert!(robot("quadruped").check().is_ok());
}

#[test]
fn a_file_that_is_no_model_is_refused_with_its_path() {
    let missing = RobotModel::load(&folder().join("nowhere.xml")).unwrap_err().to_string();
    assert!(missing.contains("nowhere.xml"), "{missing}");
    let folder_itself = RobotModel::load(&folder()).unwrap_err().to_string();
    assert!(folder_itself.contains("no file"), "{folder_itself}");
    let nul = RobotModel::load(std::path::Path::new("a\0b.xml")).unwrap_err().to_string();
    assert!(nul.contains("no file has such a name"), "{nul}");
    let typo = RobotModel::from_text("typo", "<mujoco><worldbdy/></mujoco>").unwrap_err().to_string();
    assert!(typo.starts_with("typo: ") && typo.contains("worldbdy") && !typo.contains('\n'), "{typo}");
}

#[test]
fn urdf_is_read_too() {
    let text = r#"<robot name="arm"><link name="base"/>
      <link name="arm"><inertial><origin xyz="0 0 0.1"/><mass value="1"/>
        <inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial></link>
      <joint name="pivot" type="revolute"><parent link="base"/><child link="arm"/><axis xyz="0 1 0"/>
        <limit lower="-1" upper="1" effort="1" velocity="1"/></joint></robot>"#;
    let arm = RobotModel::from_text("arm", text).unwrap();
    assert_eq!(arm.inventory().joints[0].name, "pivot");
    assert_eq!(arm.inventory().joints[0].range, Some([-1.0, 1.0]));
}

#[test]
fn an_inspection_shows_every_element_with_a_selector_that_works() {
    let robot = robot("quadruped");
    let text = describe(&robot);
    for listed in inspect(robot.inventory()) {
        let found = Selector::parse(&listed.selector).unwrap().select(robot.inventory()).unwrap();
        assert_eq!(found, [listed.element], "{}", listed.selector);
        assert!(
            text.lines().any(|line| line.trim_start().split("  ").next() == Some(&listed.selector)),
            "{}",
            listed.selector
        );
    }
    assert!(text.contains("mass 0.4 kg") && text.contains("the batched engine can move it"), "{text}");
}

/// A ball of many triangles, as an OBJ file.
fn ball(rows: usize) -> String {
    let angle = |k: usize, n: usize| std::f64::consts::PI * k as f64 / n as f64;
    let mut text = String::new();
    for (i, j) in (0..=rows).flat_map(|i| (0..rows).map(move |j| (i, j))) {
        let (theta, turn) = (angle(i, rows), 2.0 * angle(j, rows));
        text += &format!("v {} {} {}\n", theta.sin() * turn.cos(), theta.sin() * turn.sin(), theta.cos());
    }
    for (i, j) in (0..rows).flat_map(|i| (0..rows).map(move |j| (i, j))) {
        let at = |i: usize, j: usize| 1 + i * rows + j % rows;
        text += &format!("f {} {} {}\n", at(i, j), at(i + 1, j), at(i + 1, j + 1));
        text += &format!("f {} {} {}\n", at(i, j), at(i + 1, j + 1), at(i, j + 1));
    }
    text
}

#[test]
fn what_is_only_for_the_eye_is_not_kept_unless_it_weighs() {
    let folder = std::env::temp_dir().join(format!("wr2l-looks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ball.obj"), ball(60)).unwrap();
    let load = |mesh: &str, extra: &str, sensor: &str| {
        let text = format!(
            r#"<mujoco><asset><mesh name="ball" file="ball.obj" scale="0.1 0.2 0.3"/>
            <texture name="t" type="2d" builtin="flat" width="200" height="200"/><material name="m" texture="t"/></asset>
            <worldbody><body name="arm"><joint name="arm"/>{extra}
            <geom name="stick" size="0.02" fromto="0 0 0 0.3 0 0" type="capsule"/>
            <geom name="cover" type="mesh" mesh="ball" material="m" pos="0.1 0 0" {mesh}/></body></worldbody>
            <actuator><motor joint="arm"/></actuator><sensor>{sensor}</sensor></mujoco>"#
        );
        let path = folder.join("arm.xml");
        std::fs::write(&path, text).unwrap();
        RobotModel::load(&path).unwrap()
    };
    let looks = "contype=\"0\" conaffinity=\"0\"";
    let inertial = r#"<inertial pos="0.1 0 0" mass="1" diaginertia="0.1 0.1 0.1"/>"#;
    let seen = load(looks, inertial, "");
    let cover = &seen.inventory().geoms[1];
    assert_eq!(
        (cover.shape.as_str(), cover.collides),
        ("mesh", false),
        "it is still drawn, and called what it is"
    );
    assert!((cover.size[2] / cover.size[0] - 3.0).abs() < 0.2, "as large as it was: {:?}", cover.size);
    assert!(seen.to_bytes().len() < 60_000, "{}", seen.to_bytes().len());
    let kept = RobotModel::from_bytes(&seen.to_bytes()).unwrap();
    assert_eq!(kept.inventory(), seen.inventory());
    let moves = seen.clone().floor_contacts().unwrap();
    assert_eq!(moves.inventory().geoms[1].shape, "mesh");
    // What weighs, touches or is measured stays whole.
    let heavy = load(looks, "", "");
    assert!(heavy.inventory().bodies[1].mass > seen.inventory().bodies[1].mass + 1.0);
    let eye = format!("{inertial}<site name=\"eye\"/>");
    let measured = load(looks, &eye, "<rangefinder site=\"eye\"/>");
    let frame = |of: &str, from: &str| {
        format!("<framepos objtype=\"geom\" objname=\"{of}\" reftype=\"geom\" refname=\"{from}\"/>")
    };
    let framed =
        [frame("cover", "stick"), frame("stick", "cover")].map(|sensor| load(looks, inertial, &sensor));
    let aside = load(looks, inertial, &frame("stick", "stick"));
    assert!(aside.to_bytes().len() < 60_000, "{}", aside.to_bytes().len());
    for whole in framed.into_iter().chain([heavy, load("", inertial, ""), measured]) {
        assert!(whole.to_bytes().len() > 500_000, "{}", whole.to_bytes().len());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
