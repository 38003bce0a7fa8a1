//! What sensors measure is a lane's own, on every instruction set, and changes nothing. That it is what MuJoCo measures is
//! tested where models have sensors (`crates/robot/tests/sensors.rs`).

use std::sync::Arc;

use wr2l_lanes::{Arm, Batch, InstructionSet, JointKind, Measure, Model, Mount, Sensor, Shape};

mod common;
use common::{Life, MODELS, Random, model, snapshot};

fn lives(model: &Model, count: usize) -> Vec<Life> {
    let mut random = Random(41);
    (0..count).map(|_| Life::random(model, &mut random)).collect()
}

/// Every measure of everything.
fn sensors(model: &Model) -> Vec<Sensor> {
    let compiled = model.compiled();
    let mut measures = Vec::new();
    let bodies = compiled.bodies.len() as u32;
    for body in 0..=bodies {
        let at = Mount::Fixed { body, position: [0.01, -0.02, -0.1], orientation: [0.5, 0.5, -0.5, 0.5] };
        let other = Mount::Inertial { body: (body + 1) % (bodies + 1) };
        for (of, from) in [(at, None), (other, Some(at)), (other, None)] {
            measures.extend([
                Measure::FramePosition { of, from },
                Measure::FrameAxis { of, from, axis: (body % 3) as u8 },
                Measure::FrameOrientation { of, from },
                Measure::FrameVelocity { of, from },
                Measure::FrameSpin { of, from },
                Measure::FrameAcceleration(of),
                Measure::FrameAngularAcceleration(of),
                Measure::Accelerometer(of),
                Measure::Velocimeter(of),
                Measure::Gyro(of),
                Measure::Magnetometer { at: of, field: [0.1, -0.5, 0.2] },
            ]);
            for shape in [Shape::Sphere, Shape::Capsule, Shape::Ellipsoid, Shape::Cylinder, Shape::Box] {
                measures.push(Measure::Touch { at: of, shape, size: [0.1, 0.05, 0.2] });
            }
            if of.body() > 0 {
                measures.extend([Measure::Force(of), Measure::Torque(of)]);
            }
        }
        measures.extend([
            Measure::SubtreeCentre(body),
            Measure::SubtreeVelocity(body),
            Measure::SubtreeMomentum(body),
        ]);
    }
    for (j, joint) in (0..).zip(&compiled.joints) {
        match joint.kind {
            JointKind::Free => {}
            JointKind::Ball => measures.extend([Measure::BallOrientation(j), Measure::BallSpin(j)]),
            _ => {
                let arms = vec![Arm { joint: j, coefficient: 1.5 }];
                measures.extend([
                    Measure::JointPosition(j),
                    Measure::JointVelocity(j),
                    Measure::JointActuatorForce(j),
                    Measure::JointLimitPosition(j),
                    Measure::JointLimitVelocity(j),
                    Measure::JointLimitForce(j),
                    Measure::TendonPosition(arms.clone()),
                    Measure::TendonVelocity(arms),
                ]);
            }
        }
    }
    for a in 0..compiled.nu() as u32 {
        measures.extend([
            Measure::ActuatorPosition(a),
            Measure::ActuatorVelocity(a),
            Measure::ActuatorForce(a),
            Measure::TendonForce(vec![a]),
        ]);
    }
    let bounded = |(i, measure)| Sensor { measure, bounds: (i % 7 == 3).then_some([-0.4, 0.3]) };
    measures.into_iter().enumerate().map(bounded).collect()
}

fn numbers(sensors: &[Sensor]) -> usize {
    sensors.iter().map(|sensor| sensor.measure.numbers()).sum()
}

/// The bits of what is measured in each life after some calls of four steps, computed together in this order.
fn measured(model: &Arc<Model>, lives: &[Life], instructions: InstructionSet, calls: usize) -> Vec<Vec<u64>> {
    let sensors = sensors(model);
    let mut batch = Batch::with_instructions(model, lives.len(), instructions).unwrap();
    batch.read_sensors(&sensors).unwrap();
    batch.record_all_forces(true);
    for (lane, life) in lives.iter().enumerate() {
        life.start(&mut batch, lane);
    }
    let controls: Vec<f64> = lives.iter().flat_map(|life| life.control.clone()).collect();
    for _ in 0..calls {
        batch.step(&controls, &vec![true; lives.len()], 4);
    }
    let read = |lane| {
        let mut out = vec![f64::NAN; numbers(&sensors)];
        batch.sensors(lane, &mut out);
        let mut constraints = vec![f64::NAN; model.shape().dofs];
        batch.constraint_forces(lane, &mut constraints);
        out.extend(constraints);
        out.into_iter().map(f64::to_bits).collect()
    };
    (0..lives.len()).map(read).collect()
}

#[test]
fn what_a_lane_measures_has_the_same_bits_alone_first_or_last_and_on_every_instruction_set() {
    for name in MODELS {
        let model = model(name);
        let lives = lives(&model, 11);
        let alone: Vec<_> = lives
            .iter()
            .map(|life| measured(&model, std::slice::from_ref(life), InstructionSet::Portable, 5).remove(0))
            .collect();
        let backwards: Vec<Life> = lives.iter().rev().cloned().collect();
        for instructions in InstructionSet::available() {
            let all = measured(&model, &lives, instructions, 5);
            let reversed = measured(&model, &backwards, instructions, 5);
            for i in 0..lives.len() {
                assert_eq!(all[i], alone[i], "{name} {instructions:?} lane {i}");
                assert_eq!(reversed[lives.len() - 1 - i], alone[i], "{name} {instructions:?} reversed {i}");
            }
        }
    }
}

