//! Risk-averse tree search against enumeration, closed forms and those who know more or less.

use wr2l_finite::{
    Bridge, DriftingMdp, FiniteMdp, Leaf, Nominal, Parts, Rats, Returns, SimulatedRats, robust_values,
};
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{BatchSim, Outcome, Simulator, Task, TaskName};

const STATES: usize = 3;
const ACTIONS: usize = 2;

fn stream(seed: u64) -> Stream {
    StreamKey::new(seed, Purpose::Test).stream()
}

/// Three states on a plane, two actions, no end.
fn random(stream: &mut Stream) -> FiniteMdp {
    let row = |stream: &mut Stream| {
        let weights: Vec<f64> = (0..STATES).map(|_| stream.uniform(0.05, 1.0)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(move |w| w / sum).collect::<Vec<_>>()
    };
    FiniteMdp::new(Parts {
        states: STATES,
        actions: ACTIONS,
        transitions: (0..STATES * ACTIONS).flat_map(|_| row(stream)).collect(),
        rewards: (0..STATES * ACTIONS).map(|_| stream.uniform(-1.0, 1.0)).collect(),
        arrival: (0..STATES).map(|_| stream.uniform(-1.0, 1.0)).collect(),
        start: vec![1.0, 0.0, 0.0],
        discount: 0.9,
        positions: (0..2 * STATES).map(|_| stream.uniform(0.0, 2.0)).collect(),
        ..Parts::default()
    })
    .unwrap()
}

fn distance(mdp: &FiniteMdp, i: usize, j: usize) -> f64 {
    let squared: f64 = mdp.position(i).iter().zip(mdp.position(j)).map(|(a, b)| (a - b).powi(2)).sum();
    squared.sqrt()
}

/// The least expectation of `worth` within W₁ ≤ radius of a row, over the extreme points of all plans of transport: one target for
/// each state, or a mixture of two such plans that spends the radius.
fn enumerated(mdp: &FiniteMdp, p: &[f64], worth: &[f64], radius: f64) -> f64 {
    let plans: Vec<(f64, f64)> = (0..STATES.pow(STATES as u32))
        .map(|code| {
            let target = |from: usize| code / STATES.pow(from as u32) % STATES;
            let cost = (0..STATES).map(|from| p[from] * distance(mdp, from, target(from))).sum();
            (cost, (0..STATES).map(|from| p[from] * worth[target(from)]).sum())
        })
        .collect();
    let mut best = f64::INFINITY;
    for &(cheap, value) in plans.iter().filter(|(cost, _)| *cost <= radius) {
        best = best.min(value);
        for &(dear, other) in plans.iter().filter(|(cost, _)| *cost > radius) {
            let share = (radius - cheap) / (dear - cheap);
            best = best.min(value + share * (other - value));
        }
    }
    best
}

/// The minimax value of a state by recursion over everything.
fn by_enumeration(mdp: &FiniteMdp, options: Rats, depth: usize, state: usize) -> f64 {
    if depth == options.depth {
        return 0.0;
    }
    let worth: Vec<f64> = (0..STATES)
        .map(|next| mdp.arrival()[next] + mdp.discount() * by_enumeration(mdp, options, depth + 1, next))
        .collect();
    let of = |action: usize| {
        let worst = enumerated(mdp, mdp.row(state, action), &worth, options.drift * depth as f64);
        mdp.reward(state, action) - options.reward_drift * depth as f64 + worst
    };
    of(0).max(of(1))
}

fn rats(depth: usize, drift: f64) -> Rats {
    Rats { depth, drift, reward_drift: 0.0, leaf: Leaf::Zero }
}

#[test]
fn the_search_is_minimax_over_all_extreme_points_of_the_balls() {
    let mut stream = stream(1);
    for _ in 0..40 {
        let mdp = random(&mut stream);
        let process = DriftingMdp::new(vec![mdp.clone()]).unwrap();
        for drift in [0.0, 0.05, 0.2, 0.7, 5.0] {
            for reward_drift in [0.0, 0.3] {
                let options = Rats { reward_drift, ..rats(3, drift) };
                for state in 0..STATES {
                    let found = options.search(&process, 0, state).unwrap();
                    let expected = by_enumeration(&mdp, options, 0, state);
                    assert!((found.value - expected).abs() < 1e-10, "{drift}: {} {expected}", found.value);
                }
            }
        }
    }
}

#[test]
fn without_drift_it_is_plain_lookahead_and_deep_enough_value_iteration() {
    let mut stream = stream(2);
    for _ in 0..10 {
        let mdp = random(&mut stream);
        let process = DriftingMdp::new(vec![mdp.clone()]).unwrap();
        let exact = robust_values(&mdp, &Nominal, 1e-10).unwrap();
        for state in 0..STATES {
            let deep = rats(250, 0.0).search(&process, 0, state).unwrap();
            assert!((deep.value - exact.values[state]).abs() < 1e-8);
            assert_eq!(deep.action, exact.choices[state]);
            // With the snapshot's values at the leaves any depth is.
            let shallow = Rats { leaf: Leaf::Snapshot, ..rats(2, 0.0) }.search(&process, 0, state).unwrap();
            assert!((shallow.value - exact.values[state]).abs() < 1e-7);
        }
    }
}

#[test]
fn under_a_drift_without_limit_every_later_step_leads_to_the_worst_state() {
    let mut stream = stream(3);
    for _ in 0..10 {
        let mdp = random(&mut stream);
        let process = DriftingMdp::new(vec![mdp.clone()]).unwrap();
        // The last step's worst arrival, then the one before it, by hand.
        let lowest = mdp.arrival().iter().copied().fold(f64::INFINITY, f64::min);
        let best = |s: usize| (0..ACTIONS).map(|a| mdp.reward(s, a)).fold(f64::NEG_INFINITY, f64::max);
        let last: Vec<f64> = (0..STATES).map(|s| best(s) + lowest).collect();
        let worst = (0..STATES).map(|s| mdp.arrival()[s] + 0.9 * last[s]).fold(f64::INFINITY, f64::min);
        let middle: Vec<f64> = (0..STATES).map(|s| best(s) + worst).collect();
        for state in 0..STATES {
            // The first step is the snapshot's: nothing has drifted yet.
            let first = |a: usize| -> f64 {
                let later = (0..STATES).map(|t| mdp.row(state, a)[t] * (mdp.arrival()[t] + 0.9 * middle[t]));
                mdp.reward(state, a) + later.sum::<f64>()
            };
            let found = rats(3, 1e6).search(&process, 0, state).unwrap();
            assert!((found.value - first(0).max(first(1))).abs() < 1e-10);
        }
    }
}

#[test]
fn more_drift_is_never_better_and_the_tree_counts_what_it_shares() {
    let process = Bridge::default().process().unwrap();
    let start = 2 * 9 + 3;
    let mut last = f64::INFINITY;
    for drift in [0.0, 0.05, 0.1, 0.3, 1.0, 10.0] {
        let found = rats(6, drift).search(&process, 0, start).unwrap();
        assert!(found.value <= last + 1e-12, "{drift}");
        last = found.value;
    }
    // Every state of the middle row is asked for once a depth at most; the unfolded tree grows with the power of the depth.
    let (three, six) = (rats(3, 0.1), rats(6, 0.1));
    let (three, six) = (three.search(&process, 0, start).unwrap(), six.search(&process, 0, start).unwrap());
    assert!(six.solved <= 6 * 4 * 45 && six.unfolded > 40.0 * three.unfolded, "{three:?} {six:?}");
    // Depth 1 is one decision: four actions.
    let one = rats(1, 0.1).search(&process, 0, start).unwrap();
    assert_eq!((one.solved, one.unfolded), (4, 4.0));
}

#[test]
fn the_bridges_drift_is_the_mass_that_slips_times_how_far() {
    for (balance, growth) in [(0.0, 0.2), (0.5, 0.2), (1.0, 0.05)] {
        let bridge = Bridge { balance, growth, ..Bridge::default() };
        let measured = bridge.process().unwrap().lipschitz().unwrap();
        // From the cell ahead to those beside is a diagonal.
        let expected = growth * f64::max(balance, 1.0 - balance) * 2.0_f64.sqrt();
        assert!((measured - expected).abs() < 1e-12, "{balance}: {measured} {expected}");
    }
}

/// The distribution of returns of a planner that chooses at every epoch anew.
fn played(process: &DriftingMdp, plan: impl FnMut(usize, usize) -> usize) -> Returns {
    process.returns(25, plan)
}

#[test]
fn on_the_bridge_it_goes_around_and_the_snapshots_plan_falls() {
    let all = |balance: f64| {
        let process = Bridge { balance, ..Bridge::default() }.process().unwrap();
        // The most that either side can do.
        let drift = Bridge::default().process().unwrap().lipschitz().unwrap();
        let options = Rats { leaf: Leaf::Snapshot, ..rats(6, drift) };
        let careful = played(&process, |t, s| options.search(&process, t, s).unwrap().action);
        let snapshot =
            played(&process, |t, s| robust_values(process.snapshot(t), &Nominal, 1e-9).unwrap().choices[s]);
        let knowing = process.optimal_choices(25);
        let knowing = played(&process, |t, s| knowing[t][s]);
        for returns in [&careful, &snapshot, &knowing] {
            let sum: f64 = returns.0.iter().map(|(_, p)| p).sum();
            assert!((sum - 1.0).abs() < 1e-12);
            assert!(returns.cvar(0.05) <= returns.mean() + 1e-12 && returns.mean() <= knowing.mean() + 1e-12);
        }
        (careful, snapshot, knowing)
    };
    // The bridge grows slippery: who trusts the snapshot steps on it.
    let (careful, snapshot, knowing) = all(0.0);
    assert!((snapshot.cvar(0.05) + 0.9).abs() < 1e-12 && snapshot.mean() < 0.6 * careful.mean());
    assert!((careful.mean() - 0.9_f64.powi(4)).abs() < 1e-12, "it goes around, five steps without a slip");
    assert!((careful.mean() - knowing.mean()).abs() < 1e-12);
    // Both do: careful earns less on average, and loses less in the worst cases.
    let (careful, snapshot, _) = all(0.5);
    assert!(careful.mean() < snapshot.mean() && careful.cvar(0.05) > snapshot.cvar(0.05) + 0.3);
    // The way around does: the bridge is safe, and careful is not best.
    let (careful, snapshot, knowing) = all(1.0);
    assert!((snapshot.mean() - 0.81).abs() < 1e-12 && (knowing.mean() - 0.81).abs() < 1e-12);
    assert!(careful.mean() < snapshot.mean());
}

#[test]
fn so_far_ahead_that_everything_may_slip_care_is_no_guide() {
    // Ten decisions ahead the ball holds every way to fall: around is no safer than across, and across is shorter.
    let process = Bridge::default().process().unwrap();
    let drift = process.lipschitz().unwrap();
    let first = |depth| {
        let options = Rats { leaf: Leaf::Snapshot, ..rats(depth, drift) };
        options.search(&process, 0, 2 * 9 + 3).unwrap().action
    };
    assert_eq!([first(6), first(10)], [0, 2], "right, then left");
}

#[test]
fn senseless_searches_are_refused() {
    let process = Bridge::default().process().unwrap();
    let refused = |options: Rats, state| options.search(&process, 0, state).unwrap_err().to_string();
    assert!(refused(rats(0, 0.1), 21).contains("depth"));
    for drift in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(refused(rats(2, drift), 21).contains("drift"));
    }
    assert!(refused(rats(2, 0.1), 0).contains("state"), "a hole");
    assert!(refused(rats(2, 0.1), 45).contains("state"));
    assert!(DriftingMdp::new(Vec::new()).is_err());
    let mut stream = stream(4);
    let (one, other) = (random(&mut stream), random(&mut stream));
    assert!(DriftingMdp::new(vec![one, other]).is_err(), "other places");
    assert!(Bridge::default().process().unwrap().with_reach(vec![vec![]; 180]).is_err());
    assert!(Bridge::default().process().unwrap().with_reach(vec![]).is_err());
    for bridge in [
        Bridge { balance: 1.1, ..Bridge::default() },
        Bridge { growth: -0.1, ..Bridge::default() },
        Bridge { most: 1.5, ..Bridge::default() },
        Bridge { epochs: 0, ..Bridge::default() },
    ] {
        assert!(bridge.process().is_err());
    }
}

