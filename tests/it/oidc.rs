//! Signing in at the desk by a provider of OpenID Connect, over the real wire: the whole way, and
//! every way that must not lead in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backstop_tests::caller::send;
use backstop_tests::person::hidden;
use backstop_tests::provider::{Behaves, CLIENT, SECRET, Signs, person};
use backstop_tests::workspace::REVIEWER_KEY;
use backstop_tests::{Answered, Gateway, Person, Provider, Upstream, Workspace};
use reqwest::{Client, Url, redirect};
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

/// Where people reach the desk, as the file says; a browser here is sent to where it really is.
const DESK: &str = "http://127.0.0.1:8484";
const GRANTS: &str = "
    - {is: desk-team, roles: [reviewer], queues: [desk]}
    - {is: bosses, roles: [lead], sees_private: true}
    - {claim: email, is: lea@acme.example, roles: [auditor]}";

/// Longest time for the browser's story, on a busy machine.
const STORY_MAX: Duration = Duration::from_secs(300);

/// A gateway whose people come in by a provider.
struct Stage {
    provider: Provider,
    workspace: Workspace,
    gateway: Gateway,
    _upstream: Upstream,
}

impl Stage {
    async fn set() -> Self {
        let (upstream, provider) = (Upstream::scripted().await, Provider::start().await);
        let workspace = Workspace::new(upstream.url());
        write(&workspace, provider.issuer(), GRANTS, DESK);
        let gateway = start(&workspace);
        Self { provider, workspace, gateway, _upstream: upstream }
    }

    fn browser(&self) -> Browser {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let client = client.build().unwrap();
        Browser { client, desk: self.gateway.url().to_owned(), jar: BTreeMap::new() }
    }

    /// Every sign-in in the record: who, by what, and what was granted.
    async fn signed_in(&self) -> Vec<Value> {
        let events = self.gateway.caller().get("/v1/events?limit=1000&types=signed_in").await;
        events.unwrap().body["events"].as_array().unwrap().clone()
    }

    fn log(&self) -> String {
        self.workspace.log()
    }

    fn logs(&self, words: &str) -> bool {
        self.workspace.logs(0, words)
    }

    /// A new browser that tries to come in, and whether it is.
    async fn tries(&self) -> (Answered, bool) {
        let mut browser = self.browser();
        let answer = browser.comes_in("").await;
        let is_in = browser.is_in().await;
        (answer, is_in)
    }
}

fn write(workspace: &Workspace, issuer: &str, grants: &str, desk: &str) {
    let base = include_str!("../workspace/policies/gateway.yaml");
    let file = std::fs::read_to_string(workspace.path().join("policies/gateway.yaml")).unwrap();
    let own = file.split("providers:\n").nth(1).unwrap().lines().next().unwrap();
    let public = format!("http: {{body: 1MB, public: \"{desk}\"}}");
    let text = base.replace("http: {body: 1MB}", &public);
    let text = text.replace("  scripted: {url: \"http://127.0.0.1:1/v1\"}", own);
    assert!(text.contains(&public) && text.contains(own));
    let oidc = format!(
        "oidc:\n  title: Acme\n  issuer: \"{issuer}\"\n  client_id: {CLIENT}\n  \
         client_secret: {{env: OIDC_SECRET}}\n  private_network: true\n  grants:{grants}\n"
    );
    workspace.write("policies/gateway.yaml", &format!("{text}{oidc}"));
}

fn start(workspace: &Workspace) -> Gateway {
    Gateway::start_with(workspace, &[("OIDC_SECRET", SECRET)])
}

/// A browser: it keeps cookies, and follows a link when it is told to.
#[derive(Clone)]
struct Browser {
    client: Client,
    desk: String,
    jar: BTreeMap<String, String>,
}

impl Browser {
    async fn get(&mut self, path: &str) -> Answered {
        let jar: Vec<String> =
            self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.get(format!("{}{path}", self.desk));
        let answer = send(request.header("cookie", jar.join("; "))).await.unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            match cookie.contains("Max-Age=0") {
                true => drop(self.jar.remove(name)),
                false => drop(self.jar.insert(name.to_owned(), value)),
            }
        }
        answer
    }

    /// To the provider's door: its address.
    async fn leaves(&mut self, to: &str) -> Url {
        let to: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
        let answer = self.get(&format!("/sign-in/oidc?to={to}")).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        answer.header("location").parse().unwrap()
    }

    /// Through that door: the way back, without the host.
    async fn passes(&self, door: &Url) -> String {
        let answer = send(self.client.get(door.clone())).await.unwrap();
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        let back = answer.header("location").strip_prefix(DESK).expect("back to the desk");
        back.to_owned()
    }

    /// The whole way; what the desk answered at its end.
    async fn comes_in(&mut self, to: &str) -> Answered {
        let door = self.leaves(to).await;
        let back = self.passes(&door).await;
        self.get(&back).await
    }

    async fn is_in(&self) -> bool {
        self.clone().get("/reviews").await.status.as_u16() == 200
    }
}

