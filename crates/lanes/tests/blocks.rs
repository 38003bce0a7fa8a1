//! Spheres and capsules against boxes and cylinders, placed at random and where it is delicate, beside MuJoCo 3.17.0.
#![cfg(feature = "mujoco")]

use std::f64::consts::{FRAC_PI_2, TAU};
use std::path::Path;
use std::sync::Arc;

use mujoco_rs::prelude::MjModel;
use wr2l_lanes::Batch;

mod common;
use common::mujoco::{Data, Robot};
use common::{Random, error};

/// Half length of the capsules, and the radius of all rounds.
const HALF: f64 = 0.1;
const RADIUS: f64 = 0.02;
/// MuJoCo searches for the nearest points of a capsule and a cylinder until its distance stands still, which the direction then
/// does not yet: so far off are its accelerations. `tests/cylinder.rs` has it that ours are the nearest points.
const NEAR: f64 = 1e-4;

/// A round and a block of free bodies, or the block in the world, in this order.
fn pair(round: &str, block: &str, fixed: bool, condim: u32, margin: f64) -> Robot {
    let joint = if fixed { "" } else { "<freejoint/>" };
    let xml = format!(
        r#"<mujoco><option gravity="0 0 0"/><default><geom density="900" condim="{condim}" margin="{margin}"/></default>
        <worldbody><body><freejoint/><geom {round}/></body>
        <body pos="0.1 -0.2 0.3">{joint}<geom {block} euler="20 30 40" pos="0.01 0.02 -0.01"/></body>
        </worldbody></mujoco>"#
    );
    Robot::new("pair", MjModel::from_xml_string(&xml).unwrap())
}

