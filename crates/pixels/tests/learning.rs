//! Learning from images: that it happens, and that it is the same for any number of threads and from any checkpoint.

use wr2l_nn::{Convolution, Convolutions, Image};
use wr2l_pixels::{CART_POLE, Canvas, Picture, SIDE, seen};
use wr2l_rl::{Executor, Experience, Fixed, Learner, Misfit, Ppo, PpoConfig, RlError, Start, State, Threads};
use wr2l_rng::Stream;
use wr2l_sim::{
    ActionSpace, BatchSim, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Simulator, Task, TaskName,
};

/// A lamp on the left or on the right, for one step: whoever says where it is has a reward of 1.
#[derive(Debug)]
struct Lamp(SimSpec);

#[derive(Debug)]
struct Lamps(SimSpec, Vec<f64>);

impl Lamp {
    fn simulator() -> Simulator {
        let spec = SimSpec {
            obs_dim: 1,
            actions: ActionSpace::Discrete { n: 2 },
            nq: 1,
            nv: 0,
            episode_limit: 1,
            dt: 1.0,
            snapshot_len: 1,
            forces: Vec::new(),
            walks: false,
        };
        Simulator::with_engine("lamp", "lamp", DynamicsSpace::new(Vec::new()).unwrap(), Self(spec))
    }
}

impl Engine for Lamp {
    fn spec(&self) -> &SimSpec {
        &self.0
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        Ok(Box::new(Lamps(self.0.clone(), vec![1.0; lanes])))
    }
}

impl BatchSim for Lamps {
    fn spec(&self) -> &SimSpec {
        &self.0
    }

    fn lanes(&self) -> usize {
        self.1.len()
    }

    fn set_dynamics(&mut self, _lane: usize, _phi: &[f64]) -> Result<(), SimError> {
        Ok(())
    }

    fn set_forces(&mut self, _lane: usize, _forces: &[f64]) -> Result<(), SimError> {
        Ok(())
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        self.1[lane] = stream.uniform(-25.0, 25.0);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        self.1[lane] = state[0];
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out[0] = self.1[lane];
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        self.state(lane, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        self.state(lane, out);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        self.set_state(lane, snapshot)
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        for lane in (0..active.len()).filter(|&lane| active[lane]) {
            let right = self.1[lane] > 0.0;
            (rewards[lane], outcomes[lane]) =
                (f64::from(right == (actions[lane] == 1.0)), Outcome::Terminated);
        }
    }
}

const LAMP: Picture = Picture { name: "lamp", positions: 1, draw: lamp };

fn lamp(positions: &[f64], canvas: &mut Canvas) {
    let x = 32.0 + positions[0];
    canvas.bar([x, 20.0], [x, 44.0], 6.0, 1.0);
}

fn convolutions(frames: usize) -> Convolutions {
    let image = Image { height: SIDE, width: SIDE, channels: frames };
    let shapes = [
        Convolution { filters: 4, kernel: 8, stride: 8, padding: 0 },
        Convolution { filters: 8, kernel: 3, stride: 2, padding: 1 },
    ];
    Convolutions::new(image, &shapes).unwrap()
}

fn learner(simulator: &Simulator, frames: usize, minibatches: usize) -> Ppo {
    let config = PpoConfig {
        lanes: 4,
        horizon: 32,
        minibatches,
        epochs: 4,
        learning_rate: 2e-3,
        normalise_observations: false,
        critic_sees_dynamics: true,
        hidden: vec![16],
        ..PpoConfig::default()
    };
    Ppo::over_images(config, simulator.spec(), simulator.space().dim(), &convolutions(frames), 1).unwrap()
}

fn improve(ppo: &mut Ppo, executor: &mut Threads, iteration: u64) -> f64 {
    let source = Fixed(vec![0.0; executor.space().dim()]);
    let done = ppo.improve(Experience::alone(executor, &source, 1, iteration, 0.0)).unwrap();
    done.finished.iter().map(|episode| episode.ret).sum::<f64>() / done.finished.len() as f64
}

fn cart_pole() -> Simulator {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space().select(&["pole_half_length"]).unwrap();
    seen(&Simulator::new(task, None, space).unwrap(), CART_POLE, 2).unwrap()
}

#[test]
fn a_policy_over_images_learns_to_say_where_the_lamp_is() {
    let simulator = seen(&Lamp::simulator(), LAMP, 1).unwrap();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut ppo = learner(&simulator, 1, 4);
    let returns: Vec<f64> = (0..30).map(|i| improve(&mut ppo, &mut executor, i)).collect();
    assert!(returns[0] < 0.75, "chance at first: {returns:?}");
    assert!(returns[27..].iter().all(|ret| *ret > 0.9), "{returns:?}");
}

#[test]
fn one_thread_and_two_learn_the_same_bits_and_a_checkpoint_goes_on_with_them() {
    let simulator = cart_pole();
    let run = |threads: usize, interrupted: bool| {
        let mut executor = Threads::with_lanes(&simulator, threads, 4 / threads).unwrap();
        let mut ppo = learner(&simulator, 2, 2);
        for iteration in 0..4 {
            if interrupted && iteration == 2 {
                let mut state = State::default();
                ppo.save(&mut state);
                let mut state = state.into_owned();
                ppo = learner(&simulator, 2, 2);
                ppo.restore(&mut state).unwrap();
                state.finish().unwrap();
            }
            improve(&mut ppo, &mut executor, iteration);
        }
        ppo.actor().params().iter().map(|p| p.to_bits()).collect::<Vec<u32>>()
    };
    let once = run(1, false);
    assert_eq!(once, run(2, false));
    assert_eq!(once, run(1, true), "frames of episodes that go on are part of a checkpoint");
}

#[test]
fn a_start_with_other_convolutions_is_refused() {
    let simulator = cart_pole();
    let ours = learner(&simulator, 2, 2);
    let image = Image { height: SIDE, width: SIDE, channels: 2 };
    let other =
        Convolutions::new(image, &[Convolution { filters: 2, kernel: 8, stride: 8, padding: 0 }]).unwrap();
    let config = ours.config().clone();
    let (spec, dim) = (simulator.spec(), simulator.space().dim());
    let start = Start { actor: ours.actor(), observations: 10 };
    let mut through_other = Ppo::over_images(config.clone(), spec, dim, &other, 1).unwrap();
    let mut through_none = Ppo::new(config.clone(), spec, dim, 1).unwrap();
    for learner in [&mut through_other, &mut through_none] {
        let error = learner.begin_with(&start).unwrap_err();
        assert_eq!(error, RlError::Misfit(Misfit::Convolutions { learner: "ppo" }));
    }
    learner(&simulator, 2, 2).begin_with(&start).unwrap();

    let wide = Image { channels: 3, ..image };
    let wide =
        Convolutions::new(wide, &[Convolution { filters: 2, kernel: 8, stride: 8, padding: 0 }]).unwrap();
    assert!(matches!(Ppo::over_images(config, spec, dim, &wide, 1), Err(RlError::Network(_))));
}
