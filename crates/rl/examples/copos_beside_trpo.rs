//! Returns of COPOS beside TRPO's, with the same batches, critic and trust region.
//!
//! `cargo run --release -p wr2l-rl --example copos_beside_trpo > docs/results/copos/returns.csv`

use wr2l_rl::{
    Copos, CoposConfig, EpisodeJob, EpisodeOptions, Executor, Experience, Fixed, Learner, Threads, Trpo,
    TrpoConfig,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Simulator, Task, TaskName};

/// Mean return of 20 episodes, of the policy's means.
fn judged(executor: &mut Threads, learner: &dyn Learner) -> f64 {
    let key = |purpose, episode| StreamKey::new(9, purpose).episode(episode);
    let job = |episode| EpisodeJob {
        dynamics: 0,
        reset: key(Purpose::EvaluationReset, episode),
        action: key(Purpose::EvaluationAction, episode),
    };
    let jobs: Vec<EpisodeJob> = (0..20).map(job).collect();
    let options = EpisodeOptions { stochastic: false, discount: 1.0 };
    let results = executor.episodes(learner.actor(), &[], &jobs, options).unwrap();
    results.iter().map(|result| result.ret).sum::<f64>() / 20.0
}

fn main() {
    println!("task,learner,entropy_fall,seed,steps,return,entropy,skipped");
    for (name, steps) in [(TaskName::INVERTED_PENDULUM, 200_000_u64), (TaskName::HOPPER, 500_000)] {
        let normalise_observations = name != TaskName::INVERTED_PENDULUM;
        let task = Task::new(name);
        let none = task.space().select::<&str>(&[]).unwrap();
        let simulator = Simulator::new(task, None, none).unwrap();
        for seed in 1..=3 {
            let trpo = TrpoConfig { normalise_observations, ..TrpoConfig::default() };
            let mut learners: Vec<(&str, String, Box<dyn Learner>)> =
                vec![("trpo", String::new(), Box::new(Trpo::new(trpo, simulator.spec(), 0, seed).unwrap()))];
            for entropy_fall in [0.003, 0.01, 0.03] {
                let config = CoposConfig { normalise_observations, entropy_fall, ..CoposConfig::default() };
                let copos = Copos::with_history(config, simulator.spec(), 0, 0, seed).unwrap();
                learners.push(("copos", entropy_fall.to_string(), Box::new(copos)));
            }
            for (learner, fall, mut made) in learners {
                let mut executor = Threads::new(&simulator, 1).unwrap();
                let (mut done, mut iteration, mut skipped) = (0, 0, 0);
                let source = Fixed(Vec::new());
                let mut next = steps / 5;
                while done < steps {
                    let progress = done as f64 / steps as f64;
                    let experience = Experience::alone(&mut executor, &source, seed, iteration, progress);
                    let report = made.improve(experience).unwrap();
                    done += report.transitions as u64;
                    iteration += 1;
                    skipped += u32::from(report.skipped.is_some());
                    if done >= next {
                        let entropy = report.entropy;
                        let mean = judged(&mut executor, made.as_ref());
                        println!("{name},{learner},{fall},{seed},{done},{mean:.1},{entropy:.3},{skipped}");
                        next += steps / 5;
                    }
                }
            }
        }
    }
}
