//! The Hopper's observation, reward and end, in the language of robots of one's own and in Rust, over the same states.

use wr2l::rng::{Purpose, StreamKey};
use wr2l::robot::{Actuator, Body, Input, Inventory, Joint, JointKind, TaskFile, Terms, Work};
use wr2l::run::RunError;
use wr2l::sim::{Task, TaskName};

/// The task after Gymnasium that says what `tasks/hopper.toml` does.
const TASK: &str = "hopper";

/// Positions, velocities, and numbers of an action.
const SIZES: [usize; 3] = [6, 6, 3];
/// Steps of all lanes that are judged in turn.
const STEPS: usize = 64;

/// The robot, as far as expressions read it.
fn robot() -> Inventory {
    let names = ["rootx", "rootz", "rooty", "thigh", "leg", "foot"];
    let joint = |(i, name): (usize, &&str)| Joint {
        name: (*name).into(),
        body: 1,
        kind: if i < 2 { JointKind::Slide } else { JointKind::Hinge },
        position: i,
        velocity: i,
        ..Joint::default()
    };
    let actuator =
        |joint| Actuator { joint: Some(joint), control_range: Some([-1.0, 1.0]), ..Actuator::default() };
    Inventory {
        timestep: 0.002,
        reference: vec![0.0; SIZES[0]],
        velocities: SIZES[1],
        bodies: vec![Body::default(), Body { name: "torso".into(), ..Body::default() }],
        joints: names.iter().enumerate().map(joint).collect(),
        actuators: (3..6).map(actuator).collect(),
        ..Inventory::default()
    }
}

/// States after steps, and what led to them.
struct State {
    qpos: [f64; 6],
    qvel: [f64; 6],
    action: [f64; 3],
    /// The first position before the step.
    before: f64,
}

/// States of a Hopper on its way, of which some have fallen, `[STEPS][lanes]`.
fn states(lanes: usize) -> Vec<Vec<State>> {
    let mut stream = StreamKey::new(1, Purpose::Test).stream();
    let mut state = || {
        let [x, z, pitch] =
            [stream.uniform(0.0, 9.0), stream.uniform(0.65, 1.4), stream.uniform(-0.25, 0.25)];
        let mut qpos = [x, z, pitch, 0.0, 0.0, 0.0];
        qpos[3..].iter_mut().for_each(|angle| *angle = stream.uniform(-2.0, 1.0));
        let mut any = |size: f64| stream.uniform(-size, size);
        let qvel = std::array::from_fn(|_| any(12.0));
        let action = std::array::from_fn(|_| any(1.0));
        State { qpos, qvel, action, before: x - any(0.02) }
    };
    (0..STEPS).map(|_| (0..lanes).map(|_| state()).collect()).collect()
}

/// Judges by compiled expressions, all lanes at once, as a task of one's own does.
pub(super) struct ByExpressions {
    terms: Terms,
    work: Work,
    /// The inputs of each step, `[inputs, lanes]`.
    inputs: Vec<Vec<f64>>,
    /// `[lanes, memory_len]`.
    memory: Vec<f64>,
    observation: Vec<f64>,
}

impl ByExpressions {
    pub(super) fn new(lanes: usize) -> Result<Self, RunError> {
        let wrong = |reason: String| RunError::Usage(reason);
        let file = TaskFile::built_in(TASK).ok_or_else(|| wrong(format!("there is no task `{TASK}`")))?;
        let file = file.map_err(|mistake| wrong(mistake.to_string()))?;
        let terms = Terms::compile(&file, &robot()).map_err(|mistake| wrong(mistake.to_string()))?;
        let dt = terms.timing().seconds;
        let number = |input: &Input, state: &State| match *input {
            Input::Position(i) => Ok(state.qpos[i]),
            Input::Velocity(i) => Ok(state.qvel[i]),
            Input::PositionProgress(i) => Ok((state.qpos[i] - state.before) / dt),
            Input::Action(i) => Ok(state.action[i]),
            ref other => Err(wrong(format!("the Hopper does not read {other:?}"))),
        };
        let table = |states: &Vec<State>| -> Result<Vec<f64>, RunError> {
            let rows = terms.inputs().iter();
            rows.flat_map(|input| states.iter().map(move |state| number(input, state))).collect()
        };
        let inputs = states(lanes).iter().map(table).collect::<Result<Vec<_>, _>>()?;
        let mut memory = vec![0.0; lanes * terms.memory_len()];
        memory.chunks_exact_mut(terms.memory_len()).for_each(|memory| terms.begin(memory, None));
        let observation = vec![0.0; terms.obs_dim()];
        Ok(Self { work: terms.work(lanes), terms, inputs, memory, observation })
    }

    /// Judges and observes every lane in every step.
    pub(super) fn judge(&mut self, mut say: impl FnMut(f64, bool, &[f64])) {
        let Self { terms, work, inputs, memory, observation } = self;
        for inputs in inputs {
            work.inputs_mut().copy_from_slice(inputs);
            terms.evaluate(work);
            for (lane, memory) in memory.chunks_exact_mut(terms.memory_len()).enumerate() {
                terms.remember(work, lane, terms.noise(), memory);
                let sound = terms.fault(work, lane).is_none();
                let reward = if sound { terms.reward(work, lane) } else { f64::NAN };
                terms.observe(memory, observation);
                say(reward, terms.terminated(work, lane), observation);
            }
        }
    }
}

/// Judges by the task's own terms, lane by lane, as the planar physics does.
pub(super) struct ByRust {
    task: Task,
    states: Vec<Vec<State>>,
    observation: Vec<f64>,
}

impl ByRust {
    pub(super) fn new(lanes: usize) -> Self {
        let task = Task::new(TaskName::HOPPER);
        let observation = vec![0.0; task.spec().obs_dim];
        Self { task, states: states(lanes), observation }
    }

    /// Judges and observes every lane in every step.
    pub(super) fn judge(&mut self, mut say: impl FnMut(f64, bool, &[f64])) {
        for State { qpos, qvel, action, before } in self.states.iter().flatten() {
            let verdict = self.task.judge(*before, qpos, qvel, action);
            self.task.observe(qpos, qvel, &mut self.observation);
            say(verdict.reward, verdict.terminated, &self.observation);
        }
    }
}

/// Lane steps that a call of `judge` is.
pub(super) fn lane_steps(lanes: usize) -> usize {
    STEPS * lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_say_the_same_of_every_state_to_the_bit() {
        let lanes = 8;
        let bits = |reward: f64, over: bool, seen: &[f64]| {
            (reward.to_bits(), over, seen.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
        };
        let mut said = [Vec::new(), Vec::new()];
        ByExpressions::new(lanes).unwrap().judge(|reward, over, seen| said[0].push(bits(reward, over, seen)));
        ByRust::new(lanes).judge(|reward, over, seen| said[1].push(bits(reward, over, seen)));
        assert_eq!(said[0].len(), lane_steps(lanes));
        assert_eq!(said[0], said[1]);
        let over = said[0].iter().filter(|(_, over, _)| *over).count();
        assert!(over > 50 && over < lane_steps(lanes) - 50, "{over}");
    }
}
