//! What people do on a review's page. Every act is a POST with the form's token, answered by a
//! redirect to a page that shows how things stand; what could not be done is kept with what was
//! typed.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use backstop_domain::{Refusal, ReviewId, ReviewState, review::HandOver, review::Standing};
use backstop_engine::{ReviewError, Verb};
use serde_json::json;

use super::{
    super::{
        drafts::Draft,
        fields::Fields,
        trouble::Trouble,
        typed::{Raw, Typed},
        visitor::{Posted, Visitor},
    },
    decision::{WORDS_MAX, at_field, at_part, blocked, digest, sentence},
    matter::Matter,
};
use crate::{
    access,
    app::App,
    problem::{self, Problem},
    reviews::has_reason,
    tongue::{say, tell},
};

/// What goes back to the person who acted.
enum Went {
    /// To the review, with a word about what was done.
    Here(&'static str),
    /// To the list, with a word.
    List(&'static str),
    /// To the review, where what is wrong is shown.
    Wrong,
    /// It closed before.
    Late,
}

/// A form on a review's page, with who sent it.
pub struct Acting<'a> {
    pub app: &'a App,
    pub id: &'a ReviewId,
    pub visitor: &'a Visitor,
    pub fields: &'a Fields,
}

/// `POST /reviews/{id}`.
pub async fn act(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: HeaderMap,
    posted: Posted,
) -> Result<Response, Trouble> {
    let id = ReviewId(id);
    let Posted { visitor, fields } = posted;
    let review = access::found(&app, &id).await?;
    if !access::looks_into(&visitor.identity, &review) {
        return Err(Problem::not_found("review").into());
    }
    let acting = Acting { app: &app, id: &id, visitor: &visitor, fields: &fields };
    let wanted = fields.one("do").unwrap_or("keep");
    let leads = ["over", "known", "unknown"].contains(&wanted) && visitor.identity.leads();
    if !leads && !access::works_on(&app, &visitor.identity, &review) {
        let queue = access::Place::from(&review).queues().next().unwrap_or_default().to_owned();
        let detail = format!("you do not decide in queue `{queue}`");
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_your_queue", detail).into());
    }
    let script = sent.get("accept").is_some_and(|kind| kind.as_bytes() == b"application/json");
    if script {
        return Ok(acting.by_script(wanted).await);
    }
    let went = acting.act(wanted, &review).await?;
    let place = match went {
        Went::Here(word) => format!("/reviews/{id}?said={word}"),
        Went::List(word) => format!("/reviews?said={word}"),
        Went::Wrong => format!("/reviews/{id}"),
        Went::Late => format!("/reviews/{id}?bad=late"),
    };
    Ok(Redirect::to(&place).into_response())
}

impl Acting<'_> {
    async fn act(&self, wanted: &str, review: &ReviewState) -> Result<Went, Trouble> {
        let (engine, id) = (&self.app.engine, self.id);
        let actor = self.visitor.identity.actor("desk");
        let lease = self.lease();
        let done = match wanted {
            "claim" => engine.claim(id, actor).await.map(|_| Went::Here("claimed")),
            "release" => {
                let released = engine.release(id, actor, lease.unwrap_or(0)).await;
                released.map(|_| Went::List("released"))
            }
            "undo" => engine.undo(id, actor).await.map(|_| Went::Here("undone")),
            "comment" => return self.comment().await,
            "aside" => {
                let until = self.until();
                engine.set_aside(id, actor, until).await.map(|_| Went::List("aside"))
            }
            "over" => return self.hand_over(review).await,
            "approve" | "edit" | "reject" | "changes" | "fallback" => {
                return self.decide(wanted).await;
            }
            "known" | "unknown" => return self.mark_known(wanted == "known").await,
            "drop" => {
                self.app.desk.drafts.forget(id, self.visitor.identity.name());
                return Ok(Went::Here("dropped"));
            }
            "as_json" | "as_form" => return self.turn(wanted == "as_json").await,
            other => return self.typed_on(other, review).await,
        };
        done.or_else(|error| self.refused(error, review, Vec::new()))
    }

