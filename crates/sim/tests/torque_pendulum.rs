//! The torque-driven pendulum moves as its closed forms say.

use std::f64::consts::PI;

use wr2l_sim::{BatchSim, Divergence, Outcome, Simulator, Task, TaskName};

/// Mass, length, gravity.
fn pendulum(timestep: f64, phi: [f64; 3]) -> Box<dyn BatchSim> {
    let mut task = Task::new(TaskName::TORQUE_PENDULUM);
    task.robot.timestep = timestep;
    let vary = task.space();
    let mut sim = Simulator::new(task, None, vary).unwrap().batch(1).unwrap();
    sim.set_dynamics(0, &phi).unwrap();
    sim
}

fn step(sim: &mut dyn BatchSim, torque: f64) -> (f64, Outcome) {
    let (mut reward, mut outcome) = ([f64::NAN], [Outcome::Running]);
    sim.step(&[torque], &[true], &mut reward, &mut outcome);
    (reward[0], outcome[0])
}

fn state(sim: &dyn BatchSim) -> [f64; 2] {
    let mut out = [0.0; 2];
    sim.state(0, &mut out);
    out
}

/// Kinetic and potential energy of a rod: its centre is half its length up.
fn energy([m, l, g]: [f64; 3], [angle, speed]: [f64; 2]) -> f64 {
    m * l * l / 6.0 * speed * speed + 0.5 * m * g * l * angle.cos()
}

#[test]
fn without_torque_energy_stays_and_small_swings_have_the_rods_period() {
    for phi in [[1.0, 1.0, 10.0], [0.3, 2.0, 5.0], [4.0, 0.6, 20.0]] {
        let dt = 1e-5;
        let mut sim = pendulum(dt, phi);
        // Hanging, and a hundredth of a radian off.
        sim.set_state(0, &[PI + 0.01, 0.0]).unwrap();
        let before = energy(phi, state(&*sim));
        let mut steps = 0;
        let mut last = state(&*sim)[1];
        let mut turns = 0;
        // The velocity changes its sign twice a period.
        while turns < 4 {
            step(&mut *sim, 0.0);
            steps += 1;
            let speed = state(&*sim)[1];
            turns += u32::from(last * speed < 0.0);
            last = speed;
        }
        let period = 2.0 * PI * (2.0 * phi[1] / (3.0 * phi[2])).sqrt();
        let measured = 0.5 * f64::from(steps) * dt;
        assert!((measured / period - 1.0).abs() < 1e-4, "{phi:?}: {measured} against {period}");
        let change = energy(phi, state(&*sim)) - before;
        assert!(change.abs() < 1e-3 * (before + 0.5 * phi[0] * phi[1] * phi[2]), "{phi:?}: {change}");
    }
}

#[test]
fn the_motor_ends_at_its_torque_and_the_rod_at_its_largest_speed() {
    // The acceleration is 3/(ml²) times the torque where gravity has no arm.
    for (torque, acts) in [(1.0, 1.0), (-2.0, -2.0), (7.0, 2.0), (-7.0, -2.0)] {
        let mut sim = pendulum(0.05, [2.0, 1.5, 10.0]);
        sim.set_state(0, &[0.0, 0.0]).unwrap();
        let (reward, _) = step(&mut *sim, torque);
        assert!((state(&*sim)[1] - 0.05 * 3.0 / (2.0 * 1.5 * 1.5) * acts).abs() < 1e-12, "{torque}");
        assert!(
            (reward + 0.001 * acts * acts).abs() < 1e-15,
            "the torque that acts costs, not what was asked"
        );
    }
    let mut sim = pendulum(0.05, [0.1, 0.1, 10.0]);
    sim.set_state(0, &[0.5 * PI, 0.0]).unwrap();
    step(&mut *sim, 2.0);
    assert_eq!(state(&*sim)[1], 8.0);
}

#[test]
fn a_step_costs_the_state_before_it_with_the_angle_of_the_shorter_way() {
    for (angle, within) in [(0.3, 0.3), (0.3 + 6.0 * PI, 0.3), (-2.0 * PI - 1.0, -1.0), (PI + 0.5, 0.5 - PI)]
    {
        let mut sim = pendulum(0.05, [1.0, 1.0, 10.0]);
        sim.set_state(0, &[angle, 2.0]).unwrap();
        let (reward, outcome) = step(&mut *sim, 1.0);
        assert!((reward + within * within + 0.1 * 4.0 + 0.001).abs() < 1e-12, "{angle}: {reward}");
        assert_eq!(outcome, Outcome::Running, "nothing is terminal");
    }
}

#[test]
fn a_push_turns_the_rod_as_the_torque_of_its_arm_does() {
    for (angle, push) in [(0.0, [3.0, 0.0]), (0.7, [0.5, -0.8]), (-2.0, [0.0, 1.5])] {
        let phi = [1.0, 1.4, 10.0];
        let (mut pushed, mut driven) = (pendulum(0.05, phi), pendulum(0.05, phi));
        for sim in [&mut pushed, &mut driven] {
            sim.set_state(0, &[angle, 0.1]).unwrap();
        }
        pushed.set_forces(0, &push).unwrap();
        // x Fz − z Fx about y, from the place of the centre of mass; the angle grows towards −x.
        let (x, z) = (-0.7 * angle.sin(), 0.7 * angle.cos());
        let torque = x * push[1] - z * push[0];
        assert!(torque.abs() < 2.2, "within the motor's range, so that both can be compared");
        step(&mut *pushed, 0.0);
        step(&mut *driven, torque.clamp(-2.0, 2.0));
        let missing = (torque - torque.clamp(-2.0, 2.0)) * 0.05 * 3.0 / (1.4 * 1.4);
        let difference = state(&*pushed)[1] - state(&*driven)[1];
        assert!((difference - missing).abs() < 1e-12, "{angle}: {difference}");
    }
}

#[test]
fn a_torque_that_is_no_number_ends_the_lane() {
    for torque in [f64::NAN, f64::INFINITY] {
        let mut sim = pendulum(0.05, [1.0, 1.0, 10.0]);
        assert_eq!(step(&mut *sim, torque), (0.0, Outcome::Diverged(Divergence::Action)));
    }
}
