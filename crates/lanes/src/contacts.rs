//! Which geoms may touch, and how, by MuJoCo's rules.

use crate::compiled::{Compiled, Cone, Geom, Shape, Softness};
use crate::frame::{Frame, Point, Turn, dot};
use crate::refusal::Refusal;
use crate::tree::Tree;

/// Which contacts a model has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contacts {
    /// All that MuJoCo would have; a pair of geoms that this engine cannot touch is refused.
    #[default]
    All,
    /// Only those of moving geoms with planes of the world: all others pass through each other. Another model than
    /// MuJoCo's, so say so where results are shown.
    FloorOnly,
}

/// Whose friction acts between two geoms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Friction {
    Geom(usize),
    /// The larger of two.
    Larger(usize, usize),
    /// That of a `<pair>`.
    Pair(usize),
}

/// How two geoms touch.
#[derive(Clone, Debug)]
pub(crate) struct Law {
    /// Without friction (`condim` 1), or with it.
    pub(crate) frictionless: bool,
    /// `condim` where it is more than a pyramid of four rows: where cones are elliptic, or it resists turning.
    pub(crate) cone: Option<usize>,
    pub(crate) softness: Softness,
    pub(crate) margin: f64,
    pub(crate) friction: Friction,
    /// The bodies of the model, 0 the world.
    pub(crate) bodies: [usize; 2],
    /// The geoms: the one that its normal pushes away from the other, and that one.
    pub(crate) geoms: [u32; 2],
}

/// What meets others: a sphere or capsule, or a block, in the frame of its link or of the world.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) link: Option<usize>,
    pub(crate) position: Point,
    /// The direction of its axis.
    pub(crate) axis: Point,
    /// That of a sphere around it where it is a block.
    pub(crate) radius: f64,
    /// Half the length of its axis; 0 for a sphere and for a block.
    pub(crate) half: f64,
    pub(crate) capsule: bool,
    pub(crate) block: Option<Block>,
}

/// A box or cylinder that spheres and capsules meet.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) shape: Shape,
    /// In the frame of its link, or of the world.
    pub(crate) turn: Turn,
    pub(crate) size: Point,
}

/// A plane of the world and what may touch it.
#[derive(Clone, Debug)]
pub(crate) struct OnPlane {
    pub(crate) link: usize,
    pub(crate) round: Round,
    pub(crate) normal: Point,
    /// Whether its normal is z.
    pub(crate) level: bool,
    /// MuJoCo's directions along the plane, for what has none of its own.
    pub(crate) tangents: [Point; 2],
    /// A point of the plane.
    pub(crate) point: Point,
    pub(crate) law: Law,
}

/// A box, cylinder or ellipsoid that may touch a plane of the world.
#[derive(Clone, Debug)]
pub(crate) struct Solid {
    pub(crate) link: usize,
    pub(crate) shape: Shape,
    /// In the frame of its link.
    pub(crate) position: Point,
    pub(crate) turn: Turn,
    pub(crate) size: Point,
    /// Of the plane.
    pub(crate) normal: Point,
    pub(crate) tangents: [Point; 2],
    pub(crate) point: Point,
    pub(crate) law: Law,
}

/// Two spheres or capsules, or one of them and a block; at least one of them moves.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    /// Indices of [`Candidates::rounds`]; a block is the second.
    pub(crate) sides: [usize; 2],
    /// Half lengths and radii and margin together: further apart than this the centres do not matter.
    pub(crate) reach: f64,
    pub(crate) law: Law,
}

/// All that may touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) planes: Vec<OnPlane>,
    pub(crate) solids: Vec<Solid>,
    pub(crate) meetings: Vec<Meeting>,
    pub(crate) rounds: Vec<Round>,
    /// Pairs of geoms that [`Contacts::FloorOnly`] leaves out.
    pub(crate) left_out: usize,
}

struct Finder<'a> {
    compiled: &'a Compiled,
    tree: &'a Tree,
    contacts: Contacts,
    found: Candidates,
    /// The round of a geom, once it has one.
    rounds: Vec<Option<usize>>,
}

