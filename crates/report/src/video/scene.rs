//! A robot on its floor as a picture: a ray for each part of a pixel, and the nearest thing that it meets.

use super::camera::Camera;
use super::form::Form;
use super::image::{Color, Image, mixed};
use super::vector::{Vector, dot, minus, plus, scaled, unit};

/// Where in a pixel its rays go: no two in one row or column, so that steep and flat edges are equally smooth.
const RAYS: [[f64; 2]; 4] = [[0.125, 0.625], [0.375, 0.125], [0.625, 0.875], [0.875, 0.375]];
/// What is behind everything.
pub(crate) const BACKGROUND: Color = [246, 248, 250];
/// The two colours of the floor.
const FLOOR: [Color; 2] = [[222, 227, 232], [200, 207, 215]];
/// How dark a shadow is, in 255ths.
const SHADOW: u32 = 50;
/// Steps in which the floor fades with distance and things with the light: few colours make small files.
const FADES: f64 = 12.0;
const TONES: f64 = 14.0;
/// Camera distances from the target at which the floor has faded away.
const FADED: f64 = 1.6;
/// Sides that the floor's squares can have (m).
const SQUARES: [f64; 9] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// The part of the camera's distance that a square's side has at least.
const SQUARE: f64 = 0.12;

/// A shape with its colour.
#[derive(Clone, Debug)]
pub(crate) struct Painted {
    pub(crate) form: Form,
    pub(crate) color: Color,
    /// Whether it throws a shadow, as what moves does.
    pub(crate) shadow: bool,
}

/// What is seen, and from how far.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) forms: Vec<Painted>,
    /// Height of the floor (m).
    pub(crate) floor: Option<f64>,
    /// What the camera looks at, and from how far (m).
    pub(crate) target: Vector,
    pub(crate) distance: f64,
}

/// A ray's nearest thing so far.
#[derive(Clone, Copy)]
struct Sample {
    /// Its distance ahead of the eye (m).
    depth: f64,
    color: Color,
}

impl Scene {
    /// The picture through a camera.
    pub(crate) fn draw(&self, camera: &Camera, width: usize, height: usize) -> Image {
        let mut samples =
            vec![Sample { depth: f64::INFINITY, color: BACKGROUND }; width * height * RAYS.len()];
        let mut canvas = Canvas { camera, width, height, samples: &mut samples };
        if let Some(floor) = self.floor.filter(|floor| camera.eye[2] > *floor) {
            self.draw_floor(&mut canvas, floor);
        }
        let light = unit(camera.light());
        for Painted { form, color, .. } in &self.forms {
            let hull = form.hull();
            canvas.each(&hull, |sample, direction| {
                let Some((t, normal)) = form.entry(camera.eye, direction) else { return };
                if t < sample.depth {
                    *sample = Sample { depth: t, color: lit(*color, normal, light, unit(direction)) };
                }
            });
        }
        let mut image = Image::new(width, height, BACKGROUND);
        for (pixel, samples) in samples.chunks_exact(RAYS.len()).enumerate() {
            let mean = |k: usize| {
                let sum: u32 = samples.iter().map(|sample| u32::from(sample.color[k])).sum();
                ((sum + RAYS.len() as u32 / 2) / RAYS.len() as u32) as u8
            };
            image.set(pixel % width, pixel / width, [0, 1, 2].map(mean));
        }
        image
    }

