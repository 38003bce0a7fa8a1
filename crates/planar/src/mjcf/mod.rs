//! Reads MJCF, MuJoCo's model files, within what the engine can move, and refuses everything else by name.
//!
//! The build script compiles this module too, to turn the project's own models into constants: so the file that
//! MuJoCo is given is the only place where a robot's numbers stand. Lengths are in m, angles in rad from here on.
//!
//! What a robot may be: a tree of bodies in the x–z plane, whose root moves freely in it or slides along x, and each
//! other on one limited hinge; of capsules of one density; contacts with the ground with friction and between
//! capsules without; at most one motor on a joint. [`read`] says which number or element goes beyond that.

mod contact;
mod element;
mod tree;

use roxmltree::{Document, ParsingOptions};
use thiserror::Error;

use self::element::{Defaults, Element};
use crate::parts::{Body, Capsule, Integrator, Joint, Softness};

/// Why a model was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MjcfError {
    /// The text is not well-formed XML, or far too long.
    #[error("the model is not well-formed XML: {0}")]
    Xml(String),
    /// An element, or a number in it, is beyond the planar physics.
    #[error(
        "line {line}: {element}: {reason}. The planar physics cannot move this model; use `--physics mujoco`"
    )]
    Unsupported {
        /// The element and its name, if it has one, such as "`geom` `head`".
        element: String,
        /// The line it begins on, from 1.
        line: u32,
        /// What is beyond the planar physics.
        reason: String,
    },
    /// The planar physics could move such a robot, but it is compiled for others only.
    #[error(
        "the planar physics is compiled for {robots} only, and this model is none of them: {difference}; use \
         `--physics mujoco`"
    )]
    Unknown {
        /// The robots there are.
        robots: String,
        /// How it differs from the most similar of them.
        difference: String,
    },
}

/// A robot as a file describes it: the numbers of [`crate::model::Model`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) bodies: Vec<Body>,
    pub(crate) joints: Vec<Joint>,
    pub(crate) capsules: Vec<Capsule>,
    pub(crate) coordinates: Vec<usize>,
    pub(crate) height: f64,
    pub(crate) density: f64,
    pub(crate) timestep: f64,
    pub(crate) integrator: Integrator,
    pub(crate) control_limit: f64,
    pub(crate) limit: Softness,
    pub(crate) contact: Softness,
    pub(crate) margin: f64,
    pub(crate) ground: bool,
    pub(crate) pairs: Vec<(usize, usize)>,
    pub(crate) gravity: f64,
    pub(crate) names: Names,
}

/// What the parts are called in the file; empty where they have no name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Names {
    pub(crate) bodies: Vec<String>,
    pub(crate) joints: Vec<String>,
    pub(crate) capsules: Vec<String>,
}

/// Longer texts (bytes) and larger trees (nodes) than any robot's are not even parsed.
const MAX_LENGTH: usize = 1 << 20;
const MAX_NODES: u32 = 1 << 16;

/// Sections and elements that change nothing about the motion.
const DECORATION: [&str; 3] = ["visual", "statistic", "custom"];

/// Reads a model.
pub(crate) fn read(text: &str) -> Result<Description, MjcfError> {
    if text.len() > MAX_LENGTH {
        return Err(MjcfError::Xml(format!(
            "{} bytes are more than the {MAX_LENGTH} of any robot",
            text.len()
        )));
    }
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|error| MjcfError::Xml(error.to_string()))?;
    let root = Element::bare(document.root_element());
    if root.tag() != "mujoco" {
        return Err(root.refuse("the root of a model is `mujoco`"));
    }
    root.allow(&["model"])?;
    let mut sections = Sections::default();
    for element in root.children() {
        let place = match element.tag() {
            "compiler" => &mut sections.compiler,
            "option" => &mut sections.option,
            "default" => &mut sections.default,
            "worldbody" => &mut sections.world,
            "actuator" => &mut sections.actuator,
            "asset" => {
                // What a mesh or height field is for, collisions, is beyond us; textures are not seen here.
                match element.children().find(|child| !["texture", "material"].contains(&child.tag())) {
                    Some(child) => return Err(child.refuse("is not supported")),
                    None => continue,
                }
            }
            tag if DECORATION.contains(&tag) => continue,
            _ => return Err(element.refuse("is not supported")),
        };
        if place.is_some() {
            return Err(element.refuse("stands there twice"));
        }
        *place = Some(element);
    }

    let degrees = compiler(sections.compiler.as_ref())?;
    let (timestep, integrator, gravity) = option(sections.option.as_ref())?;
    let defaults = Defaults::read(sections.default.as_ref())?;
    let world = sections.world.ok_or_else(|| root.refuse("has no `worldbody`"))?;
    let tree = tree::read(&world, &defaults, degrees)?;
    let contacts = contact::find(&tree)?;
    let mut joints: Vec<Joint> = tree.joints.iter().map(|(joint, ..)| *joint).collect();
    let joint_names: Vec<String> = tree.joints.iter().map(|(_, name, _)| name.clone()).collect();
    let control_limit = motors(sections.actuator.as_ref(), &defaults, &joint_names, &mut joints)?;

    let mut capsules = Vec::new();
    let mut names = Names { bodies: tree.body_names.clone(), joints: joint_names, capsules: Vec::new() };
    for (shape, friction) in tree.shapes.iter().zip(&contacts.friction) {
        if let Some(capsule) = shape.capsule.filter(|_| shape.body.is_some()) {
            capsules.push(Capsule { friction: *friction, ..capsule });
            names.capsules.push(shape.element.name());
        }
    }
    Ok(Description {
        bodies: tree.bodies,
        joints,
        capsules,
        coordinates: tree.coordinates,
        height: tree.height,
        density: contacts.density,
        timestep,
        integrator,
        control_limit,
        limit: tree.limit,
        contact: contacts.softness,
        margin: contacts.margin,
        ground: contacts.ground,
        pairs: contacts.pairs,
        gravity,
        names,
    })
}

