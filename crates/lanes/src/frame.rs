//! Rotations and frames of plain numbers, for what is computed once.

/// A vector.
pub(crate) type Point = [f64; 3];

/// A rotation matrix, row-major.
pub(crate) type Turn = [f64; 9];

/// No rotation.
pub(crate) const STRAIGHT: Turn = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

/// The rotation of a quaternion (w, x, y, z), normalised first.
pub(crate) fn turn_of([w, x, y, z]: [f64; 4]) -> Turn {
    let n = (w * w + x * x + y * y + z * z).sqrt();
    let (w, x, y, z) = (w / n, x / n, y / n, z / n);
    [
        w * w + x * x - y * y - z * z,
        2.0 * (x * y - w * z),
        2.0 * (x * z + w * y),
        2.0 * (x * y + w * z),
        w * w - x * x + y * y - z * z,
        2.0 * (y * z - w * x),
        2.0 * (x * z - w * y),
        2.0 * (y * z + w * x),
        w * w - x * x - y * y + z * z,
    ]
}

pub(crate) fn turn(r: &Turn, v: Point) -> Point {
    std::array::from_fn(|i| r[3 * i] * v[0] + r[3 * i + 1] * v[1] + r[3 * i + 2] * v[2])
}

pub(crate) fn compose(a: &Turn, b: &Turn) -> Turn {
    std::array::from_fn(|k| (0..3).map(|i| a[3 * (k / 3) + i] * b[3 * i + k % 3]).sum())
}

pub(crate) fn plus(a: Point, b: Point) -> Point {
    std::array::from_fn(|i| a[i] + b[i])
}

pub(crate) fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Where a frame stands in another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) position: Point,
    pub(crate) turn: Turn,
}

impl Frame {
    pub(crate) const WORLD: Self = Self { position: [0.0; 3], turn: STRAIGHT };

    pub(crate) fn new(position: Point, orientation: [f64; 4]) -> Self {
        Self { position, turn: turn_of(orientation) }
    }

    /// A frame in this one, seen from where this one is.
    pub(crate) fn then(&self, inner: &Self) -> Self {
        Self { position: self.at(inner.position), turn: compose(&self.turn, &inner.turn) }
    }

    /// A point of this frame, seen from where this one is.
    pub(crate) fn at(&self, point: Point) -> Point {
        plus(self.position, turn(&self.turn, point))
    }

    /// The direction of z.
    pub(crate) fn z(&self) -> Point {
        [self.turn[2], self.turn[5], self.turn[8]]
    }
}
