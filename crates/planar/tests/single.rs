//! What single precision keeps of MuJoCo's numbers (see `parity.rs` for the states).
#![cfg(feature = "single")]

use wr2l_planar::{Batch, InstructionSet, Parameters, Precision, Robot};

mod fixtures;
use fixtures::{committed, errors, states};

#[test]
fn most_accelerations_are_those_of_mujoco_to_five_digits() {
    for robot in Robot::ALL {
        let states = states(robot, &committed());
        for instructions in InstructionSet::available() {
            let batch = Batch::with_precision(robot, states.len(), instructions, Precision::Single);
            let errors = errors(batch, &states);
            let failed = errors.iter().filter(|errors| errors.is_none()).count();
            let nominal = |phi: &Parameters| {
                let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9 * b;
                phi.density.iter().zip(&robot.parameters().density).all(near)
            };
            let mut all: Vec<f64> = errors.iter().flatten().map(|errors| errors[0]).collect();
            let ordinary = states.iter().zip(&errors).filter(|(state, _)| nominal(&state.phi));
            let ordinary = ordinary.filter_map(|(_, errors)| Some((*errors)?[0])).fold(0.0, f64::max);
            all.sort_unstable_by(f64::total_cmp);
            let share = |part: f64| all[((all.len() - 1) as f64 * part) as usize];
            let (half, most, worst) = (share(0.5), share(0.9), share(1.0));
            println!(
                "{robot:?} {instructions:?}: {failed} failed; qacc: median {half:.1e}, 90 % {most:.1e}, 99 % {:.1e}, worst \
                 {worst:.1e}, of nominal parameters {ordinary:.1e}",
                share(0.99),
            );
            assert_eq!(failed, 0);
            assert!(half < 2e-6 && most < 1e-4 && worst < 1e-2 && ordinary < 1e-3);
        }
    }
}
