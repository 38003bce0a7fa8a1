//! A run that was stopped goes on bit for bit as if it never had been; and what makes that impossible is said.

use std::path::Path;
use std::time::Duration;

use wr2l_rl::{Improvement, StopFlag};
use wr2l_run::{
    Algorithm, Contestant, Ending, Keep, Layer, Observer, Plan, Progress, RunError, RunFolder, Saved,
    Standing, Summary, TrainOptions, Trained, TurnDone, methods, read_policy, train,
};

/// Raises the flag where it is told to, and remembers warnings.
#[derive(Default)]
struct Stopper {
    flag: StopFlag,
    after: Option<u64>,
    warnings: Vec<String>,
}

impl Observer for Stopper {
    fn iteration(&mut self, progress: &Progress, _: &Improvement) {
        if self.after.is_some_and(|after| progress.iteration >= after) {
            self.flag.raise();
        }
    }

    fn warning(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }
}

/// A few iterations on the inverted pendulum, on which every algorithm runs, with turns of the adversary if there is one.
fn plan(algorithm: Algorithm, more: &[&str]) -> Plan {
    let resolve = |settings: &[&str]| {
        let names = [
            Layer::argument("", "task", "inverted-pendulum"),
            Layer::argument("", "algorithm", algorithm.to_string()),
        ];
        let settings = settings.iter().map(|setting| Layer::set(setting).unwrap());
        Plan::resolve(&names.into_iter().chain(settings).collect::<Vec<_>>())
    };
    let settings = [
        "steps=1000",
        "adversary.every=400",
        "adversary.phase_one.surrogate.budget=8",
        "ball.pairs.count=40",
        "ball.pairs.pool=80",
        "ball.pairs.most_steps=800",
        "ppo.horizon=32",
        "ppo.lanes=8",
        "ppo.minibatches=4",
        "ppo.hidden=[8]",
        "trpo.horizon=32",
        "trpo.lanes=8",
        "trpo.hidden=[8]",
        "adversary.force.trpo.lanes=8",
        "adversary.force.trpo.horizon=32",
        "adversary.force.trpo.hidden=[8]",
        "ddpg.updates=1",
        "ddpg.lanes=2",
        "ddpg.horizon=8",
        "ddpg.rounds=8",
        "ddpg.warm_up=200",
        "ddpg.replay=500",
        "ddpg.minibatch=16",
        "ddpg.hidden=[8]",
        "ddpg.noise.every=7",
        "td3.lanes=2",
        "td3.horizon=8",
        "td3.rounds=8",
        "td3.warm_up=200",
        "td3.replay=500",
        "td3.minibatch=16",
        "td3.hidden=[8]",
    ];
    let fewer: &[&str] = match algorithm {
        Algorithm::Epopt => &["ppo.episodes=20"],
        // The fewest transitions that the paper collects.
        Algorithm::Wr2lPaper => &["steps=20000", "ppo.horizon=625"],
        _ => &[],
    };
    let own = [fewer, more].concat();
    // Those that somebody reads, and that the paper leaves open.
    let fits = |setting: &&str| resolve(&[&["steps=1000", *setting], &own[..]].concat()).is_ok();
    let settings: Vec<&str> = settings.into_iter().filter(fits).chain(own.iter().copied()).collect();
    resolve(&settings).unwrap()
}

fn options(stopper: &Stopper) -> TrainOptions {
    TrainOptions { stop: stopper.flag.clone(), checkpoint_every: Some(0.0), ..TrainOptions::default() }
}

fn begin(plan: &Plan, path: &Path, after: Option<u64>) -> Trained {
    let mut stopper = Stopper { after, ..Stopper::default() };
    let folder = RunFolder::create(path, false).unwrap();
    train(plan, &folder, &options(&stopper), &mut stopper).unwrap()
}

