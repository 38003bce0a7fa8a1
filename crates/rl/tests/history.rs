//! A policy with a history sees exactly the last differences of observations and the last actions of its episode.

use wr2l_nn::{Adam, AdamConfig, Mlp, Policy, RunningMoments};
use wr2l_rl::{
    Acting, Actor, CollectOptions, Ddpg, DdpgConfig, Disturbance, DynamicsSource, EpisodeJob, EpisodeOptions,
    Executor, Experience, Fixed, History, Interference, LaneActor, LaneBatch, Lanes, Learner, Opposition,
    Player, Players, Ppo, PpoConfig, RlError, Stretch, Threads, Trpo, TrpoConfig,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Outcome, SimError, Simulator, Task, TaskName};

const SEED: u64 = 3;

fn simulator(task: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// A fresh policy of the task, whose inputs go through a normaliser that is not the identity.
fn actor(simulator: &Simulator, frames: usize, seed: u64) -> Actor {
    let ppo = Ppo::with_history(PpoConfig::default(), simulator.spec(), 0, frames, seed).unwrap();
    let fresh = ppo.actor();
    let mut moments = RunningMoments::new(fresh.input_dim());
    let mut stream = StreamKey::new(seed, Purpose::Test).stream();
    for _ in 0..5 {
        let row: Vec<f64> = (0..fresh.input_dim()).map(|_| stream.normal()).collect();
        moments.update(&row).unwrap();
    }
    let (policy, params) = (fresh.policy().clone(), fresh.params().to_vec());
    let actor = Actor::new(policy, params, moments.normaliser(10.0), simulator.spec().actions.clone());
    actor.unwrap().with_history(frames).unwrap()
}

/// Other dynamics for every episode, in every batch from `0` on.
#[derive(Debug)]
struct Varied(f64);

impl DynamicsSource for Varied {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(5, Purpose::Dynamics).lane(lane).episode(episode).stream();
        out.fill_with(|| self.0 + stream.uniform(-0.2, 0.2));
    }
}

fn options(iteration: u64, steps: usize, random_actions: f64) -> CollectOptions {
    CollectOptions {
        seed: SEED,
        iteration,
        stretch: Stretch::Steps(steps),
        discount: 0.99,
        acting: Acting::Sample,
        random_actions,
    }
}

/// The inputs after t steps of an episode, from all that happened in it.
fn inputs(frames: usize, observations: &[Vec<f64>], actions: &[Vec<f64>]) -> Vec<f64> {
    let t = observations.len() - 1;
    let mut inputs = observations[t].clone();
    for i in 1..=frames {
        if i > t {
            inputs.resize(inputs.len() + observations[0].len() + actions.first().map_or(0, Vec::len), 0.0);
            continue;
        }
        let (later, earlier) = (&observations[t - i + 1], &observations[t - i]);
        inputs.extend(later.iter().zip(earlier).map(|(later, earlier)| later - earlier));
        inputs.extend(&actions[t - i]);
    }
    inputs
}

/// One lane, lived through again by hand along the actions that a learner recorded.
struct Witness<'a> {
    simulator: &'a Simulator,
    sim: Box<dyn wr2l_sim::BatchSim>,
    actor: &'a Actor,
    lane: u64,
    random_actions: f64,
    episode: u64,
    z: Vec<f64>,
    observations: Vec<Vec<f64>>,
    actions: Vec<Vec<f64>>,
}

impl<'a> Witness<'a> {
    fn new(simulator: &'a Simulator, actor: &'a Actor, lane: u64, random_actions: f64) -> Self {
        let sim = simulator.batch(1).unwrap();
        let (observations, actions, z) = (Vec::new(), Vec::new(), Vec::new());
        Self { simulator, sim, actor, lane, random_actions, episode: 0, z, observations, actions }
    }

    fn look(&mut self) {
        let mut observation = vec![0.0; self.simulator.spec().obs_dim];
        self.sim.observe(0, &mut observation);
        self.observations.push(observation);
    }

