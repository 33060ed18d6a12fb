//! The gateway file, `policies/gateway.yaml`: what all policies share.
//!
//! It is decoded as strictly as policies are, checked within itself (every reference, every
//! queue's end), and given its defaults, so that a [`Gateway`] can be used as it stands. Secrets
//! are named and never held; nothing is looked up in the environment here.

mod defaults;
mod edge;
mod hours;
pub mod network;
mod oidc;
mod people;
mod provider;
mod queue;
mod references;
mod setting;
mod subscription;

use std::collections::BTreeMap;

pub use defaults::Defaults;
pub use edge::{AnswerCache, Degradation, Http, Retention, Store, StoreKind, Telemetry};
pub use hours::Calendar;
pub use oidc::{EMAIL, Grant, Oidc};
pub use people::{Caller, KeyHash, May, Reviewer, Role};
pub use provider::{
    Availability, Hedge, Model, Prices, Provider, Quality, RetryLimits, Service, Timeouts,
};
pub(crate) use queue::ExpiryWord;
pub use queue::{AtDoor, DoorAct, Expiry, HoldEnd, Overlap, Queue, QueueStep, StepAct};
pub use setting::{SecretRef, Setting};
pub use subscription::{
    Format, Mail, MailTls, Notify, NotifyTo, Payload, Subscription, host_and_port,
};

use crate::decode::{Decode, Decoder, Fields, Name, Named};
use crate::diagnostics::{Code, Problem, Report};
use crate::keys;
use crate::raw::{Limit, LimitKind, find_secrets};
use crate::source::{FileId, Sources, Span, Spanned};
use crate::yaml;

/// Where the gateway file stands in a workspace.
pub const PATH: &str = "policies/gateway.yaml";

/// A checked gateway file. Every name it mentions exists; maps are by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// Shown everywhere.
    pub name: String,
    /// What `$` means: an ISO 4217 code.
    pub currency: String,
    /// OpenAI-compatible servers.
    pub providers: BTreeMap<String, Provider>,
    /// Models, by the name that policies use.
    pub models: BTreeMap<String, Model>,
    /// Detectors.
    pub services: BTreeMap<String, Service>,
    /// Where people decide.
    pub queues: BTreeMap<String, Queue>,
    /// Opening hours.
    pub hours: BTreeMap<String, Calendar>,
    /// Who may call.
    pub callers: BTreeMap<String, Caller>,
    /// Who may decide.
    pub reviewers: BTreeMap<String, Reviewer>,
    /// A provider of OpenID Connect that signs people in at the desk.
    pub oidc: Option<Oidc>,
    /// Ways to tell people.
    pub notify: BTreeMap<String, Notify>,
    /// The mail server.
    pub mail: Option<Mail>,
    /// Consumers of events.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Limits over the whole gateway; `concurrency` without `per` is shared out by class.
    pub limits: Vec<Limit>,
    /// Limits on money over the whole gateway; they fail closed.
    pub spend: Vec<Limit>,
    /// Load levels.
    pub degradation: Degradation,
    /// Caps and times of the edge.
    pub http: Http,
    /// Where the ledger is.
    pub store: Store,
    /// The answer cache.
    pub cache: AnswerCache,
    /// Traces; `None` is off.
    pub telemetry: Option<Telemetry>,
    /// For policies that lack the key.
    pub defaults: Defaults,
    /// The file, for problems that concern it.
    pub file: FileId,
}

/// Reads and checks the gateway file in `file`; files that it names are looked up in `sources`.
/// `None` if anything in it is wrong; `report` says what.
pub fn load_gateway(sources: &Sources, file: FileId, report: &mut Report) -> Option<Gateway> {
    let before = report.error_count();
    let node = yaml::parse(sources, file, report)?;
    let mut d = Decoder::new(sources, report);
    find_secrets(&node, &mut d);
    if node.is_null() {
        let say = "the file is empty";
        return d.refuse(Problem::error(Code::Empty, Span::file_start(file), say));
    }
    let gateway = read(&node, file, &mut d);
    (report.error_count() == before).then_some(gateway).flatten()
}

