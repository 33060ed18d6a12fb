//! Sessions of the desk: a signed cookie names one, the server alone knows whose it is and until
//! when. After a restart one is taken up again by what the record says of it: who came in, when,
//! and that they have not left since. The record holds a digest, which opens nothing.

use std::collections::{HashMap, HashSet};

use backstop_domain::{ControlEvent, Digest, Event, Granted, Left, Millis, Stream};
use backstop_policy::gateway_file::Role;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{
    app::App,
    auth::{Credential, Keys, Person},
};

/// Longest session, in milliseconds: a working day.
const LONGEST_MS: u64 = 12 * 3_600_000;
/// Longest time without a request, in milliseconds.
const IDLE_MS: u64 = 2 * 3_600_000;
/// Most sessions at one time; the one that was idle longest makes room.
const SESSIONS_MAX: usize = 10_000;

/// Every session of this process.
pub struct Sessions {
    secret: String,
    /// When this process started: what began later and is not open has ended.
    since: Millis,
    open: Mutex<HashMap<String, Session>>,
    /// Sessions of before that were looked for in the record: each once, so that none that ended
    /// here comes back.
    looked_for: tokio::sync::Mutex<HashSet<String>>,
}

/// Who came in, by what, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Name in the gateway file.
    pub name: String,
    /// By what they came in.
    pub by: Credential,
    /// What they may do while it lasts, if no entry of the file says it.
    pub granted: Option<Granted>,
    /// When.
    pub began: Millis,
    /// When they last asked for something.
    pub used: Millis,
}

impl Session {
    /// Who that is now; nobody, if the file does not know any more what they came in by.
    pub fn person(&self, keys: &Keys) -> Option<Person> {
        match &self.granted {
            None => keys.still(&self.name, &self.by),
            Some(granted) => {
                let still = keys.still_vouched(&self.name, &self.by);
                still.then(|| stranger(&self.name, granted)).flatten()
            }
        }
    }

    fn is_over(&self, now: Millis) -> bool {
        now.since(self.began) >= LONGEST_MS || now.since(self.used) >= IDLE_MS
    }
}

impl Sessions {
    /// None yet, signed with that secret, in a process that started then.
    pub fn new(secret: String, since: Millis) -> Self {
        Self { secret, since, open: Mutex::default(), looked_for: tokio::sync::Mutex::default() }
    }

    /// The id of a new session of that person. The name is theirs to know, the rest nobody's to
    /// guess.
    pub fn id(random: &str, name: &str) -> String {
        format!("{random}~{name}")
    }

    /// The session of that id, also if it began in the process before.
    pub async fn find_or_take_up(&self, app: &App, id: &str, now: Millis) -> Option<Session> {
        if let Some(session) = self.find(id, now) {
            return Some(session);
        }
        let (_, name) = id.split_once('~')?;
        let mut looked_for = self.looked_for.lock().await;
        // Another request of the same page was quicker.
        if let Some(session) = self.find(id, now) {
            return Some(session);
        }
        if looked_for.contains(id) || looked_for.len() >= SESSIONS_MAX {
            return None;
        }
        let stream = Stream::control(&format!("desk.{name}"));
        let events = app.engine.ledger().stream(&stream, 0).await.ok()?;
        looked_for.insert(id.to_owned());
        let theirs = app.keys.credentials(name);
        let mut found = None;
        for recorded in &events {
            match &recorded.event {
                Ok(Event::Control(ControlEvent::SignedIn {
                    session: Some(session),
                    granted,
                    ..
                })) => {
                    let by = theirs.iter().find(|by| digest(id, by) == *session);
                    let began = |by: &Credential| (recorded.envelope.at, by.clone(), granted);
                    found = by.map(began).or(found);
                }
                Ok(Event::Control(ControlEvent::SignedOut(left))) => {
                    // An older record does not say which session ended: then all did.
                    let ours = |left: &Left| theirs.iter().any(|by| digest(id, by) == left.session);
                    if left.as_ref().is_none_or(ours) {
                        found = None;
                    }
                }
                _ => {}
            }
        }
        let (began, by, granted) = found.filter(|(began, ..)| *began < self.since)?;
        // What they were shown last stands in the record too.
        let used = events.last().map_or(began, |last| last.envelope.at);
        let session = Session { name: name.to_owned(), by, granted: granted.clone(), began, used };
        self.open(id.to_owned(), session);
        self.find(id, now)
    }

    /// The cookie that names a session.
    pub fn cookie(&self, id: &str) -> String {
        self.signed("cookie", id)
    }

    /// The session that a cookie names, if we signed it.
    pub fn read(&self, cookie: &str) -> Option<String> {
        self.unsigned("cookie", cookie).map(str::to_owned)
    }

    /// A text with our signature, for that purpose alone.
    pub fn signed(&self, purpose: &str, text: &str) -> String {
        format!("{text}.{}", self.mac(purpose, text))
    }

