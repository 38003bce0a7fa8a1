//! Signals: Ctrl-C, SIGTERM or SIGHUP ask to stop at the next good moment, a second one stops at once. SIGUSR1 and SIGUSR2,
//! by which schedulers of clusters warn that time is up, ask as well.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};

use wr2l::rl::StopFlag;

static STOP: LazyLock<StopFlag> = LazyLock::new(StopFlag::default);

/// As shells count: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;
/// EX_TEMPFAIL of `sysexits.h`: call me again.
const AGAIN: u8 = 75;
/// The exit code of a command that was interrupted.
static EXIT: AtomicU8 = AtomicU8::new(INTERRUPTED);

/// An interruption shall make a scheduler call the command again.
pub(crate) fn ask_again() {
    EXIT.store(AGAIN, Ordering::Relaxed);
}

/// How a command that was interrupted ends.
pub(crate) fn exit() -> u8 {
    EXIT.load(Ordering::Relaxed)
}

/// The flag that a signal raises. Listens from the first call on.
pub(crate) fn flag() -> StopFlag {
    // Fails only if a handler is set already, by an earlier call: then it listens.
    let _ = ctrlc::set_handler(|| {
        if STOP.is_raised() {
            std::process::exit(EXIT.load(Ordering::Relaxed).into());
        }
        STOP.raise();
        // Nothing depends on the message being seen.
        let _ = writeln!(std::io::stderr(), "\nstopping at the next good moment; once more to stop at once");
    });
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGUSR1, signal_hook::consts::SIGUSR2] {
        // It could fail only for a signal that cannot be caught.
        let _ = signal_hook::flag::register(signal, STOP.shared());
    }
    STOP.clone()
}
