//! Work in pieces, dealt out as the ranks finish them: some episodes are long, and some machines slow.

use std::collections::VecDeque;
use std::ops::Range;

use wr2l_rl::{Executor, Threads};
use wr2l_sim::SimError;

use crate::job::content;
use crate::post::Dealer;
use crate::wire::{Malformed, Reader};

/// A piece is at most this part of what every rank would still have to do, so that the last ones are small.
const PART: usize = 4;

/// Jobs that anybody may do, and who does what of them.
pub(crate) struct Pieces<'a, T, R, Ask, Read, Run> {
    jobs: &'a [T],
    ranks: usize,
    /// Jobs that a rank does at the same time.
    places: usize,
    /// The first job that nobody has.
    next: usize,
    /// What each rank was given and has not answered, the earliest first.
    given: Vec<VecDeque<Range<usize>>>,
    results: Vec<Option<R>>,
    own: &'a mut Threads,
    failed: Option<SimError>,
    ask: Ask,
    read: Read,
    run: Run,
}

impl<'a, T, R, Ask, Read, Run> Pieces<'a, T, R, Ask, Read, Run>
where
    Ask: Fn(&[T]) -> Vec<u8>,
    Read: Fn(&mut Reader<'_>) -> Result<Vec<R>, Malformed>,
    Run: Fn(&mut Threads, &[T]) -> Result<Vec<R>, SimError>,
{
    /// `ask` writes what another rank is asked for, `read` reads its answer, `run` does the jobs here.
    pub(crate) fn new(
        jobs: &'a [T],
        ranks: usize,
        own: &'a mut Threads,
        ask: Ask,
        read: Read,
        run: Run,
    ) -> Self {
        let places = own.places();
        let results = jobs.iter().map(|_| None).collect();
        let given = vec![VecDeque::new(); ranks];
        Self { jobs, ranks, places, next: 0, given, results, own, failed: None, ask, read, run }
    }

    /// The results in the order of the jobs.
    pub(crate) fn results(self) -> Result<Vec<R>, SimError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.results.into_iter().flatten().collect()),
        }
    }

    fn piece(&mut self) -> Option<Range<usize>> {
        let left = self.jobs.len() - self.next;
        if left == 0 || self.failed.is_some() {
            return None;
        }
        // Never more than an equal share: few jobs are everybody's, too.
        let size = (left / (PART * self.ranks)).max(self.places).min(left.div_ceil(self.ranks));
        self.next += size;
        Some(self.next - size..self.next)
    }

    fn put(&mut self, piece: Range<usize>, results: Vec<R>) {
        self.results[piece].iter_mut().zip(results).for_each(|(to, result)| *to = Some(result));
    }

    fn run_here(&mut self, piece: Range<usize>) {
        match (self.run)(self.own, &self.jobs[piece.clone()]) {
            Ok(results) => self.put(piece, results),
            Err(error) => self.failed = Some(error),
        }
    }
}

impl<T, R, Ask, Read, Run> Dealer for Pieces<'_, T, R, Ask, Read, Run>
where
    Ask: Fn(&[T]) -> Vec<u8>,
    Read: Fn(&mut Reader<'_>) -> Result<Vec<R>, Malformed>,
    Run: Fn(&mut Threads, &[T]) -> Result<Vec<R>, SimError>,
{
    fn request(&mut self, rank: usize) -> Option<Vec<u8>> {
        let piece = self.piece()?;
        let request = (self.ask)(&self.jobs[piece.clone()]);
        self.given[rank].push_back(piece);
        Some(request)
    }

    fn work(&mut self) -> bool {
        let piece = self.piece();
        let worked = piece.is_some();
        if let Some(piece) = piece {
            self.run_here(piece);
        }
        worked
    }

    fn answer(&mut self, rank: usize, answer: Vec<u8>) {
        let Some(piece) = self.given[rank].pop_front() else { return };
        match content(&answer, &self.read).filter(|results| results.len() == piece.len()) {
            Some(results) => self.put(piece, results),
            // It could not, so this rank does it, and finds out why, unless it knows of a reason already.
            None if self.failed.is_none() => self.run_here(piece),
            None => {}
        }
    }
}
