//! `wr2l report`.

use wr2l::run::{PageSources, RunError, check_output, common_task, open_contestants, page};

use crate::cli::ReportArgs;
use crate::output::print;

pub(crate) fn run(args: &ReportArgs) -> Result<(), RunError> {
    let contestants = open_contestants(&args.runs)?;
    if !contestants.is_empty() {
        common_task(&contestants)?;
    }
    let physics = args.physics.as_deref().map(str::parse).transpose()?;
    // Before the work, not after it.
    check_output(&args.output, args.force)?;
    let sources = PageSources {
        contestants: &contestants,
        results: &args.results,
        physics,
        title: &args.title,
        ..PageSources::default()
    };
    page(&sources)?.write(&args.output)?;
    print(&format!("  {}\n", args.output.display()))
}
