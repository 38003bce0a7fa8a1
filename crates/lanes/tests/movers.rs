//! Whoever moves, and in which registers, a lane's numbers are the same: with AVX-512 up to four of eight lanes move in AVX2's.

use wr2l_lanes::{Batch, InstructionSet, Measure, Mount, Sensor};

mod common;
use common::{Life, MODELS, Random, model, snapshot};

const LANES: usize = 13;

/// All that can be asked of a lane, in bits.
fn asked(batch: &Batch, lane: usize) -> Vec<u64> {
    let compiled = batch.model().compiled();
    let mut numbers = Vec::new();
    let mut ask = |length: usize, get: &dyn Fn(&mut [f64])| {
        let start = numbers.len();
        numbers.resize(start + length, f64::NAN);
        get(&mut numbers[start..]);
    };
    let (nq, nv, bodies) = (compiled.nq(), compiled.nv(), 6 * compiled.bodies.len());
    ask(nq + nv, &|out| {
        let (q, v) = out.split_at_mut(nq);
        batch.evaluated(lane, q, v);
    });
    ask(bodies + 6, &|out| batch.body_forces(lane, out));
    ask(compiled.geoms.len(), &|out| batch.contact_forces(lane, out));
    ask(compiled.nu(), &|out| batch.actuator_forces(lane, out));
    ask(nv, &|out| batch.joint_forces(lane, out));
    ask(nv, &|out| batch.constraint_forces(lane, out));
    ask(6, &|out| batch.sensors(lane, out));
    let mut bits: Vec<u64> = numbers.into_iter().map(f64::to_bits).collect();
    bits.extend(snapshot(batch, lane));
    bits
}

/// Who moves in a call: all, the first or the second four of each eight, some of them, or anybody.
fn movers(call: usize, random: &mut Random) -> Vec<bool> {
    let share = random.unit();
    let mut chance = |share: f64| random.unit() < share;
    (0..LANES)
        .map(|lane| match call % 5 {
            0 => true,
            1 => lane % 8 < 4,
            2 => lane % 8 >= 4 && chance(0.7),
            3 => lane % 8 < 4 && chance(0.3),
            _ => chance(share),
        })
        .collect()
}

#[test]
fn what_a_lane_does_and_shows_does_not_depend_on_who_else_moves() {
    for name in MODELS {
        let model = model(name);
        let mut random = Random(41);
        let lives: Vec<Life> = (0..LANES).map(|_| Life::random(&model, &mut random)).collect();
        let of = Mount::Inertial { body: 1 };
        let sensors = [
            Sensor { measure: Measure::FramePosition { of, from: None }, bounds: None },
            Sensor { measure: Measure::FrameAxis { of, from: None, axis: 2 }, bounds: None },
        ];
        let mut batches: Vec<Batch> = InstructionSet::available()
            .into_iter()
            .map(|set| {
                let mut batch = Batch::with_instructions(&model, LANES, set).unwrap();
                batch.keep_evaluated(true);
                batch.record_all_forces(true);
                batch.read_sensors(&sensors).unwrap();
                lives.iter().enumerate().for_each(|(lane, life)| life.start(&mut batch, lane));
                batch
            })
            .collect();
        let controls: Vec<f64> = lives.iter().flat_map(|life| life.control.clone()).collect();
        for call in 0..30 {
            let (mut active, lane) = (movers(call, &mut random), random.below(LANES));
            // Who begins anew moves: until then it would show what was seen before it failed.
            active[lane] |= matches!(call % 7, 2 | 5);
            let life = Life::random(&model, &mut random);
            let push: Vec<f64> = life.forces.iter().map(|_| random.within(3.0)).collect();
            let mut found: Vec<Vec<u64>> = Vec::new();
            for batch in &mut batches {
                match call % 7 {
                    2 => life.start(batch, lane),
                    3 => batch.set_forces(lane, &push),
                    4 => batch.set_parameters(lane, &life.phi).unwrap(),
                    // No state; and one that fails as it moves.
                    5 if call % 2 == 0 => batch.set_state(lane, &vec![f64::NAN; life.q.len()], &life.v),
                    5 => batch.set_state(lane, &life.q, &vec![8e9; life.v.len()]),
                    6 => {
                        let mut qacc = vec![0.0; LANES * life.v.len()];
                        batch.accelerations(&controls, &active, &mut qacc);
                        found.push(qacc.into_iter().map(f64::to_bits).collect());
                    }
                    _ => {}
                }
                batch.step(&controls, &active, 3);
            }
            assert!(found.windows(2).all(|two| two[0] == two[1]), "{name}, call {call}: accelerations");
            let failures = |batch: &Batch| (0..LANES).map(|lane| batch.failure(lane)).collect::<Vec<_>>();
            let failed = failures(&batches[0]);
            // What has failed has no numbers.
            for lane in (0..LANES).filter(|lane| failed[*lane].is_none()) {
                let expected = asked(&batches[0], lane);
                for batch in &batches[1..] {
                    let what = format!("{name}, {:?}, call {call}, lane {lane}", batch.instructions());
                    assert!(asked(batch, lane) == expected, "{what}");
                    assert_eq!(failures(batch), failed, "{what}");
                }
            }
        }
    }
}
