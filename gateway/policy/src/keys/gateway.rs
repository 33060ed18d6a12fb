//! Keys of the gateway file: servers, models, and what holds for all policies.

use super::judging::ON;
use super::policy::PENDINGS;
use super::{
    BUDGET, CALLER, FileUse, LIMIT, MAIL, NOTIFY, Names, OIDC, QUEUE, RETAIN, REVIEWER,
    STORE_RETAIN, SUBSCRIPTION, Unit, Value, Word, shapes,
};
use crate::gateway_file::StoreKind;
use crate::raw::{Durability, Stream};

const OFF: &[Word] = &[Word { name: "off", doc: "Not used." }];
static TIMEOUTS: &[Value] = &[Value::Unit(Unit::Time), Value::Map(&TIMEOUT)];
static HEDGES: &[Value] = &[Value::Words(OFF), Value::Map(&HEDGE)];
static TELEMETRIES: &[Value] = &[Value::Words(OFF), Value::Map(&TELEMETRY)];
pub(super) static SETTING: Value = Value::OneOf(&[Value::Text, Value::Map(&SECRET)]);
pub(super) const SETTING_HERE: Value = Value::OneOf(&[Value::Text, Value::Map(&SECRET)]);
pub(super) const LIMITS: Value = Value::List(&Value::Map(&LIMIT));

