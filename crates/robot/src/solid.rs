//! A robot's drawing in three dimensions: its shapes, and where its bodies are.

use std::fmt;
use std::sync::Arc;

use wr2l_lanes::Model;
use wr2l_sim::{Solid, SolidKind, SolidShape};

use crate::inventory::{Geom, Inventory};
use crate::kinematics::Kinematics;
use crate::model::RobotModel;

/// A robot on the page.
#[derive(Debug)]
pub(crate) struct RobotSolid {
    bodies: Vec<String>,
    shapes: Vec<SolidShape>,
    places: Box<dyn Places>,
}

/// Who computes where bodies are.
trait Places: fmt::Debug {
    /// Writes position and quaternion of every body for generalised positions `qpos`.
    fn write(&mut self, qpos: &[f64], out: &mut [f64]);
}

impl RobotSolid {
    /// The drawing of a model; none without a shape that can be drawn, and of a model that nothing in this build can place.
    pub(crate) fn of(model: &RobotModel) -> Option<Self> {
        let inventory = model.inventory();
        let shapes = shapes(inventory);
        if shapes.iter().all(|shape| shape.kind == SolidKind::Plane) {
            return None;
        }
        let bodies = inventory.bodies.iter().map(|body| body.name.clone()).collect();
        Some(Self { bodies, shapes, places: places(model)? })
    }
}

fn places(model: &RobotModel) -> Option<Box<dyn Places>> {
    if let Ok(lanes) = model.lanes() {
        let kinematics = Kinematics::new(lanes.compiled());
        return Some(Box::new(OnLanes { model: Arc::clone(lanes), kinematics }));
    }
    #[cfg(feature = "mujoco")]
    return on_mujoco::places(model);
    #[cfg(not(feature = "mujoco"))]
    None
}

/// What is drawn of a model: of each body the shapes that need no mesh, or boxes as large as its meshes where it has no other.
fn shapes(inventory: &Inventory) -> Vec<SolidShape> {
    let is_plain = |geom: &Geom| kind(&geom.shape).is_some();
    let drawn = |geom: &&Geom| {
        is_plain(geom)
            || (geom.shape == "mesh"
                && !inventory.geoms.iter().any(|other| other.body == geom.body && is_plain(other)))
    };
    let shape = |geom: &Geom| SolidShape {
        body: geom.body,
        kind: kind(&geom.shape).unwrap_or(SolidKind::Box),
        size: geom.size,
        position: geom.position,
        orientation: geom.orientation,
    };
    inventory.geoms.iter().filter(drawn).map(shape).collect()
}

fn kind(shape: &str) -> Option<SolidKind> {
    Some(match shape {
        "plane" => SolidKind::Plane,
        "sphere" => SolidKind::Sphere,
        "capsule" => SolidKind::Capsule,
        "cylinder" => SolidKind::Cylinder,
        "ellipsoid" => SolidKind::Ellipsoid,
        "box" => SolidKind::Box,
        _ => return None,
    })
}

impl Solid for RobotSolid {
    fn bodies(&self) -> &[String] {
        &self.bodies
    }

    fn shapes(&self) -> &[SolidShape] {
        &self.shapes
    }

    fn place(&mut self, qpos: &[f64], out: &mut [f64]) {
        assert_eq!(out.len(), 7 * self.bodies.len(), "seven numbers a body");
        self.places.write(qpos, out);
    }
}

/// By our own kinematics.
#[derive(Debug)]
struct OnLanes {
    model: Arc<Model>,
    kinematics: Kinematics,
}

impl Places for OnLanes {
    fn write(&mut self, qpos: &[f64], out: &mut [f64]) {
        self.kinematics.place_all(self.model.compiled(), qpos);
        let places = self.kinematics.position.iter().zip(&self.kinematics.quaternion);
        for (out, (position, quaternion)) in out.chunks_exact_mut(7).zip(places) {
            out[..3].copy_from_slice(position);
            out[3..].copy_from_slice(quaternion);
        }
    }
}

#[cfg(feature = "mujoco")]
mod on_mujoco {
    use std::fmt;

    use mujoco_rs::prelude::{MjData, MjModel};

    use super::Places;
    use crate::model::RobotModel;

    struct OnMujoco(MjData<Box<MjModel>>);

