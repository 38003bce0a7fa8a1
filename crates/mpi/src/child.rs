//! The `wr2l` of a rank, and the socket to it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What tells a `wr2l` its place; of the crate `wr2l-ranks`.
const PLACE: &str = "WR2L_RANK";
/// What tells another `wr2l` than the one beside this program, or on the path.
const PROGRAM: &str = "WR2L";
/// How long a `wr2l` may take until it says that it is there.
const PATIENCE: Duration = Duration::from_secs(60);

/// It ended without an exit code: by what.
pub(crate) struct Died(pub(crate) String);

/// A `wr2l` that has connected.
pub(crate) struct Child {
    process: process::Child,
    pub(crate) stream: UnixStream,
}

impl Child {
    /// Starts one and waits until it has connected.
    pub(crate) fn start(rank: i32, size: i32) -> Result<Self, String> {
        let folder = Folder::new(rank).map_err(|error| format!("no folder for a socket: {error}"))?;
        let socket = folder.0.join("socket");
        let listener = UnixListener::bind(&socket).map_err(|error| format!("no socket: {error}"))?;
        listener.set_nonblocking(true).map_err(|error| format!("no socket: {error}"))?;
        let program = program();
        let mut command = Command::new(&program);
        command.args(env::args_os().skip(1));
        command.env(PLACE, format!("{rank} {size} {}", socket.display()));
        // Signals reach it through this program alone, once each.
        command.process_group(0);
        if rank > 0 {
            command.stdin(Stdio::null());
        }
        let shown = program.to_string_lossy().into_owned();
        let mut process = command.spawn().map_err(|error| format!("`{shown}` does not start: {error}"))?;
        let stream = match connected(&listener, &mut process) {
            Ok(stream) => stream,
            Err(error) => {
                // It may have ended already.
                let _ = process.kill();
                return Err(format!("`{shown}` {error}"));
            }
        };
        Ok(Self { process, stream })
    }

    /// Passes a signal on.
    pub(crate) fn signal(&self, signal: Signal) {
        // One that has ended needs none.
        let _ = kill_process(Pid::from_child(&self.process), signal);
    }

    /// Tells it that the job has ended.
    pub(crate) fn release(&self) {
        // One that has ended needs not be told.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Waits until it has ended. Its exit code.
    pub(crate) fn wait(&mut self) -> Result<u8, Died> {
        let status = self.process.wait().map_err(|error| Died(error.to_string()))?;
        match status.code() {
            Some(code) => Ok(u8::try_from(code).unwrap_or(1)),
            None => Err(Died(format!("signal {}", status.signal().unwrap_or(0)))),
        }
    }
}

/// The `wr2l` that was named, that lies beside this program, or that is on the path.
fn program() -> OsString {
    if let Some(program) = env::var_os(PROGRAM) {
        return program;
    }
    let beside = env::current_exe().ok().map(|own| own.with_file_name("wr2l")).filter(|path| path.is_file());
    beside.map_or_else(|| "wr2l".into(), PathBuf::into_os_string)
}

fn connected(listener: &UnixListener, process: &mut process::Child) -> Result<UnixStream, String> {
    let begun = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(|error| format!("cannot be reached: {error}"))?;
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(format!("cannot be reached: {error}")),
        }
        if let Ok(Some(status)) = process.try_wait() {
            return Err(format!("has ended before it began ({status}); is it of the same version?"));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("has said nothing for {} s; is it of the same version?", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A folder that nobody else can enter, until both ends are connected.
struct Folder(PathBuf);

impl Folder {
    fn new(rank: i32) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("wr2l-mpi-{}-{rank}", process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the folder for temporary files: what cannot be removed goes with the others.
        let _ = fs::remove_dir_all(&self.0);
    }
}
