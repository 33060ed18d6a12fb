//! Identifiers. They are made outside and enter as fields of events; here they are only words.

use alloc::{format, string::String};
use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}

id! {
    /// A call, such as `call_0193…`.
    CallId
}
id! {
    /// A review, such as `rev_0193…`.
    ReviewId
}
id! {
    /// An event, such as `evt_0193…`. Stable over redelivery.
    EventId
}
id! {
    /// A stream of events: `call/{id}`, `review/{id}` or `control/{name}`.
    Stream
}

impl Stream {
    /// The stream of a call.
    pub fn call(id: &CallId) -> Self {
        Self(format!("call/{id}"))
    }

    /// The stream of a review.
    pub fn review(id: &ReviewId) -> Self {
        Self(format!("review/{id}"))
    }

    /// The stream of what operators and guards did to one thing.
    pub fn control(name: &str) -> Self {
        Self(format!("control/{name}"))
    }

    /// The call that it belongs to, if it is a call's.
    pub fn call_id(&self) -> Option<CallId> {
        self.0.strip_prefix("call/").map(CallId::from)
    }

    /// The review that it belongs to, if it is a review's.
    pub fn review_id(&self) -> Option<ReviewId> {
        self.0.strip_prefix("review/").map(ReviewId::from)
    }
}
