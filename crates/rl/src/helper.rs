//! A second thread that takes over one half of a piece of work, every few microseconds, if it can.
//!
//! Waking a thread takes tens of microseconds, and on a busy machine the second thread may have to wait for
//! milliseconds until it runs at all. So either stays awake for as long as the last job took when it has to wait for
//! the other, since the two halves of a job take about equally long; a job that the second thread has not begun by the
//! time the first needs it is done by the first; and after jobs that it did not come to, or held up, none is offered for
//! a while. Who did a job never changes what comes out.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Looks at the state between two looks at the clock.
const LOOKS: u32 = 16;
/// The shortest and the longest time that the first thread looks at the state before it offers the core to somebody else.
const AWAKE: [Duration; 2] = [Duration::from_micros(20), Duration::from_millis(2)];
/// The same for the helper, who costs nobody anything but takes up to 100 µs to wake.
const HELPER_AWAKE: [Duration; 2] = [Duration::from_micros(300), Duration::from_millis(2)];
/// Offers of the core after that, before the thread sleeps.
const YIELDS: u32 = 20;
/// Time between two looks of a first thread that sleeps.
const NAP: Duration = Duration::from_micros(50);
/// How long the helper has to miss all jobs before none is offered for a while. An offer that is missed costs next to
/// nothing, and a helper that sleeps misses many short ones before it is awake.
const PATIENCE: Duration = Duration::from_millis(2);
/// The shortest and the longest time without offers.
const PAUSE: [Duration; 2] = [Duration::from_micros(200), Duration::from_secs(1)];
/// A helper that is waited for longer than that was kept from its core.
const KEPT: Duration = Duration::from_micros(500);
/// Nothing to do.
const IDLE: u8 = 0;
/// There is a job that nobody has begun.
const OFFERED: u8 = 1;
/// The helper is at it.
const TAKEN: u8 = 2;
/// The helper has panicked.
const BROKEN: u8 = 3;
/// There will be no more jobs.
const CLOSED: u8 = 4;
/// There will be no job for a while.
const RESTING: u8 = 5;

/// What the two threads share.
#[derive(Debug)]
struct Shared<T> {
    state: AtomicU8,
    /// Nobody ever waits for it: the state says whose turn it is.
    job: Mutex<T>,
}

impl<T> Shared<T> {
    fn job(&self) -> MutexGuard<'_, T> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the state was `from`; it is then `to`.
    fn change(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What the first thread has come to expect of the helper. Who keeps it from one piece of work to the next does not make the
/// same experience again and again.
#[derive(Debug)]
pub(crate) struct Trust {
    /// How much longer the time without offers is than the one that was lost waiting, which bounds the loss.
    penance: u32,
    /// When the helper missed the last job, if it missed it, and for how long it has missed all.
    last: Option<Instant>,
    missed: Duration,
    pause: Duration,
    /// No offers before this.
    until: Option<Instant>,
    /// When offers began again.
    since: Option<Instant>,
}

impl Trust {
    /// In a helper that was never seen, and that may cost one part in `penance` of the time.
    pub(crate) fn new(penance: u32) -> Self {
        Self { penance, last: None, missed: Duration::ZERO, pause: PAUSE[0], until: None, since: None }
    }

    /// Whether work may be shared now.
    pub(crate) fn is_given(&mut self) -> bool {
        let Some(until) = self.until else { return true };
        let now = Instant::now();
        if now < until {
            return false;
        }
        (self.until, self.since) = (None, Some(now));
        true
    }

    /// The helper has missed a job that was offered then. Whether it is enough.
    fn misses(&mut self, offered: Instant) -> bool {
        self.missed += self.last.replace(offered).map_or(Duration::ZERO, |last| offered - last);
        self.missed > PATIENCE
    }

    /// The helper was there in time.
    pub(crate) fn grows(&mut self) {
        (self.last, self.missed) = (None, Duration::ZERO);
    }

    /// There are no offers for a while, longer than the first thread has waited. After a helper that was kept from its core again,
    /// before it could make up for the last time, twice as long as then.
    pub(crate) fn breaks(&mut self, waited: Duration) {
        let (now, loss) = (Instant::now(), self.penance * waited);
        let again = waited > KEPT && self.since.take().is_some_and(|since| now - since < loss);
        let longer = if again { (2 * self.pause).min(PAUSE[1]) } else { PAUSE[0] };
        self.pause = longer.max(loss);
        self.until = Some(now + self.pause);
        (self.last, self.missed) = (None, Duration::ZERO);
    }
}

/// Runs `lead`, which may have `work` done on `job` by a second thread if `helped` and trusted: the thread is made for this, and has
/// to be waited for at the end.
///
/// # Panics
/// If `lead` or `work` does.
pub(crate) fn with_helper<T: Send, R, W: Fn(&mut T) + Sync>(
    helped: bool,
    trust: &mut Trust,
    job: T,
    work: W,
    lead: impl FnOnce(&mut Lead<'_, T, W>) -> R,
) -> R {
    let shared = Shared { state: AtomicU8::new(IDLE), job: Mutex::new(job) };
    let (shared, work) = (&shared, &work);
    if !helped || !trust.is_given() {
        return lead(&mut Lead::new(shared, work, trust, None));
    }
    thread::scope(|scope| {
        let helper = scope.spawn(move || help(shared, work));
        let closing = Closing(&shared.state, helper.thread().clone());
        let result = lead(&mut Lead::new(shared, work, trust, Some(helper.thread().clone())));
        drop(closing);
        let since = Instant::now();
        helper.join().unwrap_or_else(|panic| resume_unwind(panic));
        if since.elapsed() > KEPT {
            trust.breaks(since.elapsed());
        }
        result
    })
}

/// Sends the helper home, also when the first thread panics.
struct Closing<'a>(&'a AtomicU8, Thread);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(CLOSED, Ordering::Release);
        self.1.unpark();
    }
}

