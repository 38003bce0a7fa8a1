//! Nothing is swallowed: whatever a plan accepts makes another policy, or is known to be for people only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};
use wr2l_run::{Layer, Plan, RunFolder, Stop, TrainOptions, read_policy, train};

/// Keys that do not reach the policy of such a run, and why.
const NOT_FOR_THE_POLICY: [(&str, &str); 10] = [
    ("algorithm", "the name that tables show, once learner and adversary stand beside it"),
    ("learner", "who plays: the games differ in it"),
    ("adversary.phase_one.search", "who plays: the games differ in it"),
    ("physics", "another needs MuJoCo, which these tests are without"),
    ("report.sweep", "the evaluation after training"),
    ("report.episodes", "the evaluation after training"),
    ("ddpg.rounds", "how often the log gets a row; a run ends with a whole one"),
    ("td3.rounds", "how often the log gets a row; a run ends with a whole one"),
    (
        "adversary.phase_one.line_search.c2",
        "decides only where a shorter step was tried and went far enough down; the line search's own tests show it",
    ),
    ("ball.transport", "tells how spread-out next states are compared; those of these simulators are points"),
];

/// Keys whose effect depends on how a game goes: it is enough that one shows it.
const IN_SOME: [&str; 13] = [
    "adversary.force.trpo.line_search_steps",
    "adversary.force.trpo.shrink",
    "adversary.phase_one.start",
    "adversary.phase_one.line_search.c1",
    "adversary.phase_one.line_search.max_trials",
    "adversary.phase_one.surrogate.finalists",
    // With a target error W is measured at so many pairs, and H₀ is not.
    "ball.pairs.count",
    // Which of the two counts depends on what ends H₀.
    "ball.pairs.pool",
    "ball.pairs.most_steps",
    "trpo.line_search_steps",
    "trpo.shrink",
    "copos.line_search_steps",
    "copos.shrink",
];

/// So small that a run takes milliseconds, and a turn of the adversary comes every iteration.
const SMALL: &[&str] = &[
    "task=hopper",
    "steps=384",
    "report.sweep=[]",
    "ppo.lanes=4",
    "ppo.horizon=32",
    "ppo.minibatches=2",
    "ppo.epochs=4",
    "ppo.learning_rate=0.02",
    "ppo.hidden=[8]",
    "trpo.lanes=4",
    "trpo.horizon=32",
    "trpo.kl=2.0",
    "trpo.hidden=[8]",
    "copos.lanes=4",
    "copos.horizon=32",
    "copos.kl=2.0",
    "copos.hidden=[8]",
    "ddpg.warm_up=64",
    "ddpg.rounds=2",
    "ddpg.replay=200",
    "ddpg.minibatch=16",
    "ddpg.hidden=[8]",
    "td3.warm_up=64",
    "td3.rounds=2",
    "td3.replay=200",
    "td3.minibatch=16",
    "td3.hidden=[8]",
    "adversary.every=128",
    "adversary.phase_one.gradient.pairs=3",
    "adversary.phase_one.surrogate.budget=24",
    "adversary.population.candidates=4",
    "adversary.population.members=2",
    "adversary.tail.evaluations=6",
    "adversary.force.trpo.lanes=2",
    "adversary.force.trpo.horizon=32",
    "adversary.force.trpo.kl=2.0",
    "adversary.force.trpo.hidden=[8]",
    "adversary.phase_one.max_inner=3",
    "ball.epsilon=0.3",
    "ball.pairs.count=20",
    "ball.pairs.pool=60",
    "ball.pairs.target_error=0.0",
    "ball.zero_order.max_samples=400",
];