    fn start(&mut self, source: &dyn DynamicsSource) {
        self.z.resize(self.simulator.space().dim(), 0.0);
        source.z(self.lane, self.episode, &mut self.z);
        self.sim.set_dynamics(0, &self.simulator.space().physical(&self.z)).unwrap();
        let key = StreamKey::new(SEED, Purpose::Reset).lane(self.lane).episode(self.episode);
        self.sim.reset(0, &mut key.stream());
        self.observations.clear();
        self.actions.clear();
        self.look();
    }

    /// What the policy is to see now.
    fn seen(&self) -> Vec<f32> {
        let frames = self.actor.history().frames();
        let mut raw = inputs(frames, &self.observations, &self.actions);
        raw.resize(self.actor.input_dim(), 0.0);
        let mut seen = vec![0.0; raw.len()];
        self.actor.normaliser().apply(&raw, &mut seen);
        seen
    }

    /// Compares a batch with what it should be.
    fn compare(&mut self, source: &dyn DynamicsSource, iteration: u64, batch: &LaneBatch) {
        if self.observations.is_empty() {
            self.start(source);
        }
        let mut z = self.z.clone();
        source.z(self.lane, self.episode, &mut z);
        if z != self.z {
            self.episode += 1;
            self.start(source);
        }
        let (width, act_dim) = (self.actor.input_dim(), self.actor.act_dim());
        let key = StreamKey::new(SEED, Purpose::RandomAction).iteration(iteration).lane(self.lane);
        let mut chance = key.stream();
        let mut successors = batch.successor_steps.iter().zip(batch.successors.chunks_exact(width));
        let steps = batch.outcomes.len();
        assert_eq!(batch.inputs.len(), steps * width);
        for t in 0..steps {
            assert_eq!(batch.inputs[t * width..][..width], self.seen(), "lane {}, step {t}", self.lane);
            let mut action = vec![0.0; act_dim];
            self.actor.clip(&batch.actions[t * act_dim..][..act_dim], &mut action);
            self.actions.push(action.clone());
            if self.random_actions > 0.0 && chance.uniform(0.0, 1.0) < self.random_actions {
                self.actor.action_space().draw(|low, high| chance.uniform(low, high), &mut action);
            }
            let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
            self.sim.step(&action, &[true], &mut reward, &mut outcome);
            assert_eq!((reward[0], outcome[0]), (batch.rewards[t], batch.outcomes[t]));
            self.look();
            if outcome[0] == Outcome::Truncated || (t + 1 == steps && outcome[0] == Outcome::Running) {
                let (step, successor) = successors.next().unwrap();
                assert_eq!((*step, successor), (t, self.seen().as_slice()), "successor of step {t}");
            }
            if outcome[0].is_over() {
                self.episode += 1;
                self.start(source);
            }
        }
        assert_eq!(successors.next(), None);
    }
}

#[test]
fn a_policy_sees_the_last_differences_and_actions_of_its_episode_and_nothing_before() {
    // Episodes that end by themselves, that are dropped in their middle, and (the last) that end by the time limit.
    let cases = [
        (TaskName::CARTPOLE, "pole_half_length", 41, 0.0),
        (TaskName::CARTPOLE, "pole_half_length", 41, 0.3),
        (TaskName::HOPPER, "friction", 37, 0.2),
        (TaskName::INVERTED_PENDULUM, "pole_length", 23, 0.0),
        (TaskName::HALF_CHEETAH, "friction", 507, 0.0),
    ];
    for (task, vary, steps, random_actions) in cases {
        let simulator = simulator(task, &[vary]);
        for frames in [0, 1, 4] {
            let actor = actor(&simulator, frames, 7);
            // More lanes than places: they pass from worker to worker.
            let mut executor = Threads::with_lanes(&simulator, 2, 1).unwrap();
            let mut lanes = Lanes::new(3, simulator.spec(), 1).with_history(actor.history());
            let witness = |lane| Witness::new(&simulator, &actor, lane, random_actions);
            let mut witnesses: Vec<_> = (0..3).map(witness).collect();
            let mut dropped = 0;
            for (iteration, centre) in [0.0, 0.0, 0.1].into_iter().enumerate() {
                let (source, mut batch) = (Varied(centre), Vec::new());
                let options = options(iteration as u64, steps, random_actions);
                executor.collect(Players::alone(&actor), &source, &mut lanes, options, &mut batch).unwrap();
                for (witness, batch) in witnesses.iter_mut().zip(&batch) {
                    witness.compare(&source, iteration as u64, batch);
                    dropped += batch.dropped;
                }
            }
            assert!(dropped > 0, "{task}: no episode was dropped");
            assert!(witnesses.iter().any(|witness| witness.episode > 0), "{task}: no episode ended");
        }
    }
}