#[test]
fn the_conditional_value_at_risk_is_the_mean_of_the_worst_share() {
    let returns = Returns(vec![(-1.0, 0.1), (0.0, 0.3), (1.0, 0.6)]);
    assert!((returns.mean() - 0.5).abs() < 1e-12);
    assert!((returns.cvar(0.05) + 1.0).abs() < 1e-12);
    assert!((returns.cvar(0.2) + 0.5).abs() < 1e-12);
    assert!((returns.cvar(1.0) - 0.5).abs() < 1e-12);
}

/// Rewards that a torque-driven pendulum earns under torques, each with a length of the rod of its own.
fn earned(sim: &mut dyn BatchSim, state: &[f64], plan: &[(f64, f64)]) -> Vec<f64> {
    sim.set_state(0, state).unwrap();
    let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
    plan.iter()
        .map(|&(torque, length)| {
            sim.set_dynamics(0, &[length]).unwrap();
            sim.step(&[torque], &[true], &mut reward, &mut outcome);
            reward[0]
        })
        .collect()
}

#[test]
fn on_a_simulator_it_is_the_best_torques_against_the_worst_drift() {
    let task = Task::new(TaskName::TORQUE_PENDULUM);
    let space = task.space().select(&["rod_length"]).unwrap();
    let mut sim = Simulator::new(task, None, space.clone()).unwrap().batch(1).unwrap();
    let actions: Vec<Vec<f64>> = [-2.0, 0.0, 2.0].map(|torque| vec![torque]).into();
    let torques = [-2.0, 0.0, 2.0];
    let state = [0.3, -0.5];
    let mut snapshot = vec![0.0; sim.spec().snapshot_len];
    sim.set_state(0, &state).unwrap();
    sim.save(0, &mut snapshot);
    let mut last = f64::INFINITY;
    for rate in [0.0, 0.05, 0.2] {
        let rats =
            SimulatedRats { depth: 3, discount: 0.9, actions: &actions, rates: &[rate], leaf: &|_| 0.0 };
        let (action, value, steps) = rats.search(&mut *sim, &space, &[1.0], &snapshot).unwrap();
        assert_eq!(steps, 3 * (1 + 9 + 81), "an edge a step");
        // By enumeration: the second torque answers the first length, the third all before.
        let lengths = |k: f64| [1.0, 1.0 + k * rate, 1.0 - k * rate];
        let mut best = (f64::NEG_INFINITY, 0);
        for (i, first) in torques.into_iter().enumerate() {
            let second = torques.map(|second| {
                lengths(1.0)
                    .map(|length| {
                        let third = torques.map(|third| {
                            lengths(2.0)
                                .map(|last| {
                                    let plan = [(first, 1.0), (second, length), (third, last)];
                                    earned(&mut *sim, &state, &plan)[2]
                                })
                                .into_iter()
                                .fold(f64::INFINITY, f64::min)
                        });
                        let now = earned(&mut *sim, &state, &[(first, 1.0), (second, length)])[1];
                        now + 0.9 * third.into_iter().fold(f64::NEG_INFINITY, f64::max)
                    })
                    .into_iter()
                    .fold(f64::INFINITY, f64::min)
            });
            let now = earned(&mut *sim, &state, &[(first, 1.0)])[0];
            let value = now + 0.9 * second.into_iter().fold(f64::NEG_INFINITY, f64::max);
            if value > best.0 {
                best = (value, i);
            }
        }
        assert!((value - best.0).abs() < 1e-12 && action == best.1, "{rate}: {value} {best:?}");
        assert!(value <= last);
        last = value;
    }
}
