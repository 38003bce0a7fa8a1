//! The shape of PPO's update by the steps that a run has, the same for every method: what learns most from few steps
//! learns too much from each batch, and with many steps forgets more than it learns.

use wr2l_rl::PpoConfig;

/// Batches, and how often each is gone through.
struct Shape {
    /// Steps of a run, at least.
    steps: u64,
    lanes: usize,
    horizon: usize,
    epochs: u32,
    minibatches: usize,
}

/// By ascending steps; `docs/methods/ppo.md` says what they were chosen by. A run has the last whose steps it reaches, and one of
/// fewer than any the first.
const SHAPES: [Shape; 2] = [
    Shape { steps: 1_000_000, lanes: 8, horizon: 256, epochs: 10, minibatches: 32 },
    Shape { steps: 10_000_000, lanes: 64, horizon: 128, epochs: 4, minibatches: 32 },
];

/// `config` with the shape for a run of so many steps.
pub(super) fn shaped(config: PpoConfig, steps: u64) -> PpoConfig {
    let reached = SHAPES.iter().rev().find(|shape| shape.steps <= steps);
    let &Shape { lanes, horizon, epochs, minibatches, .. } = reached.unwrap_or(&SHAPES[0]);
    PpoConfig { lanes, horizon, epochs, minibatches, ..config }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Layer, Plan};

    fn plan(settings: &[&str]) -> Plan {
        Plan::resolve(&settings.iter().map(|setting| Layer::set(setting).unwrap()).collect::<Vec<_>>())
            .unwrap()
    }

    fn of(plan: &Plan) -> (usize, usize, u32, usize) {
        let of = |key: &str| {
            plan.get(&format!("ppo.{key}")).and_then(|value| value.as_integer()).unwrap() as usize
        };
        (of("lanes"), of("horizon"), of("epochs") as u32, of("minibatches"))
    }

    #[test]
    fn every_method_has_the_shape_of_its_steps() {
        for task in ["task=hopper", "task=walker2d", "task=half-cheetah"] {
            for method in ["ppo", "ppo-uniform", "ppo-boundary", "wr2l", "epopt"] {
                let method = format!("algorithm={method}");
                let shape = |steps: &str| of(&plan(&[task, &method, steps]));
                for pair in SHAPES.windows(2) {
                    let wanted = |at: &Shape| (at.lanes, at.horizon, at.epochs, at.minibatches);
                    assert!(pair[0].steps < pair[1].steps);
                    assert_eq!(shape(&format!("steps={}", pair[1].steps - 1)), wanted(&pair[0]));
                    assert_eq!(shape(&format!("steps={}", pair[1].steps)), wanted(&pair[1]));
                }
                assert_eq!(shape("steps=1000"), shape("steps=1M"));
                assert_eq!(shape("steps=1e9"), shape("steps=10M"));
                assert_eq!(shape("seed=1"), shape("steps=1M"), "the usual steps");
            }
        }
    }

    #[test]
    fn what_somebody_sets_stays_and_a_pole_and_the_paper_have_their_own() {
        assert_eq!(of(&plan(&["task=hopper", "steps=10M", "ppo.epochs=7"])).2, 7);
        let published = PpoConfig::default();
        let of_pole = plan(&["task=inverted-pendulum", "steps=10M"]);
        assert_eq!(
            of(&of_pole),
            (published.lanes, published.horizon, published.epochs, published.minibatches)
        );
        let paper = plan(&["task=hopper", "algorithm=wr2l-paper", "steps=10M"]);
        assert_eq!(of(&paper), (8, 1024, 10, 128));
    }

    #[test]
    fn a_whole_plan_keeps_its_shape_with_more_steps() {
        let short = plan(&["task=hopper", "steps=1M"]);
        let file = Layer::text(std::path::Path::new("plan.toml"), short.to_toml()).unwrap();
        let longer = Plan::resolve(&[file, Layer::set("steps=10M").unwrap()]).unwrap();
        assert_eq!((of(&longer), longer.steps), (of(&short), 10_000_000));
        let long = of(&plan(&["task=hopper", "steps=10M"]));
        assert_ne!(of(&short), long);
        for steps in ["\"10M\"", "1e7", "10_000_000"] {
            let text = format!("task = \"hopper\"\nsteps = {steps}\n");
            let file = Layer::text(std::path::Path::new("plan.toml"), text).unwrap();
            assert_eq!(of(&Plan::resolve(&[file]).unwrap()), long, "{steps}");
        }
    }
}
