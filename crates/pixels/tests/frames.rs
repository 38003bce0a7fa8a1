//! What is drawn, against geometry; what is observed, against what is drawn.

use proptest::prelude::*;
use wr2l_pixels::{CART_POLE, Canvas, MOST_FRAMES, SIDE, TORQUE_PENDULUM, seen};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{BatchSim, Outcome, SimError, Simulator, Task, TaskName};

fn cart_pole() -> Simulator {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space().select(&["pole_half_length"]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn drawn(positions: &[f64]) -> Canvas {
    let mut canvas = Canvas::new();
    (CART_POLE.draw)(positions, &mut canvas);
    canvas
}

/// Sum and centroid of a row of pixels.
fn row(canvas: &Canvas, row: usize) -> (f64, f64) {
    let pixels = canvas.pixels()[row * SIDE..][..SIDE].iter().map(|grey| f64::from(*grey));
    let (mut sum, mut moment) = (0.0, 0.0);
    for (column, grey) in pixels.enumerate() {
        sum += grey;
        moment += grey * (column as f64 + 0.5);
    }
    (sum, moment / sum)
}

/// An observation of a lane.
fn observed(sim: &dyn BatchSim, lane: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; sim.spec().obs_dim];
    sim.observe(lane, &mut out);
    out
}

/// Steps all lanes, pushing left and right by turns.
fn step(sim: &mut dyn BatchSim, time: usize) -> (Vec<f64>, Vec<Outcome>) {
    let lanes = sim.lanes();
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    let actions: Vec<f64> = (0..lanes).map(|lane| ((time + lane) % 2) as f64).collect();
    sim.step(&actions, &vec![true; lanes], &mut rewards, &mut outcomes);
    (rewards, outcomes)
}

fn reset(sim: &mut dyn BatchSim, lane: usize, seed: u64) {
    sim.reset(lane, &mut StreamKey::new(seed, Purpose::Reset).stream());
}

proptest! {
    #[test]
    fn pole_and_cart_are_where_geometry_says(x in -2.0_f64..2.0, angle in -0.21_f64..0.21) {
        let canvas = drawn(&[x, angle]);
        let middle = 32.0 + 12.8 * x;
        // Above the cart each row is cut by the pole alone, between its rounded ends.
        for at in 16..50 {
            let (sum, centroid) = row(&canvas, at);
            let expected = middle + angle.tan() * (52.0 - at as f64 - 0.5);
            if (3.0..61.0).contains(&expected) {
                prop_assert!((centroid - expected).abs() < 0.02, "row {at}: {centroid} against {expected}");
                prop_assert!((sum - 3.0 / angle.cos()).abs() < 0.03, "row {at}: {sum}");
            }
        }
        // Beneath the pole's foot there is the cart, half as bright and ten pixels wide.
        let (sum, centroid) = row(&canvas, 55);
        prop_assert!((sum - 5.0).abs() < 0.03, "{sum}");
        prop_assert!((centroid - middle).abs() < 0.02, "{centroid} against {middle}");
        prop_assert!(canvas.pixels().iter().all(|grey| (0.0..=1.0).contains(grey)));
        prop_assert_eq!(row(&canvas, 60).0 + row(&canvas, 8).0, 0.0);
    }

    #[test]
    fn the_rod_of_a_pendulum_hangs_from_the_middle(angle in -7.0_f64..7.0) {
        let mut canvas = Canvas::new();
        (TORQUE_PENDULUM.draw)(&[angle], &mut canvas);
        let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
        for (at, grey) in canvas.pixels().iter().enumerate() {
            let grey = f64::from(*grey);
            sum += grey;
            x += grey * ((at % SIDE) as f64 + 0.5);
            y += grey * ((at / SIDE) as f64 + 0.5);
        }
        // Its centre of area is half the rod away from the middle, to the left for a positive angle.
        let expected = (32.0 - 13.0 * angle.sin(), 32.0 - 13.0 * angle.cos());
        prop_assert!((x / sum - expected.0).abs() < 0.05 && (y / sum - expected.1).abs() < 0.05);
        prop_assert!((75.0..90.0).contains(&sum), "{sum}");
    }

    #[test]
    fn whatever_the_positions_something_finite_is_drawn(x in any::<f64>(), angle in any::<f64>()) {
        let canvas = drawn(&[x, angle]);
        prop_assert!(canvas.pixels().iter().all(|grey| (0.0..=1.0).contains(grey)));
        if !x.is_finite() || x.abs() > 100.0 {
            prop_assert!(canvas.pixels().iter().all(|grey| *grey == 0.0));
        }
    }
}

#[test]
fn a_thousandth_of_a_radian_is_seen() {
    let at_tip = |angle: f64| row(&drawn(&[0.3, angle]), 14).1;
    let moved = at_tip(0.051) - at_tip(0.05);
    // 37.5 pixels above the foot.
    assert!((moved - 0.0375).abs() < 0.006, "{moved}");
}

#[test]
fn frames_have_these_bits_on_every_machine() {
    // FNV-1a over the bits of all pixels. It would tell of a rasteriser that computes otherwise, or on another processor.
    let digest = |positions: &[f64]| {
        let canvas = drawn(positions);
        let bytes = canvas.pixels().iter().flat_map(|grey| grey.to_bits().to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let got = [[0.0, 0.0], [0.1, 0.05], [-1.7, -0.2]].map(|positions| digest(&positions));
    assert_eq!(got, [6_832_903_231_167_476_629, 14_319_753_753_169_083_691, 9_513_156_853_591_130_771]);
}

#[test]
fn channels_are_the_newest_frame_and_what_changed_before_it() {
    let (plain, frames) = (cart_pole(), 3);
    let mut sim = seen(&plain, CART_POLE, frames).unwrap().batch(2).unwrap();
    let mut alone = seen(&plain, CART_POLE, 1).unwrap().batch(2).unwrap();
    for lane in 0..2 {
        reset(sim.as_mut(), lane, lane as u64);
        reset(alone.as_mut(), lane, lane as u64);
    }
    // Frames of both lanes, the newest first; those before an episode are like its first.
    let now = |sim: &dyn BatchSim| [0, 1].map(|lane| observed(sim, lane));
    let mut history = vec![now(alone.as_ref()); frames];
    let mut moved = 0.0;
    for time in 0..12 {
        for lane in 0..2 {
            let got = observed(sim.as_ref(), lane);
            for pixel in 0..SIDE * SIDE {
                let frame = |age: usize| history[age][lane][pixel] as f32;
                let expected = [frame(0), 4.0 * (frame(0) - frame(1)), 4.0 * (frame(1) - frame(2))];
                let got = &got[pixel * frames..][..frames];
                assert_eq!(got, expected.map(f64::from), "step {time}, lane {lane}, pixel {pixel}");
                moved += got[1].abs();
            }
        }
        if time == 7 {
            reset(sim.as_mut(), 1, 9);
            reset(alone.as_mut(), 1, 9);
            let first = now(alone.as_ref());
            history.iter_mut().for_each(|frame| frame[1] = first[1].clone());
            continue;
        }
        step(sim.as_mut(), time);
        step(alone.as_mut(), time);
        history.insert(0, now(alone.as_ref()));
    }
    assert!(moved > 100.0, "{moved}");
}

#[test]
fn a_lane_that_does_not_step_keeps_its_frames() {
    let mut sim = seen(&cart_pole(), CART_POLE, 2).unwrap().batch(2).unwrap();
    (0..2).for_each(|lane| reset(sim.as_mut(), lane, 3));
    (0..4).for_each(|time| drop(step(sim.as_mut(), time)));
    let before = [0, 1].map(|lane| observed(sim.as_ref(), lane));
    let (mut rewards, mut outcomes) = ([0.0; 2], [Outcome::Running; 2]);
    sim.step(&[1.0; 2], &[false, true], &mut rewards, &mut outcomes);
    assert_eq!(observed(sim.as_ref(), 0), before[0]);
    assert_ne!(observed(sim.as_ref(), 1), before[1]);
}

#[test]
fn a_state_that_is_set_has_no_past() {
    let mut sim = seen(&cart_pole(), CART_POLE, 2).unwrap().batch(1).unwrap();
    reset(sim.as_mut(), 0, 1);
    (0..5).for_each(|time| drop(step(sim.as_mut(), time)));
    sim.set_state(0, &[0.5, 0.1, 3.0, -3.0]).unwrap();
    let got = observed(sim.as_ref(), 0);
    let expected = drawn(&[0.5, 0.1]);
    for (got, grey) in got.chunks_exact(2).zip(expected.pixels()) {
        assert_eq!(got, [f64::from(*grey), 0.0]);
    }
}

#[test]
fn images_do_not_give_the_dynamics_away() {
    let mut sim = seen(&cart_pole(), CART_POLE, 2).unwrap().batch(2).unwrap();
    sim.set_dynamics(1, &[1.5]).unwrap();
    (0..2).for_each(|lane| sim.set_state(lane, &[0.5, 0.1, 0.2, 0.3]).unwrap());
    assert_eq!(observed(sim.as_ref(), 0), observed(sim.as_ref(), 1));
    (0..3).for_each(|time| drop(step(sim.as_mut(), 2 * time)));
    assert_ne!(observed(sim.as_ref(), 0), observed(sim.as_ref(), 1), "but what they do is seen");
}

#[test]
fn a_snapshot_keeps_the_frames_and_goes_on_bit_for_bit() {
    let simulator = seen(&cart_pole(), CART_POLE, 3).unwrap();
    let mut sim = simulator.batch(1).unwrap();
    reset(sim.as_mut(), 0, 4);
    (0..6).for_each(|time| drop(step(sim.as_mut(), time)));
    let mut snapshot = vec![f64::NAN; simulator.spec().snapshot_len];
    sim.save(0, &mut snapshot);
    let mut other = simulator.batch(1).unwrap();
    reset(other.as_mut(), 0, 5);
    other.restore(0, &snapshot).unwrap();
    for time in 6..12 {
        assert_eq!(observed(sim.as_ref(), 0), observed(other.as_ref(), 0), "step {time}");
        assert_eq!(step(sim.as_mut(), time), step(other.as_mut(), time));
    }
    for wrong in [&snapshot[1..], &[snapshot.as_slice(), &[0.0]].concat(), &[]] {
        assert!(matches!(other.restore(0, wrong), Err(SimError::State { .. })));
    }
}

#[test]
fn states_rewards_and_ends_are_those_of_what_is_seen() {
    let plain = cart_pole();
    let camera = seen(&plain, CART_POLE, 2).unwrap();
    assert_ne!(camera.identity(), plain.identity());
    assert_eq!((camera.task(), camera.space()), (plain.task(), plain.space()));
    let (mut a, mut b) = (plain.batch(2).unwrap(), camera.batch(2).unwrap());
    for sim in [&mut a, &mut b] {
        sim.set_dynamics(1, &[0.2]).unwrap();
        (0..2).for_each(|lane| reset(sim.as_mut(), lane, 7));
    }
    let state = |sim: &dyn BatchSim, lane: usize| {
        let mut state = [0.0; 4];
        sim.state(lane, &mut state);
        state
    };
    assert_eq!(b.set_forces(0, &[]), Ok(()));
    assert!(b.set_forces(0, &[1.0]).is_err(), "a cart-pole has no bodies to push");
    for time in 0..40 {
        assert_eq!(step(a.as_mut(), 2 * time), step(b.as_mut(), 2 * time));
        (0..2).for_each(|lane| assert_eq!(state(a.as_ref(), lane), state(b.as_ref(), lane)));
    }
}

#[test]
fn process_noise_goes_before_the_camera_or_behind_it() {
    let plain = cart_pole();
    let before = seen(&plain.clone().with_process_noise(&[0.1]).unwrap(), CART_POLE, 2).unwrap();
    let behind = seen(&plain, CART_POLE, 2).unwrap().with_process_noise(&[0.1]).unwrap();
    let (mut a, mut b) = (before.batch(1).unwrap(), behind.batch(1).unwrap());
    for sim in [&mut a, &mut b] {
        reset(sim.as_mut(), 0, 2);
        sim.set_noise(0, 77);
        (0..4).for_each(|time| drop(step(sim.as_mut(), time)));
    }
    assert_eq!(observed(a.as_ref(), 0), observed(b.as_ref(), 0));
    // A number of its own is another noise.
    a.set_noise(0, 78);
    for sim in [&mut a, &mut b] {
        step(sim.as_mut(), 4);
    }
    assert_ne!(observed(a.as_ref(), 0), observed(b.as_ref(), 0));
}

#[test]
fn too_few_or_too_many_frames_and_other_systems_are_refused() {
    for frames in [0, MOST_FRAMES + 1, usize::MAX] {
        let error = seen(&cart_pole(), CART_POLE, frames).unwrap_err();
        assert!(matches!(error, SimError::Config { field: "frames", .. }), "{error}");
    }
    assert!(seen(&cart_pole(), CART_POLE, MOST_FRAMES).is_ok());
    let hopper = Task::new(TaskName::HOPPER);
    let space = hopper.space().select::<&str>(&[]).unwrap();
    let hopper = Simulator::new(hopper, None, space).unwrap();
    assert!(matches!(seen(&hopper, CART_POLE, 2), Err(SimError::State { .. })));
}

#[test]
fn a_pendulum_is_seen_from_its_own_task() {
    let task = Task::new(TaskName::TORQUE_PENDULUM);
    let space = task.space();
    let simulator = Simulator::new(task, None, space).unwrap();
    let mut sim = seen(&simulator, TORQUE_PENDULUM, 2).unwrap().batch(1).unwrap();
    sim.set_state(0, &[0.5, 3.0]).unwrap();
    let before = observed(sim.as_ref(), 0);
    let mut canvas = Canvas::new();
    (TORQUE_PENDULUM.draw)(&[0.5], &mut canvas);
    // Of each pixel the newest frame, then the difference to the one before.
    let newest = |seen: &[f64]| seen.iter().step_by(2).copied().collect::<Vec<f64>>();
    let pixels = |canvas: &Canvas| canvas.pixels().iter().map(|grey| f64::from(*grey)).collect::<Vec<f64>>();
    assert!(newest(&before) == pixels(&canvas));
    sim.step(&[1.0], &[true], &mut [0.0], &mut [Outcome::Running]);
    let mut state = [0.0; 2];
    sim.state(0, &mut state);
    let mut canvas = Canvas::new();
    (TORQUE_PENDULUM.draw)(&state[..1], &mut canvas);
    let after = observed(sim.as_ref(), 0);
    assert!(newest(&after) == pixels(&canvas));
    assert_ne!(before, after);
}