/// Who plays, and what else makes them read keys of their own.
const GAMES: &[&[&str]] = &[
    &["algorithm=ppo"],
    &["algorithm=trpo"],
    &["algorithm=trpo", "trpo.episodes=4"],
    &["learner=copos", "adversary.kind=nominal"],
    &["learner=copos", "adversary.kind=nominal", "copos.episodes=4"],
    &["algorithm=ddpg"],
    &["algorithm=td3"],
    &["algorithm=ddpg", "ddpg.noise.kind=ornstein-uhlenbeck"],
    &["algorithm=ddpg", "ddpg.noise.kind=parameters", "ddpg.noise.every=3"],
    &["algorithm=td3", "td3.noise.kind=ornstein-uhlenbeck"],
    &["algorithm=td3", "td3.noise.kind=parameters", "td3.noise.every=3"],
    &["algorithm=ppo-uniform"],
    &["algorithm=ppo-uniform", "adversary.epsilon_ramp=0.9"],
    &["algorithm=ppo-uniform", "adversary.region.shape=box"],
    &[
        "algorithm=ppo-uniform",
        "adversary.region.shape=box",
        "vary=[\"friction\"]",
        "adversary.region.ranges.friction=[0.4, 2.0]",
    ],
    &["algorithm=ppo-boundary"],
    // H₀ ends with its budget, and with its error.
    &["algorithm=ppo-boundary", "ball.pairs.target_error=0.001", "ball.pairs.most_steps=40000"],
    &["algorithm=ppo-boundary", "ball.pairs.target_error=0.25", "ball.pairs.most_steps=40000"],
    &["algorithm=wr2l"],
    &["algorithm=wr2l", "adversary.worst_cases=2", "adversary.nominal_share=0.25"],
    // Whose line search takes no step at once.
    &[
        "algorithm=wr2l",
        "adversary.phase_one.search=gradient",
        "adversary.phase_one.line_search.c1=0.5",
        "adversary.phase_one.gradient.sigma=0.02",
        "adversary.phase_one.max_inner=6",
        "vary=[\"all\"]",
    ],
    &["algorithm=wr2l", "adversary.phase_one.search=gradient", "ball.hessian=zero-order"],
    &["algorithm=wr2l", "adversary.phase_one.search=gradient", "adversary.phase_one.starts=3"],
    &[
        "algorithm=wr2l",
        "vary=[\"all\"]",
        "adversary.phase_one.search=gradient",
        "adversary.phase_one.gradient.estimator=least-squares",
    ],
    &["learner=ppo", "adversary.kind=population"],
    &["learner=ppo", "adversary.kind=tail"],
    &["learner=td3", "adversary.kind=tail"],
    &["algorithm=epopt", "ppo.episodes=6", "adversary.cvar.begin=0.4"],
    &["algorithm=epopt", "ppo.episodes=6", "adversary.cvar.after=2"],
    &["algorithm=rarl"],
    &["algorithm=rarl", "adversary.force.trpo.episodes=3"],
    &["algorithm=pr-mdp"],
    &["algorithm=nr-mdp", "learner=td3"],
];

/// Other values of keys for which a larger or smaller one changes nothing that is near, in the order in which they are tried.
const OTHERS: &[(&str, &[&str])] = &[
    ("task", &["\"walker2d\""]),
    ("vary", &["[\"torso_density\", \"leg_damping\"]", "[\"friction\"]"]),
    ("physics", &["\"planar\"", "\"mujoco\""]),
    ("stop.entropy_below", &["100.0"]),
    ("ppo.kl_limit", &["1e-9"]),
    // A population keeps its order over more of them.
    ("adversary.episodes", &["5", "9", "33"]),
    ("adversary.force.trpo.critic_minibatch", &["16"]),
    ("ball.pairs.pool", &["2000"]),
    ("trpo.line_search_steps", &["1"]),
    ("copos.line_search_steps", &["1"]),
    ("adversary.force.trpo.line_search_steps", &["1"]),
    ("adversary.return_discount", &["0.0"]),
    ("adversary.phase_one.surrogate.finalists", &["1", "2", "3"]),
    ("adversary.phase_one.surrogate.round", &["2"]),
    ("adversary.phase_one.line_search.c1", &["0.8"]),
    ("adversary.phase_one.line_search.max_trials", &["0", "1"]),
    ("adversary.tail.memory", &["1"]),
    ("adversary.phase_one.gradient_tolerance", &["1e9"]),
    ("adversary.phase_one.gap_tolerance", &["1e9"]),
    ("adversary.cvar.begin", &["0.0"]),
    ("ball.ridge", &["1.0"]),
    ("ball.zero_order.tolerance", &["1e6"]),
];

