//! Runs that begin with a policy that is there: the run is reproducible by itself, and what does not fit is refused.

use std::path::Path;

use wr2l_rl::{Improvement, StopFlag};
use wr2l_run::{
    Agenda, Contestant, Ending, Layer, Observer, Plan, Progress, RunFolder, Saved, Session, TrainOptions,
    read_policy, select_experiments, train,
};

/// Raises the flag after so many iterations.
#[derive(Default)]
struct Stopper {
    flag: StopFlag,
    after: Option<u64>,
}

impl Observer for Stopper {
    fn iteration(&mut self, progress: &Progress, _: &Improvement) {
        if self.after.is_some_and(|after| progress.iteration >= after) {
            self.flag.raise();
        }
    }
}

fn resolve(algorithm: &str, more: &[&str]) -> Result<Plan, String> {
    let names = [
        Layer::argument("", "task", "inverted-pendulum"),
        Layer::argument("", "algorithm", algorithm),
        Layer::set("report.sweep=[]").unwrap(),
    ];
    let settings: &[&str] = match algorithm {
        "trpo" => &["trpo.lanes=8", "trpo.horizon=32", "trpo.hidden=[8]", "steps=2000"],
        "td3" => &[
            "td3.lanes=2",
            "td3.horizon=8",
            "td3.rounds=8",
            "td3.warm_up=200",
            "td3.replay=500",
            "td3.minibatch=16",
            "td3.hidden=[8]",
            "steps=1000",
        ],
        _ => &["ppo.lanes=8", "ppo.horizon=32", "ppo.minibatches=4", "ppo.hidden=[8]", "steps=2000"],
    };
    let ball: &[&str] = match algorithm {
        "wr2l" => &[
            "adversary.every=600",
            "adversary.phase_one.surrogate.budget=8",
            "ball.pairs.count=40",
            "ball.pairs.pool=80",
            "ball.pairs.most_steps=800",
        ],
        _ => &[],
    };
    let settings = settings.iter().chain(ball).chain(more).map(|setting| Layer::set(setting).unwrap());
    Plan::resolve(&names.into_iter().chain(settings).collect::<Vec<_>>()).map_err(|error| error.to_string())
}

fn from(path: &Path) -> String {
    format!("from={:?}", path.display().to_string())
}

fn trained(plan: &Plan, path: &Path, after: Option<u64>) -> Ending {
    let mut stopper = Stopper { after, ..Stopper::default() };
    let folder = RunFolder::create(path, false).unwrap();
    let stop = stopper.flag.clone();
    let options = TrainOptions { stop, checkpoint_every: Some(0.0), ..TrainOptions::default() };
    train(plan, &folder, &options, &mut stopper).unwrap().ending
}

fn gone_on(path: &Path, after: Option<u64>) -> Ending {
    let mut stopper = Stopper { after, ..Stopper::default() };
    let stop = stopper.flag.clone();
    let options = TrainOptions { stop, checkpoint_every: Some(0.0), ..TrainOptions::default() };
    Saved::open(path, false).unwrap().train(&options, &mut stopper).unwrap().ending
}

