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