impl Candidates {
    /// Finds what may touch, in MuJoCo's order.
    pub(crate) fn find(compiled: &Compiled, tree: &Tree, contacts: Contacts) -> Result<Self, Refusal> {
        let rounds = vec![None; compiled.geoms.len()];
        let mut finder = Finder { compiled, tree, contacts, found: Self::default(), rounds };
        for (p, pair) in compiled.pairs.iter().enumerate() {
            let [a, b] = pair.geoms.map(|g| g as usize);
            finder.add(a, b, pair.condim, |bodies| Law {
                frictionless: pair.condim == 1,
                cone: None,
                geoms: [0; 2],
                softness: pair.softness,
                margin: pair.margin,
                friction: Friction::Pair(p),
                bodies,
            })?;
        }
        for b in 0..compiled.geoms.len() {
            for a in 0..b {
                if finder.meet(a, b) {
                    let (condim, law) = finder.mixed(a, b);
                    finder.add(a, b, condim, |bodies| Law { bodies, ..law.clone() })?;
                }
            }
        }
        Ok(finder.found)
    }

    /// Whether any contact has a cone of friction.
    pub(crate) fn coned(&self) -> bool {
        let planes = self.planes.iter().map(|plane| &plane.law);
        let others = self.solids.iter().map(|solid| &solid.law);
        planes.chain(others).chain(self.meetings.iter().map(|m| &m.law)).any(|law| law.cone.is_some())
    }

    /// At how many points the two of a meeting may touch at most, each of which may be another lane's.
    pub(crate) fn points(&self, meeting: &Meeting) -> usize {
        let [round, other] = meeting.sides.map(|side| &self.rounds[side]);
        match &other.block {
            // The nearest points, or two of parallel capsules.
            None => 3,
            Some(_) if round.capsule => 2,
            Some(_) => 1,
        }
    }

    /// Whether a link may touch something that does not move.
    pub(crate) fn holds(&self, link: usize) -> bool {
        let alone = |meeting: &Meeting| {
            let links = meeting.sides.map(|side| self.rounds[side].link);
            links.contains(&Some(link)) && links.contains(&None)
        };
        self.planes.iter().any(|plane| plane.link == link)
            || self.solids.iter().any(|solid| solid.link == link)
            || self.meetings.iter().any(alone)
    }
}

