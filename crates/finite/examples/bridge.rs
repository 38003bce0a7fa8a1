//! RATS on the bridge, beside who trusts the snapshot and who knows the future.
//!
//! `cargo run --release -p wr2l-finite --example bridge > docs/results/rats/bridge.csv`

use std::time::Instant;

use wr2l_finite::{Bridge, Leaf, Nominal, Rats, Returns, robust_values};

const HORIZON: usize = 25;

fn main() {
    println!("growth,epsilon,planner,depth,leaf,mean,cvar_5,cvar_20,solved,unfolded,milliseconds");
    for (growth, balance) in [0.05, 0.1, 0.2].into_iter().flat_map(|g| [0.0, 0.5, 1.0].map(|b| (g, b))) {
        let process = Bridge { growth, balance, ..Bridge::default() }.process().unwrap();
        // What the two sides together can do: a planner does not know which of them it will be.
        let drift = Bridge { growth, ..Bridge::default() }.process().unwrap().lipschitz().unwrap();
        let row = |name: &str, depth: &str, leaf: &str, returns: &Returns, cost: &str| {
            let (mean, five, twenty) = (returns.mean(), returns.cvar(0.05), returns.cvar(0.2));
            println!("{growth},{balance},{name},{depth},{leaf},{mean:.4},{five:.4},{twenty:.4},{cost}");
        };
        let knowing = process.optimal_choices(HORIZON);
        row("dp-nsmdp", "", "", &process.returns(HORIZON, |t, s| knowing[t][s]), ",,");
        let snapshot = process
            .returns(HORIZON, |t, s| robust_values(process.snapshot(t), &Nominal, 1e-9).unwrap().choices[s]);
        row("dp-snapshot", "", "", &snapshot, ",,");
        for leaf in [Leaf::Zero, Leaf::Snapshot] {
            for depth in [1, 2, 3, 4, 5, 6, 8] {
                let rats = Rats { depth, drift, reward_drift: 0.0, leaf };
                let returns = process.returns(HORIZON, |t, s| rats.search(&process, t, s).unwrap().action);
                let begun = Instant::now();
                let first = rats.search(&process, 0, 2 * 9 + 3).unwrap();
                let took = 1e3 * begun.elapsed().as_secs_f64();
                let cost = format!("{},{},{took:.3}", first.solved, first.unfolded);
                let leaf = format!("{leaf:?}").to_lowercase();
                row("rats", &depth.to_string(), &leaf, &returns, &cost);
            }
        }
    }
}
