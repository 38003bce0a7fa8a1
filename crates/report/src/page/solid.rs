//! A robot in three dimensions, as the page draws it.

use serde::Serialize;

use super::short;

/// A robot as shapes on bodies. A frame of its replay has the position (m) and the quaternion (w, x, y, z) of each body.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SolidDrawing {
    /// Names of the bodies; the camera follows the first.
    pub bodies: Vec<String>,
    /// The shapes.
    pub parts: Vec<SolidPart>,
    /// Height of the floor (m), if there is one.
    pub floor: Option<f64>,
}

/// A shape of a [`SolidDrawing`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SolidPart {
    /// The body in the list; none for one that stands in the world.
    pub body: Option<usize>,
    /// What it is.
    pub kind: PartKind,
    /// Its sizes (m): a radius; radius and half length along its z axis; three half-widths or semi-axes.
    #[serde(serialize_with = "short_numbers")]
    pub size: [f64; 3],
    /// Its centre in the body's frame (m).
    #[serde(serialize_with = "short_numbers")]
    pub at: [f64; 3],
    /// Its orientation there, a unit quaternion (w, x, y, z).
    #[serde(serialize_with = "short_numbers")]
    pub turn: [f64; 4],
}

/// What a [`SolidPart`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// A ball.
    Sphere,
    /// A rounded stick; half its length is that between the centres of its ends.
    Capsule,
    /// A stick with flat ends.
    Cylinder,
    /// An ellipsoid.
    Ellipsoid,
    /// A box.
    Box,
}

/// In [`short`] numbers.
fn short_numbers<S: serde::Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.iter().map(|&number| short(number)))
}
