//! Finds keys, tokens and passwords by their well-known forms.
//!
//! A find never carries the secret itself: `text` holds its first four characters. Passwords in
//! prose ("the password is hunter2") are not found, nor keys of unknown form below the length of
//! `high_entropy`.

use std::sync::LazyLock;

use base64::Engine;
use regex::Regex;

use super::{FOUND_MAX, Finds, Found, Text};

macro_rules! kinds {
    ($($kind:ident $name:literal $doc:literal [$($pattern:expr),+];)*) => {
        /// A kind of secret that a policy can name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SecretKind {
            $(#[doc = $doc] $kind,)*
        }

        impl SecretKind {
            /// Every kind; where finds overlap, the earlier one wins.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name used in policies and masks.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }

        const PATTERNS: &[(SecretKind, &str)] = &[$($((SecretKind::$kind, $pattern),)+)*];
    };
}

kinds! {
    PrivateKey "private_key" "A PEM or PGP private key, with its body if that is there." [
        concat!(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            r"(?:(?:[A-Za-z0-9+/=\s:,.\\]|-[A-Za-z0-9])*?",
            r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?")
    ];
    AwsKey "aws_key" "An access key id or secret access key of Amazon Web Services." [
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        r#"(?i)aws.{0,20}?secret.{0,20}?[=:]\s*["']?(?P<of>[A-Za-z0-9/+=]{40})\b"#
    ];
    GoogleKey "google_key" "An API key, OAuth secret or access token of Google." [
        r"\bAIza[0-9A-Za-z_-]{35}", r"\bGOCSPX-[0-9A-Za-z_-]{28}", r"\bya29\.[0-9A-Za-z_-]{20,}"
    ];
    AzureKey "azure_key" "A storage account key of Microsoft Azure." [
        r"(?i)\bAccountKey=(?P<of>[A-Za-z0-9+/]{86}==)"
    ];
    GithubToken "github_token" "A token of GitHub." [
        r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b", r"\bgithub_pat_[A-Za-z0-9_]{60,255}\b"
    ];
    GitlabToken "gitlab_token" "A token of GitLab." [r"\bgl(?:pat|ptt|rt|dt)-[A-Za-z0-9_-]{20,}"];
    SlackToken "slack_token" "A token or webhook address of Slack." [
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}"
    ];
    ModelKey "model_key" "A key of a model provider (`sk-…`, `hf_…`, `gsk_…` and such)." [
        r"\bsk-[A-Za-z0-9_-]{20,}", r"\bhf_[A-Za-z0-9]{30,}\b", r"\bgsk_[A-Za-z0-9]{40,}\b",
        r"\br8_[A-Za-z0-9]{37,}\b", r"\bxai-[A-Za-z0-9]{60,}\b", r"\bpplx-[A-Za-z0-9]{40,}\b"
    ];
    StripeKey "stripe_key" "A secret or restricted key, or a webhook secret, of Stripe." [
        r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}\b", r"\bwhsec_[A-Za-z0-9+/=]{24,}"
    ];
    ServiceToken "service_token" "A token of another well-known service." [
        r"\bnpm_[A-Za-z0-9]{36}\b", r"\bpypi-AgEI[A-Za-z0-9_-]{50,}",
        r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", r"\bdop_v1_[a-f0-9]{64}\b",
        r"\bdapi[a-f0-9]{32}\b", r"\bSK[0-9a-f]{32}\b", r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b",
        r"\bshp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}\b", r"\bATATT3[A-Za-z0-9_=-]{50,}",
        r"\bdp\.pt\.[A-Za-z0-9]{40,}\b", r"\bhvs\.[A-Za-z0-9_-]{24,}", r"\bNRAK-[A-Z0-9]{27}\b"
    ];
    Jwt "jwt" "A signed JSON Web Token." [
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}"
    ];
    UrlPassword "url_password" "A password inside an address." [
        r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:(?P<of>[^\s/@]{3,200})@[a-z0-9\[]"
    ];
    Password "password" "A password or key given to a name, as in `password: …`." [
        concat!(
            r#"(?i)(?:password|passwd|passwort|pwd|passphrase|client[_-]?secret|secret[_-]?key|"#,
            r#"api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?key)"#,
            r#"["']?\s{0,3}[:=]\s{0,3}["']?(?P<of>[^\s"',;<>]{6,200})"#),
        r"(?i)\bauthorization:\s{0,3}(?:bearer|basic)\s{1,3}(?P<of>[A-Za-z0-9._~+/=-]{12,})"
    ];
    HighEntropy "high_entropy" "A long run of random-looking characters of no known form." [
        r"[A-Za-z0-9+/_-]{32,200}={0,2}"
    ];
}

static COMPILED: LazyLock<Vec<(SecretKind, Regex)>> = LazyLock::new(|| {
    let compile = |(kind, pattern): &(SecretKind, &str)| Some((*kind, Regex::new(pattern).ok()?));
    PATTERNS.iter().filter_map(compile).collect()
});

/// Names of fields that hold a secret.
static SECRET_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = concat!(
        r"(?i)^(?:[a-z0-9]+[_-])*(?:password|passwd|passwort|pwd|passphrase|secret|secret[_-]?key|",
        r"api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?key|client[_-]?secret)$"
    );
    Regex::new(names).ok()
});

