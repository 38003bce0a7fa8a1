//! Every example does what it says, and the same for any number of threads.

#[allow(dead_code)]
#[path = "evaluate.rs"]
mod evaluate;
#[allow(dead_code)]
#[path = "own_adversary.rs"]
mod own_adversary;
#[allow(dead_code)]
#[path = "own_learner.rs"]
mod own_learner;
#[allow(dead_code)]
#[path = "own_simulator.rs"]
mod own_simulator;
#[allow(dead_code)]
#[path = "own_task.rs"]
mod own_task;
#[allow(dead_code)]
#[path = "train.rs"]
mod train;

use wr2l::rl::{Actor, State};
use wr2l::run::Session;

fn bits(actor: &Actor) -> Vec<u32> {
    actor.params().iter().map(|weight| weight.to_bits()).collect()
}

/// Whether a session learns, comes to the same bits on one thread and three, and goes on from what it saved.
fn holds(make: impl Fn(usize) -> Session, at_least: f64) {
    let run = |threads| {
        let mut session = make(threads);
        session.run(&mut ()).unwrap();
        session
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(bits(one.policy()), bits(three.policy()));
    let ret = one.progress().recent_return;
    assert!(ret > at_least, "{ret}");

    let mut first = make(1);
    for _ in 0..3 {
        assert_eq!(first.step(&mut ()).unwrap(), None);
    }
    let mut state = State::default();
    first.save(&mut state);
    let mut state = state.into_owned();
    let mut second = make(2);
    second.restore(&mut state).unwrap();
    state.finish().unwrap();
    second.run(&mut ()).unwrap();
    assert_eq!(bits(second.policy()), bits(one.policy()), "as if it had never stopped");
}

#[test]
fn a_plan_trains_in_memory() {
    let (one, ret) = train::train(40_000, 1).unwrap();
    let (three, _) = train::train(40_000, 3).unwrap();
    assert_eq!(bits(&one), bits(&three));
    // An untrained policy falls after about 20 steps.
    assert!(ret > 60.0, "{ret}");
}

#[test]
fn the_worst_case_of_a_policy_is_worse_than_its_mean() {
    let policy = train::train(10_000, 2).unwrap().0;
    let (statistics, length, ret) = evaluate::judge(&policy, 1).unwrap();
    assert!((0.25..=0.75).contains(&length), "{length}");
    assert!(ret < statistics.mean, "{ret} of {}", statistics.mean);
    let again = evaluate::judge(&policy, 3).unwrap();
    assert_eq!((statistics.mean.to_bits(), length.to_bits(), ret.to_bits()), {
        (again.0.mean.to_bits(), again.1.to_bits(), again.2.to_bits())
    });
}

#[test]
fn wr2l_trains_on_a_simulator_from_outside() {
    let (one, ret) = own_simulator::train(60_000, 1).unwrap();
    let (three, _) = own_simulator::train(60_000, 3).unwrap();
    assert_eq!(bits(&one), bits(&three));
    // Doing nothing, the cart stays where it began: about 50.
    assert!(ret > 75.0, "{ret}");
}

#[test]
fn a_learner_from_outside_learns() {
    // Doing nothing, the pole falls after about 30 steps; these are the returns of the policies that it tries.
    holds(|threads| own_learner::session(100_000, threads).unwrap(), 120.0);
}

#[test]
fn an_adversary_from_outside_is_played_against() {
    holds(|threads| own_adversary::session(60_000, threads).unwrap(), 60.0);
    let mut session = own_adversary::session(8192, 1).unwrap();
    let mut seen = Seen::default();
    session.run(&mut seen).unwrap();
    assert_eq!(seen.turns, 2, "one every 4,096 steps");
    assert!(seen.worst.iter().all(|phi| phi.len() == 2));
}

/// The dynamics that the adversary chose.
#[derive(Default)]
struct Seen {
    turns: usize,
    worst: Vec<Vec<f64>>,
}

impl wr2l::run::Observer for Seen {
    fn turn(&mut self, turn: &wr2l::run::TurnDone) {
        self.turns += 1;
        self.worst.extend(turn.phi.clone());
    }
}

#[test]
fn a_task_with_numbers_from_outside_is_trained_on() {
    let (one, ret) = own_task::train(40_000, 1).unwrap();
    let (three, _) = own_task::train(40_000, 3).unwrap();
    assert_eq!(bits(&one), bits(&three));
    // An untrained policy falls within 20 steps, and earns about 12.
    assert!(ret > 40.0, "{ret}");
    let task = own_task::frugal();
    let text = toml::to_string(&task).unwrap();
    assert_eq!(wr2l::sim::Task::read(&text).unwrap(), task, "and it can be kept in a file");
}
