//! How a robot is drawn in three dimensions, and the numbers of its frames.

use wr2l_report::page::{PartKind, SolidDrawing, SolidPart};
use wr2l_sim::{Solid, SolidKind};

/// Numbers that a body's place has.
const PLACE: usize = 7;

/// A robot on its way to the page.
#[derive(Debug)]
pub(crate) struct Figure {
    solid: Box<dyn Solid>,
    /// The bodies that have shapes, but for the world.
    shown: Vec<usize>,
    /// Places of all bodies, of this frame and of the one before.
    places: Vec<f64>,
    before: Vec<f64>,
}

impl Figure {
    pub(crate) fn new(solid: Box<dyn Solid>) -> Self {
        let count = solid.bodies().len();
        let has_shapes = |body: &usize| solid.shapes().iter().any(|shape| shape.body == *body);
        let shown = (1..count).filter(has_shapes).collect();
        let places = vec![0.0; PLACE * count];
        Self { solid, shown, before: places.clone(), places }
    }

    /// Numbers of a frame.
    pub(crate) fn width(&self) -> usize {
        PLACE * self.shown.len()
    }

    /// Adds the places of the bodies that are shown to `frames`.
    pub(crate) fn frame(&mut self, qpos: &[f64], frames: &mut Vec<f64>) {
        std::mem::swap(&mut self.places, &mut self.before);
        self.solid.place(qpos, &mut self.places);
        for &body in &self.shown {
            let (place, before) = (PLACE * body..PLACE * (body + 1), &self.before[PLACE * body..]);
            let place = &mut self.places[place];
            // q and −q turn alike: that of the two from which one gets to the next frame on the shorter way.
            let along: f64 = place[3..].iter().zip(&before[3..]).map(|(a, b)| a * b).sum();
            if along < 0.0 {
                place[3..].iter_mut().for_each(|q| *q = -*q);
            }
            frames.extend_from_slice(place);
        }
    }

    pub(crate) fn drawing(&self) -> SolidDrawing {
        let (bodies, shapes) = (self.solid.bodies(), self.solid.shapes());
        let part = |shape: &wr2l_sim::SolidShape| {
            let kind = match shape.kind {
                // The floor is not a part.
                SolidKind::Plane => return None,
                SolidKind::Sphere => PartKind::Sphere,
                SolidKind::Capsule => PartKind::Capsule,
                SolidKind::Cylinder => PartKind::Cylinder,
                SolidKind::Ellipsoid => PartKind::Ellipsoid,
                SolidKind::Box => PartKind::Box,
            };
            let body = self.shown.iter().position(|shown| *shown == shape.body);
            Some(SolidPart { body, kind, size: shape.size, at: shape.position, turn: shape.orientation })
        };
        let floor = shapes.iter().find(|shape| shape.kind == SolidKind::Plane && shape.body == 0);
        SolidDrawing {
            bodies: self.shown.iter().map(|&body| bodies[body].clone()).collect(),
            parts: shapes.iter().filter_map(part).collect(),
            floor: floor.map(|floor| floor.position[2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use wr2l_sim::SolidShape;

    use super::*;

    /// A body that turns about z by its only coordinate, in front of one without shapes.
    #[derive(Debug)]
    struct Wheel {
        bodies: Vec<String>,
        shapes: Vec<SolidShape>,
    }

    impl Solid for Wheel {
        fn bodies(&self) -> &[String] {
            &self.bodies
        }
        fn shapes(&self) -> &[SolidShape] {
            &self.shapes
        }
        fn place(&mut self, qpos: &[f64], out: &mut [f64]) {
            // As MuJoCo does, whole turns later with the other sign.
            let half = 0.5 * qpos[0].rem_euclid(std::f64::consts::TAU);
            out.fill(0.0);
            out[14..].copy_from_slice(&[1.0, 2.0, 3.0, half.cos(), 0.0, 0.0, half.sin()]);
        }
    }

    #[test]
    fn frames_have_the_bodies_with_shapes_and_no_jumps() {
        let shape = |body, kind| SolidShape {
            body,
            kind,
            size: [0.1; 3],
            position: [0.0, 0.0, -0.5],
            orientation: [1.0, 0.0, 0.0, 0.0],
        };
        let mut figure = Figure::new(Box::new(Wheel {
            bodies: ["world", "hub", "wheel"].map(str::to_owned).into(),
            shapes: vec![shape(0, SolidKind::Plane), shape(2, SolidKind::Cylinder), shape(0, SolidKind::Box)],
        }));
        let drawing = figure.drawing();
        assert_eq!((drawing.bodies, drawing.floor), (vec!["wheel".to_owned()], Some(-0.5)));
        let parts: Vec<_> = drawing.parts.iter().map(|part| (part.body, part.kind)).collect();
        assert_eq!(parts, [(Some(0), PartKind::Cylinder), (None, PartKind::Box)]);

        let mut frames = Vec::new();
        for step in 0..60 {
            figure.frame(&[0.3 * f64::from(step)], &mut frames);
        }
        assert_eq!((figure.width(), frames.len()), (7, 60 * 7));
        for (step, pair) in frames.chunks_exact(7).zip(frames.chunks_exact(7).skip(1)).enumerate() {
            let (a, b) = pair;
            let along: f64 = (3..7).map(|k| a[k] * b[k]).sum();
            // Of two that are turned by an angle against each other, the cosine of its half.
            assert!((along - 0.15_f64.cos()).abs() < 1e-12, "{step}: {along}");
        }
    }
}
