//! What a policy can refer to in the gateway file, in the form that compiling needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::compiled::{Calendars, Model};
use crate::raw;

/// The gateway file, as policies see it.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// Models by name, with the largest burst that their token limit lets through at once.
    pub models: BTreeMap<String, (Model, Option<u64>)>,
    /// Queues by name, and whether they end in the policy's fallback.
    pub queues: BTreeMap<String, QueueSeen>,
    /// Names of services.
    pub services: BTreeSet<String>,
    /// Calendars by name.
    pub hours: Calendars,
    /// What holds for policies that lack a key.
    pub defaults: Defaults,
    /// `gateway.yaml` as a tree, for the revision's manifest.
    pub tree: Option<crate::yaml::Node>,
}

/// A queue, as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueSeen {
    /// Nobody decided: the policy's fallback answers.
    pub ends_in_fallback: bool,
    /// How many people must approve.
    pub approvals: u8,
}

/// `defaults` of the gateway file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub deadline_ms: Option<u64>,
    pub budget: Option<raw::Budget>,
    pub limits: Option<Vec<raw::Limit>>,
    pub durability: Option<raw::Durability>,
    pub retain: Option<raw::Retain>,
    pub pending: Option<raw::Pending>,
    pub on: Vec<(crate::source::Spanned<backstop_domain::FailureClass>, raw::Ladder)>,
}
