//! The gateway file: one that uses every key, and one mistake each.
#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::diagnostics::render;

fn read(text: &str) -> (Option<Gateway>, String) {
    let files = [(PATH, text), ("policies/mail-triage.yaml", ""), ("policies/days.txt", "x\n")];
    let map = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let sources = Sources::new(map.into());
    let file = sources.find(PATH).expect("the file");
    let mut report = Report::new();
    let gateway = load_gateway(&sources, file, &mut report);
    (gateway, render::text(&report, &sources, render::Style::Plain))
}

const FULL: &str = r#"gateway: acme
currency: EUR
providers:
  main:
    url: https://api.example.com/v1
    key: {env: API_KEY}
    headers: {X-Team: a, X-Key: {file: /run/k}}
    connect: 1s
models:
  small:
    provider: main
    model: tiny
    price: {input: $0.15/M, output: $0.60/M}
    limits: [{tokens: 100k/min, burst: 20k}, {concurrency: 8}]
    context: 128k
    max_output: 4k
    logprobs: true
    schema: true
    tools: true
    timeout: {first_byte: 5s, idle: 5s, total: 20s}
    breaker: {availability: {failures: 3, cool_down: 20s}, quality: {bad: 20%, least: 50}}
    retry: {share: 5%, at_most: 4s}
    hedge: {after: 2s, share: 2%}
  other: {provider: main, model: tiny, timeout: 3s, hedge: off}
services:
  injection: {url: {env: INJECTION_URL}, timeout: 1s}
hours:
  office: {zone: Europe/Berlin, open: {mon-fri: "08:00-17:00", sat: ["08:00-10:00"]}}
notify:
  chat: {webhook: {env: CHAT_URL}}
  ours: {webhook: "https://x", secret: {env: HOOK}, private_network: true, digest: 1min}
  team: {email: team@example.com, digest: 5min}
mail: {smtp: "mail.example.com:587", tls: tls, from: backstop@example.com, user: us, key: {env: S}}
queues:
  review:
    title: Reviews
    due: 4h
    hours: office
    steps:
      - {after: 2h, notify: chat}
      - {after: 1h, priority: high, notify: ours}
      - {after: 3h, add_queue: last, notify: team}
    on_expiry: hold
    hold_at_most: {for: 2d, then: fallback}
    approvals: 2
    at_door: {when_wait_over: 1d, then: fallback}
    reasons: [wrong]
    overlap: {share: 5%, people: 3}
    known_answers: 0.02
  last: {due: 1d, on_expiry: approve, approve_unseen: true}
