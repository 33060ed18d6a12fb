//! Jobs on their way to the writer: bounded in number and bytes.
//!
//! What hurries wakes the writer; what rides along does so once a batch and not once a job.

use std::{collections::VecDeque, time::Duration};

use parking_lot::{Condvar, Mutex};

use super::writer::Job;

/// Jobs that may wait.
const MOST: usize = 8192;
/// Bytes of bodies that may wait.
const MOST_BYTES: usize = 256 << 20;

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Jobs that may wait, and bytes of their bodies.
    room: (usize, usize),
    waiting: Mutex<Waiting>,
    /// Something came that the writer waits for.
    came: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Bytes of their bodies.
    bytes: usize,
    /// Whether somebody waits for one of them.
    hurried: bool,
    /// Nobody sends any more.
    closed: bool,
    /// Nobody takes any more.
    deserted: bool,
}

/// Why a job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Too much waits already.
    Full,
    /// The writer is gone.
    Deserted,
}

impl Default for Queue {
    fn default() -> Self {
        Self::of(MOST, MOST_BYTES)
    }
}

impl Queue {
    /// A queue with room for so many jobs, and so many bytes of bodies.
    fn of(jobs: usize, bytes: usize) -> Self {
        Self { room: (jobs, bytes), waiting: Mutex::default(), came: Condvar::new() }
    }

    /// Puts a job at the end.
    ///
    /// # Errors
    /// [`NotTaken`]; the job is lost then.
    pub fn push(&self, job: Job) -> Result<(), NotTaken> {
        let (bytes, hurries) = (job.bytes(), job.hurries());
        let mut waiting = self.waiting.lock();
        if waiting.deserted {
            return Err(NotTaken::Deserted);
        }
        // A single transaction always fits, however large its bodies.
        let (jobs_max, bytes_max) = self.room;
        let fits = waiting.bytes == 0 || waiting.bytes.saturating_add(bytes) <= bytes_max;
        if !fits || waiting.jobs.len() >= jobs_max {
            return Err(NotTaken::Full);
        }
        let first = waiting.jobs.is_empty();
        waiting.jobs.push_back(job);
        waiting.bytes += bytes;
        waiting.hurried |= hurries;
        drop(waiting);
        if first || hurries {
            self.came.notify_one();
        }
        Ok(())
    }

    /// Takes what waits, `most` jobs at most. Waits for a first one, and while none hurries for
    /// `ride` at most. `None`: nothing is left, and nobody sends any more.
    pub fn take(&self, most: usize, ride: Duration) -> Option<Vec<Job>> {
        let mut waiting = self.waiting.lock();
        self.came.wait_while(&mut waiting, |now| now.jobs.is_empty() && !now.closed);
        self.came.wait_while_for(&mut waiting, |now| !now.hurried && !now.closed, ride);
        let count = waiting.jobs.len().min(most);
        let batch: Vec<Job> = waiting.jobs.drain(..count).collect();
        waiting.bytes -= batch.iter().map(Job::bytes).sum::<usize>();
        waiting.hurried = waiting.jobs.iter().any(Job::hurries);
        (!batch.is_empty()).then_some(batch)
    }

    /// Nobody sends any more.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.came.notify_one();
    }

    /// Nobody takes any more: what waits is lost, and whoever waits for it learns so.
    pub fn desert(&self) {
        let mut waiting = self.waiting.lock();
        waiting.deserted = true;
        let lost = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(lost);
    }

    /// How full it is, in millionths.
    pub fn fullness(&self) -> u32 {
        let of = |used: usize, most: usize| {
            u32::try_from(used.saturating_mul(1_000_000) / most).unwrap_or(u32::MAX)
        };
        let waiting = self.waiting.lock();
        of(waiting.jobs.len(), self.room.0).max(of(waiting.bytes, self.room.1)).min(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{sync::Arc, thread, time::Duration};

    use tokio::sync::oneshot;

    use super::{Job, NotTaken, Queue};
    use crate::{Body, Retention, Transaction};

    const LONG: Duration = Duration::from_secs(60);

    fn riding() -> Job {
        Job::Append(Box::new(Transaction::of(Vec::new())), oneshot::channel().0)
    }

    fn large(bytes: usize) -> Job {
        let body = Body::new(vec![0; bytes], true);
        Job::Append(Box::new(Transaction::of(Vec::new()).with_bodies([body])), oneshot::channel().0)
    }

    fn hurried() -> Job {
        Job::Sweep(Retention::default(), oneshot::channel().0)
    }

    #[test]
    fn what_rides_waits_for_what_hurries_and_both_go_in_one_batch() {
        let queue = Arc::new(Queue::default());
        let taker = Arc::clone(&queue);
        queue.push(riding()).unwrap();
        let taken = thread::spawn(move || taker.take(512, LONG).unwrap().len());
        queue.push(riding()).unwrap();
        queue.push(hurried()).unwrap();
        assert_eq!(taken.join().unwrap(), 3);
    }

    #[test]
    fn what_rides_alone_goes_after_its_time() {
        let queue = Queue::default();
        queue.push(riding()).unwrap();
        assert_eq!(queue.take(512, Duration::from_millis(1)).unwrap().len(), 1);
    }

    #[test]
    fn what_is_too_much_for_one_batch_goes_in_the_next_at_once() {
        let queue = Queue::default();
        for _ in 0..3 {
            queue.push(hurried()).unwrap();
        }
        let batches: Vec<_> = (0..2).map(|_| queue.take(2, LONG).unwrap().len()).collect();
        assert_eq!(batches, [2, 1]);
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_then_nothing() {
        let queue = Queue::default();
        queue.push(riding()).unwrap();
        queue.close();
        assert_eq!(queue.take(512, LONG).unwrap().len(), 1);
        assert!(queue.take(512, LONG).is_none());
    }

    #[test]
    fn whoever_waits_for_a_writer_that_is_gone_learns_so() {
        let queue = Queue::default();
        let (answer, mut told) = oneshot::channel();
        queue.push(Job::Sweep(Retention::default(), answer)).unwrap();
        queue.desert();
        assert_eq!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(queue.push(riding()), Err(NotTaken::Deserted));
    }

    #[test]
    fn only_so_much_waits_though_one_large_transaction_always_may() {
        let queue = Queue::of(3, 100);
        queue.push(large(101)).unwrap();
        assert_eq!(queue.fullness(), 1_000_000);
        assert_eq!(queue.push(large(1)), Err(NotTaken::Full));
        queue.take(1, Duration::ZERO).unwrap();
        for _ in 0..3 {
            queue.push(riding()).unwrap();
        }
        assert_eq!(queue.push(riding()), Err(NotTaken::Full));
        assert_eq!(queue.take(3, Duration::ZERO).unwrap().len(), 3);
        assert_eq!(queue.fullness(), 0);
    }
}