#[test]
fn a_time_limit_is_bootstrapped_with_the_history_at_its_end() {
    let simulator = simulator(TaskName::HALF_CHEETAH, &[]);
    let actor = actor(&simulator, 2, 7);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut lanes = Lanes::new(1, simulator.spec(), 0).with_history(actor.history());
    let (source, mut batch) = (Fixed(Vec::new()), Vec::new());
    executor.collect(Players::alone(&actor), &source, &mut lanes, options(0, 1003, 0.0), &mut batch).unwrap();
    assert_eq!(batch[0].outcomes[999], Outcome::Truncated);
    assert_eq!(batch[0].successor_steps, [999, 1002]);
    let mut witness = Witness::new(&simulator, &actor, 0, 0.0);
    witness.compare(&source, 0, &batch[0]);
    assert_eq!(witness.episode, 1);
}

#[test]
fn the_agent_remembers_the_action_that_counted_where_an_opponents_is_mixed_in() {
    let simulator = simulator(TaskName::HALF_CHEETAH, &[]);
    let agent = actor(&simulator, 2, 7);
    for opponent in [actor(&simulator, 2, 8), actor(&simulator, 0, 8)] {
        for means in [Interference::TakeOver { alpha: 0.4 }, Interference::Blend { alpha: 0.4 }] {
            let disturbance = Some(Disturbance { actor: &opponent, means, explores: true });
            let players = Players { agent: &agent, disturbance, learner: Player::Agent };
            let mut executor = Threads::with_lanes(&simulator, 1, 2).unwrap();
            let mut lanes = Lanes::new(2, simulator.spec(), 0).with_history(agent.history());
            let (source, mut batch) = (Fixed(Vec::new()), Vec::new());
            executor.collect(players, &source, &mut lanes, options(0, 20, 0.0), &mut batch).unwrap();
            for (lane, batch) in batch.iter().enumerate() {
                Witness::new(&simulator, &agent, lane as u64, 0.0).compare(&source, 0, batch);
            }
        }
    }
}

