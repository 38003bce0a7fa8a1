//! Long work that Ctrl-C can stop and that may ask Python something meanwhile.
//!
//! Python handles signals in its main thread alone, and only while that runs Python. So the work goes to another thread,
//! and the caller's thread looks for signals and answers what the work asks.

use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use wr2l::rl::StopFlag;

/// Between two looks for signals.
const LOOK: Duration = Duration::from_millis(50);

/// Something to tell Python, and where the work waits for it to be told.
pub(crate) struct Told<E> {
    pub(crate) event: E,
    done: Sender<()>,
}

/// How the work tells events; it goes on once they are told.
pub(crate) struct Teller<E>(Sender<Told<E>>);

impl<E> Teller<E> {
    pub(crate) fn tell(&self, event: E) {
        let (done, told) = channel();
        if self.0.send(Told { event, done }).is_ok() {
            // Fails if the listener is gone, which then needs no answer.
            let _ = told.recv();
        }
    }
}

/// Does `work` on another thread, telling `listen` its events on this one. What `listen` or a signal raises stops the work by
/// `stop`, which is lowered again, and is raised once the work has ended.
pub(crate) fn wait_for<T: Send, E: Send>(
    py: Python<'_>,
    stop: &StopFlag,
    work: impl FnOnce(&Teller<E>) -> T + Send,
    mut listen: impl FnMut(Python<'_>, E) -> PyResult<()> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let result = py.detach(|| {
        thread::scope(|scope| {
            let (tell, told) = channel();
            let worker = scope.spawn(move || work(&Teller(tell)));
            loop {
                let asked = match told.recv_timeout(LOOK) {
                    Ok(Told { event, done }) => {
                        let answer = Python::attach(|py| py.check_signals().and_then(|()| listen(py, event)));
                        // The work waits for it.
                        let _ = done.send(());
                        answer
                    }
                    Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals()),
                    // The work has ended.
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                if let Err(error) = asked {
                    stop.raise();
                    raised.get_or_insert(error);
                }
            }
            worker.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    });
    match raised {
        Some(error) => {
            stop.shared().store(false, Ordering::Relaxed);
            Err(error)
        }
        None => Ok(result),
    }
}