    /// The text that we signed for that purpose.
    pub fn unsigned<'a>(&self, purpose: &str, signed: &'a str) -> Option<&'a str> {
        // A text may hold a point; a signature holds none.
        let (text, mac) = signed.rsplit_once('.')?;
        same(&self.mac(purpose, text), mac).then_some(text)
    }

    /// When this process started.
    pub const fn since(&self) -> Millis {
        self.since
    }

    /// What every form of that session carries, so that no other site can send one.
    pub fn token(&self, id: &str) -> String {
        self.mac("form", id)
    }

    /// Whether a form carries the session's own token.
    pub fn fits(&self, id: &str, token: &str) -> bool {
        same(&self.token(id), token)
    }

    /// Somebody came in.
    pub fn open(&self, id: String, session: Session) {
        let mut open = self.open.lock();
        let now = session.used;
        if open.len() >= SESSIONS_MAX {
            open.retain(|_, session| !session.is_over(now));
        }
        if open.len() >= SESSIONS_MAX {
            let idle = open.iter().min_by_key(|(_, session)| session.used);
            if let Some(id) = idle.map(|(id, _)| id.clone()) {
                open.remove(&id);
            }
        }
        open.insert(id, session);
    }

    /// The session of that id, unless it is over. Being asked for keeps it alive.
    pub fn find(&self, id: &str, now: Millis) -> Option<Session> {
        let mut open = self.open.lock();
        if open.get(id)?.is_over(now) {
            open.remove(id);
            return None;
        }
        let session = open.get_mut(id)?;
        session.used = session.used.max(now);
        Some(session.clone())
    }

    /// They left.
    pub fn close(&self, id: &str) -> Option<Session> {
        self.open.lock().remove(id)
    }

    /// What only we can make of a text, for that purpose.
    pub fn mac(&self, purpose: &str, id: &str) -> String {
        // HMAC takes a key of any length, so this cannot fail; without a key nothing would fit.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else {
            return String::new();
        };
        mac.update(purpose.as_bytes());
        mac.update(b":");
        mac.update(id.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Digest of a session's id and of what its owner came in by: it tells whose it was, and opens
/// nothing.
pub fn digest(id: &str, by: &Credential) -> Digest {
    let own = match by {
        Credential::Key(key) => key.to_vec(),
        Credential::Password(hash) => hash.as_bytes().to_vec(),
        Credential::Login => Vec::new(),
        Credential::Provider(vouched) => vouched.to_string().into_bytes(),
    };
    Digest::of(&[id.as_bytes(), b" ", by.word().as_bytes(), b" ", &own].concat())
}

/// Somebody who stands in no entry, with what a provider's word opened to them; nobody, if a role
/// is none that we know.
pub fn stranger(name: &str, granted: &Granted) -> Option<Person> {
    let roles = granted.roles.iter().map(|role| Role::parse(role));
    Some(Person {
        name: name.to_owned(),
        roles: roles.collect::<Option<_>>()?,
        queues: granted.queues.clone(),
        teams: granted.teams.clone(),
        skills: granted.skills.clone(),
        sees_private: granted.sees_private,
    })
}

/// Whether two secret texts are the same, in the same time for all.
pub fn same(expected: &str, sent: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(sent.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = Millis(1_790_000_000_000);

    fn sessions() -> Sessions {
        Sessions::new("a secret of this process".to_owned(), NOON)
    }

    fn came(at: Millis) -> Session {
        let by = Credential::Login;
        Session { name: "ada".into(), by, granted: None, began: at, used: at }
    }

    #[test]
    fn a_cookie_that_we_did_not_sign_names_no_session() {
        let sessions = sessions();
        let cookie = sessions.cookie("abc");
        assert_eq!(sessions.read(&cookie).as_deref(), Some("abc"));
        assert_eq!(sessions.read(&cookie.replace("abc", "abd")), None);
        assert_eq!(sessions.read("abc."), None);
        assert_eq!(Sessions::new("another".to_owned(), NOON).read(&cookie), None);
    }

    #[test]
    fn a_token_fits_its_own_session_and_is_not_the_cookie() {
        let sessions = sessions();
        let token = sessions.token("abc");
        assert!(sessions.fits("abc", &token) && !sessions.fits("abd", &token));
        assert!(!sessions.cookie("abc").contains(&token));
    }

    #[test]
    fn a_session_ends_after_two_idle_hours_and_after_a_day_of_work() {
        let sessions = sessions();
        sessions.open("idle".into(), came(NOON));
        assert!(sessions.find("idle", NOON.plus(IDLE_MS - 1)).is_some());
        assert!(sessions.find("idle", NOON.plus(2 * IDLE_MS)).is_none());
        sessions.open("busy".into(), came(NOON));
        let hours = (1..12).map(|hour| NOON.plus(hour * 3_600_000));
        assert!(hours.into_iter().all(|hour| sessions.find("busy", hour).is_some()));
        assert!(sessions.find("busy", NOON.plus(LONGEST_MS)).is_none());
    }

    #[test]
    fn whoever_signs_out_is_out_on_the_server() {
        let sessions = sessions();
        sessions.open("abc".into(), came(NOON));
        assert!(sessions.close("abc").is_some());
        assert!(sessions.find("abc", NOON).is_none());
    }
}
