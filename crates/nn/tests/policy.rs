//! Distributions, their samples and their gradients.

mod reference;

use reference::{assert_close, gradient, normals, stream, wide};
use wr2l_nn::{Activation, Head, Policy, PolicyCache};

/// A policy with parameters away from their special initial values, and a batch.
struct Case {
    policy: Policy,
    params: Vec<f32>,
    observations: Vec<f32>,
    actions: Vec<f32>,
    rows: usize,
    cache: PolicyCache,
}

fn cases() -> Vec<Case> {
    let policies = [
        Policy::gaussian(11, &[64, 16], 3).unwrap(),
        Policy::gaussian(4, &[10], 1).unwrap(),
        Policy::bounded(5, &[16, 7], 2).unwrap(),
        Policy::bounded(3, &[12], 1).unwrap().with_activation(Activation::Relu),
        Policy::categorical(4, &[64, 64], 2).unwrap(),
        Policy::categorical(3, &[9], 5).unwrap(),
    ];
    let make = |(lane, policy): (usize, Policy)| {
        let mut stream = stream(lane as u64);
        let rows = 13;
        let mut params = vec![0.0; policy.parameters()];
        policy.initialise(&mut stream, &mut params);
        for (p, n) in params.iter_mut().zip(normals(policy.parameters(), 0.2, &mut stream)) {
            *p += n;
        }
        let observations = normals(rows * policy.mlp().inputs(), 1.0, &mut stream);
        let actions = match policy.head() {
            Head::Gaussian | Head::Bounded => normals(rows * policy.action_dim(), 1.5, &mut stream),
            Head::Categorical => (0..rows).map(|_| stream.below(policy.mlp().outputs()) as f32).collect(),
        };
        let cache = policy.cache(rows);
        Case { policy, params, observations, actions, rows, cache }
    };
    policies.into_iter().enumerate().map(make).collect()
}

#[test]
fn a_policy_has_the_hidden_layers_that_it_was_given() {
    for activation in [Activation::Relu, Activation::Tanh] {
        let policy = Policy::gaussian(3, &[8], 2).unwrap().with_activation(activation);
        assert_eq!(policy.mlp().activation(), activation);
    }
}

#[test]
fn log_probs_and_entropies_equal_the_reference() {
    for mut case in cases() {
        let (policy, params) = (&case.policy, &case.params);
        policy.forward(params, &case.observations, &mut case.cache);
        policy.evaluate(params, &case.actions, &mut case.cache);
        let rows = case
            .observations
            .chunks_exact(policy.mlp().inputs())
            .zip(case.actions.chunks_exact(policy.action_dim()));
        let (log_probs, entropies): (Vec<f64>, Vec<f64>) =
            rows.map(|(o, a)| reference::policy(policy, &wide(params), &wide(o), &wide(a))).unzip();
        assert_close(case.cache.log_probs(), &log_probs, 3.0e-6, "log-probabilities");
        assert_close(case.cache.entropies(), &entropies, 3.0e-6, "entropies");
    }
}

#[test]
fn gradients_of_log_probs_and_entropies_equal_central_differences() {
    for mut case in cases() {
        let (policy, params) = (&case.policy, &case.params);
        let mut stream = stream(99);
        let d_log_probs = normals(case.rows, 1.0, &mut stream);
        let d_entropies = normals(case.rows, 1.0, &mut stream);
        let loss = |p: &[f64], by_log_prob: &[f32], by_entropy: &[f32]| -> f64 {
            (0..case.rows)
                .map(|i| {
                    let (obs, act) = (policy.mlp().inputs(), policy.action_dim());
                    let observation = wide(&case.observations[i * obs..(i + 1) * obs]);
                    let action = wide(&case.actions[i * act..(i + 1) * act]);
                    let (log_prob, entropy) = reference::policy(policy, p, &observation, &action);
                    f64::from(by_log_prob[i]) * log_prob + f64::from(by_entropy[i]) * entropy
                })
                .sum()
        };
        let zeros = vec![0.0; case.rows];
        policy.forward(params, &case.observations, &mut case.cache);
        for (by_log_prob, by_entropy, what) in [
            (&d_log_probs, &zeros, "log-probability"),
            (&zeros, &d_entropies, "entropy"),
            (&d_log_probs, &d_entropies, "both"),
        ] {
            let mut got = vec![0.0; policy.parameters()];
            policy.backward(
                params,
                &case.observations,
                &case.actions,
                by_log_prob,
                by_entropy,
                &mut case.cache,
                &mut got,
            );
            let expected = gradient(&wide(params), |p| loss(p, by_log_prob, by_entropy));
            if by_entropy == &zeros || policy.head() == Head::Categorical || what == "both" {
                assert_close(&got, &expected, 1.0e-5, what);
            } else {
                // A Gaussian's entropy depends on the log standard deviations alone.
                let (mlp, log_std) = got.split_at(policy.mlp().parameters());
                assert!(mlp.iter().all(|g| *g == 0.0));
                assert_close(log_std, &expected[mlp.len()..], 1.0e-5, what);
            }
        }
    }
}