#[test]
fn measuring_changes_no_motion_and_allocates_nothing() {
    for name in MODELS {
        let model = model(name);
        let lives = lives(&model, 8);
        let [mut with, mut without] = [(), ()].map(|()| Batch::new(&model, 8).unwrap());
        with.read_sensors(&sensors(&model)).unwrap();
        let start =
            |batch: &mut Batch| lives.iter().enumerate().for_each(|(lane, life)| life.start(batch, lane));
        let controls: Vec<f64> = lives.iter().flat_map(|life| life.control.clone()).collect();
        start(&mut without);
        without.step(&controls, &[true; 8], 50);
        // Twice: more contacts than are usual make room for themselves when they first come.
        let mut counted = 1;
        for _ in 0..2 {
            start(&mut with);
            let steps = || (0..50).for_each(|_| with.step(&controls, &[true; 8], 1));
            counted = allocation_counter::measure(steps).count_total;
        }
        assert_eq!(counted, 0, "{name}");
        for lane in 0..8 {
            assert_eq!(snapshot(&with, lane), snapshot(&without, lane), "{name} {lane}");
        }
    }
}

/// In the state where the last step within a call began; only in lanes that moved.
#[test]
fn sensors_measure_where_the_last_step_began_and_stay_in_lanes_that_rest() {
    for name in MODELS {
        let model = model(name);
        let life = &lives(&model, 1)[0];
        let (mut sensors, mut coordinates, mut next) = (Vec::new(), Vec::new(), 0);
        for (j, joint) in (0..).zip(&model.compiled().joints) {
            if joint.kind.is_scalar() {
                sensors.push(Sensor { measure: Measure::JointPosition(j), bounds: None });
                coordinates.push(next);
            }
            next += joint.kind.coordinates();
        }
        let mut batch = Batch::new(&model, 2).unwrap();
        batch.read_sensors(&sensors).unwrap();
        (0..2).for_each(|lane| life.start(&mut batch, lane));
        let controls = life.control.repeat(2);
        batch.step(&controls, &[true; 2], 6);
        let mut q = vec![0.0; model.shape().coordinates];
        batch.state(1, &mut q, &mut vec![0.0; model.shape().dofs]);
        let begun: Vec<u64> = coordinates.iter().map(|at| (q[*at] + 0.0).to_bits()).collect();
        let read = |batch: &Batch, lane| -> Vec<u64> {
            let mut out = vec![f64::NAN; sensors.len()];
            batch.sensors(lane, &mut out);
            out.into_iter().map(f64::to_bits).collect()
        };
        let before = read(&batch, 0);
        assert_ne!(before, begun, "{name}");
        batch.step(&controls, &[false, true], 1);
        assert_eq!(read(&batch, 0), before, "{name}");
        assert_eq!(read(&batch, 1), begun, "{name}");
    }
}

#[test]
fn a_sensor_of_nothing_is_refused_by_its_number() {
    let model = model("pendants");
    let mut batch = Batch::new(&model, 1).unwrap();
    let compiled = model.compiled();
    let joint =
        |is: fn(JointKind) -> bool| compiled.joints.iter().position(|joint| is(joint.kind)).unwrap() as u32;
    let ball = joint(|kind| kind == JointKind::Ball);
    let hinge = joint(JointKind::is_scalar);
    let world = Mount::Inertial { body: 0 };
    let fixed = |position, orientation| Mount::Fixed { body: 1, position, orientation };
    let none = fixed([0.0; 3], [0.0; 4]);
    let astray = fixed([f64::NAN, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]);
    let touch = |shape, size| Measure::Touch { at: world, shape, size };
    let good = Sensor { measure: Measure::JointPosition(hinge), bounds: None };
    let bad = [
        Measure::JointPosition(ball),
        Measure::JointLimitForce(99),
        Measure::BallSpin(hinge),
        Measure::ActuatorForce(99),
        Measure::TendonForce(vec![99]),
        Measure::TendonPosition(vec![Arm { joint: ball, coefficient: 1.0 }]),
        Measure::SubtreeCentre(99),
        Measure::Gyro(Mount::Inertial { body: 99 }),
        Measure::Gyro(none),
        Measure::Gyro(astray),
        Measure::Force(world),
        Measure::FrameAxis { of: world, from: None, axis: 3 },
        Measure::FramePosition { of: world, from: Some(none) },
        Measure::Magnetometer { at: world, field: [f64::INFINITY; 3] },
        touch(Shape::Plane, [1.0; 3]),
        touch(Shape::Sphere, [-1.0; 3]),
    ];
    for measure in bad {
        let error = batch.read_sensors(&[good.clone(), Sensor { measure, bounds: None }]).unwrap_err();
        assert_eq!(error.index, 1, "{error}");
    }
    batch.read_sensors(&[good]).unwrap();
    batch.sensors(0, &mut [0.0]);
}
