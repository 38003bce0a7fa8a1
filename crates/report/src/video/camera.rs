//! From where a video looks, and how far away that is.

use std::str::FromStr;

use super::vector::{Vector, cross, dot, minus, plus, scaled};

/// Half the vertical opening of what is seen, as a tangent: little perspective, as of a camera some metres away.
const OPENING: f64 = 0.27;
/// How much further away than needed the camera stands.
const ROOM: f64 = 1.05;

/// From which side a video looks: angles in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewFrom {
    /// Where the camera stands about the vertical: 0 in front (where x points to), −90 on the robot's right, from where x points
    /// to the right of the picture.
    pub azimuth: f64,
    /// How high it stands: 0 level, 90 right above.
    pub elevation: f64,
}

impl ViewFrom {
    /// From the side, a little from above so that the floor is seen.
    pub const SIDE: Self = Self { azimuth: -90.0, elevation: 8.0 };
    /// From in front of it.
    pub const FRONT: Self = Self { azimuth: 0.0, elevation: 8.0 };
    /// From right above, with x to the right.
    pub const ABOVE: Self = Self { azimuth: -90.0, elevation: 90.0 };
    /// From the side and from in front, what shows most of a robot in three dimensions.
    pub const ASLANT: Self = Self { azimuth: -57.0, elevation: 17.0 };
}

impl FromStr for ViewFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "side" => return Ok(Self::SIDE),
            "front" => return Ok(Self::FRONT),
            "above" => return Ok(Self::ABOVE),
            _ => {}
        }
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
        let angles = text.split_once(',').and_then(|(a, e)| Some((number(a)?, number(e)?)));
        match angles {
            Some((azimuth, elevation))
                if (-360.0..=360.0).contains(&azimuth) && (-90.0..=90.0).contains(&elevation) =>
            {
                Ok(Self { azimuth, elevation })
            }
            _ => Err(format!(
                "`{text}`: expected side, front, above, or AZIMUTH,ELEVATION in degrees (−360 to 360, −90 to 90)"
            )),
        }
    }
}

/// A pinhole that looks at a target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    pub(crate) eye: Vector,
    right: Vector,
    up: Vector,
    /// Away from what it looks at.
    pub(crate) back: Vector,
    /// Where the target is on the picture, and how many pixels a metre has at a distance of one.
    middle: [f64; 2],
    focal: f64,
}

/// The part of a picture that the robot has to itself, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Camera {
    /// One that looks at `target` from `distance` m away, into the middle of the window.
    pub(crate) fn new(view: ViewFrom, target: Vector, distance: f64, window: Window) -> Self {
        let [right, up, back] = axes(view);
        let middle = [window.left + 0.5 * window.width, window.top + 0.5 * window.height];
        let focal = 0.5 * window.height / OPENING;
        Self { eye: plus(target, scaled(back, distance)), right, up, back, middle, focal }
    }

    /// The least distance (m) from which all of these balls, relative to the target, are in a window so many times as wide as high.
    pub(crate) fn distance(view: ViewFrom, aspect: f64, balls: impl Iterator<Item = (Vector, f64)>) -> f64 {
        let axes = axes(view);
        let opening = [OPENING * aspect, OPENING];
        let needs = |(at, radius): (Vector, f64)| {
            let near = dot(at, axes[2]);
            let aside = |k: usize| {
                let tan = opening[k];
                // The ball touches the plane through the eye along the window's edge.
                near + (dot(at, axes[k]).abs() + radius * tan.hypot(1.0)) / tan
            };
            aside(0).max(aside(1))
        };
        ROOM * balls.map(needs).fold(0.05, f64::max)
    }

    /// The direction in which a point of the picture is seen, as far along as its distance is 1 m ahead.
    pub(crate) fn direction(&self, [x, y]: [f64; 2]) -> Vector {
        let aside = scaled(self.right, (x - self.middle[0]) / self.focal);
        let up = scaled(self.up, (self.middle[1] - y) / self.focal);
        minus(plus(aside, up), self.back)
    }

    /// How far ahead of the eye a point is.
    pub(crate) fn depth(&self, p: Vector) -> f64 {
        dot(minus(self.eye, p), self.back)
    }

    /// The rectangle (left, top, right, bottom) in which a ball is seen, with a margin; `None` for one that is not all in front.
    pub(crate) fn extent(&self, at: Vector, radius: f64) -> Option<[f64; 4]> {
        let nearest = self.depth(at) - radius;
        if !(nearest > 1e-3) {
            return None;
        }
        let from = minus(at, self.eye);
        let (x, y) = (dot(from, self.right), dot(from, self.up));
        // On either side of the ball's box that is nearer, things look larger and so lie further out.
        let outer = |low: f64, high: f64| {
            let far = nearest + 2.0 * radius;
            let edge = |value: f64, sign: f64| if value * sign > 0.0 { value / nearest } else { value / far };
            (self.focal * edge(low, -1.0), self.focal * edge(high, 1.0))
        };
        let (left, right) = outer(x - radius, x + radius);
        let (bottom, top) = outer(y - radius, y + radius);
        Some([self.middle[0] + left, self.middle[1] - top, self.middle[0] + right, self.middle[1] - bottom])
    }

    /// Where a light stands that shows the shapes of things: up, behind the camera, to its left.
    pub(crate) fn light(&self) -> Vector {
        plus(plus(self.back, scaled(self.up, 0.9)), scaled(self.right, -0.5))
    }
}