fn says(page: &str) -> String {
    let alert = page.split("id=\"wrong\">").nth(1).unwrap_or_default();
    alert.split("</p>").next().unwrap().replace("&#39;", "'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_the_provider_signs_in_comes_to_the_page_that_they_wanted_with_what_they_may_do() {
    let stage = Stage::set().await;
    let mut browser = stage.browser();
    let wanted = "/reviews?queue=desk&show=free";
    let sent = browser.get(wanted).await;
    let page = browser.get(sent.header("location")).await.text;
    assert!(page.contains(">Sign in with Acme</a>"), "{page}");
    let link = page.split("href=\"/sign-in/oidc").nth(1).unwrap().split('"').next().unwrap();
    let door = browser.get(&format!("/sign-in/oidc{}", link.replace("&#38;", "&"))).await;
    let door: Url = door.header("location").parse().unwrap();
    let asked: BTreeMap<_, _> = door.query_pairs().into_owned().collect();
    assert_eq!(asked["scope"], "openid email profile");
    assert_eq!(asked["realm"], "staff", "what the provider's own address holds stays");
    assert_eq!(
        (asked["code_challenge"].len(), asked["code_challenge_method"].as_str()),
        (43, "S256")
    );
    assert!(!door.as_str().contains("secret"), "{door}");
    let back = browser.passes(&door).await;
    let answer = browser.get(&back).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, wanted));
    assert_eq!(browser.jar.keys().collect::<Vec<_>>(), ["backstop_desk"], "the try's is gone");
    let page = browser.get(wanted).await;
    assert!(page.text.contains("<span>ada@acme.example"), "{}", page.text);
    assert!(page.text.contains("/sign-out"), "{}", page.text);
    // She works the queue of her group's row, and leads nothing.
    let call = stage.gateway.caller();
    let unsure = r#"x script: [{"content": "{\"label\":\"unsure\"}"}]"#;
    let review = call.call("typed", "one", unsure, 10).await.unwrap().body["review"]["id"].clone();
    let review = browser.get(&format!("/reviews/{}", review.as_str().unwrap())).await;
    assert!(review.text.contains("id=\"d-approve\""), "{}", review.text);
    assert_eq!(browser.get("/quality").await.status.as_u16(), 403);

    let events = stage.signed_in().await;
    let event = &events.last().unwrap();
    assert_eq!(event["actor"]["id"], "ada@acme.example");
    assert_eq!(event["body"]["by"], "oidc");
    let granted = json!({ "roles": ["reviewer"], "queues": ["desk"], "sees_private": false });
    assert_eq!(event["body"]["granted"], granted);

    // Out again, and where one leaves the provider, too.
    let token = hidden(&browser.get("/reviews").await.text, "token");
    let jar = format!("backstop_desk={}", browser.jar["backstop_desk"]);
    let out = browser.client.post(format!("{}/sign-out", browser.desk)).header("cookie", &jar);
    let out = out.header("content-type", "application/x-www-form-urlencoded");
    let out = send(out.body(format!("token={token}"))).await.unwrap();
    assert_eq!(out.status.as_u16(), 303);
    assert!(!browser.is_in().await, "the old cookie opens nothing");
    let page = browser.get(out.header("location")).await.text;
    assert!(
        page.contains("You are signed out.") && page.contains("Sign out of Acme, too"),
        "{page}"
    );
    assert!(
        page.contains(&format!("{}/out?client_id=backstop", stage.provider.issuer())),
        "{page}"
    );

    // Nothing secret lies anywhere.
    let all = stage.gateway.caller().get("/v1/events?limit=1000").await.unwrap().text;
    let verifier = "code_verifier";
    for secret in stage.provider.gave().iter().map(String::as_str).chain([SECRET, verifier]) {
        assert!(!stage.log().contains(secret) && !all.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_signing_that_the_provider_publishes_is_believed_and_no_other() {
    let stage = Stage::set().await;
    for how in [Signs::Rs256, Signs::Es256, Signs::EdDsa] {
        stage.provider.signs(how);
        let (answer, is_in) = stage.tries().await;
        assert!(is_in, "{how:?}: {} {}", answer.status, says(&answer.text));
    }
    let signed_in = stage.signed_in().await.len();
    let mut believed = Vec::new();
    for (how, why) in [
        (Signs::Not, "not signed by RS256, ES256 or EdDSA"),
        (Signs::ByPublicKey, "not signed by RS256, ES256 or EdDSA"),
        (Signs::ByAnother, "not signed by the provider's key"),
        (Signs::ByNobodys, "names a key that the provider has not"),
    ] {
        stage.provider.signs(how);
        let before = stage.log().len();
        let (answer, is_in) = stage.tries().await;
        let told = says(&answer.text).contains("cannot be trusted");
        let logged = stage.workspace.logs(before, why);
        if (answer.status.as_u16(), is_in, told, logged) != (502, false, true, true) {
            believed.push(format!("{how:?}: {} {}", answer.status, says(&answer.text)));
        }
    }
    assert!(believed.is_empty(), "{believed:#?}");
    assert_eq!(stage.signed_in().await.len(), signed_in, "none of them is in the record");
    // A provider that says it signs by ES256 is not believed otherwise; it gets the secret as it wants.
    assert_eq!(stage.provider.asked("token by body"), 0);
    drop(stage);
    let stage = Stage::set().await;
    stage.provider.says(|about| {
        about["id_token_signing_alg_values_supported"] = json!(["ES256"]);
        about["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    });
    stage.provider.signs(Signs::Rs256);
    assert!(!stage.tries().await.1);
    assert!(stage.logs("in another way than the provider publishes"));
    stage.provider.signs(Signs::Es256);
    assert!(stage.tries().await.1);
    assert_eq!(stage.provider.asked("token by body"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_somebody_else_of_somebody_else_or_of_another_time_opens_nothing() {
    let stage = Stage::set().await;
    let wrong: [(&str, Value, &str); 14] = [
        ("iss", json!("https://evil.example"), "another issuer"),
        ("iss", json!(format!("{}/", stage.provider.issuer())), "another issuer"),
        ("aud", json!("another"), "(`aud`)"),
        ("aud", json!(["another"]), "(`aud`)"),
        ("aud", json!([CLIENT, "another"]), "(`azp`)"),
        ("azp", json!("another"), "(`azp`)"),
        ("nonce", json!("0123"), "(`nonce`)"),
        ("nonce", Value::Null, "(`nonce`)"),
        ("exp", json!(1_000_000_000), "has expired"),
        ("exp", Value::Null, "not readable"),
        ("iat", json!(99_999_999_999_u64), "later than now"),
        ("nbf", json!(99_999_999_999_u64), "does not hold yet"),
        ("sub", json!(""), "(`sub`)"),
        ("exp", json!("soon"), "not readable"),
    ];
    let mut believed = Vec::new();
    for (claim, value, why) in wrong {
        let put = value.clone();
        stage.provider.claims(move |claims| claims[claim] = put.clone());
        let before = stage.log().len();
        let (answer, is_in) = stage.tries().await;
        let logged = stage.workspace.logs(before, why);
        if (answer.status.as_u16(), is_in, logged) != (502, false, true) {
            believed.push(format!("{claim}: {value}: {} {}", answer.status, says(&answer.text)));
        }
    }
    assert!(believed.is_empty(), "{believed:#?}");
    for (claim, value) in [("aud", json!([CLIENT])), ("azp", json!(CLIENT))] {
        stage.provider.claims(move |claims| claims[claim] = value.clone());
        assert!(stage.tries().await.1, "{claim}");
    }
    assert_eq!(stage.signed_in().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_ends_in_the_browser_where_it_began_and_only_once() {
    let stage = Stage::set().await;
    let begun = "did not begin in this browser";
    // Somebody else's link: their code and state in a browser that has never begun.
    let (mut evil, mut victim) = (stage.browser(), stage.browser());
    let door = evil.leaves("").await;
    let link = evil.passes(&door).await;
    let answer = victim.get(&link).await;
    assert!(answer.status.as_u16() == 403 && says(&answer.text).contains(begun));
    // Also while the victim has a try of their own.
    let own = victim.leaves("").await;
    let answer = victim.get(&link).await;
    assert!(answer.status.as_u16() == 403 && says(&answer.text).contains(begun));
    assert!(!victim.is_in().await);
    // Their code behind the victim's own state: the provider sees that it was not asked for there.
    let own = victim.passes(&own).await;
    let code = |link: &str| {
        let code = link.split("code=").nth(1).unwrap();
        code.split('&').next().unwrap().to_owned()
    };
    let mixed = own.replace(&code(&own), &code(&link));
    let answer = victim.get(&mixed).await;
    assert_eq!(says(&answer.text), "Acme did not sign you in (invalid_grant).");
    assert!(!victim.is_in().await);
    // A state that nobody gave, none, and a cookie that was cut or made up.
    let mut browser = stage.browser();
    let door = browser.leaves("").await;
    let back = browser.passes(&door).await;
    for spoil in ["state=0123", "state=", "stat=x"] {
        let state = back.split('?').nth(1).unwrap().split('&').find(|one| one.starts_with("state"));
        let answer = browser.clone().get(&back.replace(state.unwrap(), spoil)).await;
        assert_eq!(answer.status.as_u16(), 403, "{spoil}");
    }
    let (name, value) = browser.jar.iter().find(|(name, _)| name.contains("oidc")).unwrap();
    for cookie in [value.replace('~', "-"), format!("0{value}"), String::new()] {
        let mut spoilt = browser.clone();
        spoilt.jar.insert(name.clone(), cookie);
        assert_eq!(spoilt.get(&back).await.status.as_u16(), 403);
    }
    // Its own way back leads in, and the second time no more, also if the browser kept the cookie.
    let kept = browser.clone();
    assert_eq!(browser.get(&back).await.status.as_u16(), 303);
    assert!(browser.is_in().await);
    let answer = kept.clone().get(&back).await;
    assert_eq!(answer.status.as_u16(), 403);
    assert!(says(&answer.text).contains("was used already"), "{}", answer.text);
    // Whoever is in and clicks again stays in.
    let answer = browser.get(&back).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    // Two pages of one browser: each of their tries leads in.
    let mut two = stage.browser();
    let (first, second) = (two.leaves("/reviews?q=1").await, two.leaves("/reviews?q=2").await);
    for (door, to) in [(first, "/reviews?q=1"), (second, "/reviews?q=2")] {
        let back = two.passes(&door).await;
        assert_eq!(two.get(&back).await.header("location"), to);
    }
    assert_eq!(stage.signed_in().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_by_the_provider_leads_nowhere_but_inside() {
    let stage = Stage::set().await;
    let away = ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example"];
    for to in away.into_iter().chain(["javascript:alert(1)", "evil.example", "/\r\nx: y"]) {
        let answer = stage.browser().comes_in(to).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{to:?}");
    }
    let long = format!("/reviews?q={}", "x".repeat(5_000));
    assert_eq!(stage.browser().comes_in(&long).await.header("location"), "/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_nobody_knows_is_looked_for_once_a_minute_at_most() {
    let stage = Stage::set().await;
    assert!(stage.tries().await.1);
    assert!(stage.tries().await.1);
    assert_eq!((stage.provider.asked("keys"), stage.provider.asked("about")), (1, 1), "kept");
    stage.provider.rotates();
    assert!(stage.tries().await.1, "the new key is looked for");
    assert_eq!(stage.provider.asked("keys"), 2);
    stage.provider.signs(Signs::ByNobodys);
    for _ in 0..3 {
        assert!(!stage.tries().await.1);
    }
    assert_eq!(stage.provider.asked("keys"), 2, "whoever makes up keys makes no requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_slow_or_endless_keeps_nobody_else_out() {
    let stage = Stage::set().await;
    stage.provider.behaves(Behaves::Down);
    let mut browser = stage.browser();
    let answer = browser.get("/sign-in/oidc?to=%2Foverview").await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(says(&answer.text).starts_with("Acme cannot be reached now."), "{}", answer.text);
    assert!(answer.text.contains("/sign-in/oidc?to=%2Foverview"), "another try goes there, too");
    let asked = stage.provider.asked("about");
    browser.get("/sign-in/oidc").await;
    assert_eq!(stage.provider.asked("about"), asked, "not again within the moment");
    Person::enter(stage.gateway.url(), REVIEWER_KEY).await;

    stage.provider.behaves(Behaves::Well);
    let mut door = browser.get("/sign-in/oidc").await;
    let start = Instant::now();
    while door.status.as_u16() != 303 && start.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        door = browser.get("/sign-in/oidc").await;
    }
    for (how, why) in [
        (Behaves::Hugely, "larger than"),
        (Behaves::Redirects, "not in JSON"),
        (Behaves::Slowly, "no answer within 5 s"),
    ] {
        stage.provider.behaves(how);
        let start = Instant::now();
        let waiting = stage.tries();
        let key = Person::enter(stage.gateway.url(), REVIEWER_KEY);
        let ((answer, is_in), _) = tokio::join!(waiting, key);
        assert_eq!((answer.status.as_u16(), is_in), (503, false), "{how:?}");
        assert!(stage.logs(why), "{how:?}: {}", stage.log());
        assert!(start.elapsed() < Duration::from_secs(30), "{how:?}");
    }
    stage.provider.behaves(Behaves::Declines);
    let (answer, _) = stage.tries().await;
    assert_eq!(says(&answer.text), "Acme did not sign you in (access_denied).");
    assert!(!answer.text.contains("<script>"), "what else it says is not repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_provider_of_the_file_at_its_own_hosts_is_asked() {
    let other = Provider::start().await;
    let elsewhere = other.issuer().to_owned();
    let host = elsewhere.split('/').nth(2).unwrap().to_owned();
    for (key, value, why) in [
        ("issuer", json!("https://login.example.com"), "letter by letter".to_owned()),
        ("token_endpoint", json!(format!("{elsewhere}/token")), format!("`hosts: [{host}]`")),
        ("jwks_uri", json!("http://169.254.169.254/keys"), "is not encrypted".to_owned()),
        ("authorization_endpoint", json!("javascript:alert(1)"), "is not encrypted".to_owned()),
        ("jwks_uri", Value::Null, "does not say its `jwks_uri`".to_owned()),
        (
            "id_token_signing_alg_values_supported",
            json!(["HS256", "none"]),
            "by none of RS256".to_owned(),
        ),
    ] {
        // A failure is remembered for a moment: each is seen at a gateway of its own.
        let stage = Stage::set().await;
        stage.provider.says(move |about| about[key] = value.clone());
        let mut browser = stage.browser();
        assert_eq!(browser.get("/sign-in/oidc").await.status.as_u16(), 503, "{key}");
        assert!(stage.logs(&why), "{key}: {why}: {}", stage.log());
    }
    assert_eq!(other.asked("token"), 0);
    let stage = Stage::set().await;
    // Who sent somebody back says so, or nobody believes it (RFC 9207).
    stage.provider.names_itself(Some("https://evil.example"));
    assert!(!stage.tries().await.1);
    assert!(stage.logs("from another issuer (`iss`)"));
    stage.provider.names_itself(Some(stage.provider.issuer()));
    assert!(stage.tries().await.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_maps_to_no_role_stays_outside_and_is_told_whom_to_ask() {
    let stage = Stage::set().await;
    let with = async |claims: Value| {
        stage.provider.is_with(claims);
        let mut browser = stage.browser();
        let answer = browser.comes_in("").await;
        let told = says(&answer.text);
        (answer.status.as_u16(), told, browser.get("/reviews").await)
    };
    let (status, told, page) = with(person("mallory@acme.example", &["everybody"])).await;
    assert_eq!((status, page.status.as_u16()), (403, 303));
    assert_eq!(
        told,
        "Acme says that you are mallory@acme.example, and neither that name nor your groups open \
         anything here. Ask whoever runs backstop-tests to let you in."
    );
    let unverified = |mut claims: Value, verified: Value| {
        claims["email_verified"] = verified;
        claims
    };
    for verified in [Value::Null, json!(false), json!("false"), json!(1)] {
        // Neither her group nor her address counts: nobody knows that it is she.
        for email in ["ada@acme.example", "lea@acme.example", "pia@example.com"] {
            let claims = unverified(person(email, &["desk-team"]), verified.clone());
            let (status, told, page) = with(claims).await;
            assert_eq!((status, page.status.as_u16()), (403, 303), "{email} {verified}");
            assert!(told.contains("has not verified your e-mail address"), "{told}");
        }
    }
    let (_, _, page) =
        with(unverified(person("ada@acme.example", &["desk-team"]), json!("true"))).await;
    assert_eq!(page.status.as_u16(), 200, "some say so as text");
    for (email, why) in [
        (json!(null), "does not say who you are: its answer has no email"),
        (json!(["ada@acme.example"]), "its answer has no email"),
        (json!("ada@acme.example; admin=1"), "a name that cannot be one here"),
        (json!("ada\u{430}@acme.example"), "a name that cannot be one here"),
        (json!("olga"), "somebody here has that name already"),
        (json!("OLGA"), "somebody here has that name already"),
        (json!("sdk"), "somebody here has that name already"),
        (json!("local"), "somebody here has that name already"),
    ] {
        let mut claims = person("x@acme.example", &["desk-team"]);
        claims["email"] = email.clone();
        let (status, told, page) = with(claims).await;
        assert_eq!((status, page.status.as_u16()), (403, 303), "{email}");
        assert!(told.contains(why), "{email}: {told}");
    }
    // A person with an entry is that person, with what the entry says and nothing beside it.
    let (status, _, page) = with(person("Pia@Example.com", &["bosses"])).await;
    assert_eq!(status, 303);
    assert!(page.text.contains("<span>pia") && !page.text.contains("/overview"), "{}", page.text);
    // Rows add up; by a verified address, too.
    let (_, _, page) = with(person("Lea@acme.example", &["desk-team"])).await;
    assert!(page.text.contains("<span>lea@acme.example"), "{}", page.text);
    let events = stage.signed_in().await;
    let granted: Vec<&Value> = events.iter().map(|event| &event["body"]["granted"]).collect();
    let lea =
        json!({ "roles": ["reviewer", "auditor"], "queues": ["desk"], "sees_private": false });
    assert_eq!(granted[1..], [&Value::Null, &lea]);
    assert_eq!(events[1]["actor"]["id"], "pia");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lasts_over_a_restart_and_ends_when_the_file_opens_something_else() {
    let stage = Stage::set().await;
    let (mut ada, mut pia) = (stage.browser(), stage.browser());
    ada.comes_in("").await;
    stage.provider.is_with(person("pia@example.com", &[]));
    pia.comes_in("").await;
    let mut late = stage.browser();
    let door = late.leaves("").await;
    let back = late.passes(&door).await;

    let Stage { provider, workspace, gateway, _upstream } = stage;
    drop(gateway);
    let gateway = start(&workspace);
    for browser in [&mut ada, &mut pia, &mut late] {
        gateway.url().clone_into(&mut browser.desk);
    }
    let page = ada.get("/reviews").await;
    assert!(page.text.contains("<span>ada@acme.example"), "{}", page.text);
    assert_eq!(ada.get("/quality").await.status.as_u16(), 403, "and no more than before");
    assert!(pia.is_in().await);
    // A try that the process before began does not count: nobody knows whether it was used.
    assert_eq!(late.get(&back).await.status.as_u16(), 403);

    write(&workspace, provider.issuer(), &GRANTS.replace("desk-team", "other-team"), DESK);
    let ends = async |browser: &Browser| {
        for _ in 0..150 {
            if !browser.is_in().await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(ends(&ada).await, "her group opens nothing any more");
    assert!(ends(&pia).await, "everybody comes in anew by what is in force now");
    pia.comes_in("").await;
    assert!(pia.is_in().await);
    provider.is_with(person("ada@acme.example", &["desk-team"]));
    assert_eq!(ada.comes_in("").await.status.as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_come_in_by_the_provider_and_leave_again_in_a_real_browser() {
    let Some(chromium) = super::desk::chromium() else { return };
    let stage = Stage::set().await;
    // Its port is known only now; the file is taken up while it runs.
    let url = stage.gateway.url().to_owned();
    let back = format!("{url}/sign-in/oidc/return");
    let mut browser = stage.browser();
    let mut sent_back_there = false;
    for _ in 0..50 {
        // Again, because nobody watches the files in the first moment.
        write(&stage.workspace, stage.provider.issuer(), GRANTS, &url);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let door = browser.leaves("").await;
        sent_back_there = door.query_pairs().any(|(name, to)| name == "redirect_uri" && to == back);
        if sent_back_there {
            break;
        }
    }
    assert!(sent_back_there, "{}", stage.log());
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("desk/oidc.mjs"))
        .env("BACKSTOP_URL", &url)
        .env("BACKSTOP_DESK_TOOLS", super::desk::tools())
        .env("BACKSTOP_CHROMIUM", chromium)
        .env("NO_PROXY", "127.0.0.1");
    let told = command.kill_on_drop(true).status();
    let told = tokio::time::timeout(STORY_MAX, told).await.expect("the story ends in time");
    assert!(told.unwrap().success(), "what failed stands above");
}
