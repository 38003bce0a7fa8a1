//! Where the shapes of a robot are, by its generalised positions; what `page.js` does in the browser.

use std::collections::BTreeMap;

use crate::page::{CapsuleShape, Skeleton};

/// Maps a place in the zero configuration to the world: a rotation that turns z towards x, then a shift.
#[derive(Clone, Copy)]
struct Placement {
    cos: f64,
    sin: f64,
    shift: [f64; 2],
}

impl Placement {
    const NONE: Self = Self { cos: 1.0, sin: 0.0, shift: [0.0, 0.0] };

    fn rotated(&self, [x, z]: [f64; 2]) -> [f64; 2] {
        [self.cos * x + self.sin * z, -self.sin * x + self.cos * z]
    }

    fn of(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, z] = self.rotated(point);
        [x + self.shift[0], z + self.shift[1]]
    }

    /// Turned by `angle` about `anchor` and shifted, before this.
    fn after_turn(&self, angle: f64, anchor: [f64; 2], shift: [f64; 2]) -> Self {
        let turn = Self { cos: angle.cos(), sin: angle.sin(), shift: [0.0, 0.0] };
        let turned = turn.rotated(anchor);
        let shift = self.of([anchor[0] - turned[0] + shift[0], anchor[1] - turned[1] + shift[1]]);
        Self {
            cos: self.cos * turn.cos - self.sin * turn.sin,
            sin: self.sin * turn.cos + self.cos * turn.sin,
            shift,
        }
    }
}

impl Skeleton {
    /// Generalised positions that the links name: a pose has at least so many.
    pub(crate) fn positions(&self) -> usize {
        let named = self.links.iter().flat_map(|link| {
            let slide = link.slide.into_iter().flat_map(|(x, z)| [Some(x), z]);
            slide.chain([link.angle]).flatten()
        });
        named.max().map_or(0, |index| index + 1)
    }

    /// The shapes in the world at generalised positions `[nq]`, one list a link.
    ///
    /// # Panics
    /// For fewer positions than the links name.
    pub fn pose(&self, q: &[f64]) -> Vec<Vec<CapsuleShape>> {
        let mut placed: Vec<Placement> = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let base = link.parent.map_or(Placement::NONE, |parent| placed[parent]);
            let angle = link.angle.map_or(0.0, |angle| link.sign * q[angle]);
            let shift = link.slide.map_or([0.0, 0.0], |(x, z)| [q[x], z.map_or(0.0, |z| q[z] - self.height)]);
            placed.push(base.after_turn(angle, link.anchor, shift));
        }
        let world = |place: &Placement, shape: &CapsuleShape| CapsuleShape {
            from: place.of(shape.from),
            to: place.of(shape.to),
            radius: shape.radius,
        };
        let links = self.links.iter().zip(&placed);
        links.map(|(link, place)| link.capsules.iter().map(|shape| world(place, shape)).collect()).collect()
    }

    /// The same robot with the length that these dynamics give it.
    #[must_use]
    pub fn under(mut self, phi: &BTreeMap<String, f64>) -> Self {
        if let Some(length) = &self.length
            && let Some(value) = phi.get(&length.parameter)
        {
            for shape in &mut self.links[length.link].capsules {
                shape.to[1] = length.factor * value;
            }
        }
        self
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::page::{Link, VariedLength, View};

    /// A trunk of 1 m that slides and turns, and a shin of 1 m below it that the third angle bends.
    pub(crate) fn two_links() -> Skeleton {
        let stick = |low: f64| CapsuleShape { from: [0.0, low], to: [0.0, low + 1.0], radius: 0.1 };
        let trunk = Link {
            name: "trunk".into(),
            parent: None,
            anchor: [0.0, 1.5],
            angle: Some(2),
            sign: 1.0,
            slide: Some((0, Some(1))),
            capsules: vec![stick(1.0)],
        };
        let shin = Link {
            name: "shin".into(),
            parent: Some(0),
            anchor: [0.0, 1.0],
            angle: Some(3),
            sign: -1.0,
            slide: None,
            capsules: vec![stick(0.0)],
        };
        let view = View { bottom: -0.5, height: 2.8, follow: true };
        Skeleton { links: vec![trunk, shin], height: 1.5, ground: true, rail: 0.0, view, length: None }
    }

    fn close(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-12 && (a[1] - b[1]).abs() < 1e-12
    }

    #[test]
    fn the_zero_configuration_is_the_models() {
        let robot = two_links();
        let pose = robot.pose(&[0.0, 1.5, 0.0, 0.0]);
        for (link, shapes) in robot.links.iter().zip(&pose) {
            assert_eq!(&link.capsules, shapes);
        }
    }

    #[test]
    fn a_slide_moves_everything() {
        let pose = two_links().pose(&[2.0, 1.25, 0.0, 0.0]);
        assert!(close(pose[0][0].to, [2.0, 1.75]) && close(pose[1][0].from, [2.0, -0.25]));
    }

    #[test]
    fn a_joint_turns_what_hangs_on_it_about_its_anchor() {
        let quarter = std::f64::consts::FRAC_PI_2;
        // Bent by -90° with sign -1: z turns towards x, so the shin's lower end goes to -x.
        let bent = two_links().pose(&[0.0, 1.5, 0.0, -quarter]);
        assert!(close(bent[1][0].from, [-1.0, 1.0]) && close(bent[1][0].to, [0.0, 1.0]), "{:?}", bent[1]);
        // The trunk turned: the hip goes with it, and the shin hangs on in line.
        let turned = two_links().pose(&[0.0, 1.5, quarter, 0.0]);
        assert!(close(turned[0][0].to, [0.5, 1.5]) && close(turned[1][0].to, [-0.5, 1.5]), "{turned:?}");
        assert!(close(turned[1][0].from, [-1.5, 1.5]), "{:?}", turned[1]);
        // Both: the chain stays together whatever the angles.
        let both = two_links().pose(&[0.3, 1.1, 0.7, -0.4]);
        assert!(close(both[0][0].from, both[1][0].to), "{both:?}");
    }

    #[test]
    fn a_varied_length_is_drawn() {
        let length = Some(VariedLength { parameter: "pole_length".into(), link: 0, factor: 2.0 });
        let robot = Skeleton { length, ..two_links() };
        let phi = |name: &str| BTreeMap::from([(name.to_owned(), 0.7)]);
        assert_eq!(robot.clone().under(&phi("pole_length")).links[0].capsules[0].to[1], 1.4);
        assert_eq!(robot.clone().under(&phi("friction")), robot);
    }
}
