//! `wr2l reproduce` and `wr2l report`: experiments end to end, in small.

mod common;

use common::Folder;

#[test]
fn a_figure_is_trained_evaluated_drawn_and_not_done_twice() {
    let folder = Folder::new();
    let out = folder.done("reproduce fig4 table1 --quick -o out");
    assert!(out.contains("22 runs: 0 done, 0 begun, 22 missing; 1 tables"), "{out}");
    let name = "fig4-inverted-pendulum";
    for file in [
        format!("results/{name}-sweep.csv"),
        format!("statistics/{name}-sweep.csv"),
        format!("curves/{name}.csv"),
        format!("figures/{name}-sweep.svg"),
        format!("figures/{name}-sweep-profile.svg"),
        format!("figures/{name}-learning.svg"),
        format!("pages/{name}.html"),
        "results/table1.md".into(),
    ] {
        assert!(folder.path("out").join(&file).is_file(), "{file} in\n{out}");
    }
    let table = folder.read(&format!("out/results/{name}-sweep.csv"));
    assert_eq!(table.lines().count(), 1 + 22 * 4, "11 methods × 2 seeds on 3 systems and the nominal one");
    // Killed before the end of one run: it goes on. The rest is kept, and the results are the same.
    let runs = std::fs::read_dir(folder.path("out/runs")).unwrap();
    let one = runs.map(|entry| entry.unwrap().path()).min().unwrap();
    std::fs::remove_file(one.join("summary.json")).unwrap();
    let out = folder.done("reproduce fig4 --quick -o out --threads 1");
    assert!(
        out.contains("21 done, 1 begun, 0 missing") && out.contains("trained") && out.contains("(1 of 1)"),
        "{out}"
    );
    assert_eq!(folder.read(&format!("out/results/{name}-sweep.csv")), table);
    // The figures are made of the tables alone.
    let svg = folder.read(&format!("out/figures/{name}-sweep.svg"));
    std::fs::remove_dir_all(folder.path("out/figures")).unwrap();
    folder.done("reproduce --redraw out");
    assert_eq!(folder.read(&format!("out/figures/{name}-sweep.svg")), svg);
}

#[test]
fn an_experiment_with_a_mistake_is_refused_before_anything_runs() {
    let folder = Folder::new();
    folder.write(
        "own.toml",
        "figure = \"own\"\ntitle = \"own\"\ntask = \"cartpole\"\nseeds = 1\nsteps = 100\n\n[[method]]\nname = \"a\"\n\
         algorithm = \"ppo\"\n[method.set]\n\"ppo.gama\" = 0.9\n\n[[evaluation]]\nname = \"e\"\n\
         sweep = [\"gravity=5:15:3\"]\nepisodes = 1\n",
    );
    folder.refused(
        "reproduce fig4 own.toml --quick -o out",
        2,
        &["own.toml, method `a`", "did you mean `gamma`?"],
    );
    folder.refused("reproduce fig9 --quick -o out", 2, &["`fig9` is no experiment", "fig1-hopper"]);
    folder.refused("reproduce no.toml -o out", 1, &["cannot read `no.toml`"]);
    folder.refused("reproduce --redraw nowhere", 1, &["nowhere"]);
    let list = folder.done("reproduce --list -o out");
    assert!(list.contains("fig1-walker2d") && !folder.path("out").exists(), "{list}");
}

/// A run in a ball over two parameters, on which everything is evaluated.
fn run_with_results(folder: &Folder, name: &str, algorithm: &str, seed: u64) {
    let adversary = "--set adversary.every=500 --set adversary.phase_one.surrogate.budget=8 --set ball.pairs.count=40 \
                     --set ball.pairs.pool=80 --set ball.pairs.most_steps=800";
    let adversary = if algorithm == "wr2l" { adversary } else { "" };
    folder.done(&format!(
        "train hopper --algorithm {algorithm} --seed {seed} --steps 1500 --set ppo.horizon=64 --set ppo.minibatches=4 \
         {adversary} --no-report --quiet -o {name}"
    ));
    folder.done(&format!(
        "evaluate {name} --sweep torso_density=500:3000:3 --sweep friction=0.5:3:3 --random 12 --worst-case --budget 50 \
         --episodes 2"
    ));
}

