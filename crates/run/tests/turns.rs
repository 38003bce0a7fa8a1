//! However many lanes a learner has, the adversary leaves each of them alone for long enough to learn.

use wr2l_run::{Layer, Plan, RunFolder, TrainOptions, train};

/// 64 lanes on the pendulum, whose update is the calm one of many lanes.
fn plan(algorithm: &str, lane_steps: u64) -> Option<Plan> {
    let settings = [
        "task=inverted-pendulum",
        "steps=128000",
        "seed=3",
        "report.sweep=[]",
        "ppo.lanes=64",
        "ppo.horizon=64",
        "ppo.epochs=4",
        "ppo.minibatches=16",
    ];
    let layers = settings.iter().map(|setting| Layer::set(setting).unwrap()).chain([
        Layer::argument("", "algorithm", algorithm),
        Layer::count("", "adversary.lane_steps", lane_steps).unwrap(),
    ]);
    Plan::resolve(&layers.collect::<Vec<_>>()).ok()
}

/// Steps of an episode in the last quarter of training, those included that the adversary cut.
fn late_length(plan: &Plan) -> f64 {
    let place = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&place.path().join("run"), false).unwrap();
    train(plan, &folder, &TrainOptions::default(), &mut ()).unwrap();
    let log = std::fs::read_to_string(folder.file("metrics.csv")).unwrap();
    let rows: Vec<Vec<&str>> = log.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    let number = |row: &[&str], name: &str| row[column(name)].parse::<f64>().unwrap();
    let late = &rows[1 + rows.len() * 3 / 4..];
    let ended: f64 = late.iter().map(|row| number(row, "episodes") + number(row, "dropped")).sum();
    let before = number(&rows[rows.len() * 3 / 4], "steps");
    (number(&rows[rows.len() - 1], "steps") - before) / ended
}

#[test]
fn sixty_four_lanes_learn_with_the_most_turns_that_are_accepted() {
    let fewest = (1..=1_024).find(|&steps| plan("wr2l", steps).is_some()).unwrap();
    assert!(plan("wr2l", fewest - 1).is_none() && plan("ppo-boundary", fewest - 1).is_none());
    for algorithm in ["wr2l", "ppo-boundary"] {
        let length = late_length(&plan(algorithm, fewest).unwrap());
        // An untrained policy drops the pole within 20 steps; with a turn every batch it is 64 to 170.
        assert!(length > 350.0, "{algorithm}: {length}");
    }
}
