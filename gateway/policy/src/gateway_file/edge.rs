//! Caps and times of the edge, the store, the answer cache, load levels and traces.

use super::provider::time_or;
use super::setting::{Setting, address, no_address};
use crate::decode::{Decode, Decoder, Fields, words};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::source::Spanned;
use crate::units::{Bytes, Count, Share};
use crate::yaml::Node;

/// Caps and times of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Largest body, in bytes; default 4 MB.
    pub body_bytes_max: u64,
    /// Deepest JSON; default 64.
    pub depth_max: u32,
    /// Longest wait that a caller may ask for, in milliseconds; default 60 s.
    pub wait_ms_max: u64,
    /// Longest time for a request's headers, in milliseconds; default 10 s.
    pub headers_ms_max: u64,
    /// The address at which people reach the desk, without a slash at its end; `None`: messages
    /// hold no links.
    pub public: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            body_bytes_max: 4_000_000,
            depth_max: 64,
            wait_ms_max: 60_000,
            headers_ms_max: 10_000,
            public: None,
        }
    }
}

impl Decode for Http {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::HTTP, d)?;
        let body: Option<Spanned<Bytes>> = fields.optional("body", d);
        let depth: Option<Spanned<Count>> = fields.optional("depth", d);
        let http = Self {
            body_bytes_max: within(body.map(|b| b.map(|b| b.0)), 1000, 100_000_000, d)
                .unwrap_or(usual.body_bytes_max),
            // serde_json itself stops at 128.
            depth_max: within(depth.map(|n| n.map(|n| n.0)), 8, 120, d)
                .and_then(|depth| u32::try_from(depth).ok())
                .unwrap_or(usual.depth_max),
            wait_ms_max: time_or(&mut fields, "wait", usual.wait_ms_max, d),
            headers_ms_max: time_or(&mut fields, "headers", usual.headers_ms_max, d),
            public: public(&mut fields, d),
        };
        fields.finish(d);
        Some(http)
    }
}

/// It stands in messages as it is, so it comes from nowhere but the file.
fn public(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<String> {
    let text: Spanned<String> = fields.optional("public", d)?;
    let more = text.contains(['?', '#']);
    let more = more.then_some((Code::BadAddress, "a page's address is put behind this one"));
    if let Some((code, say)) = no_address(&text).or(more) {
        let help = "write such as `https://backstop.example.com`";
        return d.refuse(Problem::error(code, text.span, say).help(help));
    }
    Some(text.value.trim_end_matches('/').to_owned())
}

fn within(value: Option<Spanned<u64>>, least: u64, most: u64, d: &mut Decoder<'_>) -> Option<u64> {
    let value = value?;
    if (least..=most).contains(&value.value) {
        return Some(value.value);
    }
    let say = format!("{} is not in {least} to {most}", value.value);
    d.refuse(Problem::error(Code::OutOfRange, value.span, say))
}

words! {
    /// Where the ledger is.
    pub enum StoreKind: "a kind of store" {
        /// Embedded.
        Sqlite = "sqlite",
        /// A server.
        Postgres = "postgres",
    }
}

/// How long things are kept, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Inputs and answers; default 30 d.
    pub bodies_ms: u64,
    /// Words of events; default 400 d.
    pub events_ms: u64,
    /// Words of outcomes and decisions; default 7 y.
    pub labels_ms: u64,
}

const DAY_MS: u64 = 86_400_000;

impl Default for Retention {
    fn default() -> Self {
        Self { bodies_ms: 30 * DAY_MS, events_ms: 400 * DAY_MS, labels_ms: 7 * 365 * DAY_MS }
    }
}

impl Decode for Retention {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::STORE_RETAIN, d)?;
        let retention = Self {
            bodies_ms: time_or(&mut fields, "bodies", usual.bodies_ms, d),
            events_ms: time_or(&mut fields, "events", usual.events_ms, d),
            labels_ms: time_or(&mut fields, "labels", usual.labels_ms, d),
        };
        fields.finish(d);
        Some(retention)
    }
}

/// Where the ledger is and how long it keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The kind; so far always SQLite.
    pub kind: StoreKind,
    /// How long things are kept.
    pub retain: Retention,
}

impl Default for Store {
    fn default() -> Self {
        Self { kind: StoreKind::Sqlite, retain: Retention::default() }
    }
}

impl Decode for Store {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::STORE, d)?;
        let kind: Option<Spanned<StoreKind>> = fields.optional("kind", d);
        let retain = fields.all("retain", d);
        let postgres = kind.as_ref().filter(|kind| kind.value == StoreKind::Postgres);
        if let Some(kind) = postgres {
            // Its `url` is read with it, once it exists.
            fields.has("url");
            let say = "`kind: postgres` is not available yet in this version";
            let problem = Problem::error(Code::NotYet, kind.span, say);
            d.report.push(problem.help("write `kind: sqlite`"));
        } else if let Some(span) = fields.key_span("url") {
            let say = "an embedded store has no `url`";
            let help = "remove it; `--data` of `backstop serve` says which folder";
            d.report.push(Problem::error(Code::Conflict, span, say).help(help));
        }
        fields.finish(d);
        Some(Self { kind: StoreKind::Sqlite, retain })
    }
}

/// The size of the answer cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCache {
    /// Most answers; default 10,000.
    pub entries_max: u64,
    /// Most bytes; default 256 MB.
    pub bytes_max: u64,
}

impl Default for AnswerCache {
    fn default() -> Self {
        Self { entries_max: 10_000, bytes_max: 256_000_000 }
    }
}

impl Decode for AnswerCache {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::ENTRIES, d)?;
        let entries_max = fields.or("entries", Count(usual.entries_max), d).0;
        let bytes_max = fields.or("bytes", Bytes(usual.bytes_max), d).0;
        fields.finish(d);
        Some(Self { entries_max, bytes_max })
    }
}

/// At which load extras, models and calls are given up, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Degradation {
    /// Extras go; default 70%.
    pub brownout: u32,
    /// Sheddable policies answer by fallback; default 80%.
    pub essential: u32,
    /// Calls are refused; default 90%.
    pub shed: u32,
    /// How long the load must be lower before a level is left, in milliseconds; default 30 s.
    pub recover_ms: u64,
}

impl Default for Degradation {
    fn default() -> Self {
        Self { brownout: 700_000, essential: 800_000, shed: 900_000, recover_ms: 30_000 }
    }
}

impl Decode for Degradation {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::DEGRADATION, d)?;
        let levels = Self {
            brownout: fields.or("brownout", Share(usual.brownout), d).0,
            essential: fields.or("essential", Share(usual.essential), d).0,
            shed: fields.or("shed", Share(usual.shed), d).0,
            recover_ms: time_or(&mut fields, "recover", usual.recover_ms, d),
        };
        fields.finish(d);
        if levels.brownout >= levels.essential || levels.essential >= levels.shed {
            let say = "the levels must rise: `brownout`, then `essential`, then `shed`";
            d.report.push(Problem::error(Code::OutOfRange, node.span, say));
        }
        Some(levels)
    }
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// An OTLP endpoint over HTTP.
    pub otlp: Setting,
    /// The share of calls that are traced, in millionths; default all.
    pub sample: u32,
}

impl Decode for Telemetry {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::TELEMETRY, d)?;
        let otlp = address(&mut fields, "otlp", d);
        let sample = fields.or("sample", Share::ONE, d).0;
        fields.finish(d);
        Some(Self { otlp: otlp?, sample })
    }
}
