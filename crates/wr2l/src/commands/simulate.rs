//! `wr2l simulate`.

use wr2l::run::{NewFile, RunError, Simulation, parse_phi, refuse_existing};
use wr2l::sim::Outcome;

use crate::cli::SimulateArgs;
use crate::output::print;

pub(crate) fn run(args: &SimulateArgs) -> Result<(), RunError> {
    let simulation = Simulation {
        task: args.task,
        physics: args.physics.as_deref().map(str::parse).transpose()?,
        phi: parse_phi(&args.phi)?,
        initial_state: args.initial_state.clone(),
        actions: args.actions.clone(),
        steps: args.steps,
        seed: args.seed,
        ignore_termination: args.ignore_termination,
    };
    let simulated = if args.output.as_os_str() == "-" {
        simulation.run(|line| print(&format!("{line}\n")))?
    } else {
        refuse_existing(&args.output, args.force)?;
        let mut file = None;
        let simulated = simulation.run(|line| {
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
    match simulated.outcome {
        Outcome::Diverged(why) => Err(RunError::Diverged(format!(
            "the physics diverged in step {} ({why}); the trajectory holds the {} steps before it",
            simulated.steps + 1,
            simulated.steps
        ))),
        _ => Ok(()),
    }
}
