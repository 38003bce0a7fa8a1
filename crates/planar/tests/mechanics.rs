//! What must hold of any correct physics.

use wr2l_planar::{Batch, Robot};

/// Kinetic plus potential energy of the pendulum with its nominal parameters.
fn energy(q: &[f64], v: &[f64]) -> f64 {
    let d = Robot::InvertedPendulum.derive(&Robot::InvertedPendulum.parameters()).unwrap();
    let (sin, cos) = q[1].sin_cos();
    // The pole's centre of mass relative to the hinge, and its velocity.
    let (x, z) = (0.0005 * cos + 0.3 * sin, -0.0005 * sin + 0.3 * cos);
    let (vx, vz) = (v[0] + z * v[1], -x * v[1]);
    0.5 * d.mass[0] * v[0] * v[0]
        + 0.5 * d.mass[1] * (vx * vx + vz * vz)
        + 0.5 * d.inertia[1] * v[1] * v[1]
        + 9.81 * d.mass[1] * z
}

#[test]
fn an_undamped_pendulum_keeps_its_energy_to_the_order_of_the_integrator() {
    let mut phi = Robot::InvertedPendulum.parameters();
    phi.damping = [0.0; 6];
    let mut batch = Batch::new(Robot::InvertedPendulum, 1);
    batch.set_parameters(0, &phi).unwrap();
    let (mut q, mut v) = ([0.0, 0.2], [0.1, 0.0]);
    let start = energy(&q, &v);
    let mut worst = 0.0_f64;
    batch.set_state(0, &q, &v);
    // Until shortly before the limit at π/2.
    for _ in 0..20 {
        batch.step(&[0.0], &[true], 1);
        batch.state(0, &mut q, &mut v);
        worst = worst.max((energy(&q, &v) - start).abs() / start);
    }
    assert!(q[1] > 0.6 && q[1] < 1.5, "it falls: {q:?}");
    // A fourth-order step of h = 0.02 s at the rate λ ≈ 7/s errs by (hλ)⁵/120 = 4e-7; a second-order one by 5e-4.
    assert!(worst < 20.0 * 4e-7, "{worst}");
}

#[test]
fn robots_come_to_rest_on_the_ground() {
    for (robot, height, steps) in
        [(Robot::Hopper, 1.25, 10_000), (Robot::Walker2d, 1.25, 10_000), (Robot::HalfCheetah, 0.0, 2_000)]
    {
        let s = robot.shape();
        let mut batch = Batch::new(robot, 1);
        let (mut q, mut v) = (vec![0.0; s.dofs], vec![0.0; s.dofs]);
        q[1] = height;
        // Leaning, so that it falls.
        q[2] = 0.3;
        batch.set_state(0, &q, &v);
        let controls = vec![0.0; s.controls];
        batch.step(&controls, &[true], steps);
        assert_eq!(batch.failure(0), None);
        batch.state(0, &mut q, &mut v);
        let before = q.clone();
        batch.step(&controls, &[true], steps / 10);
        batch.state(0, &mut q, &mut v);
        let speed = v.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let moved = q.iter().zip(&before).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
        println!("{robot:?}: rests at {q:?}, speed {speed:.1e}, moved {moved:.1e}");
        assert!(speed < 1e-9, "{robot:?}: {v:?}");
        assert!(moved < 1e-9, "{robot:?}: {before:?} {q:?}");
    }
}

#[test]
fn a_robot_in_the_air_falls_like_a_stone() {
    for robot in [Robot::Hopper, Robot::Walker2d, Robot::HalfCheetah] {
        let s = robot.shape();
        let mut batch = Batch::new(robot, 1);
        let mut q = vec![0.0; s.dofs];
        let mut v = vec![0.0; s.dofs];
        q[1] = 10.0;
        // Within the joints' limits, so that nothing but gravity acts.
        q[3..].fill(-0.01);
        let mut phi = robot.parameters();
        phi.stiffness = [0.0; 6];
        batch.set_parameters(0, &phi).unwrap();
        batch.set_state(0, &q, &v);
        batch.step(&vec![0.0; s.controls], &[true], 50);
        batch.state(0, &mut q, &mut v);
        let time = 50.0 * s.timestep;
        assert!((v[1] + 9.81 * time).abs() < 1e-12, "{robot:?}: {v:?}");
        assert!(v[0].abs() < 1e-12 && v[2..].iter().all(|w| w.abs() < 1e-12), "{robot:?}: {v:?}");
    }
}