#[test]
fn whoever_steps_by_hand_comes_to_the_return_of_the_workers_to_the_bit() {
    for (task, vary) in [(TaskName::CARTPOLE, "pole_half_length"), (TaskName::HOPPER, "friction")] {
        let simulator = simulator(task, &[vary]);
        let z = [0.1, -0.1];
        for (frames, stochastic) in [(0, true), (3, true), (3, false)] {
            let actor = actor(&simulator, frames, 7);
            let jobs: Vec<EpisodeJob> = (0..6)
                .map(|i| EpisodeJob {
                    dynamics: i as usize % 2,
                    reset: StreamKey::new(1, Purpose::Reset).episode(i),
                    action: StreamKey::new(1, Purpose::Action).episode(i),
                })
                .collect();
            let run = |threads, lanes| {
                let mut executor = Threads::with_lanes(&simulator, threads, lanes).unwrap();
                let options = EpisodeOptions { stochastic, discount: 1.0 };
                executor.episodes(&actor, &z, &jobs, options).unwrap()
            };
            let results = run(1, 1);
            assert!(results == run(2, 1) && results == run(1, 4) && results == run(2, 3), "{task}");
            let mut sim = simulator.batch(1).unwrap();
            let mut by_hand = LaneActor::new(&actor);
            let mut observation = vec![0.0; simulator.spec().obs_dim];
            for (job, result) in jobs.iter().zip(&results) {
                sim.set_dynamics(0, &simulator.space().physical(&z[job.dynamics..][..1])).unwrap();
                sim.reset(0, &mut job.reset.stream());
                by_hand.begin();
                let mut stream = job.action.stream();
                let (mut rewards, mut outcomes, mut ret) = ([0.0], [Outcome::Running], 0.0);
                while !outcomes[0].is_over() {
                    sim.observe(0, &mut observation);
                    let action = by_hand.act(&observation, stochastic.then_some(&mut stream));
                    sim.step(action, &[true], &mut rewards, &mut outcomes);
                    ret += rewards[0];
                }
                assert_eq!(ret.to_bits(), result.ret.to_bits(), "{task}, {frames} frames");
            }
        }
    }
}

/// Learners of every kind with a history, small.
fn learners(simulator: &Simulator, frames: usize) -> Vec<Box<dyn Learner>> {
    let (spec, dim) = (simulator.spec(), simulator.space().dim());
    let of_ppo = PpoConfig { lanes: 5, horizon: 32, minibatches: 4, ..PpoConfig::default() };
    let informed = PpoConfig { critic_sees_dynamics: true, ..of_ppo.clone() };
    let of_trpo = TrpoConfig { lanes: 5, horizon: 32, ..TrpoConfig::default() };
    let of_td3 = DdpgConfig {
        lanes: 5,
        horizon: 4,
        rounds: 4,
        warm_up: 20,
        replay: 100,
        minibatch: 8,
        critic_sees_dynamics: true,
        ..DdpgConfig::td3()
    };
    vec![
        Box::new(Ppo::with_history(of_ppo, spec, dim, frames, 11).unwrap()),
        Box::new(Ppo::with_history(informed, spec, dim, frames, 11).unwrap()),
        Box::new(Trpo::with_history(of_trpo, spec, dim, frames, 11).unwrap()),
        Box::new(Ddpg::with_history(of_td3, spec, dim, frames, 11).unwrap()),
    ]
}

#[test]
fn learners_with_a_history_have_the_same_bits_for_any_threads_and_grouping_and_see_it() {
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &["pole_length"]);
    let train = |frames, threads, grouping| -> Vec<Vec<u32>> {
        let mut executor = Threads::with_lanes(&simulator, threads, grouping).unwrap();
        let trained = learners(&simulator, frames).into_iter().map(|mut learner| {
            for iteration in 0..4 {
                let source = Varied(0.1 * (iteration / 2) as f64);
                learner.improve(Experience::alone(&mut executor, &source, 11, iteration, 0.0)).unwrap();
            }
            assert_eq!(learner.actor().history().frames(), frames);
            learner.actor().params().iter().map(|p| p.to_bits()).collect()
        });
        trained.collect()
    };
    let reference = train(2, 1, 1);
    for (threads, grouping) in [(2, 1), (3, 2), (1, 4)] {
        assert!(reference == train(2, threads, grouping), "{threads} threads, {grouping} lanes a simulator");
    }
    let width = |params: &[Vec<u32>]| params.iter().map(Vec::len).collect::<Vec<_>>();
    let (without, with) = (width(&train(0, 1, 1)), width(&reference));
    for (without, with) in without.iter().zip(with) {
        // Two frames of four differences and one action, into 64 units.
        assert_eq!(with, without + 2 * 5 * 64);
    }
}

