//! `wr2l simulate`.

use wr2l::run::{NewFile, RunError, Simulation, check_output, parse_phi, refuse_existing};
use wr2l::sim::Outcome;

use super::open_task;
use crate::cli::SimulateArgs;
use crate::interrupt;
use crate::output::print_while_read;

pub(crate) fn run(args: &SimulateArgs) -> Result<(), RunError> {
    let simulation = Simulation {
        task: open_task(&args.task)?,
        physics: args.physics.as_deref().map(str::parse).transpose()?,
        phi: parse_phi(&args.phi)?,
        initial_state: args.initial_state.clone(),
        actions: args.actions.clone(),
        steps: args.steps,
        seed: args.seed,
        ignore_termination: args.ignore_termination,
    };
    let saved = [&args.save_initial_state, &args.save_actions];
    for path in saved.into_iter().flatten() {
        check_output(path, args.force)?;
    }
    let stop = interrupt::flag();
    let go_on = || match stop.is_raised() {
        true => Err(RunError::Interrupted("interrupted: nothing was written".into())),
        false => Ok(()),
    };
    let simulated = if args.output.as_os_str() == "-" {
        let mut gone = false;
        let simulated = simulation.run(|line| {
            go_on()?;
            gone = !print_while_read(&format!("{line}\n"))?;
            // Nobody reads on: nothing is left to do, and that is no failure.
            if gone { Err(RunError::Interrupted(String::new())) } else { Ok(()) }
        });
        if gone {
            return Ok(());
        }
        simulated?
    } else {
        refuse_existing(&args.output, args.force)?;
        let mut file = None;
        let simulated = simulation.run(|line| {
            go_on()?;
            // Made at the first line, so that a wrong request leaves nothing behind.
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(NewFile::create(&args.output)?),
            };
            file.line(line)
        })?;
        if let Some(file) = file {
            file.finish()?;
        }
        simulated
    };
    let act_dim = simulation.task.spec().act_dim();
    let parts = [(&simulated.initial_state, simulated.initial_state.len()), (&simulated.actions, act_dim)];
    for (path, (numbers, columns)) in saved.into_iter().zip(parts) {
        let Some(path) = path else { continue };
        let mut file = NewFile::create(path)?;
        for row in numbers.chunks(columns) {
            // The shortest text that reads back as the same number.
            file.line(&row.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(","))?;
        }
        file.finish()?;
    }
    match simulated.outcome {
        Outcome::Diverged(why) => Err(RunError::Diverged(format!(
            "the physics diverged in step {} ({}); the trajectory holds the {} steps before it",
            simulated.steps + 1,
            simulated.complaint.unwrap_or_else(|| why.to_string()),
            simulated.steps
        ))),
        _ => Ok(()),
    }
}
