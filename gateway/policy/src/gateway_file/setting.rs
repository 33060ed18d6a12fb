//! Values that may come from outside the file: secrets always, addresses and headers if wanted.
//!
//! Only the name of the variable or file is kept. Whoever runs the gateway looks it up.

use crate::decode::{Decode, Decoder, Fields};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

/// Where a secret is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file of the machine (not of the workspace); white space at its end is cut.
    File(String),
}

/// A text, or where it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// The text itself.
    Text(String),
    /// Where it is found.
    From(SecretRef),
}

impl Decode for SecretRef {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if node.as_text().is_some() {
            let say = "a secret cannot stand in the file";
            let help = "write `{env: NAME}` or `{file: path}`";
            return d.refuse(Problem::error(Code::Secret, node.span, say).help(help));
        }
        let mut fields = Fields::open(node, &keys::SECRET, d)?;
        let found = match fields.one_of(d) {
            Some("env") => fields.optional("env", d).and_then(|name| variable(name, d)),
            Some(_) => fields.optional::<String>("file", d).map(Self::File),
            None => None,
        };
        fields.finish(d);
        found
    }
}

fn variable(name: Spanned<String>, d: &mut Decoder<'_>) -> Option<SecretRef> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let digit = name.bytes().next().is_none_or(|first| first.is_ascii_digit());
    if digit || !name.bytes().all(fine) {
        let say = format!("`{}` is not the name of an environment variable", name.value);
        let help = "write the variable's name, without `$`: letters, digits and `_`";
        return d.refuse(Problem::error(Code::BadName, name.span, say).help(help));
    }
    Some(SecretRef::Env(name.value))
}

impl Decode for Setting {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => String::decode(node, d).map(Self::Text),
            _ => SecretRef::decode(node, d).map(Self::From),
        }
    }
}

/// An `http` or `https` address, as text or from outside.
pub(super) fn address(
    fields: &mut Fields<'_>,
    key: &'static str,
    d: &mut Decoder<'_>,
) -> Option<Setting> {
    let setting: Spanned<Setting> = fields.required(key, d)?;
    if let Setting::Text(text) = &setting.value
        && let Some((code, say)) = no_address(text)
    {
        let help = "write such as `https://api.example.com/v1`, or `{env: NAME}`";
        d.report.push(Problem::error(code, setting.span, say).help(help));
    }
    Some(setting.value)
}

/// Why a text is no `http` or `https` address.
pub(super) fn no_address(text: &str) -> Option<(Code, &'static str)> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
    match host {
        None => Some((Code::BadAddress, "the address must begin with `https://` or `http://`")),
        Some(host) if host.contains('@') => {
            Some((Code::Secret, "a name or password cannot stand in an address"))
        }
        Some(host) if host.is_empty() || text.contains(char::is_whitespace) => {
            Some((Code::BadAddress, "the address has no host, or has a space in it"))
        }
        Some(_) => None,
    }
}