/// A policy that pushes the task's bodies.
fn pusher(simulator: &Simulator, frames: usize) -> Actor {
    let forces = 2 * simulator.spec().forces.len();
    let history = History::new(frames, simulator.spec().obs_dim, forces).unwrap();
    let policy = Policy::gaussian(history.inputs(), &[16], forces).unwrap();
    let mut params = vec![0.0; policy.parameters()];
    policy.initialise(&mut StreamKey::new(4, Purpose::Test).stream(), &mut params);
    let actions = ActionSpace::Continuous { low: vec![-1.0; forces], high: vec![1.0; forces] };
    let normaliser = wr2l_nn::Normaliser::identity(history.inputs());
    Actor::new(policy, params, normaliser, actions).unwrap().with_history(frames).unwrap()
}

#[test]
fn an_agent_with_a_history_is_pushed_by_a_policy_that_has_none_and_one_that_has_is_refused() {
    let simulator = simulator(TaskName::HOPPER, &[]);
    let config = TrpoConfig { lanes: 3, horizon: 60, ..TrpoConfig::default() };
    let agent = || Trpo::with_history(config.clone(), simulator.spec(), 0, 2, 5).unwrap();
    let train = |learner: &mut Trpo, opposition: Opposition<'_>, threads| {
        let mut executor = Threads::with_lanes(&simulator, threads, 2).unwrap();
        let source = Fixed(Vec::new());
        for iteration in 0..3 {
            let experience = Experience::alone(&mut executor, &source, 5, iteration, 0.0);
            learner.improve(Experience { opposition, ..experience })?;
        }
        Ok::<_, RlError>(learner.actor().params().iter().map(|p| p.to_bits()).collect::<Vec<_>>())
    };
    let by = pusher(&simulator, 0);
    let alone = train(&mut agent(), Opposition::Nobody, 1).unwrap();
    assert_eq!(alone, train(&mut agent(), Opposition::Pushed { by: &by, bound: 0.0 }, 2).unwrap());
    let pushed = train(&mut agent(), Opposition::Pushed { by: &by, bound: 5.0 }, 1).unwrap();
    assert_eq!(pushed, train(&mut agent(), Opposition::Pushed { by: &by, bound: 5.0 }, 2).unwrap());
    assert_ne!(alone, pushed);

    // The one who pushes learns from observations, while the agent remembers.
    let agent = agent();
    let history = agent.actor().history();
    let push = || Trpo::pusher(config.clone(), simulator.spec(), 0, 5).unwrap().facing(history);
    let opposition = Opposition::Pushing { agent: agent.actor(), bound: 5.0 };
    let mut learner = push();
    let pushing = train(&mut learner, opposition, 1).unwrap();
    assert_eq!(pushing, train(&mut push(), opposition, 3).unwrap());
    assert_eq!(learner.actor().input_dim(), simulator.spec().obs_dim);

    let remembers = pusher(&simulator, 1);
    let error = train(&mut self::agent(&simulator), Opposition::Pushed { by: &remembers, bound: 5.0 }, 1);
    assert_eq!(error, Err(RlError::OpponentRemembers { frames: 1 }));
    let error = train(&mut Trpo::pusher(config.clone(), simulator.spec(), 0, 5).unwrap(), opposition, 1);
    assert!(matches!(error, Err(RlError::Sim(SimError::State { expected: 28, got: 0, .. }))), "{error:?}");
}

#[test]
#[should_panic(expected = "remembers nothing, or what the agent does")]
fn an_opponent_with_another_history_than_the_agents_is_no_company() {
    let simulator = simulator(TaskName::HALF_CHEETAH, &[]);
    let (agent, opponent) = (actor(&simulator, 2, 7), actor(&simulator, 1, 8));
    let disturbance =
        Some(Disturbance { actor: &opponent, means: Interference::Blend { alpha: 0.4 }, explores: true });
    let players = Players { agent: &agent, disturbance, learner: Player::Agent };
    let mut executor = Threads::with_lanes(&simulator, 1, 2).unwrap();
    let mut lanes = Lanes::new(2, simulator.spec(), 0).with_history(agent.history());
    let _ = executor.collect(players, &Fixed(Vec::new()), &mut lanes, options(0, 20, 0.0), &mut Vec::new());
}

