//! Writes the robots of `models/*.xml` as constants, so that the engine is compiled for each.
// The shared files hold more than the script needs.
#![allow(dead_code, unreachable_pub)]

#[path = "src/mjcf/mod.rs"]
mod mjcf;
#[path = "src/parts.rs"]
mod parts;

use std::fmt::Write as _;
use std::path::Path;

/// The type of each robot, its model, and the capsule whose length varies.
const ROBOTS: [(&str, &str, Option<&str>); 4] = [
    ("Hopper", "hopper", None),
    ("Walker2d", "walker2d", None),
    ("HalfCheetah", "half_cheetah", None),
    ("InvertedPendulum", "inverted_pendulum", Some("pole")),
];

fn main() {
    let mut out = String::new();
    for (robot, model, pole) in ROBOTS {
        let path = format!("models/{model}.xml");
        println!("cargo::rerun-if-changed={path}");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let description = mjcf::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        write_robot(&mut out, robot, &description, pole).expect("a string takes everything");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/mjcf");
    println!("cargo::rerun-if-changed=src/parts.rs");
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join("robots.rs"), out).expect("OUT_DIR can be written");
}

/// The derived `Debug` of plain data is Rust that makes it; numbers come out to the last bit.
fn write_robot(
    out: &mut String,
    robot: &str,
    model: &mjcf::Description,
    pole: Option<&str>,
) -> std::fmt::Result {
    let mjcf::Description {
        bodies,
        joints,
        capsules,
        coordinates,
        height,
        density,
        timestep,
        integrator,
        control_limit,
        limit,
        contact,
        margin,
        ground,
        pairs,
        gravity,
        names,
    } = model;
    let pole = pole.map(|pole| {
        let index = names.capsules.iter().position(|name| name == pole).expect("the pole is a geom");
        // From the body's origin upwards: see `Model::pole`.
        (index, 2.0 * capsules[index].centre.z)
    });
    let constant = robot.to_uppercase();
    writeln!(
        out,
        "const {constant}: Model = Model {{\n    bodies: &{bodies:?},\n    joints: &{joints:?},\n    capsules: \
         &{capsules:?},\n    coordinates: &{coordinates:?},\n    height: {height:?},\n    density: \
         {density:?},\n    pole: {pole:?},\n    timestep: {timestep:?},\n    integrator: {integrator:?},\n    \
         control_limit: {control_limit:?},\n    limit: {limit:?},\n    contact: {contact:?},\n    margin: \
         {margin:?},\n    ground: {ground:?},\n    pairs: &{pairs:?},\n    gravity: {gravity:?},\n}};\n\n\
         robot! {{\n    /// {robot}, from its model.\n    {robot} = {constant}\n}}\n\npub(crate) const {constant}_NAMES: \
         Names = Names {{ bodies: &{:?}, joints: &{:?} }};\n",
        names.bodies, names.joints
    )
}
