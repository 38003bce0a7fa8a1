use super::*;
use wr2l_robust::BallSeed;

fn file(text: &str) -> Layer {
    Layer::text(Path::new("e.toml"), text.into()).unwrap()
}

fn message(layers: &[Layer]) -> String {
    Plan::resolve(layers).unwrap_err().to_string()
}

#[test]
fn a_written_plan_reads_back_identical() {
    for task in TaskName::ALL {
        for algorithm in Algorithm::ALL {
            if task == TaskName::CARTPOLE && !works_on_the_cart_pole(algorithm) {
                continue;
            }
            let plan = Plan::resolve(&[
                Layer::argument("", "task", task.as_str()),
                Layer::argument("", "algorithm", algorithm.as_str()),
                Layer::set("adversary.random_actions=0.1234567890123456789").unwrap(),
            ]);
            // The paper has no chance in it.
            let Ok(plan) = plan else {
                assert_eq!(algorithm, Algorithm::Wr2lPaper);
                continue;
            };
            assert_eq!(Plan::resolve(&[file(&plan.to_toml())]).unwrap(), plan);
        }
    }
}

#[test]
fn layers_come_in_order() {
    let plan = Plan::resolve(&[
        file("task = \"hopper\"\nseed = 1\nsteps = 3000\n[ppo]\nlanes = 4\n"),
        Layer::argument("--seed 2", "seed", 2),
        Layer::set("steps=2M").unwrap(),
        Layer::set("ppo.horizon=1e2").unwrap(),
    ])
    .unwrap();
    assert_eq!((plan.task.name(), plan.seed, plan.steps), ("hopper", 2, 2_000_000));
    let keys = ["ppo.lanes", "ppo.horizon", "ppo.epochs"];
    assert_eq!(keys.map(|key| plan.get(key)), [4, 100, 10].map(|n| Some(n.into())));
}

#[test]
fn the_ball_has_a_seed_of_its_own_or_the_runs() {
    let seed = |settings: &[&str]| with(&[&["task=hopper", "seed=7"], settings].concat()).unwrap().ball.seed;
    assert_eq!(seed(&[]), BallSeed::Own(0));
    assert_eq!(seed(&["ball.seed=3"]), BallSeed::Own(3));
    assert_eq!(seed(&["ball.seed=run"]).of(7), 7);
    assert_eq!(seed(&["ball.seed=run", "ball.seed=3"]), BallSeed::Own(3));
}

#[test]
fn the_radius_and_the_half_width_replace_each_other() {
    let plan = Plan::resolve(&[
        file("task = \"hopper\"\n[ball]\nepsilon = 0.5\n"),
        Layer::argument("--half-width 0.3", "ball.half_width", 0.3),
    ])
    .unwrap();
    assert_eq!(plan.ball.half_width, Some(0.3));
    let plan = Plan::resolve(&[
        file("task = \"inverted-pendulum\"\n"),
        Layer::argument("--epsilon 0.5", "ball.epsilon", 0.5),
    ])
    .unwrap();
    assert_eq!((plan.ball.epsilon, plan.ball.half_width), (0.5, None));
}

