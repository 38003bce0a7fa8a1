//! Ctrl-C and SIGTERM: the first asks to stop at the next good moment, the second stops at once.

use std::io::Write;
use std::sync::LazyLock;

use wr2l::rl::StopFlag;

static STOP: LazyLock<StopFlag> = LazyLock::new(StopFlag::default);

/// The flag that a signal raises. Listens from the first call on.
pub(crate) fn flag() -> StopFlag {
    // Fails only if a handler is set already, by an earlier call: then it listens.
    let _ = ctrlc::set_handler(|| {
        if STOP.is_raised() {
            std::process::exit(130);
        }
        STOP.raise();
        // Nothing depends on the message being seen.
        let _ = writeln!(std::io::stderr(), "\nstopping at the next good moment; once more to stop at once");
    });
    STOP.clone()
}