fn go_on(path: &Path, after: Option<u64>) -> (Trained, Vec<String>) {
    let mut stopper = Stopper { after, ..Stopper::default() };
    let saved = Saved::open(path, false).unwrap();
    let mut warnings = saved.warnings().to_vec();
    let trained = saved.train(&options(&stopper), &mut stopper).unwrap();
    warnings.extend(stopper.warnings);
    (trained, warnings)
}

/// A file's bytes; of a log, the columns that do not depend on the clock.
fn content(run: &Path, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(run.join(name)).unwrap_or_default();
    if !name.ends_with(".csv") {
        return bytes;
    }
    let text = String::from_utf8(bytes).unwrap();
    let clock = |name: &str| name == "seconds" || name == "steps_per_second";
    let header: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let keep = |line: &str| -> String {
        let cells = line.split(',').zip(&header).filter(|(_, name)| !clock(name)).map(|(cell, _)| cell);
        cells.collect::<Vec<_>>().join(",") + "\n"
    };
    text.lines().map(keep).collect::<String>().into_bytes()
}

fn same(a: &Path, b: &Path, what: &str) {
    for name in ["policy.safetensors", "metrics.csv", "adversary.csv", "ball.toml", "plan.toml"] {
        assert!(content(a, name) == content(b, name), "{what}: {name} differs");
    }
    let size = |run: &Path| run.join("events.out.tfevents.wr2l").metadata().unwrap().len();
    assert_eq!(size(a), size(b), "{what}: events");
}

#[test]
fn chance_reaches_every_learner() {
    let root = tempfile::tempdir().unwrap();
    for algorithm in [Algorithm::Ppo, Algorithm::Trpo, Algorithm::Ddpg, Algorithm::Td3] {
        let [without, with] = ["0.0", "0.5"].map(|share| {
            let path = root.path().join(format!("{algorithm}-{share}"));
            begin(&plan(algorithm, &[&format!("adversary.random_actions={share}")]), &path, None);
            content(&path, "metrics.csv")
        });
        assert!(without != with, "{algorithm}");
    }
}

#[test]
fn every_algorithm_goes_on_bit_for_bit_wherever_it_was_stopped() {
    let root = tempfile::tempdir().unwrap();
    let of_all = Algorithm::ALL.into_iter().map(|algorithm| (algorithm.to_string(), plan(algorithm, &[])));
    let lanes = [
        "adversary.every=200",
        "adversary.worst_cases=2",
        "adversary.nominal_share=0.25",
        "adversary.uniform_share=0.25",
    ];
    let others: [(&str, &[&str]); 5] = [
        ("gradient", &["adversary.phase_one.search=gradient", "adversary.phase_one.gradient.pairs=4"]),
        ("worst cases by lane", &lanes),
        ("population", &["adversary.kind=population"]),
        ("tail", &["adversary.kind=tail", "adversary.every=200", "adversary.random_actions=0.2"]),
        ("wr2l with td3", &["learner=td3", "adversary.every=250"]),
    ];
    // A memory in the middle of an episode is saved as well; RARL's opponent keeps the agent's.
    let remembering = [
        ("ppo", Algorithm::PpoUniform),
        ("trpo", Algorithm::Trpo),
        ("td3", Algorithm::Td3),
        ("nr-mdp", Algorithm::NrMdp),
        ("rarl", Algorithm::Rarl),
        ("epopt", Algorithm::Epopt),
    ];
    let with_history = remembering
        .map(|(name, algorithm)| (format!("{name} with a history"), plan(algorithm, &["policy.history=2"])));
    let of_wr2l = others.map(|(name, more)| (name.to_owned(), plan(Algorithm::Wr2l, more)));
    for (name, plan) in of_all.chain(of_wr2l).chain(with_history) {
        let whole = root.path().join(&name);
        let trained = begin(&plan, &whole, None);
        assert_eq!(trained.ending, Ending::Budget);
        let (actor, _) = read_policy(&whole.join("policy.safetensors")).unwrap();
        assert_eq!(actor.history().frames(), plan.policy.history, "{name}");
        // Once after every iteration, all in one run.
        let broken = root.path().join(format!("{name}-broken"));
        let mut last = begin(&plan, &broken, Some(1));
        let mut stops = 0;
        while last.ending == Ending::Interrupted {
            stops += 1;
            last = go_on(&broken, Some(last.last.iteration + 1)).0;
        }
        assert!(stops >= 3, "{name}: {stops}");
        same(&whole, &broken, &name);
        assert_eq!(last.curve, trained.curve);
        let (a, b) = (last.last, trained.last);
        assert_eq!((a.steps, a.simulator_steps, a.episodes), (b.steps, b.simulator_steps, b.episodes));
    }
}

