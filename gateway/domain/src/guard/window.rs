//! Counts over a sliding stretch of time, kept in a few buckets.
//!
//! What leaves the window is forgotten a bucket at a time; the memory it takes is fixed.

use crate::units::Millis;

/// Buckets of one window.
pub const BUCKETS: usize = 10;

/// `N` counters over the last `BUCKETS + 1` stretches of time.
#[derive(Debug, Clone)]
pub struct Window<const N: usize> {
    bucket_ms: u64,
    // One more than the window, so that sums over the whole window can be taken on either side.
    buckets: [[u64; N]; BUCKETS + 1],
    newest: u64,
}

impl<const N: usize> Window<N> {
    /// An empty window of `window_ms` milliseconds.
    pub fn new(window_ms: u64) -> Self {
        let bucket_ms = (window_ms / BUCKETS as u64).max(1);
        Self { bucket_ms, buckets: [[0; N]; BUCKETS + 1], newest: 0 }
    }

    /// Adds one to the counter at `which`.
    pub fn count(&mut self, now: Millis, which: usize) {
        self.add(now, which, 1);
    }

    /// Adds `amount` to the counter at `which`.
    pub fn add(&mut self, now: Millis, which: usize, amount: u64) {
        self.advance(now);
        let at = self.place(self.newest);
        if let Some(counter) = self.buckets.get_mut(at).and_then(|counts| counts.get_mut(which)) {
            *counter = counter.saturating_add(amount);
        }
    }

    /// Sums over the newest ten buckets: never more than the window.
    pub fn within(&mut self, now: Millis) -> [u64; N] {
        self.sum(now, BUCKETS)
    }

    /// Sums over one bucket more: never less than the window.
    pub fn covering(&mut self, now: Millis) -> [u64; N] {
        self.sum(now, BUCKETS + 1)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buckets = [[0; N]; BUCKETS + 1];
    }

    fn sum(&mut self, now: Millis, newest: usize) -> [u64; N] {
        self.advance(now);
        let mut sums = [0_u64; N];
        for back in 0..newest as u64 {
            let at = self.place(self.newest.saturating_sub(back));
            for (sum, count) in sums.iter_mut().zip(self.buckets.get(at).into_iter().flatten()) {
                *sum = sum.saturating_add(*count);
            }
            if self.newest == back {
                break;
            }
        }
        sums
    }

    /// Time that runs backwards counts into the newest bucket.
    fn advance(&mut self, now: Millis) {
        let current = now.0 / self.bucket_ms;
        if current <= self.newest {
            return;
        }
        let passed = (current - self.newest).min(BUCKETS as u64 + 1);
        for ahead in 0..passed {
            let at = self.place(current.saturating_sub(ahead));
            if let Some(counts) = self.buckets.get_mut(at) {
                *counts = [0; N];
            }
        }
        self.newest = current;
    }

    fn place(&self, bucket: u64) -> usize {
        usize::try_from(bucket % (BUCKETS as u64 + 1)).unwrap_or(0)
    }
}
