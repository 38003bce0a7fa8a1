//! Vectors of three numbers, and the frames that shapes have.

pub(crate) type Vector = [f64; 3];

pub(crate) fn plus(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn scaled(a: Vector, by: f64) -> Vector {
    a.map(|x| x * by)
}

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// Of length one; the third axis for a vector without direction.
pub(crate) fn unit(a: Vector) -> Vector {
    let length = length(a);
    if length > 0.0 { scaled(a, 1.0 / length) } else { [0.0, 0.0, 1.0] }
}

/// The axes of a frame in the world, of length one and across each other.
pub(crate) type Axes = [Vector; 3];

/// The axes that a quaternion (w, x, y, z) turns the world's to; it need not be of unit length.
pub(crate) fn axes_of([w, x, y, z]: [f64; 4]) -> Axes {
    let size = w * w + x * x + y * y + z * z;
    let s = if size > 0.0 { 2.0 / size } else { 0.0 };
    [
        [1.0 - s * (y * y + z * z), s * (x * y + w * z), s * (x * z - w * y)],
        [s * (x * y - w * z), 1.0 - s * (x * x + z * z), s * (y * z + w * x)],
        [s * (x * z + w * y), s * (y * z - w * x), 1.0 - s * (x * x + y * y)],
    ]
}

/// Axes of which the third points along `along`.
pub(crate) fn axes_along(along: Vector) -> Axes {
    let third = unit(along);
    let other = if third[1].abs() < 0.9 { [0.0, 1.0, 0.0] } else { [1.0, 0.0, 0.0] };
    let first = unit(cross(other, third));
    [first, cross(third, first), third]
}

/// From a frame's coordinates to the world's, without the shift.
pub(crate) fn turned(axes: &Axes, p: Vector) -> Vector {
    plus(plus(scaled(axes[0], p[0]), scaled(axes[1], p[1])), scaled(axes[2], p[2]))
}

/// From the world's coordinates to a frame's, without the shift.
pub(crate) fn turned_back(axes: &Axes, p: Vector) -> Vector {
    [dot(axes[0], p), dot(axes[1], p), dot(axes[2], p)]
}