#[test]
fn a_stop_at_any_moment_in_a_turn_as_well_takes_back_what_is_half_done() {
    let root = tempfile::tempdir().unwrap();
    // Turns that take most of the time.
    let plan = plan(Algorithm::Wr2l, &["adversary.phase_one.surrogate.budget=400", "steps=600"]);
    begin(&plan, &root.path().join("whole"), None);
    let path = root.path().join("broken");
    begin(&plan, &path, Some(1));
    for delay in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55] {
        let saved = Saved::open(&path, false).unwrap();
        if saved.standing() == Standing::Trained {
            break;
        }
        let flag = StopFlag::default();
        let raiser = flag.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(delay));
            raiser.raise();
        });
        let options = TrainOptions { stop: flag, ..TrainOptions::default() };
        saved.train(&options, &mut Stopper::default()).unwrap();
        thread.join().unwrap();
    }
    go_on(&path, None);
    same(&root.path().join("whole"), &path, "stopped in turns");
}

#[test]
fn a_finished_run_says_so_and_more_steps_are_a_changed_plan() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    begin(&plan(Algorithm::Wr2l, &[]), &path, None);
    assert_eq!(
        Saved::open(&path, false).unwrap().standing(),
        Standing::Trained,
        "the evaluation is not done"
    );
    let folder = RunFolder::open(&path).unwrap();
    Summary::read(&folder).unwrap().completed(None).write(&folder).unwrap();
    assert_eq!(Saved::open(&path, false).unwrap().standing(), Standing::Finished);

    let text = std::fs::read_to_string(path.join("plan.toml")).unwrap();
    std::fs::write(path.join("plan.toml"), format!("# only a remark\n{text}")).unwrap();
    assert_eq!(Saved::open(&path, false).unwrap().standing(), Standing::Finished, "the same plan");
    std::fs::write(path.join("plan.toml"), text.replace("steps = 1000\n", "steps = 2000\n")).unwrap();
    let error = Saved::open(&path, false).unwrap_err();
    assert!(
        matches!(&error, RunError::ChangedPlan { differences } if differences == "  steps: 1000 → 2000"),
        "{error}"
    );
    let saved = Saved::open(&path, true).unwrap();
    assert!(matches!(saved.standing(), Standing::Unfinished { iteration: 4, steps: 1024 }));
    let mut stopper = Stopper::default();
    let trained = saved.train(&options(&stopper), &mut stopper).unwrap();
    assert_eq!((trained.last.steps, trained.last.iteration), (2048, 8));
    assert_eq!(content(&path, "metrics.csv").split(|&b| b == b'\n').count(), 10);
    assert_eq!(Saved::open(&path, false).unwrap().standing(), Standing::Trained, "now it is the run's plan");
}

