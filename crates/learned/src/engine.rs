//! A simulator of a learned model.

use wr2l_rng::Stream;
use wr2l_sim::{
    ActionSpace, BatchSim, Divergence, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Simulator,
};

use crate::{LearnedError, LearnedModel};

/// A state with a coordinate beyond this is diverged, as elsewhere.
const LARGEST: f64 = 1e10;

impl LearnedModel {
    /// A simulator of this model, whose dynamics parameters are all of its weights: `name` in tables and journals.
    ///
    /// # Errors
    /// Those of [`LearnedModel::space`].
    pub fn simulator(&self, name: impl Into<String>) -> Result<Simulator, LearnedError> {
        let space = self.space()?;
        let spec = self.task().spec();
        // The elapsed steps follow the state.
        let spec = SimSpec { snapshot_len: spec.state_dim() + 1, forces: Vec::new(), ..spec };
        let identity = format!("{self:?}");
        let engine = Predictor { model: self.clone(), spec, space: space.clone() };
        Ok(Simulator::with_engine(name, identity, space, engine))
    }
}

/// Makes batches of a learned model.
#[derive(Clone, Debug)]
struct Predictor {
    model: LearnedModel,
    spec: SimSpec,
    space: DynamicsSpace,
}

impl Engine for Predictor {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let lane = Lane {
            weights: self.model.weights().to_vec(),
            state: vec![0.0; self.spec.state_dim()],
            elapsed: 0,
        };
        let scratch = vec![0.0; self.model.scratch_len()];
        Ok(Box::new(Predictions { predictor: self.clone(), lanes: vec![lane; lanes], scratch }))
    }
}

/// One lane.
#[derive(Clone, Debug)]
struct Lane {
    /// φ.
    weights: Vec<f64>,
    /// qpos, then qvel.
    state: Vec<f64>,
    elapsed: u32,
}

/// Many lanes, each with its own φ.
#[derive(Debug)]
struct Predictions {
    predictor: Predictor,
    lanes: Vec<Lane>,
    scratch: Vec<f64>,
}

/// Refuses what is not `expected` finite numbers.
fn check(what: &'static str, values: &[f64], expected: usize) -> Result<(), SimError> {
    let finite = values.iter().filter(|value| value.is_finite()).count();
    match values.len() == expected && finite == expected {
        true => Ok(()),
        false => Err(SimError::State { what, expected, got: finite.min(values.len()) }),
    }
}

impl BatchSim for Predictions {
    fn spec(&self) -> &SimSpec {
        &self.predictor.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.predictor.space.check(phi)?;
        self.lanes[lane].weights.copy_from_slice(phi);
        Ok(())
    }

    fn set_forces(&mut self, _lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check("forces", forces, 0)
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let lane = &mut self.lanes[lane];
        let (qpos, qvel) = lane.state.split_at_mut(self.predictor.spec.nq);
        self.predictor.model.task().draw_initial_state(stream, qpos, qvel);
        lane.elapsed = 0;
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check("state", state, self.predictor.spec.state_dim())?;
        let lane = &mut self.lanes[lane];
        lane.state.copy_from_slice(state);
        lane.elapsed = 0;
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.lanes[lane].state);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        let (qpos, qvel) = self.lanes[lane].state.split_at(self.predictor.spec.nq);
        self.predictor.model.task().observe(qpos, qvel, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let lane = &self.lanes[lane];
        let (state, elapsed) = out.split_at_mut(lane.state.len());
        state.copy_from_slice(&lane.state);
        elapsed[0] = f64::from(lane.elapsed);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check("snapshot", snapshot, self.predictor.spec.snapshot_len)?;
        let (state, elapsed) = snapshot.split_at(self.predictor.spec.state_dim());
        self.set_state(lane, state)?;
        self.lanes[lane].elapsed = elapsed[0] as u32;
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let Self { predictor: Predictor { model, spec, .. }, lanes, scratch } = self;
        for (i, lane) in lanes.iter_mut().enumerate().filter(|(i, _)| active[*i]) {
            let action = &actions[i * spec.act_dim()..][..spec.act_dim()];
            let sound = match spec.actions {
                ActionSpace::Discrete { n } => (0..n).any(|choice| action[0] == choice as f64),
                ActionSpace::Continuous { .. } => action.iter().all(|a| a.is_finite()),
            };
            if !sound {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let previous_x = lane.state[0];
            model.step(&lane.weights, &mut lane.state, action, scratch);
            lane.elapsed = lane.elapsed.saturating_add(1);
            let (qpos, qvel) = lane.state.split_at(spec.nq);
            let verdict = model.task().judge(previous_x, qpos, qvel, action);
            let bounded = lane.state.iter().all(|value| value.abs() <= LARGEST);
            (rewards[i], outcomes[i]) = match (bounded && verdict.reward.is_finite(), verdict.terminated) {
                (false, _) => (0.0, Outcome::Diverged(Divergence::State)),
                (true, true) => (verdict.reward, Outcome::Terminated),
                (true, false) if lane.elapsed >= spec.episode_limit => (verdict.reward, Outcome::Truncated),
                (true, false) => (verdict.reward, Outcome::Running),
            };
        }
    }
}