    fn draw_floor(&self, canvas: &mut Canvas<'_>, floor: f64) {
        let eye = canvas.camera.eye;
        let side = SQUARES.into_iter().find(|side| *side >= SQUARE * self.distance).unwrap_or(10.0);
        let far = FADED * self.distance;
        canvas.all(|sample, direction| {
            let t = (floor - eye[2]) / direction[2];
            if !(t > 0.0 && t.is_finite()) {
                return;
            }
            let at = plus(eye, scaled(direction, t));
            let off = minus(at, self.target);
            let fade = (off[0].hypot(off[1]) / far * FADES).floor() / FADES;
            if fade >= 1.0 {
                return;
            }
            let odd = ((at[0] / side).floor() + (at[1] / side).floor()).rem_euclid(2.0) >= 1.0;
            let share = (255.0 * fade * fade) as u32;
            let color = FLOOR[usize::from(odd)];
            *sample = Sample { depth: t, color: [0, 1, 2].map(|k| mixed(color[k], BACKGROUND[k], share)) };
        });
        // Each place on the floor is in the shadow once, however much is above it.
        let mut dark = vec![false; canvas.samples.len()];
        for Painted { form, .. } in self.forms.iter().filter(|painted| painted.shadow) {
            let fallen: Vec<_> = form.hull().into_iter().map(|([x, y, _], r)| ([x, y, floor], r)).collect();
            canvas.each_numbered(&fallen, |number, sample, direction| {
                let below = sample.depth.is_finite() && !dark[number] && {
                    let at = plus(eye, scaled(direction, sample.depth));
                    form.entry([at[0], at[1], floor], [0.0, 0.0, 1.0]).is_some()
                };
                if below {
                    dark[number] = true;
                    sample.color = sample.color.map(|part| mixed(part, 0, SHADOW));
                }
            });
        }
    }
}

/// A colour as it looks where a surface faces `normal`, seen along `direction`.
fn lit(color: Color, normal: Vector, light: Vector, direction: Vector) -> Color {
    // Where the surface turns away it is dark: a line around everything tells limbs of one colour apart.
    let rim = if dot(normal, direction) > -0.3 { 0.75 } else { 1.0 };
    let tone = (0.62 + 0.52 * dot(normal, light).max(0.0)) * rim;
    let tone = (tone * TONES).round() / TONES;
    let share = |of: f64| (255.0 * of.clamp(0.0, 1.0)) as u32;
    color.map(
        |part| if tone < 1.0 { mixed(0, part, share(tone)) } else { mixed(part, 255, share(tone - 1.0)) },
    )
}

/// The samples of a picture.
struct Canvas<'a> {
    camera: &'a Camera,
    width: usize,
    height: usize,
    /// `[height, width, rays]`.
    samples: &'a mut [Sample],
}

