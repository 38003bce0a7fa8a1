//! A process of a job on several machines (`docs/machines.md`): rank 0 runs the command, the others simulate for it.

use wr2l::run::{RunError, simulate_with};
use wr2l_ranks::{ENVIRONMENT, LinkError, Place, Ranks, serve};

/// Whose turn the command is.
pub(crate) enum Part {
    /// This process runs it.
    Leads,
    /// It has simulated for rank 0, and is done.
    Served,
}

/// Takes part in a job, if a launcher has started this process for one.
///
/// # Errors
/// [`RunError::Failed`] if the launcher cannot be reached.
pub(crate) fn take_part() -> Result<Part, RunError> {
    let Some(value) = std::env::var_os(ENVIRONMENT) else { return Ok(Part::Leads) };
    let failed = |error: LinkError| RunError::Failed(error.to_string());
    let place = Place::from_environment(&value.to_string_lossy()).map_err(failed)?;
    let link = place.link().map_err(failed)?;
    if place.rank > 0 {
        // Nobody waits for work that is under way when the job ends.
        serve(link, || std::process::exit(0));
        return Ok(Part::Served);
    }
    // Chosen by an earlier call of the command line in this process: then it is the same job.
    let _ = simulate_with(Box::new(Ranks::new(link)));
    Ok(Part::Leads)
}