/// To the right of the picture, up in it, and out of it.
fn axes(view: ViewFrom) -> [Vector; 3] {
    let (sin, cos) = view.azimuth.to_radians().sin_cos();
    let (rise, level) = view.elevation.to_radians().sin_cos();
    let back = [level * cos, level * sin, rise];
    let right = [-sin, cos, 0.0];
    [right, cross(back, right), back]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Window = Window { left: 10.0, top: 40.0, width: 300.0, height: 200.0 };

    fn seen(camera: &Camera, p: Vector) -> [f64; 2] {
        let [x0, y0, x1, y1] = camera.extent(p, 0.0).unwrap();
        [0.5 * (x0 + x1), 0.5 * (y0 + y1)]
    }

    #[test]
    fn from_the_side_x_is_to_the_right_and_z_up() {
        let camera = Camera::new(ViewFrom { elevation: 0.0, ..ViewFrom::SIDE }, [1.0, 2.0, 3.0], 5.0, WINDOW);
        let [x, y] = seen(&camera, [1.0, 2.0, 3.0]);
        assert!((x - 160.0).abs() < 1e-9 && (y - 140.0).abs() < 1e-9, "the target is in the middle");
        let [right, _] = seen(&camera, [1.5, 2.0, 3.0]);
        let [_, up] = seen(&camera, [1.0, 2.0, 3.5]);
        assert!(right > x + 1.0 && up < y - 1.0);
        let above = Camera::new(ViewFrom::ABOVE, [0.0; 3], 5.0, WINDOW);
        let [x, y] = seen(&above, [0.5, 0.3, 0.0]);
        assert!(x > 160.0 && y < 140.0, "from above y is up");
        let front = Camera::new(ViewFrom::FRONT, [0.0; 3], 5.0, WINDOW);
        assert!(seen(&front, [0.0, 0.5, 0.0])[0] > 160.0, "from in front its left is to the right");
    }

    #[test]
    fn views_are_words_or_two_angles() {
        assert_eq!("side".parse(), Ok(ViewFrom::SIDE));
        assert_eq!(" -57, 17".parse(), Ok(ViewFrom::ASLANT));
        for wrong in ["", "left", "1", "1,2,3", "nan,0", "0,91", "400,0", "inf,0"] {
            let error = wrong.parse::<ViewFrom>().unwrap_err();
            assert!(error.contains("AZIMUTH,ELEVATION"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn from_the_distance_found_every_ball_is_in_the_window(
            azimuth in -180.0..180.0_f64,
            elevation in -90.0..90.0_f64,
            balls in proptest::collection::vec(([-2.0..2.0_f64, -2.0..2.0_f64, -2.0..2.0_f64], 0.0..0.5_f64), 1..6),
        ) {
            let view = ViewFrom { azimuth, elevation };
            let target = [3.0, -1.0, 0.5];
            let aspect = WINDOW.width / WINDOW.height;
            let distance = Camera::distance(view, aspect, balls.iter().copied());
            let camera = Camera::new(view, target, distance, WINDOW);
            let mut widest = 0.0_f64;
            for (at, radius) in balls {
                prop_assert!(camera.depth(plus(target, at)) > radius);
                // Points of the ball all around.
                for k in 0..200 {
                    let (a, b) = (f64::from(k) * 2.4, f64::from(k) / 199.0 * std::f64::consts::PI);
                    let out = [b.sin() * a.cos(), b.sin() * a.sin(), b.cos()];
                    let [x, y] = seen(&camera, plus(plus(target, at), scaled(out, radius)));
                    let off = [(x - 160.0) / 150.0, (y - 140.0) / 100.0];
                    prop_assert!(off[0].abs() <= 1.0 && off[1].abs() <= 1.0, "{x} {y}");
                    widest = widest.max(off[0].abs()).max(off[1].abs());
                }
                // And in the rectangle that is looked through for it.
                let [x0, y0, x1, y1] = camera.extent(plus(target, at), radius).unwrap();
                for k in 0..200 {
                    let (a, b) = (f64::from(k) * 2.4, f64::from(k) / 199.0 * std::f64::consts::PI);
                    let out = [b.sin() * a.cos(), b.sin() * a.sin(), b.cos()];
                    let [x, y] = seen(&camera, plus(plus(target, at), scaled(out, radius)));
                    prop_assert!(x0 - 1e-9 <= x && x <= x1 + 1e-9 && y0 - 1e-9 <= y && y <= y1 + 1e-9);
                }
            }
            prop_assert!(widest <= 1.0);
        }
    }

    #[test]
    fn the_distance_is_no_larger_than_it_must_be() {
        let balls = [([0.0, 0.0, 1.0], 0.1), ([0.0, 0.0, -1.0], 0.1)];
        let distance = Camera::distance(ViewFrom::SIDE, 1.5, balls.into_iter());
        let camera = Camera::new(ViewFrom::SIDE, [0.0; 3], distance, WINDOW);
        let [_, top, _, _] = camera.extent([0.0, 0.0, 1.0], 0.1).unwrap();
        assert!((40.0..50.0).contains(&top), "{top}");
    }
}