/// Tells the first thread that the helper has panicked.
struct Breaking<'a>(&'a AtomicU8);

impl Drop for Breaking<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(BROKEN, Ordering::Release);
        }
    }
}

/// A wait for the other thread: awake for a while, then with the core on offer, then asleep.
struct Wait {
    since: Instant,
    awake: Duration,
    looks: u32,
    yields: u32,
}

impl Wait {
    /// A wait from `since` on for somebody whose work takes about as long as `work` did, awake within `limits`.
    fn new(since: Instant, work: Duration, limits: [Duration; 2]) -> Self {
        Self { since, awake: work.clamp(limits[0], limits[1]), looks: 0, yields: 0 }
    }

    /// Whether it is time to sleep; if not, a moment has passed.
    fn is_long(&mut self) -> bool {
        if self.is_short() {
            self.looks = self.looks.wrapping_add(1);
            if !self.looks.is_multiple_of(LOOKS) || self.since.elapsed() < self.awake {
                std::hint::spin_loop();
                return false;
            }
        }
        if self.yields < YIELDS {
            self.yields += 1;
            thread::yield_now();
            return false;
        }
        true
    }

    /// Whether it has not been longer than was to be expected.
    fn is_short(&self) -> bool {
        self.yields == 0
    }
}

/// The helper's life.
fn help<T>(shared: &Shared<T>, work: &impl Fn(&mut T)) {
    let _breaking = Breaking(&shared.state);
    let mut wait = Wait::new(Instant::now(), Duration::ZERO, HELPER_AWAKE);
    loop {
        match shared.state.load(Ordering::Acquire) {
            CLOSED => return,
            OFFERED if shared.change(OFFERED, TAKEN) => {
                let begun = Instant::now();
                work(&mut shared.job());
                if !shared.change(TAKEN, IDLE) {
                    return;
                }
                let now = Instant::now();
                wait = Wait::new(now, now - begun, HELPER_AWAKE);
            }
            state if state == RESTING || wait.is_long() => {
                // Returns at once if there was an offer since the last time.
                thread::park();
                wait = Wait::new(Instant::now(), Duration::ZERO, HELPER_AWAKE);
            }
            _ => {}
        }
    }
}

/// The first thread's end.
pub(crate) struct Lead<'a, T, W> {
    shared: &'a Shared<T>,
    work: &'a W,
    helper: Option<Thread>,
    trust: &'a mut Trust,
    /// When the current job was offered, if it was.
    offered: Option<Instant>,
}

impl<'a, T, W: Fn(&mut T)> Lead<'a, T, W> {
    fn new(shared: &'a Shared<T>, work: &'a W, trust: &'a mut Trust, helper: Option<Thread>) -> Self {
        Self { shared, work, helper, trust, offered: None }
    }

    /// Says by `set` what the next work on the job is, from now on or at the latest in [`Lead::settle`].
    pub(crate) fn offer(&mut self, set: impl FnOnce(&mut T)) {
        set(&mut self.shared.job());
        let Some(helper) = &self.helper else { return };
        if !self.trust.is_given() {
            return;
        }
        self.offered = Some(Instant::now());
        self.shared.state.store(OFFERED, Ordering::Release);
        helper.unpark();
    }

    /// Returns what `read` finds after the work that was offered.
    pub(crate) fn settle<V>(&mut self, read: impl FnOnce(&mut T) -> V) -> V {
        match self.offered.take() {
            Some(offered) if !self.shared.change(OFFERED, IDLE) => self.wait(offered),
            Some(offered) => {
                if self.trust.misses(offered) {
                    self.rest(Duration::ZERO);
                }
                (self.work)(&mut self.shared.job());
            }
            None => (self.work)(&mut self.shared.job()),
        }
        read(&mut self.shared.job())
    }

    /// Lets the helper sleep until the next offer, which will take a while: the core is somebody else's.
    pub(crate) fn dismiss(&mut self) {
        if self.helper.is_some() {
            self.shared.change(IDLE, RESTING);
            // A helper that sleeps misses nothing.
            self.trust.last = None;
        }
    }

