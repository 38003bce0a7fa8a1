//! `wr2l reproduce`.

use wr2l::eval::summary;
use wr2l::run::{Agenda, Event, Experiment, JobStatus, RunError, redraw, select_experiments, tables_of};

use super::threads;
use crate::cli::ReproduceArgs;
use crate::interrupt;
use crate::output::{Bar, duration, print};
use crate::program::program;

pub(crate) fn run(args: &ReproduceArgs) -> Result<(), RunError> {
    if let Some(folder) = &args.redraw {
        let files = redraw(folder)?;
        if files.is_empty() {
            let why = "there are no tables in its folder `results`";
            return Err(RunError::content(folder, None, why));
        }
        return files.iter().try_for_each(|path| print(&format!("  {}\n", path.display())));
    }
    // Every file is read and checked before anything runs.
    let experiments = select_experiments(&args.experiments, args.quick, args.seeds)?;
    let threads = threads(args.threads);
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| if args.quick { "reproduction-quick".into() } else { "reproduction".into() });
    let mut agenda = Agenda::new(experiments, &output)?;
    if args.print {
        let program = program()?;
        let lines: String = agenda.entries()?.iter().map(|entry| entry.line(&program) + "\n").collect();
        return print(&lines);
    }
    print(&overview(&agenda))?;
    if args.list {
        return Ok(());
    }
    if agenda.jobs.iter().any(|job| job.status != JobStatus::Done) && !args.quick {
        let estimate = agenda.estimate(threads)?;
        print(&format!(
            "about {} of training and {} of evaluation on {threads} threads\n",
            duration(estimate.training),
            duration(estimate.evaluation)
        ))?;
    }
    let stop = interrupt::flag();
    let say = |event: Event<'_>| {
        let text = match event {
            Event::Trained(job, done, total) => format!("trained {} ({done} of {total})\n", job.name),
            Event::Wrote(path) => format!("  {}\n", path.display()),
            Event::Evaluating(..) => return,
        };
        // A closed standard output stops no experiment.
        let _ = print(&text);
    };
    agenda.train(threads, &stop, &say)?;
    let bar = Bar::new(1000);
    let evaluated = agenda.evaluate(threads, &stop, &|event| match event {
        Event::Evaluating(title, done) => bar.set((1000.0 * done) as u64, title),
        other => say(other),
    });
    bar.clear();
    evaluated?;
    if stop.is_raised() {
        return Err(RunError::Interrupted("interrupted".into()));
    }
    for experiment in agenda.experiments() {
        for (name, tables) in tables_of(&output, experiment)? {
            print(&format!("\n{name}:\n{}", summary(&tables)))?;
        }
    }
    Ok(())
}

fn overview(agenda: &Agenda) -> String {
    let mut text = String::new();
    let mut line = |experiment: &Experiment| {
        let policies: usize = experiment.methods.iter().map(|method| method.plans.len()).sum();
        let (methods, tables) = (experiment.methods.len(), experiment.evaluations.len());
        text += &format!(
            "{:24} {}: {methods} methods, {policies} policies, {tables} evaluations\n",
            experiment.name, experiment.title
        );
    };
    agenda.experiments().iter().for_each(&mut line);
    let count = |status| agenda.jobs.iter().filter(|job| job.status == status).count();
    let (done, begun, missing) = (count(JobStatus::Done), count(JobStatus::Begun), count(JobStatus::Missing));
    text + &format!(
        "{} runs: {done} done, {begun} begun, {missing} missing; {} tables\n",
        agenda.jobs.len(),
        agenda.tables()
    )
}
