//! Why somebody was not signed in: what they are told. What the log says stands in `why`.

use axum::http::StatusCode;

use super::token::Wrong;
use crate::tongue::tell;

/// Why somebody was not signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The try did not begin in this browser, or too long ago.
    NotBegun,
    /// The try came back already.
    Used,
    /// Too many at once.
    Busy,
    /// The provider did not answer, or not as one; why, for the log.
    Away(String),
    /// The provider did not sign them in; its word for why.
    Declined(String),
    /// What it answered cannot be believed.
    Untrusted(Wrong),
    /// It does not say who they are: that claim is missing.
    NoName(String),
    /// What it calls them cannot be a name here: that claim.
    OddName(String),
    /// Their e-mail address may be somebody else's.
    Unverified,
    /// That name is somebody's here who does not come in by the provider.
    Taken(String),
    /// That name may do nothing here.
    NoRole(String),
}

impl Refused {
    /// What the person is told.
    pub fn words(&self, provider: &str, gateway: &str) -> String {
        let more = match self {
            Self::Declined(what) | Self::NoName(what) | Self::OddName(what) => what,
            Self::Taken(name) | Self::NoRole(name) => name,
            _ => "",
        };
        let put = [("provider", provider), ("gateway", gateway), ("what", more)];
        match self {
            Self::NotBegun => tell(
                "This sign-in did not begin in this browser, or too long ago. Start again.",
                &[],
            ),
            Self::Used => tell("This sign-in was used already. Start again.", &[]),
            Self::Busy => {
                tell("Too many people sign in at this moment. Try again in a minute.", &[])
            }
            Self::Away(_) => tell(
                "{provider} cannot be reached now. Try again in a minute, or come in another way.",
                &put,
            ),
            Self::Declined(_) => tell("{provider} did not sign you in ({what}).", &put),
            Self::Untrusted(_) => tell(
                "What {provider} answered cannot be trusted, so nobody was signed in. Start again; \
                 if it stays so, whoever runs {gateway} finds the reason in its log.",
                &put,
            ),
            Self::NoName(_) => tell(
                "{provider} does not say who you are: its answer has no {what}. Ask whoever runs \
                 {gateway} to have it sent.",
                &put,
            ),
            Self::OddName(_) => tell(
                "{provider} calls you by a name that cannot be one here. Ask whoever runs \
                 {gateway} to name people by another claim than {what}.",
                &put,
            ),
            Self::Unverified => tell(
                "{provider} has not verified your e-mail address, so it opens nothing here. \
                 Verify it there, then sign in again.",
                &put,
            ),
            Self::Taken(_) => tell(
                "{provider} says that you are {what}, and somebody here has that name already. If \
                 that is you, ask whoever runs {gateway} to write it into your entry as login.",
                &put,
            ),
            Self::NoRole(_) => tell(
                "{provider} says that you are {what}, and neither that name nor your groups open \
                 anything here. Ask whoever runs {gateway} to let you in.",
                &put,
            ),
        }
    }

    /// The status of the page that says so.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Busy | Self::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Untrusted(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        Self::Untrusted(wrong)
    }
}
