use super::*;
use crate::{Executor, Fixed, Stretch, Threads};
use wr2l_sim::{Outcome, Simulator, Task, TaskName};

fn simulator(task: TaskName) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select::<&str>(&[]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn setting(task: TaskName, config: TrpoConfig) -> (Threads, Trpo) {
    let simulator = simulator(task);
    let trpo = Trpo::new(config, simulator.spec(), 0, 1).unwrap();
    (Threads::new(&simulator, 1).unwrap(), trpo)
}

fn small() -> TrpoConfig {
    TrpoConfig { lanes: 2, horizon: 70, ..TrpoConfig::default() }
}

fn improve(executor: &mut dyn Executor, trpo: &mut Trpo, iteration: u64) -> Improvement {
    let source = Fixed(Vec::new());
    trpo.improve(Experience::alone(executor, &source, 1, iteration, 0.0)).unwrap()
}

/// A learner whose batch has been collected and prepared.
fn prepared(task: TaskName, config: TrpoConfig) -> Trpo {
    let (mut executor, mut trpo) = setting(task, config);
    collect(&mut executor, &mut trpo);
    trpo.prepare(1.0, 0).unwrap();
    trpo
}

fn collect(executor: &mut dyn Executor, trpo: &mut Trpo) {
    let options = CollectOptions {
        seed: 1,
        iteration: 0,
        stretch: Stretch::Steps(trpo.config.horizon),
        discount: 0.99,
        acting: Acting::Sample,
        random_actions: 0.0,
    };
    executor
        .collect(
            crate::Players::alone(&trpo.actor),
            &Fixed(Vec::new()),
            &mut trpo.lanes,
            options,
            &mut trpo.batch,
        )
        .unwrap();
}

fn bits(params: &[f32]) -> Vec<u32> {
    params.iter().map(|p| p.to_bits()).collect()
}

/// The mean KL between two parameter vectors over all rows of the last batch, at once.
fn mean_kl(trpo: &Trpo, old: &[f32], new: &[f32]) -> f64 {
    let policy = trpo.actor.policy();
    let rows = trpo.samples.rewards.len();
    let (mut a, mut b) = (policy.cache(rows), policy.cache(rows));
    policy.forward(old, &trpo.samples.inputs, &mut a);
    policy.forward(new, &trpo.samples.inputs, &mut b);
    policy.mean_kl((old, &a), (new, &b))
}

#[test]
fn the_kl_constraint_holds_after_every_accepted_step() {
    for task in [TaskName::CARTPOLE, TaskName::HOPPER] {
        for kl in [1e-4, 0.01, 0.5] {
            // Damping 0 leaves the longest steps: the line search has to hold them.
            for damping in [0.0, 0.1] {
                let (mut executor, mut trpo) = setting(task, TrpoConfig { kl, damping, ..small() });
                let mut accepted = 0;
                for iteration in 0..6 {
                    let old = trpo.actor.params().to_vec();
                    let report = improve(&mut executor, &mut trpo, iteration);
                    let measured = mean_kl(&trpo, &old, trpo.actor.params());
                    match report.skipped {
                        None => {
                            accepted += 1;
                            assert!(measured > 0.0 && measured <= kl * (1.0 + 1e-9), "{measured} above {kl}");
                            assert!((report.kl - measured).abs() <= 1e-9 * kl);
                            assert!(report.policy_loss < 0.0, "an accepted step improves the surrogate");
                        }
                        Some(_) => assert_eq!(bits(&old), bits(trpo.actor.params())),
                    }
                }
                assert!(accepted > 0, "{task}, KL {kl}, damping {damping}");
            }
        }
    }
}

#[test]
fn a_step_too_short_to_change_a_bit_is_no_progress() {
    let (mut executor, mut trpo) = setting(TaskName::CARTPOLE, TrpoConfig { kl: 1e-30, ..small() });
    let before = bits(trpo.actor.params());
    let report = improve(&mut executor, &mut trpo, 0);
    assert_eq!((report.skipped, bits(trpo.actor.params())), (Some(Skip::NoProgress), before));
}

#[test]
fn the_gradient_that_is_reported_is_that_of_the_mean_over_the_batch() {
    let (mut executor, mut trpo) = setting(TaskName::CARTPOLE, small());
    let report = improve(&mut executor, &mut trpo, 0);
    // Advantages have mean 0 and variance 1, and so a mean of 140 gradients has a norm of about 1 at most.
    assert!(report.gradient_norm > 0.0 && report.gradient_norm < 5.0, "{report:?}");
    assert!(report.value_loss > 0.0, "{report:?}");
}

#[test]
fn the_step_is_the_damped_natural_gradient() {
    // (F + damping·I)x = g, assembled column by column and solved by elimination; one trial accepts at β·x.
    let config = TrpoConfig { hidden: vec![3], cg_steps: 200, kl: 1e-6, ..small() };
    let mut trpo = prepared(TaskName::CARTPOLE, config.clone());
    let (policy, old) = (trpo.actor.policy().clone(), trpo.actor.params().to_vec());
    let n = old.len();
    let gradient = trpo.scratch.gradient(&policy, &old, &trpo.samples);
    let mut system = vec![vec![0.0; n + 1]; n];
    for column in 0..n {
        let mut unit = vec![0.0; n];
        unit[column] = 1.0;
        let mut product = vec![0.0; n];
        trpo.scratch.fisher_product(&policy, &old, &trpo.samples, &unit, &mut product);
        for row in 0..n {
            system[row][column] = product[row] + if row == column { config.damping } else { 0.0 };
        }
    }
    for row in 0..n {
        system[row][n] = gradient[row];
    }
    let x = eliminate(system);
    let (stepped, norm) = trpo.step();
    let stepped = stepped.unwrap();
    assert_eq!(stepped.trials, 1, "so short a step stays within the quadratic model");
    assert!((norm - dot(&gradient, &gradient).sqrt()).abs() < 1e-12);
    // g·x = xᵀ(F + damping·I)x.
    let beta = (2.0 * config.kl / dot(&gradient, &x)).sqrt();
    let size = x.iter().fold(0.0_f64, |a, b| a.max(b.abs())) * beta;
    for i in 0..n {
        let moved = f64::from(stepped.params[i]) - f64::from(old[i]);
        assert!((moved - beta * x[i]).abs() < 1e-3 * size, "{i}: {moved} against {}", beta * x[i]);
    }
}

/// Gauss–Jordan elimination with pivoting of `[A | b]`.
fn eliminate(mut m: Vec<Vec<f64>>) -> Vec<f64> {
    let n = m.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| m[a][k].abs().total_cmp(&m[b][k].abs())).unwrap();
        m.swap(k, pivot);
        for i in 0..n {
            if i != k {
                let factor = m[i][k] / m[k][k];
                for j in k..=n {
                    m[i][j] -= factor * m[k][j];
                }
            }
        }
    }
    (0..n).map(|i| m[i][n] / m[i][i]).collect()
}