    impl fmt::Debug for OnMujoco {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("OnMujoco").finish_non_exhaustive()
        }
    }

    /// By MuJoCo's kinematics.
    pub(super) fn places(model: &RobotModel) -> Option<Box<dyn Places>> {
        let data = MjData::try_new(Box::new(MjModel::clone(model.mujoco()))).ok()?;
        Some(Box::new(OnMujoco(data)))
    }

    impl Places for OnMujoco {
        fn write(&mut self, qpos: &[f64], out: &mut [f64]) {
            self.0.qpos_mut().copy_from_slice(qpos);
            self.0.kinematics();
            let places = self.0.xpos().iter().zip(self.0.xquat());
            for (out, (position, quaternion)) in out.chunks_exact_mut(7).zip(places) {
                out[..3].copy_from_slice(position);
                out[3..].copy_from_slice(quaternion);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::super::{OnLanes, RobotSolid};
        use super::*;
        use crate::kinematics::Kinematics;
        use wr2l_sim::{Solid, SolidKind};

        const ROBOT: &str = r#"<mujoco><asset><mesh name="tetra" vertex="0 0 0 1 0 0 0 1 0 0 0 1"/></asset>
            <worldbody><geom type="plane" size="5 5 1"/>
            <body name="base" pos="0 0 1"><freejoint/><geom type="box" size=".2 .1 .05" contype="0" conaffinity="0"/>
              <geom type="mesh" mesh="tetra" contype="0" conaffinity="0"/>
              <body name="leg" pos=".1 0 0" euler="0 30 0"><joint axis="0 1 0" pos="0 0 .1"/>
                <geom type="capsule" fromto="0 0 0 0 0 -.4" size=".04"/>
                <body name="toe" pos="0 0 -.4"><joint type="slide" axis="0 0 1"/><geom size=".05"/></body></body>
              <body name="tail" pos="-.2 0 0"><joint type="ball"/><geom type="cylinder" size=".02 .2" contype="0" conaffinity="0"/></body>
            </body></worldbody></mujoco>"#;

        #[test]
        fn bodies_are_where_mujocos_kinematics_has_them() {
            let model = RobotModel::from_text("robot", ROBOT).unwrap();
            let lanes = model.lanes().unwrap();
            let kinematics = Kinematics::new(lanes.compiled());
            let mut ours = OnLanes { model: lanes.clone(), kinematics };
            let mut theirs = places(&model).unwrap();
            // Free, hinge, slide, ball; quaternions that are not of unit length are those of their direction.
            let qpos = [0.3, -0.2, 0.9, 0.8, 0.2, -0.4, 0.4, 0.7, 0.05, 2.0, 0.3, -0.1, 0.5];
            let (mut a, mut b) = ([0.0; 35], [0.0; 35]);
            ours.write(&qpos, &mut a);
            theirs.write(&qpos, &mut b);
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                assert!((a - b).abs() < 1e-12, "{i}: {a} {b}");
            }
        }

        #[test]
        fn a_body_is_drawn_by_its_plain_shapes_and_by_boxes_for_meshes_alone() {
            let solid = RobotSolid::of(&RobotModel::from_text("robot", ROBOT).unwrap()).unwrap();
            let kinds: Vec<_> = solid.shapes().iter().map(|shape| (shape.body, shape.kind)).collect();
            use SolidKind::{Box, Capsule, Cylinder, Plane, Sphere};
            assert_eq!(kinds, [(0, Plane), (1, Box), (2, Capsule), (3, Sphere), (4, Cylinder)]);
            assert_eq!(solid.bodies(), ["world", "base", "leg", "toe", "tail"]);
            // A capsule's numbers are its radius and half the length between its ends.
            assert_eq!(solid.shapes()[2].size[..2], [0.04, 0.2]);

            let meshes =
                ROBOT.replace(r#"<geom type="box" size=".2 .1 .05" contype="0" conaffinity="0"/>"#, "");
            let solid = RobotSolid::of(&RobotModel::from_text("robot", &meshes).unwrap()).unwrap();
            assert_eq!(solid.shapes()[1].kind, Box);
            let bare = r#"<mujoco><worldbody><geom type="plane" size="5 5 1"/></worldbody></mujoco>"#;
            assert!(RobotSolid::of(&RobotModel::from_text("bare", bare).unwrap()).is_none());
        }
    }
}