#[test]
fn a_run_with_more_steps_goes_on_at_its_rate_and_bit_for_bit() {
    let root = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| root.path().join(name));
    let rated = plan(Algorithm::Ppo, &["ppo.learning_rate=1e-3"]);
    let longer = |path: &Path, after| {
        let mut stopper = Stopper { after, ..Stopper::default() };
        Saved::open_with_steps(path, false, 6_000).unwrap().train(&options(&stopper), &mut stopper).unwrap();
        stopper.warnings
    };
    [&whole, &broken].into_iter().for_each(|path| drop(begin(&rated, path, None)));
    let warnings = longer(&whole, None);
    assert!(warnings[0].contains("goes on at 0.00e0") && warnings[0].contains("to 7.46e-4"), "{warnings:?}");
    // Killed before it began, then stopped before and after it is on the new course.
    drop(Saved::open_with_steps(&broken, false, 6_000).unwrap());
    longer(&broken, Some(5));
    go_on(&broken, Some(8));
    assert!(go_on(&broken, None).1.is_empty(), "said once");
    same(&whole, &broken, "more steps");

    let log = String::from_utf8(content(&whole, "metrics.csv")).unwrap();
    let at = log.lines().next().unwrap().split(',').position(|name| name == "learning_rate").unwrap();
    let rates: Vec<f64> =
        log.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect();
    assert_eq!(
        (rates.len(), rates[4]),
        (24, 0.0),
        "the first iteration has the rate that the run ended with"
    );
    assert!(rates[3] > 0.0 && rates[4] < rates[5] && rates[5] < rates[6], "{rates:?}");
    for (iteration, rate) in rates.iter().enumerate().skip(6) {
        let course = 1e-3 * (1.0 - 256.0 * iteration as f64 / 6_000.0);
        assert!((rate - course).abs() < 1e-12, "iteration {iteration}: {rate}, a longer run's is {course}");
    }
    let error = Saved::open_with_steps(&whole, false, 6_000).unwrap_err().to_string();
    assert!(error.contains("it has done 6144 steps"), "{error}");
}

#[test]
fn a_changed_plan_that_does_not_fit_is_refused_and_a_changed_ball_is_estimated_anew() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    begin(&plan(Algorithm::Wr2l, &[]), &path, Some(2));
    let before = content(&path, "ball.toml");
    let change = |more: &str| {
        plan(Algorithm::Wr2l, &[more]).write(&path.join("plan.toml")).unwrap();
        let mut stopper = Stopper { after: Some(3), ..Stopper::default() };
        Saved::open(&path, true)?.train(&options(&stopper), &mut stopper)
    };
    for more in ["ppo.hidden=[9]", "policy.history=1"] {
        let wider = change(more).unwrap_err();
        assert!(wider.to_string().contains("does not fit the plan"), "{wider}");
    }
    let other = change("task=cartpole");
    assert!(other.is_err());
    change("ball.epsilon=0.07").unwrap();
    assert!(content(&path, "ball.toml") != before);
}

#[test]
fn damaged_checkpoints_cost_an_iteration_and_never_the_run() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(Algorithm::Ppo, &[]);
    let whole = root.path().join("whole");
    begin(&plan, &whole, None);
    let path = root.path().join("run");
    begin(&plan, &path, Some(3));
    let newest = path.join("checkpoints/0000000003.ckpt");
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    // A kill in the middle of a line, and what a killed process was writing.
    let mut metrics = std::fs::read(path.join("metrics.csv")).unwrap();
    metrics.extend(b"4,1024,10");
    std::fs::write(path.join("metrics.csv"), metrics).unwrap();
    std::fs::write(path.join(".policy.safetensors.7.tmp"), "half").unwrap();
    std::fs::write(path.join("checkpoints/.0000000004.ckpt.7.tmp"), "half").unwrap();
    let (trained, warnings) = go_on(&path, None);
    assert_eq!(trained.ending, Ending::Budget);
    assert!(
        warnings.iter().any(|text| text.contains("0000000003.ckpt") && text.contains("bytes long")),
        "{warnings:?}"
    );
    same(&whole, &path, "after damage");
    assert!(!path.join(".policy.safetensors.7.tmp").exists());

    // Every checkpoint damaged: said, and nothing touched.
    for entry in std::fs::read_dir(path.join("checkpoints")).unwrap() {
        std::fs::write(entry.unwrap().path(), "nothing").unwrap();
    }
    let policy = content(&path, "policy.safetensors");
    let error = Saved::open(&path, false).unwrap_err().to_string();
    assert!(error.contains("none of its checkpoints can be used"), "{error}");
    assert_eq!(content(&path, "policy.safetensors"), policy);
    // A plan and nothing else begins again.
    let fresh = root.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    plan.write(&fresh.join("plan.toml")).unwrap();
    assert_eq!(Saved::open(&fresh, false).unwrap().standing(), Standing::NotBegun);
    go_on(&fresh, None);
    same(&whole, &fresh, "begun again");
}

