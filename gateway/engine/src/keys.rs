//! Idempotency keys between a request and the disk: one request at a time holds a key.
//!
//! Once the call that took it is on disk the ledger answers for the key, and nothing is kept here.
//! A hold that is dropped, for whatever reason, lets go of its key: a caller who hangs up in the
//! middle blocks nobody.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::CallId;
use backstop_ledger::{KeyClaim, Scope};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// A key in its scope.
pub(crate) type Place = (Scope, String);

/// Keys of calls that are not on disk yet.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<HashMap<Place, Holder>>>);

/// Who has a key.
#[derive(Clone)]
pub(crate) struct Holder {
    /// The call that has it, or will have it once it is admitted.
    pub call: CallId,
    /// Done once the call is in memory, or the key is free again.
    pub settled: CancellationToken,
}

/// A key that is ours until the call is admitted; dropped before that, it is free again.
pub(crate) struct Hold {
    keys: Keys,
    place: Place,
    holder: Holder,
    kept: bool,
}

impl Keys {
    /// Takes the key for the claim's call, or says who has it.
    pub fn hold(&self, claim: &KeyClaim) -> Result<Hold, Holder> {
        let place = (claim.scope.clone(), claim.key.clone());
        let mut holders = self.0.lock();
        if let Some(holder) = holders.get(&place) {
            return Err(holder.clone());
        }
        let holder = Holder { call: claim.call.clone(), settled: CancellationToken::new() };
        holders.insert(place.clone(), holder.clone());
        Ok(Hold { keys: self.clone(), place, holder, kept: false })
    }

    /// Lets go of a key, if that call has it: it is on disk now, or the call never will be.
    pub fn release(&self, place: &Place, call: &CallId) {
        let mut holders = self.0.lock();
        if holders.get(place).is_some_and(|holder| holder.call == *call)
            && let Some(holder) = holders.remove(place)
        {
            holder.settled.cancel();
        }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Hold {
    /// The call is in memory: it keeps the key until it is on disk.
    pub fn keep(mut self) {
        self.kept = true;
        self.holder.settled.cancel();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.kept {
            self.keys.release(&self.place, &self.holder.call);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use backstop_domain::{CallId, Digest};
    use backstop_ledger::{KeyClaim, Scope};

    use super::Keys;

    fn claim(call: &str) -> KeyClaim {
        KeyClaim {
            scope: Scope { caller: "flow".to_owned(), policy: "p".to_owned() },
            key: "k".to_owned(),
            fingerprint: Digest::of(b"body"),
            call: CallId(call.to_owned()),
        }
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_in_the_middle_blocks_nobody() {
        let keys = Keys::default();
        let hold = keys.hold(&claim("first")).ok().unwrap();
        let theirs = keys.hold(&claim("second")).err().unwrap();
        drop(hold);
        theirs.settled.cancelled().await;
        assert!(keys.hold(&claim("second")).is_ok());
        assert_eq!(keys.len(), 0);
    }

    #[test]
    fn only_the_call_that_has_a_key_lets_go_of_it() {
        let keys = Keys::default();
        keys.hold(&claim("first")).ok().unwrap().keep();
        let place = (claim("first").scope, "k".to_owned());
        keys.release(&place, &CallId("another".to_owned()));
        assert_eq!(keys.len(), 1);
        keys.release(&place, &CallId("first".to_owned()));
        assert_eq!(keys.len(), 0);
    }
}
