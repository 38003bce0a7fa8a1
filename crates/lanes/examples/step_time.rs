//! Prints the time per time step and lane, side by side with MuJoCo's `mj_step` on the same machine in the same run.
//!
//! ```sh
//! cargo run --release -p wr2l-lanes --features mujoco --example step_time -- [--floor] MODEL.xml[@HEIGHT]…
//! ```
//!
//! After `--floor`, models have no contacts but those with planes, on both sides.
//!
//! Both sides: one thread, random controls held over five time steps, the reference pose with a little noise to start from,
//! and a new start after 1000 calls or when a free root is below HEIGHT. Ours step 32 lanes, each with its own parameters
//! (half to twice the nominal ones); MuJoCo steps one with nominal ones. Each time step of the same run, repeated in turns,
//! counts with its least time: other programs only ever make it slower. The second ratio is the median of those of the turns,
//! each of all time steps of one side to all of the other: what other programs cost is in it.

#[cfg(not(feature = "mujoco"))]
fn main() {
    println!("build with `--features mujoco`: models are compiled by MuJoCo");
}

#[cfg(feature = "mujoco")]
fn main() {
    println!("microseconds per time step and lane, one thread");
    let mut floor = false;
    for argument in std::env::args().skip(1) {
        if argument == "--floor" {
            floor = true;
            continue;
        }
        let (path, height) = argument.split_once('@').unwrap_or((&argument, "-inf"));
        measure::model(std::path::Path::new(path), floor, height.parse().expect("a height is a number"));
    }
}

#[cfg(feature = "mujoco")]
mod measure {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Instant;

    use mujoco_rs::prelude::*;
    use wr2l_lanes::{Batch, Compiled, Contacts, InstructionSet, JointKind, Model, Parameters};

    const LANES: usize = 32;
    /// Calls of a run, of several time steps each.
    const CALLS: usize = 60;
    const SKIP: usize = 5;
    const EPISODE: usize = 1000;
    const ROUNDS: usize = 15;
    const NOISE: f64 = 0.02;

