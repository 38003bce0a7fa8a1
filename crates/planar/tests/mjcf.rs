//! Which models the planar physics takes, and how it refuses the others.

use std::path::Path;

use wr2l_planar::{MjcfError, Robot};

const FILES: [(Robot, &str); 4] = [
    (Robot::Hopper, "hopper"),
    (Robot::Walker2d, "walker2d"),
    (Robot::HalfCheetah, "half_cheetah"),
    (Robot::InvertedPendulum, "inverted_pendulum"),
];

fn model(robot: Robot) -> String {
    let (_, name) = FILES.into_iter().find(|(r, _)| *r == robot).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../models/{name}.xml"));
    std::fs::read_to_string(path).unwrap()
}

/// A model with one piece of its text replaced.
fn edited(robot: Robot, old: &str, new: &str) -> String {
    let text = model(robot);
    assert!(text.contains(old), "{robot:?} has no {old}");
    text.replacen(old, new, 1)
}

fn error(text: &str) -> String {
    Robot::from_mjcf(text).unwrap_err().to_string()
}

#[test]
fn our_own_models_are_recognised() {
    for (robot, _) in FILES {
        assert_eq!(Robot::from_mjcf(&model(robot)), Ok(robot));
    }
}

#[test]
fn what_changes_no_motion_may_differ() {
    for (old, new) in [
        ("<worldbody>", "<visual><map znear=\"0.1\"/></visual><worldbody><light pos=\"0 0 3\"/>"),
        ("name=\"thigh\" size", "name=\"thigh\" rgba=\"1 0 0 1\" size"),
        (
            "<default class=\"root\">",
            "<default class=\"unused\"><geom margin=\"7\"/></default><default class=\"root\">",
        ),
        ("<worldbody>", "<asset><texture name=\"t\"/><material name=\"m\"/></asset><worldbody>"),
        ("solref=\"0.02 1\"", "solref=\"2e-2  1.0\""),
        ("name=\"torso\"", "name=\"trunk\""),
        ("<option timestep=\"0.002\"", "<option cone=\"pyramidal\" solver=\"Newton\" timestep=\"0.002\""),
        ("pos=\"0 0 0.25\"", "pos=\"0 0 0.25\" ref=\"0\""),
    ] {
        assert_eq!(Robot::from_mjcf(&edited(Robot::Hopper, old, new)), Ok(Robot::Hopper), "{new}");
    }
    let text = edited(Robot::Hopper, "zaxis=\"-1 0 0\"", "axisangle=\"0 1 0 -90\"");
    assert!(Robot::from_mjcf(&text).is_err(), "a sine of −90° that rounds is another number");
    let text = edited(Robot::Hopper, "<body name=\"torso\"", "<body childclass=\"driven\" name=\"torso\"");
    assert_eq!(Robot::from_mjcf(&text), Ok(Robot::Hopper));
}

#[test]
fn another_number_is_refused_with_the_part_it_stands_in() {
    for (old, new, part) in [
        ("size=\"0.04 0.25\"", "size=\"0.05 0.25\"", "`leg` (capsule 2)"),
        ("range=\"-45 45\"", "range=\"-45 46\"", "`foot` (joint 2)"),
        ("pos=\"0 0 -0.7\"", "pos=\"0 0 -0.8\"", "the place of `leg` (body 2)"),
        ("density=\"1000\"", "density=\"1001\"", "`density`"),
        ("timestep=\"0.002\"", "timestep=\"0.003\"", "`timestep`"),
        ("integrator=\"RK4\"", "", "`integrator`"),
        ("ctrlrange=\"-1 1\"", "ctrlrange=\"-2 2\"", "`ctrlrange`"),
        ("margin=\"0.001\"", "", "`margin`"),
        ("solimp=\"0.8 0.8 0.01\"", "", "the softness of contacts"),
        ("armature=\"1\"", "armature=\"2\"", "`thigh` (joint 0)"),
        ("gear=\"200\"", "gear=\"100\"", "`thigh` (joint 0)"),
        ("conaffinity=\"1\" margin", "conaffinity=\"2\" margin", ""),
    ] {
        let text = edited(Robot::Hopper, old, new);
        let message = error(&text);
        assert!(message.contains("--physics mujoco"), "{message}");
        assert!(message.contains(part), "{new}: {message}");
    }
    // The left leg left away.
    let text = model(Robot::Walker2d);
    let leg = text.find("<body name=\"thigh_left\"").unwrap();
    let end = leg + text[leg..].find("\n      </body>").unwrap() + "\n      </body>".len();
    let motors = text.find("<motor name=\"thigh_left\"").unwrap();
    let rest = format!("{}{}</actuator></mujoco>", &text[..leg], &text[end..motors]);
    let message = error(&rest);
    assert!(
        message.contains("compiled for Hopper, Walker2d, HalfCheetah, InvertedPendulum only"),
        "{message}"
    );
}