fn sphere() -> String {
    format!(r#"type="sphere" size="{RADIUS}""#)
}

fn capsule() -> String {
    format!(r#"type="capsule" size="{RADIUS} {HALF}""#)
}

/// The quaternion that turns z into a direction.
fn towards([x, y, z]: [f64; 3]) -> [f64; 4] {
    let w = (0.5 * (1.0 + z)).sqrt();
    if w < 1e-8 { [0.0, 1.0, 0.0, 0.0] } else { [w, -0.5 * y / w, 0.5 * x / w, 0.0] }
}

/// Stands the round at a place and in a direction of the block's frame.
fn stand(data: &mut Data, place: [f64; 3], direction: [f64; 3]) {
    let (at, m) = (data.geom_xpos()[1], data.geom_xmat()[1]);
    let turned = |v: [f64; 3]| [0, 1, 2].map(|i| m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2]);
    let place = turned(place);
    let q = data.qpos_mut();
    q[..3].copy_from_slice(&[0, 1, 2].map(|i| at[i] + place[i]));
    q[3..7].copy_from_slice(&towards(turned(direction)));
}

fn random_direction(random: &mut Random) -> [f64; 3] {
    let v = [0; 3].map(|_| random.normal());
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    v.map(|x| x / length)
}

/// How many states there were, and how far off those were whose axis is outside the block, and inside.
#[derive(Debug, Default)]
struct Count {
    outside: usize,
    inside: usize,
    several: usize,
    off: usize,
    /// Of those the ones in which MuJoCo has our answer as well, when the round is turned by 1e-14.
    undecided: usize,
    worst: f64,
    inside_errors: Vec<f64>,
}

/// Whether MuJoCo gives these accelerations too, if the round is turned by less than what anybody would notice.
fn nudged(data: &mut Data, own: &[f64], random: &mut Random) -> bool {
    let q: [f64; 4] = std::array::from_fn(|i| data.qpos()[3 + i]);
    (0..60).any(|_| {
        data.qpos_mut()[3..7].copy_from_slice(&q.map(|x| x + random.within(1e-14)));
        data.forward();
        error(own, data.qacc()) < 1e-9
    })
}

/// Places the round until it touches, again and again, and compares accelerations.
fn compare(robot: &Robot, count: usize, bound: f64, mut place: impl FnMut(&mut Data, &mut Random)) -> Count {
    let model = Arc::new(robot.model());
    let mut batch = Batch::new(&model, 1).unwrap();
    let nominal = batch.nominal().clone();
    let mut data = robot.with(&nominal);
    let mut random = Random(29);
    let mut tally = Count::default();
    let mut own = vec![0.0; model.shape().dofs];
    while tally.outside + tally.inside < count {
        data.reset();
        for at in (7..data.qpos().len()).step_by(7) {
            data.qpos_mut()[at..at + 3].fill_with(|| random.normal());
            let q = random.unit_quaternion(2.0);
            data.qpos_mut()[at + 3..at + 7].copy_from_slice(&q);
        }
        data.forward();
        place(&mut data, &mut random);
        data.qvel_mut().fill_with(|| 0.3 * random.normal());
        data.forward();
        if data.ncon() == 0 {
            continue;
        }
        batch.set_state(0, data.qpos(), data.qvel());
        batch.accelerations(&[], &[true], &mut own);
        let apart = error(&own, data.qacc());
        let inside = data.contact().iter().any(|contact| contact.dist + RADIUS < 1e-6);
        tally.several += usize::from(data.ncon() > 1);
        if inside {
            tally.inside += 1;
            tally.inside_errors.push(apart);
        } else {
            tally.outside += 1;
            tally.worst = tally.worst.max(apart);
            if !(apart < bound) {
                tally.off += 1;
                tally.undecided += usize::from(nudged(&mut data, &own, &mut random));
            }
        }
    }
    tally.inside_errors.sort_by(f64::total_cmp);
    let n = tally.inside_errors.len();
    let quantile = |share: f64| tally.inside_errors.get((share * n as f64) as usize).copied().unwrap_or(0.0);
    println!(
        "{} outside, {} inside, {} with several contacts; {} off, {} of them undecided, worst {:.1e}; inside median {:.1e}, 90 % {:.1e}, 99 % {:.1e}",
        tally.outside,
        tally.inside,
        tally.several,
        tally.off,
        tally.undecided,
        tally.worst,
        quantile(0.5),
        quantile(0.9),
        quantile(0.99)
    );
    tally
}

fn anywhere(reach: f64) -> impl FnMut(&mut Data, &mut Random) {
    move |data, random| {
        let place = [0; 3].map(|_| random.within(reach));
        stand(data, place, random_direction(random));
    }
}

const CYLINDER: &str = r#"type="cylinder" size="0.05 0.06""#;
const BOX: &str = r#"type="box" size="0.05 0.03 0.07""#;
const HALVES: [f64; 3] = [0.05, 0.03, 0.07];

/// Condims, and whether the block rests in the world.
fn variants(round: &str, block: &str) -> Vec<Robot> {
    [(1, true, 0.0), (3, false, 0.0), (3, true, 0.003), (4, false, 0.002), (6, true, 0.0)]
        .map(|(condim, fixed, margin)| pair(round, block, fixed, condim, margin))
        .into()
}

#[test]
fn spheres_touch_cylinders_as_in_mujoco() {
    for robot in variants(&sphere(), CYLINDER) {
        let tally = compare(&robot, 1000, 1e-9, anywhere(0.09));
        assert!(tally.off == 0 && tally.inside_errors.iter().all(|error| *error < 1e-9));
        assert!(tally.inside > 100);
    }
}

#[test]
fn spheres_touch_boxes_as_in_mujoco() {
    for robot in variants(&sphere(), BOX) {
        let tally = compare(&robot, 1000, 1e-9, anywhere(0.1));
        assert!(tally.off == 0 && tally.inside_errors.iter().all(|error| *error < 1e-9));
        assert!(tally.inside > 50);
    }
}

#[test]
fn capsules_touch_boxes_as_in_mujoco() {
    for robot in variants(&capsule(), BOX) {
        let tally = compare(&robot, 1000, 1e-9, anywhere(0.2));
        assert!(tally.off == 0 && tally.inside_errors.iter().all(|error| *error < 1e-9), "{tally:?}");
        assert!(tally.inside > 250 && tally.several > 200, "{tally:?}");
    }
}

/// At a face, an edge or a corner of the box: across what stands out of it, or with an end at it.
#[test]
fn capsules_at_faces_edges_and_corners_of_boxes_touch_as_in_mujoco() {
    for (robot, sides) in variants(&capsule(), BOX).iter().flat_map(|robot| [1, 2, 3].map(|n| (robot, n))) {
        let tally = compare(robot, 1000, 1e-9, |data, random| {
            let (mut place, mut out) = (HALVES.map(|half| half * random.within(1.0)), [0.0; 3]);
            let first = random.below(3);
            for k in 0..sides {
                let (axis, side) = ((first + k) % 3, random.within(1.0).signum());
                (place[axis], out[axis]) = (side * HALVES[axis], side * (0.05 + random.unit()));
            }
            let length = out.iter().map(|x| x * x).sum::<f64>().sqrt();
            let (out, mut direction) = (out.map(|x| x / length), random_direction(random));
            let away = (0..3).map(|i| direction[i] * out[i]).sum::<f64>();
            let mut at = -away.signum();
            if random.unit() < 0.7 {
                // Not to the last bit: that is the test below.
                direction = [0, 1, 2].map(|i| direction[i] - 0.99 * away * out[i]);
                let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
                direction = direction.map(|x| x / length);
                at = random.within(1.0);
            }
            let height = RADIUS * random.between(-0.3, 1.1);
            let place = [0, 1, 2].map(|i| place[i] + height * out[i] - at * HALF * direction[i]);
            stand(data, place, direction);
        });
        assert!(tally.off == 0 && tally.inside_errors.iter().all(|error| *error < 1e-9), "{tally:?}");
        assert!(tally.several > 200, "{tally:?}");
    }
}

/// Along an axis of the box but for a slope, on a face or beside an edge.
fn along(slope: f64) -> impl FnMut(&mut Data, &mut Random) {
    move |data, random| {
        let axis = random.below(3);
        let mut direction = [0; 3].map(|_| slope * random.within(1.0));
        direction[axis] = random.within(1.0).signum();
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        let side = (axis + 1 + random.below(2)) % 3;
        let mut place = HALVES.map(|half| (half + 0.1) * random.within(1.0));
        place[side] = random.within(1.0).signum() * (HALVES[side] + 0.001 + 0.02 * random.unit());
        stand(data, place, direction.map(|x| x / length));
    }
}

#[test]
fn capsules_lie_on_boxes_as_in_mujoco() {
    for robot in variants(&capsule(), BOX) {
        for slope in [0.3, 1e-2, 1e-4, 1e-6, 1e-9, 1e-12] {
            let tally = compare(&robot, 300, 1e-9, along(slope));
            assert!(tally.off == 0 && tally.inside_errors.iter().all(|error| *error < 1e-9), "{tally:?}");
            assert!(tally.several > 100, "{tally:?}");
        }
    }
}

/// Which way an axis leads that is level to the last bit is rounding's, and how far MuJoCo takes it to lie on a face hangs on
/// that: where ours differs, MuJoCo itself has our answer as well when the capsule is turned by 1e-14.
#[test]
fn capsules_that_are_level_lie_on_boxes_as_in_mujoco_up_to_its_own_rounding() {
    for robot in variants(&capsule(), BOX) {
        let tally = compare(&robot, 1000, 1e-9, along(0.0));
        assert!(tally.off < 200 && tally.off == tally.undecided, "{tally:?}");
        assert!(tally.several > 600, "{tally:?}");
    }
}

/// Larger than the box by far, and so short that its axis is parallel to every edge by MuJoCo's measure, which then sees none
/// of them.
#[test]
fn capsules_of_any_size_touch_boxes_where_mujocos_do() {
    for (size, reach) in [("5 0.4", 8.0), ("0.02 0.001", 0.15), ("0.02 1e-7", 0.15)] {
        let robot = pair(&format!(r#"type="capsule" size="{size}""#), BOX, false, 3, 0.0);
        let model = Arc::new(robot.model());
        let mut batch = Batch::new(&model, 1).unwrap();
        let mut data = robot.with(&batch.nominal().clone());
        let mut random = Random(37);
        let mut own = vec![0.0; model.shape().dofs];
        let mut touching = [0, 0];
        for _ in 0..1000 {
            data.reset();
            data.forward();
            let place = random_direction(&mut random).map(|x| x * random.within(reach));
            stand(&mut data, place, random_direction(&mut random));
            data.qvel_mut().fill_with(|| 0.3 * random.normal());
            data.forward();
            batch.set_state(0, data.qpos(), data.qvel());
            batch.accelerations(&[], &[true], &mut own);
            assert!(error(&own, data.qacc()) < 1e-9, "{size} {:?}", data.qpos());
            touching[usize::from(data.ncon() > 0)] += 1;
        }
        println!("{size}: {touching:?}");
        assert!(touching.iter().all(|n| *n > 20), "{touching:?}");
    }
}

#[test]
fn capsules_touch_cylinders_as_in_mujoco() {
    for robot in variants(&capsule(), CYLINDER) {
        let tally = compare(&robot, 1000, NEAR, anywhere(0.2));
        // Inside it stops a millionth of a metre from the shortest way out, and where two are as long takes either.
        let inside = &tally.inside_errors;
        assert!(
            inside.len() > 100 && inside[inside.len() / 2] < 1e-5 && inside[inside.len() * 8 / 10] < 1e-3
        );
        assert!(tally.off <= 2 && tally.worst < 1e-3, "{tally:?}");
    }
}

/// On an end, where MuJoCo makes two contacts, and about to lie on it.
#[test]
fn capsules_lie_on_the_ends_of_cylinders_as_in_mujoco() {
    for robot in variants(&capsule(), CYLINDER) {
        let tally = compare(&robot, 1000, NEAR, |data, random| {
            let slope = [0.0, 1e-4, 0.01, 0.12][random.below(4)] * random.within(1.0);
            let (turn, side) = (TAU * random.unit(), random.within(1.0).signum());
            let direction = [turn.cos() * slope.cos(), turn.sin() * slope.cos(), slope.sin()];
            let height = side * (0.06 + random.between(0.0, 0.03));
            stand(data, [random.within(0.09), random.within(0.09), height], direction);
        });
        // Of those exactly level, a few graze the polygon, and rounding decides whether anything of them is over it.
        assert!(tally.off <= 6 && tally.several > 800, "{tally:?}");
    }
}

/// Along the side, where every point is as near as another.
#[test]
fn capsules_along_the_side_of_a_cylinder_are_pushed_where_mujoco_pushes() {
    for robot in variants(&capsule(), CYLINDER) {
        let tally = compare(&robot, 300, NEAR, |data, random| {
            let turn = TAU * random.unit();
            let out = 0.05 + RADIUS - 0.002 * random.unit();
            let place = [out * turn.cos(), out * turn.sin(), random.within(0.15)];
            let slope = FRAC_PI_2 - [1e-3, 0.01][random.below(2)] * random.within(1.0);
            let away = TAU * random.unit();
            let direction = [away.cos() * slope.cos(), away.sin() * slope.cos(), slope.sin()];
            stand(data, place, direction);
        });
        assert!(tally.off <= 6 && tally.worst < 2e-3, "{tally:?}");
    }
}

/// Its fork at the object, whose places in the plane are the eighth and ninth coordinate.
#[test]
fn the_pushers_fork_touches_the_object_as_in_mujoco() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../robot/models/pusher.xml");
    let robot = Robot::read("pusher", &path);
    let model = Arc::new(robot.model());
    let mut batch = Batch::new(&model, 1).unwrap();
    let mut data = robot.with(&batch.nominal().clone());
    let geoms = robot.source.geom_type().len();
    let of = |shape: u32| {
        let touching = |g: &usize| robot.touches(*g) && robot.source.geom_type()[*g] as u32 == shape;
        (0..geoms).filter(touching).collect::<Vec<_>>()
    };
    let (fork, object) = (of(3), of(5)[0]);
    let mut random = Random(31);
    let mut own = vec![0.0; model.shape().dofs];
    let (mut worst, mut errors) = (0.0_f64, Vec::new());
    while errors.len() < 1000 {
        data.reset();
        for j in 0..7 {
            let [low, high] = robot.source.jnt_range()[j];
            data.qpos_mut()[j] = random.between(low, high);
        }
        data.forward();
        let tine = fork[random.below(fork.len())];
        if (data.geom_xpos()[tine][2] - data.geom_xpos()[object][2]).abs() > 0.15 {
            continue;
        }
        for (k, axis) in [(7, 1), (8, 0)] {
            let apart = data.geom_xpos()[tine][axis] - data.geom_xpos()[object][axis];
            data.qpos_mut()[k] = apart + random.within(0.12);
        }
        data.qvel_mut().fill_with(|| 0.5 * random.normal());
        data.ctrl_mut().fill_with(|| random.within(2.0));
        data.forward();
        let pushed = data.contact().iter().filter(|contact| contact.geom.contains(&(object as i32)));
        let with_fork = pushed.clone().any(|contact| !contact.geom.contains(&0));
        if !with_fork || !pushed.clone().all(|contact| contact.dist > -0.015) {
            continue;
        }
        batch.set_state(0, data.qpos(), data.qvel());
        batch.accelerations(data.ctrl(), &[true], &mut own);
        errors.push(error(&own, data.qacc()));
        worst = worst.max(error(&own, data.qacc()));
    }
    errors.sort_by(f64::total_cmp);
    println!("median {:.1e}, 99 % {:.1e}, worst {worst:.1e}", errors[500], errors[990]);
    assert!(errors[500] < 1e-9 && worst < 1e-6, "{:?}", &errors[980..]);
}
