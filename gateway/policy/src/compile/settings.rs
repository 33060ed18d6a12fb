//! The plainer settings: limits, pending, cache, retention.

use backstop_checks::expression::Want;

use super::Compiler;
use crate::compiled::{
    Cache, CachePer, Durability, Limit, LimitOf, LimitPer, Pending, PendingThen, Retain,
};
use crate::diagnostics::Code;
use crate::prompt::Keep;
use crate::raw::{self, LimitKind, Per};
use crate::source::Spanned;
use crate::units::Time;

impl Compiler<'_> {
    /// Limits at the door.
    pub(super) fn limits(&mut self) -> Vec<Limit> {
        let written = self.parts.limits.clone();
        let scope = self.scopes.before.clone();
        let mut limits = Vec::with_capacity(written.len());
        for (index, limit) in written.into_iter().enumerate() {
            let per = match limit.per.as_ref().map(|per| &per.value) {
                None | Some(Per::Policy) => LimitPer::Policy,
                Some(Per::Caller) => LimitPer::Caller,
                Some(Per::Tenant) => LimitPer::Tenant,
                Some(Per::Model) => LimitPer::Model,
                Some(Per::Expression(key)) => match self.expression(key, &scope, Want::Any) {
                    Some(key) => LimitPer::Key(key),
                    None => continue,
                },
            };
            let of = match &limit.kind {
                LimitKind::Requests { rate, .. } => {
                    LimitOf::Requests { most: rate.amount, window_ms: rate.period.ms() }
                }
                LimitKind::Tokens { rate, .. } => {
                    LimitOf::Tokens { most: rate.amount, window_ms: rate.period.ms() }
                }
                LimitKind::Concurrency { most } => LimitOf::Concurrency(*most),
                LimitKind::Cost { rate, .. } => {
                    LimitOf::Cost { most: rate.amount, window_ms: rate.period.ms() }
                }
            };
            let burst = Some(limit.burst());
            limits.push(Limit { name: format!("limits.{index}"), of, per, burst });
        }
        limits
    }

    /// What an OpenAI client gets while a person decides.
    pub(super) fn pending(&mut self) -> Pending {
        let around = self.around;
        let Some(written) = self.raw.pending.as_ref().or(around.defaults.pending.as_ref()) else {
            return Pending { wait_ms: 0, then: PendingThen::Error };
        };
        let wait_ms = written.wait.as_ref().map_or(0, |time| time.value.0);
        let then = match &written.then {
            raw::PendingThen::Error => PendingThen::Error,
            raw::PendingThen::Fallback => {
                if self.raw.fallback.is_empty() {
                    let say = "`pending: fallback` needs a `fallback:`";
                    self.error(Code::UnknownReference, written.span, say, None);
                }
                PendingThen::Fallback
            }
            raw::PendingThen::Refuse(text) => {
                let scope = self.scopes.before.clone();
                match self.text(&text.value, text.span, &scope) {
                    Some(text) => PendingThen::Refuse(text),
                    None => PendingThen::Error,
                }
            }
        };
        Pending { wait_ms, then }
    }

    /// Whether and how accepted answers are kept.
    pub(super) fn cache(&mut self) -> Option<Cache> {
        let written = self.raw.cache.as_ref()?;
        let raw::Cache::On { keep, per, key } = &written.value else { return None };
        if self.raw.conversation.is_some() {
            let say = "an answer in a conversation cannot be kept for another one";
            self.error(Code::Refused, written.span, say, Some("remove `cache:`".to_owned()));
        }
        let writes = self.parts.tools_of_request
            || self.parts.tools.iter().any(|(_, tool)| tool.effect.value != raw::Effect::Read);
        if writes {
            let say = "answers that may call a writing tool are never kept";
            self.error(Code::Refused, written.span, say, Some("remove `cache:`".to_owned()));
        }
        let places: Vec<_> = key.iter().filter_map(|path| self.place(path)).collect();
        Some(Cache {
            for_ms: keep.value.0,
            per: match per {
                raw::CachePer::Caller => CachePer::Caller,
                raw::CachePer::Tenant => CachePer::Tenant,
                raw::CachePer::Policy => CachePer::Policy,
            },
            key: places.into_iter().map(|at| (at.root.name().to_owned(), at.path)).collect(),
        })
    }

    /// When an answer may leave.
    pub(super) fn durability(&mut self) -> Durability {
        let around = self.around;
        let own = self.raw.durability.as_ref();
        let word = own.map(|word| word.value).or(around.defaults.durability);
        if word != Some(raw::Durability::Relaxed) {
            return Durability::Strict;
        }
        let writes = self.parts.tools_of_request
            || self.parts.tools.iter().any(|(_, tool)| tool.effect.value != raw::Effect::Read);
        if writes && let Some(own) = own {
            let say = "`durability: relaxed` is refused beside tools that write";
            self.error(Code::Refused, own.span, say, None);
        }
        if writes { Durability::Strict } else { Durability::Relaxed }
    }

    /// How long things are kept.
    pub(super) fn retain(&mut self) -> Retain {
        let around = self.around;
        let of = |own: fn(&raw::Retain) -> Option<&Spanned<Time>>| {
            self.raw.retain.as_ref().and_then(own)
        };
        let kept = around.kept;
        let own = [
            ("bodies", of(|retain| retain.bodies.as_ref()), kept.bodies_ms),
            ("events", of(|retain| retain.events.as_ref()), kept.events_ms),
            ("labels", of(|retain| retain.labels.as_ref()), kept.labels_ms),
        ];
        for (key, time, gateways_ms) in own {
            let Some(time) = time.filter(|time| time.value.0 < gateways_ms) else { continue };
            let say =
                format!("{key} go no sooner than `store: {{retain: {{{key}}}}}` of the gateway");
            let help =
                "shorten it there too: what calls share is kept for the longest time asked for";
            self.warn(Code::NotYet, time.span, say, Some(help.to_owned()));
        }
        let written = self.raw.retain.as_ref().or(around.defaults.retain.as_ref());
        written.map_or_else(Retain::default, |retain| Retain {
            bodies_ms: retain.bodies.as_ref().map(|time| time.value.0),
            events_ms: retain.events.as_ref().map(|time| time.value.0),
            labels_ms: retain.labels.as_ref().map(|time| time.value.0),
        })
    }

    /// How much of the caller's messages goes on.
    pub(super) fn conversation(&self) -> Option<Keep> {
        let written = self.raw.conversation.as_ref()?;
        let messages = written.value.messages.as_ref().map_or(u64::MAX, |count| count.value.0);
        Some(Keep {
            messages: usize::try_from(messages).unwrap_or(usize::MAX),
            tokens: written.value.tokens.as_ref().map(|count| count.value.0),
        })
    }
}
