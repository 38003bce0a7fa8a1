//! From the socket to MPI and back.

use std::io::ErrorKind;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, MatchedReceiveVec, Source};

use crate::child::Child;
use crate::frame;
use crate::signals::Signals;

/// A message.
const MESSAGE: i32 = 0;
/// The end of the job.
const END: i32 = 1;
/// Pause between two looks at MPI: a share of the time in which nothing came, within these bounds. So waiting costs no core, and
/// a message no more than that share of the work before it.
const PAUSES: [Duration; 2] = [Duration::from_micros(20), Duration::from_millis(1)];
const SHARE: u32 = 16;

/// Where the end came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The `wr2l` of this rank has closed its socket.
    Here,
    /// Rank 0 has said so.
    Elsewhere,
}

/// Passes messages on until the end.
pub(crate) fn run(world: &SimpleCommunicator, child: &mut Child, signals: &Signals) -> Result<Ended, String> {
    let mut input =
        child.stream.try_clone().map_err(|error| format!("the socket cannot be read: {error}"))?;
    let (to, outgoing) = sync_channel(16);
    std::thread::spawn(move || {
        loop {
            let message = frame::read(&mut input);
            let ends = message.is_err();
            if to.send(message).is_err() || ends {
                return;
            }
        }
    });
    let mut last = Instant::now();
    loop {
        while let Some(coming) = world.any_process().immediate_matched_probe() {
            let (message, status) = coming.matched_receive_vec::<u8>();
            last = Instant::now();
            if status.tag() == END {
                child.release();
                return Ok(Ended::Elsewhere);
            }
            // Where it cannot be written, there is nothing to read either, which is seen below.
            let _ = frame::write(&mut child.stream, status.source_rank() as u32, &message);
        }
        if world.rank() == 0 {
            signals.take().for_each(|signal| child.signal(signal));
        }
        let pause = (last.elapsed() / SHARE).clamp(PAUSES[0], PAUSES[1]);
        match outgoing.recv_timeout(pause) {
            Ok(Ok((to, message))) => {
                let to = i32::try_from(to).ok().filter(|to| *to < world.size());
                let to = to.ok_or("its wr2l writes to a rank that there is not")?;
                world.process_at_rank(to).send_with_tag(&message[..], MESSAGE);
                last = Instant::now();
            }
            Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => return Err(error.to_string()),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Here),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Tells all other ranks that the job has ended.
pub(crate) fn tell_the_end(world: &SimpleCommunicator) {
    for rank in 1..world.size() {
        world.process_at_rank(rank).send_with_tag(&[0_u8; 0][..], END);
    }
}