    /// The job, between [`Lead::settle`] and the next [`Lead::offer`].
    pub(crate) fn job(&mut self) -> MutexGuard<'_, T> {
        self.shared.job()
    }

    /// Waits for the helper, which has begun.
    fn wait(&mut self, offered: Instant) {
        let since = Instant::now();
        let mut wait = Wait::new(since, since - offered, AWAKE);
        loop {
            match self.shared.state.load(Ordering::Acquire) {
                IDLE => break,
                BROKEN => panic!("the helping thread has panicked"),
                _ if wait.is_long() => thread::sleep(NAP),
                _ => {}
            }
        }
        // The two halves are about equal: longer than that, and the helper did not run all the time.
        if !wait.is_short() {
            return self.rest(since.elapsed());
        }
        self.trust.grows();
    }

    /// Offers nothing for a while; meanwhile the helper sleeps.
    fn rest(&mut self, waited: Duration) {
        self.trust.breaks(waited);
        self.shared.change(IDLE, RESTING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Adds up 0..n in pieces, with delays of either thread (in µs) every so often.
    fn sum(helped: bool, n: u64, lead_delay: u64, help_delay: u64) -> u64 {
        let here = thread::current().id();
        let work = |(sum, next): &mut (u64, u64)| {
            if next.is_multiple_of(40) && thread::current().id() != here {
                thread::sleep(Duration::from_micros(help_delay));
            }
            *sum += *next;
        };
        with_helper(helped, &mut Trust::new(10), (0, 0), work, |lead| {
            let mut sum = 0;
            for i in 0..n {
                lead.offer(|job| job.1 = i);
                if i % 30 == 0 {
                    thread::sleep(Duration::from_micros(lead_delay));
                }
                sum = lead.settle(|job| job.0);
                if i % 70 == 0 {
                    lead.dismiss();
                }
                assert_eq!(sum, i * (i + 1) / 2);
            }
            sum
        })
    }

    #[test]
    fn every_job_is_done_once_whoever_is_slow() {
        for (lead_delay, help_delay) in [(0, 0), (200, 0), (0, 200), (300, 300)] {
            let expected = sum(false, 500, 0, 0);
            assert_eq!(sum(true, 500, lead_delay, help_delay), expected);
        }
    }

    #[test]
    fn a_helper_that_was_sent_to_sleep_comes_back() {
        let here = thread::current().id();
        let work = |by_helper: &mut u32| *by_helper += u32::from(thread::current().id() != here);
        let by_helper = with_helper(true, &mut Trust::new(10), 0, work, |lead| {
            // Until the helper has been there twice after having slept, however busy the machine is.
            let mut by_helper = 0;
            for _ in 0..2 {
                let before = by_helper;
                lead.dismiss();
                thread::sleep(Duration::from_millis(1));
                while by_helper == before {
                    lead.offer(|_| ());
                    thread::sleep(Duration::from_micros(100));
                    by_helper = lead.settle(|by_helper| *by_helper);
                }
            }
            by_helper
        });
        assert!(by_helper >= 2, "{by_helper}");
    }

    #[test]
    fn who_was_held_up_or_missed_all_jobs_is_trusted_again_after_a_while() {
        let mut trust = Trust::new(20);
        let begun = Instant::now();
        trust.breaks(Duration::from_millis(3));
        assert!(trust.until.unwrap() - begun >= Duration::from_millis(60), "a twentieth is lost at most");
        assert!(!trust.is_given());
        trust.grows();
        let at = |micros| begun + Duration::from_micros(micros);
        assert!(!trust.misses(at(0)) && !trust.misses(at(1500)));
        // Asleep from here: what it misses then does not count, what it missed before does.
        trust.last = None;
        assert!(!trust.misses(at(90_000)) && !trust.misses(at(90_400)));
        assert!(trust.misses(at(90_600)));
        trust.grows();
        assert!(!trust.misses(at(95_000)), "and is forgotten after a job in time");
    }

    #[test]
    fn who_is_held_up_again_and_again_is_trusted_ever_later() {
        let mut trust = Trust::new(10);
        let wait = Duration::from_millis(3);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            trust.breaks(wait);
            pauses.push(trust.pause.as_millis());
            // The time is over, and it was trusted anew just now.
            (trust.until, trust.since) = (None, Some(Instant::now()));
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1000, 1000]);
        trust.since = Instant::now().checked_sub(10 * wait);
        trust.breaks(wait);
        assert_eq!(trust.pause, 10 * wait, "it had been there long enough to make up for it");
    }

    #[test]
    fn a_panic_on_either_side_ends_both() {
        let work = |job: &mut u32| assert!(*job < 10, "as this test wants");
        let helper_panics = || {
            with_helper(true, &mut Trust::new(10), 0, work, |lead| {
                for i in 0..100 {
                    lead.offer(|job| *job = i);
                    lead.settle(|_| ());
                }
            });
        };
        assert!(catch_unwind(AssertUnwindSafe(helper_panics)).is_err());
        let lead_panics = || {
            with_helper(true, &mut Trust::new(10), 0, work, |lead| {
                lead.offer(|job| *job = 1);
                panic!("as this test wants");
            });
        };
        assert!(catch_unwind(AssertUnwindSafe(lead_panics)).is_err());
    }
}
