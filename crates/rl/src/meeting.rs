//! Two threads that work side by side and exchange a number every few microseconds.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};

/// Looks at the other's seat before the core is offered to somebody else: a few microseconds, more than two equal
/// pieces of work differ by.
const SPINS: u32 = 200;
/// Offers of the core before the thread sleeps until it is woken, which costs tens of microseconds but leaves the
/// core to others. Where both threads have to share one core, the first offer is taken by the other thread.
const YIELDS: u32 = 50;
/// The round of a seat whose thread has panicked.
const GONE: u64 = u64::MAX;

/// Runs both functions at the same time, `first` on this thread and `second` on one made for it.
///
/// # Panics
/// If one of them does; the other then gets NaN from [`Seat::add`].
pub(crate) fn side_by_side<T: Send>(
    first: impl FnOnce(&mut Seat<'_>) -> T,
    second: impl FnOnce(&mut Seat<'_>) -> T + Send,
) -> (T, T) {
    let posts = [Post::default(), Post::default()];
    let [here, there] = &posts;
    let this = thread::current();
    thread::scope(|scope| {
        let other =
            scope.spawn(move || second(&mut Seat { own: there, other: here, thread: this, round: 0 }));
        let thread = other.thread().clone();
        let result = first(&mut Seat { own: here, other: there, thread, round: 0 });
        (result, other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Where one thread leaves its numbers; a cache line pair of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Post {
    /// Numbers left so far.
    round: AtomicU64,
    /// Bits of the last two: of an even and of an odd round. A third is not left before the other thread has read
    /// the first, because it must have left its own second.
    numbers: [AtomicU64; 2],
}

/// One of two threads that meet.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    own: &'a Post,
    other: &'a Post,
    /// The thread on the other seat.
    thread: Thread,
    round: u64,
}

impl Seat<'_> {
    /// Waits for the other thread to call this as often, and returns the sum of the two numbers: the same bits on
    /// both sides. NaN if the other thread has panicked.
    pub(crate) fn add(&mut self, number: f64) -> f64 {
        self.round += 1;
        let slot = (self.round % 2) as usize;
        self.own.numbers[slot].store(number.to_bits(), Ordering::Relaxed);
        self.own.round.store(self.round, Ordering::Release);
        self.thread.unpark();
        match self.wait() {
            GONE => f64::NAN,
            _ => number + f64::from_bits(self.other.numbers[slot].load(Ordering::Relaxed)),
        }
    }

    /// Waits until the other thread has come as far; returns how far it is.
    fn wait(&self) -> u64 {
        let mut looks = 0;
        loop {
            let there = self.other.round.load(Ordering::Acquire);
            if there >= self.round {
                return there;
            }
            looks += 1;
            if looks < SPINS {
                std::hint::spin_loop();
            } else if looks < SPINS + YIELDS {
                thread::yield_now();
            } else {
                // Returns at once if the other thread has called `unpark` since the last time.
                thread::park();
            }
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.own.round.store(GONE, Ordering::Release);
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    #[test]
    fn both_sides_see_every_sum_however_fast_the_other_is() {
        // One side is slow at times, so that the other spins, yields and sleeps.
        let side = |seat: &mut Seat<'_>, factor: f64, slow: u64| {
            (0..500_u64)
                .map(|i| {
                    if slow != 0 && i % slow == 0 {
                        thread::sleep(Duration::from_micros(300));
                    }
                    seat.add(factor * i as f64)
                })
                .collect::<Vec<f64>>()
        };
        for slow in [[0, 0], [0, 50], [70, 0], [13, 17]] {
            let (a, b) = side_by_side(|seat| side(seat, 1.0, slow[0]), |seat| side(seat, 1000.0, slow[1]));
            assert_eq!(a, (0..500).map(|i| 1001.0 * f64::from(i)).collect::<Vec<_>>());
            assert_eq!(a, b);
        }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_panicked() {
        for who in [0, 1] {
            let side = |seat: &mut Seat<'_>, me: usize| {
                assert!(me != who, "as this test wants");
                assert!(seat.add(1.0).is_nan());
            };
            let both = || side_by_side(|seat| side(seat, 0), |seat| side(seat, 1));
            assert!(catch_unwind(AssertUnwindSafe(both)).is_err());
        }
    }
}
