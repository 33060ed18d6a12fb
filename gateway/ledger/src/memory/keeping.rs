//! What the ledger in memory forgets, erases and holds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use backstop_domain::{CallId, Digest, Millis, Stream};

use crate::{
    CallBodies, KeepingChange, KeyBinding, OwnBody, Retention, Size, Swept,
    erasure::{digests, erased_key},
};

use super::{Kept, State};

impl State {
    /// Changes what is kept.
    pub(super) fn change(&mut self, change: KeepingChange) {
        match change {
            KeepingChange::Erase { bodies, calls } => {
                let held: HashSet<Digest> =
                    self.kept_back.iter().map(|(digest, _)| *digest).collect();
                for OwnBody { digest, used, .. } in bodies {
                    let kept = self.bodies.get_mut(&digest);
                    let kept = kept.filter(|kept| kept.used == used && kept.body.private);
                    if let Some(kept) = kept.filter(|_| !held.contains(&digest)) {
                        kept.body.bytes = None;
                    }
                }
                self.hide_keys(&calls);
            }
            KeepingChange::Hold { call, bodies } => {
                self.kept_back.extend(bodies.into_iter().map(|digest| (digest, call.clone())));
            }
            KeepingChange::Release { call } => self.kept_back.retain(|(_, held)| *held != call),
        }
    }

    /// The keys of those calls can be read no more, and mean them still.
    fn hide_keys(&mut self, calls: &[CallId]) {
        let all = std::mem::take(&mut self.keys).into_iter();
        self.keys = all
            .map(|((scope, key), binding)| {
                if binding.erased || !calls.contains(&binding.call) {
                    return ((scope, key), binding);
                }
                let key = erased_key(&scope, &key);
                ((scope, key), KeyBinding { erased: true, ..binding })
            })
            .collect();
    }

    /// The bodies of those calls.
    pub(super) fn bodies_of(&self, calls: &[CallId]) -> CallBodies {
        let mut ours: BTreeSet<Stream> = calls.iter().map(Stream::call).collect();
        let reviews = self.reviews.values().filter(|review| calls.contains(&review.call));
        ours.extend(reviews.map(|review| Stream::review(&review.id)));
        let (mut named, mut others) = (BTreeSet::new(), HashSet::new());
        for kept in &self.events {
            let own = ours.contains(&kept.envelope.stream);
            self.each(kept, |digest| {
                if own {
                    named.insert(digest);
                } else {
                    others.insert(digest);
                }
            });
        }
        let mut found = CallBodies::default();
        for digest in named {
            let Some(kept) = self.bodies.get(&digest) else { continue };
            let Some(bytes) = &kept.body.bytes else {
                found.gone += 1;
                continue;
            };
            found.all.push(digest);
            if others.contains(&digest) || !kept.body.private {
                found.shared += 1;
            } else {
                let (size, used) = (bytes.len() as u64, kept.used);
                found.own.push(OwnBody { digest, size, used });
            }
        }
        found
    }

    /// How much every policy keeps.
    pub(super) fn sizes(&self) -> BTreeMap<String, Size> {
        let mut policies: BTreeMap<String, Size> = BTreeMap::new();
        for call in self.calls.values() {
            policies.entry(call.policy.clone()).or_default().calls += 1;
        }
        let mut counted = HashSet::new();
        for kept in &self.events {
            let stream = &kept.envelope.stream;
            let review = stream.review_id().and_then(|id| self.reviews.get(&id));
            let call = stream.call_id().or(review.map(|review| review.call.clone()));
            let Some(call) = call.and_then(|id| self.calls.get(&id)) else { continue };
            let size = policies.entry(call.policy.clone()).or_default();
            size.events += 1;
            self.each(kept, |digest| {
                if counted.insert((call.policy.clone(), digest)) {
                    let kept = self.bodies.get(&digest).and_then(|kept| kept.body.bytes.as_ref());
                    size.bytes += kept.map_or(0, |bytes| bytes.len() as u64);
                }
            });
        }
        policies
    }

    /// Forgets what its time is over for.
    pub(super) fn sweep(&mut self, retention: Retention) -> Swept {
        // A call goes on after somebody held it: what it names by now is held too.
        let held: BTreeSet<CallId> = self.kept_back.iter().map(|(_, call)| call.clone()).collect();
        for call in held {
            let all = self.bodies_of(std::slice::from_ref(&call)).all.into_iter();
            self.kept_back.extend(all.map(|digest| (digest, call.clone())));
        }
        let mut swept = Swept::default();
        if let Some(before) = retention.keys_of_calls_ended_before {
            let kept = self.keys.len();
            let calls = &self.calls;
            self.keys.retain(|_, binding| {
                let ended = calls.get(&binding.call).and_then(|call| call.ended);
                ended.is_none_or(|ended| ended >= before)
            });
            swept.keys = (kept - self.keys.len()) as u64;
        }
        let in_use = self.oldest_in_use();
        let held: HashSet<Digest> = self.kept_back.iter().map(|(digest, _)| *digest).collect();
        for (class, before) in retention.by_class() {
            let Some(before) = before else { continue };
            let before = in_use.map_or(before, |oldest| oldest.min(before));
            let old = self.bodies.iter_mut().filter(|(digest, kept)| {
                let over = kept.class == class && kept.used < before;
                over && kept.body.private && !held.contains(digest)
            });
            swept.bodies += old.filter_map(|(_, kept)| kept.body.bytes.take()).count() as u64;
        }
        swept
    }

    /// When the oldest call was received that is open, or has an open review.
    fn oldest_in_use(&self) -> Option<Millis> {
        let open = self.reviews.values().filter(|review| review.phase.is_open());
        let reviewed = open.filter_map(|review| self.calls.get(&review.call));
        let calls = self.calls.values().filter(|call| call.is_open());
        calls.chain(reviewed).map(|call| call.received).min()
    }

    /// Every digest that an event names, that of its own body included.
    fn each(&self, kept: &Kept, mut found: impl FnMut(Digest)) {
        if let Some(body) = &kept.envelope.body {
            digests(body.to_string().as_bytes(), &mut found);
        }
        if let Some(digest) = kept.envelope.body_digest {
            found(digest);
            let beside = self.bodies.get(&digest).and_then(|kept| kept.body.bytes.as_ref());
            digests(beside.map_or(&[][..], Vec::as_slice), &mut found);
        }
    }
}
