//! How a task's robot is drawn: the shapes of its model, in the pose in which episodes begin.

use wr2l_report::page::{CapsuleShape, Link, Skeleton, VariedLength, View};
use wr2l_sim::{BodyShape, Drawing, Pole, Task, bodies};

/// The drawing of a task's robot.
pub(crate) fn skeleton(task: &Task) -> Skeleton {
    let Drawing { view: [bottom, height], rail, pole } = &task.drawing;
    let view = View { bottom: *bottom, height: *height, follow: rail.is_none() };
    let rail = rail.unwrap_or(0.0);
    if let Some(pole) = pole {
        return on_cart(task, pole, rail, view);
    }
    // What the height reads where the robot stands.
    let at = task.reset.positions.at.as_ref().and_then(|at| at.get(1)).copied().unwrap_or(0.0);
    let links = bodies(task).into_iter().map(|body| link(body, at)).collect();
    Skeleton { links, height: at, ground: view.follow, rail, view, length: None }
}

/// A body, `up` m above where its model has it.
fn link(body: BodyShape, up: f64) -> Link {
    let raised = |[x, z]: [f64; 2]| [x, z + up];
    let [x, z] = body.slide;
    Link {
        name: body.name.into(),
        parent: body.parent,
        anchor: raised(body.hinge),
        angle: body.angle,
        sign: body.sign,
        slide: x.map(|x| (x, z)),
        capsules: body
            .capsules
            .into_iter()
            .map(|(from, to, radius)| CapsuleShape { from: raised(from), to: raised(to), radius })
            .collect(),
    }
}

/// A cart, moved by the first position, with a pole, turned by the second; of one position the pole alone, which turns the other
/// way.
fn on_cart(task: &Task, pole: &Pole, rail: f64, view: View) -> Skeleton {
    let fixed = task.spec().nq == 1;
    let link = |name: &str, parent, angle, slide, from, to, radius| Link {
        name: name.into(),
        parent,
        anchor: [0.0, 0.0],
        angle,
        sign: if fixed { -1.0 } else { 1.0 },
        slide,
        capsules: vec![CapsuleShape { from, to, radius }],
    };
    let space = task.space();
    let nominal = space.parameters().iter().find(|p| p.name == pole.parameter).map_or(1.0, |p| p.nominal);
    let top = [0.0, pole.factor * nominal];
    let links = match fixed {
        true => vec![link("rod", None, Some(0), None, [0.0, 0.0], top, pole.radius)],
        false => vec![
            link("cart", None, None, Some((0, None)), [-0.1, 0.0], [0.1, 0.0], 0.1),
            link("pole", Some(0), Some(1), None, [0.0, 0.0], top, pole.radius),
        ],
    };
    let link = links.len() - 1;
    let length = Some(VariedLength { parameter: pole.parameter.clone(), link, factor: pole.factor });
    Skeleton { links, height: 0.0, ground: false, rail, view, length }
}

#[cfg(test)]
mod tests {
    use wr2l_sim::TaskName;

    use super::*;

    #[test]
    fn every_joint_turns_one_link_of_a_parent_that_comes_first() {
        for task in TaskName::ALL {
            let skeleton = skeleton(&Task::new(task));
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
                Task::new(task).space().index(&length.parameter).unwrap();
            }
        }
    }

    #[test]
    fn standing_robots_touch_the_floor_with_their_feet_alone() {
        for task in [TaskName::HOPPER, TaskName::WALKER2D, TaskName::HALF_CHEETAH] {
            let skeleton = skeleton(&Task::new(task));
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
        for link in &skeleton(&Task::new(TaskName::HOPPER)).links[1..] {
            let near = |end: [f64; 2]| end[0].abs() < 0.2 && (link.anchor[1] - end[1]).abs() < 0.01;
            let on_axis = near(link.capsules[0].from) || near(link.capsules[0].to);
            assert!(on_axis, "{}", link.name);
        }
    }

    #[test]
    fn the_drawing_is_the_models() {
        let close = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() < 1e-12 && (a[1] - b[1]).abs() < 1e-12;
        let hopper = skeleton(&Task::new(TaskName::HOPPER));
        let foot = &hopper.links[3];
        assert_eq!(
            (foot.name.as_str(), foot.parent, foot.angle, foot.sign),
            ("foot", Some(2), Some(5), -1.0)
        );
        assert!(close(foot.anchor, [0.0, 0.1]), "{:?}", foot.anchor);
        let CapsuleShape { from, to, radius } = &foot.capsules[0];
        let ends = if from[0] < to[0] { [*from, *to] } else { [*to, *from] };
        assert!(close(ends[0], [-0.13, 0.1]) && close(ends[1], [0.26, 0.1]) && *radius == 0.06);
        assert_eq!(hopper.links[0].slide, Some((0, Some(1))));

        let cheetah = skeleton(&Task::new(TaskName::HALF_CHEETAH));
        let shin = &cheetah.links[2];
        assert_eq!(
            (shin.name.as_str(), shin.parent, shin.angle, shin.sign),
            ("bshin", Some(1), Some(4), 1.0)
        );
        assert!(close(shin.anchor, [-0.34, 0.45]), "{:?}", shin.anchor);
        assert_eq!(cheetah.links[0].capsules.len(), 2, "torso and head");
        assert!(close(cheetah.links[0].anchor, [0.0, 0.7]));
    }
}
