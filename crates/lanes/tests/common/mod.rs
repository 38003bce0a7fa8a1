//! What several tests need.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};

use wr2l_lanes::Parameters;

#[cfg(feature = "mujoco")]
pub mod mujoco;

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
        phi.centre[b].iter_mut().for_each(|c| *c += random.within(0.01));
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