    /// A small generator of uniform numbers in [0, 1): xorshift64*.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
        }

        fn within(&mut self, bound: f64) -> f64 {
            bound * (2.0 * self.next() - 1.0)
        }

        fn parameters(&mut self, nominal: &Parameters) -> Parameters {
            let mut phi = nominal.clone();
            for b in 0..phi.mass.len() {
                let factor = 2.0_f64.powf(self.within(1.0));
                phi.mass[b] *= factor;
                phi.inertia[b].iter_mut().for_each(|i| *i *= factor);
            }
            let lists = [
                &mut phi.armature,
                &mut phi.damping,
                &mut phi.stiffness,
                &mut phi.friction_loss,
                &mut phi.friction,
            ];
            for list in lists {
                list.iter_mut().for_each(|x| *x *= 2.0_f64.powf(self.within(1.0)));
            }
            phi
        }
    }

    struct Bench {
        source: Box<MjModel>,
        model: Arc<Model>,
        start: Vec<f64>,
        controls: Vec<[f64; 2]>,
        /// Whether the root is free, and the height below which it starts anew.
        free: bool,
        height: f64,
    }

    impl Bench {
        fn restart(&self, random: &mut Random, q: &mut [f64], v: &mut [f64]) {
            q.copy_from_slice(&self.start);
            q.iter_mut().for_each(|q| *q += random.within(NOISE));
            v.fill_with(|| random.within(NOISE));
        }

        fn fallen(&self, q: &[f64]) -> bool {
            self.free && q[2] < self.height
        }

        fn control(&self, random: &mut Random, out: &mut [f64]) {
            for (u, [low, high]) in out.iter_mut().zip(&self.controls) {
                *u = low + (high - low) * random.next();
            }
        }

        /// One run of MuJoCo; lowers each time step's least time (seconds). Returns the mean time of a step.
        fn mujoco(&self, least: &mut [f64]) -> f64 {
            let mut random = Random(3);
            let mut data = MjData::try_new(self.source.clone()).expect("room for the data");
            let (mut age, mut total) = (EPISODE, 0.0);
            let steps = least.len() as f64;
            let (mut q, mut v) = (self.start.clone(), vec![0.0; self.model.shape().dofs]);
            for least in least.chunks_exact_mut(SKIP) {
                if age == EPISODE || self.fallen(data.qpos()) {
                    data.reset();
                    self.restart(&mut random, &mut q, &mut v);
                    data.qpos_mut().copy_from_slice(&q);
                    data.qvel_mut().copy_from_slice(&v);
                    age = 0;
                }
                age += 1;
                self.control(&mut random, data.ctrl_mut());
                for least in least {
                    let start = Instant::now();
                    data.step();
                    let time = start.elapsed().as_secs_f64();
                    (total, *least) = (total + time, least.min(time));
                }
            }
            total / steps
        }

        /// One run of ours. Returns how many lanes failed, and the mean time of a step of a lane.
        fn lanes(&self, batch: &mut Batch, least: &mut [f64]) -> (usize, f64) {
            let mut random = Random(1);
            let shape = self.model.shape();
            let (mut q, mut v) = (self.start.clone(), vec![0.0; shape.dofs]);
            let mut age = [EPISODE; LANES];
            let mut controls = vec![0.0; LANES * shape.controls];
            let (mut failed, mut total, steps) = (0, 0.0, least.len());
            for least in least.chunks_exact_mut(SKIP) {
                for lane in 0..LANES {
                    batch.state(lane, &mut q, &mut v);
                    failed += usize::from(batch.failure(lane).is_some());
                    if age[lane] == EPISODE || batch.failure(lane).is_some() || self.fallen(&q) {
                        self.restart(&mut random, &mut q, &mut v);
                        batch.set_state(lane, &q, &v);
                        age[lane] = 0;
                    }
                    age[lane] += 1;
                    self.control(&mut random, &mut controls[lane * shape.controls..][..shape.controls]);
                }
                for least in least {
                    let start = Instant::now();
                    batch.step(&controls, &[true; LANES], 1);
                    let time = start.elapsed().as_secs_f64();
                    (total, *least) = (total + time, least.min(time));
                }
            }
            (failed, total / (steps * LANES) as f64)
        }
    }

    /// Leaves a model's contacts with planes and no others, as `Contacts::FloorOnly` does.
    fn leave_floor(source: &mut MjModel) {
        for g in 0..source.geom_type().len() {
            if source.geom_contype()[g] != 0 || source.geom_conaffinity()[g] != 0 {
                let plane = source.geom_type()[g] as u32 == 0;
                source.geom_contype_mut()[g] = i32::from(!plane);
                source.geom_conaffinity_mut()[g] = i32::from(plane);
            }
        }
    }

    pub(crate) fn model(path: &Path, floor: bool, height: f64) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut source = match MjModel::from_xml(path) {
            Ok(source) => Box::new(source),
            Err(error) => return println!("{name}: {error}"),
        };
        if floor {
            leave_floor(&mut source);
        }
        let compiled = match Compiled::from_mujoco(&source) {
            Ok(compiled) => compiled,
            Err(refusal) => return println!("{name}: {refusal}"),
        };
        let model = match Model::new(compiled, Contacts::All) {
            Ok(model) => Arc::new(model),
            Err(error) => return println!("{name}: {error}"),
        };
        let compiled = model.compiled();
        let controls = compiled.actuators.iter().map(|a| a.control_range.unwrap_or([-1.0, 1.0])).collect();
        let free = compiled.joints.first().is_some_and(|joint| joint.kind == JointKind::Free);
        let bench =
            Bench { start: compiled.reference(), source, controls, free, height, model: Arc::clone(&model) };
        let mut random = Random(7);
        // Of a machine with registers, its portable code is of no interest: it calls a function for every fused operation.
        let sets = InstructionSet::available().into_iter().rev().take_while(|set| set.width() > 1);
        let mut batches: Vec<Batch> =
            sets.map(|set| Batch::with_instructions(&model, LANES, set).expect("sound parameters")).collect();
        for lane in 0..LANES {
            let phi = random.parameters(&Parameters::nominal(compiled));
            for batch in &mut batches {
                batch.set_parameters(lane, &phi).expect("sound parameters");
            }
        }
        let mut peer = vec![f64::INFINITY; 4 * CALLS * SKIP];
        let mut own = vec![vec![f64::INFINITY; CALLS * SKIP]; batches.len()];
        let mut failed = 0;
        let mut ratios = vec![Vec::new(); batches.len()];
        for _ in 0..ROUNDS {
            let slow = bench.mujoco(&mut peer);
            for ((batch, least), ratios) in batches.iter_mut().zip(&mut own).zip(&mut ratios) {
                for lane in 0..LANES {
                    batch.set_state(lane, &bench.start, &vec![0.0; model.shape().dofs]);
                }
                let fast;
                (failed, fast) = bench.lanes(batch, least);
                ratios.push(slow / fast);
            }
        }
        let peer = 1e6 * peer.iter().sum::<f64>() / peer.len() as f64;
        print!("{name:18}  MuJoCo {peer:6.2}");
        for ((batch, least), ratios) in batches.iter().zip(&own).zip(&mut ratios) {
            ratios.sort_by(f64::total_cmp);
            let median = ratios[ratios.len() / 2];
            let time = 1e6 * least.iter().sum::<f64>() / (least.len() * LANES) as f64;
            print!("   {:?} {time:.3} ({:.1} x, {median:.1} x)", batch.instructions(), peer / time);
        }
        println!("   {failed} failures");
    }
}