#[test]
fn mistakes_are_refused_with_their_place() {
    assert!(message(&[]).contains("no task"));
    assert_eq!(
        message(&[file("\ntask = \"hoper\"\n")]),
        "e.toml, line 2: `task`: unknown task `hoper`; did you mean `hopper`?"
    );
    let cases = [
        ("algorithm = \"pppo\"", "`algorithm`: no such value; did you mean `ppo`?"),
        (
            "vary = [\"torso_densty\"]",
            "`vary`: unknown parameter `torso_densty`; did you mean `torso_density`?",
        ),
        (
            "physics = \"classic\"",
            "`physics`: task `hopper` does not run on physics `classic`; it runs on `planar`",
        ),
        ("seed = -1", "`seed`: invalid value"),
        ("steps = 0", "`steps`: must be at least 1"),
        ("steps = 1.5", "`steps`: invalid type"),
        ("stop.entropy_below = nan", "`stop.entropy_below`: must be a number"),
        ("ppo.learning_rte = 1", "`ppo.learning_rte`: no such key; did you mean `learning_rate`?"),
        ("ppo.clip = -0.2", "`ppo.clip`: must be positive"),
        ("ppo.gamma = nan", "`ppo.gamma`: must lie in [0, 1]"),
        ("ppo.lanes = 9e15", "`ppo.lanes`: asks for"),
        ("ppo.horizon = 9e15", "`ppo.horizon`: asks for"),
        ("ppo.hidden = [64, 1_000_000]", "`ppo.hidden`: asks for"),
        ("ball.pairs.pool = 9e15", "`ball.pairs.pool`: asks for"),
        ("adversary.phase_one.gradient.pairs = 9e15", "`adversary.phase_one.gradient.pairs`: asks for"),
        ("report.episodes = 4_000_000_000", "`report.episodes`: asks for"),
        ("policy.history = 17", "`policy.history`: must be at most 16 frames, got 17"),
        ("policy.history = 9e15", "`policy.history`: must be at most 16 frames"),
        ("policy.history = -1", "`policy.history`: invalid value"),
        ("policy.histry = 1", "`policy.histry`: no such key; did you mean `history`?"),
        ("vary = []", "`vary`: the adversary needs at least one parameter"),
        ("ball.epsilon = 0", "`ball.epsilon`: it must be positive"),
        ("ball.epsilon = nan", "`ball.epsilon`: it must be positive"),
        ("ball.epsilon = -inf", "`ball.epsilon`: it must be positive"),
        ("ball.half_width = -0.1", "`ball.half_width`: it must be positive"),
        ("ball.hessian = \"zero-oder\"", "`ball.hessian`: no such value; did you mean `zero-order`?"),
        ("ball.pairs.count = 0", "`ball.pairs.count`: it must be positive"),
        ("ball.pairs.target_error = 1", "`ball.pairs.target_error`: it must lie in [0, 1)"),
        ("ball.pairs.largest_share = 0", "`ball.pairs.largest_share`: it must lie in (0, 1]"),
        ("ball.pairs.most_steps = 9e15", "`ball.pairs.most_steps`: asks for"),
        ("ball.seed = -1", "`ball.seed`: it must not be negative"),
        ("ball.seed = \"rum\"", "`ball.seed`: "),
        ("ball.measure = \"mesured\"", "`ball.measure`: no such value; did you mean `measured`?"),
        (
            "ball.measure = \"measured\"\nadversary.kind = \"tail\"",
            "`ball.measure`: the adversary `tail` knows",
        ),
        ("adversary.worst_cases = 0", "`adversary.worst_cases`: it must be positive"),
        ("adversary.worst_cases = 9", "`adversary.worst_cases`: more than the learner's lanes"),
        ("adversary.nominal_share = 1", "`adversary.nominal_share`: it must lie in [0, 1)"),
        ("adversary.nominal_share = 0.1", "`adversary.nominal_share`: is less than one"),
        ("adversary.uniform_share = -0.1", "`adversary.uniform_share`: it must lie in [0, 1)"),
        ("adversary.uniform_share = 0.1", "`adversary.uniform_share`: is less than one"),
        (
            "adversary = { uniform_share = 0.5, nominal_share = 0.5 }",
            "`adversary.uniform_share`: with `nominal_share` it must be less than 1",
        ),
        (
            "adversary = { uniform_share = 0.5, nominal_share = 0.5, worst_cases = 2 }",
            "`adversary.uniform_share`: with `nominal_share` it must be less than 1",
        ),
        (
            "adversary = { uniform_share = 0.7, nominal_share = 0.2, worst_cases = 2 }",
            "`adversary.worst_cases`: more than the learner's lanes that are left for worst cases, 1 of 8",
        ),
        (
            "adversary = { uniform_share = 0.5, worst_cases = 5 }",
            "`adversary.worst_cases`: more than the learner's lanes that are left for worst cases, 4 of 8",
        ),
        (
            "adversary.population.nominal_share = 1.5",
            "`adversary.population.nominal_share`: it must lie in [0, 1)",
        ),
        ("adversary.random_actions = 1", "`adversary.random_actions`: it must lie in [0, 1)"),
        ("adversary.random_actions = nan", "`adversary.random_actions`: it must lie in [0, 1)"),
        ("adversary.tail.share = 0", "`adversary.tail.share`: it must lie in (0, 1]"),
        ("adversary.tail.share = 1.5", "`adversary.tail.share`: it must lie in (0, 1]"),
        ("adversary.tail.evaluations = 0", "`adversary.tail.evaluations`: it must be positive"),
        ("adversary.tail.evaluations = 9e15", "`adversary.tail.evaluations`: asks for"),
        ("adversary.tail.memory = 9e15", "`adversary.tail.memory`: asks for"),
        ("adversary.every = 0", "`adversary.every`: must be at least 1"),
        ("adversary.kind = \"nominl\"", "`adversary.kind`: no such value; did you mean `nominal`?"),
        ("adversary.phase_one.starts = 0", "`adversary.phase_one.starts`: it must be positive"),
        (
            "adversary.phase_one.gradient.sigma = 0",
            "`adversary.phase_one.gradient.sigma`: it must be positive",
        ),
        ("adversary.phase_one.gradient.sigm = 1", "`adversary.phase_one.gradient.sigm`: no such key"),
        ("report.sweep = [\"friction=9:1:3\"]", "`report.sweep`:"),
        ("report.sweep = [\"frction=1:2:3\"]", "did you mean `friction`?"),
        ("report.episodes = 0", "`report.episodes`: must be at least 1"),
    ];
    for (text, expected) in cases {
        let message = message(&[file(&format!("task = \"hopper\"\n# two\n{text}\n"))]);
        assert!(message.starts_with("e.toml, line 3: ") && message.contains(expected), "{text}: {message}");
    }
}