    /// What the page's script asks for: small answers in JSON.
    async fn by_script(&self, wanted: &str) -> Response {
        let (engine, actor) = (&self.app.engine, self.visitor.identity.actor("desk"));
        let lease = self.lease().unwrap_or(0);
        let result = match wanted {
            "claim" => engine.claim(self.id, actor).await,
            "renew" => engine.renew(self.id, actor, lease).await,
            "release" => engine.release(self.id, actor, lease).await,
            _ => {
                let found = access::found(self.app, self.id).await;
                return match found {
                    Ok(review) => {
                        self.keep(&review, Vec::new(), None);
                        StatusCode::NO_CONTENT.into_response()
                    }
                    Err(problem) => problem.into_response(),
                };
            }
        };
        match result {
            Ok(review) => match review.standing {
                Standing::Claimed { lease, until, .. } => {
                    Json(json!({ "lease": lease, "until": until.0 })).into_response()
                }
                _ => StatusCode::NO_CONTENT.into_response(),
            },
            Err(error) => problem::of_review(&error).into_response(),
        }
    }

    fn lease(&self) -> Option<u64> {
        self.fields.text("lease").and_then(|lease| lease.parse().ok())
    }

    fn until(&self) -> Option<backstop_domain::Millis> {
        let hours: u64 = self.fields.text("hours").and_then(|hours| hours.parse().ok())?;
        let now = self.app.engine.clock().now();
        (hours > 0).then(|| now.plus(hours.min(24 * 31) * 3_600_000))
    }

    /// Keeps what was typed, with what is wrong about it.
    fn keep(
        &self,
        review: &ReviewState,
        errors: Vec<(String, String, String)>,
        trouble: Option<String>,
    ) {
        let at = self.app.engine.clock().now();
        let seen = self.fields.one("subject").and_then(digest).or(review.opened.subject);
        let draft = Draft { fields: self.fields.clone(), errors, trouble, subject: seen, at };
        self.app.desk.drafts.keep(self.id, self.visitor.identity.name(), draft);
    }

    /// An entry more or less in a list, or just keeping what was typed.
    async fn typed_on(&self, wanted: &str, review: &ReviewState) -> Result<Went, Trouble> {
        let mut parts = wanted.splitn(3, ':');
        let (what, part, at) = (parts.next(), parts.next(), parts.next());
        let (Some(what @ ("add" | "remove")), Some(part), Some(at)) = (what, part, at) else {
            self.keep(review, Vec::new(), None);
            return Ok(Went::Here("kept"));
        };
        let mut raw = Raw::of(self.fields, part);
        match what {
            "add" => raw.add(at),
            _ => raw.remove(at),
        }
        let fields = raw.into_fields(self.fields, part);
        Acting { fields: &fields, ..*self }.keep(review, Vec::new(), None);
        Ok(Went::Wrong)
    }

    /// The same answer as one JSON text, or as fields again.
    async fn turn(&self, json: bool) -> Result<Went, Trouble> {
        let matter = Matter::read(self.app, self.visitor, self.id.clone()).await?;
        let Some(typed) = matter.output() else { return Ok(Went::Wrong) };
        match typed.read(&Raw::of(self.fields, &typed.part)) {
            Ok(value) => {
                let now = Typed { shown: Some(value), ..typed };
                let fields = now.fill(json).into_fields(self.fields, &now.part);
                let fields = fields.with("as", if json { "json" } else { "form" });
                Acting { fields: &fields, ..*self }.keep(&matter.review, Vec::new(), None);
            }
            Err(wrong) => {
                let errors = at_part(&typed.part, wrong);
                let trouble = say("Mend what is marked first, then change the view.").into_owned();
                self.keep(&matter.review, errors, Some(trouble));
            }
        }
        Ok(Went::Wrong)
    }

    async fn comment(&self) -> Result<Went, Trouble> {
        let text = self.fields.text("comment").unwrap_or_default();
        if text.is_empty() || text.len() > WORDS_MAX {
            let detail = format!("a comment has 1 to {WORDS_MAX} bytes");
            return Err(Problem::bad_request("invalid_field", detail).into());
        }
        let actor = self.visitor.identity.actor("desk");
        let said = self.app.engine.comment(self.id, actor, text.to_owned()).await;
        said.map_err(|error| problem::of_review(&error))?;
        Ok(Went::Here("commented"))
    }

