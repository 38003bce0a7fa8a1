//! The points at which a capsule lies on a box against searches of another kind: along its axis, and for where it is over a
//! face.
//!
//! The library is not compiled for tests of its own, so that this takes the files of it that it needs.
#![allow(dead_code, unreachable_pub, unused_imports)]

#[path = "../src/algebra.rs"]
mod algebra;
#[path = "../src/engine/capsule_box.rs"]
mod capsule_box;
#[path = "../src/engine/cylinder.rs"]
mod cylinder;
#[path = "../src/frame.rs"]
mod frame;
#[path = "../src/lane/mod.rs"]
mod lane;
#[path = "common/segment.rs"]
mod segment;

use algebra::{lift, lift_turn};
use capsule_box::Lying;
use cylinder::Facing;
use frame::{Point, STRAIGHT, dot};
use lane::{Lane, Portable};
use segment::{at, least, next, vector};

const SIZE: Point = [0.05, 0.03, 0.07];
const RADIUS: f64 = 0.02;

/// Where on its axis a capsule may touch the box by the quick look, and what it has for its one or two contacts.
fn points(centre: &Point, along: &Point, margin: f64) -> (bool, Vec<f64>) {
    let facing = Facing {
        centre: lift::<Portable>(centre),
        along: lift(along),
        turn: lift_turn(&STRAIGHT),
        origin: [Portable::zero(); 3],
    };
    let half = dot(*along, *along).sqrt();
    let lying = Lying { facing: &facing, size: &SIZE, radius: RADIUS, half, margin };
    let points = lying.points();
    let found = [(points.one, points.first), (points.two, points.second)];
    let found = found.into_iter().filter(|(lanes, _)| *lanes).map(|(_, t)| t.get(0));
    (lying.within(), found.collect())
}

/// How far a point is from the box; 0 inside.
fn away(p: Point) -> f64 {
    let out: Point = std::array::from_fn(|k| (p[k].abs() - SIZE[k]).max(0.0));
    dot(out, out).sqrt()
}

#[test]
fn the_first_point_of_a_segment_outside_is_the_nearest() {
    let mut state = 7;
    let (mut outside, mut several) = (0, 0);
    for k in 0..40_000 {
        let centre = vector(&mut state).map(|x| 0.15 * x);
        let mut along = vector(&mut state).map(|x| 0.1 * x);
        // Along an axis of the box, nearly and wholly, across it, and short.
        match k % 6 {
            0 => along[k / 6 % 3] *= 1e-6,
            1 | 2 => {
                let (axis, lean) = (k / 6 % 3, [1e-7, 0.0][k % 6 - 1]);
                along = std::array::from_fn(|i| if i == axis { along[i] } else { lean * along[i] });
            }
            3 => along = along.map(|x| 1e-3 * x),
            _ => {}
        }
        let expected = least(away, &centre, &along);
        let (quick, found) = points(&centre, &along, 0.003);
        assert!(quick || expected >= RADIUS + 0.003, "{k}: {expected}");
        assert!(found.iter().all(|t| t.abs() <= 1.0 + 1e-15), "{k}: {found:?}");
        if expected < 1e-6 {
            continue;
        }
        outside += 1;
        several += usize::from(found.len() > 1);
        // MuJoCo takes a later edge only if its square is less by 1e-15, and none that is as parallel as these.
        let own = away(at(found[0], &centre, &along));
        let slack = if k % 6 == 1 { 1e-8 } else { 3e-15 };
        assert!((own * own - expected * expected).abs() < slack, "{k}: {own} instead of {expected}");
        if let Some(t) = found.get(1) {
            assert!(away(at(*t, &centre, &along)) > own - slack / own, "{k}: {found:?}");
        }
    }
    assert!(outside > 15_000 && several > 5_000, "{outside} {several}");
}

/// Where a segment is over a face of the box, if it is.
fn over(face: usize, centre: &Point, along: &Point) -> Option<[f64; 2]> {
    let (mut low, mut high) = (-1.0_f64, 1.0_f64);
    for k in (0..3).filter(|k| *k != face) {
        let ends = [-SIZE[k], SIZE[k]].map(|bound| (bound - centre[k]) / along[k]);
        low = low.max(ends[0].min(ends[1]));
        high = high.min(ends[0].max(ends[1]));
    }
    (low < high).then_some([low, high])
}

/// Nearly level over a face: at slopes that decide which edge is nearest, and no more.
#[test]
fn a_level_segment_lies_on_both_ends_of_where_it_is_over_a_face() {
    let mut state = 5;
    let (mut both, mut cut) = (0, [0; 3]);
    for k in 0..40_000 {
        let face = k % 3;
        let mut along = vector(&mut state).map(|x| 0.1 * x);
        along[face] = 1e-9 * next(&mut state);
        let mut centre = vector(&mut state).map(|x| 0.1 * x);
        centre[face] = next(&mut state).signum() * (SIZE[face] + 0.01 + 0.005 * next(&mut state));
        let Some(span) = over(face, &centre, &along) else { continue };
        // Both ends of what is over it are as near where it is too short for its slope, and where it is along an edge all of it.
        let slanted = (0..3).all(|i| i == face || along[i].abs() > 5e-3);
        if !slanted || (span[1] - span[0]) * along[face].abs() < 1e-13 {
            continue;
        }
        let (_, mut found) = points(&centre, &along, 0.0);
        assert_eq!(found.len(), 2, "{k}: {found:?} instead of {span:?}");
        found.sort_by(f64::total_cmp);
        let apart = (found[0] - span[0]).abs().max((found[1] - span[1]).abs());
        assert!(apart < 2e-6, "{k}: {found:?} instead of {span:?}");
        both += 1;
        cut[span.iter().filter(|t| t.abs() < 1.0).count()] += 1;
    }
    assert!(both > 10_000 && cut.iter().all(|n| *n > 300), "{both} {cut:?}");
}
