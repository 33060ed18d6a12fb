//! Why something cannot be known from the record alone.

use backstop_domain::Purpose;
use backstop_ledger::{Recorded, Unreadable};
use serde::Serialize;

/// Why something cannot be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Unknown {
    /// There are no events.
    #[error("there is no such call")]
    NoCall,
    /// Retention or an erasure took it.
    #[error("{what} was erased")]
    Erased {
        /// What.
        what: String,
    },
    /// It should be there and is not, or cannot be read.
    #[error("{what} is not in the record")]
    Lost {
        /// What.
        what: String,
    },
    /// The version that recorded the call did not write it down.
    #[error("{what} was not written down by the version that recorded the call")]
    NotWritten {
        /// What.
        what: String,
    },
    /// The files of the revision are gone, or were of other decision semantics.
    #[error("the files of revision {revision} of policy `{policy}` are not kept any more")]
    RevisionGone {
        /// The policy.
        policy: String,
        /// The first digits of the revision.
        revision: String,
    },
    /// A model was never asked that.
    #[error("`{model}` was not asked this ({}) then", .purpose.name())]
    NotAsked {
        /// The model.
        model: String,
        /// What for.
        purpose: Purpose,
    },
    /// A service was never asked that.
    #[error("service `{service}` was not asked this then")]
    Service {
        /// The service.
        service: String,
    },
    /// A sample that was not drawn then.
    #[error("`{by}` draws a sample that was not drawn then")]
    Sample {
        /// The rule or check.
        by: String,
    },
    /// The last good answer of then.
    #[error("the last good answer of that time is not in the record")]
    LastGood,
    /// Whether a limit on a tool had room.
    #[error("whether a limit on tool `{tool}` had room then is not in the record")]
    ToolLimit {
        /// The tool.
        tool: String,
    },
    /// A newer version wrote an event of it.
    #[error("event {seq} cannot be read: {message}")]
    Unreadable {
        /// Its place in the call.
        seq: u64,
        /// Why not.
        message: String,
    },
}

impl Unknown {
    pub(super) fn event(recorded: &Recorded, why: &Unreadable) -> Self {
        let seq = recorded.envelope.seq;
        match why {
            Unreadable::Erased => Self::Erased { what: format!("event {seq}") },
            Unreadable::Missing => Self::Lost { what: format!("event {seq}") },
            Unreadable::Unknown(error) => Self::Unreadable { seq, message: error.to_string() },
        }
    }

    pub(super) fn not_asked(model: &str, purpose: Purpose) -> Self {
        Self::NotAsked { model: model.to_owned(), purpose }
    }

    pub(super) fn damaged(what: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Lost { what: format!("{what} ({error})") }
    }
}
