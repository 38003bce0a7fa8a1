//! How each task's robot is drawn: the shapes of its model, placed in the zero configuration.
//!
//! The numbers are those of the models in `models/`, worked out for all joints at 0.

use wr2l_report::page::{CapsuleShape, Link, Skeleton, VariedLength, View};
use wr2l_sim::TaskName;

/// The drawing of a task's robot.
pub(crate) fn skeleton(task: TaskName) -> Skeleton {
    match task {
        TaskName::CartPole => pole("pole_half_length", 2.0, 0.5, 2.4, 0.05),
        TaskName::InvertedPendulum => pole("pole_length", 1.0, 0.6, 1.0, 0.049),
        TaskName::Hopper => hopper(),
        TaskName::Walker2d => walker(),
        TaskName::HalfCheetah => cheetah(),
    }
}

fn capsule(from: [f64; 2], to: [f64; 2], radius: f64) -> CapsuleShape {
    CapsuleShape { from, to, radius }
}

/// A capsule around `centre`, its axis turned from z towards x by `angle`.
fn turned(centre: [f64; 2], half: f64, angle: f64, radius: f64) -> CapsuleShape {
    let (x, z) = (half * angle.sin(), half * angle.cos());
    capsule([centre[0] - x, centre[1] - z], [centre[0] + x, centre[1] + z], radius)
}

fn root(anchor: [f64; 2], capsules: Vec<CapsuleShape>) -> Link {
    let slide = Some((0, Some(1)));
    Link { name: "torso", parent: None, anchor, angle: Some(2), sign: 1.0, slide, capsules }
}

fn link(
    name: &'static str,
    parent: usize,
    anchor: [f64; 2],
    angle: usize,
    sign: f64,
    shape: CapsuleShape,
) -> Link {
    let parent = Some(parent);
    Link { name, parent, anchor, angle: Some(angle), sign, slide: None, capsules: vec![shape] }
}

fn walking(links: Vec<Link>, height: f64, view_height: f64) -> Skeleton {
    let view = View { bottom: -0.35, height: view_height, follow: true };
    Skeleton { links, height, ground: true, rail: 0.0, view, length: None }
}

fn pole(parameter: &'static str, factor: f64, nominal: f64, rail: f64, radius: f64) -> Skeleton {
    let cart = Link {
        name: "cart",
        parent: None,
        anchor: [0.0, 0.0],
        angle: None,
        sign: 1.0,
        slide: Some((0, None)),
        capsules: vec![capsule([-0.1, 0.0], [0.1, 0.0], 0.1)],
    };
    let shape = capsule([0.0, 0.0], [0.0, factor * nominal], radius);
    let pole = link("pole", 0, [0.0, 0.0], 1, 1.0, shape);
    let view = View { bottom: -0.4, height: 2.4, follow: false };
    let length = Some(VariedLength { parameter, link: 1, factor });
    Skeleton { links: vec![cart, pole], height: 0.0, ground: false, rail, view, length }
}

fn hopper() -> Skeleton {
    let links = vec![
        root([0.0, 1.25], vec![capsule([0.0, 1.05], [0.0, 1.45], 0.05)]),
        link("thigh", 0, [0.0, 1.05], 3, -1.0, capsule([0.0, 1.05], [0.0, 0.6], 0.05)),
        link("leg", 1, [0.0, 0.6], 4, -1.0, capsule([0.0, 0.6], [0.0, 0.1], 0.04)),
        link("foot", 2, [0.0, 0.1], 5, -1.0, capsule([-0.13, 0.1], [0.26, 0.1], 0.06)),
    ];
    walking(links, 1.25, 2.2)
}