impl Finder<'_> {
    fn link(&self, geom: &Geom) -> Option<usize> {
        self.tree.homes[geom.body as usize].0
    }

    /// Whether two geoms touch by what they say.
    fn meet(&self, a: usize, b: usize) -> bool {
        let (one, other) = (&self.compiled.geoms[a], &self.compiled.geoms[b]);
        let bits = one.contype & other.conaffinity != 0 || other.contype & one.conaffinity != 0;
        let (x, y) = (self.link(one), self.link(other));
        if !bits || x == y {
            return false;
        }
        let parent = |link: Option<usize>| link.and_then(|link| self.tree.links[link].parent);
        let filtered = self.compiled.options.filter_parent && x.is_some() && y.is_some();
        if filtered && (parent(x) == y || parent(y) == x) {
            return false;
        }
        let bodies = [one.body, other.body];
        let excluded = |pair: &[u32; 2]| *pair == bodies || *pair == [bodies[1], bodies[0]];
        let paired = |geoms: &[u32; 2]| {
            let geoms = geoms.map(|g| g as usize);
            geoms == [a, b] || geoms == [b, a]
        };
        !self.compiled.excludes.iter().any(excluded)
            && !self.compiled.pairs.iter().any(|pair| paired(&pair.geoms))
    }

    /// `condim` and surface of two geoms together. The bodies are to be filled in.
    fn mixed(&self, a: usize, b: usize) -> (u32, Law) {
        let (one, other) = (&self.compiled.geoms[a], &self.compiled.geoms[b]);
        let margin = one.margin + other.margin;
        let law = |condim, softness, friction| {
            let frictionless = condim == 1;
            let (bodies, geoms) = ([0; 2], [0; 2]);
            (condim, Law { frictionless, cone: None, softness, margin, friction, bodies, geoms })
        };
        if one.priority != other.priority {
            let first = one.priority > other.priority;
            let (geom, index) = if first { (one, a) } else { (other, b) };
            return law(geom.condim, geom.softness, Friction::Geom(index));
        }
        let condim = one.condim.max(other.condim);
        law(condim, mixed_softness(one, other), Friction::Larger(a, b))
    }

    fn add(
        &mut self,
        a: usize,
        b: usize,
        condim: u32,
        law: impl FnOnce([usize; 2]) -> Law,
    ) -> Result<(), Refusal> {
        let geoms = &self.compiled.geoms;
        if self.link(&geoms[a]).is_none() && self.link(&geoms[b]).is_none() {
            return Ok(());
        }
        // MuJoCo's order: by shape, planes first.
        let number = |g: usize| geoms[g].shape.number();
        let (a, b) = if number(a) > number(b) { (b, a) } else { (a, b) };
        let (one, other) = (&geoms[a], &geoms[b]);
        let floor = one.shape == Shape::Plane && self.link(one).is_none();
        if self.contacts == Contacts::FloorOnly && !floor {
            self.found.left_out += 1;
            return Ok(());
        }
        self.touchable(a, b)?;
        let mut law = law([one.body as usize, other.body as usize]);
        let elliptic = self.compiled.options.cone == Cone::Elliptic;
        if condim > 3 || (elliptic && condim > 1) {
            law.cone = Some(condim as usize);
        }
        let y = self.link(other);
        law.geoms = if y.is_some() { [b as u32, a as u32] } else { [a as u32, b as u32] };
        if one.shape == Shape::Plane && solid(other.shape) {
            let (ground, frame) = (self.frame(one), self.frame(other));
            let (Some(link), size) = (y, other.size) else { return Ok(()) };
            let (normal, point, shape) = (ground.z(), ground.position, other.shape);
            let (position, turn, tangents) = (frame.position, frame.turn, tangents(normal));
            let solid = Solid { link, shape, position, turn, size, normal, tangents, point, law };
            self.found.solids.push(solid);
        } else if one.shape == Shape::Plane {
            let (ground, round) = (self.frame(one), self.round(other));
            let Some(link) = round.link else { return Ok(()) };
            let (normal, point) = (ground.z(), ground.position);
            let tangents = tangents(normal);
            let level = normal == [0.0, 0.0, 1.0];
            self.found.planes.push(OnPlane { link, round, normal, level, tangents, point, law });
        } else {
            let sides = [self.round_index(a), self.round_index(b)];
            let size = |side: usize| self.found.rounds[side].radius + self.found.rounds[side].half;
            let reach = size(sides[0]) + size(sides[1]) + law.margin;
            self.found.meetings.push(Meeting { sides, reach, law });
        }
        Ok(())
    }

    fn touchable(&self, a: usize, b: usize) -> Result<(), Refusal> {
        let (one, other) = (&self.compiled.geoms[a], &self.compiled.geoms[b]);
        for (g, partner, geom, opposite) in [(a, b, one, other), (b, a, other, one)] {
            let known = !matches!(geom.shape, Shape::Other(_));
            let stands = opposite.shape == Shape::Plane || meets(opposite.shape, geom.shape);
            if !known || (solid(geom.shape) && !stands) {
                let (own, others) = (shape_name(geom.shape), shape_name(opposite.shape));
                let what = format!("is {own} and may touch {}, {others}", self.say(partner));
                return Err(self.refuse(g, what));
            }
        }
        if one.shape == Shape::Plane && (other.shape == Shape::Plane || self.link(one).is_some()) {
            return Err(self.refuse(a, format!("is a plane that moves or meets a plane, {}", self.say(b))));
        }
        Ok(())
    }

    fn refuse(&self, g: usize, what: String) -> Refusal {
        Refusal::new("geom", g, &self.compiled.geoms[g].name, what)
    }

    fn say(&self, g: usize) -> String {
        let name = &self.compiled.geoms[g].name;
        if name.is_empty() { format!("geom {g}") } else { format!("geom `{name}`") }
    }

    /// Where a geom stands in its link, or in the world.
    fn frame(&self, geom: &Geom) -> Frame {
        self.tree.homes[geom.body as usize].1.then(&Frame::new(geom.position, geom.orientation))
    }

    fn round(&self, geom: &Geom) -> Round {
        let frame = self.frame(geom);
        let (capsule, [x, y, z]) = (geom.shape == Shape::Capsule, geom.size);
        let half = if capsule { y } else { 0.0 };
        let block =
            solid(geom.shape).then_some(Block { shape: geom.shape, turn: frame.turn, size: geom.size });
        let radius = match geom.shape {
            Shape::Cylinder => x.hypot(y),
            Shape::Box => x.hypot(y).hypot(z),
            _ => x,
        };
        Round {
            link: self.link(geom),
            position: frame.position,
            axis: frame.z(),
            radius,
            half,
            capsule,
            block,
        }
    }

    fn round_index(&mut self, g: usize) -> usize {
        if self.rounds[g].is_none() {
            let round = self.round(&self.compiled.geoms[g]);
            self.found.rounds.push(round);
            self.rounds[g] = Some(self.found.rounds.len() - 1);
        }
        self.rounds[g].unwrap_or(0)
    }
}