/// The elements below `mujoco` that matter.
#[derive(Default)]
struct Sections<'a> {
    compiler: Option<Element<'a>>,
    option: Option<Element<'a>>,
    default: Option<Element<'a>>,
    world: Option<Element<'a>>,
    actuator: Option<Element<'a>>,
}

/// Whether angles are in degrees.
fn compiler(element: Option<&Element<'_>>) -> Result<bool, MjcfError> {
    let Some(element) = element else { return Ok(true) };
    element.allow(&["angle", "inertiafromgeom", "autolimits"])?;
    element.choice("inertiafromgeom", "auto", &["auto", "true"])?;
    element.choice("autolimits", "true", &["true"])?;
    Ok(element.choice("angle", "degree", &["degree", "radian"])? == "degree")
}

/// Time step, integrator, and downward acceleration.
fn option(element: Option<&Element<'_>>) -> Result<(f64, Integrator, f64), MjcfError> {
    let Some(element) = element else { return Ok((0.002, Integrator::Euler, 9.81)) };
    element.allow(&["timestep", "integrator", "gravity", "cone", "solver", "impratio"])?;
    element.choice("cone", "pyramidal", &["pyramidal"])?;
    element.choice("solver", "Newton", &["Newton"])?;
    if element.number("impratio", 1.0)? != 1.0 {
        return Err(element.refuse("`impratio` has to be 1"));
    }
    let integrator = match element.choice("integrator", "Euler", &["Euler", "RK4"])? {
        "RK4" => Integrator::RungeKutta4,
        _ => Integrator::Euler,
    };
    let timestep = element.number("timestep", 0.002)?;
    if timestep <= 0.0 {
        return Err(element.refuse("`timestep` has to be positive"));
    }
    let [x, y, z] = element.numbers("gravity", [0.0, 0.0, -9.81])?;
    if x != 0.0 || y != 0.0 {
        return Err(element.refuse("`gravity` has to be vertical"));
    }
    Ok((timestep, integrator, -z))
}

/// Gives joints their motors; returns the limit of all controls.
fn motors(
    section: Option<&Element<'_>>,
    defaults: &Defaults<'_>,
    names: &[String],
    joints: &mut [Joint],
) -> Result<f64, MjcfError> {
    let mut limit = None;
    let mut last = None;
    for element in section.iter().flat_map(|section| section.children()) {
        if element.tag() != "motor" {
            return Err(element.refuse("is not supported: every actuator has to be a `motor`"));
        }
        let motor = defaults.resolve(element, "")?;
        let joint = motor.text("joint").unwrap_or_default();
        let Some(index) = names.iter().position(|name| !name.is_empty() && name == joint) else {
            return Err(motor.refuse("`joint` has to name a limited joint"));
        };
        // Controls are counted in the order of the joints.
        if last.is_some_and(|last| last >= index) {
            return Err(
                motor.refuse("motors have to stand in the order of their joints, at most one for each")
            );
        }
        last = Some(index);
        joints[index].gear = Some(motor.number("gear", 1.0)?);
        motor.choice("ctrllimited", "auto", &["auto", "true"])?;
        let [low, high] = motor.numbers("ctrlrange", [0.0, 0.0])?;
        let agrees = limit.is_none_or(|limit| limit == high);
        if !(high > 0.0 && low == -high && agrees) {
            return Err(motor.refuse("`ctrlrange` has to be symmetric about 0, and the same for all motors"));
        }
        limit = Some(high);
    }
    Ok(limit.unwrap_or(1.0))
}
