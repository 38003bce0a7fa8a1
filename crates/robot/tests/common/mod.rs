//! What several tests need: a robot of our own, and rules written out in Rust.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wr2l_rng::Stream;
use wr2l_robot::{Draw, Drive, Input, Moment, Op, Quantity, Referee, Rig, RobotModel, Rules, Selector, Vary};
use wr2l_sim::{ActionSpace, Verdict};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lanes/tests/models")
}

pub fn robot(name: &str) -> RobotModel {
    RobotModel::load(&folder().join(format!("{name}.xml"))).unwrap()
}

pub fn vary(name: &str, select: &str, quantity: &str, op: Op, range: [f64; 2]) -> Vary {
    Vary {
        name: name.into(),
        select: vec![Selector::parse(select).unwrap()],
        quantity: Quantity::parse(quantity).unwrap(),
        op,
        each: false,
        range,
        draw: Draw::Uniform,
    }
}

/// Observes every input, pays their sum and a part of the sum of all before, and never ends.
#[derive(Debug)]
pub struct Plain {
    pub inputs: Vec<Input>,
    pub noise: f64,
}

#[derive(Debug)]
struct Watch {
    inputs: usize,
    lanes: usize,
    seen: Vec<f64>,
    memory: Vec<f64>,
}

impl Rules for Plain {
    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn obs_dim(&self) -> usize {
        self.inputs.len()
    }

    fn memory_len(&self) -> usize {
        1
    }

    fn draw_start(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        qpos.iter_mut().chain(qvel).for_each(|x| *x += stream.uniform(-self.noise, self.noise));
    }

    fn referee(&self, lanes: usize) -> Box<dyn Referee> {
        let inputs = self.inputs.len();
        Box::new(Watch { inputs, lanes, seen: vec![0.0; inputs * lanes], memory: vec![0.0; lanes] })
    }
}

impl Watch {
    fn look(&mut self, inputs: &[f64], lane: usize) -> f64 {
        for i in 0..self.inputs {
            self.seen[lane * self.inputs + i] = inputs[i * self.lanes + lane];
        }
        self.seen[lane * self.inputs..][..self.inputs].iter().sum()
    }
}

impl Referee for Watch {
    fn start(&mut self, inputs: &[f64], lane: usize, _stream: Option<&mut Stream>) {
        self.memory[lane] = 0.0;
        self.look(inputs, lane);
    }

    fn step(&mut self, inputs: &[f64], active: &[bool], verdicts: &mut [Verdict]) {
        for lane in (0..self.lanes).filter(|lane| active[*lane]) {
            let sum = self.look(inputs, lane);
            self.memory[lane] = 0.9 * self.memory[lane] + sum;
            verdicts[lane] = Verdict { reward: self.memory[lane], terminated: false };
        }
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.seen[lane * self.inputs..][..self.inputs]);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        out[0] = self.memory[lane];
    }

    fn restore(&mut self, lane: usize, memory: &[f64], inputs: &[f64]) {
        self.memory[lane] = memory[0];
        self.look(inputs, lane);
    }
}

/// All that both engines give of a robot.
pub fn inputs(model: &RobotModel) -> Vec<Input> {
    let inventory = model.inventory();
    let mut inputs: Vec<Input> = (0..inventory.reference.len()).map(Input::Position).collect();
    inputs.extend((0..inventory.velocities).map(Input::Velocity));
    inputs.extend((0..inventory.reference.len()).map(Input::PositionProgress));
    for body in 0..inventory.bodies.len() {
        for axis in 0..3 {
            inputs.push(Input::BodyPosition { body, axis });
            inputs.push(Input::BodyVelocity { body, axis });
            inputs.push(Input::BodySpin { body, axis });
            inputs.push(Input::BodyProgress { body, axis });
            inputs.push(Input::CentreOfMass { body, axis });
            inputs.push(Input::CentreProgress { body, axis });
            inputs.extend((0..3).map(|column| Input::BodyRotation { body, row: axis, column }));
        }
        inputs.extend((0..6).map(|component| Input::TreeVelocity { body, component }));
        inputs.extend((0..10).map(|component| Input::TreeInertia { body, component }));
    }
    for site in 0..inventory.sites.len() {
        inputs.extend((0..3).map(|axis| Input::SitePosition { site, axis }));
    }
    let actions = inventory.actuators.len();
    inputs.extend((0..actions).flat_map(|k| [Input::Action(k), Input::LastAction(k)]));
    inputs.push(Input::Time);
    inputs
}

/// All forces that both engines give of a robot.
pub fn forces(model: &RobotModel) -> Vec<Input> {
    let inventory = model.inventory();
    let bodies = (0..inventory.bodies.len())
        .flat_map(|body| (0..6).map(move |component| Input::ConstraintForce { body, component }));
    let geoms = (0..inventory.geoms.len()).map(|geom| Input::ContactForce { geom });
    let actuators = (0..inventory.actuators.len()).map(Input::ActuatorForce);
    let dofs = (0..inventory.velocities).map(Input::JointForce);
    let constraints = (0..inventory.velocities).map(Input::JointConstraintForce);
    bodies.chain(geoms).chain(actuators).chain(dofs).chain(constraints).collect()
}

/// A rig that drives every actuator and reads `inputs`.
pub fn rig(model: &RobotModel, inputs: Vec<Input>, noise: f64) -> Rig {
    let inventory = model.inventory();
    let count = inventory.actuators.len();
    Rig {
        name: "test".into(),
        model: model.clone(),
        rules: Arc::new(Plain { inputs, noise }),
        actions: ActionSpace::Continuous { low: vec![-1.0; count], high: vec![1.0; count] },
        drives: (0..count).map(|index| Drive::Driven { index, offset: 0.05, scale: 0.8 }).collect(),
        rest: vec![0.0; count],
        frame_skip: 4,
        episode_steps: 1000,
        start: (inventory.reference.clone(), vec![0.0; inventory.velocities]),
        pushed: vec![1],
        walks: false,
        moment: Moment::Reached,
    }
}