callers:
  mail:
    keys: ["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
    policies: [mail-triage]
    may: [cancel]
    limits: [{requests: 60/min}]
    highest: critical
reviewers:
  alex: {login: alex@example.com, teams: ap, queues: [review], roles: [reviewer, lead], sees_private: true}
oidc:
  title: Acme
  issuer: https://login.example.com
  client_id: backstop
  client_secret: {env: OIDC}
  scopes: [email, groups]
  name: sub
  grants:
    - {is: ap, roles: reviewer, queues: [review], teams: ap, skills: french, sees_private: true}
    - {claim: realm.roles, is: [boss, chief], roles: [lead, operator]}
  hosts: keys.example.com
  private_network: true
subscriptions:
  feed:
    url: https://example.com/hook
    secret: {env: HOOK}
    policies: mail-triage
    format: cloudevents
limits: [{concurrency: 200}]
spend: [{cost: $500/day, per: tenant}]
shared_limits: off
degradation: {brownout: 60%, essential: 75%, shed: 95%, recover: 1min}
http: {body: 1MB, depth: 32, wait: 30s, headers: 5s, public: "https://desk.example.com/"}
store: {kind: sqlite, retain: {bodies: 7d}}
cache: {entries: 5k, bytes: 64MB}
telemetry: {otlp: "http://127.0.0.1:4318", sample: 10%}
defaults: {deadline: 10s, on: {timeout: [next_model, fallback]}}
"#;

#[test]
fn every_key_of_the_gateway_file_is_read() {
    let (gateway, shown) = read(FULL);
    assert_eq!(shown, "");
    let gateway = gateway.expect("a gateway");
    let small = gateway.models.get("small").expect("small");
    assert_eq!(small.price.map(|price| (price.input.0, price.cached.0)), Some((150_000, 150_000)));
    assert_eq!(small.availability.failures, 3);
    assert_eq!(small.quality.bad, 200_000);
    let other = gateway.models.get("other").expect("other");
    assert_eq!((other.timeouts.first_byte_ms, other.timeouts.total_ms), (3000, Some(3000)));
    let review = gateway.queues.get("review").expect("review");
    assert_eq!(review.on_expiry, Expiry::Hold { at_most_ms: 172_800_000, then: HoldEnd::Fallback });
    let overlap = (review.overlap.share, review.overlap.people);
    assert_eq!((overlap, review.known_answers), ((50_000, 3), 20_000));
    assert!(review.blind, "two approvals are blind unless the file says otherwise");
    assert_eq!(review.steps.first().map(|step| step.after_ms), Some(3_600_000));
    assert_eq!(gateway.store.retain.events_ms, 400 * 86_400_000);
    assert_eq!(gateway.defaults.on.len(), 1);
    assert_eq!(gateway.http.body_bytes_max, 1_000_000);
    assert_eq!(gateway.http.public.as_deref(), Some("https://desk.example.com"));
    let digests: Vec<u64> = gateway.notify.values().map(|one| one.digest_ms).collect();
    assert_eq!(digests, [0, 60_000, 300_000]);
}

#[test]
fn a_gateway_with_a_name_alone_has_every_default() {
    let (gateway, shown) = read("gateway: g\n");
    assert_eq!(shown, "");
    let gateway = gateway.expect("a gateway");
    assert_eq!(gateway.currency, "USD");
    assert_eq!(gateway.http, Http::default());
    assert_eq!(gateway.degradation, Degradation::default());
    assert_eq!(gateway.cache, AnswerCache::default());
    assert!(gateway.telemetry.is_none());
}

/// One mistake each, from line 2 on: the text, its place, its code, a part of what is shown.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    ("provider: {}", "2:1", "BS0201", "did you mean `providers`?"),
    ("currency: euro", "2:11", "BS0204", "three capital letters"),
    ("providers: {a: {url: example.com}}", "2:22", "BS0505", "must begin with `https://`"),
    ("providers: {a: {url: \"https://u:p@example.com\"}}", "2:22", "BS0501", "cannot stand in"),
    ("providers: {a: {url: {env: $URL}}}", "2:28", "BS0206", "without `$`"),
    ("providers: {a: {url: \"http://x\", key: abc}}", "2:39", "BS0501", "`{env: NAME}`"),
    (
        "providers: {a: {url: \"http://x\", headers: {Authorization: x}}}",
        "2:59",
        "BS0501",
        "secret",
    ),
    (
        "models: {m: {provider: mian, model: x}}\nproviders: {main: {url: \"http://x\"}}",
        "2:24",
        "BS0502",
        "did you mean `main`?",
    ),
    ("models: {m: {model: x}}", "2:13", "BS0202", "needs the key `provider`"),
    (
        "queues: {q: {due: 1h, hours: ofice}}\n\
         hours: {office: {zone: UTC, open: {mon: \"08:00-09:00\"}}}",
        "2:30",
        "BS0502",
        "`office`",
    ),
    ("queues: {q: {}}", "2:13", "BS0202", "needs the key `due`"),
    ("queues: {q: {due: 0s}}", "2:19", "BS0302", "due at once"),
    ("queues: {q: {due: 1h, on_expiry: hold}}", "2:34", "BS0503", "hold_at_most: 2d"),
    ("queues: {q: {due: 1h, on_expiry: approve}}", "2:34", "BS0503", "approve_unseen: true"),
    ("queues: {q: {due: 1h, approve_unseen: true}}", "2:39", "BS0503", "belongs to `approve`"),
    ("queues: {q: {due: 1h, hold_at_most: 1h}}", "2:23", "BS0503", "belongs to `on_expiry: hold`"),
    ("queues: {q: {due: 1h, at_door: {then: approve}}}", "2:39", "BS0204", "at the door"),
    ("queues: {q: {due: 1h, approvals: 0}}", "2:34", "BS0302", "not in 1 to"),
    ("queues: {q: {due: 1h, overlap: 200%}}", "2:32", "BS0301", "200%"),
    ("queues: {q: {due: 1h, overlap: {share: 2%, people: 1}}}", "2:52", "BS0302", "not in 2 to 5"),
    ("queues: {q: {due: 1h, known_answers: many}}", "2:38", "BS0301", "2%"),
    ("queues: {q: {due: 1h, steps: [{after: 1h}]}}", "2:31", "BS0202", "does nothing"),
    (
        "queues: {q: {due: 1h, steps: [{after: 1h, notify: chat}]}}",
        "2:51",
        "BS0502",
        "no way to notify",
    ),
    (
        "hours: {h: {zone: Europe/Berln, open: {mon: \"08:00-09:00\"}}}",
        "2:19",
        "BS0504",
        "not known",
    ),
    ("hours: {h: {zone: UTC, open: {monday: \"08:00-09:00\"}}}", "2:31", "BS0204", "is not a day"),
    ("hours: {h: {zone: UTC, open: {mon: 8-17}}}", "2:36", "BS0301", "08:00-17:00"),
    ("hours: {h: {zone: UTC, open: {}}}", "2:30", "BS0205", "never open"),
    ("hours: {h: {zone: UTC}}", "2:12", "BS0202", "needs the key `open`"),
    (
        "hours: {h: {zone: UTC, open: {mon: [\"08:00-10:00\", \"09:00-11:00\"]}}}",
        "2:36",
        "BS0207",
        "overlap",
    ),
    (
        "hours: {h: {zone: UTC, open: {mon: \"08:00-09:00\"}, closed: no.txt}}",
        "2:60",
        "BS0507",
        "policies/no.txt",
    ),
    ("callers: {c: {keys: [\"sha256:12\"]}}", "2:22", "BS0506", "backstop key"),
    ("callers: {c: {keys: [my-key]}}", "2:22", "BS0501", "backstop key"),
    ("callers: {c: {policies: [mail-triag]}}", "2:26", "BS0502", "did you mean `mail-triage`?"),
    ("callers: {c: {may: [cancle]}}", "2:21", "BS0204", "did you mean `cancel`?"),
    (
        "callers: {c: {limits: [{requests: 1/s, per: \"= input.a\"}]}}",
        "2:45",
        "BS0409",
        "gateway file",
    ),
    ("reviewers: {r: {password: hunter2}}", "2:27", "BS0501", "a password stands"),
    ("reviewers: {a: {login: Ada@x}, b: {login: ada@x}}", "2:43", "BS0208", "keep it in one entry"),
    ("reviewers: {r: {queues: [q]}}", "2:26", "BS0502", "there is no queue named `q`"),
    ("subscriptions: {s: {url: \"https://x\"}}", "2:20", "BS0202", "needs the key `secret`"),
    (
        "notify: {n: {email: nobody}}\nmail: {smtp: \"m:25\", from: a@b}\n\
         http: {public: \"https://x\"}\n\
         queues: {q: {due: 1h, steps: [{after: 1h, notify: n}]}}",
        "2:21",
        "BS0505",
        "not a mail address",
    ),
    (
        "notify: {n: {email: a@b}}\nhttp: {public: \"https://x\"}\n\
         queues: {q: {due: 1h, steps: [{after: 1h, notify: n}]}}",
        "2:21",
        "BS0502",
        "add `mail: {smtp:",
    ),
    (
        "notify: {n: {email: a@b, secret: {env: X}}}\nmail: {smtp: \"m:25\", from: a@b}\n\
         http: {public: \"https://x\"}\n\
         queues: {q: {due: 1h, steps: [{after: 1h, notify: n}]}}",
        "2:26",
        "BS0201",
        "`secret`",
    ),
    ("mail: {smtp: mail.example.com, from: a@b}", "2:14", "BS0505", "a host and its port"),
    ("mail: {smtp: \"m:25\", from: a@b, user: us}", "2:33", "BS0201", "`user`"),
    ("http: {public: desk.example.com}", "2:16", "BS0505", "must begin with"),
    ("http: {public: \"https://x?a=b\"}", "2:16", "BS0505", "put behind"),
    ("spend: [{tokens: 5k/day}]", "2:9", "BS0409", "money only"),
    ("shared_limits: {url: \"redis://x\"}", "2:1", "BS0407", "not available yet"),
    ("store: {kind: postgres, url: {env: X}}", "2:15", "BS0407", "kind: sqlite"),
    ("store: {url: x}", "2:9", "BS0207", "embedded store"),
    ("degradation: {brownout: 95%}", "2:14", "BS0302", "must rise"),
    ("http: {body: 4}", "2:14", "BS0301", "`4MB`"),
    ("http: {depth: 500}", "2:15", "BS0302", "8 to 120"),
    ("defaults: {stream: checked}", "2:20", "BS0407", "not available yet"),
    ("defaults: {queue: q}", "2:12", "BS0201", "is not a key of `defaults`"),
    ("defaults: {on: {rule: reject}}", "2:17", "BS0404", "`then:` of the rule"),
];