#[test]
fn sampled_actions_have_the_log_prob_that_evaluation_gives() {
    for mut case in cases() {
        let (policy, params) = (&case.policy, &case.params);
        let mut noise = vec![0.0; case.actions.len()];
        let mut log_probs = vec![0.0; case.rows];
        policy.draw_noise(&mut stream(5), &mut noise);
        policy.forward(params, &case.observations, &mut case.cache);
        policy.sample(params, &noise, &case.cache, &mut case.actions, &mut log_probs);
        policy.evaluate(params, &case.actions, &mut case.cache);
        assert_eq!(case.cache.log_probs(), log_probs);
    }
}

#[test]
fn samples_follow_the_stated_distribution() {
    // Gaussian: mean and variance; categorical: frequencies. 40,000 draws, tolerances of five standard errors.
    let draws = 40_000;
    let mut stream = stream(6);
    for case in cases() {
        let (policy, params) = (&case.policy, &case.params);
        let mut cache = policy.cache(1);
        policy.forward(params, &case.observations[..policy.mlp().inputs()], &mut cache);
        let outputs = wide(cache.outputs());
        let mut noise = vec![0.0; policy.action_dim()];
        let mut action = vec![0.0; policy.action_dim()];
        let mut counts = vec![0.0; policy.mlp().outputs()];
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..draws {
            policy.draw_noise(&mut stream, &mut noise);
            policy.sample(params, &noise, &cache, &mut action, &mut [0.0]);
            match policy.head() {
                Head::Gaussian | Head::Bounded => {
                    let z = f64::from(action[0]) - outputs[0];
                    sum += z;
                    squares += z * z;
                }
                Head::Categorical => counts[action[0] as usize] += 1.0,
            }
        }
        let n = f64::from(draws);
        match policy.head() {
            Head::Gaussian | Head::Bounded => {
                let std = f64::from(policy.log_std(params)[0]).exp();
                assert!((sum / n).abs() < 5.0 * std / n.sqrt());
                assert!((squares / n / (std * std) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
            }
            Head::Categorical => {
                for (i, count) in counts.iter().enumerate() {
                    let (log_p, _) = reference::distribution(Head::Categorical, &outputs, &[], &[i as f64]);
                    let p = log_p.exp();
                    assert!((count / n - p).abs() < 5.0 * (p * (1.0 - p) / n).sqrt());
                }
            }
        }
    }
}

#[test]
fn probabilities_of_all_choices_sum_to_one_and_a_gaussian_density_integrates_to_one() {
    for case in cases() {
        let (policy, params) = (&case.policy, &case.params);
        let observation = &case.observations[..policy.mlp().inputs()];
        let density = |action: &[f32]| {
            let mut cache = policy.cache(1);
            policy.forward(params, observation, &mut cache);
            policy.evaluate(params, action, &mut cache);
            f64::from(cache.log_probs()[0]).exp()
        };
        let total: f64 = match policy.head() {
            Head::Categorical => (0..policy.mlp().outputs()).map(|i| density(&[i as f32])).sum(),
            Head::Gaussian | Head::Bounded if policy.action_dim() == 1 => {
                (-4000..4000).map(|i| 0.005 * density(&[0.005 * i as f32])).sum()
            }
            Head::Gaussian | Head::Bounded => continue,
        };
        assert!((total - 1.0).abs() < 1.0e-5, "{total}");
    }
}

#[test]
fn the_mode_is_the_mean_or_the_first_of_the_most_probable_choices() {
    for mut case in cases() {
        case.policy.forward(&case.params, &case.observations, &mut case.cache);
        let mut actions = vec![f32::NAN; case.actions.len()];
        case.policy.mode(&case.cache, &mut actions);
        let outputs = case.cache.outputs().chunks_exact(case.policy.mlp().outputs());
        for (row, action) in outputs.zip(actions.chunks_exact(case.policy.action_dim())) {
            match case.policy.head() {
                Head::Gaussian | Head::Bounded => assert_eq!(row, action),
                Head::Categorical => assert!(row.iter().all(|l| *l <= row[action[0] as usize])),
            }
        }
    }
    // All logits equal: the first.
    let policy = Policy::categorical(1, &[], 4).unwrap();
    let mut cache = policy.cache(1);
    policy.forward(&vec![0.0; policy.parameters()], &[1.0], &mut cache);
    let mut action = [9.0];
    policy.mode(&cache, &mut action);
    assert_eq!(action, [0.0]);
}

/// A policy without hidden layers whose outputs are exactly the given numbers.
fn with_outputs(policy: &Policy, outputs: &[f32]) -> (Vec<f32>, PolicyCache) {
    let mut params = vec![0.0; policy.parameters()];
    let biases = policy.mlp().parameters() - outputs.len();
    params[biases..biases + outputs.len()].copy_from_slice(outputs);
    let mut cache = policy.cache(1);
    policy.forward(&params, &[0.0], &mut cache);
    (params, cache)
}

#[test]
fn extreme_logits_give_finite_numbers_and_only_possible_choices() {
    let policy = Policy::categorical(1, &[], 3).unwrap();
    for logits in [[1.0e30, 0.0, -1.0e30], [-500.0, 500.0, 500.0], [-1.0e37; 3]] {
        let (params, mut cache) = with_outputs(&policy, &logits);
        for choice in 0..3 {
            let action = [choice as f32];
            policy.evaluate(&params, &action, &mut cache);
            assert!(cache.log_probs()[0].is_finite() && cache.entropies()[0].is_finite());
            let mut gradient = vec![0.0; params.len()];
            policy.backward(&params, &[0.0], &action, &[1.0], &[1.0], &mut cache, &mut gradient);
            assert!(gradient.iter().all(|g| g.is_finite()));
        }
        for uniform in [0.0, 0.5, 1.0 - f64::EPSILON / 2.0] {
            let (mut action, mut log_prob) = ([9.0], [0.0]);
            policy.sample(&params, &[uniform], &cache, &mut action, &mut log_prob);
            assert!(log_prob[0] > -2.0, "impossible choice {} of {logits:?}", action[0]);
        }
    }
}

#[test]
fn kl_is_zero_to_itself_and_matches_the_known_formulas() {
    let gaussian = Policy::gaussian(1, &[], 1).unwrap();
    let (mut p, p_cache) = with_outputs(&gaussian, &[0.5]);
    let (mut q, q_cache) = with_outputs(&gaussian, &[-1.0]);
    let last = p.len() - 1;
    (p[last], q[last]) = (0.25, -0.5);
    let expected = -0.75 + ((0.5_f64).exp() + 1.5 * 1.5) / (2.0 * (-1.0_f64).exp()) - 0.5;
    assert!((gaussian.mean_kl((&p, &p_cache), (&q, &q_cache)) - expected).abs() < 1.0e-9);
    assert_eq!(gaussian.mean_kl((&p, &p_cache), (&p, &p_cache)), 0.0);

    let categorical = Policy::categorical(1, &[], 2).unwrap();
    let (p, p_cache) = with_outputs(&categorical, &[0.0, 0.0]);
    let (q, q_cache) = with_outputs(&categorical, &[0.0, 3.0_f32.ln()]);
    let expected = 0.5 * (0.5_f64 / 0.25).ln() + 0.5 * (0.5_f64 / 0.75).ln();
    assert!((categorical.mean_kl((&p, &p_cache), (&q, &q_cache)) - expected).abs() < 1.0e-6);
    assert_eq!(categorical.mean_kl((&p, &p_cache), (&p, &p_cache)), 0.0);
}

#[test]
fn a_row_is_sampled_the_same_alone_and_in_a_batch() {
    for mut case in cases() {
        let (policy, params) = (&case.policy, &case.params);
        let width = policy.action_dim();
        let mut noise = vec![0.0; case.rows * width];
        policy.draw_noise(&mut stream(8), &mut noise);
        let mut log_probs = vec![0.0; case.rows];
        policy.forward(params, &case.observations, &mut case.cache);
        policy.sample(params, &noise, &case.cache, &mut case.actions, &mut log_probs);
        let mut alone = policy.cache(1);
        for (i, observation) in case.observations.chunks_exact(policy.mlp().inputs()).enumerate() {
            let (mut action, mut log_prob) = (vec![0.0; width], [0.0]);
            policy.forward(params, observation, &mut alone);
            policy.sample(params, &noise[i * width..(i + 1) * width], &alone, &mut action, &mut log_prob);
            assert_eq!(action, case.actions[i * width..(i + 1) * width]);
            assert_eq!(log_prob[0].to_bits(), log_probs[i].to_bits());
        }
    }
}