shapes! {
    /// The gateway file: what all policies share. No secret stands in it.
    GATEWAY = "the gateway file" {
        /// The gateway's name, shown everywhere.
        "gateway" required => Value::Name(Names::Own),
        /// What `$` means: an ISO 4217 code.
        "currency" = "USD" => Value::Like("^[A-Z]{3}$", "USD"),
        /// OpenAI-compatible servers, by name.
        "providers" => Value::Named(Names::Provider, &Value::Map(&PROVIDER)),
        /// Models, by the name that policies use.
        "models" => Value::Named(Names::Model, &Value::Map(&MODEL)),
        /// Detectors of your own, by name.
        "services" => Value::Named(Names::Service, &Value::Map(&SERVICE)),
        /// Calendars of opening hours, by name.
        "hours" => Value::Named(Names::Hours, &Value::Map(&CALENDAR)),
        /// Where people decide, by name.
        "queues" => Value::Named(Names::Queue, &Value::Map(&QUEUE)),
        /// Who may call, by name.
        "callers" => Value::Named(Names::Caller, &Value::Map(&CALLER)),
        /// Who may decide, by name.
        "reviewers" => Value::Named(Names::Reviewer, &Value::Map(&REVIEWER)),
        /// A provider of OpenID Connect that signs people in at the desk.
        "oidc" => Value::Map(&OIDC),
        /// Ways to tell people, by name.
        "notify" => Value::Named(Names::Notify, &Value::Map(&NOTIFY)),
        /// The mail server.
        "mail" => Value::Map(&MAIL),
        /// Consumers of events, by name.
        "subscriptions" => Value::Named(Names::Subscription, &Value::Map(&SUBSCRIPTION)),
        /// Limits over the whole gateway; `concurrency` without `per` is shared out by class.
        "limits" => LIMITS,
        /// Limits on money over the whole gateway; they fail closed.
        "spend" => LIMITS,
        /// Limits shared between gateways.
        "shared_limits" = "off" => Value::Words(OFF),
        /// Load levels: at which load extras, models and calls are given up.
        "degradation" => Value::Map(&DEGRADATION),
        /// Caps and times of requests.
        "http" => Value::Map(&HTTP),
        /// Where the ledger is, and how long it keeps things.
        "store" => Value::Map(&STORE),
        /// The size of the answer cache.
        "cache" => Value::Map(&ENTRIES),
        /// Where traces go.
        "telemetry" = "off" => Value::OneOf(TELEMETRIES),
        /// For policies that lack the key. A key is taken whole, `on` class by class.
        "defaults" => Value::Map(&DEFAULTS),
    }

    /// An OpenAI-compatible server.
    PROVIDER = "a provider" {
        /// Its base address, such as `https://api.example.com/v1`.
        "url" required => SETTING_HERE,
        /// Its key.
        "key" => Value::Map(&SECRET),
        /// Further headers of each request.
        "headers" => Value::Named(Names::Header, &SETTING),
        /// Longest time to connect.
        "connect" = "2s" => Value::Unit(Unit::Time),
    }

    /// Where a secret is found. It never stands in a file of the workspace.
    SECRET = "a secret" {
        /// The environment variable that holds it.
        "env" either => Value::Like("^[A-Za-z_][A-Za-z0-9_]*$", "NAME"),
        /// The file of the machine that holds it.
        "file" either => Value::Text,
    }

    /// A model, as policies know it.
    MODEL = "a model" {
        /// The provider that has it.
        "provider" required => Value::Name(Names::Provider),
        /// The model's own name at the provider.
        "model" required => Value::Text,
        /// What it costs; without it no policy with `cost` may use it.
        "price" => Value::Map(&PRICE),
        /// Mirror of the provider's limits, over all policies.
        "limits" => LIMITS,
        /// Most tokens of a request and its answer together.
        "context" => Value::Unit(Unit::Count),
        /// Most tokens of an answer.
        "max_output" => Value::Unit(Unit::Count),
        /// Whether it reports log-probabilities.
        "logprobs" = "false" => Value::Bool,
        /// Whether it can hold an answer to a JSON Schema.
        "schema" = "false" => Value::Bool,
        /// Whether it can call tools.
        "tools" = "false" => Value::Bool,
        /// The times of one attempt.
        "timeout" => Value::OneOf(TIMEOUTS),
        /// When the model is left alone because it keeps failing.
        "breaker" => Value::Map(&BREAKER),
        /// How much it may be asked again, over all calls.
        "retry" => Value::Map(&RETRIES),
        /// A second request when the first is late.
        "hedge" = "off" => Value::OneOf(HEDGES),
    }

    /// Prices per million tokens.
    PRICE = "a price" {
        /// Of what is sent.
        "input" required => Value::Unit(Unit::Price),
        /// Of what is sent and was cached by the provider; else the price of input.
        "cached" => Value::Unit(Unit::Price),
        /// Of what is answered.
        "output" required => Value::Unit(Unit::Price),
    }

    /// The times of one attempt.
    TIMEOUT = "a timeout" {
        /// Until the first byte of the answer.
        "first_byte" = "20s" => Value::Unit(Unit::Time),
        /// Between two pieces of the answer.
        "idle" = "15s" => Value::Unit(Unit::Time),
        /// For all of it; else the call's deadline.
        "total" => Value::Unit(Unit::Time),
    }

    /// When a model or service is left alone.
    BREAKER = "a breaker" {
        /// For reachability: transport, 5xx, timeout, slow; not throttling.
        "availability" => Value::Map(&AVAILABILITY),
        /// For good answers, kept per policy: malformed, schema, doubt.
        "quality" => Value::Map(&QUALITY),
    }

    /// When the breaker for reachability opens.
    AVAILABILITY = "`availability`" {
        /// The time that is looked at.
        "window" = "60s" => Value::Unit(Unit::Time),
        /// It opens after so many failures in a row.
        "failures" = "5" => Value::Unit(Unit::Count),
        /// It opens at this share of failures in ten or more.
        "share" = "50%" => Value::Unit(Unit::Share),
        /// An attempt longer than this counts as slow.
        "slow" = "30s" => Value::Unit(Unit::Time),
        /// How long it stays open first; longer each time that it opens again, up to 40 s.
        "cool_down" = "15s" => Value::Unit(Unit::Time),
    }

    /// When the breaker for good answers opens.
    QUALITY = "`quality`" {
        /// The time that is looked at, 200 answers at most.
        "window" = "15min" => Value::Unit(Unit::Time),
        /// It opens when the share of bad answers is surely above this.
        "bad" = "30%" => Value::Unit(Unit::Share),
        /// Fewer answers than this prove nothing.
        "least" = "30" => Value::Unit(Unit::Count),
        /// How long it stays open first; twice as long each time, an hour at most.
        "cool_down" = "5min" => Value::Unit(Unit::Time),
    }

    /// How much a model may be asked again.
    RETRIES = "`retry`" {
        /// Retries as a share of first attempts over 60 s; of their tokens, half as much again.
        "share" = "10%" => Value::Unit(Unit::Share),
        /// Longest backoff.
        "at_most" = "8s" => Value::Unit(Unit::Time),
    }

    /// A second request when the first is late.
    HEDGE = "`hedge`" {
        /// After this time.
        "after" required => Value::Unit(Unit::Time),
        /// At most for this share of attempts.
        "share" = "2%" => Value::Unit(Unit::Share),
    }

    /// A detector: it is sent `{texts, kind}` and answers `{score, found}`.
    SERVICE = "a service" {
        /// Its address.
        "url" required => SETTING_HERE,
        /// Its key.
        "key" => Value::Map(&SECRET),
        /// Longest time of a request.
        "timeout" = "2s" => Value::Unit(Unit::Time),
        /// Limits on asking it.
        "limits" => LIMITS,
        /// When it is left alone because it keeps failing.
        "breaker" => Value::Map(&BREAKER),
    }

    /// A calendar of opening hours.
    CALENDAR = "a calendar" {
        /// The time zone, such as `Europe/Berlin`.
        "zone" required => Value::Text,
        /// Opening times by day or days: `{mon-fri: "08:00-17:00"}`.
        "open" required => Value::Days,
        /// A file of closed days, one date a line.
        "closed" => Value::File(FileUse::Lines),
    }

    /// Load levels.
    DEGRADATION = "`degradation`" {
        /// Extras go: hedges, votes and judges of policies that are not critical.
        "brownout" = "70%" => Value::Unit(Unit::Share),
        /// Sheddable policies answer by fallback.
        "essential" = "80%" => Value::Unit(Unit::Share),
        /// Calls are refused.
        "shed" = "90%" => Value::Unit(Unit::Share),
        /// How long the load must be lower before a level is left.
        "recover" = "30s" => Value::Unit(Unit::Time),
    }

    /// Caps and times of requests.
    HTTP = "`http`" {
        /// Largest body.
        "body" = "4MB" => Value::Unit(Unit::Bytes),
        /// Deepest JSON, from 8 to 120.
        "depth" = "64" => Value::Unit(Unit::Count),
        /// Longest wait that a caller may ask for.
        "wait" = "60s" => Value::Unit(Unit::Time),
        /// Longest time for a request's headers.
        "headers" = "10s" => Value::Unit(Unit::Time),
        /// The address at which people reach the desk, such as `https://backstop.example.com`:
        /// links in messages start with it.
        "public" => Value::Text,
    }

    /// Where the ledger is.
    STORE = "`store`" {
        /// The kind of store.
        "kind" = "sqlite" => Value::Words(StoreKind::WORDS),
        /// The address of a store that is a server.
        "url" later => SETTING_HERE,
        /// How long things are kept.
        "retain" => Value::Map(&STORE_RETAIN),
    }

    /// The size of the answer cache.
    ENTRIES = "`cache`" {
        /// Most answers.
        "entries" = "10k" => Value::Unit(Unit::Count),
        /// Most bytes.
        "bytes" = "256MB" => Value::Unit(Unit::Bytes),
    }

    /// Where traces go.
    TELEMETRY = "`telemetry`" {
        /// An OTLP endpoint over HTTP.
        "otlp" required => SETTING_HERE,
        /// The share of calls that are traced.
        "sample" = "100%" => Value::Unit(Unit::Share),
    }

    /// What policies get for keys they lack.
    DEFAULTS = "`defaults`" {
        /// How long the automatic part may take.
        "deadline" = "30s" => Value::Unit(Unit::Time),
        /// What the automatic part may use.
        "budget" => Value::Map(&BUDGET),
        /// Limits at the door.
        "limits" => LIMITS,
        /// The OpenAI face while a person decides.
        "pending" = "error" => Value::OneOf(PENDINGS),
        /// How text leaves.
        "stream" = "buffer" => Value::Words(Stream::WORDS),
        /// Ladders by failure class.
        "on" => Value::Map(&ON),
        /// When a response may leave.
        "durability" = "strict" => Value::Words(Durability::WORDS),
        /// How long things are kept.
        "retain" => Value::Map(&RETAIN),
    }
}