fn bytes(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// That two runs have come to the same policies, from the same one, by the same plan.
fn same(a: &Path, b: &Path, what: &str) {
    for name in ["policy.safetensors", "policy.best.safetensors", "from/policy.safetensors", "plan.toml"] {
        let best = name.contains("best");
        if best && !a.join(name).exists() && !b.join(name).exists() {
            continue;
        }
        assert!(bytes(a, name) == bytes(b, name), "{what}: {name} differs");
    }
}

#[test]
fn without_a_step_of_learning_the_policy_is_the_one_begun_with() {
    let root = tempfile::tempdir().unwrap();
    for algorithm in ["ppo", "trpo", "td3"] {
        let run = root.path().join(algorithm);
        trained(&resolve(algorithm, &[]).unwrap(), &run, None);
        let (old, _) = read_policy(&run.join("policy.safetensors")).unwrap();
        let checkpoint = std::fs::read_dir(run.join("checkpoints")).unwrap().next().unwrap().unwrap().path();
        for source in [run.clone(), run.join("policy.safetensors"), checkpoint] {
            let plan = resolve(algorithm, &[&from(&source), "seed=7"]).unwrap();
            let session = Session::of(&plan, 1, StopFlag::default()).unwrap();
            assert_eq!(session.policy().params(), old.params(), "{algorithm} from {source:?}");
            assert_eq!(session.policy().normaliser(), old.normaliser(), "{algorithm} from {source:?}");
        }
    }
}

#[test]
fn a_run_goes_on_and_repeats_to_the_bit_when_what_it_began_with_is_gone() {
    let root = tempfile::tempdir().unwrap();
    for (plain, robust) in [("ppo", "wr2l"), ("trpo", "trpo"), ("td3", "td3")] {
        let at = |name: &str| root.path().join(format!("{robust}-{name}"));
        trained(&resolve(plain, &[]).unwrap(), &at("plain"), None);
        let plan = resolve(robust, &[&from(&at("plain"))]).unwrap();
        trained(&plan, &at("whole"), None);
        assert_ne!(bytes(&at("whole"), "policy.safetensors"), bytes(&at("plain"), "policy.safetensors"));
        let mut ending = trained(&plan, &at("stopped"), Some(1));
        std::fs::rename(at("plain"), at("elsewhere")).unwrap();
        std::fs::rename(at("stopped"), at("moved")).unwrap();
        let mut stops = 0;
        while ending == Ending::Interrupted {
            stops += 1;
            ending = gone_on(&at("moved"), Some(stops + 1));
        }
        assert!(stops >= 3, "{robust}: {stops}");
        same(&at("whole"), &at("moved"), robust);
        // Again from the plan that the run has kept, and once more from that of the repetition.
        for (of, to) in [("moved", "again"), ("again", "thrice")] {
            trained(&Plan::read(&at(of).join("plan.toml")).unwrap(), &at(to), None);
            same(&at("whole"), &at(to), robust);
        }
        let (_, origin) = read_policy(&at("whole").join("policy.safetensors")).unwrap();
        let (_, before) = read_policy(&at("elsewhere").join("policy.safetensors")).unwrap();
        assert_eq!((before.steps_before, origin.steps_before), (0, before.steps), "{robust}");
        let table = Contestant::open(&at("whole")).unwrap().training();
        assert_eq!(table.policy_steps, Some(before.steps + origin.steps), "{robust}");
    }
}

#[test]
fn what_the_learner_has_learnt_besides_is_taken_over_from_a_run_and_not_from_a_file() {
    let root = tempfile::tempdir().unwrap();
    let plain = root.path().join("plain");
    trained(&resolve("ppo", &[]).unwrap(), &plain, None);
    let kept = |name: &str, source: &Path| {
        let path = root.path().join(name);
        trained(&resolve("ppo", &[&from(source)]).unwrap(), &path, None);
        (bytes(&path, "from/policy.safetensors"), alone(&path))
    };
    let (file, critic_alone) = kept("file", &plain.join("policy.safetensors"));
    assert_eq!((file, critic_alone), (bytes(&plain, "policy.safetensors"), 5));
    let (whole, at_once) = kept("run", &plain);
    assert!(at_once == 0 && whole.windows(21).any(|bytes| bytes == b"learner.critic.params"));
    assert!(!whole.windows(13).any(|bytes| bytes == b"learner.lanes"), "not where its episodes stand");
}

/// Iterations of a run in which its critic learnt alone.
fn alone(run: &Path) -> usize {
    let metrics = String::from_utf8(bytes(run, "metrics.csv")).unwrap();
    metrics.lines().filter(|line| line.contains("warm-up")).count()
}

#[test]
fn a_critic_of_another_learner_or_of_other_parameters_is_not_taken_over() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for (before, after) in [("ppo", "trpo"), ("trpo", "ppo")] {
        let normalising = |name: &str| format!("{name}.normalise_observations=true");
        trained(&resolve(before, &[&normalising(before)]).unwrap(), &at(before), None);
        let run = at(&format!("{after}-of-{before}"));
        trained(&resolve(after, &[&from(&at(before)), &normalising(after)]).unwrap(), &run, None);
        assert_eq!(alone(&run), 5, "{before} to {after}");
    }
    let varied = |parameter: &str, more: &[&str]| {
        let vary = format!("vary=[{parameter:?}]");
        let own = [&vary, "ppo.critic_sees_dynamics=true", "adversary.region.shape=box"];
        resolve("ppo-uniform", &own.iter().chain(more).copied().collect::<Vec<_>>()).unwrap()
    };
    trained(&varied("pole_length", &[]), &at("long"), None);
    for (parameter, expected) in [("pole_length", 0), ("cart_density", 5)] {
        let plan = varied(parameter, &[&from(&at("long")), "seed=3"]);
        trained(&plan, &at(parameter), None);
        assert_eq!(alone(&at(parameter)), expected, "{parameter}");
    }
}

