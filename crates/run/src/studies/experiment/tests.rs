//! Experiment files, and what the published ones keep.

use super::*;

#[test]
fn every_experiment_of_the_paper_is_sound_and_committed() {
    let all = select_experiments(&[], false, None).unwrap();
    assert_eq!(all.len(), PAPER.len());
    for experiment in &all {
        for method in &experiment.methods {
            assert!(method.plans.len() >= 5, "{}: never fewer than 5 seeds", experiment.name);
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = PAPER.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

/// So that a later default does not change what made the published tables.
#[test]
fn the_papers_robots_keep_the_entropy_they_were_published_with() {
    for experiment in select_experiments(&[], false, None).unwrap() {
        for method in &experiment.methods {
            let own = ["published settings", "no entropy bonus", "as printed", "our settings"];
            let own = own.iter().any(|words| method.name.contains(words));
            for plan in method.plans.iter().filter(|plan| plan.learner.as_str() == "ppo") {
                let published = match plan.task.name() {
                    // All but the rivals with settings of their own.
                    "hopper" | "half-cheetah" if !own => 0.005,
                    "walker2d" if !own => 0.01,
                    _ => 0.0,
                };
                let whose = (&experiment.name, &method.name);
                assert_eq!(plan.get("ppo.entropy"), Some(published.into()), "{whose:?}");
            }
        }
    }
}

/// When EPOpt begins to select, and of how many episodes.
#[test]
fn the_papers_robots_keep_the_epopt_they_were_published_with() {
    let mut seeds = 0;
    for experiment in select_experiments(&[], false, None).unwrap() {
        let plans = experiment.methods.iter().flat_map(|method| &method.plans);
        for plan in plans.filter(|plan| plan.adversary.kind().as_str() == "cvar") {
            seeds += 1;
            let episodes = if plan.task.name() == "half-cheetah" { 20 } else { 100 };
            let published = [0.25.into(), episodes.into()];
            let keys = ["adversary.cvar.begin", "ppo.episodes"];
            assert_eq!(keys.map(|key| plan.get(key)), published.map(Some), "{}", experiment.name);
        }
    }
    assert_eq!(seeds, 50, "ten seeds on each robot, and in all dimensions of two");
}

#[test]
fn a_figure_selects_its_panels_and_quick_makes_them_small() {
    let names = |selection: &[&str], quick| -> Vec<String> {
        let selection: Vec<String> = selection.iter().map(|s| s.to_string()).collect();
        select_experiments(&selection, quick, None).unwrap().into_iter().map(|e| e.name).collect()
    };
    assert_eq!(names(&["fig2"], false), ["fig2-hopper", "fig2-half-cheetah"]);
    assert_eq!(names(&["fig2-hopper", "fig2"], false).len(), 2, "none twice");
    for experiment in select_experiments(&[], true, None).unwrap() {
        assert!(experiment.methods.iter().flat_map(|m| &m.plans).all(|plan| plan.steps <= 1024));
        assert_eq!(experiment.title.contains("--quick"), !experiment.methods.is_empty());
    }
    for experiment in select_experiments(&[], false, Some(3)).unwrap() {
        assert!(experiment.methods.iter().all(|method| method.plans.len() == 3));
    }
    assert!(select_experiments(&["fig5".into()], false, None).unwrap_err().is_usage());
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let good = "figure = \"x\"\ntitle = \"x\"\ntask = \"cartpole\"\nseeds = 1\nsteps = 100\n\n[[method]]\nname = \"a\"\n\
                algorithm = \"ppo\"\n\n[[evaluation]]\nname = \"e\"\nsweep = [\"gravity=5:15:3\"]\nepisodes = 1\n";
    let refused = |text: String| {
        let error = read(Path::new("e.toml"), &text, false, 10).unwrap_err();
        assert!(error.is_usage(), "{error}");
        error.to_string()
    };
    read(Path::new("e.toml"), good, false, 10).unwrap();
    assert!(refused(good.replace("seeds", "sedes")).starts_with("e.toml, line 4: unknown field `sedes`"));
    assert!(refused(good.replace("seeds = 1", "seeds = 0")).contains("`seeds`: must be at least 1"));
    let own = |seeds: u64| good.replace("\"ppo\"", &format!("\"ppo\"\nseeds = {seeds}"));
    assert!(refused(own(0)).contains("method `a`: `seeds`: must be at least 1"));
    for (seeds, most, expected) in [(3, 10, 3), (3, 2, 2)] {
        let experiment = read(Path::new("e.toml"), &own(seeds), false, most).unwrap();
        assert_eq!(experiment.methods[0].plans.len(), expected);
    }
    assert!(refused(good.replace("\"ppo\"", "\"pppo\"")).contains("method `a`: `algorithm`: no such value"));
    assert!(refused(good.replace("gravity", "gravty")).contains("did you mean `gravity`?"));
    assert!(refused(good.replace("5:15:3", "5:150:3")).contains("bounds"));
    assert!(refused(good.replace("\"cartpole\"", "\"cartpol\"")).contains("line 3"));
    assert!(refused(good.replace("name = \"e\"", "name = \"e/f\"")).contains("file names"));
    assert!(refused(good.replace("episodes = 1", "episodes = 1\nrandom = 3")).contains("exactly one"));
    let set = "algorithm = \"ppo\"\n[method.set]\n\"ppo.clipp\" = 0.1\n";
    assert!(refused(good.replace("algorithm = \"ppo\"\n", set)).contains("`ppo.clipp`: no such key"));
    assert!(refused(good.split("[[evaluation]]").next().unwrap().to_owned()).contains("evaluations"));
}
