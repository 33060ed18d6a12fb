//! Identifiers: time-ordered, unguessable, and repeatable under a seed.

use backstop_domain::{CallId, EventId, Millis, ReviewId};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Crockford's base 32: no letter that is mistaken for another.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Makes identifiers: 48 bits of time, then 80 random bits, as 26 digits.
pub struct Ids {
    random: Mutex<StdRng>,
}

impl Ids {
    /// Seeded by the operating system.
    pub fn from_os() -> Self {
        Self { random: Mutex::new(rand::make_rng()) }
    }

    /// The same ids again for the same seed, for tests and simulation.
    pub fn seeded(seed: u64) -> Self {
        Self { random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// A call's id.
    pub fn call(&self, now: Millis) -> CallId {
        CallId(self.make("call", now))
    }

    /// A review's id.
    pub fn review(&self, now: Millis) -> ReviewId {
        ReviewId(self.make("rev", now))
    }

    /// An event's id.
    pub fn event(&self, now: Millis) -> EventId {
        EventId(self.make("evt", now))
    }

    /// A request's id.
    pub fn request(&self, now: Millis) -> String {
        self.make("req", now)
    }

    /// 256 bits that nobody can guess, as hexadecimal digits.
    pub fn secret(&self) -> String {
        let mut random = self.random.lock();
        (0..4).map(|_| format!("{:016x}", random.next_u64())).collect()
    }

    fn make(&self, prefix: &str, now: Millis) -> String {
        let (high, low) = {
            let mut random = self.random.lock();
            (random.next_u32() & 0xffff, random.next_u64())
        };
        let time = u128::from(now.0 & 0xffff_ffff_ffff);
        let mut number = (time << 80) | (u128::from(high) << 64) | u128::from(low);
        let mut digits = [b'0'; 26];
        for digit in digits.iter_mut().rev() {
            let index = usize::try_from(number & 31).unwrap_or(0);
            *digit = DIGITS.get(index).copied().unwrap_or(b'0');
            number >>= 5;
        }
        let mut id = String::with_capacity(prefix.len() + 27);
        id.push_str(prefix);
        id.push('_');
        id.push_str(core::str::from_utf8(&digits).unwrap_or_default());
        id
    }
}