#[test]
fn of_a_checkpoint_the_steps_are_its_own_as_well() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    assert_eq!(trained(&resolve("ppo", &[]).unwrap(), &run, Some(3)), Ending::Interrupted);
    let checkpoints = std::fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let earliest = checkpoints.min().unwrap();
    let plan = resolve("ppo", &[&from(&earliest)]).unwrap();
    let steps = plan.from.unwrap().origin().steps;
    let (_, last) = read_policy(&run.join("policy.safetensors")).unwrap();
    assert!(0 < steps && steps < last.steps, "{steps} of {}", last.steps);
}

#[test]
fn a_folder_in_which_a_run_was_killed_before_its_plan_was_written_is_begun_again() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    trained(&resolve("ppo", &[]).unwrap(), &at("plain"), None);
    let plan = resolve("ppo", &[&from(&at("plain"))]).unwrap();
    trained(&plan, &at("whole"), None);
    // The plan cannot be written.
    let in_the_way = at("killed").join("plan.toml");
    let folder = RunFolder::create(&at("killed"), false).unwrap();
    std::fs::create_dir(&in_the_way).unwrap();
    train(&plan, &folder, &TrainOptions::default(), &mut Stopper::default()).unwrap_err();
    drop(folder);
    std::fs::remove_dir(&in_the_way).unwrap();
    assert!(at("killed").join("from/policy.safetensors").exists(), "written before the plan");
    trained(&plan, &at("killed"), None);
    same(&at("whole"), &at("killed"), "begun again");
    let left = std::fs::read_dir(at("killed")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().ends_with(".tmp")));
    // A folder of the user's own of such a name is nothing that a run left.
    for name in ["from", "task"] {
        std::fs::create_dir_all(at("own").join(name)).unwrap();
        assert!(RunFolder::create(&at("own"), false).unwrap_err().to_string().contains("is not empty"));
        std::fs::remove_dir(at("own").join(name)).unwrap();
    }
}

#[test]
fn the_best_policy_survives_a_stop_at_any_moment_and_is_evaluated_by_name() {
    let root = tempfile::tempdir().unwrap();
    let files = ["policy.best.safetensors", "policy.safetensors"];
    for algorithm in ["ppo", "wr2l"] {
        let at = |name: &str| root.path().join(format!("{algorithm}-{name}"));
        // Episodes of a few steps: a hundred are there after some iterations.
        let turns: &[&str] = if algorithm == "wr2l" { &["adversary.every=1000"] } else { &[] };
        let plan = resolve(algorithm, &[&["steps=4000"], turns].concat()).unwrap();
        trained(&plan, &at("whole"), None);
        let mut ending = trained(&plan, &at("stopped"), Some(1));
        let mut stops = 1;
        while ending == Ending::Interrupted {
            stops += 1;
            ending = gone_on(&at("stopped"), Some(stops));
        }
        for name in files {
            assert!(bytes(&at("whole"), name) == bytes(&at("stopped"), name), "{algorithm}: {name}");
        }
        let last = Contestant::open(&at("whole")).unwrap();
        let best = Contestant::open(&at("whole")).unwrap().best().unwrap();
        assert!(best.origin.steps < last.origin.steps, "{algorithm}: judged before a later update");
        assert_eq!(best.name, format!("{algorithm}-whole-best"));
        let by_file = Contestant::open(&at("whole").join(files[0])).unwrap();
        assert_eq!((by_file.name, by_file.actor.params()), (best.name, best.actor.params()));
    }
}

