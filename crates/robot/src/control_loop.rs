//! What lies between a policy and its robot: actions that arrive late or inexactly, and pushes from outside.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, DynamicsSpace};

use crate::effects::Effects;
use crate::loop_numbers::{LoopNumbers, Reach};
use crate::rules::{Drive, Rig};

/// Seconds for which a push lasts before another is drawn.
const PUSH_SECONDS: f64 = 0.5;
/// Numbers of noise are below this: an `f64` of a snapshot holds them exactly.
pub(crate) const NUMBERS: usize = 1 << 53;
/// Which of the streams of a noise's number is whose; 0 is left to process noise.
const ACTION_STREAM: u64 = 1;
const PUSH_STREAM: u64 = 2;

impl LoopNumbers {
    fn nominal(rig: &Rig) -> Self {
        let (actuators, bodies) = (rig.drives.len(), rig.model.inventory().bodies.len());
        Self {
            delay: vec![0.0; actuators],
            action_noise: vec![0.0; actuators],
            push: vec![0.0; bodies],
            noise: rig.rules.noise().to_vec(),
        }
    }

    fn copy_from(&mut self, other: &Self) {
        self.delay.copy_from_slice(&other.delay);
        self.action_noise.copy_from_slice(&other.action_noise);
        self.push.copy_from_slice(&other.push);
        self.noise.copy_from_slice(&other.noise);
    }
}

impl Reach {
    pub(crate) fn of(effects: &Effects, space: &DynamicsSpace, rig: &Rig) -> Self {
        let mut reach = effects.reach();
        if reach.late > 0 {
            let mut largest = LoopNumbers::nominal(rig);
            let upper: Vec<f64> = space.parameters().iter().map(|p| p.upper).collect();
            effects.write_loop(&upper, &mut largest);
            let seconds = largest.delay.iter().copied().fold(0.0, f64::max);
            reach.late = (seconds / rig.step_seconds()).floor() as usize + 1;
        }
        reach
    }

    fn is_random(&self) -> bool {
        self.inexact || !self.pushed.is_empty()
    }

    /// Numbers of a snapshot.
    pub(crate) fn kept(&self, rig: &Rig) -> usize {
        let sent = if self.late > 0 { (self.late + 1) * rig.drives.len() } else { 0 };
        sent + usize::from(self.is_random())
    }
}

/// The loops of a batch's lanes.
#[derive(Debug)]
pub(crate) struct ControlLoop {
    pub(crate) reach: Reach,
    nominal: LoopNumbers,
    lanes: Vec<LoopNumbers>,
    step_seconds: f64,
    frame_skip: f64,
    /// Controls until an action arrives.
    rest: Vec<f64>,
    /// Half the range of each control that the policy drives; 0 of the others.
    half_range: Vec<f64>,
    /// Which noise each lane has.
    numbers: Vec<f64>,
    /// Controls of this step and of those before, the newest first, `[lanes, late + 1, actuators]`.
    sent: Vec<f64>,
    /// Steps after which another push is drawn.
    push_steps: u32,
}

impl ControlLoop {
    pub(crate) fn new(effects: &Effects, space: &DynamicsSpace, rig: &Rig, lanes: usize) -> Self {
        let reach = Reach::of(effects, space, rig);
        let nominal = LoopNumbers::nominal(rig);
        let half = |drive: &Drive| match (drive, &rig.actions) {
            (Drive::Driven { index, scale, .. }, ActionSpace::Continuous { low, high }) => {
                0.5 * scale.abs() * (high[*index] - low[*index])
            }
            _ => 0.0,
        };
        let kept = if reach.late > 0 { (reach.late + 1) * rig.drives.len() } else { 0 };
        Self {
            lanes: vec![nominal.clone(); lanes],
            nominal,
            step_seconds: rig.step_seconds(),
            frame_skip: f64::from(rig.frame_skip),
            rest: rig.rest.clone(),
            half_range: rig.drives.iter().map(half).collect(),
            numbers: vec![0.0; lanes],
            sent: vec![0.0; lanes * kept],
            push_steps: (PUSH_SECONDS / rig.step_seconds()).round().max(1.0) as u32,
            reach,
        }
    }

    pub(crate) fn set_phi(&mut self, lane: usize, effects: &Effects, phi: &[f64]) {
        self.lanes[lane].copy_from(&self.nominal);
        effects.write_loop(phi, &mut self.lanes[lane]);
    }

    /// Sizes of the noise of a lane's sensors.
    pub(crate) fn noise(&self, lane: usize) -> &[f64] {
        &self.lanes[lane].noise
    }

