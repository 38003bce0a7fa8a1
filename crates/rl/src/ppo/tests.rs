use super::*;
use crate::{Executor, Fixed, StopFlag, Stretch, Threads};
use wr2l_sim::{Divergence, Outcome, SimError, Simulator, Task, TaskName};

fn setting() -> (Threads, Ppo) {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space().select::<&str>(&[]).unwrap();
    let simulator = Simulator::new(task, None, space).unwrap();
    let config = PpoConfig { lanes: 2, horizon: 64, minibatches: 4, epochs: 2, ..PpoConfig::default() };
    let ppo = Ppo::new(config, simulator.spec(), 0, 1).unwrap();
    (Threads::new(&simulator, 1).unwrap(), ppo)
}

fn on(threads: usize, stop: &StopFlag) -> Threads {
    Threads::new(setting().0.simulator(), threads).unwrap().with_stop_flag(stop.clone())
}

fn collect(executor: &mut dyn Executor, ppo: &mut Ppo) {
    let options = CollectOptions {
        seed: 1,
        iteration: 0,
        stretch: Stretch::Steps(64),
        discount: 0.99,
        acting: Acting::Sample,
        random_actions: 0.0,
    };
    let source = Fixed(Vec::new());
    executor
        .collect(crate::Players::alone(&ppo.actor), &source, &mut ppo.lanes, options, &mut ppo.batch)
        .unwrap();
}

#[test]
fn a_diverged_step_never_reaches_the_networks() {
    let (mut executor, mut ppo) = setting();
    collect(&mut executor, &mut ppo);
    for step in [0, 17, 63] {
        ppo.batch[1].outcomes[step] = Outcome::Diverged(Divergence::State);
        ppo.batch[1].rewards[step] = f64::NAN;
        ppo.batch[1].log_probs[step] = f32::NAN;
        ppo.batch[1].actions[step] = 1.0;
    }
    ppo.prepare(1.0, 0).unwrap();
    assert_eq!(ppo.samples.valid.len(), 128 - 3);
    ppo.update(1, 0, 3e-4, &mut on(1, &StopFlag::default())).unwrap();
    assert!(ppo.policy.params().iter().chain(ppo.critic.params()).all(|p| p.is_finite()));
}

#[test]
fn a_gradient_that_is_not_finite_is_an_error() {
    let (mut executor, mut ppo) = setting();
    collect(&mut executor, &mut ppo);
    ppo.prepare(1.0, 0).unwrap();
    ppo.samples.advantages[100] = f32::NAN;
    for threads in [1, 2] {
        let error = ppo.update(1, 0, 3e-4, &mut on(threads, &StopFlag::default())).unwrap_err();
        assert_eq!(error, RlError::NotFinite { what: "the gradient", iteration: 0 });
    }
}

#[test]
fn a_batch_of_nothing_but_diverged_steps_is_an_error() {
    let (mut executor, mut ppo) = setting();
    collect(&mut executor, &mut ppo);
    for lane in &mut ppo.batch {
        lane.outcomes.fill(Outcome::Diverged(Divergence::Simulator));
    }
    assert_eq!(ppo.prepare(1.0, 7).unwrap_err(), RlError::NothingValid { iteration: 7 });
}

#[test]
fn rewards_are_scaled_by_the_deviation_of_the_discounted_return() {
    let (mut executor, mut ppo) = setting();
    collect(&mut executor, &mut ppo);
    ppo.prepare(1.0, 0).unwrap();
    let deviation = ppo.reward_moments.variance(0).sqrt();
    assert!(deviation > 1.0);
    assert!((ppo.samples.rewards[5] - 1.0 / deviation).abs() < 1e-6);
}

#[test]
fn a_report_says_how_often_all_was_learnt_from_and_how_far_the_policy_went() {
    let (mut executor, mut ppo) = setting();
    let source = Fixed(Vec::new());
    let report = ppo.improve(Experience::alone(&mut executor, &source, 1, 0, 0.0)).unwrap();
    assert_eq!(report.epochs, 2);
    assert!(report.kl > 0.0 && report.kl < 0.2 && report.value_loss > 0.0, "{report:?}");
}

#[test]
fn updates_have_the_same_bits_for_any_number_of_threads() {
    // Minibatches of less than a chunk, of several, and of all; with and without a limit that ends the epochs.
    for (minibatches, kl_limit) in [(4, 0.0), (1, 0.0), (1000, 0.0), (4, 1e-4)] {
        let run = |threads| {
            let (mut executor, mut ppo) = setting();
            ppo.config.minibatches = minibatches;
            ppo.config.kl_limit = kl_limit;
            ppo.config.epochs = 4;
            collect(&mut executor, &mut ppo);
            ppo.prepare(1.0, 0).unwrap();
            let (losses, norm, epochs) =
                ppo.update(1, 0, 3e-3, &mut on(threads, &StopFlag::default())).unwrap();
            let bits = |params: &[f32]| params.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
            (losses, norm.to_bits(), epochs, bits(ppo.policy.params()), bits(ppo.critic.params()))
        };
        let reference = run(1);
        assert_eq!(reference.2 < 4, kl_limit > 0.0, "{reference:?}");
        assert!(reference == run(2) && reference == run(3), "{minibatches} minibatches");
    }
}

#[test]
fn an_update_is_given_up_when_patience_ends_and_not_before() {
    let run = |stop: &StopFlag| {
        let (mut executor, mut ppo) = setting();
        collect(&mut executor, &mut ppo);
        ppo.prepare(1.0, 0).unwrap();
        let done = ppo.update(1, 0, 3e-3, &mut on(1, stop)).map(|(losses, ..)| losses);
        (done, ppo.policy.params().to_vec())
    };
    let undisturbed = run(&StopFlag::default());
    let patient = StopFlag::default();
    patient.raise();
    assert!(run(&patient) == undisturbed, "it is completed, with the same bits");
    let impatient = patient.with_patience(std::time::Duration::ZERO);
    assert_eq!(run(&impatient).0.unwrap_err(), RlError::Sim(SimError::Interrupted));
}

/// What a limit guarantees: the policy that is kept is at most one pass beyond a mean KL of it.
#[test]
fn passes_end_with_the_first_whose_kl_is_above_the_limit() {
    let run = |epochs, kl_limit| {
        let (mut executor, mut ppo) = setting();
        ppo.config.epochs = epochs;
        ppo.config.kl_limit = kl_limit;
        collect(&mut executor, &mut ppo);
        ppo.prepare(1.0, 0).unwrap();
        let (losses, _, epochs) = ppo.update(1, 0, 3e-3, &mut on(1, &StopFlag::default())).unwrap();
        (losses.kl, epochs, ppo.policy.params().to_vec())
    };
    let without: Vec<_> = (1..=6).map(|epochs| run(epochs, 0.0)).collect();
    let mut early = 0;
    for limit in without.iter().map(|pass| 1.01 * pass.0) {
        let first = without.iter().position(|pass| pass.0 > limit).unwrap_or(5);
        early += usize::from(first < 5);
        assert!(run(6, limit) == without[first], "{limit}");
    }
    assert!(early > 0, "a limit that ends the passes");
}
