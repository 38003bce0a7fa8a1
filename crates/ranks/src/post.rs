//! Rank 0's messages: every request has one answer, and requests are made one after the other.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wr2l_rl::StopFlag;

use crate::frame::{read_frame, write_frame};
use crate::job::{CLOSE, INTERRUPT, request};
use crate::link::Link;

/// How often whoever waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(20);

/// The other ranks are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// A message that came, and from whom.
type Letter = (u32, Vec<u8>);

/// The way to the other ranks. Clones are one and the same.
#[derive(Clone)]
pub(crate) struct Post {
    size: usize,
    ends: Arc<Mutex<Ends>>,
}

struct Ends {
    output: Box<dyn Write + Send>,
    inbox: Receiver<Letter>,
    next_stage: u64,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Post {
    /// The way over a link. A thread reads from it, until it ends.
    pub(crate) fn new(link: Link) -> Self {
        let Link { size, mut input, output } = link;
        let (to, inbox) = channel();
        std::thread::spawn(move || {
            while let Ok(letter) = read_frame(&mut input) {
                if to.send(letter).is_err() {
                    return;
                }
            }
        });
        Self { size, ends: Arc::new(Mutex::new(Ends { output, inbox, next_stage: 0 })) }
    }

    /// Ranks, this one included.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A number for a stage that no other has.
    pub(crate) fn new_stage(&self) -> u64 {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.next_stage += 1;
        ends.next_stage
    }

    /// Sends each request to its rank, does `own` meanwhile, and waits for all answers, which come in the order of the
    /// requests. Once `stop` is raised the others are told.
    pub(crate) fn exchange<T>(
        &self,
        stage: u64,
        requests: &[(usize, Vec<u8>)],
        stop: &StopFlag,
        own: impl FnOnce() -> T,
    ) -> Result<(T, Vec<Vec<u8>>), Gone> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (rank, request) in requests {
            ends.send(*rank, request)?;
        }
        let own = own();
        let mut answers: Vec<Option<Vec<u8>>> = requests.iter().map(|_| None).collect();
        let mut told = false;
        while answers.contains(&None) {
            if stop.is_raised() && !told {
                told = true;
                let message = request(INTERRUPT, stage).into_bytes();
                for ((rank, _), _) in requests.iter().zip(&answers).filter(|(_, answer)| answer.is_none()) {
                    ends.send(*rank, &message)?;
                }
            }
            match ends.inbox.recv_timeout(LOOK) {
                Ok((from, answer)) => {
                    let place = requests.iter().position(|(rank, _)| *rank == from as usize);
                    let place = place.and_then(|place| answers.get_mut(place));
                    *place.ok_or(Gone)? = Some(answer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Gone),
            }
        }
        Ok((own, answers.into_iter().flatten().collect()))
    }

    /// Tells all ranks that a stage is not needed any more.
    pub(crate) fn close(&self, stage: u64) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let message = request(CLOSE, stage).into_bytes();
        for rank in 1..self.size {
            // Who is gone has closed everything.
            let _ = ends.send(rank, &message);
        }
    }
}

impl Ends {
    fn send(&mut self, rank: usize, message: &[u8]) -> Result<(), Gone> {
        write_frame(&mut self.output, rank as u32, message).map_err(|_| Gone)
    }
}
