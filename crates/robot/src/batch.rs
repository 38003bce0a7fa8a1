//! Batches of a robot's task, on any physics.

use std::sync::Arc;

use wr2l_rng::Stream;
use wr2l_sim::{BatchSim, Divergence, DynamicsSpace, Outcome, SimError, SimSpec, Verdict};

use crate::control_loop::{ControlLoop, NUMBERS};
use crate::effects::Effects;
use crate::input::Input;
use crate::loop_numbers::Reach;
use crate::mover::Mover;
use crate::rules::{Referee, Rig};

/// Where a number that the referee reads comes from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Physical(usize),
    /// How much a physical number changed over the step, by its seconds.
    Progress(usize),
    Action(usize),
    LastAction(usize),
    Time,
}

/// What is asked of the physics, and how the referee's rows follow from it.
#[derive(Clone, Debug)]
pub(crate) struct Readings {
    pub(crate) wanted: Vec<Input>,
    sources: Vec<Source>,
}

impl Readings {
    pub(crate) fn new(inputs: &[Input]) -> Self {
        let mut wanted: Vec<Input> = Vec::new();
        let mut physical = |input: Input| {
            wanted.iter().position(|known| *known == input).unwrap_or_else(|| {
                wanted.push(input);
                wanted.len() - 1
            })
        };
        let sources = inputs
            .iter()
            .map(|input| match *input {
                Input::Action(k) => Source::Action(k),
                Input::LastAction(k) => Source::LastAction(k),
                Input::Time => Source::Time,
                Input::PositionProgress(k) => Source::Progress(physical(Input::Position(k))),
                Input::BodyProgress { body, axis } => {
                    Source::Progress(physical(Input::BodyPosition { body, axis }))
                }
                Input::CentreProgress { body, axis } => {
                    Source::Progress(physical(Input::CentreOfMass { body, axis }))
                }
                other => Source::Physical(physical(other)),
            })
            .collect();
        Self { wanted, sources }
    }
}

/// Shapes and limits of a rig on a physics whose own snapshots have `physics` numbers, with a loop of some reach.
pub(crate) fn spec(rig: &Rig, physics: usize, reach: Reach) -> SimSpec {
    let inventory = rig.model.inventory();
    let act_dim = rig.actions.dim();
    let wanted = Readings::new(rig.rules.inputs()).wanted.len();
    SimSpec {
        obs_dim: rig.rules.obs_dim(),
        actions: rig.actions.clone(),
        nq: inventory.reference.len(),
        nv: inventory.velocities,
        episode_limit: rig.episode_steps,
        dt: rig.step_seconds(),
        snapshot_len: physics + 2 * wanted + 2 * act_dim + 1 + reach.kept(rig) + rig.rules.memory_len(),
        forces: rig.pushed.iter().map(|body| inventory.bodies[*body].name.clone()).collect(),
        walks: rig.walks,
    }
}

/// A batch of lanes of a robot's task.
#[derive(Debug)]
pub(crate) struct RobotBatch<M> {
    mover: M,
    rig: Arc<Rig>,
    spec: SimSpec,
    space: DynamicsSpace,
    readings: Readings,
    referee: Box<dyn Referee>,
    effects: Effects,
    around: ControlLoop,
    /// Bodies that can be pushed from outside, and those that the loop pushes; room for the forces on them, and, of every
    /// lane, those from outside (`[lanes, pushed]`).
    pushable: Vec<usize>,
    forces: Vec<[f64; 3]>,
    outside: Vec<[f64; 3]>,
    lanes: usize,
    /// Dynamics that the lanes hold, `[lanes, dim]`; NaN before they are first set.
    phi: Vec<f64>,
    elapsed: Vec<u32>,
    /// What was read of the physics now and a step before, `[lanes, wanted]`.
    now: Vec<f64>,
    before: Vec<f64>,
    /// Actions of this step and of the one before, `[lanes, act_dim]`.
    action: Vec<f64>,
    last_action: Vec<f64>,
    /// What the referee reads, `[inputs, lanes]`.
    rows: Vec<f64>,
    controls: Vec<f64>,
    moving: Vec<bool>,
    verdicts: Vec<Verdict>,
    /// Room for a state, qpos and qvel.
    room: Vec<f64>,
}

