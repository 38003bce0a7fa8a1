//! This engine against the planar one, whose mechanics are written in another way, on the robots of both.

use wr2l_lanes::{Batch, Parameters};
use wr2l_planar::Robot;

mod common;
use common::{Random, error, model};

/// Relative.
const BOUND: f64 = 1e-10;

#[test]
fn both_engines_move_the_planar_robots_alike() {
    for (name, robot) in
        [("hopper", Robot::Hopper), ("walker2d", Robot::Walker2d), ("half_cheetah", Robot::HalfCheetah)]
    {
        let model = model(name);
        let shape = robot.shape();
        let dofs = shape.dofs;
        let mut random = Random(2);
        let mut worst = [0.0_f64; 3];
        for _ in 0..200 {
            let (mut ours, mut theirs) = (Parameters::nominal(model.compiled()), robot.parameters());
            let mut factor = || 2.0_f64.powf(random.within(1.0));
            for b in 0..shape.bodies {
                let density = factor();
                theirs.density[b] *= density;
                ours.mass[b] *= density;
                ours.inertia[b].iter_mut().for_each(|i| *i *= density);
            }
            for j in 0..shape.joints {
                let [armature, damping, stiffness] = [factor(), factor(), factor()];
                theirs.armature[j] *= armature;
                theirs.damping[j] *= damping;
                theirs.stiffness[j] *= stiffness;
                ours.armature[3 + j] *= armature;
                ours.damping[3 + j] *= damping;
                ours.stiffness[3 + j] *= stiffness;
            }
            let friction = factor();
            ours.friction.fill(friction);
            theirs.friction.fill(friction);
            let mut q: Vec<f64> = (0..dofs).map(|_| random.within(0.4)).collect();
            q[1] = if robot == Robot::HalfCheetah { random.within(0.2) } else { 1.0 + random.within(0.3) };
            let v: Vec<f64> = (0..dofs).map(|_| random.within(2.0)).collect();
            let control: Vec<f64> = (0..shape.controls).map(|_| random.within(1.0)).collect();

            let mut one = Batch::new(&model, 1).unwrap();
            one.set_parameters(0, &ours).unwrap();
            one.set_state(0, &q, &v);
            let mut other = wr2l_planar::Batch::new(robot, 1);
            other.set_parameters(0, &theirs).unwrap();
            other.set_state(0, &q, &v);
            let (mut a, mut b) = (vec![0.0; dofs], vec![0.0; dofs]);
            one.accelerations(&control, &[true], &mut a);
            other.accelerations(&control, &[true], &mut b);
            let mut errors = [error(&a, &b), 0.0, 0.0];
            one.step(&control, &[true], 5);
            other.step(&control, &[true], 5);
            let [mut qa, mut va, mut qb, mut vb] = [(); 4].map(|()| vec![0.0; dofs]);
            one.state(0, &mut qa, &mut va);
            other.state(0, &mut qb, &mut vb);
            (errors[1], errors[2]) = (error(&qa, &qb), error(&va, &vb));
            (0..3).for_each(|i| worst[i] = worst[i].max(errors[i]));
        }
        println!(
            "{name}: worst qacc {:.1e}, and after five steps qpos {:.1e} qvel {:.1e}",
            worst[0], worst[1], worst[2]
        );
        assert!(worst.iter().all(|error| *error < BOUND), "{name}: {worst:?}");
    }
}
