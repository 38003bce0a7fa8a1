//! What a batch needs of the physics beneath it.

use std::fmt;

use wr2l_sim::Divergence;

use crate::input::Input;

/// What moves the lanes of a batch.
pub(crate) trait Mover: Send + fmt::Debug {
    /// Writes φ into a lane, whose state stays.
    fn set_phi(&mut self, lane: usize, phi: &[f64]) -> Result<(), String>;
    /// Pushes bodies, and no others, by forces on their centres of mass in the frame of the world, until the next start. A body
    /// that is there twice is pushed by both.
    fn set_forces(&mut self, lane: usize, bodies: &[usize], forces: &[[f64; 3]]);
    /// Starts in a state, without forces.
    fn start(&mut self, lane: usize, qpos: &[f64], qvel: &[f64]);
    /// Makes what can be read that of the state that the lane starts in.
    fn settle(&mut self, _lane: usize) {}
    fn state(&self, lane: usize, qpos: &mut [f64], qvel: &mut [f64]);
    fn save(&self, lane: usize, out: &mut [f64]);
    fn restore(&mut self, lane: usize, snapshot: &[f64]);
    /// Takes so many steps of the physics.
    fn advance(&mut self, controls: &[f64], active: &[bool], steps: u32);
    /// Makes what can be read that of the state, after the steps of the physics that make one of the task.
    fn arrive(&mut self, _active: &[bool]) {}
    /// Why the lane has broken down, if it has.
    fn failure(&self, lane: usize) -> Option<Divergence>;
    /// Writes the numbers that were asked for, after a start or an advance.
    fn read(&mut self, lane: usize, wanted: &[Input], out: &mut [f64]);
}