/// Finds the chosen kinds.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<SecretKind>);

impl SecretKind {
    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl Secrets {
    /// Finds these kinds only.
    pub fn of(kinds: &[SecretKind]) -> Self {
        Self(kinds.to_vec())
    }

    /// Finds every kind.
    pub fn all() -> Self {
        Self::of(SecretKind::ALL)
    }

    /// Every kind with a form of its own: without `high_entropy`, which digests also set off.
    pub fn well_known() -> Self {
        let all = SecretKind::ALL.iter().copied();
        Self(all.filter(|kind| *kind != SecretKind::HighEntropy).collect())
    }
}

impl Finds for Secrets {
    fn find_in(&self, text: &Text<'_>, into: &mut Vec<Found>) {
        let mut taken: Vec<Found> = Vec::new();
        if self.0.contains(&SecretKind::Password) && !text.is_name && is_named_secret(text) {
            taken.push(found(SecretKind::Password, text, 0..text.text.len()));
        }
        // Most texts hold none of a kind, and asking only that is far cheaper than asking where.
        let kinds = COMPILED.iter().filter(|(kind, _)| self.0.contains(kind));
        for (kind, regex) in kinds.filter(|(_, regex)| regex.is_match(&text.text)) {
            for captures in regex.captures_iter(&text.text).take(FOUND_MAX) {
                let Some(one) = captures.name("of").or_else(|| captures.get(0)) else { continue };
                let span = one.range();
                let free =
                    !taken.iter().any(|t| t.span.start < span.end && span.start < t.span.end);
                if taken.len() < FOUND_MAX && free && is_secret(*kind, one.as_str()) {
                    taken.push(found(*kind, text, span));
                }
            }
        }
        taken.sort_by_key(|found| found.span.start);
        into.append(&mut taken);
    }
}

/// A find that shows no more than the start of the secret.
fn found(kind: SecretKind, text: &Text<'_>, span: core::ops::Range<usize>) -> Found {
    let start = text.text.get(span.clone()).unwrap_or_default().chars().take(4);
    Found {
        kind: kind.name(),
        text: start.chain(['…']).collect(),
        path: text.path.clone(),
        span,
        in_name: text.is_name,
    }
}

/// Whether the text stands in a field such as `password` or `api_key` and could be one.
fn is_named_secret(text: &Text<'_>) -> bool {
    let name = text.path.rsplit('/').next().unwrap_or_default();
    let named = SECRET_NAME.as_ref().is_some_and(|regex| regex.is_match(name));
    let plain = !text.text.contains(char::is_whitespace) && (6..=200).contains(&text.text.len());
    named && plain && !is_placeholder(&text.text)
}

/// What a form alone cannot tell.
fn is_secret(kind: SecretKind, text: &str) -> bool {
    match kind {
        SecretKind::Jwt => is_jwt(text),
        SecretKind::Password | SecretKind::UrlPassword => !is_placeholder(text),
        SecretKind::HighEntropy => is_random(text),
        SecretKind::ModelKey => text.bytes().any(|b| b.is_ascii_digit()) || text.len() > 40,
        _ => true,
    }
}

/// Whether the first part is JSON with an algorithm, as RFC 7515 asks for.
fn is_jwt(text: &str) -> bool {
    let head = text.split('.').next().unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|head| head.get("alg").is_some())
}

