//! Ctrl-C and SIGTERM: the first asks to stop at the next good moment, the second stops at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// The flag that a signal sets. Listens from the first call on.
pub(crate) fn flag() -> &'static AtomicBool {
    // Fails only if a handler is set already, by an earlier call: then it listens.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        // Nothing depends on the message being seen.
        let _ = writeln!(std::io::stderr(), "\nstopping after this iteration; once more to stop at once");
    });
    &STOP
}
