//! `wr2l-mpi ARGUMENTS`: runs `wr2l ARGUMENTS` on all ranks of an MPI job.
//!
//! ```text
//! mpirun -n 4 wr2l-mpi train walker2d --threads 8 -o runs/walker
//! ```
//!
//! Every rank starts a `wr2l` of its own: that of rank 0 runs the command, the others simulate for it. This program passes
//! their messages on, from a socket to MPI and back, and knows nothing of what they say. All calls of MPI are made by the main
//! thread, so that any MPI will do. It is the only part that is built against one.
#![forbid(unsafe_code)]

mod child;
mod frame;
mod relay;
mod signals;

use std::process::ExitCode;

use mpi::Threading;
use mpi::traits::Communicator;

use child::{Child, Died};
use relay::Ended;

fn main() -> ExitCode {
    let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
        eprintln!("error: MPI did not start");
        return ExitCode::FAILURE;
    };
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    let failed = |what: String| -> ! {
        eprintln!("error: rank {rank} of {size}: {what}; the job ends");
        world.abort(1)
    };
    let mut child = match Child::start(rank, size) {
        Ok(child) => child,
        Err(error) => failed(error),
    };
    let signals = match signals::Signals::listen() {
        Ok(signals) => signals,
        Err(error) => failed(format!("no signals can be listened to: {error}")),
    };
    let ended = match relay::run(&world, &mut child, &signals) {
        Ok(ended) => ended,
        Err(error) => failed(error),
    };
    let code = match (ended, child.wait()) {
        // Rank 0 has told everybody; what its `wr2l` has to say it has said.
        (Ended::Here, Ok(code)) if rank == 0 => {
            relay::tell_the_end(&world);
            code
        }
        (Ended::Elsewhere, _) => 0,
        (Ended::Here, Ok(code)) => failed(format!("its wr2l has ended with exit code {code}{AGAIN}")),
        (Ended::Here, Err(Died(how))) => failed(format!("its wr2l has died of {how}{AGAIN}")),
    };
    drop(universe);
    ExitCode::from(code)
}

const AGAIN: &str = " (the same command with `--resume` goes on from the last checkpoint)";
