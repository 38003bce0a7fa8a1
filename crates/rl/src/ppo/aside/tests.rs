use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

use wr2l_rng::StreamKey;
use wr2l_sim::{Simulator, Task, TaskName};

use super::*;
use crate::{
    Actor, Array, CollectOptions, DynamicsSource, EpisodeJob, EpisodeOptions, EpisodeResult, Executor,
    Experience, Fixed, Improvement, LaneBatch, Lanes, Learner, PhaseSeconds, Players, Ppo, StepsFrom,
    StopFlag, Threads, Trajectory, TransitionError, work_aside,
};

impl Pace {
    /// Gives every update away.
    fn always() -> Self {
        Self { alone: Some(f64::INFINITY), until: None }
    }
}

/// One of two that exchange numbers.
struct End {
    to: Sender<f64>,
    from: Receiver<f64>,
    /// Turns until it is gone.
    left: u32,
}

fn gone() -> SimError {
    SimError::Executor { reason: "gone, as this test wants".into() }
}

impl Exchange for End {
    fn exchange(&mut self, number: f64) -> Result<f64, SimError> {
        self.left = self.left.checked_sub(1).ok_or_else(gone)?;
        self.to.send(number).map_err(|_| gone())?;
        self.from.recv().map_err(|_| gone())
    }
}

/// Work that a thread is at.
struct Begun {
    end: End,
    work: JoinHandle<Result<State<'static>, RlError>>,
}

impl Exchange for Begun {
    fn exchange(&mut self, number: f64) -> Result<f64, SimError> {
        self.end.exchange(number)
    }
}

impl Aside for Begun {
    fn finish(self: Box<Self>) -> Result<State<'static>, SimError> {
        let Self { end, work } = *self;
        // There is nothing to exchange any more.
        drop(end);
        work.join().unwrap().map_err(|_| gone())
    }
}

/// Threads, and another one in place of another process.
#[derive(Debug)]
struct Nearby {
    threads: Threads,
    /// Work that was begun.
    begun: u32,
    /// Turns after which the other is gone.
    turns: u32,
}

impl Executor for Nearby {
    fn simulator(&self) -> &Simulator {
        self.threads.simulator()
    }

    fn stop_flag(&self) -> &StopFlag {
        self.threads.stop_flag()
    }

    fn threads(&self) -> usize {
        1
    }

    fn places(&self) -> usize {
        self.threads.places()
    }

    fn episodes(
        &mut self,
        actor: &Actor,
        z: &[f64],
        jobs: &[EpisodeJob],
        options: EpisodeOptions,
    ) -> Result<Vec<EpisodeResult>, SimError> {
        self.threads.episodes(actor, z, jobs, options)
    }

    fn collect(
        &mut self,
        players: Players<'_>,
        source: &dyn DynamicsSource,
        lanes: &mut Lanes,
        options: CollectOptions,
        batch: &mut Vec<LaneBatch>,
    ) -> Result<(), SimError> {
        self.threads.collect(players, source, lanes, options, batch)
    }

    fn trajectories(
        &mut self,
        actor: Option<&Actor>,
        keys: &[StreamKey],
    ) -> Result<Vec<Trajectory>, SimError> {
        self.threads.trajectories(actor, keys)
    }

    fn transitions(
        &mut self,
        z: &[f64],
        from: StepsFrom<'_>,
        next: &mut [f64],
    ) -> Result<(), TransitionError> {
        self.threads.transitions(z, from, next)
    }

    fn aside(&mut self, work: &State<'_>) -> Option<Box<dyn Aside + '_>> {
        self.begun += 1;
        let ([to, their_to], [from, their_from]) = {
            let ((a, b), (c, d)) = (channel(), channel());
            ([a, c], [d, b])
        };
        let mut theirs = End { to: their_to, from: their_from, left: self.turns };
        let work = work.clone().into_owned();
        let work = spawn(move || work_aside(work, &mut theirs));
        Some(Box::new(Begun { end: End { to, from, left: u32::MAX }, work }))
    }
}

fn setting(config: PpoConfig) -> (Nearby, Ppo) {
    let task = Task::new(TaskName::HOPPER);
    let space = task.space().select(&["friction"]).unwrap();
    let simulator = Simulator::new(task, None, space).unwrap();
    let mut ppo = Ppo::new(config, simulator.spec(), 1, 1).unwrap();
    ppo.pace = Pace::always();
    let threads = Threads::new(&simulator, 1).unwrap();
    (Nearby { threads, begun: 0, turns: u32::MAX }, ppo)
}

fn config() -> PpoConfig {
    PpoConfig {
        lanes: 3,
        horizon: 70,
        minibatches: 3,
        epochs: 4,
        hidden: vec![16, 8],
        ..PpoConfig::default()
    }
}

fn improve(executor: &mut dyn Executor, ppo: &mut Ppo, iteration: u64) -> Result<Improvement, RlError> {
    let source = Fixed(vec![0.1]);
    let done = ppo.improve(Experience::alone(executor, &source, 1, iteration, 0.0))?;
    Ok(Improvement { seconds: PhaseSeconds::default(), ..done })
}

fn saved(ppo: &Ppo) -> State<'static> {
    let mut state = State::default();
    ppo.save(&mut state);
    state.into_owned()
}

