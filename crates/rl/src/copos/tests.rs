use super::*;
use crate::{Executor, Experience, Fixed, Threads};
use wr2l_sim::{Simulator, Task, TaskName};

fn simulator(task: TaskName) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select::<&str>(&[]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn small() -> CoposConfig {
    CoposConfig { lanes: 2, horizon: 70, ..CoposConfig::default() }
}

fn setting(task: TaskName, config: CoposConfig) -> (Threads, Copos) {
    let simulator = simulator(task);
    let copos = Copos::with_history(config, simulator.spec(), 0, 0, 1).unwrap();
    (Threads::new(&simulator, 1).unwrap(), copos)
}

fn improve(executor: &mut dyn Executor, learner: &mut dyn Learner, iteration: u64) -> Improvement {
    learner.improve(Experience::alone(executor, &Fixed(Vec::new()), 1, iteration, 0.0)).unwrap()
}

fn entropy(policy: &Policy, params: &[f32]) -> f64 {
    policy.log_std(params).iter().map(|l| f64::from(*l)).sum()
}

/// The mean KL(new ‖ old) over all rows of the last batch, at once.
fn kl_back(copos: &Copos, old: &[f32], new: &[f32]) -> f64 {
    let policy = copos.actor().policy();
    let rows = copos.trpo.samples.rewards.len();
    let (mut a, mut b) = (policy.cache(rows), policy.cache(rows));
    policy.forward(old, &copos.trpo.samples.inputs, &mut a);
    policy.forward(new, &copos.trpo.samples.inputs, &mut b);
    policy.mean_kl((new, &b), (old, &a))
}

#[test]
fn both_constraints_hold_as_measured_after_every_accepted_step() {
    for task in [TaskName::HOPPER, TaskName::INVERTED_PENDULUM] {
        for kl in [1e-4, 0.01, 0.3] {
            for entropy_fall in [1e-4, 0.02, 5.0] {
                let config = CoposConfig { kl, entropy_fall, damping: 0.01, ..small() };
                let (mut executor, mut copos) = setting(task, config);
                let (mut accepted, mut bound) = (0, 0);
                for iteration in 0..6 {
                    let old = copos.actor().params().to_vec();
                    let report = improve(&mut executor, &mut copos, iteration);
                    let new = copos.actor().params().to_vec();
                    if report.skipped.is_some() {
                        assert_eq!(old, new);
                        continue;
                    }
                    accepted += 1;
                    let measured = kl_back(&copos, &old, &new);
                    assert!(measured > 0.0 && measured <= kl * (1.0 + 1e-9), "{measured} above {kl}");
                    assert!((report.kl - measured).abs() <= 1e-9 * kl);
                    let policy = copos.actor().policy();
                    let fell = entropy(policy, &old) - entropy(policy, &new);
                    // Logarithms of deviations are f32.
                    assert!(fell <= entropy_fall + 2e-6, "{fell} above {entropy_fall}");
                    bound += u32::from(fell >= entropy_fall - 2e-6);
                    assert!(report.policy_loss < 0.0, "an accepted step improves the surrogate");
                }
                assert!(accepted > 0, "{task}, KL {kl}, fall {entropy_fall}");
                assert!(entropy_fall < 1.0 || bound == 0, "nothing falls so far");
            }
        }
    }
}

/// Puts a batch of one state into the learner: actions at the nodes of the quadrature that is exact for fourth powers, as often as
/// their weights say, with advantages of a quadratic less their mean.
fn bandit(copos: &mut Copos, q: f64, target: f64) {
    let Trpo { samples, actor, .. } = &mut copos.trpo;
    let policy = actor.policy();
    let mut cache = policy.cache(6);
    let inputs = vec![0.5_f32; 6 * policy.mlp().inputs()];
    policy.forward(actor.params(), &inputs, &mut cache);
    let (mean, std) = (f64::from(cache.outputs()[0]), f64::from(policy.log_std(actor.params())[0]).exp());
    let nodes = [-(3.0_f64.sqrt()), 0.0, 0.0, 0.0, 0.0, 3.0_f64.sqrt()].map(|node| mean + std * node);
    let worth = nodes.map(|a| -0.5 * q * (a - target).powi(2));
    let average = worth.iter().sum::<f64>() / 6.0;
    samples.actions = nodes.map(|a| a as f32).to_vec();
    policy.evaluate(actor.params(), &samples.actions, &mut cache);
    samples.log_probs = cache.log_probs().to_vec();
    samples.advantages = worth.map(|w| (w - average) as f32).to_vec();
    samples.inputs = inputs;
    samples.rewards = vec![0.0; 6];
    samples.valid = (0..6).collect();
}

#[test]
fn on_a_quadratic_bandit_the_step_is_the_closed_form() {
    for (q, target, kl, entropy_fall) in
        [(1.0, 0.8, 1e-3, 1e-3), (3.0, -0.5, 0.01, 10.0), (0.5, 2.0, 0.02, 0.01)]
    {
        // Without hidden layers: all of the mean is log-linear.
        let config = CoposConfig { hidden: vec![], damping: 0.0, kl, entropy_fall, cg_steps: 50, ..small() };
        let (_, mut copos) = setting(TaskName::INVERTED_PENDULUM, config);
        bandit(&mut copos, q, target);
        let policy = copos.actor().policy().clone();
        let old = copos.actor().params().to_vec();
        let gaussian = |params: &[f32]| {
            let mut cache = policy.cache(1);
            policy.forward(params, &vec![0.5; policy.mlp().inputs()], &mut cache);
            (f64::from(cache.outputs()[0]), f64::from(policy.log_std(params)[0]).exp())
        };
        let stepped = step(&mut copos.trpo, entropy_fall).0.unwrap();
        assert_eq!(stepped.trials, 1, "the model of the KL is exact");
        let ((mean, std), (new_mean, new_std)) = (gaussian(&old), gaussian(&stepped.params));
        // π_new ∝ π_old^(η/(η+ω)) exp(A/(η+ω)), η and ω read off the two constraints.
        let x = -0.5 * q * std * std;
        let delta = -q * (mean - target) * std * std;
        let shape = Shape { log_std: vec![x], moved: vec![(delta / std).powi(2)], hidden: false };
        let Multipliers { eta, omega } = shape.multipliers(kl, entropy_fall).unwrap();
        let precision = (eta / (std * std) + q) / (eta + omega);
        let expected = (eta * mean / (std * std) + q * target) / (eta + omega) / precision;
        assert!((new_std - precision.powf(-0.5)).abs() < 1e-4, "{new_std} {}", precision.powf(-0.5));
        assert!((new_mean - expected).abs() < 1e-3 * (expected - mean).abs(), "{new_mean} {expected}");
        assert!((stepped.trial.kl / kl - 1.0).abs() < 1e-2, "{}", stepped.trial.kl);
    }
}

#[test]
fn with_the_entropy_free_the_mean_moves_along_trpos_natural_gradient() {
    let config = CoposConfig { hidden: vec![5], entropy_fall: 1e6, kl: 1e-6, ..small() };
    let (mut executor, mut copos) = setting(TaskName::HOPPER, config);
    improve(&mut executor, &mut copos, 0);
    let (old, x) = (copos.actor().params().to_vec(), copos.trpo.direction().0.unwrap());
    let stepped = step(&mut copos.trpo, 1e6).0.unwrap();
    let mlp = copos.actor().policy().mlp();
    let (n, outputs) = (mlp.parameters(), mlp.outputs());
    let weights = n - outputs - 5 * outputs;
    let along = |indices: &mut dyn Iterator<Item = usize>| {
        let (mut both, mut own, mut theirs) = (0.0, 0.0, 0.0);
        for i in indices {
            let moved = f64::from(stepped.params[i]) - f64::from(old[i]);
            both += moved * x[i];
            own += moved * moved;
            theirs += x[i] * x[i];
        }
        (both / (own * theirs).sqrt(), (own / theirs).sqrt())
    };
    // What lies below the last layer, and each row of the last layer with its bias, goes the same way, as far as its precision says.
    let (cosine, below) = along(&mut (0..weights));
    assert!(cosine > 1.0 - 1e-4, "{cosine}");
    for output in 0..outputs {
        let row = weights + 5 * output..weights + 5 * (output + 1);
        let (cosine, length) = along(&mut row.chain([weights + 5 * outputs + output]));
        assert!(cosine > 1.0 - 1e-4, "{output}: {cosine}");
        let expected = below / (1.0 - 2.0 * x[n + output] * below);
        assert!((length / expected - 1.0).abs() < 1e-2, "{output}: {length} {expected}");
    }
}

#[test]
fn how_far_means_move_is_measured_in_deviations() {
    let (mut executor, mut copos) = setting(TaskName::HOPPER, small());
    improve(&mut executor, &mut copos, 0);
    let policy = copos.actor().policy().clone();
    let (stds, outputs) = (policy.network().parameters(), policy.mlp().outputs());
    let mut params = copos.actor().params().to_vec();
    params[stds..].iter_mut().enumerate().for_each(|(j, l)| *l = -0.5 - j as f32);
    let normaliser = copos.actor().normaliser().clone();
    copos.trpo.actor.renew(&params, normaliser);
    // The biases of the outputs move all means alike.
    let mut x = vec![0.0; params.len()];
    x[stds - outputs..stds].fill(0.1);
    for (j, moved) in shape(&mut copos.trpo, &x).moved.into_iter().enumerate() {
        let expected = 0.01 * (1.0 + 2.0 * j as f64).exp();
        assert!((moved / expected - 1.0).abs() < 1e-5, "{j}: {moved} {expected}");
    }
}

#[test]
fn choices_are_refused_and_senseless_options_named() {
    let spec = simulator(TaskName::CARTPOLE).spec().clone();
    let error = Copos::with_history(small(), &spec, 0, 0, 1).unwrap_err();
    assert_eq!(error, RlError::Actions { learner: "copos" });
    let spec = simulator(TaskName::HOPPER).spec().clone();
    let config = CoposConfig { entropy_fall: 0.0, ..small() };
    assert!(Copos::with_history(config, &spec, 0, 0, 1).unwrap_err().to_string().contains("entropy_fall"));
}

#[test]
fn what_cannot_be_stepped_leaves_the_policy_and_says_so() {
    let (mut executor, mut copos) = setting(TaskName::HOPPER, small());
    improve(&mut executor, &mut copos, 0);
    copos.trpo.samples.advantages.fill(0.0);
    assert_eq!(step(&mut copos.trpo, 0.01), (Err(Skip::NoGradient), 0.0));
    copos.trpo.samples.advantages.fill(f32::NAN);
    assert_eq!(step(&mut copos.trpo, 0.01).0, Err(Skip::NotFinite));
}
