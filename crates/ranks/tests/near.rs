//! A rank on the machine of rank 0 does the critic's half of updates, which changes no bit and may go wrong in any way.
#![cfg(unix)]

mod common;

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Role, broken, hopper, job, serves, serves_but};
use wr2l_ranks::{Link, read_frame, write_frame};
use wr2l_rl::{
    Executor, Experience, Fixed, Improvement, Learner, PhaseSeconds, Ppo, PpoConfig, RlError, State,
    StopFlag, Threads,
};
use wr2l_run::Executors;
use wr2l_sim::SimError;

/// What asks a rank to connect to a socket.
const MEET: u8 = 7;

fn config() -> PpoConfig {
    PpoConfig { lanes: 3, horizon: 70, minibatches: 3, epochs: 4, hidden: vec![16], ..PpoConfig::default() }
}

fn ppo(config: PpoConfig) -> Ppo {
    Ppo::new(config, hopper().simulator().unwrap().spec(), 2, 7).unwrap()
}

/// An improvement, but for the time it took.
fn improve(ppo: &mut Ppo, executor: &mut dyn Executor, iteration: u64) -> Result<Improvement, RlError> {
    let done = ppo.improve(Experience::alone(executor, &Fixed(vec![0.1, -0.1]), 3, iteration, 0.0))?;
    Ok(Improvement { seconds: PhaseSeconds::default(), ..done })
}

fn saved(ppo: &Ppo) -> State<'static> {
    let mut state = State::default();
    ppo.save(&mut state);
    state.into_owned()
}

/// Two improvements: the first update is always done here, because it is not yet known what it takes, and the second always
/// given away, if somebody takes it.
fn two(executor: &mut dyn Executor, config: PpoConfig) -> (Vec<Improvement>, State<'static>) {
    let mut ppo = ppo(config);
    let done = (0..2).map(|iteration| improve(&mut ppo, executor, iteration).unwrap()).collect();
    (done, saved(&ppo))
}

fn alone() -> Threads {
    Threads::new(&hopper().simulator().unwrap(), 1).unwrap()
}

/// Says that it has connected, and has not.
fn lies(link: Link) {
    serves_but(link, |message| (message[0] == MEET).then(|| vec![0]));
}

#[test]
fn a_critic_that_learns_on_the_next_rank_has_the_bits_of_one_process() {
    for config in [
        config(),
        PpoConfig { critic_sees_dynamics: true, clip_value: false, kl_limit: 1e-3, ..config() },
        PpoConfig { episodes: 5, ..config() },
    ] {
        let expected = two(&mut alone(), config.clone());
        for (roles, threads, given) in [
            (vec![], 1, 0),
            (vec![serves as Role], 1, 1),
            (vec![serves; 2], 1, 1),
            (vec![serves, broken], 1, 1),
            // Nobody who takes it.
            (vec![broken, serves], 1, 0),
            (vec![lies], 1, 0),
            // A thread of one's own is nearer.
            (vec![serves], 2, 0),
        ] {
            let (_job, ranks) = job(&roles);
            let mut shared = ranks.executor(&hopper(), threads, StopFlag::default()).unwrap();
            assert!(two(shared.as_mut(), config.clone()) == expected, "{} ranks", roles.len() + 1);
            assert_eq!(ranks.halves_given(), given, "{} ranks, {threads} threads", roles.len() + 1);
        }
    }
}

/// Connects as it is asked to, and does with the connection what `then` does, on a thread of its own.
fn meets(link: Link, then: fn(UnixStream)) {
    serves_but(link, |message| {
        // Behind the kind and the stage: a text's length and the text.
        let path = (message[0] == MEET).then(|| std::str::from_utf8(&message[17..]).unwrap())?;
        let stream = UnixStream::connect(path).unwrap();
        std::thread::spawn(move || then(stream));
        Some(vec![0])
    });
}

/// Takes the work, gives `turns` numbers, and hangs up.
fn leaves_after(mut stream: UnixStream, turns: usize) {
    read_frame(&mut stream).unwrap();
    for _ in 0..turns {
        stream.read_exact(&mut [0; 8]).unwrap();
        std::io::Write::write_all(&mut stream, &1_f64.to_le_bytes()).unwrap();
    }
}