impl<M: Mover> RobotBatch<M> {
    pub(crate) fn new(
        mover: M,
        rig: &Arc<Rig>,
        effects: &Effects,
        spec: &SimSpec,
        space: &DynamicsSpace,
        lanes: usize,
    ) -> Result<Self, SimError> {
        let readings = Readings::new(rig.rules.inputs());
        let (wanted, act_dim) = (readings.wanted.len(), spec.act_dim());
        let around = ControlLoop::new(effects, space, rig, lanes);
        let pushable = [rig.pushed.as_slice(), &around.reach.pushed].concat();
        let mut batch = Self {
            mover,
            effects: effects.clone(),
            forces: vec![[0.0; 3]; pushable.len()],
            outside: vec![[0.0; 3]; lanes * rig.pushed.len()],
            pushable,
            around,
            referee: rig.rules.referee(lanes),
            lanes,
            phi: vec![f64::NAN; lanes * space.dim()],
            elapsed: vec![0; lanes],
            now: vec![0.0; lanes * wanted],
            before: vec![0.0; lanes * wanted],
            action: vec![0.0; lanes * act_dim],
            last_action: vec![0.0; lanes * act_dim],
            rows: vec![0.0; lanes * rig.rules.inputs().len()],
            controls: vec![0.0; lanes * rig.drives.len()],
            moving: vec![false; lanes],
            verdicts: vec![Verdict { reward: 0.0, terminated: false }; lanes],
            room: vec![0.0; spec.state_dim()],
            readings,
            rig: Arc::clone(rig),
            spec: spec.clone(),
            space: space.clone(),
        };
        let nominal = batch.space.nominal();
        for lane in 0..lanes {
            batch.set_dynamics(lane, &nominal)?;
            batch.room = [rig.start.0.as_slice(), &rig.start.1].concat();
            batch.begin(lane, None);
        }
        Ok(batch)
    }

    /// Starts an episode in the state that stands in `room`.
    fn begin(&mut self, lane: usize, stream: Option<&mut Stream>) {
        let (qpos, qvel) = self.room.split_at(self.spec.nq);
        self.mover.start(lane, qpos, qvel);
        self.mover.settle(lane);
        self.depart(lane);
        let act_dim = self.spec.act_dim();
        self.action[lane * act_dim..][..act_dim].fill(0.0);
        self.last_action[lane * act_dim..][..act_dim].fill(0.0);
        let wanted = self.readings.wanted.len();
        let now = &mut self.now[lane * wanted..][..wanted];
        self.mover.read(lane, &self.readings.wanted, now);
        self.before[lane * wanted..][..wanted].copy_from_slice(now);
        self.fill(lane);
        let Some(stream) = stream else { return self.referee.start(&self.rows, lane, None) };
        self.referee.start(&self.rows, lane, Some(&mut *stream));
        // After all that is drawn without it: the loop's noise moves no other number.
        if self.around.is_random() {
            self.around.set_number(lane, stream.below(NUMBERS) as u64);
        }
    }

    /// Starts what acts on a lane: no forces from outside, no control on its way.
    fn depart(&mut self, lane: usize) {
        self.outside(lane).fill([0.0; 3]);
        self.around.begin(lane);
        self.elapsed[lane] = 0;
    }

    fn outside(&mut self, lane: usize) -> &mut [[f64; 3]] {
        let pushed = self.rig.pushed.len();
        &mut self.outside[lane * pushed..][..pushed]
    }

    /// Hands the forces from outside, and the loop's pushes at a step, to the physics.
    fn push(&mut self, lane: usize, step: u32) {
        let pushed = self.rig.pushed.len();
        let (outside, pushes) = self.forces.split_at_mut(pushed);
        outside.copy_from_slice(&self.outside[lane * pushed..][..pushed]);
        self.around.pushes(lane, step, pushes);
        self.mover.set_forces(lane, &self.pushable, &self.forces);
    }

    /// Takes the actions of a step, and decides who moves: a lane whose action is not finite stays, and has diverged.
    fn send(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let (act_dim, drives) = (self.spec.act_dim(), self.rig.drives.len());
        for lane in 0..self.lanes {
            let action = &actions[lane * act_dim..][..act_dim];
            let finite = action.iter().all(|a| a.is_finite());
            self.moving[lane] = active[lane] && finite;
            if active[lane] && !finite {
                (rewards[lane], outcomes[lane]) = (0.0, Outcome::Diverged(Divergence::Action));
            }
            if self.moving[lane] {
                let controls = &mut self.controls[lane * drives..][..drives];
                for (control, drive) in controls.iter_mut().zip(&self.rig.drives) {
                    *control = drive.control(action);
                }
                self.around.send(lane, self.elapsed[lane], controls);
                if !self.around.reach.pushed.is_empty() {
                    self.push(lane, self.elapsed[lane]);
                }
            }
        }
    }

