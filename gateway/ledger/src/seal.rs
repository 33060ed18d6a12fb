//! The chain: gives events their place, their previous hash and their hash, at commit.
//!
//! The hash is that of [`Envelope::computed_hash`], written here from the stored text so that a
//! body is put into canonical form once and never parsed to be verified. A test holds the two to
//! each other.

use std::fmt::Write as _;

use backstop_domain::{Digest, ENGINE, Envelope, Event, Stream, canonical::write_text};

use crate::{NewEvent, kinds};

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Position of the last event; 0 for none.
    pub position: u64,
    /// Its hash.
    pub hash: Digest,
}

impl Tip {
    /// Before the first event.
    pub const START: Self = Self { position: 0, hash: Digest::ZERO };
}

/// An event with its place, ready to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Sealed<'a> {
    /// The envelope, whose `body` is left out: it stands in `text`.
    pub envelope: Envelope,
    /// The body in canonical JSON; `None` if the type has none. Stands in the row or, if the
    /// envelope names a body digest, beside it.
    pub text: Option<String>,
    /// What happened.
    pub event: &'a Event,
}

impl Sealed<'_> {
    /// Whether the body stands beside the row.
    pub const fn is_beside(&self) -> bool {
        self.envelope.body_digest.is_some()
    }

    /// The text that stands in the row.
    pub fn inline(&self) -> Option<&str> {
        if self.is_beside() { None } else { self.text.as_deref() }
    }
}

/// Puts `new` after `tip`, and moves `tip` on.
pub(crate) fn seal<'a>(tip: &mut Tip, stream: &Stream, seq: u64, new: &'a NewEvent) -> Sealed<'a> {
    let kind = new.event.name();
    let text = new.event.body_text();
    let body_digest = text.as_deref().and_then(|text| {
        let beside = kinds::is_beside(&new.event) || text.len() > kinds::INLINE_MAX;
        beside.then(|| Digest::of(text.as_bytes()))
    });
    let mut envelope = Envelope {
        id: new.id.clone(),
        stream: stream.clone(),
        seq,
        position: tip.position + 1,
        kind: kind.into(),
        version: new.event.version(),
        at: new.at,
        actor: new.actor.clone(),
        run: new.run,
        causation: new.causation.clone(),
        correlation: new.correlation.clone(),
        revision: new.revision,
        engine: ENGINE,
        body: None,
        body_digest,
        previous_hash: tip.hash,
        hash: Digest::ZERO,
    };
    let inline = if body_digest.is_some() { None } else { text.as_deref() };
    envelope.hash = hash(&envelope, inline);
    *tip = Tip { position: envelope.position, hash: envelope.hash };
    Sealed { envelope, text, event: &new.event }
}

/// The hash of that envelope with that canonical text as its body; `envelope.body` is not read.
pub(crate) fn hash(envelope: &Envelope, body: Option<&str>) -> Digest {
    let mut out = Canonical(String::with_capacity(768 + body.map_or(0, str::len)));
    out.raw("{\"actor\":{\"id\":").text(&envelope.actor.id).raw(",\"kind\":");
    out.json(&envelope.actor.kind);
    if let Some(via) = &envelope.actor.via {
        out.raw(",\"via\":").text(via);
    }
    out.raw("},\"at\":").number(envelope.at.0);
    out.raw(",\"body\":").raw(body.unwrap_or("null"));
    out.raw(",\"body_digest\":").digest(envelope.body_digest.as_ref());
    out.raw(",\"causation\":").maybe(envelope.causation.as_ref().map(|id| id.as_str()));
    out.raw(",\"correlation\":").maybe(envelope.correlation.as_deref());
    out.raw(",\"engine\":").number(envelope.engine.into());
    out.raw(",\"id\":").text(envelope.id.as_str());
    out.raw(",\"position\":").number(envelope.position);
    out.raw(",\"previous_hash\":").digest(Some(&envelope.previous_hash));
    out.raw(",\"revision\":").digest(envelope.revision.as_ref());
    out.raw(",\"run\":").number(envelope.run.into());
    out.raw(",\"seq\":").number(envelope.seq);
    out.raw(",\"stream\":").text(envelope.stream.as_str());
    out.raw(",\"type\":").text(&envelope.kind);
    out.raw(",\"version\":").number(envelope.version.into()).raw("}");
    Digest::of(out.0.as_bytes())
}

/// Canonical JSON in the making.
struct Canonical(String);

impl Canonical {
    fn raw(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        write_text(text, &mut self.0);
        self
    }

    fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.raw("null"),
        }
    }

    fn json(&mut self, value: &impl serde::Serialize) -> &mut Self {
        // A word or number of ours; if it could not be written the hash would not verify.
        let text = serde_json::to_string(value).unwrap_or_default();
        self.raw(&text)
    }

    fn number(&mut self, number: u64) -> &mut Self {
        // Writing to memory cannot fail.
        let _ = write!(self.0, "{number}");
        self
    }

    fn digest(&mut self, digest: Option<&Digest>) -> &mut Self {
        match digest {
            Some(digest) => self.raw("\"").raw(digest.hex(&mut [0; 64])).raw("\""),
            None => self.raw("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use backstop_domain::{
        Actor, ActorKind, ControlEvent, Digest, Envelope, Event, EventId, Millis, Stream, canonical,
    };

    use super::{Tip, seal};
    use crate::NewEvent;

    fn new(event: ControlEvent, via: Option<&str>) -> NewEvent {
        NewEvent {
            id: EventId::from("evt \"1\"\n"),
            at: Millis(7),
            actor: Actor {
                kind: ActorKind::Operator,
                id: "ada\\ü".into(),
                via: via.map(Into::into),
            },
            run: 0,
            causation: via.map(EventId::from),
            correlation: via.map(Into::into),
            revision: via.map(|via| Digest::of(via.as_bytes())),
            event: Event::Control(event),
        }
    }

    fn whole(sealed: &super::Sealed<'_>) -> Envelope {
        let mut envelope = sealed.envelope.clone();
        envelope.body = sealed.inline().and_then(|text| serde_json::from_str(text).ok());
        envelope
    }

    #[test]
    fn the_fast_hash_is_the_one_that_the_domain_defines() {
        let mut tip = Tip::START;
        let acted = |reason: String| ControlEvent::OperatorActed {
            act: "pause".into(),
            target: "tab\tquote\"".into(),
            reason,
            until: None,
        };
        for (seq, (length, via)) in
            [(3, None), (9000, Some("d\u{1}sk")), (0, Some("cli"))].into_iter().enumerate()
        {
            let seq = seq as u64 + 1;
            let event = new(acted("é".repeat(length)), via);
            let sealed = seal(&mut tip, &Stream::control("gateway"), seq, &event);
            assert_eq!(sealed.is_beside(), length == 9000);
            assert_eq!(sealed.envelope.hash, whole(&sealed).computed_hash());
            assert_eq!(sealed.text.as_deref(), Some(&*canonical(&sealed.event.body())));
            assert_eq!(tip.hash, sealed.envelope.hash);
        }
        assert_eq!(tip.position, 3);
    }
}