/// What is not planar, or not like the robots, is refused by the name of its element, where it stands, and why.
#[test]
fn what_the_physics_cannot_move_is_refused_by_name() {
    let foot = "<geom name=\"foot\" size=\"0.06 0.195\"";
    for (old, new, element, reason) in [
        ("<worldbody>", "<tendon><fixed name=\"t\"/></tendon><worldbody>", "`tendon`", "not supported"),
        (
            "<worldbody>",
            "<equality><weld body1=\"leg\"/></equality><worldbody>",
            "`equality`",
            "not supported",
        ),
        ("<worldbody>", "<contact><exclude/></contact><worldbody>", "`contact`", "not supported"),
        ("<worldbody>", "<include file=\"x.xml\"/><worldbody>", "`include`", "not supported"),
        (
            "<worldbody>",
            "<asset><mesh name=\"m\" file=\"m.stl\"/></asset><worldbody>",
            "`mesh` `m`",
            "not supported",
        ),
        ("<worldbody>", "<worldbody/><worldbody>", "`worldbody`", "twice"),
        ("<worldbody>", "<worldbody><body name=\"ball\"><freejoint/></body>", "`body` `ball`", "root has to"),
        (
            "<joint name=\"rootx\"",
            "<freejoint name=\"f\"/><joint name=\"rootx\"",
            "`freejoint` `f`",
            "not supported",
        ),
        ("class=\"driven\" range", "class=\"driven\" type=\"ball\" range", "`joint` `thigh`", "not `ball`"),
        ("class=\"driven\" range", "class=\"driven\" type=\"slide\" range", "`joint` `thigh`", "not `slide`"),
        (
            "class=\"driven\" range",
            "class=\"driven\" axis=\"1 0 0\" range",
            "`joint` `thigh`",
            "`axis` has to be",
        ),
        (
            "class=\"driven\" range",
            "class=\"driven\" axis=\"0 1 0.1\" range",
            "`joint` `thigh`",
            "`axis` has to be",
        ),
        ("class=\"driven\" range", "class=\"driven\" limited=\"false\" range", "`joint` `thigh`", "limited"),
        (
            "class=\"driven\" range",
            "class=\"driven\" springref=\"1\" range",
            "`joint` `thigh`",
            "`springref`",
        ),
        (
            "class=\"driven\" range",
            "class=\"driven\" frictionloss=\"1\" range",
            "`joint` `thigh`",
            "`frictionloss`",
        ),
        ("class=\"driven\" range", "class=\"driven\" ref=\"1\" range", "`joint` `thigh`", "`ref`"),
        ("class=\"driven\" range", "class=\"driven\" damping=\"-1\" range", "`joint` `thigh`", "negative"),
        ("class=\"driven\" range", "class=\"driven\" damping=\"1 2\" range", "`joint` `thigh`", "`1 2`"),
        ("class=\"driven\" range", "class=\"nobody\" range", "`joint` `thigh`", "no default class `nobody`"),
        (
            "class=\"driven\" range",
            "class=\"driven\" solreflimit=\"0.1 1\" range",
            "`joint`",
            "the same for all",
        ),
        (
            "class=\"root\" type=\"slide\" axis=\"1 0 0\"",
            "type=\"slide\" axis=\"0 1 0\"",
            "`joint` `rootx`",
            "slide",
        ),
        ("class=\"root\" type=\"hinge\"", "class=\"root\" damping=\"1\"", "`joint` `rooty`", "damping"),
        (foot, "<geom name=\"foot\" type=\"box\" size=\"0.06 0.195\"", "`geom` `foot`", "not `box`"),
        (foot, "<geom name=\"foot\" type=\"mesh\" mesh=\"m\" size=\"0.06 0.195\"", "`geom` `foot`", "`mesh`"),
        (foot, "<geom name=\"foot\" type=\"plane\" size=\"0.06 0.195\"", "`geom` `foot`", "not `plane`"),
        (foot, "<geom name=\"foot\" mass=\"1\" size=\"0.06 0.195\"", "`geom` `foot`", "`mass`"),
        (foot, "<geom name=\"foot\" density=\"1\" size=\"0.06 0.195\"", "`geom` `foot`", "`density`"),
        (foot, "<geom name=\"foot\" condim=\"4\" size=\"0.06 0.195\"", "`geom` `foot`", "`condim`"),
        (foot, "<geom name=\"foot\" margin=\"0.1\" size=\"0.06 0.195\"", "`geom` `foot`", "`margin`"),
        (foot, "<geom name=\"foot\" priority=\"1\" size=\"0.06 0.195\"", "`geom` `foot`", "`priority`"),
        (
            foot,
            "<geom name=\"foot\" contype=\"0\" conaffinity=\"0\" size=\"0.06 0.195\"",
            "`geom` `foot`",
            "ground",
        ),
        (foot, "<geom name=\"foot\" size=\"0.06 wide\"", "`geom` `foot`", "`0.06 wide`"),
        (foot, "<geom name=\"foot\" size=\"nan 0.195\"", "`geom` `foot`", "`nan 0.195`"),
        (foot, "<geom name=\"foot\" size=\"-1 0.195\"", "`geom` `foot`", "positive"),
        (
            foot,
            "<geom name=\"foot\" quat=\"1 0 0 0\" size=\"0.06 0.195\"",
            "`geom` `foot`",
            "`quat` and `zaxis`",
        ),
        ("zaxis=\"-1 0 0\"", "zaxis=\"-1 0.5 0\"", "`geom` `foot`", "y = 0"),
        ("<body name=\"foot\" pos=\"0.13 0", "<body name=\"foot\" pos=\"0.13 1", "`body` `foot`", "y = 0"),
        ("<body name=\"foot\"", "<body name=\"foot\" euler=\"0 1 0\"", "`body` `foot`", "`euler`"),
        ("<body name=\"foot\"", "<body name=\"foot\" gravcomp=\"1\"", "`body` `foot`", "`gravcomp`"),
        (
            "<geom name=\"torso\"",
            "<inertial mass=\"1\" pos=\"0 0 0\"/><geom name=\"torso\"",
            "`inertial`",
            "not supported",
        ),
        ("<geom name=\"torso\" size=\"0.05 0.2\"/>", "", "`body` `torso`", "no mass"),
        ("<motor name=\"thigh\"", "<position name=\"thigh\"", "`position` `thigh`", "`motor`"),
        ("<motor name=\"thigh\"", "<motor ctrlrange=\"-1 2\" name=\"thigh\"", "`motor` `thigh`", "symmetric"),
        (
            "<motor name=\"thigh\" joint=\"thigh\"",
            "<motor name=\"m\" joint=\"rooty\"",
            "`motor` `m`",
            "limited joint",
        ),
        ("<motor name=\"leg\" joint=\"leg\"", "<motor name=\"m\" joint=\"thigh\"", "`motor` `m`", "order"),
        ("integrator=\"RK4\"", "integrator=\"implicit\"", "`option`", "not `implicit`"),
        ("integrator=\"RK4\"", "cone=\"elliptic\"", "`option`", "not `elliptic`"),
        ("integrator=\"RK4\"", "solver=\"PGS\"", "`option`", "not `PGS`"),
        ("integrator=\"RK4\"", "wind=\"1 0 0\"", "`option`", "`wind`"),
        ("integrator=\"RK4\"", "gravity=\"1 0 -9\"", "`option`", "vertical"),
        ("timestep=\"0.002\"", "timestep=\"0\"", "`option`", "positive"),
        ("angle=\"degree\"", "angle=\"degree\" settotalmass=\"14\"", "`compiler`", "`settotalmass`"),
        ("angle=\"degree\"", "angle=\"degree\" coordinate=\"global\"", "`compiler`", "`coordinate`"),
        ("<motor gear", "<general gear", "`general`", "no defaults"),
        ("<default class=\"root\">", "<default>", "`default`", "no `class`"),
        ("<geom name=\"floor\"", "<geom pos=\"0 0 1\" name=\"floor\"", "`geom` `floor`", "z = 0"),
        ("<geom name=\"floor\" type=\"plane\"", "<geom name=\"floor\"", "`geom` `floor`", "plane"),
    ] {
        let message = error(&edited(Robot::Hopper, old, new));
        assert!(message.starts_with("line "), "{new}: {message}");
        assert!(message.contains(&format!(": {element}")), "{new}: {message}");
        assert!(message.contains(reason), "{new}: {message}");
        assert!(message.contains("use `--physics mujoco`"), "{new}: {message}");
    }
}

