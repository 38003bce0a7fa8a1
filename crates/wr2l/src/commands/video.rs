//! `wr2l video`.

use std::ops::ControlFlow;

use wr2l::run::{RunError, Video, check_video, open_contestants, parse_phi, write_video};

use crate::cli::VideoArgs;
use crate::interrupt;
use crate::output::{Bar, print};

/// Ticks of the progress bar.
const TICKS: f64 = 1000.0;
/// The dynamics that nothing changes.
const REFERENCE: &str = "reference";

pub(crate) fn run(args: &VideoArgs) -> Result<(), RunError> {
    // Before the work, not after it.
    let format = check_video(&args.output, args.fps, args.force)?;
    let physics = args.physics.as_deref().map(str::parse).transpose()?;
    let contestants = open_contestants(&args.runs)?;
    let phi = |text: &String| parse_phi(if text.trim() == REFERENCE { "" } else { text });
    let dynamics = args.phi.iter().map(phi).collect::<Result<Vec<_>, _>>()?;
    let video = Video {
        contestants: &contestants,
        dynamics: &dynamics,
        seconds: args.seconds,
        fps: args.fps,
        width: args.width as usize,
        seed: args.seed,
        physics,
        view: args.view,
    };
    let stop = interrupt::flag();
    let figure = video.figure()?;
    let bar = Bar::new(TICKS as u64);
    let mut progress = |done: f64| {
        bar.set((done * TICKS) as u64, "drawing");
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let written = write_video(&figure, &args.output, format, &mut progress);
    bar.clear();
    written?;
    print(&format!("  {}\n", args.output.display()))
}