#[test]
fn what_does_not_fit_or_is_not_there_is_refused_with_its_place() {
    let root = tempfile::tempdir().unwrap();
    let plain = root.path().join("plain");
    trained(&resolve("ppo", &[]).unwrap(), &plain, None);
    let source = from(&plain);
    let cases: [(&str, &[&str], &str); 8] = [
        ("ppo", &["ppo.hidden=[9]"], "hidden layers are [8], and `ppo.hidden` is [9]"),
        ("ppo", &["policy.history=1"], "remembers 0 frames"),
        ("ppo", &["ppo.normalise_observations=false"], "set `ppo.normalise_observations` to true"),
        ("td3", &[], "use `ppo` or `trpo`"),
        ("ppo", &["task=hopper"], "sees 4 numbers"),
        ("ppo", &["ppo.initial_std=0.5"], "only a run that begins with a new policy"),
        ("ppo", &["from_hash=\"0123456789abcdef\"", "from=\"nowhere\""], "no such"),
        ("ppo", &["from=3"], "expected a text"),
    ];
    for (algorithm, more, words) in cases {
        let refusal = resolve(algorithm, &[&[source.as_str()], more].concat()).unwrap_err();
        assert!(refusal.contains(words) && refusal.contains("--set"), "{more:?}: {refusal}");
    }
    let refusal = resolve("ppo", &["from_hash=\"0123456789abcdef\""]).unwrap_err();
    assert!(refusal.contains("only a run that begins with a policy"), "{refusal}");
    assert!(resolve("ppo", &[&from(root.path())]).unwrap_err().contains("no run"));
    std::fs::write(root.path().join("x"), "x").unwrap();
    assert!(resolve("ppo", &[&from(&root.path().join("x"))]).unwrap_err().contains("not a usable policy"));
}

#[test]
fn an_experiment_s_plan_for_a_scheduler_needs_nothing_but_its_folder() {
    let root = tempfile::tempdir().unwrap();
    let plain = root.path().join("plain");
    trained(&resolve("ppo", &[]).unwrap(), &plain, None);
    let file = root.path().join("hardened.toml");
    let text = format!(
        "figure = \"none\"\ntitle = \"t\"\ntask = \"inverted-pendulum\"\nsteps = 1000\nseeds = 1\n\n[[method]]\nname = \"hardened\"\n\
         algorithm = \"ppo\"\nset = {{ {}, \"ppo.hidden\" = [8] }}\n\n[[evaluation]]\nname = \"far\"\nrandom = 2\n\
         half_width = 0.1\nepisodes = 1\n",
        from(&plain)
    );
    std::fs::write(&file, text).unwrap();
    let selected = select_experiments(&[file.display().to_string()], false, None).unwrap();
    let agenda = Agenda::new(selected, &root.path().join("out")).unwrap();
    let entries = agenda.entries().unwrap();
    std::fs::rename(&plain, root.path().join("gone")).unwrap();
    let place = Path::new(&entries[0].commands[0][2]);
    assert_eq!(Plan::read(place).unwrap(), agenda.jobs[0].plan);
}

#[test]
fn a_kept_policy_that_was_exchanged_is_refused_and_plans_without_one_say_nothing_of_it() {
    let root = tempfile::tempdir().unwrap();
    let (plain, robust) = (root.path().join("plain"), root.path().join("robust"));
    let plan = resolve("ppo", &[]).unwrap();
    assert!(!plan.to_toml().contains("from"), "{}", plan.to_toml());
    trained(&plan, &plain, None);
    trained(&resolve("ppo", &[&from(&plain), "seed=3"]).unwrap(), &robust, None);
    let text = String::from_utf8(bytes(&robust, "plan.toml")).unwrap();
    assert!(text.contains("from = \"from/policy.safetensors\"\nfrom_hash = "), "{text}");
    std::fs::copy(robust.join("policy.safetensors"), robust.join("from/policy.safetensors")).unwrap();
    let refusal = Plan::read(&robust.join("plan.toml")).unwrap_err().to_string();
    assert!(refusal.contains("`from_hash`") && refusal.contains("is not what it was"), "{refusal}");
    // Another one named in its place counts.
    let other = [
        Layer::file(&robust.join("plan.toml")).unwrap(),
        Layer::argument("", "from", plain.display().to_string()),
    ];
    assert!(Plan::resolve(&other).is_ok());
}
