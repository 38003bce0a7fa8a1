//! A rank on the machine of rank 0 that does work in step with it, over a socket of their own: a number for a number takes some
//! microseconds there, and hundreds through those who pass messages on.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use wr2l_rl::{Aside, Exchange, State, StopFlag, work_aside};
use wr2l_sim::SimError;

use crate::frame::{read_frame, write_frame};
use crate::job::{DONE, FAILED, MEET, request};
use crate::post::{Gone, Post};
use crate::values::Travels;
use crate::wire::{Malformed, Reader, Writer};

/// The rank that is asked. One is enough, and there is always a first.
const PARTNER: usize = 1;
/// How long whoever waits for a number looks for it, with the core on offer to others, before it sleeps between two looks.
const AWAKE: Duration = Duration::from_millis(5);
/// Looks before the core is on offer.
const LOOKS: u32 = 64;
/// Time between two looks of one who sleeps.
const NAP: Duration = Duration::from_micros(50);

/// Who is near rank 0, as far as is known.
#[derive(Debug, Default)]
enum Near {
    /// Nobody was asked yet.
    #[default]
    Unknown,
    /// Nobody, or nobody any more.
    Nobody,
    /// A rank that takes work.
    Rank(UnixStream),
}

/// The rank that is near rank 0, for all executors of a job.
#[derive(Debug, Default)]
pub(crate) struct Neighbour {
    near: Mutex<Near>,
    given: AtomicU64,
}

impl Neighbour {
    /// Has it begin `work`. `None` if there is no such rank, which is found out the first time, for the stage `stage`, or if it
    /// works for another executor.
    pub(crate) fn begin(
        &self,
        post: &Post,
        stage: u64,
        work: &State<'_>,
        stop: StopFlag,
    ) -> Option<Box<dyn Aside + '_>> {
        let mut near = match self.near.try_lock() {
            Ok(near) => near,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if matches!(*near, Near::Unknown) {
            *near = find(post, stage).map_or(Near::Nobody, Near::Rank);
        }
        let Near::Rank(stream) = &mut *near else { return None };
        let sent = write_frame(stream, 0, &written(work)).and_then(|()| stream.set_nonblocking(true));
        if sent.is_err() {
            *near = Near::Nobody;
            return None;
        }
        self.given.fetch_add(1, Ordering::Relaxed);
        Some(Box::new(Begun { near, stop, finished: false }))
    }

    /// Work that it was given so far.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }
}

/// Asks the other rank to connect to a socket. It finds none from another machine, or without the same temporary files.
fn find(post: &Post, stage: u64) -> Option<UnixStream> {
    if post.size() <= PARTNER {
        return None;
    }
    let folder = Folder::new()?;
    let socket = folder.0.join("socket");
    let listener = UnixListener::bind(&socket).ok()?;
    listener.set_nonblocking(true).ok()?;
    let mut to = request(MEET, stage);
    to.text(socket.to_str()?);
    let asked = vec![(PARTNER, to.into_bytes())];
    let (_, answers) = post.exchange(stage, asked, &StopFlag::default(), || ()).ok()?;
    if answers.first()?.first() != Some(&DONE) {
        return None;
    }
    // It says so when it has connected.
    let (stream, _) = listener.accept().ok()?;
    stream.set_nonblocking(false).ok()?;
    Some(stream)
}

/// A folder that nobody else can enter, until both ends are connected. Its name is the only one of its kind, also on other
/// machines.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Option<Self> {
        let word = RandomState::new().build_hasher().finish();
        let path = std::env::temp_dir().join(format!("wr2l-near-{}-{word:x}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path).ok()?;
        Some(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the folder for temporary files: what cannot be removed goes with the others.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Rank 0 wants to meet: what it is answered. A thread of this rank's does what it asks for, until it hangs up.
pub(crate) fn meet(from: &mut Reader<'_>) -> Vec<u8> {
    let mut met = || {
        let stream = UnixStream::connect(from.text().ok()?).ok()?;
        thread::Builder::new().name("near".into()).spawn(move || serve(stream)).ok()
    };
    vec![if met().is_some() { DONE } else { FAILED }]
}

/// Does what rank 0 asks for over `stream`. Whatever cannot be done ends it, which rank 0 sees.
fn serve(mut stream: UnixStream) {
    while let Ok((_, message)) = read_frame(&mut stream) {
        let Ok(work) = read(&message) else { return };
        drop(message);
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let done = work_aside(work, &mut Turns { stream: &stream, stop: &StopFlag::default() });
        let Ok(done) = done else { return };
        if stream.set_nonblocking(false).is_err() || write_frame(&mut stream, 0, &written(&done)).is_err() {
            return;
        }
    }
}

fn written(state: &State<'_>) -> Vec<u8> {
    let mut to = Writer::default();
    state.write(&mut to);
    to.into_bytes()
}

fn read(message: &[u8]) -> Result<State<'static>, Malformed> {
    let mut from = Reader::new(message);
    let state = State::read(&mut from)?;
    from.finish()?;
    Ok(state)
}

/// Numbers over a stream that does not block.
struct Turns<'a> {
    stream: &'a UnixStream,
    stop: &'a StopFlag,
}

impl Exchange for Turns<'_> {
    fn exchange(&mut self, number: f64) -> Result<f64, SimError> {
        let mut stream = self.stream;
        // Eight bytes have room: the other side has taken all that came before.
        stream.write_all(&number.to_le_bytes()).map_err(|_| Gone)?;
        let (mut bytes, mut got, mut looks) = ([0; 8], 0, 0_u32);
        let mut since = None;
        while got < bytes.len() {
            match stream.read(&mut bytes[got..]) {
                Ok(0) => return Err(Gone.into()),
                Ok(count) => got += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    looks += 1;
                    if looks < LOOKS {
                        std::hint::spin_loop();
                    } else if since.get_or_insert_with(Instant::now).elapsed() < AWAKE {
                        thread::yield_now();
                    } else {
                        self.stop.check_patience()?;
                        thread::sleep(NAP);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone.into()),
            }
        }
        Ok(f64::from_le_bytes(bytes))
    }
}

/// Work that the near rank is at.
struct Begun<'a> {
    near: MutexGuard<'a, Near>,
    stop: StopFlag,
    finished: bool,
}

impl Exchange for Begun<'_> {
    fn exchange(&mut self, number: f64) -> Result<f64, SimError> {
        let Near::Rank(stream) = &*self.near else { return Err(Gone.into()) };
        Turns { stream, stop: &self.stop }.exchange(number)
    }
}

impl Aside for Begun<'_> {
    fn finish(mut self: Box<Self>) -> Result<State<'static>, SimError> {
        let Near::Rank(stream) = &mut *self.near else { return Err(Gone.into()) };
        stream.set_nonblocking(false).map_err(|_| Gone)?;
        let (_, message) = read_frame(stream).map_err(|_| Gone)?;
        let done = read(&message).map_err(|Malformed| Gone)?;
        self.finished = true;
        Ok(done)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // They are out of step: hanging up tells the other side.
            *self.near = Near::Nobody;
        }
    }
}
