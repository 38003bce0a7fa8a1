//! `wr2l film`.

use wr2l::run::{Film, RunError, check_output, open_contestants, parse_phi};

use crate::cli::FilmArgs;
use crate::output::print;

pub(crate) fn run(args: &FilmArgs) -> Result<(), RunError> {
    // Before the work, not after it.
    check_output(&args.output, args.force)?;
    let physics = args.physics.as_deref().map(str::parse).transpose()?;
    let contestants = open_contestants(&args.runs)?;
    let phi = parse_phi(&args.phi)?;
    let film = Film {
        contestants: &contestants,
        phi: &phi,
        seconds: args.seconds,
        frames: args.frames,
        seed: args.seed,
        physics,
    };
    film.figure()?.write(&args.output)?;
    print(&format!("  {}\n", args.output.display()))
}