fn walker() -> Skeleton {
    let mut links = vec![root([0.0, 1.25], vec![capsule([0.0, 1.05], [0.0, 1.45], 0.05)])];
    for (names, first) in [(["thigh", "leg", "foot"], 3), (["thigh_left", "leg_left", "foot_left"], 6)] {
        let above = links.len();
        links.push(link(names[0], 0, [0.0, 1.05], first, -1.0, capsule([0.0, 1.05], [0.0, 0.6], 0.05)));
        links.push(link(names[1], above, [0.0, 0.6], first + 1, -1.0, capsule([0.0, 0.6], [0.0, 0.1], 0.04)));
        let foot = capsule([0.0, 0.1], [0.2, 0.1], 0.06);
        links.push(link(names[2], above + 1, [0.0, 0.1], first + 2, -1.0, foot));
    }
    walking(links, 1.25, 2.2)
}

fn cheetah() -> Skeleton {
    const R: f64 = 0.046;
    let torso = vec![capsule([-0.5, 0.7], [0.5, 0.7], R), turned([0.6, 0.8], 0.15, 0.87, R)];
    let links = vec![
        root([0.0, 0.7], torso),
        link("bthigh", 0, [-0.5, 0.7], 3, 1.0, turned([-0.4, 0.57], 0.145, -3.8, R)),
        link("bshin", 1, [-0.34, 0.45], 4, 1.0, turned([-0.48, 0.38], 0.15, -2.03, R)),
        link("bfoot", 2, [-0.62, 0.31], 5, 1.0, turned([-0.59, 0.213], 0.094, -0.27, R)),
        link("fthigh", 0, [0.5, 0.7], 6, 1.0, turned([0.43, 0.58], 0.133, 0.52, R)),
        link("fshin", 4, [0.36, 0.46], 7, 1.0, turned([0.425, 0.37], 0.106, -0.6, R)),
        link("ffoot", 5, [0.49, 0.28], 8, 1.0, turned([0.535, 0.21], 0.07, -0.6, R)),
    ];
    // Its height reads 0 where the torso is 0.7 m up.
    walking(links, 0.0, 1.8)
}

#[cfg(test)]
mod tests {
    use wr2l_sim::Task;

    use super::*;

    #[test]
    fn every_joint_turns_one_link_of_a_parent_that_comes_first() {
        for task in TaskName::ALL {
            let skeleton = skeleton(task);
            let mut turned: Vec<usize> = skeleton.links.iter().filter_map(|link| link.angle).collect();
            turned.extend(
                skeleton.links.iter().filter_map(|link| link.slide).flat_map(|(x, z)| [Some(x), z]).flatten(),
            );
            turned.sort_unstable();
            assert_eq!(turned, (0..Task::new(task).spec().nq).collect::<Vec<_>>(), "{task}");
            for (i, link) in skeleton.links.iter().enumerate() {
                assert!(link.parent.is_none_or(|parent| parent < i), "{task} {}", link.name);
            }
            if let Some(length) = &skeleton.length {
                Task::new(task).space().index(length.parameter).unwrap();
            }
        }
    }

    #[test]
    fn standing_robots_touch_the_floor_with_their_feet_alone() {
        for task in [TaskName::Hopper, TaskName::Walker2d, TaskName::HalfCheetah] {
            let skeleton = skeleton(task);
            let lowest = |link: &Link| {
                let ends = link.capsules.iter().flat_map(|c| [c.from[1] - c.radius, c.to[1] - c.radius]);
                ends.fold(f64::INFINITY, f64::min)
            };
            let lowest_of_all = skeleton.links.iter().map(lowest).fold(f64::INFINITY, f64::min);
            assert!((-0.01..0.12).contains(&lowest_of_all), "{task}: {lowest_of_all}");
            let feet = skeleton.links.iter().filter(|link| link.name.contains("foot"));
            assert!(feet.map(lowest).any(|z| z == lowest_of_all), "{task}");
        }
    }

    #[test]
    fn links_of_a_leg_hang_together_at_their_hinges() {
        // A joint of the cheetah lies where two capsules meet; of the others, at an end of each.
        for link in &skeleton(TaskName::Hopper).links[1..] {
            let on_axis = link.capsules[0].from[0].abs() < 0.2
                && (link.anchor[1] - link.capsules[0].from[1]).abs() < 0.01;
            assert!(on_axis, "{}", link.name);
        }
    }
}