    /// Takes a step of the task, with controls that arrive as the loop lets them.
    fn advance(&mut self) {
        if self.around.reach.late == 0 {
            self.mover.advance(&self.controls, &self.moving, self.rig.frame_skip);
        } else {
            let drives = self.rig.drives.len();
            for substep in 0..self.rig.frame_skip {
                for lane in (0..self.lanes).filter(|lane| self.moving[*lane]) {
                    self.around.arrived(lane, substep, &mut self.controls[lane * drives..][..drives]);
                }
                self.mover.advance(&self.controls, &self.moving, 1);
            }
        }
    }

    /// Writes a lane's column.
    fn fill(&mut self, lane: usize) {
        let (wanted, act_dim) = (self.readings.wanted.len(), self.spec.act_dim());
        let (now, before) = (&self.now[lane * wanted..][..wanted], &self.before[lane * wanted..][..wanted]);
        for (row, source) in self.rows.chunks_exact_mut(self.lanes).zip(&self.readings.sources) {
            row[lane] = match *source {
                Source::Physical(i) => now[i],
                Source::Progress(i) => (now[i] - before[i]) / self.spec.dt,
                Source::Action(k) => self.action[lane * act_dim + k],
                Source::LastAction(k) => self.last_action[lane * act_dim + k],
                Source::Time => f64::from(self.elapsed[lane]) * self.spec.dt,
            };
        }
    }

    /// The parts of a snapshot after that of the physics.
    fn parts(&self, lane: usize) -> [std::ops::Range<usize>; 2] {
        let (wanted, act_dim) = (self.readings.wanted.len(), self.spec.act_dim());
        [lane * wanted..(lane + 1) * wanted, lane * act_dim..(lane + 1) * act_dim]
    }
}

fn check_numbers(what: &'static str, values: &[f64], expected: usize) -> Result<(), SimError> {
    let finite = values.iter().filter(|value| value.is_finite()).count();
    if values.len() == expected && finite == expected {
        return Ok(());
    }
    let got = if values.len() == expected { finite } else { values.len() };
    Err(SimError::State { what, expected, got })
}

