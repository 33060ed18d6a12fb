//! Drafts, as a policy names them.

use backstop_checks::expression::Expression;
use backstop_domain::Digest;

/// A draft that answers a share of the calls.
#[derive(Debug)]
pub struct Canary {
    /// Path of the draft's file.
    pub to: String,
    /// The share, in millionths.
    pub share_millionths: u32,
    /// Which calls go together.
    pub stick_to: StickTo,
    /// When it is taken back by itself.
    pub return_if: Option<ReturnIf>,
    /// Digest of all that the file says of it: a draft that was taken back under these terms
    /// answers again only under others.
    pub terms: Digest,
}

/// Which calls go together.
#[derive(Debug)]
pub enum StickTo {
    /// None: each is drawn by its own key.
    Call,
    /// All of a caller's.
    Caller,
    /// All for which this is the same.
    Key(Expression),
}

/// When a canary is taken back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnIf {
    /// Most of its calls that may be put to a person, in millionths.
    pub escalated_over: Option<u32>,
    /// Most of its calls that may fail, in millionths.
    pub failed_over: Option<u32>,
    /// Over how many of its newest calls.
    pub after: u64,
}