#[test]
fn capsules_of_two_legs_that_may_touch_are_refused() {
    let text = edited(Robot::Walker2d, "condim=\"3\" contype=\"1\" conaffinity=\"0\"", "condim=\"1\"");
    let message = error(&text.replace("friction=\"0.7", "condim=\"3\" friction=\"0.7"));
    assert!(message.contains("another branch"), "{message}");
}

#[test]
fn what_is_not_well_formed_is_refused_and_never_panics() {
    for text in [
        "",
        " ",
        "hopper",
        "<mujoco>",
        "<mujoco></robot>",
        "\u{0}",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ] {
        assert!(matches!(Robot::from_mjcf(text), Err(MjcfError::Xml(_))), "{text}: {}", error(text));
    }
    for text in [
        "<mujoco/>",
        "<a/>",
        "<mujoco><worldbody/></mujoco>",
        "<mujoco xmlns='x'><worldbody y='1'/></mujoco>",
    ] {
        assert!(
            matches!(Robot::from_mjcf(text), Err(MjcfError::Unsupported { .. })),
            "{text}: {}",
            error(text)
        );
    }
    // Every beginning of a model, and a model with any one byte lost.
    let text = model(Robot::InvertedPendulum);
    let mut taken = 0;
    for cut in (0..text.len()).filter(|&cut| text.is_char_boundary(cut) && text.is_char_boundary(cut + 1)) {
        assert!(Robot::from_mjcf(&text[..cut]).is_err() || text[cut..].trim().is_empty(), "{cut}");
        taken += usize::from(Robot::from_mjcf(&format!("{}{}", &text[..cut], &text[cut + 1..])).is_ok());
    }
    assert!(taken > 100, "comments and spaces may change: {taken}");
}

