//! Rank 0's messages: every request has one answer, and a rank answers in the order in which it was asked.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
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

/// Requests that a rank has beside the one it is at, so that it need not wait for the next.
const IN_ADVANCE: usize = 1;

/// Who knows what there is to do.
pub(crate) trait Dealer {
    /// The next request for another rank; `None` if there is none for it any more.
    fn request(&mut self, rank: usize) -> Option<Vec<u8>>;

    /// Does a piece of this rank's own work. Whether there was one.
    fn work(&mut self) -> bool;

    /// What a rank answers to the earliest of its requests without an answer.
    fn answer(&mut self, rank: usize, answer: Vec<u8>);
}

/// One request a rank, and one thing to do here.
struct Fixed<T, F> {
    requests: Vec<(usize, Vec<u8>)>,
    own: Option<F>,
    done: Option<T>,
    answers: Vec<(usize, Vec<u8>)>,
}

impl<T, F: FnOnce() -> T> Dealer for Fixed<T, F> {
    fn request(&mut self, rank: usize) -> Option<Vec<u8>> {
        let place = self.requests.iter().position(|(to, _)| *to == rank)?;
        Some(self.requests.swap_remove(place).1)
    }

    fn work(&mut self) -> bool {
        let own = self.own.take();
        let worked = own.is_some();
        if let Some(own) = own {
            self.done = Some(own());
        }
        worked
    }

    fn answer(&mut self, rank: usize, answer: Vec<u8>) {
        self.answers.push((rank, answer));
    }
}

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
        let ends = Mutex::new(Ends { output, inbox, next_stage: 0 });
        Self { size, ends: Arc::new(ends) }
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
    /// ranks. Once `stop` is raised the others are told.
    pub(crate) fn exchange<T>(
        &self,
        stage: u64,
        requests: Vec<(usize, Vec<u8>)>,
        stop: &StopFlag,
        own: impl FnOnce() -> T,
    ) -> Result<(T, Vec<Vec<u8>>), Gone> {
        let mut fixed = Fixed { requests, own: Some(own), done: None, answers: Vec::new() };
        self.deal(stage, stop, &mut fixed)?;
        fixed.answers.sort_by_key(|(rank, _)| *rank);
        let answers = fixed.answers.into_iter().map(|(_, answer)| answer).collect();
        Ok((fixed.done.ok_or(Gone)?, answers))
    }

    /// Gives every rank what `dealer` has for it, one thing in advance, works here meanwhile, and comes back when nothing is left
    /// and all have answered. Once `stop` is raised the others are told.
    pub(crate) fn deal(&self, stage: u64, stop: &StopFlag, dealer: &mut impl Dealer) -> Result<(), Gone> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = vec![0; self.size];
        for _ in 0..=IN_ADVANCE {
            for (rank, open) in (0..).zip(&mut open).skip(1) {
                if let Some(request) = dealer.request(rank) {
                    ends.send(rank, &request)?;
                    *open += 1;
                }
            }
        }
        let mut told = false;
        let mut worked = true;
        loop {
            let letter = match worked {
                true => ends.inbox.try_recv().map_err(|error| error == TryRecvError::Disconnected),
                false => {
                    ends.inbox.recv_timeout(LOOK).map_err(|error| error == RecvTimeoutError::Disconnected)
                }
            };
            match letter {
                Ok((from, answer)) => {
                    let rank = from as usize;
                    let open = open.get_mut(rank).filter(|open| **open > 0).ok_or(Gone)?;
                    *open -= 1;
                    // First its next request, so that it need not wait.
                    if let Some(request) = dealer.request(rank) {
                        ends.send(rank, &request)?;
                        *open += 1;
                    }
                    dealer.answer(rank, answer);
                }
                Err(true) => return Err(Gone),
                Err(false) => worked = dealer.work(),
            }
            if stop.is_raised() && !told {
                told = true;
                let message = request(INTERRUPT, stage).into_bytes();
                for (rank, _) in (0..).zip(&open).filter(|(_, open)| **open > 0) {
                    ends.send(rank, &message)?;
                }
            }
            if !worked && open.iter().all(|open| *open == 0) {
                return Ok(());
            }
        }
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
