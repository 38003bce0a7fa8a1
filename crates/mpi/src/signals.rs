//! Signals for the job are signals for the `wr2l` of rank 0.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use signal_hook::consts;

/// Signals that were sent to this process and are not passed on yet.
pub(crate) struct Signals(Vec<(Signal, Arc<AtomicBool>)>);

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        let pairs = [
            (consts::SIGINT, Signal::INT),
            (consts::SIGTERM, Signal::TERM),
            (consts::SIGHUP, Signal::HUP),
            (consts::SIGUSR1, Signal::USR1),
            (consts::SIGUSR2, Signal::USR2),
        ];
        let listened = pairs.map(|(number, signal)| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(number, flag.clone()).map(|_| (signal, flag))
        });
        Ok(Self(listened.into_iter().collect::<io::Result<_>>()?))
    }

    /// Those that have come since the last call.
    pub(crate) fn take(&self) -> impl Iterator<Item = Signal> {
        self.0.iter().filter(|(_, flag)| flag.swap(false, Ordering::Relaxed)).map(|(signal, _)| *signal)
    }
}