#[test]
fn a_page_holds_all_of_its_runs_and_nothing_from_elsewhere() {
    let folder = Folder::new();
    run_with_results(&folder, "robust", "wr2l", 0);
    run_with_results(&folder, "plain", "ppo", 1);
    folder.done("report robust plain -o report.html");
    let page = folder.read("report.html");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["methods"], serde_json::json!(["wr2l", "ppo"]));
    let names: Vec<&str> =
        data["sets"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(data["curves"].as_array().unwrap().len(), 2);
    assert_eq!(data["paths"].as_array().unwrap().len(), 1, "plain PPO has no adversary");
    let replay = &data["replay"];
    let (policies, dynamics) =
        (replay["policies"].as_array().unwrap().len(), replay["dynamics"].as_array().unwrap().len());
    assert!(policies == 2 && dynamics > 5, "{policies} {dynamics}");
    assert_eq!(replay["episodes"].as_array().unwrap().len(), policies * dynamics);
    // What is replayed is what was evaluated: the nominal return of a single episode.
    folder.done("evaluate robust --sweep friction=2 --episodes 1 -o one");
    let table = folder.read("one/sweep-friction.csv");
    let column = table.lines().next().unwrap().split(',').position(|name| name == "return_mean").unwrap();
    let evaluated: f64 = table.lines().nth(1).unwrap().split(',').nth(column).unwrap().parse().unwrap();
    let replayed = replay["episodes"][0]["ret"].as_f64().unwrap();
    assert!((evaluated - replayed).abs() < 1e-3 * evaluated.abs().max(1.0), "{evaluated} {replayed}");

    folder.refused("report robust -o report.html", 2, &["exists already", "--force"]);
    folder.refused("report -o other.html", 2, &["RUN"]);
    folder.refused("report nowhere -o other.html", 1, &["nowhere"]);
    // Tables without runs make a page without a replay.
    folder.done("report --results plain/results -o tables.html");
    assert!(folder.read("tables.html").contains("\"replay\":null"));
    opens_in_a_browser(&folder, "report.html");
}

/// Opens the page in a headless Chromium, if there is one: no errors, the figures are there, the replay moves.
fn opens_in_a_browser(folder: &Folder, page: &str) {
    let browsers = ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"];
    let starts = |name: &&str| {
        let run = std::process::Command::new(name).arg("--version").output();
        run.is_ok_and(|output| output.status.success())
    };
    let Some(browser) = browsers.into_iter().find(starts) else {
        println!("skipped: there is no Chromium to open the page in (Debian: chromium-headless-shell)");
        return;
    };
    // The page's own program runs, then `play`, which reports what it sees in the title. Frames are timers here, on the
    // browser's virtual clock: on a busy machine that clock runs seconds ahead of the frames a browser really draws.
    let check = r#"<script>
        addEventListener('error', e => { document.title = 'error: ' + e.message; });
        requestAnimationFrame = draw => setTimeout(() => draw(performance.now()), 16);
    </script>"#;
    let play = r##"<script>setTimeout(() => {
        if (document.title.startsWith('error')) return;
        const seen = () => document.getElementById('stage0').toDataURL();
        const before = seen(), choose = (id, v) => { const e = document.getElementById(id); e.value = v; e.dispatchEvent(new Event('change')); };
        for (let k = 0; k < document.getElementById('set').options.length; k++) for (const m of ['mean', 'sd', 'length', 'still']) { choose('set', k); choose('metric', m); }
        choose('set', 0); choose('metric', 'mean');
        document.querySelector('#figure svg').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }));
        document.getElementById('play').click();
        const look = left => {
          const moved = player.time > 0.05 && seen() !== before;
          if (!moved && left > 0) return setTimeout(look, 50, left - 1);
          const read = /\d/.test(document.getElementById('readout').textContent);
          if (!document.title.startsWith('error')) document.title = `checked ${moved} ${read} ${document.querySelectorAll('#figure svg').length}`;
        };
        look(100);
    }, 100);</script>"##;
    let text = folder
        .read(page)
        .replacen("<script", &format!("{check}<script"), 1)
        .replace("</body>", &format!("{play}</body>"));
    folder.write("checked.html", &text);
    let output = std::process::Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--dump-dom"])
        .arg(format!("file://{}", folder.path("checked.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let title =
        dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or("no title");
    assert!(title.starts_with("checked true true "), "{title}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn runs_that_a_scheduler_has_done_are_as_good_as_our_own() {
    let folder = Folder::new();
    folder.write(
        "own.toml",
        "figure = \"own\"\ntitle = \"own\"\ntask = \"cartpole\"\nseeds = 2\nsteps = 512\n\n[[method]]\nname = \"a\"\n\
         algorithm = \"ppo\"\n[method.set]\n\"ppo.horizon\" = 32\n\n[[evaluation]]\nname = \"e\"\n\
         sweep = [\"gravity=5:15:3\"]\nepisodes = 1\n",
    );
    folder.done("reproduce own.toml -o ours");
    let lines = folder.done("reproduce own.toml -o theirs --print");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    for line in lines.lines() {
        let status = std::process::Command::new("sh")
            .args(["-c", line])
            .current_dir(folder.path("."))
            .status()
            .unwrap();
        assert!(status.success(), "{line}");
    }
    assert_eq!(folder.done("reproduce own.toml -o theirs --print"), "", "nothing is left");
    let out = folder.done("reproduce own.toml -o theirs");
    assert!(out.contains("2 runs: 2 done") && !out.contains("trained"), "{out}");
    for name in ["results/own-e.csv", "statistics/own-e.csv", "curves/own.csv"] {
        assert_eq!(folder.read(&format!("ours/{name}")), folder.read(&format!("theirs/{name}")), "{name}");
    }
}
