//! The physics against MuJoCo 3.17.0, state by state.
//!
//! `fixtures/*.states.f64` and `fixtures/*.derived.f64` were written by `fixtures/generate.py`: rows of little-endian
//! f64. A row of states is the parameters, qpos, qvel, ctrl, x and z of `xfrc_applied` on every body, then MuJoCo's
//! qacc and the next qpos and qvel at a solver tolerance of 1e-15; a row of derived constants is the parameters, then
//! mass, inertia, body_invweight0 and dof_invweight0. Parameters are density, armature, damping, stiffness, friction
//! and pole length.
//!
//! The states lie in the air, within the margin, in the ground by up to 3 cm and by up to 1.5 m, beyond joint limits, on
//! every side and folded onto themselves (with capsules that are parallel, nearly so, and that cross), at rest and fast, pushed from outside and not, with nominal parameters, with parameters
//! anywhere within the bounds that tasks allow (a tenth to five times the nominal), and with each at one of its bounds.
//!
//! `WR2L_THOROUGH=1` also runs the files in the folder `WR2L_PLANAR_STATES`, from `generate.py --states 10000 --out`.

use std::path::{Path, PathBuf};

use wr2l_planar::{Batch, InstructionSet, Parameters, Robot};

fn name(robot: Robot) -> &'static str {
    match robot {
        Robot::Hopper => "hopper",
        Robot::Walker2d => "walker2d",
        Robot::HalfCheetah => "half_cheetah",
        Robot::InvertedPendulum => "inverted_pendulum",
    }
}

/// The rows of a file, each cut into pieces of the given lengths.
fn rows(path: &Path, lengths: &[usize]) -> Vec<Vec<Vec<f64>>> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let numbers: Vec<f64> =
        bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let width: usize = lengths.iter().sum();
    assert_eq!(numbers.len() % width, 0, "{}: rows of {width}", path.display());
    let cut = |row: &[f64]| {
        let mut rest = row;
        lengths
            .iter()
            .map(|&n| {
                let (piece, tail) = rest.split_at(n);
                rest = tail;
                piece.to_vec()
            })
            .collect()
    };
    numbers.chunks_exact(width).map(cut).collect()
}

fn parameter_lengths(robot: Robot) -> [usize; 6] {
    let s = robot.shape();
    [s.bodies, s.joints, s.joints, s.joints, s.capsules, 1]
}

fn parameters(robot: Robot, pieces: &[Vec<f64>]) -> Parameters {
    let mut phi = robot.parameters();
    let fields: [&mut [f64]; 6] = [
        &mut phi.density,
        &mut phi.armature,
        &mut phi.damping,
        &mut phi.stiffness,
        &mut phi.friction,
        std::slice::from_mut(&mut phi.pole_length),
    ];
    for (field, piece) in fields.into_iter().zip(pieces) {
        field[..piece.len()].copy_from_slice(piece);
    }
    phi
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The largest difference, relative to the largest number of the expected vector (or to 1 if that is smaller).
fn error(got: &[f64], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(1.0_f64, |m, e| m.max(e.abs()));
    got.iter()
        .zip(expected)
        .map(|(g, e)| (g - e).abs() / scale)
        .fold(0.0, |m, e| if e.is_nan() { e } else { m.max(e) })
}

/// Worst errors of qacc, next qpos and next qvel over a file, with all its states in one batch.
fn compare(robot: Robot, folder: &Path, instructions: InstructionSet) -> [f64; 3] {
    let s = robot.shape();
    let mut lengths = parameter_lengths(robot).to_vec();
    lengths.extend([s.dofs, s.dofs, s.controls, 2 * s.bodies, s.dofs, s.dofs, s.dofs]);
    let rows = rows(&folder.join(format!("{}.states.f64", name(robot))), &lengths);
    assert!(rows.len() >= 100);
    let mut batch = Batch::with_instructions(robot, rows.len(), instructions);
    let mut controls = Vec::new();
    for (lane, row) in rows.iter().enumerate() {
        batch.set_parameters(lane, &parameters(robot, &row[..6])).unwrap();
        batch.set_state(lane, &row[6], &row[7]);
        batch.set_forces(lane, &row[9]);
        controls.extend_from_slice(&row[8]);
    }
    let active = vec![true; rows.len()];
    let mut qacc = vec![f64::NAN; rows.len() * s.dofs];
    batch.accelerations(&controls, &active, &mut qacc);
    batch.step(&controls, &active, 1);
    let mut worst = [0.0_f64; 3];
    let (mut q, mut v) = (vec![0.0; s.dofs], vec![0.0; s.dofs]);
    for (lane, row) in rows.iter().enumerate() {
        assert_eq!(batch.failure(lane), None, "{robot:?} state {lane}");
        batch.state(lane, &mut q, &mut v);
        let errors =
            [error(&qacc[lane * s.dofs..][..s.dofs], &row[10]), error(&q, &row[11]), error(&v, &row[12])];
        for (worst, error) in worst.iter_mut().zip(errors) {
            assert!(
                error < BOUND,
                "{robot:?} {instructions:?} state {lane}: errors {errors:?}\n{row:?}\n{:?}",
                &qacc[lane * s.dofs..][..s.dofs]
            );
            *worst = worst.max(error);
        }
    }
    worst
}

fn show(errors: [f64; 3]) -> String {
    errors.map(|e| format!("{e:.1e}")).join(", ")
}

/// Relative; what was seen is below 1e-12, except where the solver of MuJoCo itself stops early.
const BOUND: f64 = 1e-10;

#[test]
fn accelerations_and_next_states_are_those_of_mujoco() {
    for robot in Robot::ALL {
        for instructions in InstructionSet::available() {
            let worst = compare(robot, &fixtures(), instructions);
            println!("{robot:?} {instructions:?}: worst errors of qacc, qpos, qvel {}", show(worst));
        }
    }
}

#[test]
fn many_more_states_are_those_of_mujoco() {
    if std::env::var("WR2L_THOROUGH").is_err() {
        println!("skipped: set WR2L_THOROUGH=1 and WR2L_PLANAR_STATES=FOLDER");
        return;
    }
    let folder = std::env::var("WR2L_PLANAR_STATES").expect("WR2L_PLANAR_STATES, see the head of this file");
    for robot in Robot::ALL {
        let worst = compare(robot, Path::new(&folder), InstructionSet::fastest());
        println!("{robot:?}: worst errors of qacc, qpos, qvel {}", show(worst));
    }
}

#[test]
fn derived_constants_are_those_of_a_fresh_compile() {
    for robot in Robot::ALL {
        let s = robot.shape();
        let mut lengths = parameter_lengths(robot).to_vec();
        lengths.extend([s.bodies, s.bodies, s.bodies, s.dofs]);
        for row in rows(&fixtures().join(format!("{}.derived.f64", name(robot))), &lengths) {
            let derived = robot.derive(&parameters(robot, &row[..6])).unwrap();
            let pairs: [(&[f64], &[f64]); 4] = [
                (&derived.mass, &row[6]),
                (&derived.inertia, &row[7]),
                (&derived.body_inverse_weight, &row[8]),
                (&derived.dof_inverse_weight, &row[9]),
            ];
            for (got, expected) in pairs {
                for (g, e) in got.iter().zip(expected) {
                    assert!((g - e).abs() <= 1e-12 * e.abs(), "{robot:?}: {g} instead of {e}");
                }
            }
        }
    }
}
