//! What may be erased of calls, and what is held against it. Bodies go; envelopes, digests and the
//! chain stay.

use backstop_domain::{CallId, Digest, Millis};

use crate::Scope;

/// How the key of an erased call begins. No key that comes in a header has a line break.
const ERASED: &str = "erased\n";

/// The bodies of some calls, and of their reviews.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallBodies {
    /// Those that nothing else uses, by digest: with their size in bytes, and when they were used
    /// last. Only these are erased.
    pub own: Vec<OwnBody>,
    /// How many others use too: they stay as long as those do.
    pub shared: u64,
    /// How many were erased before.
    pub gone: u64,
    /// Every digest that the calls name and that is kept, shared ones included.
    pub all: Vec<Digest>,
}

/// A body that only the calls in question use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnBody {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was used last.
    pub used: Millis,
}

/// A change of what is kept, which becomes true together with the events that tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepingChange {
    /// These bodies go, unless they were used again since or are held. Of the idempotency keys of
    /// these calls digests stay, so that a repeat makes no second call.
    Erase {
        /// The bodies.
        bodies: Vec<OwnBody>,
        /// The calls.
        calls: Vec<CallId>,
    },
    /// These bodies of a call stay, whatever retention and erasure say.
    Hold {
        /// The call.
        call: CallId,
        /// Its bodies.
        bodies: Vec<Digest>,
    },
    /// The call is not held any more.
    Release {
        /// The call.
        call: CallId,
    },
}

/// What stands in place of that key once the words of its call were erased: whoever sends the key
/// again is known, and nobody can read it.
pub(crate) fn erased_key(scope: &Scope, key: &str) -> String {
    let Scope { caller, policy } = scope;
    format!("{ERASED}{}", Digest::of(format!("{caller}\n{policy}\n{key}").as_bytes()))
}

/// Whether a key that stands in the ledger is that of an erased call.
pub(crate) fn is_erased_key(key: &str) -> bool {
    key.starts_with(ERASED)
}

/// How much one policy keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Calls.
    pub calls: u64,
    /// Their events, and those of their reviews.
    pub events: u64,
    /// Bytes of bodies that they name and that were not erased.
    pub bytes: u64,
}

/// Every digest that stands as a text in that JSON, in order.
pub(crate) fn digests(json: &[u8], mut found: impl FnMut(Digest)) {
    const LENGTH: usize = 64;
    let mut rest = json;
    while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
        rest = rest.get(quote + 1..).unwrap_or_default();
        let ends = rest.get(LENGTH) == Some(&b'"');
        let text =
            rest.get(..LENGTH).filter(|_| ends).and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(digest) = text.and_then(Digest::parse) {
            found(digest);
            rest = rest.get(LENGTH + 1..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_in_a_text_is_found_and_nothing_else() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let json = format!(r#"{{"x":"{a}","y":["no","{b}"],"z":"{a}1","{b}":0}}"#);
        let mut found = Vec::new();
        digests(json.as_bytes(), |digest| found.push(digest));
        assert_eq!(found, [a, b, b]);
        digests(b"\"", |digest| found.push(digest));
        digests(b"", |digest| found.push(digest));
        assert_eq!(found.len(), 3);
    }
}
