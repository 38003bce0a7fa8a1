//! `wr2l evaluate`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::json;
use wr2l::eval::{
    Certainty, Certificate, Evaluation, Fingerprint, HALF_WIDTH, Region, Row, Search, SearchKind, Systems,
    Table, read_csv, summary,
};
use wr2l::run::{
    BallSummary, Contestant, Destination, RunError, WorstCase, common_task, evaluate_all, evaluation_key,
    open_contestants, sweep_stem, sweep_systems, usual_sweep, worst_of_all, write_results,
};
use wr2l::sim::{AnyTask, DynamicsSpace, Physics};

use super::ad_hoc::extended;
use super::threads;
use crate::cli::{EvaluateArgs, SearchHow, Within};
use crate::interrupt;
use crate::output::{Bar, print};

/// Ticks of the progress bar.
const TICKS: f64 = 1000.0;

/// One table to make.
#[derive(Debug)]
enum Request {
    On(Systems),
    Worst(Box<WorstCase>),
}

/// Episodes of the search for the worst case, without a flag that says so.
const BUDGET: u64 = 10_000;
/// Names that a file's name may spell out.
const SPELT_OUT: usize = 4;

pub(crate) fn run(args: &EvaluateArgs) -> Result<(), RunError> {
    with_certainty(args, Certainty::default())
}

/// The best policies of runs; a policy from a file is what it is.
fn best_of(contestants: Vec<Contestant>) -> Result<Vec<Contestant>, RunError> {
    if contestants.iter().all(|one| one.folder.is_none()) {
        return Err(RunError::Usage("--best is about run folders: none of these policies is one's".into()));
    }
    let best = |one: Contestant| if one.folder.is_some() { one.best() } else { Ok(one) };
    contestants.into_iter().map(best).collect()
}

/// The same, with what random systems say about all others stated as `certainty` says.
pub(super) fn with_certainty(args: &EvaluateArgs, certainty: Certainty) -> Result<(), RunError> {
    refuse_unread(args)?;
    let mut contestants = open_contestants(&args.runs)?;
    if args.best {
        contestants = best_of(contestants)?;
    }
    let mut task = common_task(&contestants)?;
    let mut vary = args.vary.clone();
    if let Some((extended, names)) = extended(|| Ok(task.clone()), args.vary.as_ref())? {
        contestants.iter_mut().for_each(|contestant| contestant.task = extended.clone());
        (task, vary) = (extended, Some(names));
    }
    let physics: Option<Physics> = args.physics.as_deref().map(str::parse).transpose()?;
    let (tables, figures) = places(args, &contestants)?;
    let mut requests = Vec::new();
    for (mut stem, request) in requests_of(args, vary.as_deref(), &*task, &contestants)? {
        if args.best {
            stem += "-best";
        }
        let destination =
            Destination { tables: tables.clone(), figures: figures.clone(), stem, force: args.force };
        // Before the work, not after it.
        if !args.resume {
            destination.check()?;
        }
        requests.push((destination, request));
    }
    let options = Evaluation {
        episodes: args.episodes,
        stochastic: args.stochastic,
        seed: args.seed,
        threads: threads(args.threads),
    };
    let mut first = true;
    for (destination, request) in &requests {
        let (tables, files) = make_or_keep(args, &contestants, physics, options, destination, request)?;
        let certificates = certificates(request, &tables, certainty)?;
        if args.json {
            for (number, table) in tables.iter().enumerate() {
                print(&format!("{}\n", line(table, &files, certificates.get(number))))?;
            }
        } else {
            let list: String = files.iter().map(|path| format!("  {}\n", path.display())).collect();
            let gap = if first { "" } else { "\n" };
            let certain: String = tables
                .iter()
                .zip(&certificates)
                .map(|(table, it)| format!("{}: {}\n", table.provenance.policy, it.sentence()))
                .collect();
            let head = heading(request, &tables);
            print(&format!("{gap}{head}:\n{}{certain}\n{list}", summary(&tables)))?;
        }
        first = false;
    }
    Ok(())
}

/// What random systems say about all others; nothing of other systems.
fn certificates(
    request: &Request,
    tables: &[Table],
    certainty: Certainty,
) -> Result<Vec<Certificate>, RunError> {
    match request {
        Request::On(systems) if systems.label() != "grid" => {
            Certificate::all(tables, certainty).map_err(|error| RunError::Usage(error.to_string()))
        }
        _ => Ok(Vec::new()),
    }
}