#[test]
fn a_rank_that_dies_in_its_half_is_an_error_and_leaves_the_networks_as_they_were() {
    fn at_once(link: Link) {
        meets(link, drop);
    }
    fn first(link: Link) {
        meets(link, |stream| leaves_after(stream, 0));
    }
    fn in_the_midst(link: Link) {
        meets(link, |stream| leaves_after(stream, 2));
    }
    fn while_waited_for(link: Link) {
        meets(link, |mut stream| {
            leaves_after(stream.try_clone().unwrap(), 2);
            stream.read_exact(&mut [0; 8]).unwrap();
        });
    }
    // 4 passes of 3 minibatches, and a word behind each.
    fn at_the_end(link: Link) {
        meets(link, |stream| leaves_after(stream, 16));
    }
    fn with_nonsense(link: Link) {
        meets(link, |mut stream| {
            leaves_after(stream.try_clone().unwrap(), 16);
            write_frame(&mut stream, 0, b"nonsense").unwrap();
        });
    }
    for role in [at_once as Role, first, in_the_midst, while_waited_for, at_the_end, with_nonsense] {
        let (_job, ranks) = job(&[role]);
        let mut shared = ranks.executor(&hopper(), 1, StopFlag::default()).unwrap();
        let mut ppo = ppo(config());
        improve(&mut ppo, shared.as_mut(), 0).unwrap();
        let networks = |ppo: &Ppo| {
            let state = saved(ppo);
            let of = |name: &&str| name.ends_with("params");
            let names: Vec<_> = state.arrays().map(|(name, _)| name).filter(of).map(str::to_owned).collect();
            assert_eq!(names.len(), 3, "{names:?}");
            names.into_iter().map(|name| state.clone().take_any::<f32>(&name).unwrap()).collect::<Vec<_>>()
        };
        let before = networks(&ppo);
        let error = improve(&mut ppo, shared.as_mut(), 1);
        // Who left at once may be seen to be gone before it is given anything.
        if ranks.halves_given() == 0 {
            error.unwrap();
            continue;
        }
        let error = error.unwrap_err();
        assert!(matches!(error, RlError::Sim(SimError::Executor { .. })), "{error}");
        assert!(error.to_string().contains("gone"), "{error}");
        assert!(networks(&ppo) == before);
        // It is not asked again.
        improve(&mut ppo, shared.as_mut(), 2).unwrap();
        assert_eq!(ranks.halves_given(), 1);
    }
}

#[test]
fn a_rank_that_hangs_in_its_half_is_not_waited_for_beyond_patience() {
    fn hangs(link: Link) {
        meets(link, |mut stream| {
            read_frame(&mut stream).unwrap();
            // Until rank 0 hangs up.
            while stream.read(&mut [0; 8]).is_ok_and(|got| got > 0) {}
        });
    }
    let (_job, ranks) = job(&[hangs]);
    let stop = StopFlag::default().with_patience(Duration::from_millis(100));
    let mut shared = ranks.executor(&hopper(), 1, stop.clone()).unwrap();
    let mut ppo = ppo(config());
    improve(&mut ppo, shared.as_mut(), 0).unwrap();
    let raiser = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stop.raise();
    });
    let error = improve(&mut ppo, shared.as_mut(), 1).unwrap_err();
    assert_eq!((error, ranks.halves_given()), (RlError::Sim(SimError::Interrupted), 1));
    raiser.join().unwrap();
}

#[test]
fn an_update_that_is_given_up_leaves_nobody_out_of_step() {
    let (_job, ranks) = job(&[serves]);
    let stop = StopFlag::default().with_patience(Duration::ZERO);
    let mut shared = ranks.executor(&hopper(), 1, stop.clone()).unwrap();
    let mut ppo = ppo(config());
    improve(&mut ppo, shared.as_mut(), 0).unwrap();
    stop.raise();
    let error = improve(&mut ppo, shared.as_mut(), 1).unwrap_err();
    assert_eq!((error, ranks.halves_given()), (RlError::Sim(SimError::Interrupted), 1));
    // The next rank still waits for numbers of that update, were it not hung up on.
    let mut another = ranks.executor(&hopper(), 1, StopFlag::default()).unwrap();
    assert!(two(another.as_mut(), config()) == two(&mut alone(), config()));
    assert_eq!(ranks.halves_given(), 1);
}

#[test]
fn the_next_rank_works_for_one_executor_at_a_time_and_again_for_the_next() {
    let (_job, ranks) = job(&[serves]);
    let [mut one, mut other] = [(); 2].map(|()| ranks.executor(&hopper(), 1, StopFlag::default()).unwrap());
    let expected = two(&mut alone(), config());
    assert!(two(one.as_mut(), config()) == expected);
    assert!(two(other.as_mut(), config()) == expected);
    assert_eq!(ranks.halves_given(), 2);
    // Work that it does not understand ends it, but not before it has been seen.
    let mut begun = one.aside(&State::default()).unwrap();
    assert!(other.aside(&State::default()).is_none(), "it has work");
    assert!(begun.exchange(0.0).is_err());
    drop(begun);
    assert!(other.aside(&State::default()).is_none(), "it has hung up");
    assert!(two(other.as_mut(), config()) == expected);
    assert_eq!(ranks.halves_given(), 3);
}