impl<M: Mover> BatchSim for RobotBatch<M> {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        let held = &mut self.phi[lane * phi.len()..][..phi.len()];
        if !phi.is_empty() && held == phi {
            return Ok(());
        }
        self.mover
            .set_phi(lane, phi)
            .map_err(|reason| SimError::Model { task: self.rig.name.clone(), reason })?;
        held.copy_from_slice(phi);
        self.around.set_phi(lane, &self.effects, phi);
        if self.around.reach.sensed {
            self.referee.set_noise_sizes(lane, self.around.noise(lane));
        }
        Ok(())
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check_numbers("forces", forces, 2 * self.rig.pushed.len())?;
        for (own, force) in self.outside(lane).iter_mut().zip(forces.chunks_exact(2)) {
            *own = [force[0], 0.0, force[1]];
        }
        self.push(lane, self.elapsed[lane]);
        Ok(())
    }

    fn set_noise(&mut self, lane: usize, number: u64) {
        let number = number % NUMBERS as u64;
        self.around.set_number(lane, number);
        self.referee.set_noise(lane, number);
    }

    fn reward_names(&self) -> &[String] {
        self.referee.reward_names()
    }

    fn reward_terms(&self, lane: usize, out: &mut [f64]) {
        self.referee.reward_terms(lane, out);
    }

    fn complaint(&self, lane: usize) -> Option<String> {
        // Where the physics broke down, what terms make of its state means nothing.
        if self.mover.failure(lane).is_some() { None } else { self.referee.complaint(lane) }
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let (qpos, qvel) = self.room.split_at_mut(self.spec.nq);
        qpos.copy_from_slice(&self.rig.start.0);
        qvel.copy_from_slice(&self.rig.start.1);
        self.rig.rules.draw_start(stream, qpos, qvel);
        self.begin(lane, Some(stream));
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check_numbers("state", state, self.spec.state_dim())?;
        self.room.copy_from_slice(state);
        self.begin(lane, None);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        let (qpos, qvel) = out.split_at_mut(self.spec.nq);
        self.mover.state(lane, qpos, qvel);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.referee.observe(lane, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let [read, acted] = self.parts(lane);
        let memory = self.rig.rules.memory_len();
        let tail = 2 * read.len() + 2 * acted.len() + 1 + self.around.reach.kept(&self.rig) + memory;
        let (physics, mut out) = out.split_at_mut(out.len() - tail);
        self.mover.save(lane, physics);
        let parts = [
            &self.now[read.clone()],
            &self.before[read],
            &self.action[acted.clone()],
            &self.last_action[acted],
            &[f64::from(self.elapsed[lane])],
        ];
        for part in parts {
            let (own, rest) = out.split_at_mut(part.len());
            own.copy_from_slice(part);
            out = rest;
        }
        let (around, memory) = out.split_at_mut(out.len() - memory);
        self.around.save(lane, around);
        self.referee.save(lane, memory);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, self.spec.snapshot_len)?;
        let [read, acted] = self.parts(lane);
        let memory = self.rig.rules.memory_len();
        let tail = 2 * read.len() + 2 * acted.len() + 1 + self.around.reach.kept(&self.rig) + memory;
        let (physics, mut from) = snapshot.split_at(snapshot.len() - tail);
        self.mover.restore(lane, physics);
        self.outside(lane).fill([0.0; 3]);
        let mut elapsed = [0.0];
        let parts: [&mut [f64]; 5] = [
            &mut self.now[read.clone()],
            &mut self.before[read],
            &mut self.action[acted.clone()],
            &mut self.last_action[acted],
            &mut elapsed,
        ];
        for part in parts {
            let (own, rest) = from.split_at(part.len());
            part.copy_from_slice(own);
            from = rest;
        }
        self.elapsed[lane] = elapsed[0] as u32;
        self.fill(lane);
        let (around, memory) = from.split_at(from.len() - memory);
        self.around.restore(lane, around);
        self.referee.restore(lane, memory, &self.rows);
        Ok(())
    }

    fn step_from(
        &mut self,
        states: &[f64],
        noise: u64,
        actions: &[f64],
        active: &[bool],
        rewards: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), SimError> {
        let state_dim = self.spec.state_dim();
        for (lane, state) in states.chunks(state_dim).enumerate() {
            check_numbers("state", state, state_dim)?;
            let (qpos, qvel) = state.split_at(self.spec.nq);
            self.mover.start(lane, qpos, qvel);
            self.depart(lane);
            self.around.set_number(lane, (noise + lane as u64) % NUMBERS as u64);
        }
        self.send(actions, active, rewards, outcomes);
        self.advance();
        for lane in (0..self.lanes).filter(|lane| self.moving[*lane]) {
            outcomes[lane] = self.mover.failure(lane).map_or(Outcome::Running, Outcome::Diverged);
        }
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let (act_dim, wanted) = (self.spec.act_dim(), self.readings.wanted.len());
        self.send(actions, active, rewards, outcomes);
        self.advance();
        self.mover.arrive(&self.moving);
        for lane in 0..self.lanes {
            if !self.moving[lane] {
                continue;
            }
            let range = lane * act_dim..(lane + 1) * act_dim;
            self.last_action[range.clone()].copy_from_slice(&self.action[range.clone()]);
            self.action[range.clone()].copy_from_slice(&actions[range]);
            let range = lane * wanted..(lane + 1) * wanted;
            self.before[range.clone()].copy_from_slice(&self.now[range.clone()]);
            self.mover.read(lane, &self.readings.wanted, &mut self.now[range]);
            self.elapsed[lane] = self.elapsed[lane].saturating_add(1);
            self.fill(lane);
        }
        self.referee.step(&self.rows, &self.moving, &mut self.verdicts);
        for lane in 0..self.lanes {
            if self.moving[lane] {
                (rewards[lane], outcomes[lane]) = self.outcome(lane);
            }
        }
    }
}

impl<M: Mover> RobotBatch<M> {
    /// Divergence comes first, because the verdict then means nothing; a terminal state comes before the time limit.
    fn outcome(&self, lane: usize) -> (f64, Outcome) {
        let Verdict { reward, terminated } = self.verdicts[lane];
        let divergence = self.mover.failure(lane).or((!reward.is_finite()).then_some(Divergence::State));
        match divergence {
            Some(divergence) => (0.0, Outcome::Diverged(divergence)),
            None if terminated => (reward, Outcome::Terminated),
            None if self.elapsed[lane] >= self.spec.episode_limit => (reward, Outcome::Truncated),
            None => (reward, Outcome::Running),
        }
    }
}
