//! Learners that begin with a policy that is there: what they keep of it, what learns alone at first, and what does not fit.

use wr2l_nn::{Activation, Normaliser, Policy, RunningMoments};
use wr2l_rl::{
    Actor, Array, Copos, CoposConfig, Ddpg, DdpgConfig, Experience, Fixed, Improvement, Learner, Misfit, Ppo,
    PpoConfig, RlError, Skip, Start, State, StateError, Threads, Trpo, TrpoConfig, is_learnt,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Simulator, Task, TaskName};

const TASK: TaskName = TaskName::INVERTED_PENDULUM;

fn simulator(task: TaskName) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select::<&str>(&[]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn make(name: &str, seed: u64) -> Box<dyn Learner> {
    let spec = simulator(TASK).spec().clone();
    let off_policy = DdpgConfig {
        lanes: 2,
        horizon: 8,
        rounds: 4,
        warm_up: 100,
        replay: 1000,
        minibatch: 16,
        hidden: vec![8],
        normalise_observations: true,
        ..DdpgConfig::default()
    };
    match name {
        "ppo" => {
            let config =
                PpoConfig { lanes: 2, horizon: 64, minibatches: 4, hidden: vec![8], ..PpoConfig::default() };
            Box::new(Ppo::new(config, &spec, 0, seed).unwrap())
        }
        "trpo" => {
            let config = TrpoConfig {
                lanes: 2,
                horizon: 64,
                hidden: vec![8],
                normalise_observations: true,
                ..TrpoConfig::default()
            };
            Box::new(Trpo::new(config, &spec, 0, seed).unwrap())
        }
        "copos" => {
            let config = CoposConfig { lanes: 2, horizon: 64, hidden: vec![8], ..CoposConfig::default() };
            Box::new(Copos::with_history(config, &spec, 0, 0, seed).unwrap())
        }
        _ => {
            let twin_critics = name == "td3";
            Box::new(Ddpg::new(DdpgConfig { twin_critics, ..off_policy }, &spec, 0, seed).unwrap())
        }
    }
}

const ALL: [&str; 4] = ["ppo", "trpo", "ddpg", "td3"];

fn improve(learner: &mut dyn Learner, iteration: u64) -> Improvement {
    let mut executor = Threads::new(&simulator(TASK), 1).unwrap();
    let source = Fixed(Vec::new());
    learner.improve(Experience::alone(&mut executor, &source, 5, iteration, 0.0)).unwrap()
}

fn trained(name: &str) -> Box<dyn Learner> {
    let mut learner = make(name, 1);
    (0..6).for_each(|iteration| drop(improve(&mut *learner, iteration)));
    learner
}

fn saved(learner: &dyn Learner) -> State<'static> {
    let mut state = State::default();
    learner.save(&mut state);
    state.into_owned()
}

fn learnt(learner: &dyn Learner) -> State<'static> {
    let mut kept = State::default();
    for (name, array) in saved(learner).arrays().filter(|(name, _)| is_learnt(name)) {
        kept.put(name, array.clone());
    }
    kept
}

fn critic(learner: &dyn Learner) -> Array<'static> {
    saved(learner).arrays().find(|(name, _)| *name == "critic.params").unwrap().1.clone()
}

/// The weights of the network, without what is drawn around it.
fn network(actor: &Actor) -> &[f32] {
    let drawn = actor.policy().log_std(actor.params()).len();
    &actor.params()[..actor.params().len() - drawn]
}

#[test]
fn before_its_first_improvement_a_learner_is_the_policy_that_it_began_with() {
    for name in ALL {
        let old = trained(name);
        let start = Start { actor: old.actor(), observations: 1000 };
        for take_over in [false, true] {
            let mut new = make(name, 2);
            assert_ne!(network(new.actor()), network(old.actor()), "{name}");
            new.begin_with(&start).unwrap();
            if take_over {
                new.take_over(&mut learnt(&*old)).unwrap();
                assert_eq!(critic(&*new), critic(&*old), "{name}");
            } else {
                assert_eq!(critic(&*new), critic(&*make(name, 2)), "{name}: chance makes it");
            }
            assert_eq!(network(new.actor()), network(old.actor()), "{name}");
            assert_eq!(new.actor().normaliser(), old.actor().normaliser(), "{name}");
            if name == "ppo" || name == "trpo" {
                assert_eq!(new.actor().params(), old.actor().params(), "{name}: the noise is the policy's");
            }
        }
    }
}

