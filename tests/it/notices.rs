//! People are told what waits for them: in digests, never a word of what was asked or answered, once
//! each also over a restart, and whoever cannot be told holds up no review.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use backstop_domain::Millis;
use backstop_engine::What;
use backstop_ledger::Ledger;
use backstop_server::Tongues;
use backstop_server::deliver::{
    Consumer, Courier, Deliveries, Going, Letter, MailServer, People, Receipt, Security,
    SigningKeys, Wanted, notifier, secret,
};
use backstop_tests::bench::{Bench, Setup, Told, says};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

/// Everything goes to a person.
const POLICY: &str = "private: [input, output]\n\
                      rules: [{id: always, then: {escalate: desk}}]\n";
const MINUTE: Duration = Duration::from_secs(60);

/// A mailbox in this process, or a wall.
struct Box_ {
    heard: Mutex<Vec<(Letter, Millis)>>,
    broken: Mutex<bool>,
}

impl Box_ {
    fn new() -> Arc<Self> {
        Arc::new(Self { heard: Mutex::default(), broken: Mutex::new(false) })
    }

    fn letters(&self) -> Vec<(Letter, Millis)> {
        self.heard.lock().unwrap().clone()
    }

    fn texts(&self) -> Vec<String> {
        let letters = self.letters().into_iter();
        letters.map(|(letter, _)| String::from_utf8(letter.body).unwrap()).collect()
    }
}

impl Courier for Box_ {
    fn take<'a>(&'a self, letter: &'a Letter, now: Millis) -> Going<'a> {
        Box::pin(async move {
            if *self.broken.lock().unwrap() {
                return Receipt::Refused("answered 451".to_owned());
            }
            self.heard.lock().unwrap().push((letter.clone(), now));
            Receipt::Taken
        })
    }
}

fn server(port: u16) -> MailServer {
    MailServer {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::Off,
        credentials: None,
        from: "backstop@example.com".to_owned(),
        to: "leads@example.com".to_owned(),
    }
}

/// The entry `leads` of `notify`: mail, in digests of that many minutes.
fn leads(minutes: u64, mail: Option<MailServer>) -> Consumer {
    let desk = Some("https://desk.example.com".to_owned());
    Consumer {
        name: notifier("leads"),
        url: "mailto:leads@example.com".parse().unwrap(),
        keys: SigningKeys::none(),
        wanted: Wanted::default(),
        full: false,
        cloud_events: false,
        private_network: false,
        enabled: true,
        people: Some(People { desk, digest_ms: minutes * 60_000, mail, tongue: None }),
    }
}

async fn deliver(bench: &Bench, to: Consumer, mailbox: &Arc<Box_>) -> Deliveries {
    let mailbox = Arc::clone(mailbox);
    let by = move |_: &Consumer| Ok(Arc::clone(&mailbox) as Arc<dyn Courier>);
    let deliveries = Deliveries::by(bench.engine.clone(), by);
    deliveries.put_in_force(vec![to]).await.unwrap();
    deliveries
}

/// The queue `desk` tells the leads five minutes after a review was opened.
fn setup() -> Setup {
    Setup::policy(POLICY)
        .model("small", [says("{\"label\":\"ham\"}")])
        .gateway(
            "{title: Desk, due: 1h, on_expiry: reject}",
            "{title: Desk, due: 1h, steps: [{after: 5min, notify: leads, priority: high}]}",
        )
        .gateway_has("notify: {leads: {email: leads@example.com}}")
        .gateway_has("mail: {smtp: \"127.0.0.1:25\", from: backstop@example.com}")
        .gateway_has("http: {public: \"https://desk.example.com\"}")
}

async fn later(time: Duration) {
    tokio::time::sleep(time).await;
}

