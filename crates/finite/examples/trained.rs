//! WR²L and PPO, trained on simulated episodes alone, beside the exact answers of robust value iteration.
//!
//! `cargo run --release -p wr2l-finite --example trained > docs/results/finite/trained.csv`

use std::sync::Arc;

use wr2l_finite::{
    Family, GridWorld, Machine, Nominal, RandomMdp, TabularPolicy, exact_values, robust_policy_values,
    robust_values,
};
use wr2l_rl::{Actor, Experience, Fixed, Learner, Ppo, PpoConfig, Threads};
use wr2l_robust::adversary::{Source, Turn, Wasserstein};
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate, PairsConfig};

/// Algorithm 1, or PPO alone: the policy after so many steps.
pub(crate) fn train(family: &Family, robust: bool, seed: u64, steps: u64) -> Actor {
    let simulator = family.simulator("finite");
    let space = simulator.space();
    let mut executor = Threads::with_lanes(&simulator, 1, 16).unwrap();
    // Without hidden layers over one-hot observations: a table of logits.
    let config = PpoConfig {
        hidden: Vec::new(),
        lanes: 16,
        horizon: 128,
        gamma: family.mdp().discount(),
        learning_rate: 0.02,
        entropy: 0.003,
        normalise_observations: false,
        ..PpoConfig::default()
    };
    let mut ppo = Ppo::new(config, simulator.spec(), space.dim(), seed).unwrap();
    let pairs =
        PairsConfig { count: 200, pool: 200, target_error: 0.0, samples: 16, ..PairsConfig::default() };
    // So wide that the parameters' bounds alone count: the set that robust value iteration is exact for.
    let config = BallConfig { epsilon: 1e6, pairs, ..BallConfig::default() };
    let estimate = BallEstimate::new(&mut executor, &config, seed).unwrap();
    let ball = estimate.ball(space, &config).unwrap();
    let config = AdversaryConfig {
        phase_one: PhaseOne { search: SearchKind::Surrogate, ..PhaseOne::default() },
        episodes: 16,
        return_discount: family.mdp().discount(),
        ..AdversaryConfig::default()
    };
    let mut adversary = Wasserstein::new(estimate, ball, config).unwrap();
    let mut source: Source = Arc::new(Fixed::reference(space));
    let mut current = vec![0.0; space.dim()];
    let mut done = 0;
    while done < steps {
        if robust && done % 8192 == 0 {
            let turn = Turn { seed, index: done / 8192, progress: 0.0, current: &current };
            source = adversary.choose(&turn, ppo.actor(), &mut executor).unwrap().source;
            current = source.point().unwrap().to_vec();
        }
        let progress = done as f64 / steps as f64;
        let iteration = done / (16 * 128);
        let experience = Experience::alone(&mut executor, source.as_ref(), seed, iteration, progress);
        ppo.improve(experience).unwrap();
        done += 16 * 128;
    }
    ppo.actor().clone()
}

/// Expected discounted return under the reference, and under the worst dynamics of the family's bounds, chosen for each state
/// and action.
pub(crate) fn judge(family: &Family, policy: &TabularPolicy) -> (f64, f64) {
    let mdp = family.mdp();
    let nominal = exact_values(mdp, mdp.transitions(), policy).unwrap();
    let worst = robust_policy_values(mdp, policy, family, 1e-9).unwrap();
    (mdp.from_start(&nominal), mdp.from_start(&worst.values))
}

/// The same of a network's most likely actions.
pub(crate) fn judge_network(family: &Family, actor: &Actor) -> (f64, f64) {
    judge(family, &TabularPolicy::of_actor(family.mdp(), actor, true).unwrap())
}

fn main() {
    let mut families = vec![
        ("machine".to_owned(), Machine::default().family().unwrap()),
        ("grid-world".to_owned(), GridWorld::default().family().unwrap()),
    ];
    for seed in 0..3 {
        let config = RandomMdp { states: 20 + 15 * seed as usize, ..RandomMdp::default() };
        families.push((format!("random-{}", config.states), config.family(seed).unwrap()));
    }
    println!("process,policy,seed,nominal,worst");
    for (name, family) in families {
        let mdp = family.mdp();
        for (method, choices) in [
            ("robust-value-iteration", robust_values(mdp, &family, 1e-9).unwrap().choices),
            ("value-iteration", robust_values(mdp, &Nominal, 1e-9).unwrap().choices),
        ] {
            let (nominal, worst) = judge(&family, &TabularPolicy::deterministic(mdp, &choices).unwrap());
            println!("{name},{method},,{nominal:.4},{worst:.4}");
        }
        for (method, robust) in [("wr2l", true), ("ppo", false)] {
            for seed in 1..=3 {
                let (nominal, worst) = judge_network(&family, &train(&family, robust, seed, 100_000));
                println!("{name},{method},{seed},{nominal:.4},{worst:.4}");
            }
        }
    }
}