#[test]
fn a_critic_that_knows_nothing_of_the_policy_learns_alone_at_first_and_one_taken_over_does_not() {
    for name in ALL {
        let old = trained(name);
        let start = Start { actor: old.actor(), observations: 100_000 };
        // Iterations until the policy moves: one collects 64 or 128 transitions.
        let moves = |take_over: bool| {
            let mut new = make(name, 2);
            new.begin_with(&start).unwrap();
            if take_over {
                new.take_over(&mut learnt(&*old)).unwrap();
            }
            let fresh = critic(&*new);
            for iteration in 0..20 {
                let done = improve(&mut *new, iteration);
                if network(new.actor()) != network(old.actor()) {
                    return (iteration, critic(&*new) != fresh);
                }
                let said = done.skipped == Some(Skip::WarmUp) || name == "ddpg" || name == "td3";
                assert!(said && done.transitions > 0, "{name}: {done:?}");
            }
            panic!("{name}: never");
        };
        let (alone, learnt_alone) = moves(false);
        let (at_once, _) = moves(true);
        // DDPG: 100 transitions of warm-up, and as many steps of the critic alone.
        let (expected, first) = if name == "ppo" || name == "trpo" { (5, 0) } else { (3, 1) };
        assert_eq!((alone, at_once), (expected, first), "{name}");
        assert!(learnt_alone, "{name}");
    }
}

#[test]
fn the_normaliser_goes_on_from_the_policy_s_and_is_not_made_anew() {
    for name in ALL {
        let old = trained(name);
        let moved = |observations: u64| {
            let mut new = make(name, 2);
            new.begin_with(&Start { actor: old.actor(), observations }).unwrap();
            // Off-policy learners show what they know once they have learnt.
            let done: Vec<_> = (0..3).map(|iteration| improve(&mut *new, iteration)).collect();
            let pairs = new.actor().normaliser().mean().iter().zip(old.actor().normaliser().mean());
            let distance = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            (distance, done.iter().map(|done| done.transitions as f64).sum::<f64>())
        };
        let (far, transitions) = moved(100);
        let (near, _) = moved(1_000_000);
        assert!(far > 0.0, "{name}: it moves");
        assert!(near < 1e-2 * far * (100.0 + transitions) / 100.0, "{name}: {near} of {far}");
    }
}

#[test]
fn a_policy_that_is_there_acts_in_the_warm_up_instead_of_chance() {
    for name in ["ddpg", "td3"] {
        // Its actions are near 0 everywhere.
        let still = actor(&[8], true, Activation::Relu, true, 0);
        let actions = |begun: bool| {
            let mut new = make(name, 2);
            if begun {
                new.begin_with(&Start { actor: &still, observations: 1000 }).unwrap();
            }
            improve(&mut *new, 0);
            let rows = saved(&*new);
            let rows = rows.arrays().find(|(name, _)| *name == "replay.rows").unwrap().1.clone();
            let Array::F32(rows) = rows else { panic!("rows are f32") };
            // Observation, action, next observation, reward, whether it goes on.
            rows.chunks(4 + 1 + 4 + 2).map(|row| row[4]).collect::<Vec<f32>>()
        };
        let spread = |actions: &[f32]| actions.iter().map(|a| a.abs()).sum::<f32>() / actions.len() as f32;
        let (chance, policy) = (spread(&actions(false)), spread(&actions(true)));
        assert!((0.4..0.6).contains(&chance), "{name}: uniform in [-1, 1]: {chance}");
        assert!((0.05..0.2).contains(&policy), "{name}: nothing but exploration: {policy}");
    }
}

fn actor(hidden: &[usize], bounded: bool, activation: Activation, normalised: bool, frames: usize) -> Actor {
    let spec = simulator(TASK).spec().clone();
    let inputs = spec.obs_dim + frames * (spec.obs_dim + 1);
    let policy = match bounded {
        true => Policy::bounded(inputs, hidden, 1),
        false => Policy::gaussian(inputs, hidden, 1),
    };
    let policy = policy.unwrap().with_activation(activation);
    let mut params = vec![0.0; policy.parameters()];
    policy.initialise(&mut StreamKey::new(1, Purpose::Test).stream(), &mut params);
    let mut moments = RunningMoments::new(inputs);
    for row in [vec![0.5; inputs], vec![-1.5; inputs]] {
        moments.update(&row).unwrap();
    }
    let normaliser = if normalised { moments.normaliser(10.0) } else { Normaliser::identity(inputs) };
    Actor::new(policy, params, normaliser, spec.actions).unwrap().with_history(frames).unwrap()
}

