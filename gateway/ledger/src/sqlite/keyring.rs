//! Which idempotency keys are certainly not bound, so that a new one need not be looked up.
//!
//! A Bloom filter of fixed size. It may take a free key for a bound one, which is then looked up;
//! never the other way round. Once it is full it knows nothing, and every key is looked up.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use rusqlite::Connection;

use crate::{
    Scope,
    erasure::{erased_key, is_erased_key},
};

/// Bits, a power of two: 4 MiB, which tells a few million keys apart.
const BITS: u64 = 1 << 25;
/// Bits that a key sets.
const EACH: u64 = 4;
/// More keys than this are not read in at the start.
const MOST: usize = 4_000_000;

/// The filter. Keys are added by the writer before they are committed, and never taken out.
#[derive(Debug)]
pub(super) struct Keyring {
    bits: Box<[AtomicU64]>,
    /// Whether keys of erased calls were read in: those of later erasures are here as they were.
    erased: bool,
}

impl Keyring {
    /// The keys of that database.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let bits = (0..BITS / 64).map(|_| AtomicU64::new(0)).collect();
        let mut ring = Self { bits, erased: false };
        let mut statement = connection.prepare("SELECT caller, policy, key FROM keys LIMIT ?1")?;
        let mut rows = statement.query([MOST + 1])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let scope = Scope { caller: row.get(0)?, policy: row.get(1)? };
            let key: String = row.get(2)?;
            ring.add(&scope, &key);
            ring.erased |= is_erased_key(&key);
            count += 1;
        }
        if count > MOST {
            ring.bits.iter().for_each(|word| word.store(u64::MAX, Ordering::Release));
        }
        Ok(ring)
    }

    /// That key is about to be bound.
    pub fn add(&self, scope: &Scope, key: &str) {
        for (word, bit) in self.places(scope, key) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Whether that key is certainly free.
    pub fn is_free(&self, scope: &Scope, key: &str) -> bool {
        let lacks = |key: &str| {
            self.places(scope, key).any(|(word, bit)| word.load(Ordering::Acquire) & bit == 0)
        };
        lacks(key) && (!self.erased || lacks(&erased_key(scope, key)))
    }

    fn places(&self, scope: &Scope, key: &str) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let mut hasher = DefaultHasher::new();
        (&scope.caller, &scope.policy, key).hash(&mut hasher);
        let first = hasher.finish();
        hasher.write_u8(1);
        let step = hasher.finish() | 1;
        (0..EACH).filter_map(move |turn| {
            let bit = first.wrapping_add(turn.wrapping_mul(step)) & (BITS - 1);
            let word = self.bits.get(usize::try_from(bit / 64).ok()?)?;
            Some((word, 1 << (bit % 64)))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use rusqlite::Connection;

    use super::Keyring;
    use crate::{Scope, erasure::erased_key};

    fn scope(caller: &str) -> Scope {
        Scope { caller: caller.into(), policy: "p".into() }
    }

    #[test]
    fn a_bound_key_is_never_called_free_and_nearly_every_other_is() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE keys (caller, policy, key)").unwrap();
        connection.execute_batch("INSERT INTO keys VALUES ('flow', 'p', 'old')").unwrap();
        let ring = Keyring::read(&connection).unwrap();
        assert!(!ring.is_free(&scope("flow"), "old"));
        assert!(ring.is_free(&scope("other"), "old"), "a key means something in its scope alone");
        let names: Vec<String> = (0..20_000).map(|number| format!("key-{number}")).collect();
        let (bound, free) = names.split_at(10_000);
        bound.iter().for_each(|key| ring.add(&scope("flow"), key));
        assert!(!bound.iter().any(|key| ring.is_free(&scope("flow"), key)));
        let gone = erased_key(&scope("flow"), "gone");
        connection.execute("INSERT INTO keys VALUES ('flow', 'p', ?1)", [gone]).unwrap();
        assert!(!Keyring::read(&connection).unwrap().is_free(&scope("flow"), "gone"));
        let wrong = free.iter().filter(|key| !ring.is_free(&scope("flow"), key)).count();
        assert!(wrong < 10, "{wrong} of 10000");
    }
}