/// MuJoCo's directions along a plane: from y, or from z where the normal is nearer to y.
fn tangents(n: Point) -> [Point; 2] {
    let y = if n[1].abs() < 0.5 { [0.0, 1.0, 0.0] } else { [0.0, 0.0, 1.0] };
    let along: Point = std::array::from_fn(|i| y[i] - dot(n, y) * n[i]);
    let length = dot(along, along).sqrt();
    let [x, y, z] = along.map(|component| component / length);
    [[x, y, z], [n[1] * z - n[2] * y, n[2] * x - n[0] * z, n[0] * y - n[1] * x]]
}

fn mixed_softness(one: &Geom, other: &Geom) -> Softness {
    const LEAST: f64 = 1e-15;
    let share = match (one.solmix >= LEAST, other.solmix >= LEAST) {
        (true, true) => one.solmix / (one.solmix + other.solmix),
        (false, false) => 0.5,
        (first, _) => f64::from(u8::from(first)),
    };
    let mix = |a: f64, b: f64| share * a + (1.0 - share) * b;
    let (a, b) = (&one.softness, &other.softness);
    let timed = a.solref[0] > 0.0 && b.solref[0] > 0.0;
    let reference = |i: usize| {
        let (a, b) = (a.solref[i], b.solref[i]);
        if timed { mix(a, b) } else { a.min(b) }
    };
    Softness {
        solref: std::array::from_fn(reference),
        solimp: std::array::from_fn(|i| mix(a.solimp[i], b.solimp[i])),
    }
}

/// Whether one is a sphere or capsule and the other a box or cylinder.
fn meets(round: Shape, block: Shape) -> bool {
    matches!(round, Shape::Sphere | Shape::Capsule) && matches!(block, Shape::Box | Shape::Cylinder)
}

/// Whether a shape has flat parts or more than one radius.
fn solid(shape: Shape) -> bool {
    matches!(shape, Shape::Box | Shape::Cylinder | Shape::Ellipsoid)
}

fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Plane => "a plane",
        Shape::Sphere => "a sphere",
        Shape::Capsule => "a capsule",
        Shape::Ellipsoid => "an ellipsoid",
        Shape::Cylinder => "a cylinder",
        Shape::Box => "a box",
        Shape::Other(1) => "a heightfield",
        Shape::Other(7) => "a mesh",
        Shape::Other(8) => "a signed distance field",
        Shape::Other(_) => "a shape of an unknown kind",
    }
}