fn resolve(settings: &[&str]) -> Result<Plan, String> {
    let layers: Vec<Layer> = settings.iter().map(|text| Layer::set(text).unwrap()).collect();
    Plan::resolve(&layers).map_err(|error| error.to_string())
}

/// The settings of `SMALL` that somebody in the game reads, below the game's own.
fn game(own: &[&'static str]) -> Vec<&'static str> {
    let mut settings: Vec<&str> = [&[SMALL[0]], own].concat();
    for &small in &SMALL[1..] {
        let key = small.split('=').next().unwrap();
        if own.iter().any(|set| set.split('=').next() == Some(key)) {
            continue;
        }
        settings.push(small);
        if resolve(&settings).is_err_and(|message| message.contains("nobody in this run reads it")) {
            settings.pop();
        }
    }
    settings
}

fn flat(table: &Table, prefix: &str) -> Vec<(String, Value)> {
    table
        .iter()
        .flat_map(|(name, value)| match value {
            Value::Table(inner) => flat(inner, &format!("{prefix}{name}.")),
            value => vec![(format!("{prefix}{name}"), value.clone())],
        })
        .collect()
}

/// Values that differ from `value`, of its kind.
fn others(key: &str, value: &Value) -> Vec<String> {
    if let Some((_, own)) = OTHERS.iter().find(|(name, _)| *name == key) {
        return own.iter().map(|text| (*text).to_owned()).filter(|text| *text != value.to_string()).collect();
    }
    let names = |all: &[&str]| all.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>();
    match value {
        Value::Boolean(on) => vec![(!on).to_string()],
        Value::Integer(n) => vec![(n + 1).to_string(), (n * 2).to_string(), (n / 2).to_string()],
        Value::Float(x) => [x * 0.5, x * 3.0, x + 0.25, 0.25, 1.0, 0.01].map(|x| format!("{x:?}")).into(),
        Value::Array(all) if all.iter().all(Value::is_integer) => vec!["[9]".to_owned()],
        Value::Array(all) if all.iter().all(Value::is_float) => vec!["[0.5, 1.5]".to_owned()],
        Value::String(_) => names(&[
            "gradient",
            "surrogate",
            "reference",
            "warm",
            "average",
            "least-squares",
            "gauss-newton",
            "zero-order",
            "unit",
            "taylor",
            "measured",
            "inverse-variance",
            "ball",
            "box",
            "take-over",
            "blend",
            "nominal",
            "uniform",
            "ppo",
            "trpo",
            "copos",
            "td3",
            "ddpg",
            "relu",
            "tanh",
            "orthogonal",
            "small",
            "gaussian",
            "ornstein-uhlenbeck",
            "parameters",
            "cartpole",
            "hopper",
        ])
        .into_iter()
        .filter(|text| *text != value.to_string())
        .collect(),
        _ => Vec::new(),
    }
}

/// The bits of the policy that a plan trains; none if that cannot be done, which is no silence either.
fn policy(plan: &Plan) -> Option<Vec<u64>> {
    // In memory where that can be: a thousand runs would wait for the disk.
    let memory = Path::new("/dev/shm");
    let place = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    let folder = RunFolder::create(&place.path().join("run"), false).unwrap();
    train(plan, &folder, &TrainOptions::default(), &mut ()).ok()?;
    let (actor, _) = read_policy(&folder.file("policy.safetensors")).unwrap();
    let normaliser = actor.normaliser();
    let weights = actor.params().iter().map(|weight| u64::from(weight.to_bits()));
    let moments = normaliser.mean().iter().chain(normaliser.inverse_deviation());
    Some(weights.chain(moments.map(|x| x.to_bits())).collect())
}

/// In how many games a key is tried; in all of them in the slow tests.
const TRIES: usize = 2;

#[test]
fn every_accepted_setting_changes_the_policy_or_is_known_not_to() {
    let most = if std::env::var_os("WR2L_THOROUGH").is_some() { usize::MAX } else { TRIES };
    let (mut swallowed, mut seen) = (Vec::new(), BTreeSet::new());
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    for own in GAMES {
        let settings = game(own);
        let plan = resolve(&settings).unwrap();
        let usual = policy(&plan);
        assert!(usual.is_some(), "{own:?}");
        for (key, value) in flat(&plan.to_toml().parse().unwrap(), "") {
            let shown = !IN_SOME.contains(&key.as_str()) || seen.contains(&key);
            let enough = shown && tried.get(&key).is_some_and(|tries| *tries >= most);
            if enough || NOT_FOR_THE_POLICY.iter().any(|(name, _)| *name == key) {
                continue;
            }
            // Where some other value is accepted and makes no difference, the next is tried: a limit may be far away.
            let accepted: Vec<Plan> = others(&key, &value)
                .into_iter()
                .filter_map(|other| {
                    let set = format!("{key}={other}");
                    resolve(&[&settings[..], &[&set]].concat()).ok()
                })
                .filter(|other| *other != plan)
                .collect();
            if accepted.is_empty() {
                continue;
            }
            *tried.entry(key.clone()).or_default() += 1;
            if accepted.iter().any(|other| policy(other) != usual) {
                seen.insert(key);
            } else {
                swallowed.push((key.clone(), format!("{key} = {value} in {own:?}")));
            }
        }
    }
    swallowed.retain(|(key, _)| !(IN_SOME.contains(&key.as_str()) && seen.contains(key)));
    assert!(swallowed.is_empty(), "accepted, and the same policy:\n{swallowed:#?}");
    // So that nothing is passed over for want of a second value.
    let all: BTreeSet<String> = GAMES
        .iter()
        .flat_map(|own| flat(&resolve(&game(own)).unwrap().to_toml().parse().unwrap(), ""))
        .map(|(key, _)| key)
        .filter(|key| !NOT_FOR_THE_POLICY.iter().any(|(name, _)| name == key))
        .collect();
    let untried: Vec<&String> = all.iter().filter(|key| !tried.contains_key(*key)).collect();
    assert!(untried.is_empty(), "no other value known of {untried:?}");
}

#[test]
fn epopt_selects_within_any_budget_on_every_task() {
    for task in ["cartpole", "inverted-pendulum", "torque-pendulum", "hopper", "walker2d", "half-cheetah"] {
        let task = format!("task={task}");
        let settings = |algorithm, steps| {
            let quick = ["ppo.hidden=[8]", "report.sweep=[]", "ball.pairs.target_error=0.0"];
            [&[task.as_str(), algorithm, steps][..], &quick].concat()
        };
        let (one_batch, four_batches_and_more) = ("steps=1", "steps=1000000000");
        let epopt = resolve(&settings("algorithm=epopt", one_batch)).unwrap();
        let episodes = format!("ppo.episodes={}", epopt.get("ppo.episodes").unwrap());
        let uniform =
            |steps| resolve(&[&settings("algorithm=ppo-uniform", steps)[..], &[&episodes]].concat());
        assert_ne!(policy(&epopt), policy(&uniform(one_batch).unwrap()), "{task}");
        // It waits while there is time: then the first batch, after which this run stops, is learnt from whole.
        let (epopt, uniform) = (
            resolve(
                &[&settings("algorithm=epopt", four_batches_and_more)[..], &["stop.entropy_below=99"]]
                    .concat(),
            ),
            uniform(four_batches_and_more).map(|plan| Plan { stop: Stop { entropy_below: 99.0 }, ..plan }),
        );
        assert_eq!(policy(&epopt.unwrap()), policy(&uniform.unwrap()), "{task}");
    }
}
