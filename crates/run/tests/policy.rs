//! A policy file holds all that acting takes.

use wr2l_rl::{
    Actor, Ddpg, DdpgConfig, Experience, Fixed, HiddenUnits, Learner, NoiseConfig, NoiseKind, Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_run::{PolicyOrigin, VariedParameter, read_policy, write_policy};
use wr2l_sim::{Physics, Simulator, Task, TaskName};

/// Actions for the same raw observations, as bits.
fn actions(actor: &Actor) -> Vec<u32> {
    let mut stream = StreamKey::new(3, Purpose::Test).stream();
    let obs: Vec<f64> = (0..20 * actor.obs_dim()).map(|_| 3.0 * stream.normal()).collect();
    let mut actions = vec![0.0; 20 * actor.act_dim()];
    actor.act(&obs, None, &mut actor.scratch(20), &mut actions, &mut []);
    actions.iter().map(|a| a.to_bits()).collect()
}

#[test]
fn a_policy_that_normalises_and_explored_by_its_weights_acts_from_its_file_as_it_did() {
    let task = Task::new(TaskName::HOPPER);
    let space = task.space().select::<&str>(&[]).unwrap();
    let simulator = Simulator::new(task, None, space).unwrap();
    for kind in [NoiseKind::Gaussian, NoiseKind::OrnsteinUhlenbeck, NoiseKind::Parameters] {
        let config = DdpgConfig {
            rounds: 6,
            warm_up: 50,
            replay: 500,
            minibatch: 16,
            units: HiddenUnits::Tanh,
            noise: NoiseConfig { kind, ..NoiseConfig::default() },
            normalise_observations: true,
            actor_learning_rate: 0.01,
            ..DdpgConfig::default()
        };
        let mut learner = Ddpg::new(config, simulator.spec(), 0, 1).unwrap();
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let source = Fixed(Vec::new());
        for iteration in 0..2 {
            learner.improve(Experience::alone(&mut executor, &source, 1, iteration, 0.0)).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.safetensors");
        let origin = PolicyOrigin {
            task: TaskName::HOPPER.to_string(),
            task_hash: None,
            physics: Physics::available(TaskName::HOPPER)[0],
            algorithm: "ddpg".into(),
            seed: 1,
            steps: 384,
            steps_before: 0,
            varied: VariedParameter::all(&Task::new(TaskName::HOPPER).space()),
        };
        write_policy(&path, learner.actor(), &origin).unwrap();
        let (read, _) = read_policy(&path).unwrap();
        assert_eq!(actions(&read), actions(learner.actor()), "{kind:?}");
        // And it is the normaliser that it needs: without it, it acts otherwise.
        let plain = wr2l_nn::Normaliser::identity(read.obs_dim());
        let (policy, params) = (read.policy().clone(), read.params().to_vec());
        let blind = Actor::new(policy, params, plain, read.action_space().clone()).unwrap();
        assert_ne!(actions(&blind), actions(&read), "{kind:?}");
    }
}