/// The cart-pole has choices for actions, and nothing to push.
fn works_on_the_cart_pole(algorithm: Algorithm) -> bool {
    let (learner, adversary) = algorithm.players();
    learner.takes_choices() && !adversary.needs_bodies()
}

fn with(settings: &[&str]) -> Result<Plan, SettingError> {
    let layers: Vec<Layer> = settings.iter().map(|setting| Layer::set(setting).unwrap()).collect();
    Plan::resolve(&layers)
}

#[test]
fn several_worst_cases_at_once_are_usual_where_nobody_is_named() {
    let plays = |settings: &[&str]| {
        let plan = with(settings).unwrap();
        (plan.algorithm, plan.method(), plan.get("ppo.critic_sees_dynamics") == Some(true.into()))
    };
    let is = |algorithm, method: &str, told: bool| (algorithm, method.to_owned(), told);
    let (several, one) = (Algorithm::Wr2lPopulation, Algorithm::Wr2l);
    for task in TaskName::ALL {
        let task = &*format!("task={task}");
        assert_eq!(plays(&[task]), is(several, "wr2l-population", true), "{task}");
        assert_eq!(plays(&[task, "learner=ppo"]), plays(&[task]));
        assert_eq!(plays(&[task, "adversary.kind=population"]), plays(&[task]));
        assert_eq!(plays(&[task, "algorithm=wr2l-population"]), plays(&[task]));
        for named in [
            "algorithm=wr2l",
            "adversary.kind=wasserstein",
            "adversary.worst_cases=4",
            "adversary.phase_one.surrogate.budget=32",
        ] {
            assert_eq!(plays(&[task, named]), is(one, "wr2l", false), "{task} {named}");
        }
    }
    assert_eq!(plays(&["task=half-cheetah", "learner=td3"]), is(one, "td3-wasserstein", false));
    assert_eq!(plays(&["task=hopper", "adversary.kind=tail"]), is(one, "ppo-tail", false));
    let own = ["task=half-cheetah", "ppo.critic_sees_dynamics=false", "adversary.kind=population"];
    assert_eq!(plays(&own), is(several, "wr2l-population", false));
    // As plans of before the preset say it.
    let before = ["task=hopper", "algorithm=wr2l", "adversary.kind=population"];
    assert_eq!(plays(&before), is(one, "ppo-population", true));
    let rest = |settings: &[&str]| {
        let mut table = with(settings).unwrap().to_table();
        table.remove("algorithm");
        table
    };
    assert_eq!(rest(&before), rest(&["task=hopper"]));
}

