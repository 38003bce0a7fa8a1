//! Policies trained on simulated episodes alone, beside robust value iteration.

#[allow(dead_code)]
#[path = "../examples/trained.rs"]
mod trained;

use wr2l_finite::{GridWorld, Machine, robust_values};

#[test]
fn wr2l_comes_close_to_the_exact_robust_value_where_ppo_does_not() {
    for (family, name) in
        [(GridWorld::default().family().unwrap(), "grid"), (Machine::default().family().unwrap(), "machine")]
    {
        let best = robust_values(family.mdp(), &family, 1e-9).unwrap();
        let best = family.mdp().from_start(&best.values);
        let worst = |robust| trained::judge_network(&family, &trained::train(&family, robust, 1, 100_000)).1;
        let (wr2l, ppo) = (worst(true), worst(false));
        assert!(wr2l <= best + 1e-6 && ppo <= best + 1e-6, "nobody is better than the best");
        assert!(wr2l > best - 0.05 * best.abs() && wr2l >= ppo, "{name}: {wr2l} {ppo} {best}");
    }
}
