//! Which joints and links equality constraints tie together.

use crate::compiled::{Compiled, Tie};
use crate::engine::softness::Soft;
use crate::frame::Point;
use crate::tree::Tree;

/// A joint that is held where it is.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// Index of the constraint.
    pub(crate) index: usize,
    pub(crate) q: usize,
    pub(crate) v: usize,
    pub(crate) at: f64,
    pub(crate) soft: Soft,
}

/// A joint that follows another one.
#[derive(Clone, Debug)]
pub(crate) struct Couple {
    pub(crate) index: usize,
    /// Where both are in `qpos` and `qvel`, and their references; the one that follows is the first.
    pub(crate) q: [usize; 2],
    pub(crate) v: [usize; 2],
    pub(crate) references: [f64; 2],
    pub(crate) polynomial: [f64; 5],
    pub(crate) soft: Soft,
}

/// A point of a link that stays at a point of the world.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    pub(crate) index: usize,
    pub(crate) link: usize,
    /// That of the link, and that which does not move, counted as in [`crate::Body::parent`].
    pub(crate) bodies: [usize; 2],
    /// In the frame of the link, and in that of the world.
    pub(crate) point: Point,
    pub(crate) at: Point,
    pub(crate) soft: Soft,
}

/// Points of two links that stay together.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) index: usize,
    pub(crate) links: [usize; 2],
    pub(crate) bodies: [usize; 2],
    pub(crate) points: [Point; 2],
    pub(crate) soft: Soft,
}

/// All equality constraints, by what they do to the linear system of a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ties {
    pub(crate) holds: Vec<Hold>,
    pub(crate) couples: Vec<Couple>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) hooks: Vec<Hook>,
}

impl Ties {
    /// Of a model that has been checked.
    pub(crate) fn new(compiled: &Compiled, tree: &Tree) -> Self {
        let mut ties = Self::default();
        for (index, equality) in compiled.equalities.iter().enumerate() {
            let soft = Soft::new(&equality.softness, &compiled.options);
            match &equality.tie {
                Tie::Joint { joint, leader, polynomial } => {
                    let joint = &tree.joints[*joint as usize];
                    let Some(leader) = leader.map(|leader| &tree.joints[leader as usize]) else {
                        let at = joint.reference + polynomial[0];
                        ties.holds.push(Hold { index, q: joint.q, v: joint.v, at, soft });
                        continue;
                    };
                    ties.couples.push(Couple {
                        index,
                        q: [joint.q, leader.q],
                        v: [joint.v, leader.v],
                        references: [joint.reference, leader.reference],
                        polynomial: *polynomial,
                        soft,
                    });
                }
                Tie::Connect { bodies, anchors } => {
                    let bodies = bodies.map(|body| body as usize);
                    let points = [0, 1].map(|i| tree.homes[bodies[i]].1.at(anchors[i]));
                    let pin = |i: usize, link: usize| {
                        let other = 1 - i;
                        let bodies = [bodies[i], bodies[other]];
                        Pin { index, link, bodies, point: points[i], at: points[other], soft }
                    };
                    match bodies.map(|body| tree.homes[body].0) {
                        [Some(a), Some(b)] => {
                            ties.hooks.push(Hook { index, links: [a, b], bodies, points, soft });
                        }
                        [Some(link), None] => ties.pins.push(pin(0, link)),
                        [None, Some(link)] => ties.pins.push(pin(1, link)),
                        // Nothing that moves is held.
                        [None, None] => {}
                    }
                }
            }
        }
        ties
    }

    /// Whether nothing is tied.
    pub(crate) fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.couples.is_empty() && self.pins.is_empty() && self.hooks.is_empty()
    }

    /// Whether a link is tied to the world.
    pub(crate) fn pins(&self, link: usize) -> bool {
        self.pins.iter().any(|pin| pin.link == link)
    }

    /// How many rows tie two joints or links together.
    pub(crate) fn rows_between(&self) -> usize {
        self.couples.len() + 3 * self.hooks.len()
    }
}

/// What the weight D of a constraint's rows is 1 over at an impedance of a half.
pub(crate) fn weakness(tie: &Tie, tree: &Tree, bodies: &[[f64; 2]], dofs: &[f64]) -> f64 {
    /// Mobilities below this are this to MuJoCo (`mjMINVAL`).
    const LEAST: f64 = 1e-15;
    let sum = match tie {
        Tie::Joint { joint, leader, .. } => {
            let of = |joint: u32| dofs[tree.joints[joint as usize].v];
            of(*joint) + leader.map_or(0.0, of)
        }
        Tie::Connect { bodies: [a, b], .. } => bodies[*a as usize][0] + bodies[*b as usize][0],
    };
    sum.max(LEAST)
}