#[test]
fn numbers_that_are_not_finite_stop_a_run_that_keeps_a_checkpoint_from_before() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let broken = plan(Algorithm::Ppo, &["ppo.learning_rate=1e300"]);
    let folder = RunFolder::create(&path, false).unwrap();
    let mut stopper = Stopper::default();
    let error = train(&broken, &folder, &options(&stopper), &mut stopper).unwrap_err();
    let text = error.to_string();
    assert!(matches!(&error, RunError::Stopped { iteration: 0, .. }), "{text}");
    assert!(text.contains("not finite") && text.contains("wr2l resume"), "{text}");
    drop(folder);
    stopper = Stopper::default();
    assert!(matches!(
        Saved::open(&path, false).unwrap().standing(),
        Standing::Unfinished { iteration: 0, .. }
    ));
    // A sound learning rate, and it goes on.
    plan(Algorithm::Ppo, &["ppo.learning_rate=1e-3"]).write(&path.join("plan.toml")).unwrap();
    let saved = Saved::open(&path, true).unwrap();
    assert_eq!(saved.train(&options(&stopper), &mut stopper).unwrap().ending, Ending::Budget);
}

#[test]
fn checkpoints_shrink_when_a_run_ends_and_stages_stay_if_they_are_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let kept = |keep: Option<Keep>, after| {
        let folder = RunFolder::create(&root.path().join(format!("{keep:?} {after:?}")), false).unwrap();
        let mut stopper = Stopper { after, ..Stopper::default() };
        let every = Some(keep.map_or(0.0, |_| 1e9)); // None for the sake of time.
        let options = TrainOptions { keep, checkpoint_every: every, ..options(&stopper) };
        train(&plan(Algorithm::Ppo, &["steps=1600"]), &folder, &options, &mut stopper).unwrap();
        let names = std::fs::read_dir(folder.file("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
        let numbers = names.map(|name| name.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap());
        numbers.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(kept(None, Some(5)), [3, 4, 5]);
    assert_eq!(kept(None, None), [7]);
    assert_eq!(kept(Some(Keep { last: 1, powers: true }), None), [1, 2, 4, 7]);
    assert_eq!(kept(Some(Keep { last: 2, powers: false }), Some(5)), [1, 5]);
}

#[test]
fn a_run_has_one_trainer_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    begin(&plan(Algorithm::Ppo, &[]), &path, Some(1));
    let holder = Saved::open(&path, false).unwrap();
    assert!(matches!(Saved::open(&path, false), Err(RunError::InUse { .. })));
    assert!(matches!(RunFolder::create(&path, true), Err(RunError::InUse { .. })));
    drop(holder);
    assert!(Saved::open(&path, false).is_ok());
    assert!(matches!(RunFolder::create(&path, false), Err(RunError::Unfinished { .. })));
}

#[test]
fn the_policy_of_a_checkpoint_is_the_one_of_that_moment() {
    let temporary = tempfile::tempdir().unwrap();
    for algorithm in [Algorithm::Wr2l, Algorithm::Trpo, Algorithm::Td3] {
        let run = temporary.path().join(algorithm.as_str());
        let plan = plan(algorithm, &[]);
        begin(&plan, &run, Some(2));
        let (actor, origin) = read_policy(&run.join("policy.safetensors")).unwrap();
        let newest =
            std::fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).max();
        let newest = newest.unwrap();
        let one = Contestant::open(&newest).unwrap();
        assert_eq!(one.actor.params(), actor.params(), "{algorithm}");
        assert_eq!(one.actor.normaliser(), actor.normaliser(), "{algorithm}");
        assert_eq!(one.origin, origin, "{algorithm}");
        assert_eq!(one.name, format!("{algorithm}-{}", newest.file_stem().unwrap().to_str().unwrap()));

        // Beside the run as it went on, each stands for itself. Old checkpoints go: this one is kept.
        let kept = run.join("kept").join(newest.file_name().unwrap());
        std::fs::create_dir(run.join("kept")).unwrap();
        std::fs::copy(&newest, &kept).unwrap();
        let newest = kept;
        go_on(&run, None);
        let all = [run.clone(), newest.clone()];
        let contestants = wr2l_run::open_contestants(&all).unwrap();
        assert_ne!(contestants[0].actor.params(), contestants[1].actor.params());
        assert_eq!(methods(&contestants).len(), 2);
        assert_ne!(methods(&contestants)[0], methods(&contestants)[1], "no two seeds of one method");

        let mut bytes = std::fs::read(&newest).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let damaged = temporary.path().join("damaged.ckpt");
        std::fs::write(&damaged, bytes).unwrap();
        let message = Contestant::open(&damaged).unwrap_err().to_string();
        assert!(message.contains("checksum"), "{message}");
    }
}

