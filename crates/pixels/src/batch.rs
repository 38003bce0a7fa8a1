//! A simulator whose observations are its latest frames.

use std::cell::RefCell;

use wr2l_rng::Stream;
use wr2l_sim::{BatchSim, Engine, Outcome, SimError, SimSpec, Simulator};

use crate::canvas::SIDE;
use crate::{Canvas, Picture};

/// Most frames of an observation.
pub const MOST_FRAMES: usize = 8;

/// What the difference of two frames is multiplied by: between two steps things move by a fraction of a pixel.
const DIFFERENCE: f32 = 4.0;

/// `simulator`, seen in the last `frames` frames, 1 to [`MOST_FRAMES`], drawn by `picture`.
///
/// An observation is an image `[SIDE, SIDE, frames]` whose first channel is the newest frame F_t, in [0, 1]. The channels behind
/// it are 4(F_t − F_{t−1}), 4(F_{t−1} − F_{t−2}) and so on: the same frames, stacked so that motion is a number of its own. The
/// frames before an episode's first are like it. Physical state, dynamics, rewards and ends are those of `simulator`.
///
/// # Errors
/// [`SimError::Config`] for another number of frames; [`SimError::State`] if the picture draws other positions.
pub fn seen(simulator: &Simulator, picture: Picture, frames: usize) -> Result<Simulator, SimError> {
    if !(1..=MOST_FRAMES).contains(&frames) {
        return Err(SimError::Config {
            task: simulator.task().to_owned(),
            field: "frames",
            value: frames as f64,
            valid: "1 to 8",
        });
    }
    let inner = simulator.spec();
    if inner.nq == 0 || inner.nq != picture.positions {
        let (expected, got) = (picture.positions, inner.nq);
        return Err(SimError::State { what: "positions of the picture", expected, got });
    }
    // Behind the inner snapshot: the positions of the frames before the newest.
    let spec = SimSpec {
        obs_dim: SIDE * SIDE * frames,
        snapshot_len: inner.snapshot_len + (frames - 1) * inner.nq,
        ..inner.clone()
    };
    let identity = format!("{} seen as {} in {frames} frames", simulator.identity(), picture.name);
    let camera = Camera { inner: simulator.clone(), spec, picture, frames };
    Ok(Simulator::with_engine(simulator.task(), identity, simulator.space().clone(), camera))
}

/// Makes batches that are seen.
#[derive(Clone, Debug)]
struct Camera {
    inner: Simulator,
    spec: SimSpec,
    picture: Picture,
    frames: usize,
}

impl Engine for Camera {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let mut batch = Seen {
            inner: self.inner.batch(lanes)?,
            camera: self.clone(),
            recent: vec![0.0; lanes * self.frames * self.spec.nq],
            state: vec![0.0; self.spec.state_dim()],
            canvas: RefCell::new([Canvas::new(), Canvas::new()]),
        };
        (0..lanes).for_each(|lane| batch.begin(lane));
        Ok(Box::new(batch))
    }

    fn preferred_lanes(&self) -> usize {
        self.inner.preferred_lanes()
    }
}

/// Many lanes. Frames are drawn when somebody looks: a lane remembers positions, not pixels.
#[derive(Debug)]
struct Seen {
    inner: Box<dyn BatchSim>,
    camera: Camera,
    /// Positions of every lane's frames, the newest first, `[lanes, frames, nq]`.
    recent: Vec<f64>,
    /// Scratch: a physical state, `[state_dim]`.
    state: Vec<f64>,
    /// Scratch: two frames, one after the other.
    canvas: RefCell<[Canvas; 2]>,
}

impl Seen {
    /// Positions of a lane's frames.
    fn frames(&self, lane: usize) -> std::ops::Range<usize> {
        let len = self.camera.frames * self.camera.spec.nq;
        lane * len..(lane + 1) * len
    }

    /// The newest frame is the present.
    fn look(&mut self, lane: usize) {
        let (frames, nq) = (self.frames(lane), self.camera.spec.nq);
        self.inner.state(lane, &mut self.state);
        self.recent[frames][..nq].copy_from_slice(&self.state[..nq]);
    }

    /// All frames are the present.
    fn begin(&mut self, lane: usize) {
        let (frames, nq) = (self.frames(lane), self.camera.spec.nq);
        self.inner.state(lane, &mut self.state);
        self.recent[frames].chunks_exact_mut(nq).for_each(|frame| frame.copy_from_slice(&self.state[..nq]));
    }

    fn draw(&self, positions: &[f64], canvas: &mut Canvas) {
        canvas.clear();
        (self.camera.picture.draw)(positions, canvas);
    }
}

impl BatchSim for Seen {
    fn spec(&self) -> &SimSpec {
        &self.camera.spec
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.inner.set_dynamics(lane, phi)
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        self.inner.set_forces(lane, forces)
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        self.inner.set_noise(lane, number);
    }

    fn reward_names(&self) -> &[String] {
        self.inner.reward_names()
    }

    fn reward_terms(&self, lane: usize, out: &mut [f64]) {
        self.inner.reward_terms(lane, out);
    }

    fn complaint(&self, lane: usize) -> Option<String> {
        self.inner.complaint(lane)
    }

    fn failure(&self) -> Option<SimError> {
        self.inner.failure()
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        self.inner.reset(lane, stream);
        self.begin(lane);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        self.inner.set_state(lane, state)?;
        self.begin(lane);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        self.inner.state(lane, out);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        let Camera { spec, frames: channels, .. } = &self.camera;
        let mut frames = self.recent[self.frames(lane)].chunks_exact(spec.nq);
        let mut canvas = self.canvas.borrow_mut();
        let [newer, older] = &mut *canvas;
        if let Some(newest) = frames.next() {
            self.draw(newest, newer);
        }
        for (out, grey) in out.chunks_exact_mut(*channels).zip(newer.pixels()) {
            out[0] = f64::from(*grey);
        }
        for (channel, positions) in frames.enumerate() {
            self.draw(positions, older);
            let pixels = newer.pixels().iter().zip(older.pixels());
            for (out, (newer, older)) in out.chunks_exact_mut(*channels).zip(pixels) {
                out[channel + 1] = f64::from(DIFFERENCE * (newer - older));
            }
            std::mem::swap(newer, older);
        }
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let (inner, own) = out.split_at_mut(self.inner.spec().snapshot_len);
        self.inner.save(lane, inner);
        own.copy_from_slice(&self.recent[self.frames(lane)][self.camera.spec.nq..]);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        let (got, expected) = (snapshot.len(), self.camera.spec.snapshot_len);
        if got != expected {
            return Err(SimError::State { what: "snapshot", expected, got });
        }
        let (inner, own) = snapshot.split_at(self.inner.spec().snapshot_len);
        self.inner.restore(lane, inner)?;
        self.look(lane);
        let (frames, nq) = (self.frames(lane), self.camera.spec.nq);
        self.recent[frames][nq..].copy_from_slice(own);
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        self.inner.step(actions, active, rewards, outcomes);
        let nq = self.camera.spec.nq;
        for lane in (0..active.len()).filter(|&lane| active[lane]) {
            let frames = self.frames(lane);
            let len = frames.len();
            self.recent[frames].copy_within(..len - nq, nq);
            self.look(lane);
        }
    }
}
