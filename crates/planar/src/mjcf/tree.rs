//! Bodies, joints and shapes: the tree below `worldbody`.

use super::MjcfError;
use super::element::{Defaults, Element};
use crate::parts::{Body, Capsule, Joint, MAX_BODIES, MAX_CAPSULES, MAX_JOINTS, Point, Softness, angle};

/// The robot without its contacts.
pub(super) struct Tree<'a> {
    pub(super) bodies: Vec<Body>,
    pub(super) body_names: Vec<String>,
    /// Joints with parameters, and their names and softness.
    pub(super) joints: Vec<(Joint, String, Softness)>,
    pub(super) coordinates: Vec<usize>,
    pub(super) height: f64,
    pub(super) limit: Softness,
    pub(super) shapes: Vec<Shape<'a>>,
}

/// A geom.
pub(super) struct Shape<'a> {
    pub(super) element: Element<'a>,
    /// The body that carries it; none is the world.
    pub(super) body: Option<usize>,
    /// None is the ground plane.
    pub(super) capsule: Option<Capsule>,
}

/// Elements in a body that change nothing about the motion.
const DECORATION: [&str; 3] = ["camera", "light", "site"];

/// What a child inherits from the body around it.
#[derive(Clone, Copy)]
struct Outer<'a> {
    parent: Option<usize>,
    /// From the parent's own frame in the file to the engine's, whose origin is the hinge.
    shift: Point,
    class: &'a str,
}

struct Reader<'a, 'b> {
    tree: Tree<'a>,
    defaults: &'b Defaults<'a>,
    degrees: bool,
}

/// Reads the tree.
pub(super) fn read<'a>(
    world: &Element<'a>,
    defaults: &Defaults<'a>,
    degrees: bool,
) -> Result<Tree<'a>, MjcfError> {
    world.allow(&[])?;
    let tree = Tree {
        bodies: Vec::new(),
        body_names: Vec::new(),
        joints: Vec::new(),
        coordinates: Vec::new(),
        height: 0.0,
        limit: Softness::DEFAULT,
        shapes: Vec::new(),
    };
    let mut reader = Reader { tree, defaults, degrees };
    for child in world.children() {
        match child.tag() {
            "geom" => reader.shape(child, None, Point::new(0.0, 0.0), "")?,
            "body" if reader.tree.bodies.is_empty() => {
                reader.body(child, Outer { parent: None, shift: Point::new(0.0, 0.0), class: "" })?;
            }
            "body" => return Err(child.refuse("is a second robot")),
            tag if DECORATION.contains(&tag) => {}
            _ => return Err(child.refuse("is not supported")),
        }
    }
    let mut tree = reader.tree;
    if tree.bodies.is_empty() {
        return Err(world.refuse("has no `body`"));
    }
    if let Some((_, _, softness)) = tree.joints.first() {
        tree.limit = *softness;
    }
    Ok(tree)
}