/// What one request asks for: made, or with `--resume` the same as made before.
fn make_or_keep(
    args: &EvaluateArgs,
    contestants: &[Contestant],
    physics: Option<Physics>,
    options: Evaluation,
    destination: &Destination,
    request: &Request,
) -> Result<(Vec<Table>, Vec<PathBuf>), RunError> {
    if !args.resume {
        destination.mark(None)?;
        return make(args, contestants, physics, options, destination, request);
    }
    let key = evaluation_key(contestants, physics, request, options);
    if destination.holds(&key)? {
        let files = destination.files().into_iter().filter(|path| path.exists()).collect();
        return Ok((read_csv(&destination.files()[0])?, files));
    }
    destination.mark(Some(&key))?;
    // What is here is the half of the same results.
    let destination = Destination { force: true, ..destination.clone() };
    make(args, contestants, physics, options, &destination, request)
}

/// Evaluates and writes what one request asks for; what a killed call has found before is not done again.
fn make(
    args: &EvaluateArgs,
    contestants: &[Contestant],
    physics: Option<Physics>,
    options: Evaluation,
    destination: &Destination,
    request: &Request,
) -> Result<(Vec<Table>, Vec<PathBuf>), RunError> {
    let mut journal = destination.journal()?;
    let stop = interrupt::flag();
    let bar = if args.json { Bar::hidden() } else { Bar::new(TICKS as u64) };
    let mut progress = |done: f64| {
        bar.set((done * TICKS) as u64, "evaluating");
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let tables = match request {
        Request::On(systems) => {
            evaluate_all(contestants, physics, systems, options, &mut journal, &mut progress)
        }
        Request::Worst(worst) => {
            worst_of_all(contestants, physics, worst, options, &mut journal, &mut progress)
        }
    };
    bar.clear();
    let tables = tables?;
    let files = write_results(&tables, contestants, destination)?;
    journal.remove()?;
    Ok((tables, files))
}

/// Refuses a flag that nothing which was asked for reads.
fn refuse_unread(args: &EvaluateArgs) -> Result<(), RunError> {
    let (drawn, searched) = (args.random.is_some(), args.worst_case);
    let placed = drawn || searched;
    let boxed = args.within.is_none_or(|within| within == Within::Box);
    let straight = boxed || args.within == Some(Within::Range);
    let flags = [
        ("--within", args.within.is_some(), placed, "--random and --worst-case"),
        ("--half-width", args.half_width.is_some(), placed && boxed, "--random and --worst-case in the box"),
        ("--vary", args.vary.is_some(), placed && straight, "--random and --worst-case in the box or range"),
        ("--ball", args.ball.is_some(), placed && !straight, "--within ball and --within shell"),
        ("--systems-seed", args.systems_seed.is_some(), drawn, "--random"),
        ("--budget", args.budget.is_some(), searched, "--worst-case"),
        ("--search", args.search.is_some(), searched, "--worst-case"),
    ];
    match flags.into_iter().find(|(_, given, read, _)| *given && !read) {
        Some((flag, _, _, readers)) => {
            Err(RunError::Usage(format!("{flag}: nothing that was asked for reads it; only {readers} would")))
        }
        None => Ok(()),
    }
}

/// What is asked for, with the stem of its files.
fn requests_of(
    args: &EvaluateArgs,
    vary: Option<&[String]>,
    task: &dyn AnyTask,
    contestants: &[Contestant],
) -> Result<Vec<(String, Request)>, RunError> {
    let mut requests = Vec::new();
    let nothing = args.sweep.is_empty() && args.random.is_none() && !args.worst_case;
    let usual = if nothing { usual_sweep(task, 28, 11) } else { Vec::new() };
    let sweep = if nothing { &usual } else { &args.sweep };
    if let Some(systems) = sweep_systems(task, sweep)? {
        requests.push((sweep_stem(&systems), Request::On(systems)));
    }
    if args.random.is_none() && !args.worst_case {
        return Ok(requests);
    }
    let (region, space) = region(args, vary, task, contestants)?;
    let mut place = region.label().replace(' ', "-");
    if vary.is_some() && space.dim() < task.space().dim() {
        place = match space.dim() {
            ..=SPELT_OUT => space.names().fold(place, |place, name| place + "-" + name),
            // Which ones: no file system takes twenty names in one.
            many => {
                let names = Fingerprint::of("parameters").text(&space.names().collect::<Vec<_>>().join(","));
                format!("{place}-{many}-parameters-{:08x}", names.key() >> 32)
            }
        };
    }
    if let Some(count) = args.random {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count == 0 {
            return Err(RunError::Usage("--random 0: evaluate at least one system".into()));
        }
        let systems = region.systems(&space, count, args.systems_seed.unwrap_or(0))?;
        requests.push((format!("random-{count}-{place}"), Request::On(systems)));
    }
    if args.worst_case {
        let Some(set) = region.search_set(&space)? else {
            let why = "the worst case is searched in a box or a ball, not in a shell";
            return Err(RunError::Usage(format!("--worst-case --within shell: {why}")));
        };
        let kind = match args.search {
            None | Some(SearchHow::Surrogate) => SearchKind::Surrogate,
            Some(SearchHow::Gradient) => SearchKind::Gradient,
        };
        let search = Search::usual(kind, space.dim(), args.budget.unwrap_or(BUDGET));
        let worst = WorstCase { space, set, label: region.label(), search };
        requests.push((format!("worst-{place}"), Request::Worst(Box::new(worst))));
    }
    Ok(requests)
}

/// The region of random systems and of the search, and its parameters.
fn region(
    args: &EvaluateArgs,
    vary: Option<&[String]>,
    task: &dyn AnyTask,
    contestants: &[Contestant],
) -> Result<(Region, DynamicsSpace), RunError> {
    if matches!(args.within, None | Some(Within::Box | Within::Range)) {
        let space = task.space();
        let space = vary.map_or(Ok(space.clone()), |names| space.select(names))?;
        let region = match args.within {
            Some(Within::Range) => Region::Range,
            Some(_) => Region::Box(args.half_width.unwrap_or(HALF_WIDTH)),
            None => Region::usual(&space, args.half_width),
        };
        return Ok((region, space));
    }
    let ball: BallSummary = match &args.ball {
        Some(path) => Contestant::open(path)?.ball.ok_or_else(|| {
            RunError::Usage(format!("`{}` was not trained in a ball; name a run that was", path.display()))
        })?,
        None => contestants.iter().find_map(|one| one.ball.clone()).ok_or_else(|| {
            RunError::Usage("none of the runs was trained in a ball: name one that was with --ball".into())
        })?,
    };
    let space = ball.space(task)?;
    let ball = ball.ball()?;
    let region = if args.within == Some(Within::Ball) { Region::Ball(ball) } else { Region::Shell(ball) };
    Ok((region, space))
}

/// Folders for tables and figures.
fn places(args: &EvaluateArgs, contestants: &[Contestant]) -> Result<(PathBuf, PathBuf), RunError> {
    match (&args.output, contestants) {
        (Some(path), _) => Ok((path.clone(), path.clone())),
        (None, [Contestant { folder: Some(folder), .. }]) => {
            Ok((folder.file("results"), folder.file("figures")))
        }
        _ => Err(RunError::Usage("say with -o where the results of several runs, or of a file, go".into())),
    }
}

fn heading(request: &Request, tables: &[Table]) -> String {
    let names = |space: &DynamicsSpace| match space.dim() {
        0..=3 => space.names().collect::<Vec<_>>().join(" × "),
        many => format!("{many} parameters"),
    };
    match request {
        Request::On(systems) if systems.label() == "grid" => format!("over {}", names(systems.space())),
        Request::On(systems) => {
            format!("{} random systems in the {}, {}", systems.len(), systems.label(), names(systems.space()))
        }
        Request::Worst(worst) => {
            let searches: usize = tables.iter().map(|table| table.rows.len()).max().unwrap_or(0);
            let names = names(&worst.space);
            match searches {
                1 => format!("the worst that one search found in the {}, {names}", worst.label),
                _ => format!("the worst of up to {searches} searches in the {}, {names}", worst.label),
            }
        }
    }
}

fn line(table: &Table, files: &[PathBuf], certificate: Option<&Certificate>) -> serde_json::Value {
    let statistics = table.statistics().ok();
    let named = |row: &Row| -> serde_json::Map<String, serde_json::Value> {
        table.parameters.iter().cloned().zip(row.phi.iter().map(|&value| json!(value))).collect()
    };
    json!({
        "method": table.provenance.method,
        "policy": table.provenance.policy,
        "algorithm": table.provenance.training.algorithm,
        "training_seed": table.provenance.training.seed,
        "systems": table.provenance.systems,
        "count": table.rows.len(),
        "nominal": table.nominal.as_ref().map(|row| row.mean),
        "stands_still": table.stands_still(),
        "still_share": table.still_share(),
        "mean": statistics.as_ref().map(|s| s.mean),
        "median": statistics.as_ref().map(|s| s.median),
        "iqm": statistics.as_ref().map(|s| s.iqm),
        "cvar10": statistics.as_ref().map(|s| s.cvar10),
        "worst": statistics.as_ref().map(|s| s.worst),
        "worst_at": table.worst().map(named),
        "diverged": table.diverged(),
        "certificate": certificate.map(|it| json!({
            "confidence": it.confidence,
            "shares": it.shares.iter().chain(&it.worst).map(|b| json!({ "share": b.share, "at_least": b.at_least })).collect::<Vec<_>>(),
            "mean": it.mean,
            "cvar10": it.cvar10,
        })),
        "files": files,
    })
}
