//! README's Python block acts as the policies do, whatever trained them: asked in the Python that `cargo xtask test`
//! names in `WR2L_PYTHON`.

mod common;

use std::process::Command;

use common::Folder;
use wr2l::rl::LaneActor;
use wr2l::rng::{Purpose, StreamKey};
use wr2l::run::read_policy;
use wr2l::sim::{Outcome, Simulator, Task};

/// Networks of every kind: tanh and ReLU, means that are clipped or bounded, choices; one and three hidden layers; with and
/// without a memory. As short as training can be.
const RUNS: &[&str] = &[
    "hopper --algorithm ppo",
    "hopper --algorithm ppo --set policy.history=4 --set ppo.hidden=[32]",
    "hopper --algorithm ppo-uniform --set policy.history=1",
    "cartpole --algorithm ppo",
    "cartpole --algorithm epopt --set ppo.episodes=8 --set policy.history=3",
    "inverted-pendulum --algorithm trpo --set trpo.hidden=[16,16,16]",
    "half-cheetah --algorithm rarl --set policy.history=2",
    "inverted-pendulum --algorithm ddpg --set policy.history=2",
    "half-cheetah --algorithm td3",
    "hopper --algorithm td3 --set policy.history=3",
    "inverted-pendulum --algorithm pr-mdp",
    "inverted-pendulum --algorithm nr-mdp --set policy.history=1",
];

/// What makes a run short: only what it reads may be set.
fn small(run: &str) -> String {
    let reads = |words: &[&str]| words.iter().any(|word| run.contains(word));
    let mut all = "--steps 600 --no-report --quiet --seed 3".to_owned();
    let mut set = |settings: &[&str]| settings.iter().for_each(|s| all += &format!(" --set {s}"));
    if reads(&["ppo", "epopt"]) && !run.contains("ppo.episodes") {
        set(&["ppo.lanes=8", "ppo.horizon=32"]);
    }
    if reads(&["trpo", "rarl"]) {
        set(&["trpo.lanes=4", "trpo.horizon=64"]);
    }
    if reads(&["rarl"]) {
        set(&["adversary.force.trpo.lanes=2", "adversary.force.trpo.horizon=64"]);
    }
    if reads(&["uniform", "epopt"]) {
        set(&["ball.pairs.count=40", "ball.pairs.pool=80"]);
    }
    if reads(&["ddpg", "-mdp"]) {
        set(&["ddpg.warm_up=100", "ddpg.replay=1000"]);
    }
    if reads(&["td3"]) {
        set(&["td3.warm_up=100", "td3.replay=1000"]);
    }
    all
}

/// README's block, with the name of the policy as an argument.
fn block() -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let mut blocks = text.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.find(|block| block.contains("policy.safetensors")).unwrap();
    assert!(blocks.next().is_none(), "one block acts");
    block.replace("\"runs/hopper-wr2l-population-s0/policy.safetensors\"", "sys.argv[1]")
}

/// Acts on the observations of two episodes, and prints the actions as JSON.
const ACT: &str = "
import sys
actions = []
for episode in json.load(open(sys.argv[2])):
    policy.begin()
    actions.append([np.atleast_1d(policy.act(np.array(observation))).tolist() for observation in episode])
print(json.dumps(actions))
";

#[test]
fn the_block_in_readme_acts_as_every_policy_does() {
    let Some(python) = std::env::var_os("WR2L_PYTHON") else {
        println!("skipped: `cargo xtask test` sets WR2L_PYTHON");
        return;
    };
    let folder = Folder::new();
    folder.write("act.py", &format!("import sys\n{}{ACT}", block()));
    for (number, run) in RUNS.iter().enumerate() {
        folder.done(&format!("train {run} {} -o run-{number}", small(run)));
        let path = folder.path(&format!("run-{number}/policy.safetensors"));
        let (actor, origin) = read_policy(&path).unwrap();
        let task = Task::new(origin.task.parse().unwrap());
        let space = task.space();
        let simulator = Simulator::new(task, Some(origin.physics), space).unwrap();
        let mut sim = simulator.batch(1).unwrap();
        let mut by_hand = LaneActor::new(&actor);
        let (mut observations, mut actions) = (Vec::new(), Vec::new());
        for episode in 0..2 {
            sim.reset(0, &mut StreamKey::new(2, Purpose::Test).episode(episode).stream());
            by_hand.begin();
            let (mut seen, mut done) = (Vec::new(), Vec::new());
            let (mut rewards, mut outcomes) = ([0.0], [Outcome::Running]);
            while !outcomes[0].is_over() && seen.len() < 60 {
                let mut observation = vec![0.0; simulator.spec().obs_dim];
                sim.observe(0, &mut observation);
                let action = by_hand.act(&observation, None).to_vec();
                sim.step(&action, &[true], &mut rewards, &mut outcomes);
                seen.push(observation);
                done.push(action);
            }
            assert!(seen.len() > actor.history().frames(), "{run}: longer than the memory");
            observations.push(seen);
            actions.push(done);
        }
        folder.write("observations.json", &serde_json::to_string(&observations).unwrap());
        let output = Command::new(&python)
            .arg(folder.path("act.py"))
            .arg(&path)
            .arg(folder.path("observations.json"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{run}: {}", String::from_utf8_lossy(&output.stderr));
        let answers: Vec<Vec<Vec<f64>>> = serde_json::from_slice(&output.stdout).unwrap();
        for (answers, actions) in answers.iter().zip(&actions) {
            assert_eq!(answers.len(), actions.len());
            for (t, (answer, action)) in answers.iter().zip(actions).enumerate() {
                assert_eq!(answer.len(), action.len(), "{run}");
                for (answer, action) in answer.iter().zip(action) {
                    // Networks in single precision here, in double there.
                    assert!((answer - action).abs() < 1e-4, "{run}, step {t}: {answer} instead of {action}");
                }
            }
        }
    }
}