    /// Whether episodes need a number for their noise.
    pub(crate) fn is_random(&self) -> bool {
        self.reach.is_random()
    }

    pub(crate) fn set_number(&mut self, lane: usize, number: u64) {
        self.numbers[lane] = number as f64;
    }

    /// Begins an episode, in which no action has been sent.
    pub(crate) fn begin(&mut self, lane: usize) {
        self.numbers[lane] = 0.0;
        let rest = &self.rest;
        Self::sent(&mut self.sent, lane, self.reach.late, rest.len())
            .chunks_exact_mut(rest.len().max(1))
            .for_each(|sent| sent.copy_from_slice(rest));
    }

    fn sent(sent: &mut [f64], lane: usize, late: usize, actuators: usize) -> &mut [f64] {
        let kept = if late > 0 { (late + 1) * actuators } else { 0 };
        &mut sent[lane * kept..][..kept]
    }

    fn stream(&self, lane: usize, whose: u64, when: u32) -> wr2l_rng::Stream {
        let key = StreamKey::new(self.numbers[lane] as u64, Purpose::ProcessNoise);
        key.lane(whose).episode(u64::from(when)).stream()
    }

    /// Sends the controls of a step on their way; noise is added to them.
    pub(crate) fn send(&mut self, lane: usize, step: u32, controls: &mut [f64]) {
        if self.reach.inexact && self.lanes[lane].action_noise.iter().any(|noise| *noise != 0.0) {
            let mut stream = self.stream(lane, ACTION_STREAM, step);
            let noises = self.lanes[lane].action_noise.iter().zip(&self.half_range);
            for (control, (noise, half)) in controls.iter_mut().zip(noises) {
                // Drawn for all: the noise of one hangs on no other's size.
                let drawn = stream.normal();
                if *noise != 0.0 {
                    *control += noise * half * drawn;
                }
            }
        }
        let sent = Self::sent(&mut self.sent, lane, self.reach.late, controls.len());
        if !sent.is_empty() {
            sent.copy_within(..sent.len() - controls.len(), controls.len());
            sent[..controls.len()].copy_from_slice(controls);
        }
    }

    /// The controls that are in force in a step of the physics within the step of the task. One that arrives during it counts
    /// for the share of it that is left, so that what happens is continuous in the delay.
    pub(crate) fn arrived(&self, lane: usize, substep: u32, controls: &mut [f64]) {
        let kept = (self.reach.late + 1) * controls.len();
        let (sent, count) = (&self.sent[lane * kept..][..kept], controls.len());
        for (i, (control, delay)) in controls.iter_mut().zip(&self.lanes[lane].delay).enumerate() {
            let steps = delay / self.step_seconds;
            let whole = (steps.floor() as usize).min(self.reach.late - 1);
            let before = ((steps - whole as f64) * self.frame_skip - f64::from(substep)).clamp(0.0, 1.0);
            let (new, old) = (sent[whole * count + i], sent[(whole + 1) * count + i]);
            *control = if before == 0.0 { new } else { before * old + (1.0 - before) * new };
        }
    }

    /// Writes the pushes of a step (N, in the frame of the world), one for each body of [`Reach::pushed`].
    pub(crate) fn pushes(&self, lane: usize, step: u32, pushes: &mut [[f64; 3]]) {
        pushes.fill([0.0; 3]);
        let size = |body: usize| self.lanes[lane].push[body];
        if self.reach.pushed.iter().all(|body| size(*body) == 0.0) {
            return;
        }
        let mut stream = self.stream(lane, PUSH_STREAM, step / self.push_steps);
        for (push, &body) in pushes.iter_mut().zip(&self.reach.pushed) {
            let [x, y] = [stream.normal(), stream.normal()];
            *push = [size(body) * x, size(body) * y, 0.0];
        }
    }

    /// Writes what a lane keeps ([`Reach::kept`]).
    pub(crate) fn save(&self, lane: usize, out: &mut [f64]) {
        let (number, sent) = out.split_at_mut(usize::from(self.is_random()));
        number.fill(self.numbers[lane]);
        sent.copy_from_slice(&self.sent[lane * sent.len()..][..sent.len()]);
    }

    /// Takes back what [`ControlLoop::save`] wrote.
    pub(crate) fn restore(&mut self, lane: usize, from: &[f64]) {
        let (number, sent) = from.split_at(usize::from(self.is_random()));
        self.numbers[lane] = number.first().copied().unwrap_or(0.0);
        self.sent[lane * sent.len()..][..sent.len()].copy_from_slice(sent);
    }
}
