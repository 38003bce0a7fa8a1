//! What several tests need.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wr2l_lanes::{Batch, Contacts, InstructionSet, JointKind, Model, Parameters};

#[cfg(feature = "mujoco")]
pub mod mujoco;
pub mod tally;

/// A small generator of uniform numbers: xorshift64*.
pub struct Random(pub u64);

impl Random {
    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn within(&mut self, bound: f64) -> f64 {
        bound * (2.0 * self.unit() - 1.0)
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Roughly normal.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    pub fn unit_quaternion(&mut self, spread: f64) -> [f64; 4] {
        let mut q = [1.0 + spread * self.normal(), 0.0, 0.0, 0.0];
        q[1..].fill_with(|| spread * self.normal());
        let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
        q.map(|x| x / norm)
    }
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

/// Parameters anywhere between a half and the double of the nominal ones, or each at one of these bounds.
pub fn vary(nominal: &Parameters, random: &mut Random) -> Parameters {
    let extreme = random.unit() < 0.3;
    let factor = |random: &mut Random| {
        let power = random.within(1.0);
        2.0_f64.powf(if extreme { power.signum() } else { power })
    };
    let mut phi = nominal.clone();
    for b in 0..phi.mass.len() {
        let mass = factor(random);
        phi.mass[b] *= mass;
        // A little out of shape, and still within what a body can be.
        phi.inertia[b].iter_mut().for_each(|i| *i *= mass * (1.0 + random.within(0.05)));
        // MuJoCo computes a body whose frame is that of its inertia in a way of its own, and keeps to it.
        if phi.centre[b] != [0.0; 3] {
            phi.centre[b].iter_mut().for_each(|c| *c += random.within(0.01));
        }
    }
    let lists = [
        &mut phi.armature,
        &mut phi.damping,
        &mut phi.friction_loss,
        &mut phi.stiffness,
        &mut phi.friction,
        &mut phi.gain,
        &mut phi.gear,
    ];
    for list in lists {
        list.iter_mut().for_each(|x| *x *= factor(random));
    }
    phi.pair_friction.iter_mut().flatten().for_each(|x| *x *= factor(random));
    phi.bias.iter_mut().flatten().for_each(|x| *x *= factor(random));
    phi.gravity.iter_mut().for_each(|g| *g *= 1.0 + random.within(0.1));
    phi
}

/// The largest difference, relative to the largest number expected (or to 1 if that is smaller).
pub fn error(got: &[f64], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(1.0_f64, |m, e| m.max(e.abs()));
    got.iter()
        .zip(expected)
        .map(|(g, e)| (g - e).abs() / scale)
        .fold(0.0, |m, e| if e.is_nan() { e } else { m.max(e) })
}

/// The committed models: what MuJoCo made of the files beside them, and of the planar robots' (`tests/models.rs`).
pub const MODELS: [&str; 16] = [
    "quadruped",
    "tumblers",
    "eel",
    "crates",
    "hound",
    "winch",
    "pendants",
    "scrum",
    "servos",
    "gripper",
    "linkage",
    "ladder",
    "blocks",
    "hopper",
    "walker2d",
    "half_cheetah",
];

pub fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.model"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn model(name: &str) -> Arc<Model> {
    Arc::new(Model::from_bytes(&bytes(name), Contacts::All).unwrap())
}

/// Coordinates, velocities, controls, forces and parameters that make up one lane's life.
#[derive(Clone)]
pub struct Life {
    pub q: Vec<f64>,
    pub v: Vec<f64>,
    pub control: Vec<f64>,
    pub forces: Vec<f64>,
    pub phi: Parameters,
}

impl Life {
    /// Somewhere near the ground, so that contacts come and go.
    pub fn random(model: &Model, random: &mut Random) -> Self {
        let compiled = model.compiled();
        let mut q = Vec::new();
        for joint in &compiled.joints {
            if joint.kind == JointKind::Free {
                q.extend([random.within(0.3), random.within(0.3), random.between(0.02, 0.5)]);
                q.extend(random.unit_quaternion(0.5));
            } else if joint.kind == JointKind::Ball {
                q.extend(random.unit_quaternion(0.5));
            } else if let Some([low, high]) = joint.range {
                let over = 0.1 * (high - low);
                q.push(random.between(low - over, high + over));
            } else {
                q.push(joint.reference[0] + random.within(0.3));
            }
        }
        let speed = random.between(0.0, 3.0);
        Self {
            q,
            v: (0..compiled.nv()).map(|_| random.within(speed)).collect(),
            control: (0..compiled.nu()).map(|_| random.within(1.2)).collect(),
            forces: vec![0.0; 6 * compiled.bodies.len()],
            phi: vary(&Parameters::nominal(compiled), random),
        }
    }

    pub fn start(&self, batch: &mut Batch, lane: usize) {
        batch.set_parameters(lane, &self.phi).unwrap();
        batch.set_state(lane, &self.q, &self.v);
        batch.set_forces(lane, &self.forces);
    }
}

/// The bits of a lane's snapshot.
pub fn snapshot(batch: &Batch, lane: usize) -> Vec<u64> {
    let mut numbers = vec![0.0; batch.snapshot_len()];
    batch.save(lane, &mut numbers);
    numbers.into_iter().map(f64::to_bits).collect()
}

/// The snapshots of all lives after some calls of four steps, computed together in the given order.
pub fn together(
    model: &Arc<Model>,
    lives: &[Life],
    instructions: InstructionSet,
    calls: usize,
) -> Vec<Vec<u64>> {
    let mut batch = Batch::with_instructions(model, lives.len(), instructions).unwrap();
    for (lane, life) in lives.iter().enumerate() {
        life.start(&mut batch, lane);
    }
    let controls: Vec<f64> = lives.iter().flat_map(|life| life.control.clone()).collect();
    for _ in 0..calls {
        batch.step(&controls, &vec![true; lives.len()], 4);
    }
    (0..lives.len()).map(|lane| snapshot(&batch, lane)).collect()
}
