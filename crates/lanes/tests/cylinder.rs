//! The nearest points of a capsule and a cylinder against searches of another kind: along the axis, and over directions.
//!
//! The library is not compiled for tests of its own, so that this takes the files of it that it needs.
#![allow(dead_code, unreachable_pub, unused_imports)]

#[path = "../src/algebra.rs"]
mod algebra;
#[path = "../src/engine/cylinder.rs"]
mod cylinder;
#[path = "../src/frame.rs"]
mod frame;
#[path = "../src/lane/mod.rs"]
mod lane;
#[path = "common/segment.rs"]
mod segment;

use algebra::{Vec3, lift, lift_turn};
use cylinder::{Cylinder, Facing};
use frame::{Point, STRAIGHT, dot};
use lane::{Lane, Portable};
use segment::{at, least, next, vector};

const RADIUS: f64 = 0.05;
const HALF: f64 = 0.06;

fn unit(v: Point) -> Point {
    let length = dot(v, v).sqrt();
    v.map(|x| x / length)
}

fn plain(v: &Vec3<Portable>) -> Point {
    v.map(|x| x.get(0))
}

fn nearest(centre: &Point, along: &Point) -> (Point, Point, f64) {
    let facing = Facing {
        centre: lift(centre),
        along: lift(along),
        turn: lift_turn(&STRAIGHT),
        origin: [Portable::zero(); 3],
    };
    let found = Cylinder { radius: RADIUS, half: HALF }.before_capsule(&facing, true);
    (plain(&found.point), plain(&found.normal), found.distance.get(0))
}

/// How far a point is from the cylinder; 0 inside.
fn away([x, y, z]: Point) -> f64 {
    (x.hypot(y) - RADIUS).max(0.0).hypot((z.abs() - HALF).max(0.0))
}

#[test]
fn a_segment_outside_has_its_nearest_points() {
    let mut state = 7;
    let mut outside = 0;
    for k in 0..20_000 {
        let centre = vector(&mut state).map(|x| 0.15 * x);
        let mut along = vector(&mut state).map(|x| 0.1 * x);
        // Along the axis, across it, and short.
        match k % 5 {
            0 => along = [1e-6 * along[0], 0.0, along[2]],
            1 => along[2] *= 1e-7,
            2 => along = along.map(|x| 1e-6 * x),
            _ => {}
        }
        let expected = least(away, &centre, &along);
        if expected < 1e-6 {
            continue;
        }
        outside += 1;
        let (point, normal, distance) = nearest(&centre, &along);
        assert!((distance - expected).abs() < 1e-12, "{k}: {distance} instead of {expected}");
        assert!((dot(normal, normal) - 1.0).abs() < 1e-12);
        let other: Point = std::array::from_fn(|i| point[i] + distance * normal[i]);
        assert!(away(other) < 1e-12 && away(at(1e-6, &other, &normal)) < 1e-12, "{k}: {other:?}");
        // In the middle of the segment the shortest way is across it.
        let t = dot(std::array::from_fn(|i| point[i] - centre[i]), along) / dot(along, along);
        let slope = dot(normal, unit(along));
        assert!(t.abs() > 1.0 - 1e-6 || slope.abs() < 1e-7, "{k}: {t} {slope}");
    }
    assert!(outside > 8_000, "{outside}");
}

#[test]
fn no_way_out_of_a_segment_inside_is_shorter() {
    let mut state = 11;
    let (mut inside, mut over_rims) = (0, 0);
    for k in 0..8_000 {
        let centre = vector(&mut state).map(|x| 0.07 * x);
        let mut along = vector(&mut state).map(|x| 0.1 * x);
        if k % 4 == 0 {
            along[2] *= 1e-3;
        }
        if least(away, &centre, &along) > 1e-12 {
            continue;
        }
        inside += 1;
        let (_, normal, distance) = nearest(&centre, &along);
        // How far it must go in a direction.
        let way =
            |u: Point| RADIUS * u[0].hypot(u[1]) + HALF * u[2].abs() + dot(along, u).abs() - dot(u, centre);
        let out = normal.map(|x| -x);
        over_rims += usize::from(out[2].abs() > 1e-6 && out[2].abs() < 1.0 - 1e-6);
        assert!((way(out) + distance).abs() < 1e-9, "{k}: {} instead of {}", -distance, way(out));
        for n in 0..300 {
            let spread = [2.0, 0.1, 1e-3][n % 3];
            let u = vector(&mut state);
            let u = unit(std::array::from_fn(|i| out[i] + spread * u[i]));
            assert!(way(u) > -distance - 1e-9, "{k}: {out:?} {} {u:?} {}", -distance, way(u));
        }
    }
    assert!(inside > 2_000 && over_rims > 200, "{inside} {over_rims}");
}