/// Raises a flag of no patience at a turn, which an update follows that cannot be completed.
struct Impatient(StopFlag);

impl Observer for Impatient {
    fn turn(&mut self, turn: &TurnDone) {
        if turn.turn == 1 {
            self.0.raise();
        }
    }
}

#[test]
fn an_update_that_is_given_up_costs_no_bit() {
    let root = tempfile::tempdir().unwrap();
    // PPO, TRPO and TD3.
    let td3: &[&str] = &["learner=td3"];
    for (algorithm, more) in [(Algorithm::Wr2l, &[][..]), (Algorithm::Rarl, &[]), (Algorithm::Wr2l, td3)] {
        let plan = plan(algorithm, more);
        let path = |name: &str| root.path().join(format!("{algorithm}-{}-{name}", more.len()));
        begin(&plan, &path("whole"), None);
        let stop = StopFlag::default().with_patience(Duration::ZERO);
        let options = TrainOptions { stop: stop.clone(), ..TrainOptions::default() };
        let folder = RunFolder::create(&path("stopped"), false).unwrap();
        let stopped = train(&plan, &folder, &options, &mut Impatient(stop)).unwrap();
        drop(folder);
        assert_eq!((stopped.ending, stopped.saved), (Ending::Interrupted, 1), "{algorithm}");
        assert!(stopped.last.iteration > 1, "{algorithm}: what came after the checkpoint is done again");
        assert_eq!(go_on(&path("stopped"), None).0.ending, Ending::Budget);
        same(&path("whole"), &path("stopped"), &algorithm.to_string());
    }
}

#[test]
fn a_run_is_found_again_by_its_plan_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let first = plan(Algorithm::Ppo, &[]);
    assert!(Saved::find(&path, &first).unwrap().is_none(), "no folder");
    std::fs::create_dir(&path).unwrap();
    assert!(Saved::find(&path, &first).unwrap().is_none(), "an empty one");
    begin(&first, &path, Some(2));
    let saved = Saved::find(&path, &first).unwrap().unwrap();
    assert!(matches!(saved.standing(), Standing::Unfinished { iteration: 2, .. }));
    drop(saved);
    let other = plan(Algorithm::Ppo, &["ppo.gamma=0.9", "seed=3"]);
    let error = Saved::find(&path, &other).unwrap_err();
    let text = error.to_string();
    assert!(error.is_usage() && text.contains("ppo.gamma: 0.99 → 0.9\n  seed: 0 → 3"), "{text}");
    assert_eq!(text.lines().count(), 3, "what differs and nothing else: {text}");
}
