//! Models from MuJoCo: the committed ones are fresh, and what is beyond the engine is refused by name.
#![cfg(feature = "mujoco")]

use mujoco_rs::prelude::MjModel;
use wr2l_lanes::{Compiled, Contacts, Model};

mod common;
use common::mujoco::{blocks, own, planar};
use common::{MODELS, bytes, folder};

/// `WR2L_WRITE_MODELS=1` writes them anew.
#[test]
fn committed_models_are_what_mujoco_compiles() {
    let robots: Vec<_> = own().into_iter().chain([blocks()]).chain(planar()).collect();
    assert_eq!(robots.iter().map(|robot| robot.name.as_str()).collect::<Vec<_>>(), MODELS);
    for robot in robots {
        let file = robot.model().compiled().to_bytes().unwrap();
        if std::env::var_os("WR2L_WRITE_MODELS").is_some() {
            std::fs::write(folder().join(format!("{}.model", robot.name)), &file).unwrap();
        }
        assert!(file == bytes(&robot.name), "{}: WR2L_WRITE_MODELS=1 writes it anew", robot.name);
    }
}

/// What the engine says of a model with these elements in the world, after it, and with these options.
fn refusal(world: &str, after: &str) -> String {
    let xml = format!(
        r#"<mujoco><worldbody>
          <geom name="floor" type="plane" size="1 1 1"/>
          <body name="base" pos="0 0 1"><freejoint/><geom name="ball" size="0.1"/>
            <body name="arm"><joint name="elbow" axis="0 1 0"/><geom name="arm" type="capsule" fromto="0 0 0 0.3 0 0" size="0.05"/></body>
          </body>{world}</worldbody>{after}</mujoco>"#
    );
    let source = MjModel::from_xml_string(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    match Compiled::from_mujoco(&source) {
        Err(refusal) => refusal.to_string(),
        Ok(compiled) => {
            Model::new(compiled, Contacts::All).map_or_else(|e| e.to_string(), |_| "accepted".into())
        }
    }
}

fn body(inside: &str) -> String {
    format!(r#"<body name="thing" pos="0 0 2">{inside}</body>"#)
}

#[test]
fn what_the_engine_cannot_move_is_refused_by_element_and_name() {
    assert_eq!(refusal("", ""), "accepted");
    let free = "<freejoint/>";
    let cases = [
        (
            body(r#"<joint name="b" type="ball" range="0 90" limited="true"/><geom size="0.1"/>"#),
            "",
            "joint `b`: limits of ball joints",
        ),
        (
            body(r#"<joint name="b" type="ball" stiffness="2"/><geom size="0.1"/>"#),
            "",
            "joint `b`: springs of ball joints",
        ),
        (
            body(r#"<joint name="b" type="ball"/><joint name="s" type="slide"/><geom size="0.1"/>"#),
            "",
            "joint `b`: a ball joint that is not the last of its body",
        ),
        (
            body(r#"<joint name="b" type="ball"/><geom size="0.1"/>"#),
            r#"<actuator><motor name="m" joint="b" gear="1 2 3"/></actuator>"#,
            "actuator `m`: it acts on a joint that is neither hinge nor slide",
        ),
        (
            body(&format!(r#"{free}<geom name="crate" type="box" size="0.1 0.1 0.1"/>"#))
                + r#"<body name="other"><freejoint/><geom name="chest" type="box" size="0.1 0.1 0.1"/></body>"#,
            "",
            "geom `crate`: is a box and may touch geom `chest`, a box",
        ),
        (
            body(&format!(r#"{free}<geom name="egg" type="ellipsoid" size="0.1 0.2 0.1"/>"#)),
            "",
            "geom `egg`: is an ellipsoid and may touch geom `ball`, a sphere",
        ),
        (
            body(&format!(r#"{free}<geom name="drum" type="cylinder" size="0.1 0.1"/>"#))
                + r#"<body name="other"><freejoint/><geom name="can" type="cylinder" size="0.1 0.1"/></body>"#,
            "",
            "geom `drum`: is a cylinder and may touch geom `can`, a cylinder",
        ),
        (body(&format!(r#"{free}<geom name="ice" size="0.1" adhesion="1"/>"#)), "", "geom `ice`: adhesion"),
        (
            body(r#"<geom name="wet" size="0.1" fluidshape="ellipsoid"/>"#),
            "",
            "geom `wet`: the ellipsoid model of fluids",
        ),
        (
            String::from(r#"<body name="hand" mocap="true"><geom size="0.1"/></body>"#),
            "",
            "body `hand`: mocap bodies",
        ),
        (
            body(r#"<joint name="s" axis="0 1 0" damping="1 2"/><geom size="0.1"/>"#),
            "",
            "damping that is not linear",
        ),
        (String::new(), r#"<equality><weld name="glue" body1="base"/></equality>"#, "equality `glue`: welds"),
        (
            String::new(),
            r#"<tendon><fixed name="cord"><joint joint="elbow" coef="1"/></fixed></tendon>
               <equality><tendon name="yoke" tendon1="cord"/></equality>"#,
            "equality `yoke`: ties of tendons",
        ),
        (
            String::new(),
            r#"<tendon><fixed name="cord" stiffness="1"><joint joint="elbow" coef="1"/></fixed></tendon>"#,
            "tendon `cord`: tendons that act",
        ),
        (
            String::new(),
            r#"<actuator><muscle name="biceps" joint="elbow" lengthrange="0 1"/></actuator>"#,
            "actuator `biceps`: activation dynamics beyond integrators and filters",
        ),
        (
            body(&format!(r#"{free}<geom name="rock" type="mesh" mesh="m"/>"#)),
            r#"<asset><mesh name="m" vertex="0 0 0 1 0 0 0 1 0 0 0 1"/></asset>"#,
            "geom `rock`: is a mesh and may touch geom `floor`, a plane",
        ),
        (
            format!(r#"<site name="here"/>{}"#, body(r#"<site name="there"/><geom size="0.1"/>"#)),
            r#"<tendon><spatial name="rope"><site site="here"/><site site="there"/></spatial></tendon>
               <actuator><motor name="winch" tendon="rope"/></actuator>"#,
            "actuator `winch`: it acts on a tendon that is not fixed",
        ),
        (
            String::new(),
            r#"<tendon><fixed name="cord"><joint joint="elbow" coef="1"/></fixed></tendon>
               <actuator><motor name="pull" tendon="cord"/></actuator><option integrator="implicitfast"/>"#,
            "actuator `pull`: it acts on a tendon, under implicitfast",
        ),
        (String::new(), r#"<option integrator="implicit"/>"#, "the integrator is neither"),
        (String::new(), r#"<option noslip_iterations="3"/>"#, "`noslip_iterations` is not 0"),
        (
            String::new(),
            r#"<option><flag actuation="disable"/></option>"#,
            "the flag `actuation` is disabled",
        ),
        (
            body(&format!(r#"{free}<geom name="drum" type="cylinder" size="0.1 0.1"/>"#)),
            r#"<option><flag multiccd="disable"/></option>"#,
            "a flag `nativeccd` or `multiccd` is disabled",
        ),
        (String::new(), r#"<option><flag override="enable"/></option>"#, "the flag `override` is enabled"),
        (String::new(), r#"<option integrator="implicitfast" density="1"/>"#, "implicitfast in a medium"),
        (
            body(r#"<joint name="lone" type="free"/><geom size="0.1"/>"#),
            r#"<option integrator="implicitfast"/>"#,
            "joint `lone`: a free body without joints, under implicitfast",
        ),
    ];
    for (world, after, expected) in &cases {
        let said = refusal(world, after);
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
        assert!(said.ends_with("; run this model on MuJoCo"), "{said}");
    }
}

#[test]
fn a_tendon_without_effect_and_shapes_that_touch_nothing_are_no_hindrance() {
    let world =
        body(r#"<freejoint/><geom size="0.1"/><geom type="box" size="1 1 1" contype="0" conaffinity="0"/>"#);
    let after = r#"<tendon><fixed name="label"><joint joint="elbow" coef="1"/></fixed></tendon>"#;
    assert_eq!(refusal(&world, after), "accepted");
}

#[test]
fn what_is_tied_and_does_not_act_is_no_hindrance() {
    let weld = r#"<equality><weld name="glue" body1="base" active="false"/></equality>"#;
    assert_eq!(refusal("", weld), "accepted");
    let weld = r#"<equality><weld name="glue" body1="base"/></equality>"#;
    for flag in ["equality", "constraint"] {
        let off = format!(r#"<option><flag {flag}="disable"/></option>"#);
        assert_eq!(refusal("", &format!("{weld}{off}")), "accepted", "{flag}");
    }
}

#[test]
fn floor_contacts_only_leaves_the_other_pairs_out_and_says_how_many() {
    let xml = r#"<mujoco><worldbody><geom type="plane" size="1 1 1"/>
        <body><freejoint/><geom size="0.1"/></body><body><freejoint/><geom size="0.1"/></body>
        <body><freejoint/><geom type="box" size="0.1 0.1 0.1" conaffinity="2" contype="2"/></body>
        <body><freejoint/><geom type="cylinder" size="0.1 0.1" conaffinity="2" contype="3"/></body>
        </worldbody></mujoco>"#;
    let compiled = Compiled::from_mujoco(&MjModel::from_xml_string(xml).unwrap()).unwrap();
    let error = Model::new(compiled.clone(), Contacts::All).unwrap_err().to_string();
    assert!(error.contains("is a cylinder and may touch geom 3, a box"), "{error}");
    let model = Model::new(compiled, Contacts::FloorOnly).unwrap();
    assert_eq!((model.left_out(), model.contacts()), (4, Contacts::FloorOnly));
}