fn agent(simulator: &Simulator) -> Trpo {
    Trpo::with_history(TrpoConfig::default(), simulator.spec(), 0, 2, 5).unwrap()
}

#[test]
fn more_frames_than_sixteen_are_refused_by_every_learner() {
    let simulator = simulator(TaskName::HOPPER, &[]);
    let spec = simulator.spec();
    for error in [
        Ppo::with_history(PpoConfig::default(), spec, 0, 17, 1).err(),
        Trpo::with_history(TrpoConfig::default(), spec, 0, 17, 1).err(),
        Ddpg::with_history(DdpgConfig::default(), spec, 0, usize::MAX, 1).err(),
    ] {
        assert!(matches!(error, Some(RlError::Option { option: "history", .. })), "{error:?}");
    }
}

/// 1 − Var(z − ẑ)/Var(z) on fresh episodes, ẑ being what a small network says of the normalised dynamics z, having been
/// fitted to what a policy with so many frames saw of others.
fn told(frames: usize) -> f64 {
    let simulator = simulator(TaskName::CARTPOLE, &["pole_half_length"]);
    let fresh = Ppo::with_history(PpoConfig::default(), simulator.spec(), 1, frames, 7).unwrap();
    let actor = fresh.actor();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut lanes = Lanes::new(60, simulator.spec(), 1).with_history(actor.history());
    let mut sample = |iteration| {
        let (source, mut batch) = (Wide, Vec::new());
        let players = Players::alone(actor);
        executor.collect(players, &source, &mut lanes, options(iteration, 60, 0.0), &mut batch).unwrap();
        let all = |of: fn(&LaneBatch) -> &Vec<f32>| batch.iter().flat_map(of).copied().collect::<Vec<f32>>();
        (all(|lane| &lane.inputs), all(|lane| &lane.dynamics))
    };
    let mlp = Mlp::new(&[actor.input_dim(), 32, 1]).unwrap();
    let mut params = vec![0.0; mlp.parameters()];
    mlp.initialise(1.0, &mut StreamKey::new(1, Purpose::Test).stream(), &mut params);
    let mut adam = Adam::new(params.len(), AdamConfig::default());
    let ((inputs, z), (fresh_inputs, fresh_z)) = (sample(0), sample(1));
    let mut cache = mlp.cache(z.len());
    let mut gradient = vec![0.0; params.len()];
    for _ in 0..400 {
        mlp.forward(&params, &inputs, &mut cache);
        let n = z.len() as f32;
        let d: Vec<f32> = cache.outputs().iter().zip(&z).map(|(y, z)| (y - z) / n).collect();
        gradient.fill(0.0);
        mlp.backward(&params, &inputs, &d, &mut cache, &mut gradient, None);
        adam.update(1e-2, 1.0, &gradient, &mut params);
    }
    mlp.forward(&params, &fresh_inputs, &mut cache);
    let variance = |values: &[f32]| {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        f64::from(values.iter().map(|v| (v - mean).powi(2)).sum::<f32>()) / values.len() as f64
    };
    let errors: Vec<f32> = cache.outputs().iter().zip(&fresh_z).map(|(y, z)| y - z).collect();
    1.0 - variance(&errors) / variance(&fresh_z)
}

/// Poles from short to long.
#[derive(Debug)]
struct Wide;

impl DynamicsSource for Wide {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(6, Purpose::Dynamics).lane(lane).episode(episode).stream();
        out.fill_with(|| stream.uniform(-0.5, 2.0));
    }
}

#[test]
fn frames_tell_how_long_the_pole_is_better_than_an_observation() {
    // Short poles fall faster, so that a single observation says something, too: 0.47 against 0.88.
    let [without, with] = [0, 2].map(told);
    assert!(without < 0.6 && with > 0.75, "explained without history {without}, with {with}");
}
