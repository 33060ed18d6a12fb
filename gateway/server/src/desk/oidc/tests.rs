//! The parts that need no provider: what is kept for how long, which try counts, what rows add up
//! to. The whole way, and all that must not lead in, is told in `tests/it/oidc.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use axum::http::{HeaderMap, HeaderValue, header};
use backstop_domain::{Digest, Granted, Millis};
use backstop_policy::{Sources, Workspace};

use super::{Refused, attempt::Attempt, attempt::Used, kept::Kept, who};
use crate::{
    auth::{Credential, Keys, Vouched},
    desk::session::Sessions,
};

const NOON: Millis = Millis(1_790_000_000_000);
const MINUTE: u64 = 60_000;

fn sessions(since: Millis) -> Sessions {
    Sessions::new("a secret of this process".to_owned(), since)
}

/// That try, back in the browser that holds its cookie.
fn back(sessions: &Sessions, attempt: &Attempt, now: Millis) -> Result<Attempt, Refused> {
    let cookie = attempt.cookie(sessions, true);
    let mut sent = HeaderMap::new();
    let pair = cookie.split(';').next().unwrap();
    sent.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
    Attempt::taken_up(&sent, &attempt.state(sessions), sessions, true, now)
}

#[test]
fn a_try_counts_for_ten_minutes_and_only_in_the_process_that_began_it() {
    let (ours, attempt) = (sessions(NOON), Attempt::begin("id".into(), NOON, "/overview".into()));
    assert_eq!(back(&ours, &attempt, NOON.plus(10 * MINUTE - 1)), Ok(attempt.clone()));
    assert_eq!(back(&ours, &attempt, NOON.plus(10 * MINUTE)), Err(Refused::NotBegun));
    let later = sessions(NOON.plus(1));
    assert_eq!(back(&later, &attempt, NOON.plus(2)), Err(Refused::NotBegun));
}

#[test]
fn a_trys_cookie_opens_no_session_and_tells_nothing_that_the_provider_is_sent() {
    let (ours, attempt) = (sessions(NOON), Attempt::begin("id".into(), NOON, String::new()));
    let cookie = attempt.cookie(&ours, true);
    assert!(cookie.starts_with("__Host-") && cookie.ends_with("; Secure"), "{cookie}");
    let value = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
    assert_eq!(ours.read(value), None);
    let sent = [attempt.state(&ours), attempt.nonce(&ours), attempt.verifier(&ours)];
    assert!(sent.iter().all(|one| !value.contains(one.as_str())), "{cookie}");
    assert!(sent[0] != sent[1] && sent[1] != sent[2] && sent[0] != sent[2]);
}

#[test]
fn a_try_is_used_up_once() {
    let (used, attempt) = (Used::default(), Attempt::begin("id".into(), NOON, String::new()));
    assert_eq!(used.use_up(&attempt, NOON), Ok(()));
    assert_eq!(used.use_up(&attempt, NOON), Err(Refused::Used));
    assert_eq!(used.use_up(&Attempt::begin("other".into(), NOON, String::new()), NOON), Ok(()));
}

#[tokio::test]
async fn what_was_asked_is_kept_for_an_hour_and_asked_anew_once_a_minute_at_most() {
    let kept = Kept::default();
    let get = async |after: u64, answer: u32| {
        *kept.get(NOON.plus(after), async { Ok(answer) }).await.unwrap()
    };
    let anew = async |after: u64, answer: u32| {
        kept.anew(NOON.plus(after), async { Ok(answer) }).await.unwrap().map(|answer| *answer)
    };
    assert_eq!((get(0, 1).await, get(60 * MINUTE - 1, 2).await), (1, 1));
    assert_eq!(get(60 * MINUTE, 3).await, 3);
    let start = 61 * MINUTE;
    assert_eq!(anew(start, 4).await, Some(4));
    assert_eq!(anew(start + MINUTE - 1, 5).await, None);
    assert_eq!(get(start + MINUTE - 1, 6).await, 4);
    assert_eq!(anew(start + MINUTE, 7).await, Some(7));
}

#[tokio::test]
async fn after_a_failure_nobody_asks_for_a_moment() {
    let kept: Kept<u32> = Kept::default();
    let fails = kept.get(NOON, async { Err("away".to_owned()) }).await;
    assert_eq!(fails.unwrap_err(), "away");
    let next = kept.get(NOON.plus(2_999), async { Ok(1) }).await;
    assert_eq!(next.unwrap_err(), "away", "those who waited do not wait again");
    assert_eq!(*kept.get(NOON.plus(3_000), async { Ok(2) }).await.unwrap(), 2);
}