fn link(told: &Told) -> String {
    format!("https://desk.example.com/reviews/{}", told.review())
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_told_in_one_digest_and_without_a_word_of_it() {
    let bench = setup().start().await;
    let mailbox = Box_::new();
    let _deliveries = deliver(&bench, leads(10, Some(server(25))), &mailbox).await;
    let one = bench.ask("the secret text").await;
    later(3 * MINUTE).await;
    let two = bench.ask("another secret text").await;
    // The steps are at 5 and 8 minutes; the digest closes ten minutes after the first of them.
    later(11 * MINUTE).await;
    assert!(mailbox.letters().is_empty(), "the digest is still open");
    later(2 * MINUTE).await;
    let letters = mailbox.letters();
    let [(letter, _)] = &*letters else { panic!("{letters:?}") };
    let text = String::from_utf8(letter.body.clone()).unwrap();
    assert_eq!(letter.subject, "2 reviews wait: Desk");
    assert!(text.contains(&link(&one)) && text.contains(&link(&two)), "{text}");
    assert!(text.contains("Desk: story, due ") && text.contains("high priority"), "{text}");
    assert!(!text.contains("secret") && !text.contains("ham"), "{text}");
    // Each is told once.
    later(40 * MINUTE).await;
    assert_eq!(mailbox.letters().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_in_the_language_of_its_entry() {
    let words = json!({
        "1 review waits: {queues}": "1 Prüfung wartet: {queues}",
        "{queue}: {policy}, due {moment} (in {time})": "{queue}: {policy}, bis {moment} ({time})",
        "{review}, high priority": "{review}, eilig",
    });
    let words = words.to_string();
    let tongues = Tongues::default();
    let file = ("policies/words/de.json".to_owned(), words.clone().into_bytes());
    tongues.reload(&[file].into()).unwrap();
    // The entry says so in the file, and the loader holds it to what the workspace speaks.
    let bench = setup()
        .file("policies/words/de.json", &words)
        .gateway("{email: leads@example.com}", "{email: leads@example.com, language: de}")
        .start()
        .await;
    let mailbox = Box_::new();
    let mut to = leads(0, Some(server(25)));
    to.people.as_mut().unwrap().tongue = tongues.named("de");
    let _deliveries = deliver(&bench, to, &mailbox).await;
    bench.ask("one").await;
    later(6 * MINUTE).await;
    let letters = mailbox.letters();
    let text = String::from_utf8(letters[0].0.body.clone()).unwrap();
    assert_eq!(letters[0].0.subject, "1 Prüfung wartet: Desk");
    assert!(text.contains("Desk: story, bis 2026-09-21 15:") && text.contains(", eilig"), "{text}");
    assert!(text.contains("Sent by Backstop `stories`"), "what it lacks stays English: {text}");
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_meanwhile_is_not_told_any_more() {
    let bench = setup().start().await;
    let mailbox = Box_::new();
    let _deliveries = deliver(&bench, leads(10, Some(server(25))), &mailbox).await;
    let one = bench.ask("one").await;
    let two = bench.ask("two").await;
    later(6 * MINUTE).await;
    bench.decide(&one, "ada", What::Approve).await.unwrap();
    later(10 * MINUTE).await;
    let [text] = &*mailbox.texts() else { panic!("{:?}", mailbox.texts()) };
    assert!(text.contains(&link(&two)) && !text.contains(&link(&one)), "{text}");
    // Nothing is left of the next digest: no mail at all.
    let three = bench.ask("three").await;
    later(6 * MINUTE).await;
    bench.decide(&three, "ada", What::Approve).await.unwrap();
    later(20 * MINUTE).await;
    assert_eq!(mailbox.letters().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_no_digest_and_repeats_none() {
    let bench = setup().start().await;
    let mailbox = Box_::new();
    let deliveries = deliver(&bench, leads(10, Some(server(25))), &mailbox).await;
    let told = bench.ask("one").await;
    later(15 * MINUTE + MINUTE / 2).await;
    assert_eq!(mailbox.letters().len(), 1);
    let open = bench.ask("two").await;
    later(7 * MINUTE).await;
    // The process ends while the second digest is open.
    deliveries.stop().await;
    drop(deliveries);
    let next = Box_::new();
    let _deliveries = deliver(&bench, leads(10, Some(server(25))), &next).await;
    later(10 * MINUTE).await;
    let [text] = &*next.texts() else { panic!("{:?}", next.texts()) };
    assert!(text.contains(&link(&open)) && !text.contains(&link(&told)), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_is_away_holds_up_no_review_and_gets_it_later() {
    let bench = setup().start().await;
    let mailbox = Box_::new();
    *mailbox.broken.lock().unwrap() = true;
    let _deliveries = deliver(&bench, leads(1, Some(server(25))), &mailbox).await;
    let one = bench.ask("one").await;
    let two = bench.ask("two").await;
    later(7 * MINUTE).await;
    let ended = bench.decide(&one, "ada", What::Approve).await.unwrap();
    assert_eq!(ended.ended().outcome.name(), "approved");
    *mailbox.broken.lock().unwrap() = false;
    later(15 * MINUTE).await;
    let [text] = &*mailbox.texts() else { panic!("{:?}", mailbox.texts()) };
    assert!(text.contains(&link(&two)), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_did_not_arrive_is_tried_at_once_when_its_entry_is_mended() {
    let bench = setup().start().await;
    let mailbox = Box_::new();
    *mailbox.broken.lock().unwrap() = true;
    let deliveries = deliver(&bench, leads(0, Some(server(25))), &mailbox).await;
    let told = bench.ask("one").await;
    // Refused at five minutes and a few seconds later; from now on every five minutes.
    later(6 * MINUTE).await;
    let (_, shown) = deliveries.all().remove(0);
    let (why, next) = shown.failed.expect("it was tried");
    assert_eq!(why, "answered 451");
    assert!(next.since(bench.now()) > 120_000, "{next:?}");
    *mailbox.broken.lock().unwrap() = false;
    let mended = Consumer { private_network: true, ..leads(0, Some(server(25))) };
    deliveries.put_in_force(vec![mended]).await.unwrap();
    later(Duration::from_secs(1)).await;
    let [text] = &*mailbox.texts() else { panic!("{:?}", mailbox.texts()) };
    assert!(text.contains(&link(&told)), "{text}");
    assert_eq!(deliveries.all()[0].1.standing.failing_since, None);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_few_messages_of_bounded_length() {
    let bench = setup().start().await;
    let mailbox = Box_::new();
    let _deliveries = deliver(&bench, leads(10, Some(server(25))), &mailbox).await;
    for number in 0..120 {
        bench.ask(&format!("call {number}")).await;
    }
    later(16 * MINUTE).await;
    let letters = mailbox.letters();
    let [(letter, _)] = &*letters else { panic!("{} mails", letters.len()) };
    let text = String::from_utf8(letter.body.clone()).unwrap();
    assert_eq!(letter.subject, "120 reviews wait: Desk");
    assert_eq!(text.matches("/reviews/rev_").count(), 40);
    assert!(text.contains("and 80 more: https://desk.example.com/reviews"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_chat_tool_gets_a_text_at_once_and_a_receiver_of_ours_an_event() {
    let bench = setup().start().await;
    let (chat, ours) = (Box_::new(), Box_::new());
    let tool = Consumer { url: "https://chat.example/hook".parse().unwrap(), ..leads(0, None) };
    let keys = SigningKeys::read([secret(&[7; 32]).as_str()]).unwrap();
    let signed = Consumer { keys, ..tool.clone() };
    let _chat = deliver(&bench, tool, &chat).await;
    let told = bench.ask("the secret text").await;
    later(5 * MINUTE + Duration::from_secs(1)).await;
    let [text] = &*chat.texts() else { panic!("{:?}", chat.texts()) };
    let message: serde_json::Value = serde_json::from_str(text).unwrap();
    let said = message["text"].as_str().unwrap();
    assert_eq!(message.as_object().unwrap().len(), 1, "chat tools refuse what they do not know");
    assert!(said.starts_with("1 review waits: Desk\n") && said.contains(&link(&told)), "{said}");
    // The other one starts afresh, as another entry would.
    let ledger = bench.ledger.position();
    let signed = Consumer { name: notifier("leads"), ..signed };
    drop(_chat);
    let _ours = deliver(&bench, signed, &ours).await;
    let next = bench.ask("the secret text").await;
    later(6 * MINUTE).await;
    let [text] = &*ours.texts() else { panic!("{:?} after {ledger}", ours.texts()) };
    let event: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(event["type"], "reviews_waiting");
    assert_eq!(event["data"]["reviews"][0]["link"], link(&next));
    assert_eq!(event["data"]["reviews"][0]["call"], next.snapshot.id.as_str());
    assert!(!text.contains("secret"), "{text}");
}

/// What a mail server heard in one conversation.
#[derive(Debug, Default, Clone)]
struct Heard {
    said: Vec<String>,
    mail: String,
}

/// A mail server on this machine that takes everything, or greets and answers that.
async fn smtp(extensions: &'static str) -> (u16, mpsc::UnboundedReceiver<Heard>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let heard = converse(socket, extensions).await;
            if tell.send(heard).is_err() {
                break;
            }
        }
    });
    (port, told)
}

async fn converse(socket: tokio::net::TcpStream, extensions: &str) -> Heard {
    let mut heard = Heard::default();
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let _ = write.write_all(b"220 mail.example ESMTP\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => format!("250-mail.example\r\n{extensions}250 8BITMIME\r\n"),
            "AUTH" => "235 fine\r\n".to_owned(),
            "DATA" => {
                let _ = write.write_all(b"354 go on\r\n").await;
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    heard.mail.push_str(&line);
                    heard.mail.push('\n');
                }
                "250 taken\r\n".to_owned()
            }
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "250 fine\r\n".to_owned(),
        };
        heard.said.push(line);
        let _ = write.write_all(answer.as_bytes()).await;
    }
    heard
}

/// Opens a review that is told at once, and delivers over the real wire.
async fn over_the_wire(mail: MailServer) -> (Bench, Deliveries, Told) {
    let bench = setup().gateway("after: 5min", "after: 0s").start().await;
    let deliveries = Deliveries::over(bench.engine.clone());
    deliveries.put_in_force(vec![leads(0, Some(mail))]).await.unwrap();
    let told = bench.ask("the secret text").await;
    (bench, deliveries, told)
}

async fn next(told: &mut mpsc::UnboundedReceiver<Heard>) -> Heard {
    tokio::time::timeout(MINUTE, told.recv()).await.expect("in time").expect("a conversation")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_reaches_a_mail_server_as_one_reads_it() {
    let (port, mut told) = smtp("").await;
    let (_bench, _deliveries, review) = over_the_wire(server(port)).await;
    let heard = next(&mut told).await;
    assert_eq!(heard.said[0], "EHLO example.com");
    let sent = heard.said.join("\n");
    assert!(sent.contains("MAIL FROM:<backstop@example.com>"), "{sent}");
    assert!(sent.contains("RCPT TO:<leads@example.com>"), "{sent}");
    assert!(!sent.contains("AUTH"), "{sent}");
    let mail = &heard.mail;
    assert!(mail.contains("Subject: 1 review waits: Desk\n"), "{mail}");
    assert!(mail.contains("To: leads@example.com\n"), "{mail}");
    assert!(mail.contains("Auto-Submitted: auto-generated\n"), "{mail}");
    assert!(mail.contains("Message-ID: <evt_"), "{mail}");
    let whole = mail.replace("=\n", "");
    assert!(whole.contains(&link(&review)), "{mail}");
    assert!(!whole.contains("secret"), "{mail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_encrypt_is_told_nothing() {
    let (port, mut told) = smtp("250-AUTH PLAIN\r\n").await;
    let credentials = Some(("backstop".to_owned(), "hunter2".to_owned()));
    let wanted = MailServer { security: Security::StartTls, credentials, ..server(port) };
    let (_bench, deliveries, _) = over_the_wire(wanted).await;
    let heard = next(&mut told).await;
    assert!(heard.said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
    assert_eq!(heard.mail, "");
    let failing = async {
        while deliveries.all()[0].1.standing.failing_since.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MINUTE, failing).await.expect("it is seen to fail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_goes_in_clear_to_this_machine_alone() {
    let (port, mut told) = smtp("250-AUTH PLAIN\r\n").await;
    let credentials = Some(("backstop".to_owned(), "hunter2".to_owned()));
    let here = MailServer { credentials: credentials.clone(), ..server(port) };
    let (bench, _deliveries, _) = over_the_wire(here).await;
    let heard = next(&mut told).await;
    assert!(heard.said.iter().any(|line| line.starts_with("AUTH PLAIN ")), "{heard:?}");
    let away = MailServer { host: "mail.example.com".to_owned(), credentials, ..server(25) };
    let deliveries = Deliveries::over(bench.engine.clone());
    let why = deliveries.put_in_force(vec![leads(0, Some(away))]).await.unwrap_err();
    assert!(why.contains("in clear") && !why.contains("hunter2"), "{why}");
}
