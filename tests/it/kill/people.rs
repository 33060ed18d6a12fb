//! What a client under load does as a person: every decision there is, and taking it back.

use backstop_tests::history::{Act, Told};
use rand::RngExt;
use serde_json::json;

use super::load::{Client, review_of};

/// How the queue that everything waits in is written, and how it is here: a decision can be taken
/// back for a moment, so kills fall into that moment too.
pub const QUEUE: (&str, &str) = (
    "desk: {title: Test desk, due: 4h, exclude: [], on_expiry: reject}",
    "desk: {title: Test desk, due: 4h, exclude: [], on_expiry: reject, undo: 150ms}",
);
/// What a person may say, and what the call comes to then, as far as that is sure.
const VERBS: [(&str, Option<&str>); 5] = [
    ("approve", Some("approved")),
    ("edit", Some("edited")),
    ("reject", Some("rejected")),
    ("use_fallback", None),
    ("request_changes", None),
];

impl Client {
    /// Decides what some calls wait for, if they wait; now and then takes it back.
    pub async fn decide(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 3) {
            let Some(review) = review_of(&self.caller, &fact.call).await? else { continue };
            let (verb, outcome) = VERBS[self.dice.random_range(0..VERBS.len())];
            let path = format!("/v1/reviews/{review}");
            let claimed = self.reviewer.post(&format!("{path}/claim"), &json!({})).await?;
            if !claimed.status.is_success() {
                continue;
            }
            if self.dice.random_bool(0.2) {
                self.reviewer.post(&format!("{path}/release"), &json!({})).await?;
                continue;
            }
            let seen = self.reviewer.get(&path).await?;
            let mut said = json!({
                "verb": verb,
                "lease": claimed.body["claimed"]["lease"],
                "generation": seen.body["generation"],
                "subject_digest": seen.body["subject_digest"],
            });
            match verb {
                "edit" => said["output"] = json!({ "label": "spam" }),
                "request_changes" => said["tell"] = json!("shorter"),
                _ => {}
            }
            let ticket = self.record.history.ask(Act::Decide { review: review.clone() });
            let decided = self.reviewer.post(&format!("{path}/decide"), &said).await?;
            if decided.status.is_success() {
                let decision = Some(format!("ada {verb}"));
                self.record.history.tell(ticket, Told::Done { decision });
                let run = decided.body["generation"].as_u64();
                self.record.promise(&fact.call, run, outcome);
            }
            if self.dice.random_bool(0.3) {
                self.undo(&fact.call, &review).await?;
            }
        }
        Ok(())
    }

    async fn undo(&mut self, call: &str, review: &str) -> reqwest::Result<()> {
        self.record.unsure(call);
        let ticket = self.record.history.ask(Act::Undo { review: review.to_owned() });
        let undone = self.reviewer.post(&format!("/v1/reviews/{review}/undo"), &json!({})).await?;
        let told = match undone.status.is_success() {
            true => Told::Done { decision: None },
            false => Told::Refused,
        };
        if undone.status.as_u16() < 500 {
            self.record.history.tell(ticket, told);
            self.record.sure(call);
        }
        Ok(())
    }
}