/// What rows in a gateway file open to somebody of these groups.
fn opens(grants: &str, groups: &[&str]) -> Result<Option<Granted>, Refused> {
    let file = format!(
        "gateway: g\nhttp: {{public: \"https://desk.example.com\"}}\n\
         queues: {{a: {{due: 1h}}, b: {{due: 1h}}}}\n\
         oidc:\n  issuer: https://login.example.com\n  client_id: us\n  \
         client_secret: {{env: S}}\n  grants: {grants}\n"
    );
    let sources = Sources::new([("policies/gateway.yaml".to_owned(), file.into_bytes())].into());
    let (workspace, report) = Workspace::load(&sources);
    assert!(!report.has_errors(), "{report:?}");
    let gateway = workspace.gateway.unwrap();
    let claims = serde_json::json!({
        "email": "ada@example.com", "email_verified": true, "groups": groups,
    });
    let claims = super::token::made_up(claims);
    let came = who::known(gateway.oidc.as_ref().unwrap(), &Keys::of(&gateway), &claims);
    came.map(|came| came.granted)
}

#[test]
fn rows_add_up_and_one_that_only_lets_people_look_never_widens_where_they_decide() {
    let grants = "[{is: a, roles: reviewer, queues: a, teams: x}, \
                   {is: b, roles: reviewer, queues: b, teams: y, skills: s, sees_private: true}, \
                   {is: looks, roles: viewer}, {is: looks-b, roles: viewer, queues: b}, \
                   {is: all, roles: lead}]";
    let queues = |groups: &[&str]| opens(grants, groups).unwrap().unwrap().queues;
    assert_eq!(queues(&["a", "looks"]), ["a"]);
    assert_eq!(queues(&["a", "looks-b"]), ["a"]);
    assert_eq!(queues(&["a", "b"]), ["a", "b"]);
    assert_eq!(queues(&["looks-b"]), ["b"]);
    assert_eq!(queues(&["looks-b", "looks"]), [""; 0]);
    assert_eq!(queues(&["a", "all"]), [""; 0], "a lead of all queues is one of all");
    let both = opens(grants, &["b", "a"]).unwrap().unwrap();
    assert_eq!((both.roles, both.teams), (vec!["reviewer".into()], vec!["x".into(), "y".into()]));
    assert_eq!((both.skills, both.sees_private), (vec!["s".into()], true));
    assert_eq!(opens(grants, &["c"]), Err(Refused::NoRole("ada@example.com".into())));
}

#[test]
fn whatever_changes_in_the_entry_of_the_provider_ends_what_came_in_by_it() {
    let gateway = |more: &str| {
        let file = format!(
            "gateway: g\nhttp: {{public: \"https://desk.example.com\"}}\n\
             oidc: {{issuer: \"https://x\", client_id: us, client_secret: {{env: S}}, \
             grants: [{{is: a, roles: viewer}}]{more}}}\n"
        );
        let files = [("policies/gateway.yaml".to_owned(), file.into_bytes())].into();
        Workspace::load(&Sources::new(files)).0.gateway.unwrap()
    };
    let (before, after) = (gateway(""), gateway(", name: sub"));
    let [oidc, other] = [&before, &after].map(|gateway| gateway.oidc.clone().unwrap());
    let keys = Keys::of(&before);
    let Vouched::Stranger(by) = keys.vouched(&oidc, "ada@example.com") else { panic!("she may") };
    assert!(keys.still_vouched("ada@example.com", &by));
    assert!(!keys.still_vouched("eve@example.com", &by));
    // What was asked of the provider as it was before a reload opens nothing after it.
    assert_eq!(keys.vouched(&other, "ada@example.com"), Vouched::Outdated);
    keys.reload(&after);
    assert!(!keys.still_vouched("ada@example.com", &by));
    assert_eq!(keys.vouched(&oidc, "ada@example.com"), Vouched::Outdated);
    keys.reload(&before);
    assert!(keys.still_vouched("ada@example.com", &by), "put back as it was");
    let made_up = Credential::Provider(Digest::of(b"x"));
    assert!(!keys.still_vouched("ada@example.com", &made_up));
}