#[test]
fn the_ball_fits_a_learner_that_somebody_names() {
    let epsilon = |settings: &[&str]| with(settings).unwrap().ball.epsilon;
    assert_eq!(epsilon(&["task=half-cheetah"]), 30.0);
    assert_eq!(epsilon(&["task=half-cheetah", "learner=td3"]), 3.0);
    assert_eq!(epsilon(&["task=half-cheetah", "learner=td3", "ball.epsilon=7"]), 7.0);
    assert_eq!(epsilon(&["task=hopper", "learner=td3"]), epsilon(&["task=hopper"]));
    assert!(
        with(&["task=half-cheetah", "learner=td4"]).unwrap_err().to_string().contains("did you mean `td3`")
    );
}

#[test]
fn learners_and_adversaries_combine_freely_and_the_method_says_which() {
    let plan = with(&["task=hopper", "learner=trpo"]).unwrap();
    assert_eq!((plan.learner.as_str(), plan.adversary.kind().as_str()), ("trpo", "wasserstein"));
    assert_eq!(plan.method(), "trpo-wasserstein");
    for (settings, algorithm, method) in [
        (&["adversary.kind=force"][..], Algorithm::Rarl, "rarl"),
        (&["adversary.kind=nominal", "learner=ddpg"], Algorithm::Ddpg, "ddpg"),
        (&["adversary.kind=force", "learner=ppo"], Algorithm::Rarl, "ppo-force"),
        (&["adversary.kind=cvar"], Algorithm::Epopt, "epopt"),
        (&["algorithm=nr-mdp"], Algorithm::NrMdp, "nr-mdp"),
        (&["algorithm=wr2l", "learner=ddpg"], Algorithm::Wr2l, "ddpg-wasserstein"),
        (&["adversary.kind=nominal", "learner=td3"], Algorithm::Td3, "td3"),
        (&["algorithm=pr-mdp", "learner=td3"], Algorithm::PrMdp, "td3-action"),
    ] {
        let plan = with(&[&["task=hopper"], settings].concat()).unwrap();
        assert_eq!((plan.algorithm, plan.method().as_str()), (algorithm, method), "{settings:?}");
    }
}

