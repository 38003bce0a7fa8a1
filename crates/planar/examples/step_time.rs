//! Prints the time per time step and lane, side by side with MuJoCo's `mj_step` on the same machine in the same run.
//!
//! ```sh
//! cargo run --release -p wr2l-planar --example step_time -- [PYTHON]
//! ```
//!
//! PYTHON is an interpreter with `mujoco` and `gymnasium[mujoco]`, without which only our numbers are printed. With
//! `--features single`, f32 as well. Both sides: one thread, random actions held over Gymnasium's frame skip, Gymnasium's
//! initial states, and its resets of unhealthy robots. Ours step 64 lanes, each with its own parameters (half to twice the
//! nominal ones).

use std::collections::HashMap;
use std::process::Command;
use std::time::Instant;

use wr2l_planar::{Batch, InstructionSet, Parameters, Precision, Robot};

const LANES: usize = 64;
/// Environment steps per run; under random actions these robots fall within a few dozen.
const CALLS: usize = 300;
const EPISODE: usize = 1000;
const ROUNDS: usize = 7;

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

    fn parameters(&mut self, robot: Robot) -> Parameters {
        let mut phi = robot.parameters();
        for field in
            [&mut phi.density[..], &mut phi.armature, &mut phi.damping, &mut phi.stiffness, &mut phi.friction]
        {
            for value in field {
                *value *= 2.0_f64.powf(2.0 * self.next() - 1.0);
            }
        }
        phi
    }
}

struct Setup {
    name: &'static str,
    robot: Robot,
    frame_skip: usize,
    /// Height of the root, half-width of the initial noise, largest control.
    start: (f64, f64, f64),
    healthy: fn(&[f64]) -> bool,
}

const SETUPS: [Setup; 4] = [
    Setup {
        name: "hopper",
        robot: Robot::Hopper,
        frame_skip: 4,
        start: (1.25, 5e-3, 1.0),
        healthy: |q| q[1] > 0.7 && q[2].abs() < 0.2,
    },
    Setup {
        name: "walker2d",
        robot: Robot::Walker2d,
        frame_skip: 4,
        start: (1.25, 5e-3, 1.0),
        healthy: |q| q[1] > 0.8 && q[1] < 2.0 && q[2].abs() < 1.0,
    },
    Setup {
        name: "half_cheetah",
        robot: Robot::HalfCheetah,
        frame_skip: 5,
        start: (0.0, 0.1, 1.0),
        healthy: |_| true,
    },
    Setup {
        name: "inverted_pendulum",
        robot: Robot::InvertedPendulum,
        frame_skip: 2,
        start: (0.0, 0.01, 3.0),
        healthy: |q| q[1].abs() < 0.2,
    },
];

/// Microseconds per time step and lane.
///
/// The same run, to the bit, is repeated, and each call counts with its least time: other programs on the machine
/// only ever make it slower.
fn measure(setup: &Setup, instructions: InstructionSet, precision: Precision) -> f64 {
    let mut least = vec![f64::INFINITY; CALLS];
    for _ in 0..ROUNDS {
        run(setup, instructions, precision, &mut least);
    }
    1e6 * least.iter().sum::<f64>() / (CALLS * setup.frame_skip * LANES) as f64
}

/// One run; lowers each call's least time (seconds).
fn run(setup: &Setup, instructions: InstructionSet, precision: Precision, least: &mut [f64]) {
    let (height, noise, control) = setup.start;
    let shape = setup.robot.shape();
    let mut random = Random(1);
    let mut batch = Batch::with_precision(setup.robot, LANES, instructions, precision);
    for lane in 0..LANES {
        batch.set_parameters(lane, &random.parameters(setup.robot)).expect("within bounds");
    }
    let mut age = [EPISODE; LANES];
    let (mut q, mut v) = (vec![0.0; shape.dofs], vec![0.0; shape.dofs]);
    let mut controls = vec![0.0; LANES * shape.controls];
    for least in least {
        for lane in 0..LANES {
            batch.state(lane, &mut q, &mut v);
            if age[lane] == EPISODE || batch.failure(lane).is_some() || !(setup.healthy)(&q) {
                q.fill_with(|| random.within(noise));
                v.fill_with(|| random.within(noise));
                if shape.dofs > 2 {
                    q[1] += height;
                }
                batch.set_state(lane, &q, &v);
                age[lane] = 0;
            }
            age[lane] += 1;
        }
        controls.fill_with(|| random.within(control));
        let start = Instant::now();
        batch.step(&controls, &[true; LANES], setup.frame_skip);
        *least = least.min(start.elapsed().as_secs_f64());
    }
}

fn mujoco(python: &str) -> HashMap<String, f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/mujoco_step_time.py");
    let output = Command::new(python).arg(script).arg(ROUNDS.to_string()).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, time)| Some((name.to_owned(), time.parse().ok()?)))
        .collect()
}

fn main() {
    let reference = std::env::args().nth(1).map(|python| mujoco(&python)).unwrap_or_default();
    println!("microseconds per time step and lane, one thread");
    for setup in &SETUPS {
        let peer = reference.get(setup.name);
        print!("{:18}", setup.name);
        if let Some(time) = peer {
            print!("  MuJoCo {time:6.2}");
        }
        for &precision in Precision::ALL {
            for instructions in InstructionSet::available() {
                let time = measure(setup, instructions, precision);
                print!("   {instructions:?} {precision:?} {time:.3}");
                if let Some(peer) = peer {
                    print!(" ({:.0} x)", peer / time);
                }
            }
        }
        println!();
    }
}