/// Values that stand for a secret: `***`, `${VAR}`, `your_password`, `null`, a type's name.
fn is_placeholder(text: &str) -> bool {
    let lower = text.to_lowercase();
    let first = lower.chars().next();
    let same = lower.chars().all(|c| Some(c) == first);
    let opens = ["$", "{", "%", "[", "(", "your", "my_", "<", "process.env", "os.environ", "env."];
    let words = [
        "null",
        "none",
        "string",
        "undefined",
        "redacted",
        "required",
        "optional",
        "true",
        "false",
    ];
    same || opens.iter().any(|open| lower.starts_with(open))
        || words.iter().any(|word| lower.trim_end_matches(['.', ')', '}', ']']) == *word)
        || lower.contains("(")
        || lower.contains("placeholder")
}

/// Least Shannon entropy of a random-looking text, in bits per character. A random text of 32
/// characters out of 64 has about 4.5; English about 3.8; hexadecimal digests at most 4.
const ENTROPY_LEAST: f64 = 4.25;

fn is_random(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().filter(|b| test(b)).count();
    let upper = has(u8::is_ascii_uppercase);
    let mixed = upper >= 3 && has(u8::is_ascii_lowercase) >= 3 && has(u8::is_ascii_digit) >= 3;
    let separators = has(|b| matches!(b, b'/' | b'-' | b'_'));
    mixed && separators * 6 < text.len() && entropy(text) >= ENTROPY_LEAST
}

fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = text.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    shares.map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::{COMPILED, Finds, Found, PATTERNS, Secrets, Text};

    fn found(text: &str) -> Vec<&'static str> {
        let mut found: Vec<Found> = Vec::new();
        Secrets::all().find_in(&Text::plain(text), &mut found);
        found.into_iter().map(|found| found.kind).collect()
    }

    #[test]
    fn every_pattern_of_the_program_compiles() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
        assert!(super::SECRET_NAME.is_some());
    }

    #[test]
    fn secrets_of_well_known_form_are_found() {
        // Put together here, so that no scanner takes this file for a leak.
        let random = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA3bC5d";
        let head = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
        for (text, kind) in [
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----".into(),
                "private_key",
            ),
            (format!("id {}{}", "AKIA", "IOSFODNN7EXAMPLE"), "aws_key"),
            (format!("{}{}", "ghp", "_0123456789abcdefABCDEF0123456789abcd"), "github_token"),
            (format!("{}{random}", "sk-proj-"), "model_key"),
            (format!("{}{}", "sk_live", "_0123456789abcdefABCD"), "stripe_key"),
            (format!("Bearer {head}.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXRleHQ"), "jwt"),
            ("postgres://app:s3cr3t@db/x".into(), "url_password"),
            ("\"password\": \"hunter22\"".into(), "password"),
            ("API_KEY=abc123def".into(), "password"),
            (format!("value {random}"), "high_entropy"),
        ] {
            assert_eq!(found(&text), [kind], "{text}");
        }
    }

    #[test]
    fn what_only_stands_for_a_secret_is_left_alone() {
        for text in [
            "password: ********",
            "password = ${DB_PASSWORD}",
            "\"api_key\": \"your_api_key_here\"",
            "the password policy: at least 12 characters",
            "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "018f3c9e-7b1a-7c3e-9b1a-2f3c4d5e6f70",
            "https://example.com/a/very/long/path/with/Many/Parts/And/2024/11/22/index.html",
            "eyJub3QiOiJhIHRva2VuIn0.eyJ4IjoxfQ.abcdefghij",
            "ask-anything-you-like-about-this-product",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_find_does_not_repeat_the_secret() {
        let mut found = Vec::new();
        Secrets::all().find_in(&Text::plain("password: hunter2222"), &mut found);
        assert_eq!(found.first().map(|found| found.text.as_str()), Some("hunt…"));
    }
}