#[test]
fn huge_and_deep_models_are_refused_at_once() {
    for tag in ["body", "default class=\"a\"", "geom"] {
        let name = tag.split(' ').next().unwrap();
        for depth in [100, 10_000, 40_000, 1_000_000] {
            let deep = format!("{}{}", format!("<{tag}>").repeat(depth), format!("</{name}>").repeat(depth));
            for (start, end) in [("<mujoco><worldbody>", "</worldbody></mujoco>"), ("<mujoco>", "</mujoco>")]
            {
                assert!(Robot::from_mjcf(&format!("{start}{deep}{end}")).is_err());
            }
        }
    }
    let joint = "<joint type='slide' axis='1 0 0' range='-1 1'/><geom type='capsule' size='1 1'/>";
    let hinge = "<joint axis='0 1 0' range='-1 1'/><geom type='capsule' size='1 1'/>";
    let chain = format!("<body>{hinge}").repeat(50) + &"</body>".repeat(50);
    let message = error(&format!("<mujoco><worldbody><body>{joint}{chain}</body></worldbody></mujoco>"));
    assert!(message.contains("one joint too many"), "{message}");
    let wide = "<geom type='capsule' size='1 1'/>".repeat(9);
    let message = error(&format!("<mujoco><worldbody><body>{joint}{wide}</body></worldbody></mujoco>"));
    assert!(message.contains("one capsule too many"), "{message}");
    let long = "x".repeat(5000);
    let message = error(&format!("<mujoco><{long}/></mujoco>"));
    assert!(message.len() < 500, "{message}");
}
