//! Robots as they are drawn in three dimensions.

use std::fmt;

/// What a [`SolidShape`] is. Sizes are in m.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolidKind {
    /// A floor without end, across its z axis.
    Plane,
    /// Of the radius `size[0]`.
    Sphere,
    /// Along its z axis: radius, and half the length between the centres of its ends.
    Capsule,
    /// Along its z axis: radius, and half its length.
    Cylinder,
    /// Three semi-axes.
    Ellipsoid,
    /// Three half-widths.
    Box,
}

/// A shape on a body.
#[derive(Clone, Debug, PartialEq)]
pub struct SolidShape {
    /// The body, counted as by [`Solid::bodies`].
    pub body: usize,
    /// What it is.
    pub kind: SolidKind,
    /// Its sizes (m), as many as its kind has.
    pub size: [f64; 3],
    /// Its centre in the body's frame (m).
    pub position: [f64; 3],
    /// Its orientation in the body's frame, a unit quaternion (w, x, y, z).
    pub orientation: [f64; 4],
}

/// A robot that can be drawn: shapes on bodies, and where the bodies are.
pub trait Solid: fmt::Debug {
    /// Names of the bodies; the first is the world.
    fn bodies(&self) -> &[String];

    /// The shapes.
    fn shapes(&self) -> &[SolidShape];

    /// Writes position (m) and unit quaternion (w, x, y, z) of every body, `[bodies, 7]`, of a robot with these generalised
    /// positions (`[nq]`).
    ///
    /// # Panics
    /// If `out` has another length.
    fn place(&mut self, qpos: &[f64], out: &mut [f64]);
}