impl Canvas<'_> {
    /// Does something for every sample, with the direction in which it looks.
    fn all(&mut self, mut action: impl FnMut(&mut Sample, Vector)) {
        self.within([0, 0, self.width, self.height], |_, sample, direction| action(sample, direction));
    }

    /// The same for those that may see the hull of some balls.
    fn each(&mut self, hull: &[(Vector, f64)], mut action: impl FnMut(&mut Sample, Vector)) {
        self.each_numbered(hull, |_, sample, direction| action(sample, direction));
    }

    fn each_numbered(&mut self, hull: &[(Vector, f64)], action: impl FnMut(usize, &mut Sample, Vector)) {
        let mut around = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for &(at, radius) in hull {
            match self.camera.extent(at, radius) {
                Some([left, top, right, bottom]) => {
                    around = [
                        around[0].min(left),
                        around[1].min(top),
                        around[2].max(right),
                        around[3].max(bottom),
                    ];
                }
                // Beside or behind the eye: it may be anywhere.
                None => around = [0.0, 0.0, self.width as f64, self.height as f64],
            }
        }
        let bound = |value: f64, most: usize| value.clamp(0.0, most as f64) as usize;
        let [left, top, right, bottom] = around;
        let (width, height) = (self.width, self.height);
        let rectangle = [
            bound(left.floor(), width),
            bound(top.floor(), height),
            bound(right.ceil(), width),
            bound(bottom.ceil(), height),
        ];
        self.within(rectangle, action);
    }

    fn within(
        &mut self,
        [left, top, right, bottom]: [usize; 4],
        mut action: impl FnMut(usize, &mut Sample, Vector),
    ) {
        for y in top..bottom {
            for x in left..right {
                let first = RAYS.len() * (y * self.width + x);
                for (k, [dx, dy]) in RAYS.into_iter().enumerate() {
                    let direction = self.camera.direction([x as f64 + dx, y as f64 + dy]);
                    action(first + k, &mut self.samples[first + k], direction);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::{ViewFrom, Window};
    use super::*;

    const WINDOW: Window = Window { left: 0.0, top: 0.0, width: 120.0, height: 90.0 };
    const RED: Color = [200, 30, 30];
    const BLUE: Color = [30, 30, 200];

    fn ball(at: Vector, color: Color) -> Painted {
        Painted { form: Form::stick(at, at, 0.3), color, shadow: true }
    }

    fn drawn(forms: Vec<Painted>, floor: Option<f64>, view: ViewFrom) -> Image {
        let (target, distance) = ([0.0, 0.0, 0.5], 4.0);
        let camera = Camera::new(view, target, distance, WINDOW);
        Scene { forms, floor, target, distance }.draw(&camera, 120, 90)
    }

    /// Pixels in which one part is much stronger than the other.
    fn count(image: &Image, more: usize, less: usize) -> usize {
        image.colors().iter().filter(|c| i32::from(c[more]) - i32::from(c[less]) > 60).count()
    }

    #[test]
    fn the_nearer_of_two_is_seen_whatever_their_order() {
        let (near, far) = (ball([0.0, -1.0, 0.5], RED), ball([0.0, 1.0, 0.5], BLUE));
        let level = ViewFrom { azimuth: -90.0, elevation: 0.0 };
        let one = drawn(vec![near.clone(), far.clone()], None, level);
        assert_eq!(one, drawn(vec![far, near], None, level));
        assert!(count(&one, 0, 2) > 300 && count(&one, 2, 0) == 0);
        // A ball of 0.3 m in the middle, 3 m away, of a window 0.27 · 3 · 2 m high.
        let expected = std::f64::consts::PI * (0.3 / (0.27 * 6.0) * 90.0_f64).powi(2);
        assert!((count(&one, 0, 2) as f64 / expected - 1.0).abs() < 0.1, "{} {expected}", count(&one, 0, 2));
    }

    #[test]
    fn squares_on_the_floor_move_past_and_a_shadow_lies_below_what_moves() {
        let view = ViewFrom::ASLANT;
        let empty = drawn(Vec::new(), Some(0.0), view);
        let floors: Vec<Color> = FLOOR.to_vec();
        assert!(floors.iter().all(|color| empty.colors().contains(color)), "both colours, unfaded");
        assert!(empty.colors().contains(&BACKGROUND), "and none at the horizon");
        let shaded = FLOOR.map(|color| color.map(|part| mixed(part, 0, SHADOW)));
        let dark = |image: &Image| image.colors().iter().filter(|color| shaded.contains(color)).count();
        let mut high = ball([0.0, 0.0, 1.0], [255; 3]);
        let with = |form: &Painted| dark(&drawn(vec![form.clone()], Some(0.0), view));
        assert!(dark(&empty) == 0 && with(&high) > 100, "{}", with(&high));
        // Two of them, one above the other, make one shadow.
        let two = vec![ball([0.0, 0.0, 1.4], [255; 3]), high.clone()];
        assert!(dark(&drawn(two, Some(0.0), view)) > 100);
        high.shadow = false;
        assert_eq!(with(&high), 0);
        // From below there is no floor.
        let below = ViewFrom { azimuth: 0.0, elevation: -60.0 };
        assert_eq!(drawn(Vec::new(), Some(0.0), below), drawn(Vec::new(), None, below));
    }

    #[test]
    fn what_stands_around_the_camera_is_no_fault() {
        let wall = Form {
            kind: crate::page::PartKind::Box,
            size: [50.0; 3],
            at: [0.0; 3],
            axes: super::super::vector::axes_of([1.0, 0.0, 0.0, 0.0]),
        };
        let wall = Painted { form: wall, color: BLUE, shadow: false };
        let with = drawn(vec![ball([0.0, 0.0, 0.5], RED), wall], None, ViewFrom::SIDE);
        assert!(count(&with, 0, 2) > 100, "the robot is seen from within");
    }
}
