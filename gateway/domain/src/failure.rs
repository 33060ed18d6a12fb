//! The closed list of failure classes: the branches that a policy names under `on:`.
//!
//! A class is computed once, where the failure is first seen, and never re-derived. It decides
//! nothing by itself: ladders do.

use serde::{Deserialize, Serialize};

/// Why a request, an answer or a call could not go on as hoped (DESIGN.md section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Connect, TLS, reset, or an HTTP body that is no API answer.
    Transport,
    /// First byte, idle, attempt or call deadline.
    Timeout,
    /// 429: the provider asks to wait.
    Throttled,
    /// 5xx, 529, or a stream that was cut.
    Overloaded,
    /// Insufficient quota or 402.
    Quota,
    /// 401, 403 or 404 of ours toward the model.
    Misconfigured,
    /// 400, 413 or 422 caused by the caller; context too long.
    InvalidRequest,
    /// The model refuses, or a content filter stopped it.
    Declined,
    /// Finish reason `length`.
    Truncated,
    /// Content that is not JSON, after local mending.
    Malformed,
    /// JSON, but not to the contract.
    Schema,
    /// Below the threshold, or missing.
    LowConfidence,
    /// Tool arguments that are not to their schema.
    ToolInvalid,
    /// A tool that is not listed, or a limit on it.
    ToolDenied,
    /// A rule objected.
    Rule,
    /// A check objected.
    Check,
    /// A rule, check or signal could not be computed.
    CheckError,
    /// A limit of ours toward the model.
    Limit,
    /// The call's budget is spent.
    Budget,
    /// The model's breaker is open.
    BreakerOpen,
    /// The degradation level, or the caller's limits at the door.
    Shed,
    /// A crash between an attempt's start and its end.
    Interrupted,
}

impl FailureClass {
    /// Every class, in the order of DESIGN.md section 3.
    pub const ALL: [Self; 22] = [
        Self::Transport,
        Self::Timeout,
        Self::Throttled,
        Self::Overloaded,
        Self::Quota,
        Self::Misconfigured,
        Self::InvalidRequest,
        Self::Declined,
        Self::Truncated,
        Self::Malformed,
        Self::Schema,
        Self::LowConfidence,
        Self::ToolInvalid,
        Self::ToolDenied,
        Self::Rule,
        Self::Check,
        Self::CheckError,
        Self::Limit,
        Self::Budget,
        Self::BreakerOpen,
        Self::Shed,
        Self::Interrupted,
    ];

    /// The name used in policies, events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Overloaded => "overloaded",
            Self::Quota => "quota",
            Self::Misconfigured => "misconfigured",
            Self::InvalidRequest => "invalid_request",
            Self::Declined => "declined",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Schema => "schema",
            Self::LowConfidence => "low_confidence",
            Self::ToolInvalid => "tool_invalid",
            Self::ToolDenied => "tool_denied",
            Self::Rule => "rule",
            Self::Check => "check",
            Self::CheckError => "check_error",
            Self::Limit => "limit",
            Self::Budget => "budget",
            Self::BreakerOpen => "breaker_open",
            Self::Shed => "shed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The class of that name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether it lies with the model or the way to it: a call that ends on it has `failed`,
    /// where it would otherwise be `refused`.
    pub const fn is_upstream(self) -> bool {
        matches!(
            self,
            Self::Transport
                | Self::Timeout
                | Self::Throttled
                | Self::Overloaded
                | Self::Quota
                | Self::Misconfigured
                | Self::Declined
                | Self::Truncated
                | Self::Malformed
                | Self::Schema
                | Self::BreakerOpen
                | Self::Interrupted
        )
    }
}

impl core::fmt::Display for FailureClass {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
