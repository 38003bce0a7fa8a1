//! Agent and opponent: whose actions count, what the critic expects of them, and where each of them is led.

use super::*;

const ALPHA: f64 = 0.2;
const BOTH: [Interference; 2] =
    [Interference::TakeOver { alpha: ALPHA }, Interference::Blend { alpha: ALPHA }];

/// A learner after two iterations of the game, whose players have moved apart; a minibatch is drawn, and from here on
/// nobody moves: gradients can be compared.
fn playing(simulator: &Simulator, means: Interference) -> Ddpg {
    let mut executor = Threads::new(simulator, 1).unwrap();
    let mut learner = ddpg(simulator, DdpgConfig { actor_learning_rate: 0.03, ..small() });
    (0..2).for_each(|i| drop(improve(&mut learner, &mut executor, i, mixed(means))));
    learner.config.actor_learning_rate = 0.0;
    learner.config.critic_learning_rate = 0.0;
    draw(&mut learner, &mut StreamKey::new(1, Purpose::Test).stream());
    learner
}

/// What the critic is taught when the agent acts next, or the opponent instead of it, disturbed or not.
fn targets(learner: &mut Ddpg, agent: bool, disturbance: Option<Interference>) -> Vec<f64> {
    let swap = |learner: &mut Ddpg| {
        let Ddpg { mover, opponent: Some(opponent), .. } = learner else { unreachable!() };
        if !agent {
            std::mem::swap(mover, &mut opponent.mover);
        }
    };
    swap(learner);
    learn(learner, disturbance, &mut StreamKey::new(1, Purpose::Test).stream());
    swap(learner);
    targets_of(learner).iter().map(|y| f64::from(*y)).collect()
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + a.abs()))
}

#[test]
fn the_critic_expects_the_agent_and_the_opponent_each_by_its_weight() {
    let simulator = simulator(TaskName::HOPPER);
    let mut learner = playing(&simulator, BOTH[0]);
    let (agent, opponent) = (targets(&mut learner, true, None), targets(&mut learner, false, None));
    let apart = agent.iter().zip(&opponent).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart > 1e-2, "the two players are worth the same: {apart}");
    for alpha in [0.1, 0.3, 0.9] {
        let expected: Vec<f64> =
            agent.iter().zip(&opponent).map(|(a, b)| (1.0 - alpha) * a + alpha * b).collect();
        assert!(
            close(&targets(&mut learner, true, Some(Interference::TakeOver { alpha })), &expected),
            "{alpha}"
        );
        // A blend of 0.9 of the one is a blend of 0.1 of the other, and not the mean of what both are worth.
        let blend = targets(&mut learner, true, Some(Interference::Blend { alpha }));
        assert!(close(
            &blend,
            &targets(&mut learner, false, Some(Interference::Blend { alpha: 1.0 - alpha }))
        ));
        assert!(!close(&blend, &expected), "{alpha}");
    }
    for means in [|alpha| Interference::TakeOver { alpha }, |alpha| Interference::Blend { alpha }] {
        assert!(close(&targets(&mut learner, true, Some(means(0.0))), &agent));
        assert!(close(&targets(&mut learner, true, Some(means(1.0))), &opponent));
    }
}

#[test]
fn who_takes_over_is_led_by_its_own_action_alone_and_who_blends_by_the_blend() {
    let simulator = simulator(TaskName::HOPPER);
    for means in BOTH {
        let mut learner = playing(&simulator, means);
        update(
            &mut learner,
            Some(Mixing { means, every: 1, in_turn: false, explores: true }),
            &mut StreamKey::new(1, Purpose::Test).stream(),
        );
        let gradients = |learner: &Ddpg| {
            let opponent = learner.opponent.as_ref().unwrap();
            (learner.mover.gradient().to_vec(), opponent.mover.gradient().to_vec())
        };
        let led = gradients(&learner);
        // Of the whole value of an action: alone, or mixed with the other's.
        let mut both = |other: [Option<f64>; 2]| {
            halved(&mut learner, |parts, lead| {
                parts.climb(lead, Climb { agent: true, other: other[0], share: 1.0 }, false);
                parts.climb(lead, Climb { agent: false, other: other[1], share: 1.0 }, false);
            });
            gradients(&learner)
        };
        let alone = both([None, None]);
        let blended = both([Some(ALPHA), Some(1.0 - ALPHA)]);

        let is = |led: &[f32], whole: &[f32], share: f64| {
            let scale = led.iter().fold(0.0_f64, |most, g| most.max(f64::from(g.abs())));
            assert!(scale > 0.0);
            led.iter().zip(whole).all(|(g, w)| (f64::from(*g) - share * f64::from(*w)).abs() < 1e-4 * scale)
        };
        let takes_over = means == BOTH[0];
        assert_eq!(is(&led.0, &alone.0, 1.0 - ALPHA), takes_over, "{means:?}: the agent");
        assert_eq!(is(&led.1, &alone.1, ALPHA), takes_over, "{means:?}: the opponent");
        assert_eq!(is(&led.0, &blended.0, 1.0 - ALPHA), !takes_over, "{means:?}: the agent");
        assert_eq!(is(&led.1, &blended.1, ALPHA), !takes_over, "{means:?}: the opponent");
    }
}

#[test]
fn a_player_of_weight_or_probability_zero_changes_no_bit_and_learns_nothing() {
    for task in [TaskName::INVERTED_PENDULUM, TaskName::HOPPER] {
        let simulator = simulator(task);
        for config in [small(), small_td3()] {
            let alone = trained(&simulator, &config, Opposition::Nobody, 1, 1);
            for means in [|alpha| Interference::TakeOver { alpha }, |alpha| Interference::Blend { alpha }] {
                let absent = mixed(means(0.0));
                assert!(alone == trained(&simulator, &config, absent, 1, 1), "{task}: no opponent");
                // Whose weight is 0 is never moved, be it the opponent or, at the opponent's weight 1, the agent.
                let moved = |alpha| {
                    let mut executor = Threads::new(&simulator, 1).unwrap();
                    let mut learner = ddpg(&simulator, config.clone());
                    learner.add_opponent(1).unwrap();
                    let players = |learner: &Ddpg| {
                        let opponent = learner.opponent.as_ref().unwrap();
                        [learner.mover.params().to_vec(), opponent.mover.params().to_vec()]
                    };
                    let before = players(&learner);
                    (0..3).for_each(|i| drop(improve(&mut learner, &mut executor, i, mixed(means(alpha)))));
                    let after = players(&learner);
                    [before[0] != after[0], before[1] != after[1]]
                };
                assert_eq!(moved(0.0), [true, false], "{task}");
                assert_eq!(moved(1.0), [false, true], "{task}");
                assert_eq!(moved(ALPHA), [true, true], "{task}");
            }
        }
    }
}