#[test]
fn every_preset_makes_sense_where_its_task_allows() {
    for task in TaskName::ALL {
        for algorithm in Algorithm::ALL {
            let plan = with(&[&format!("task={task}"), &format!("algorithm={algorithm}")]);
            let allowed = task != TaskName::CARTPOLE || works_on_the_cart_pole(algorithm);
            assert_eq!(plan.is_ok(), allowed, "{algorithm} on {task}: {plan:?}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence_about_who_said_it() {
    for (settings, expected) in [
        (
            &["algorithm=pr-mdp", "learner=ppo"][..],
            "--set learner=ppo: `learner`: the adversary `action` improves by",
        ),
        (
            &["learner=trpo", "adversary.kind=action"],
            "which `trpo` does not have; use the learner `td3` or `ddpg`",
        ),
        (&["algorithm=epopt", "learner=ddpg"], "the adversary `cvar` picks the worst whole episodes"),
        (&["algorithm=epopt", "learner=td3"], "and `td3` learns from single transitions"),
        (&["algorithm=epopt", "ppo.episodes=0"], "`ppo.episodes`: must be at least 1"),
        (&["algorithm=epopt", "learner=trpo"], "`trpo.episodes`: must be at least 1"),
        (&["task=cartpole", "algorithm=ddpg"], "those of `cartpole` are choices"),
        (&["task=cartpole", "algorithm=rarl"], "`force` needs bodies to push"),
        (
            &["algorithm=pr-mdp", "adversary.action.alpha=1.5"],
            "`adversary.action.alpha`: it must lie in [0, 1]",
        ),
        (
            &["algorithm=nr-mdp", "adversary.action.alpha=nan"],
            "`adversary.action.alpha`: it must lie in [0, 1]",
        ),
        (
            &["algorithm=epopt", "adversary.cvar.fraction=0"],
            "`adversary.cvar.fraction`: it must lie in (0, 1]",
        ),
        (
            &["algorithm=ppo-uniform", "adversary.region.ranges.torso_densty=[1,2]"],
            "`adversary.region.ranges.torso_densty`: no such parameter varies",
        ),
        (
            &["algorithm=ppo-uniform", "adversary.region.ranges.friction=[3,1]"],
            "`adversary.region.ranges.friction`: it must be [low, high]",
        ),
        (&["adversary.region.ranges.friction=[1]"], "`adversary.region.ranges.friction`: "),
        (&["adversary.region.half_width=0"], "`adversary.region.half_width`: it must be positive"),
        (&["algorithm=rarl", "adversary.force.bound=-1"], "`adversary.force.bound`: it must not be negative"),
        (&["algorithm=rarl", "adversary.force.trpo.kl=0"], "`adversary.force.trpo.kl`: must be positive"),
        (&["algorithm=trpo", "trpo.damping=-1"], "`trpo.damping`: must not be negative"),
        (&["algorithm=ddpg", "ddpg.tau=2"], "`ddpg.tau`: must lie in [0, 1]"),
        (&["algorithm=ddpg", "ddpg.replay=9e15"], "`ddpg.replay`: asks for"),
        (&["algorithm=td3", "td3.replay=9e15"], "`td3.replay`: asks for"),
        (&["algorithm=td3", "td3.updates=0.01"], "`td3.updates`: must give at least one gradient step"),
        (&["algorithm=ddpg", "ddpg.updates=1e18"], "`ddpg.updates`: must not exceed 1000"),
        (&["learner=sac"], "`learner`: no such value"),
    ] {
        let message = with(&[&["task=hopper"], settings].concat()).unwrap_err().to_string();
        assert!(message.contains(expected), "{settings:?}: {message}");
    }
    // Sections that a run does not use as well: NaN there would make a plan differ from itself.
    for unused in ["ppo.clip=-1", "ddpg.tau=7", "adversary.force.trpo.shrink=nan"] {
        let message = with(&["task=hopper", "algorithm=trpo", unused]).unwrap_err().to_string();
        assert!(message.contains(unused.split('=').next().unwrap()), "{message}");
    }
}

#[test]
fn whoever_draws_from_a_box_does_not_train_in_the_ball() {
    let in_ball = |settings: &[&str]| with(&[&["task=hopper"], settings].concat()).unwrap().trains_in_ball();
    assert!(in_ball(&[]) && in_ball(&["algorithm=ppo-uniform"]) && in_ball(&["algorithm=epopt"]));
    let boxed = "adversary.region.shape=box";
    assert!(!in_ball(&["algorithm=ppo-uniform", boxed]) && !in_ball(&["algorithm=epopt", boxed]));
    assert!(with(&["task=hopper", "algorithm=wr2l", boxed]).is_err(), "which has no use for it");
    assert!(!in_ball(&["algorithm=ppo"]) && !in_ball(&["algorithm=rarl"]));
}

/// The faults were found by these: each was taken and left the policy as it was.
#[test]
fn a_setting_that_nobody_reads_is_refused_with_who_would() {
    for (text, expected) in [
        (
            "algorithm = \"wr2l\"\n[adversary.region]\nshape = \"box\"",
            "`adversary.region.shape`: nobody in this run reads it; only an adversary that draws from a region",
        ),
        (
            "algorithm = \"ppo-uniform\"\n[adversary.region]\nranges = { friction = [1.0, 2.0] }",
            "`adversary.region.ranges.friction`: nobody in this run reads it; only `adversary.region.shape = \"box\"`",
        ),
        (
            "algorithm = \"ppo-uniform\"\nadversary.region.shape = \"box\"\n[ball]\nepsilon = 0.3",
            "`ball.epsilon`: nobody in this run reads it; only an adversary that plays in the ball",
        ),
        ("algorithm = \"td3\"\n[ppo]\nlearning_rate = 1e-5", "only the learner `ppo` does"),
        ("algorithm = \"ppo\"\n[ball]\nepsilon = 1", "`ball.epsilon`: nobody in this run reads it"),
        ("algorithm = \"ppo\"\nvary = \"friction\"", "`vary`"),
        ("algorithm = \"rarl\"\nadversary.action.alpha = 0.2", "only the adversary `action` does"),
        ("adversary.phase_one.starts = 3", "only `adversary.phase_one.search = \"gradient\"` does"),
    ] {
        let message = message(&[file(&format!("task = \"hopper\"\n{text}\n"))]);
        assert!(message.starts_with("e.toml, line ") && message.contains(expected), "{text}: {message}");
    }
    // Where the layers do not name the reader, a later one may.
    let with_td3 = [file("task = \"hopper\"\n[ppo]\nclip = 0.1\n"), Layer::argument("", "learner", "td3")];
    assert!(message(&with_td3).starts_with("e.toml, line 3: `ppo.clip`: nobody"));
    let gradient = [
        file("task = \"hopper\"\nadversary.phase_one.starts = 3\n"),
        Layer::set("adversary.phase_one.search=gradient").unwrap(),
    ];
    assert_eq!(Plan::resolve(&gradient).unwrap().get("adversary.phase_one.starts"), Some(3.into()));
}

/// The keys in which two presets differ, of all that anybody has.
fn differing(one: Algorithm, other: Algorithm, task: TaskName) -> Vec<String> {
    let [one, other] = [one, other].map(|preset| leaves(&defaults(preset, None, None, &task.into(), None)));
    let of_either = |a: &[(String, Value)], b: &[(String, Value)]| -> Vec<String> {
        a.iter().filter(|entry| !b.contains(entry)).map(|(key, _)| key.clone()).collect()
    };
    let mut keys = [of_either(&one, &other), of_either(&other, &one)].concat();
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn every_preset_differs_from_the_one_it_refines_by_what_it_should() {
    for task in TaskName::ALL {
        let plan =
            |algorithm: &str| with(&[&format!("task={task}"), &format!("algorithm={algorithm}")]).unwrap();
        let named = |name: &str| Algorithm::ALL.into_iter().find(|preset| preset.as_str() == name).unwrap();
        let by = |one: &str, other: &str| differing(named(one), named(other), task);
        let reads = |algorithm: &str, key: &str| plan(algorithm).reads(key);
        // Domain randomisation, and what is selected from it.
        assert_eq!(by("epopt", "ppo-uniform"), ["adversary.kind", "algorithm", "ppo.episodes"], "{task}");
        assert!(
            reads("epopt", "adversary.cvar.fraction") && !reads("ppo-uniform", "adversary.cvar.fraction")
        );
        let epopt = plan("epopt");
        assert!(epopt.get("adversary.cvar.begin").and_then(|share| share.as_float()).unwrap() < 1.0);
        assert_eq!(epopt.get("adversary.cvar.after"), None);
        // The three in the ball differ in who plays, and in nothing else.
        for other in ["ppo-boundary", "wr2l"] {
            assert_eq!(by(other, "ppo-uniform"), ["adversary.kind", "algorithm"], "{other} on {task}");
        }
        assert!(by("wr2l", "wr2l-paper").contains(&"adversary.phase_one.search".to_owned()), "{task}");
        if task != TaskName::CARTPOLE {
            assert_eq!(by("pr-mdp", "nr-mdp"), ["adversary.action.mode", "algorithm"], "{task}");
            assert_eq!(by("pr-mdp", "ddpg"), ["adversary.kind", "algorithm"], "{task}");
            assert!(by("rarl", "trpo").contains(&"adversary.kind".to_owned()), "{task}");
        }
    }
}

#[test]
fn what_the_paper_fixes_is_kept_and_the_rest_can_be_set() {
    let paper = ["task=hopper", "algorithm=wr2l-paper"];
    assert_eq!(with(&paper).unwrap().method(), "wr2l-paper");
    for (key, value) in super::paper::fixed() {
        let same = format!("{key}={value}");
        assert!(with(&[&paper[..], &[&same]].concat()).is_ok(), "{same}");
    }
    for (set, expected) in [
        ("ppo.gamma=0.995", "`ppo.gamma`: the paper has 0.99"),
        ("ppo.entropy=0.005", "`ppo.entropy`: the paper has 0"),
        ("adversary.every=8192", "`adversary.every`: the paper has 1"),
        ("ball.hessian=gauss-newton", "`ball.hessian`: the paper has \"zero-order\""),
        ("adversary.return_discount=1", "`adversary.return_discount`: the paper has 0.99"),
        ("learner=td3", "`learner`: the paper has \"ppo\""),
        ("ppo.horizon=256", "`ppo.lanes` × `ppo.horizon` is 2048"),
    ] {
        let message = with(&[&paper[..], &[set]].concat()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("--set {set}: ")) && message.contains(expected), "{message}");
    }
    for open in ["steps=10k", "ball.epsilon=0.1", "adversary.episodes=4", "stop.entropy_below=-3"] {
        assert!(with(&[&paper[..], &[open]].concat()).is_ok(), "{open}");
    }
}
