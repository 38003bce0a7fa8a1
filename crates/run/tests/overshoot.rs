//! A run says when PPO's update goes too far, and keeps saying so.

use wr2l_run::{Layer, Observer, Plan, RunFolder, Summary, TrainOptions, train};

#[derive(Default)]
struct Warnings(Vec<String>);

impl Observer for Warnings {
    fn warning(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

/// What a run of 25 iterations with this learning rate warned of, and what its summary keeps.
fn warnings(learning_rate: &str) -> (Vec<String>, Vec<String>) {
    let settings = [
        "task=cartpole",
        "algorithm=ppo",
        "steps=3200",
        "ppo.lanes=4",
        "ppo.horizon=32",
        "ppo.minibatches=2",
        "ppo.anneal=false",
        "report.sweep=[]",
        learning_rate,
    ];
    let layers: Vec<Layer> = settings.iter().map(|setting| Layer::set(setting).unwrap()).collect();
    let place = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&place.path().join("run"), false).unwrap();
    let mut seen = Warnings::default();
    train(&Plan::resolve(&layers).unwrap(), &folder, &TrainOptions::default(), &mut seen).unwrap();
    (seen.0, Summary::read(&folder).unwrap().warnings)
}

#[test]
fn an_update_that_overshoots_is_warned_of_once_and_counted_at_the_end_and_in_the_summary() {
    let (seen, kept) = warnings("ppo.learning_rate=0.1");
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].contains(" of 20 iterations") && seen[1].contains(" of 25 iterations"), "{seen:?}");
    assert_eq!(kept, seen[1..]);
    assert_eq!(warnings("ppo.learning_rate=1e-5"), (Vec::new(), Vec::new()));
}
