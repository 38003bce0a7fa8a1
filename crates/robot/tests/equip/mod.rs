//! Robots with a sensor of every kind on everything.
#![allow(dead_code, unreachable_pub)]

use std::fmt::Write;
use std::path::Path;

use wr2l_robot::{Inventory, JointKind, RobotModel};

const ZONES: [(&str, &str); 5] = [
    ("sphere", "0.12"),
    ("capsule", "0.03 0.1"),
    ("ellipsoid", "0.15 0.04 0.3"),
    ("cylinder", "0.06 0.05"),
    ("box", "0.05 0.2 0.03"),
];

/// A model of this repository, equipped.
pub fn robot(name: &str) -> RobotModel {
    let folders = ["models", "../lanes/tests/models"];
    let file = |folder: &&str| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{name}.xml"));
    let file = folders.iter().map(file).find(|file| file.exists()).unwrap();
    equip(name, &std::fs::read_to_string(file).unwrap(), "")
}

/// A model with a site on every body, sensors of all kinds, and a solver as exact as MuJoCo's can be.
pub fn equip(name: &str, text: &str, more: &str) -> RobotModel {
    let (mut sited, mut rest, mut sites) = (String::new(), text, 0);
    while let Some(at) = rest.find("<body ") {
        let end = at + rest[at..].find('>').unwrap() + 1;
        sited.push_str(&rest[..end]);
        let (shape, size) = ZONES[sites % ZONES.len()];
        let pos = [0.02, -0.01 * (sites % 3) as f64, -0.05 * (sites % 4) as f64];
        let [x, y, z] = pos;
        write!(
            sited,
            r#"<site name="site{sites}" pos="{x} {y} {z}" quat="0.8 0.2 -0.5 0.3" type="{shape}" size="{size}"/>"#
        )
        .unwrap();
        sites += 1;
        rest = &rest[end..];
    }
    sited.push_str(rest);
    let plain = RobotModel::from_text(name, &sited).unwrap();
    let sensors = sensors(plain.inventory(), sites);
    let end = sited.rfind("</mujoco>").unwrap();
    let option = r#"<option solver="Newton" tolerance="1e-15" iterations="500" ls_iterations="500"/>"#;
    let equipped = format!("{}{option}{more}<sensor>{sensors}</sensor>{}", &sited[..end], &sited[end..]);
    RobotModel::from_text(name, &equipped).unwrap()
}

/// The elements of all kinds of sensors that the batched engine gives.
fn sensors(inventory: &Inventory, sites: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut add = |kind: &str, attributes: String| {
        writeln!(out, r#"<{kind} name="{kind}{count}" {attributes}/>"#).unwrap();
        count += 1;
    };
    let frames =
        ["framepos", "framequat", "framexaxis", "frameyaxis", "framezaxis", "framelinvel", "frameangvel"];
    let mut objects = Vec::new();
    for body in inventory.bodies.iter().filter(|body| !body.name.is_empty()) {
        objects.push(("body", body.name.clone()));
        objects.push(("xbody", body.name.clone()));
        for kind in ["subtreecom", "subtreelinvel", "subtreeangmom"] {
            add(kind, format!(r#"body="{}""#, body.name));
        }
    }
    objects.extend((0..sites).map(|site| ("site", format!("site{site}"))));
    objects.extend(inventory.geoms.iter().filter(|g| !g.name.is_empty()).map(|g| ("geom", g.name.clone())));
    for (i, (kind, name)) in objects.iter().enumerate() {
        let of = format!(r#"objtype="{kind}" objname="{name}""#);
        let (other, from) = &objects[(7 * i + 3) % objects.len()];
        for frame in frames {
            add(frame, of.clone());
            add(frame, format!(r#"{of} reftype="{other}" refname="{from}""#));
        }
        add("framelinacc", of.clone());
        add("frameangacc", of);
    }
    for site in 0..sites {
        for kind in ["accelerometer", "velocimeter", "gyro", "magnetometer", "force", "torque", "touch"] {
            add(kind, format!(r#"site="site{site}""#));
        }
    }
    for joint in inventory.joints.iter().filter(|joint| !joint.name.is_empty()) {
        let of = format!(r#"joint="{}""#, joint.name);
        let mut all = |kinds: &[&str]| kinds.iter().for_each(|kind| add(kind, of.clone()));
        match joint.kind {
            JointKind::Free => {}
            JointKind::Ball => all(&["ballquat", "ballangvel"]),
            _ => {
                all(&["jointpos", "jointvel", "jointactuatorfrc"]);
                if joint.range.is_some() {
                    all(&["jointlimitpos", "jointlimitvel", "jointlimitfrc"]);
                }
            }
        }
    }
    for actuator in inventory.actuators.iter().filter(|actuator| !actuator.name.is_empty()) {
        for kind in ["actuatorpos", "actuatorvel", "actuatorfrc"] {
            add(kind, format!(r#"actuator="{}""#, actuator.name));
        }
    }
    for tendon in inventory.tendons.iter().filter(|tendon| !tendon.is_empty()) {
        for kind in ["tendonpos", "tendonvel", "tendonactuatorfrc"] {
            add(kind, format!(r#"tendon="{tendon}""#));
        }
    }
    out
}