#[test]
fn a_zero_gradient_leaves_the_policy_and_says_so() {
    let mut trpo = prepared(TaskName::HOPPER, small());
    trpo.samples.advantages.fill(0.0);
    assert_eq!(trpo.step(), (Err(Skip::NoGradient), 0.0));
}

#[test]
fn equal_advantages_are_no_gradient() {
    let mut trpo = prepared(TaskName::HOPPER, small());
    trpo.samples.advantages.fill(3.0);
    trpo.samples.standardise_advantages();
    assert_eq!(trpo.step().0, Err(Skip::NoGradient));
}

#[test]
fn a_reward_or_advantage_that_is_not_finite_is_survived_and_reported() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let config = TrpoConfig { normalise_rewards: false, ..small() };
        let (mut executor, mut trpo) = setting(TaskName::HOPPER, config);
        collect(&mut executor, &mut trpo);
        trpo.batch[1].rewards[7] = bad;
        let error = trpo.prepare(1.0, 0).unwrap_err();
        assert!(matches!(error, RlError::NotFinite { .. }));

        let mut trpo = prepared(TaskName::HOPPER, small());
        trpo.samples.advantages[11] = bad as f32;
        let (stepped, norm) = trpo.step();
        assert_eq!(stepped, Err(Skip::NotFinite), "gradient norm {norm}");
    }
}