fn read(node: &yaml::Node, file: FileId, d: &mut Decoder<'_>) -> Option<Gateway> {
    let mut f = Fields::open(node, &keys::GATEWAY, d)?;
    references::check(node, d);
    references::check_messages(node, d);
    references::check_sign_in(node, d);
    let name: Option<Spanned<Name>> = f.required("gateway", d);
    refuse_shared_limits(&mut f, d);
    let currency = currency(&mut f, d);
    // The fields are read in the order they stand here; the required one comes last.
    Some(Gateway {
        currency,
        providers: named(&mut f, "providers", d),
        models: named(&mut f, "models", d),
        services: named(&mut f, "services", d),
        queues: named(&mut f, "queues", d),
        hours: named(&mut f, "hours", d),
        callers: named(&mut f, "callers", d),
        reviewers: named(&mut f, "reviewers", d),
        oidc: f.optional("oidc", d),
        notify: named(&mut f, "notify", d),
        mail: f.optional("mail", d),
        subscriptions: named(&mut f, "subscriptions", d),
        limits: limits(&mut f, "limits", d),
        spend: spend(&mut f, d),
        degradation: f.all("degradation", d),
        http: f.all("http", d),
        store: f.all("store", d),
        cache: f.all("cache", d),
        telemetry: telemetry(&mut f, d),
        defaults: f.all("defaults", d),
        file: finished(f, file, d),
        name: name?.value.as_str().to_owned(),
    })
}

fn finished(fields: Fields<'_>, file: FileId, d: &mut Decoder<'_>) -> FileId {
    fields.finish(d);
    file
}

fn named<T: Decode>(
    fields: &mut Fields<'_>,
    key: &'static str,
    d: &mut Decoder<'_>,
) -> BTreeMap<String, T> {
    let all: Named<T> = fields.all(key, d);
    all.0.into_iter().map(|(name, value)| (name.value.as_str().to_owned(), value)).collect()
}

/// Limits in which no expression may stand: the gateway file knows no call's input.
fn limits(fields: &mut Fields<'_>, key: &'static str, d: &mut Decoder<'_>) -> Vec<Limit> {
    let limits: Vec<Limit> = fields.all(key, d);
    for limit in &limits {
        if let Some(per) = &limit.per
            && matches!(per.value, crate::raw::Per::Expression(_))
        {
            let say = "an expression cannot stand in the gateway file";
            let help =
                "write `caller`, `tenant`, `policy` or `model`, or put the limit in a policy";
            d.report.push(Problem::error(Code::Refused, per.span, say).help(help));
        }
    }
    limits
}

fn spend(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Vec<Limit> {
    let spend = limits(fields, "spend", d);
    for limit in &spend {
        if !matches!(limit.kind, LimitKind::Cost { .. }) {
            let say = "`spend` limits money only";
            let help = "write `cost: $500/day`; other limits stand under `limits`";
            d.report.push(Problem::error(Code::Refused, limit.span, say).help(help));
        }
    }
    spend
}

fn currency(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> String {
    let code: Option<Spanned<String>> = fields.optional("currency", d);
    let Some(code) = code else { return "USD".to_owned() };
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let say = format!("`{}` is not a currency code", code.value);
        let problem = Problem::error(Code::UnknownWord, code.span, say);
        d.report.push(problem.help("write three capital letters: `USD`, `EUR`"));
    }
    code.value
}

fn telemetry(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<Telemetry> {
    let node = fields.node("telemetry", d)?;
    if node.as_text() == Some("off") { None } else { Telemetry::decode(node, d) }
}

fn refuse_shared_limits(fields: &mut Fields<'_>, d: &mut Decoder<'_>) {
    let off = fields.node("shared_limits", d).is_none_or(|node| node.as_text() == Some("off"));
    if !off {
        fields.not_yet("shared_limits", d);
    }
}

#[cfg(test)]
mod tests;