#[test]
fn what_does_not_fit_is_named() {
    use Activation::{Relu, Tanh};
    let cases: [(&str, Actor, &[&str]); 8] = [
        ("ppo", actor(&[8, 8], false, Tanh, true, 0), &["[8, 8]", "`ppo.hidden` is [8]"]),
        ("ppo", actor(&[8], false, Relu, true, 0), &["`relu`", "`tanh`"]),
        ("ppo", actor(&[8], true, Tanh, true, 0), &["go through tanh", "`td3` or `ddpg`"]),
        ("ppo", actor(&[8], false, Tanh, false, 0), &["set `ppo.normalise_observations` to false"]),
        ("ppo", actor(&[8], false, Tanh, true, 2), &["remembers 2 frames", "`policy.history` is 0"]),
        ("trpo", actor(&[9], false, Tanh, true, 0), &["`trpo.hidden` is [8]"]),
        ("td3", actor(&[8], false, Relu, true, 0), &["`td3` learns policies", "`ppo` or `trpo`"]),
        ("ddpg", actor(&[8], true, Relu, false, 0), &["set `ddpg.normalise_observations` to false"]),
    ];
    for (name, actor, words) in cases {
        let error = make(name, 1).begin_with(&Start { actor: &actor, observations: 10 }).unwrap_err();
        let RlError::Misfit(misfit) = &error else { panic!("{error:?}") };
        let said = misfit.to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{name}: {said}");
    }
    let other = simulator(TaskName::CARTPOLE).spec().clone();
    let policy = Policy::categorical(other.obs_dim, &[8], 2).unwrap();
    let params = vec![0.0; policy.parameters()];
    let normaliser = Normaliser::identity(other.obs_dim);
    let choices = Actor::new(policy, params, normaliser, ActionSpace::Discrete { n: 2 }).unwrap();
    let error = make("ppo", 1).begin_with(&Start { actor: &choices, observations: 10 }).unwrap_err();
    assert!(matches!(&error, RlError::Misfit(Misfit::Actions { got, .. }) if got == "one of 2 choices"));
    let hopper = Ppo::new(PpoConfig::default(), simulator(TaskName::HOPPER).spec(), 0, 1).unwrap();
    let error = make("ppo", 1).begin_with(&Start { actor: hopper.actor(), observations: 10 }).unwrap_err();
    assert_eq!(error, RlError::Misfit(Misfit::Observation { expected: 4, got: 11 }));
}

#[test]
fn what_another_learner_has_learnt_is_not_taken_over() {
    let policy = actor(&[8], false, Activation::Tanh, true, 0);
    let mut ppo = make("ppo", 2);
    ppo.begin_with(&Start { actor: &policy, observations: 10 }).unwrap();
    assert!(ppo.take_over(&mut learnt(&*trained("trpo"))).is_err(), "it has no optimiser of the policy");
    assert!(ppo.take_over(&mut State::default()).is_err());
    // A critic of another width.
    let spec = simulator(TASK).spec().clone();
    let config = PpoConfig { critic_sees_dynamics: true, hidden: vec![8], ..PpoConfig::default() };
    let informed = Ppo::new(config, &spec, 2, 1).unwrap();
    assert!(make("ppo", 2).take_over(&mut learnt(&informed)).is_err());
}

#[test]
fn copos_takes_over_what_another_of_its_kind_has_learnt() {
    let old = trained("copos");
    let mut new = make("copos", 2);
    new.begin_with(&Start { actor: old.actor(), observations: 1000 }).unwrap();
    assert_ne!(critic(&*new), critic(&*old));
    new.take_over(&mut learnt(&*old)).unwrap();
    assert_eq!(critic(&*new), critic(&*old));
}

#[test]
fn what_a_learner_says_of_its_transitions_is_what_it_takes() {
    for name in ["ppo", "trpo", "ddpg", "td3", "copos"] {
        let mut learner = make(name, 1);
        let said = learner.transitions();
        assert_eq!(said, improve(&mut *learner, 0).transitions, "{name}");
    }
}

#[test]
fn of_what_is_saved_critics_and_moments_are_learnt_and_what_was_seen_is_not() {
    for name in ["critic.params", "critic.adam.mean", "twin.params", "observations.mean", "policy.adam.mean"]
    {
        assert!(is_learnt(name), "{name}");
    }
    for name in ["actor.params", "lanes.phases", "replay.rewards", "explorers.params", "opponent.params"] {
        assert!(!is_learnt(name), "{name}");
    }
    for name in ["transitions", "updates"] {
        assert!(!is_learnt(name), "{name}");
    }
}

/// A learner that says nothing of beginning with a policy.
#[derive(Debug)]
struct Alone(Box<dyn Learner>);

impl Learner for Alone {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        self.0.improve(experience)
    }

    fn actor(&self) -> &Actor {
        self.0.actor()
    }

    fn transitions(&self) -> usize {
        self.0.transitions()
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        self.0.save(state);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.0.restore(state)
    }
}

#[test]
fn a_learner_that_does_not_say_so_begins_with_its_own_policy_alone() {
    let old = trained("trpo");
    let mut alone = Alone(make("trpo", 2));
    let refused = alone.begin_with(&Start { actor: old.actor(), observations: 1000 });
    assert!(matches!(refused, Err(RlError::Misfit(Misfit::Learner))), "{refused:?}");
    assert!(alone.take_over(&mut learnt(&*old)).is_err());
}