    async fn mark_known(&self, known: bool) -> Result<Went, Trouble> {
        if !self.visitor.identity.leads() {
            let detail = "only a lead says whose answer is known";
            return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail).into());
        }
        let actor = self.visitor.identity.actor("desk");
        let reason = "marked at the desk".to_owned();
        let marked = self.app.engine.mark_known(self.id, actor, known, reason).await;
        marked.map_err(|error| problem::of_review(&error))?;
        Ok(Went::Here(if known { "known" } else { "unknown" }))
    }

    async fn hand_over(&self, review: &ReviewState) -> Result<Went, Trouble> {
        let over = HandOver {
            to: self.fields.text("to").map(str::to_owned),
            teams: Vec::new(),
            queue: self.fields.text("to_queue").map(str::to_owned),
            note: self.fields.text("note").map(|note| note.chars().take(WORDS_MAX).collect()),
        };
        let workspace = self.app.engine.workspace();
        if let Some(queue) =
            over.queue.as_ref().filter(|q| !workspace.gateway.queues.contains_key(*q))
        {
            let detail = format!("there is no queue `{queue}`");
            return Err(Problem::bad_request("invalid_field", detail).into());
        }
        if let Some(to) = &over.to {
            let home = access::Place::from(review).queues().next().unwrap_or_default().to_owned();
            let queue = over.queue.as_ref().unwrap_or(&home);
            if !self.app.keys.can_work(to, queue, &access::skills(self.app, queue)) {
                let detail = format!("`{to}` does not decide in queue `{queue}`");
                return Err(Problem::bad_request("invalid_field", detail).into());
            }
        }
        let (actor, lead) = (self.visitor.identity.actor("desk"), self.visitor.identity.leads());
        let done = self.app.engine.hand_over(self.id, actor, lead, over).await;
        done.map(|_| Went::List("over")).or_else(|error| self.refused(error, review, Vec::new()))
    }

    async fn decide(&self, wanted: &str) -> Result<Went, Trouble> {
        let matter = Matter::read(self.app, self.visitor, self.id.clone()).await?;
        let review = &matter.review;
        let what = match self.what(wanted, &matter) {
            Ok(what) => what,
            Err((errors, trouble)) => {
                self.keep(review, errors, Some(trouble));
                return Ok(Went::Wrong);
            }
        };
        let reason = self.reason();
        if let Err(problem) = has_reason(self.app, review, wanted == "reject", reason.as_deref()) {
            let trouble =
                problem.detail().replace("`reason` must start with", &say("Choose a reason:"));
            self.keep(review, Vec::new(), Some(trouble));
            return Ok(Went::Wrong);
        }
        let verb = Verb {
            actor: self.visitor.identity.actor("desk"),
            lease: self.lease(),
            generation: self.fields.one("generation").and_then(|n| n.parse().ok()).unwrap_or(0),
            subject: self.fields.one("subject").and_then(digest),
            what,
            reason,
        };
        match self.app.engine.decide(self.id, verb).await {
            Ok(decided) => {
                self.app.desk.drafts.forget(self.id, self.visitor.identity.name());
                if decided.standing.is_open() {
                    return Ok(Went::Here("voted"));
                }
                Ok(Went::Here(match wanted {
                    "approve" => "approved",
                    "edit" => "edited",
                    "reject" => "rejected",
                    "changes" => "changes",
                    _ => "fallback",
                }))
            }
            Err(error) => {
                let errors = match &error {
                    ReviewError::Blocked(findings) => findings.iter().map(at_field).collect(),
                    _ => Vec::new(),
                };
                self.refused(error, review, errors)
            }
        }
    }

    /// The review said no: what was typed is kept, and the page says why.
    fn refused(
        &self,
        error: ReviewError,
        review: &ReviewState,
        errors: Vec<(String, String, String)>,
    ) -> Result<Went, Trouble> {
        let trouble = match &error {
            ReviewError::Stop(_) | ReviewError::Unknown => {
                return Err(problem::of_review(&error).into());
            }
            ReviewError::Refused(Refusal::Closed { .. } | Refusal::TooLate) => {
                self.app.desk.drafts.forget(self.id, self.visitor.identity.name());
                return Ok(Went::Late);
            }
            ReviewError::Refused(Refusal::Held { by, .. }) => {
                tell("{who} holds this review now.", &[("who", by)])
            }
            ReviewError::Blocked(findings) => blocked(findings),
            other => sentence(&other.to_string()),
        };
        self.keep(review, errors, Some(trouble));
        Ok(Went::Wrong)
    }
}