#[test]
fn rewards_that_are_not_finite_leave_policy_and_critic_and_training_goes_on() {
    let config = TrpoConfig { normalise_rewards: false, ..small() };
    let (mut executor, mut trpo) = setting(TaskName::HOPPER, config);
    // A critic of huge weights gives values beyond f32.
    trpo.critic = {
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let mut critic = Critic::new(11, &[64, 64], 128, AdamConfig::default(), &mut stream).unwrap();
        critic.overwrite(f32::MAX);
        critic
    };
    let before = bits(trpo.actor.params());
    let report = improve(&mut executor, &mut trpo, 0);
    assert_eq!((report.skipped, report.transitions), (Some(Skip::NotFinite), 140));
    assert_eq!(before, bits(trpo.actor.params()));
    trpo.critic.overwrite(0.0);
    assert_eq!(improve(&mut executor, &mut trpo, 1).skipped, None);
}

#[test]
fn an_ill_conditioned_fisher_matrix_is_survived() {
    // Standard deviations from e⁻³⁰ to e³⁰ put 52 decades between the entries of the Fisher matrix; at e⁻⁵⁰ they
    // are beyond f32. Saturated units have none of the curvature.
    for log_std in [[-30.0, 0.0, 30.0], [-50.0, 0.0, 0.0], [80.0, 80.0, 80.0], [0.0, 0.0, 0.0]] {
        for weights in [0.0, 1.0, 1e4] {
            for damping in [0.0, 0.1] {
                let (mut executor, mut trpo) = setting(TaskName::HOPPER, TrpoConfig { damping, ..small() });
                let mut params: Vec<f32> = trpo.actor.params().iter().map(|p| weights * p).collect();
                let n = params.len();
                params[n - 3..].copy_from_slice(&log_std);
                let normaliser = trpo.actor.normaliser().clone();
                trpo.actor.renew(&params, normaliser);
                let report = improve(&mut executor, &mut trpo, 0);
                assert!(trpo.actor.params().iter().all(|p| p.is_finite()));
                match report.skipped {
                    Some(_) => assert_eq!(bits(&params), bits(trpo.actor.params())),
                    None => assert!(report.kl <= trpo.config.kl),
                }
                // Whatever happened, the next batch can be learnt from.
                improve(&mut executor, &mut trpo, 1);
            }
        }
    }
}

#[test]
fn a_diverged_step_never_reaches_the_networks() {
    let (mut executor, mut trpo) = setting(TaskName::HOPPER, small());
    collect(&mut executor, &mut trpo);
    for step in [0, 17, 69] {
        trpo.batch[1].outcomes[step] = Outcome::Diverged(wr2l_sim::Divergence::State);
        trpo.batch[1].rewards[step] = 0.0;
        trpo.batch[1].log_probs[step] = f32::NAN;
    }
    trpo.prepare(1.0, 0).unwrap();
    assert_eq!(trpo.samples.valid.len(), 140 - 3);
    assert!(trpo.step().0.unwrap().params.iter().all(|p| p.is_finite()));
}

#[test]
fn trpo_learns_to_balance_the_cart_pole() {
    let (mut executor, mut trpo) =
        setting(TaskName::CARTPOLE, TrpoConfig { horizon: 128, ..TrpoConfig::default() });
    let mut last = Vec::new();
    for iteration in 0..40 {
        last = improve(&mut executor, &mut trpo, iteration).finished;
    }
    let mean = last.iter().map(|e| e.ret).sum::<f64>() / last.len() as f64;
    assert!(mean > 300.0, "mean return {mean} of at most 500 after 40,960 steps");
}

#[test]
fn the_same_bits_for_any_threads_and_grouping() {
    let simulator = simulator(TaskName::HOPPER);
    let train = |threads, lanes| {
        let mut executor = Threads::with_lanes(&simulator, threads, lanes).unwrap();
        let mut trpo = Trpo::new(TrpoConfig { lanes: 4, ..small() }, simulator.spec(), 0, 3).unwrap();
        for iteration in 0..3 {
            improve(&mut executor, &mut trpo, iteration);
        }
        bits(trpo.actor.params())
    };
    let reference = train(1, 1);
    assert_eq!(reference, train(2, 1));
    assert_eq!(reference, train(2, 2));
}
