//! The tree of bodies that move against each other: welded ones are one, and bodies of a depth stand together.

use std::ops::Range;

use crate::compiled::{Compiled, JointKind};
use crate::frame::{Frame, Point, STRAIGHT};

/// A rigid body that moves: a body with joints, and all that is welded to it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) parent: Option<usize>,
    /// Its parent, or the number of links, which stands for the world.
    pub(crate) above: usize,
    /// Its degree of freedom, if it has a parent, and one joint, which is a hinge, and nothing ties it to the world.
    pub(crate) hinge: Option<usize>,
    /// The link of its tree that has no parent.
    pub(crate) root: usize,
    /// Where it stands in its parent, or the world, before its joints move it.
    pub(crate) place: Frame,
    /// Whether its place is not turned.
    pub(crate) straight: bool,
    /// Its joints, as indices of [`Tree::joints`].
    pub(crate) joints: Range<usize>,
    /// Its degrees of freedom.
    pub(crate) dofs: Range<usize>,
    pub(crate) children: Vec<usize>,
    pub(crate) free: bool,
}

/// A joint, with where its numbers are.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) kind: JointKind,
    pub(crate) axis: Point,
    /// If that is a coordinate axis, which, and whether it points the other way.
    pub(crate) along: Option<(usize, bool)>,
    /// `None` at the body's origin.
    pub(crate) anchor: Option<Point>,
    /// Where it begins in `qpos` and `qvel`.
    pub(crate) q: usize,
    pub(crate) v: usize,
    /// The coordinate in the reference pose.
    pub(crate) reference: f64,
    pub(crate) link: usize,
}

/// A hinge or slide: what drives it.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) joint: usize,
    /// Where it is in `qpos` and `qvel`.
    pub(crate) q: usize,
    pub(crate) v: usize,
    /// The coordinate at which its spring is at rest.
    pub(crate) spring: f64,
    /// The range of the sum of all actuators' forces, if limited.
    pub(crate) force_range: Option<[f64; 2]>,
}

/// A hinge or slide with limits.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) joint: usize,
    pub(crate) q: usize,
    pub(crate) v: usize,
    pub(crate) link: usize,
    pub(crate) range: [f64; 2],
    pub(crate) margin: f64,
}

/// All that moves.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// Parents first.
    pub(crate) links: Vec<Link>,
    /// In MuJoCo's order.
    pub(crate) joints: Vec<Axis>,
    /// The hinges and slides among them, and those with limits.
    pub(crate) scalars: Vec<Scalar>,
    pub(crate) stops: Vec<Stop>,
    /// Of every body of the model, the world first: the link that it is part of, if it moves, and where in it.
    pub(crate) homes: Vec<(Option<usize>, Frame)>,
    /// Of every body, the world first: the body of its tree whose parent is the world.
    pub(crate) tops: Vec<usize>,
    /// The link of every degree of freedom.
    pub(crate) dof_links: Vec<usize>,
    /// Of every degree of freedom, whether it is that of a slide.
    pub(crate) slides: Vec<bool>,
    pub(crate) nq: usize,
    pub(crate) nv: usize,
}