#[test]
fn a_critic_that_learns_elsewhere_comes_back_with_the_bits_of_one_that_stayed() {
    for (what, config) in [
        ("usual", config()),
        ("a limit that ends the passes", PpoConfig { kl_limit: 1e-4, learning_rate: 3e-3, ..config() }),
        ("a critic that sees the dynamics", PpoConfig { critic_sees_dynamics: true, ..config() }),
        ("a free critic", PpoConfig { clip_value: false, clip: 0.01, max_gradient_norm: 100.0, ..config() }),
        ("a bound critic", PpoConfig { clip_value: true, clip: 0.01, value_weight: 0.7, ..config() }),
        ("whole episodes", PpoConfig { episodes: 5, ..config() }),
        ("one minibatch", PpoConfig { minibatches: 1, epochs: 1, ..config() }),
    ] {
        let (mut nearby, mut ppo) = setting(config.clone());
        let (mut alone, mut stays) = setting(config);
        for iteration in 0..3 {
            let given = improve(&mut nearby, &mut ppo, iteration).unwrap();
            assert_eq!(given, improve(&mut alone.threads, &mut stays, iteration).unwrap(), "{what}");
            assert!(saved(&ppo) == saved(&stays), "{what}, iteration {iteration}");
            assert!(given.epochs < 4 || !what.contains("limit"), "{given:?}");
        }
        assert_eq!(nearby.begun, 3, "{what}");
    }
}

#[test]
fn what_goes_wrong_ends_both_sides_and_is_said_as_ever() {
    let failed = |turns, stop: StopFlag, break_it: fn(&mut Ppo)| {
        let (mut nearby, mut ppo) = setting(config());
        nearby.turns = turns;
        nearby.threads = nearby.threads.with_stop_flag(stop);
        improve(&mut nearby, &mut ppo, 0).unwrap();
        break_it(&mut ppo);
        let before = (ppo.policy.params().to_vec(), ppo.critic.params().to_vec());
        let error = improve(&mut nearby, &mut ppo, 1).unwrap_err();
        assert!(before == (ppo.policy.params().to_vec(), ppo.critic.params().to_vec()), "{error}");
        error
    };
    // 3 minibatches and a word at the end of each of 4 passes.
    for turns in [16, 17, 19, 30] {
        let (mut nearby, mut ppo) = setting(config());
        nearby.turns = turns;
        let done = improve(&mut nearby, &mut ppo, 0);
        assert!(done.is_ok(), "{turns} are enough: {done:?}");
    }
    for turns in [0, 1, 3, 15] {
        let (mut nearby, mut ppo) = setting(config());
        nearby.turns = turns;
        let before = ppo.critic.params().to_vec();
        assert_eq!(improve(&mut nearby, &mut ppo, 0).unwrap_err(), RlError::Sim(gone()), "{turns}");
        assert_eq!(ppo.critic.params(), before);
    }
    // Adam's second moments of 0 and first moments that are not: steps without end.
    let error = failed(u32::MAX, StopFlag::default(), |ppo| ppo.config.learning_rate = f64::MAX);
    assert_eq!(error, RlError::NotFinite { what: "the gradient", iteration: 1 });
    let stop = StopFlag::default().with_patience(Duration::ZERO);
    let (mut nearby, mut ppo) = setting(config());
    nearby.threads = nearby.threads.with_stop_flag(stop.clone());
    stop.raise();
    let error = improve(&mut nearby, &mut ppo, 0).unwrap_err();
    assert_eq!((error, nearby.begun), (RlError::Sim(SimError::Interrupted), 1));
}

#[test]
fn work_that_lacks_something_is_refused() {
    let (mut nearby, mut ppo) = setting(PpoConfig { critic_sees_dynamics: true, ..config() });
    improve(&mut nearby.threads, &mut ppo, 0).unwrap();
    let stop = StopFlag::default();
    let Ppo { config, samples, .. } = &ppo;
    let passes = Passes { config, samples, learning_rate: 1e-3, seed: 1, iteration: 0, stop: &stop };
    let whole = set_down(&ppo.critic, passes).unwrap().into_owned();
    assert!(Work::take_up(whole.clone()).is_ok());
    for (left_out, array) in whole.arrays() {
        let mut other = State::default();
        for (name, array) in whole.arrays().filter(|(name, _)| *name != left_out) {
            other.put(name, array.clone());
        }
        assert!(Work::take_up(other.clone()).is_err(), "without {left_out}");
        // Too short, or of another kind.
        let short = match array {
            Array::F32(values) => Array::from(values[1..].to_vec()),
            Array::F64(values) => Array::from(values[1..].to_vec()),
            Array::U64(values) if values.len() > 1 && left_out != "valid" => {
                Array::from(values[2..].to_vec())
            }
            _ => Array::from(vec![0_u8]),
        };
        other.put(left_out, short);
        assert!(Work::take_up(other).is_err(), "with less of {left_out}");
    }
}

#[test]
fn a_critic_is_given_away_while_that_is_faster() {
    let mut pace = Pace::default();
    assert!(!pace.gives(), "nothing is known of what it takes here");
    pace.took(Duration::from_millis(100), 10, false);
    assert!(pace.gives());
    pace.took(Duration::from_millis(45), 5, true);
    assert!(pace.gives(), "it took less");
    pace.took(Duration::from_millis(60), 5, true);
    assert!(!pace.gives(), "it took 10 ms more");
    std::thread::sleep(Duration::from_millis(110));
    assert!(pace.gives(), "ten times as long ago");
}