#[test]
fn each_mistake_is_one_problem_at_its_place() {
    let mut wrong = Vec::new();
    for (text, place, code, part) in MISTAKES {
        let (gateway, shown) = read(&format!("gateway: g\n{text}\n"));
        let (place, code) = (format!("gateway.yaml:{place}\n"), format!("[{code}]"));
        let fine = [place.as_str(), &code, part, "\n1 error\n"].iter().all(|p| shown.contains(p));
        if !fine || gateway.is_some() {
            wrong.push(format!("== {text}\nwanted {place}{code} {part}\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n"));
}

/// One mistake each in `oidc`, from line 3 on: the text, its place, its code, a part of the words.
const SIGN_IN: &[(&str, &str, &str, &str)] = &[
    ("issuer: http://login.example.com", "4:11", "BS0505", "except on this machine"),
    ("issuer: \"https://login.example.com?a=b\"", "4:11", "BS0505", "nothing behind"),
    ("issuer: login.example.com", "4:11", "BS0505", "must begin with"),
    ("client_secret: abc", "4:18", "BS0501", "`{env: NAME}`"),
    ("scopes: [\"email groups\"]", "4:12", "BS0206", "an entry of its own"),
    ("hosts: https://keys.example.com", "4:10", "BS0206", "without `https://`"),
    ("name: nickname", "4:9", "BS0409", "`preferred_username`"),
    ("grants: [{is: a}]", "4:12", "BS0202", "needs the key `roles`"),
    ("grants: [{roles: viewer}]", "4:12", "BS0202", "needs the key `is`"),
    ("grants: [{is: a, roles: revewer}]", "4:27", "BS0204", "did you mean `reviewer`?"),
    ("grants: [{is: a, roles: viewer, queues: [q]}]", "4:44", "BS0502", "no queue named `q`"),
    ("grant: []", "4:3", "BS0201", "did you mean `grants`?"),
];

#[test]
fn each_mistake_about_signing_in_is_one_problem_at_its_place() {
    let usual = ["issuer: https://x", "client_id: us", "client_secret: {env: S}"];
    let mut wrong = Vec::new();
    for (text, place, code, part) in SIGN_IN {
        let (key, _) = text.split_once(' ').expect("a key");
        let grants = "grants: [{is: a, roles: viewer}]";
        let others = usual.iter().chain([&grants]).filter(|line| !line.starts_with(key));
        let rest: String = others.map(|line| format!("  {line}\n")).collect();
        let public = "http: {public: \"https://desk.example.com\"}";
        let (gateway, shown) = read(&format!("gateway: g\n{public}\noidc:\n  {text}\n{rest}"));
        let (place, code) = (format!("gateway.yaml:{place}\n"), format!("[{code}]"));
        let fine = [place.as_str(), &code, part, "\n1 error\n"].iter().all(|p| shown.contains(p));
        if !fine || gateway.is_some() {
            wrong.push(format!("== {text}\nwanted {place}{code} {part}\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_provider_must_know_where_people_come_back_to_and_somebody_must_be_let_in() {
    let oidc = "oidc: {issuer: \"http://localhost:9\", client_id: us, client_secret: {env: S}";
    let grants = "grants: [{is: a, roles: viewer}], private_network: true";
    let told = |more: &str, rest: &str| read(&format!("gateway: g\n{oidc}{more}}}\n{rest}"));
    let public = "http: {public: \"http://127.0.0.1:8484\"}\n";
    let (gateway, shown) = told(&format!(", {grants}"), public);
    assert_eq!(shown, "", "this machine needs no encryption");
    let oidc = gateway.and_then(|gateway| gateway.oidc).expect("a provider");
    assert_eq!((&*oidc.title, &*oidc.name, oidc.private_network), ("localhost", "email", true));
    assert_eq!(oidc.scopes, ["openid", "email", "profile"]);
    let (gateway, shown) = told(&format!(", {grants}"), "");
    assert!(gateway.is_none() && shown.contains("cannot send people back"), "{shown}");
    let (gateway, shown) = told(&format!(", {grants}"), "http: {public: \"http://desk.x\"}\n");
    assert!(gateway.is_none() && shown.contains("gateway.yaml:3:16\n"), "{shown}");
    let (gateway, shown) = told("", public);
    assert!(gateway.is_some() && shown.contains("nobody can sign in"), "{shown}");
    assert!(shown.contains("`localhost` lies in a private network"), "{shown}");
    let entry = format!("{public}reviewers: {{ada: {{login: ada@example.com}}}}\n");
    assert_eq!(told(", private_network: true", &entry).1, "");
}

#[test]
fn messages_without_links_are_warned_of() {
    let (gateway, shown) = read("gateway: g\nnotify: {chat: {webhook: \"https://x\"}}\n");
    assert!(gateway.is_some(), "{shown}");
    assert!(shown.contains("gateway.yaml:2:10") && shown.contains("public:"), "{shown}");
}

#[test]
fn a_bad_line_of_the_closed_days_is_pointed_at_in_its_own_file() {
    let text =
        "gateway: g\nhours: {h: {zone: UTC, open: {mon: \"08:00-09:00\"}, closed: days.txt}}\n";
    let (_, shown) = read(text);
    assert!(shown.contains("policies/days.txt:1:1") && shown.contains("2026-12-25"), "{shown}");
}
