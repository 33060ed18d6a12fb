//! Why somebody was not signed in, for the log alone: never a token, a code or a secret.

use std::borrow::Cow;

use super::Refused;

impl Refused {
    /// Why, for the log.
    pub fn why(&self) -> Cow<'static, str> {
        match self {
            Self::NotBegun => "it did not begin in that browser, or too long ago".into(),
            Self::Used => "its state was used before".into(),
            Self::Busy => "too many at once".into(),
            Self::Away(why) => format!("the provider: {why}").into(),
            Self::Declined(word) => format!("the provider answered `{word}`").into(),
            Self::Untrusted(wrong) => (*wrong).into(),
            Self::NoName(claim) => format!("the ID token has no `{claim}`").into(),
            Self::OddName(claim) => format!("`{claim}` of the ID token cannot be a name").into(),
            Self::Unverified => "the e-mail address is not verified".into(),
            Self::Taken(name) => {
                format!("`{name}` is the name of an entry without it as `login`").into()
            }
            Self::NoRole(name) => format!("nothing in `oidc.grants` fits `{name}`").into(),
        }
    }
}