impl Tree {
    /// Of a model that has been checked.
    pub(crate) fn new(compiled: &Compiled) -> Self {
        let mut homes = vec![(None, Frame::WORLD)];
        let mut links: Vec<Link> = Vec::new();
        let mut first = 0;
        for (i, body) in compiled.bodies.iter().enumerate() {
            let own = Frame::new(body.position, body.orientation);
            let (parent, place) = &homes[body.parent as usize];
            let (parent, place) = (*parent, place.then(&own));
            let count = compiled.joints[first..].iter().take_while(|j| j.body as usize == i + 1).count();
            if count == 0 {
                homes.push((parent, place));
                continue;
            }
            homes.push((Some(links.len()), Frame::WORLD));
            let straight = place.turn.iter().zip(STRAIGHT).all(|(a, b)| (a - b).abs() < 1e-15);
            links.push(Link {
                parent,
                above: 0,
                hinge: None,
                root: parent.map_or(links.len(), |p| links[p].root),
                place,
                straight,
                joints: first..first + count,
                dofs: 0..0,
                children: Vec::new(),
                free: compiled.joints[first].kind == JointKind::Free,
            });
            first += count;
        }
        let links = breadth_first(links, &mut homes);
        let mut tops = vec![0];
        for (i, body) in compiled.bodies.iter().enumerate() {
            tops.push(if body.parent == 0 { i + 1 } else { tops[body.parent as usize] });
        }
        let mut tree = Self {
            links,
            tops,
            joints: Vec::new(),
            scalars: Vec::new(),
            stops: Vec::new(),
            homes,
            dof_links: Vec::new(),
            slides: Vec::new(),
            nq: compiled.nq(),
            nv: compiled.nv(),
        };
        tree.place_joints(compiled);
        tree
    }

    fn place_joints(&mut self, compiled: &Compiled) {
        let (mut q, mut v) = (0, 0);
        for (j, joint) in compiled.joints.iter().enumerate() {
            let link = self.links.iter().position(|link| link.joints.contains(&j)).unwrap_or(0);
            self.joints.push(Axis {
                kind: joint.kind,
                axis: joint.axis,
                along: coordinate_axis(joint.axis),
                anchor: (joint.anchor != [0.0; 3]).then_some(joint.anchor),
                q,
                v,
                reference: joint.reference[0],
                link,
            });
            if joint.kind.is_scalar() {
                let (spring, force_range) = (joint.spring, joint.actuator_force_range);
                self.scalars.push(Scalar { joint: j, q, v, spring, force_range });
                if let Some(range) = joint.range {
                    self.stops.push(Stop { joint: j, q, v, link, range, margin: joint.margin });
                }
            }
            let dofs = joint.kind.dofs();
            self.dof_links.extend(std::iter::repeat_n(link, dofs));
            self.slides.extend(std::iter::repeat_n(joint.kind == JointKind::Slide, dofs));
            let own = &mut self.links[link];
            own.dofs = if j == own.joints.start { v..v + dofs } else { own.dofs.start..v + dofs };
            q += joint.kind.coordinates();
            v += joint.kind.dofs();
        }
        let count = self.links.len();
        for link in &mut self.links {
            link.above = link.parent.unwrap_or(count);
            let alone = link.parent.is_some() && link.joints.len() == 1;
            let hinge = alone && self.joints[link.joints.start].kind == JointKind::Hinge;
            link.hinge = hinge.then_some(link.dofs.start);
        }
    }
}

/// Which coordinate axis a direction is, and whether it points the other way.
fn coordinate_axis(direction: Point) -> Option<(usize, bool)> {
    (0..3).find_map(|k| {
        let rest = (0..3).all(|i| i == k || direction[i] == 0.0);
        (rest && direction[k].abs() == 1.0).then_some((k, direction[k] < 0.0))
    })
}

/// Sorts links by depth, so that neighbours in the order seldom wait for each other's results.
fn breadth_first(links: Vec<Link>, homes: &mut [(Option<usize>, Frame)]) -> Vec<Link> {
    let mut depths: Vec<usize> = Vec::with_capacity(links.len());
    for link in &links {
        depths.push(link.parent.map_or(0, |p| depths[p] + 1));
    }
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|link| depths[*link]);
    let mut to = vec![0; links.len()];
    for (new, old) in order.iter().enumerate() {
        to[*old] = new;
    }
    for (link, _) in homes {
        *link = link.map(|link| to[link]);
    }
    let mut sorted: Vec<Link> = order
        .iter()
        .map(|old| {
            let mut link = links[*old].clone();
            link.parent = link.parent.map(|p| to[p]);
            link.root = to[link.root];
            link
        })
        .collect();
    for child in 0..sorted.len() {
        if let Some(parent) = sorted[child].parent {
            sorted[parent].children.push(child);
        }
    }
    sorted
}
