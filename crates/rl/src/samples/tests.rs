use super::*;

/// A lane of these rewards that runs on, under one parameter z whose value is 100 times the lane, plus the step.
fn lane(number: usize, rewards: &[f64], successor_steps: &[usize]) -> LaneBatch {
    let n = rewards.len();
    let mut outcomes = vec![Outcome::Running; n];
    successor_steps.iter().for_each(|&step| outcomes[step] = Outcome::Truncated);
    LaneBatch {
        inputs: (0..n).map(|step| step as f32).collect(),
        dynamics: (0..n).map(|step| (100 * number + step) as f32).collect(),
        actions: vec![0.0; n],
        log_probs: vec![0.0; n],
        rewards: rewards.to_vec(),
        outcomes,
        successors: successor_steps.iter().map(|&step| step as f32 + 0.5).collect(),
        successor_steps: successor_steps.to_vec(),
        ..LaneBatch::empty()
    }
}

fn prepared(batch: &[LaneBatch], reward_scale: Option<f64>) -> Samples {
    let mut samples = Samples::default();
    let estimation = Estimation { gamma: 0.5, lambda: 0.9, reward_scale };
    // The value says what the critic was shown.
    let critic = |states: States<'_>, values: &mut [f32]| {
        assert_eq!((states.inputs.len(), states.dynamics.len()), (values.len(), values.len()));
        let shown = states.inputs.iter().zip(states.dynamics);
        values.iter_mut().zip(shown).for_each(|(value, (obs, z))| *value = 10_000.0 * obs + z);
    };
    samples.prepare(batch, &vec![true; batch.len()], critic, estimation, 0).unwrap();
    samples
}

#[test]
fn a_critic_that_is_told_the_dynamics_is_told_those_of_the_step_for_its_successor_as_well() {
    let samples = prepared(&[lane(1, &[0.0; 4], &[1, 3]), lane(2, &[0.0; 3], &[0, 2])], None);
    let shown = |lane: f32, step: f32, obs: f32| 10_000.0 * obs + 100.0 * lane + step;
    let states: Vec<f32> = [(1.0, 4), (2.0, 3)]
        .into_iter()
        .flat_map(|(lane, n)| (0..n).map(move |step| shown(lane, step as f32, step as f32)))
        .collect();
    assert_eq!(samples.values, states);
    let needed = [(1, 1.0, 1.0), (3, 1.0, 3.0), (4, 2.0, 0.0), (6, 2.0, 2.0)];
    for (row, lane, step) in needed {
        assert_eq!(samples.successors[row], shown(lane, step, step + 0.5), "row {row}");
    }
}

#[test]
fn scaled_rewards_are_clipped_at_ten_and_unscaled_ones_are_left_alone() {
    let rewards = [1.0, -3.0, 4.999, 5.001, 1e6, -4.999, -5.001, -1e6];
    let batch = [lane(0, &rewards, &[])];
    let scaled = [2.0, -6.0, 9.998, 10.0, 10.0, -9.998, -10.0, -10.0];
    assert_eq!(prepared(&batch, Some(2.0)).rewards, scaled);
    assert_eq!(prepared(&batch, None).rewards, rewards);
}

#[test]
fn the_explained_variance_is_the_share_that_the_critic_foresees_whatever_the_unit_of_returns() {
    for unit in [1e-3, 1.0, 700.0] {
        let returns = [3.0, -1.0, 0.5, 4.0, -2.5].map(|g| g * unit);
        let explained = |values: [f32; 5]| {
            let valid = (0..5).collect();
            let (returns, values) = (returns.to_vec(), values.to_vec());
            Samples { returns, values, valid, ..Samples::default() }.explained_variance()
        };
        // A critic that says half of it leaves a quarter of the variance; a constant error leaves none.
        for (values, share) in [
            (returns, 1.0),
            (returns.map(|g| g + 2.0 * unit), 1.0),
            (returns.map(|g| 0.5 * g), 0.75),
            ([unit; 5], 0.0),
            (returns.map(|g| -g), -3.0),
        ] {
            assert!((explained(values) - share).abs() < 1e-5, "{unit}: {} {share}", explained(values));
        }
    }
}

#[test]
fn a_value_target_beyond_f32_is_refused_though_its_advantage_is_not() {
    let mut samples = Samples::default();
    let estimation = Estimation { gamma: 0.5, lambda: 0.9, reward_scale: None };
    let critic = |_: States<'_>, values: &mut [f32]| values.fill(3e38);
    // 4.6e38 + ½ · 3e38 − 3e38 = 3.1e38, and 3e38 more is none of f32.
    let refused = samples.prepare(&[lane(0, &[4.6e38], &[0])], &[true], critic, estimation, 3);
    assert!(samples.advantages[0].is_finite() && !samples.returns[0].is_finite());
    assert!(matches!(refused, Err(RlError::NotFinite { iteration: 3, .. })), "{refused:?}");
}