impl<'a> Reader<'a, '_> {
    fn body(&mut self, element: Element<'a>, outer: Outer<'a>) -> Result<(), MjcfError> {
        element.allow(&["name", "pos", "childclass"])?;
        let index = self.tree.bodies.len();
        if index == MAX_BODIES {
            return Err(element.refuse(format!("is one body too many: at most {MAX_BODIES}")));
        }
        let position = in_plane(&element, "pos", [0.0; 3])?;
        let class = element.text("childclass").unwrap_or(outer.class);
        let mut joints = Vec::new();
        for child in element.children().filter(|child| child.tag() == "joint") {
            joints.push(self.defaults.resolve(child, class)?);
        }
        let shift = match outer.parent {
            None => self.root(&element, position, &joints)?,
            Some(_) => self.hinge(&element, index, &joints)?,
        };
        let at = Point::new(position.x + shift.x, position.z + shift.z);
        let hinge = match outer.parent {
            None => Point::new(0.0, 0.0),
            Some(_) => Point::new(at.x - outer.shift.x, at.z - outer.shift.z),
        };
        self.tree.bodies.push(Body { parent: outer.parent.unwrap_or(0), hinge });
        self.tree.body_names.push(element.name());

        let shapes = self.tree.shapes.len();
        for child in element.children().filter(|child| child.tag() == "geom") {
            self.shape(child, Some(index), shift, class)?;
        }
        if self.tree.shapes.len() == shapes {
            return Err(element.refuse("has no capsule and so no mass"));
        }
        for child in element.children() {
            match child.tag() {
                "body" => self.body(child, Outer { parent: Some(index), shift, class })?,
                "joint" | "geom" => {}
                tag if DECORATION.contains(&tag) => {}
                _ => return Err(child.refuse("is not supported")),
            }
        }
        Ok(())
    }

    /// The joints of the root: free in the plane, or along x only. Returns the place of its hinge in its frame.
    fn root(
        &mut self,
        element: &Element<'a>,
        position: Point,
        joints: &[Element<'a>],
    ) -> Result<Point, MjcfError> {
        for joint in joints {
            joint.choice("type", "hinge", &["slide", "hinge"])?;
        }
        match joints {
            [x, z, hinge] => {
                for (joint, kind, axis) in [
                    (x, "slide", [1.0, 0.0, 0.0]),
                    (z, "slide", [0.0, 0.0, 1.0]),
                    (hinge, "hinge", [0.0, 1.0, 0.0]),
                ] {
                    let free = joint.choice("type", "hinge", &["slide", "hinge"])? == kind
                        && joint.numbers("axis", [0.0, 0.0, 1.0])? == axis
                        && !limited(joint)?
                        && ["armature", "damping", "stiffness"]
                            .iter()
                            .try_fold(true, |free, name| Ok(free && joint.number(name, 0.0)? == 0.0))?;
                    if !free {
                        return Err(joint.refuse(format!(
                            "a root that moves has a free `{kind}` along {axis:?} here: without limits, armature, \
                             damping and stiffness"
                        )));
                    }
                }
                no_reference(x)?;
                no_reference(hinge)?;
                self.tree.coordinates = vec![0, 1, angle(0)];
                let place = in_plane(hinge, "pos", [0.0; 3])?;
                self.tree.height = position.z + place.z - z.number("ref", 0.0)?;
                Ok(place)
            }
            [x] if x.choice("type", "hinge", &["slide", "hinge"])? == "slide" => {
                if x.numbers("axis", [0.0, 0.0, 1.0])? != [1.0, 0.0, 0.0] {
                    return Err(x.refuse("`axis` has to be 1 0 0"));
                }
                self.tree.coordinates = vec![0];
                self.tree.height = position.z;
                self.joint(x, 0, 1.0, x.numbers("range", [0.0; 2])?)?;
                Ok(Point::new(0.0, 0.0))
            }
            _ => Err(element.refuse(
                "the root has to slide along x and z and turn about y, in this order, or to slide along x",
            )),
        }
    }

    /// The joint of another body: one limited hinge about ±y. Returns its place in the body's frame.
    fn hinge(
        &mut self,
        element: &Element<'a>,
        body: usize,
        joints: &[Element<'a>],
    ) -> Result<Point, MjcfError> {
        let [joint] = joints else {
            return Err(joints.get(1).unwrap_or(element).refuse("every body below the root has one joint"));
        };
        joint.choice("type", "hinge", &["hinge"])?;
        let sign = match joint.numbers("axis", [0.0, 0.0, 1.0])? {
            [0.0, y, 0.0] if y.abs() == 1.0 => y,
            axis => return Err(joint.refuse(format!("`axis` has to be 0 1 0 or 0 -1 0, not {axis:?}"))),
        };
        let [low, high] = joint.numbers("range", [0.0; 2])?;
        let range = [self.radians(low), self.radians(high)];
        self.tree.coordinates.push(angle(body));
        self.joint(joint, angle(body), sign, range)?;
        in_plane(joint, "pos", [0.0; 3])
    }

    /// A joint with parameters.
    fn joint(
        &mut self,
        element: &Element<'a>,
        coordinate: usize,
        sign: f64,
        [low, high]: [f64; 2],
    ) -> Result<(), MjcfError> {
        no_reference(element)?;
        if self.tree.joints.len() == MAX_JOINTS {
            return Err(element.refuse(format!("is one joint too many: at most {MAX_JOINTS}")));
        }
        if !limited(element)? || low >= high {
            return Err(element.refuse("has to be limited, with a `range` from low to high"));
        }
        let not_negative = |name| {
            let number = element.number(name, 0.0)?;
            if number >= 0.0 {
                Ok(number)
            } else {
                Err(element.refuse(format!("`{name}` must not be negative")))
            }
        };
        let softness = softness(element, "solreflimit", "solimplimit")?;
        if self.tree.joints.first().is_some_and(|(_, _, first)| *first != softness) {
            return Err(element.refuse("`solreflimit` and `solimplimit` have to be the same for all joints"));
        }
        let joint = Joint {
            coordinate,
            sign,
            range: (low, high),
            gear: None,
            armature: not_negative("armature")?,
            damping: not_negative("damping")?,
            stiffness: not_negative("stiffness")?,
        };
        self.tree.joints.push((joint, element.name(), softness));
        Ok(())
    }

    fn shape(
        &mut self,
        element: Element<'a>,
        body: Option<usize>,
        shift: Point,
        class: &'a str,
    ) -> Result<(), MjcfError> {
        let element = self.defaults.resolve(element, class)?;
        let kinds: &[&'static str] = if body.is_none() { &["plane", "capsule"] } else { &["capsule"] };
        let capsule = if element.choice("type", "sphere", kinds)? == "plane" {
            for name in ["pos", "quat", "axisangle", "zaxis", "fromto"] {
                if element.text(name).is_some() {
                    return Err(element.refuse(format!("the ground lies at z = 0, without `{name}`")));
                }
            }
            None
        } else {
            Some(self.capsule(&element, body.unwrap_or(0), shift)?)
        };
        let count = self.tree.shapes.iter().filter(|shape| shape.body.is_some()).count();
        if body.is_some() && count == MAX_CAPSULES {
            return Err(element.refuse(format!("is one capsule too many: at most {MAX_CAPSULES}")));
        }
        self.tree.shapes.push(Shape { element, body, capsule });
        Ok(())
    }

    fn capsule(&self, element: &Element<'a>, body: usize, shift: Point) -> Result<Capsule, MjcfError> {
        let directions: Vec<&str> = ["fromto", "quat", "axisangle", "zaxis"]
            .into_iter()
            .filter(|name| element.text(name).is_some())
            .collect();
        let (centre, half, radius) = match directions[..] {
            ["fromto"] => {
                let [x1, y1, z1, x2, y2, z2] = element.numbers("fromto", [0.0; 6])?;
                if y1 != 0.0 || y2 != 0.0 {
                    return Err(element.refuse("`fromto` has to lie in the plane y = 0"));
                }
                // The size may hold a length, which does not count then.
                let [radius, ..] = element.leading("size", 1, [0.0; 3])?;
                let centre = Point::new((x1 + x2) / 2.0, (z1 + z2) / 2.0);
                (centre, Point::new((x1 - x2) / 2.0, (z1 - z2) / 2.0), radius)
            }
            [] | [_] => {
                let [radius, length, _] = element.leading("size", 2, [0.0; 3])?;
                let axis = self.axis(element, directions.first().copied())?;
                let half = Point::new(length * axis.x, length * axis.z);
                (in_plane(element, "pos", [0.0; 3])?, half, radius)
            }
            [one, other, ..] => {
                return Err(element.refuse(format!("has `{one}` and `{other}`, its defaults included")));
            }
        };
        if !(radius > 0.0 && half.norm_squared() > 0.0) {
            return Err(element.refuse("radius and length have to be positive"));
        }
        let centre = Point::new(centre.x - shift.x, centre.z - shift.z);
        Ok(Capsule { body, centre, half, radius, friction: 0.0 })
    }

    /// Where the axis of a capsule points, with length 1.
    fn axis(&self, element: &Element<'a>, direction: Option<&str>) -> Result<Point, MjcfError> {
        let outside = || element.refuse("its axis has to lie in the plane y = 0");
        match direction {
            Some("quat") => {
                let [w, x, y, z] = element.numbers("quat", [0.0; 4])?;
                let square = w * w + y * y;
                if x != 0.0 || z != 0.0 || square == 0.0 {
                    return Err(outside());
                }
                Ok(Point::new(2.0 * w * y / square, (w * w - y * y) / square))
            }
            Some("axisangle") => {
                let [x, y, z, turn] = element.numbers("axisangle", [0.0; 4])?;
                if x != 0.0 || z != 0.0 || y == 0.0 {
                    return Err(outside());
                }
                Ok(Point::polar(self.radians(turn) * y.signum(), 1.0))
            }
            Some(_) => {
                let axis = in_plane(element, "zaxis", [0.0; 3])?;
                let length = axis.norm_squared().sqrt();
                if length == 0.0 {
                    return Err(outside());
                }
                Ok(Point::new(axis.x / length, axis.z / length))
            }
            None => Ok(Point::new(0.0, 1.0)),
        }
    }

    fn radians(&self, angle: f64) -> f64 {
        if self.degrees { angle.to_radians() } else { angle }
    }
}

/// A point whose y is 0.
fn in_plane(element: &Element<'_>, name: &str, default: [f64; 3]) -> Result<Point, MjcfError> {
    match element.numbers(name, default)? {
        [x, 0.0, z] => Ok(Point::new(x, z)),
        _ => Err(element.refuse(format!("`{name}` has to lie in the plane y = 0"))),
    }
}

fn limited(joint: &Element<'_>) -> Result<bool, MjcfError> {
    let limited = joint.choice("limited", "auto", &["auto", "true", "false"])?;
    Ok(limited == "true" || (limited == "auto" && joint.text("range").is_some()))
}

fn no_reference(joint: &Element<'_>) -> Result<(), MjcfError> {
    if joint.number("ref", 0.0)? == 0.0 { Ok(()) } else { Err(joint.refuse("`ref` has to be 0")) }
}

/// How soft a constraint is: MuJoCo's `solref`, and `solimp` with or without its two last numbers.
pub(super) fn softness(element: &Element<'_>, solref: &str, solimp: &str) -> Result<Softness, MjcfError> {
    let default = Softness::DEFAULT;
    let [time, ratio] = element.numbers(solref, [default.solref.0, default.solref.1])?;
    if !(time > 0.0 && ratio > 0.0) {
        return Err(
            element.refuse(format!("`{solref}` has to be positive: a time constant and a damping ratio"))
        );
    }
    let (surface, full, width) = default.solimp;
    let [surface, full, width, midpoint, power] =
        element.leading(solimp, 1, [surface, full, width, 0.5, 2.0])?;
    if !(width > 1e-15 && surface >= 0.0 && full >= surface && midpoint == 0.5 && power == 2.0) {
        return Err(
            element.refuse(format!("`{solimp}` has to rise, over a positive width, and end with 0.5 2"))
        );
    }
    Ok(Softness { solref: (time, ratio), solimp: (surface, full, width) })
}
