//! Where the bodies of a robot are and how they move, from its coordinates and velocities: MuJoCo's forward kinematics.

use wr2l_lanes::{Compiled, JointKind, Parameters};

type Point = [f64; 3];
type Turn = [f64; 9];

fn cross([a, b, c]: Point, [x, y, z]: Point) -> Point {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

fn plus(a: Point, b: Point) -> Point {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn times(factor: f64, a: Point) -> Point {
    a.map(|x| factor * x)
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A vector of a turned frame, seen from outside.
fn turn(r: &Turn, v: Point) -> Point {
    [dot([r[0], r[1], r[2]], v), dot([r[3], r[4], r[5]], v), dot([r[6], r[7], r[8]], v)]
}

/// A vector from outside, seen in the turned frame.
fn back(r: &Turn, v: Point) -> Point {
    [dot([r[0], r[3], r[6]], v), dot([r[1], r[4], r[7]], v), dot([r[2], r[5], r[8]], v)]
}

fn product([a, b, c, d]: [f64; 4], [w, x, y, z]: [f64; 4]) -> [f64; 4] {
    [
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    ]
}

fn unit(q: [f64; 4]) -> [f64; 4] {
    let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm < 1e-15 { [1.0, 0.0, 0.0, 0.0] } else { q.map(|x| x / norm) }
}

fn matrix([w, x, y, z]: [f64; 4]) -> Turn {
    [
        w * w + x * x - y * y - z * z,
        2.0 * (x * y - w * z),
        2.0 * (x * z + w * y),
        2.0 * (x * y + w * z),
        w * w - x * x + y * y - z * z,
        2.0 * (y * z - w * x),
        2.0 * (x * z - w * y),
        2.0 * (y * z + w * x),
        w * w - x * x - y * y + z * z,
    ]
}

/// What is to be computed beyond places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) velocities: bool,
    pub(crate) centres: bool,
    /// [`Kinematics::tree_velocity`] and [`Kinematics::tree_inertia`].
    pub(crate) tree_velocities: bool,
    pub(crate) tree_inertias: bool,
}

impl Wanted {
    /// Whether all bodies have to be placed, whichever are read.
    pub(crate) fn of_trees(self) -> bool {
        self.centres || self.tree_velocities || self.tree_inertias
    }
}

/// The bodies of one robot at one moment, the world first. One is enough for a batch, lane by lane.
#[derive(Clone, Debug)]
pub(crate) struct Kinematics {
    /// Of the body frames, in the world.
    pub(crate) position: Vec<Point>,
    pub(crate) quaternion: Vec<[f64; 4]>,
    pub(crate) rotation: Vec<Turn>,
    /// Of the origins of the body frames, in the world.
    pub(crate) velocity: Vec<Point>,
    /// Angular velocity in the world.
    spin: Vec<Point>,
    /// Centres of mass of bodies, and of them with all that hangs from them.
    centre: Vec<Point>,
    pub(crate) subtree: Vec<Point>,
    carried: Vec<f64>,
    /// Velocity about the centre of mass of a body's tree, rotation first (MuJoCo's `cvel`), and the inertia about the same
    /// point (`cinert`); zeros of the world.
    pub(crate) tree_velocity: Vec<[f64; 6]>,
    pub(crate) tree_inertia: Vec<[f64; 10]>,
    /// The first body of every body's tree.
    root: Vec<usize>,
    /// The bodies that are computed, parents first.
    bodies: Vec<usize>,
    /// Joints: the body, and of each joint where it begins in qpos and qvel.
    joints: Vec<Vec<(usize, usize, usize)>>,
    /// Axis and anchor of the joints of the body at hand, in the world.
    axes: Vec<(Point, Point)>,
}

impl Kinematics {
    pub(crate) fn new(model: &Compiled) -> Self {
        let count = model.bodies.len() + 1;
        let mut root: Vec<usize> = (0..count).collect();
        for (i, body) in model.bodies.iter().enumerate() {
            if body.parent > 0 {
                root[i + 1] = root[body.parent as usize];
            }
        }
        let mut joints = vec![Vec::new(); count];
        let (mut q, mut v) = (0, 0);
        for (j, joint) in model.joints.iter().enumerate() {
            joints[joint.body as usize].push((j, q, v));
            q += joint.kind.coordinates();
            v += joint.kind.dofs();
        }
        let most = joints.iter().map(Vec::len).max().unwrap_or(0);
        let straight = [1.0, 0.0, 0.0, 0.0];
        Self {
            position: vec![[0.0; 3]; count],
            quaternion: vec![straight; count],
            rotation: vec![matrix(straight); count],
            velocity: vec![[0.0; 3]; count],
            spin: vec![[0.0; 3]; count],
            centre: vec![[0.0; 3]; count],
            subtree: vec![[0.0; 3]; count],
            carried: vec![0.0; count],
            tree_velocity: vec![[0.0; 6]; count],
            tree_inertia: vec![[0.0; 10]; count],
            root,
            bodies: (1..count).collect(),
            joints,
            axes: Vec::with_capacity(most),
        }
    }

    /// Leaves out what neither these bodies nor any that they hang from need. Not for what is wanted of whole trees.
    pub(crate) fn only(&mut self, model: &Compiled, bodies: &[usize]) {
        let mut needed = vec![false; self.position.len()];
        for &body in bodies {
            needed[body] = true;
        }
        // Parents come before their children.
        for b in (1..needed.len()).rev() {
            needed[model.bodies[b - 1].parent as usize] |= needed[b];
        }
        self.bodies.retain(|b| needed[*b]);
    }

    /// Computes places, and what else is wanted, of a state (`[nq]`, `[nv]`); masses and centres are those of `parameters`.
    pub(crate) fn compute(
        &mut self,
        model: &Compiled,
        parameters: &Parameters,
        wanted: Wanted,
        q: &[f64],
        v: &[f64],
    ) {
        for i in 0..self.bodies.len() {
            let b = self.bodies[i];
            self.place(model, b, q);
            if wanted.velocities || wanted.tree_velocities {
                self.moved(model, b, v);
            }
        }
        if wanted.of_trees() {
            self.centres(model, parameters);
        }
        for b in 1..self.position.len() {
            if wanted.tree_velocities {
                self.tree_velocity[b] = self.velocity_of_tree(b);
            }
            if wanted.tree_inertias {
                self.tree_inertia[b] = self.inertia_of_tree(parameters, b);
            }
        }
    }

    /// Computes places alone.
    pub(crate) fn place_all(&mut self, model: &Compiled, q: &[f64]) {
        (0..self.bodies.len()).for_each(|i| self.place(model, self.bodies[i], q));
    }

    fn place(&mut self, model: &Compiled, b: usize, q: &[f64]) {
        let body = &model.bodies[b - 1];
        let parent = body.parent as usize;
        let mut position = plus(self.position[parent], turn(&self.rotation[parent], body.position));
        let mut quaternion = product(self.quaternion[parent], body.orientation);
        self.axes.clear();
        for &(j, at, _) in &self.joints[b] {
            let joint = &model.joints[j];
            let (coordinates, count) = (&q[at..], joint.kind.coordinates());
            if count == 7 {
                position = [coordinates[0], coordinates[1], coordinates[2]];
                quaternion = unit([coordinates[3], coordinates[4], coordinates[5], coordinates[6]]);
                self.axes.push(([0.0; 3], position));
                continue;
            }
            let rotation = matrix(quaternion);
            let anchor = plus(position, turn(&rotation, joint.anchor));
            let axis = turn(&rotation, joint.axis);
            self.axes.push((axis, anchor));
            if joint.kind == JointKind::Slide {
                position = plus(position, times(coordinates[0] - joint.reference[0], axis));
                continue;
            }
            let own = if count == 4 {
                unit([coordinates[0], coordinates[1], coordinates[2], coordinates[3]])
            } else {
                let (sin, cos) = (0.5 * (coordinates[0] - joint.reference[0])).sin_cos();
                let [x, y, z] = times(sin, joint.axis);
                [cos, x, y, z]
            };
            quaternion = product(quaternion, own);
            position = minus(anchor, turn(&matrix(quaternion), joint.anchor));
        }
        let quaternion = unit(quaternion);
        (self.position[b], self.quaternion[b], self.rotation[b]) = (position, quaternion, matrix(quaternion));
    }

    /// Velocities of a body that stands where [`Kinematics::place`] put it, its axes still at hand.
    fn moved(&mut self, model: &Compiled, b: usize, v: &[f64]) {
        let parent = model.bodies[b - 1].parent as usize;
        let arm = minus(self.position[b], self.position[parent]);
        let mut spin = self.spin[parent];
        let mut velocity = plus(self.velocity[parent], cross(spin, arm));
        for (&(j, _, at), &(axis, anchor)) in self.joints[b].iter().zip(&self.axes) {
            let joint = &model.joints[j];
            let speeds = &v[at..];
            let arm = minus(self.position[b], anchor);
            let own = match joint.kind.coordinates() {
                7 => {
                    velocity = [speeds[0], speeds[1], speeds[2]];
                    spin = turn(&self.rotation[b], [speeds[3], speeds[4], speeds[5]]);
                    continue;
                }
                // A ball is the last joint of its body in all but odd models, so that its frame is the body's.
                4 => turn(&self.rotation[b], [speeds[0], speeds[1], speeds[2]]),
                _ => times(speeds[0], axis),
            };
            if joint.kind == JointKind::Slide {
                velocity = plus(velocity, own);
            } else {
                spin = plus(spin, own);
                velocity = plus(velocity, cross(own, arm));
            }
        }
        (self.spin[b], self.velocity[b]) = (spin, velocity);
    }

    fn centres(&mut self, model: &Compiled, parameters: &Parameters) {
        self.subtree.fill([0.0; 3]);
        self.carried.fill(0.0);
        for b in 1..self.position.len() {
            self.centre[b] = plus(self.position[b], turn(&self.rotation[b], parameters.centre[b - 1]));
        }
        for b in (1..self.position.len()).rev() {
            let mass = parameters.mass[b - 1];
            self.subtree[b] = plus(self.subtree[b], times(mass, self.centre[b]));
            self.carried[b] += mass;
            let parent = model.bodies[b - 1].parent as usize;
            self.subtree[parent] = plus(self.subtree[parent], self.subtree[b]);
            self.carried[parent] += self.carried[b];
        }
        for b in 0..self.position.len() {
            let mass = self.carried[b];
            self.subtree[b] = if mass < 1e-15 { self.centre[b] } else { times(1.0 / mass, self.subtree[b]) };
        }
    }

    /// The angular velocity of a body in its own frame.
    pub(crate) fn own_spin(&self, body: usize) -> Point {
        back(&self.rotation[body], self.spin[body])
    }

    fn velocity_of_tree(&self, body: usize) -> [f64; 6] {
        let arm = minus(self.subtree[self.root[body]], self.position[body]);
        let [x, y, z] = self.spin[body];
        let [a, b, c] = plus(self.velocity[body], cross(self.spin[body], arm));
        [x, y, z, a, b, c]
    }

    fn inertia_of_tree(&self, parameters: &Parameters, body: usize) -> [f64; 10] {
        let (mass, inertia) = (parameters.mass[body - 1], parameters.inertia[body - 1]);
        let r = matrix(unit(product(self.quaternion[body], parameters.axes[body - 1])));
        let [x, y, z] = minus(self.centre[body], self.subtree[self.root[body]]);
        let own =
            |i: usize, j: usize| -> f64 { (0..3).map(|k| r[3 * i + k] * inertia[k] * r[3 * j + k]).sum() };
        [
            own(0, 0) + mass * (y * y + z * z),
            own(1, 1) + mass * (x * x + z * z),
            own(2, 2) + mass * (x * x + y * y),
            own(0, 1) - mass * x * y,
            own(0, 2) - mass * x * z,
            own(1, 2) - mass * y * z,
            mass * x,
            mass * y,
            mass * z,
            mass,
        ]
    }

    /// A point of a body's frame, in the world.
    pub(crate) fn point(&self, body: usize, point: Point) -> Point {
        plus(self.position[body], turn(&self.rotation[body], point))
    }
}
