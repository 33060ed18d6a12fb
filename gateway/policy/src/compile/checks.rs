//! Compiles checks: what they look for and where.

use backstop_checks::expression::{Scope, Want};
use backstop_checks::path::{Path as Steps, PathStep};
use backstop_checks::text::{
    Pattern, PersonalData, PersonalKind, SecretKind, Secrets, SizeLimit, Words,
};
use backstop_domain::Signal;

use super::Compiler;
use super::rules::audience;
use crate::compiled::{At, Check, Kind, Root, SourceSet};
use crate::decode::Name;
use crate::diagnostics::Code;
use crate::judge::Scan;
use crate::path::{Path, Root as Written, Segment};
use crate::raw::{self, CheckKind, Must, SecretKinds, WordSource};
use crate::source::{Span, Spanned};

/// Time of a paid check, in milliseconds.
const TIMEOUT_MS: u64 = 2_000;

impl Compiler<'_> {
    /// Every check of the policy and its fragments.
    pub(super) fn checks(&mut self) -> Vec<Check> {
        let written = self.parts.checks.clone();
        written.into_iter().filter_map(|(name, check)| self.check(name, check)).collect()
    }

    fn check(&mut self, name: &Spanned<Name>, written: &raw::Check) -> Option<Check> {
        let before = self.report.error_count();
        let by = format!("checks.{}", name.as_str());
        let early = super::scopes::is_early(written);
        let scope = if early { &self.scopes.before } else { &self.scopes.answer };
        let scope = scope.clone();
        let at: Vec<At> = written.at.iter().filter_map(|path| self.place(path)).collect();
        let kind = self.kind(&written.kind, written.span, &scope);
        let when = self.condition(written.when.as_ref(), &scope);
        self.applies(when.as_ref(), written.when.as_ref(), &scope, "check");
        self.decides(written);
        let then = match &written.then {
            Some(ladder) => self.then(&by, ladder, &scope),
            None => {
                self.ladders.insert(by.clone(), Vec::new());
                super::ladders::Then { ladder: Some(by.clone()), also_review: None }
            }
        };
        let on_error = self.on_error(&by, written.on_error.as_ref(), &scope);
        let default = if written.kind.is_paid() { SourceSet::MODEL } else { SourceSet::ALL };
        let check = Check {
            name: name.as_str().to_owned(),
            order: self.order(written.span),
            kind: kind?,
            at,
            ladder: then.ladder,
            also_review: then.also_review,
            on_error,
            when,
            sources: audience(&written.audience, default),
            observe: written.mode.as_ref().is_some_and(|mode| mode.value == raw::Mode::Observe),
            timeout_ms: written.timeout.as_ref().map_or(TIMEOUT_MS, |time| time.value.0),
            by,
        };
        (self.report.error_count() == before).then_some(check)
    }

    fn kind(&mut self, kind: &CheckKind, span: Span, scope: &Scope) -> Option<Kind> {
        let text = |scan| Some(Kind::Text { scan, allow: None });
        match kind {
            CheckKind::Pattern { pattern, must } => match Pattern::compile(&pattern.value) {
                Ok(found) => {
                    self.doubtful(pattern, *must);
                    text(Scan::Pattern { pattern: found, must_match: *must == Must::Match })
                }
                Err(error) => {
                    let help = error.help().map(str::to_owned);
                    self.error(Code::Pattern, pattern.span, error.to_string(), help);
                    None
                }
            },
            CheckKind::Words { words, whole_words } => {
                let (words, span) = self.words(words, span)?;
                match Words::compile(&words, *whole_words) {
                    Ok(words) => text(Scan::Words(words)),
                    Err(error) => {
                        self.error(Code::Pattern, span, error.to_string(), None);
                        None
                    }
                }
            }
            CheckKind::PersonalData { kinds, allow } => {
                let kinds: Vec<PersonalKind> =
                    kinds.iter().filter_map(|kind| PersonalKind::parse(kind.name())).collect();
                let allow = match allow {
                    Some(allow) => Some(self.expression(allow, scope, Want::Texts)?),
                    None => None,
                };
                Some(Kind::Text { scan: Scan::PersonalData(PersonalData::of(&kinds)), allow })
            }
            CheckKind::Secrets(SecretKinds::All) => text(Scan::Secrets(Secrets::all())),
            CheckKind::Secrets(SecretKinds::Some(names)) => {
                let kinds: Vec<SecretKind> =
                    names.iter().filter_map(|name| self.secret(name)).collect();
                text(Scan::Secrets(Secrets::of(&kinds)))
            }
            CheckKind::Size { chars, tokens, items } => Some(Kind::Size(SizeLimit {
                chars: chars.as_ref().map(|count| count.value.0),
                tokens: tokens.as_ref().map(|count| count.value.0),
                items: items.as_ref().map(|count| count.value.0),
            })),
            CheckKind::Judge { prompt, model, pass } => {
                self.judge_prompt(prompt);
                self.any_model(model);
                Some(Kind::Judge {
                    prompt: prompt.as_str().to_owned(),
                    model: model.as_str().to_owned(),
                    pass: Signal::from_millionths(pass.0)?,
                })
            }
            CheckKind::Service { service, fail_over } => {
                if !self.around.services.contains(service.as_str()) {
                    let around = self.around;
                    let known: Vec<&str> = around.services.iter().map(String::as_str).collect();
                    self.unknown("service", service.as_str(), service.span, known);
                }
                Some(Kind::Service {
                    service: service.as_str().to_owned(),
                    fail_over: Signal::from_millionths(fail_over.0)?,
                })
            }
        }
    }

    fn words(&mut self, words: &WordSource, span: Span) -> Option<(Vec<String>, Span)> {
        match words {
            WordSource::List(words) => {
                Some((words.iter().map(|word| word.value.clone()).collect(), span))
            }
            WordSource::File(file) => {
                let path = file.beside(self.sources.path(file.span.file));
                let Some(id) = self.sources.find(&path) else {
                    let say = format!("there is no file `{path}`");
                    let help = super::includes::near_file(self.sources, &path);
                    self.error(Code::MissingFile, file.span, say, Some(help));
                    return None;
                };
                let lines = self.sources.text(id).lines().map(str::trim);
                let lines = lines.filter(|line| !line.is_empty()).map(str::to_owned);
                Some((lines.collect(), file.span))
            }
        }
    }

    fn secret(&mut self, name: &Spanned<Name>) -> Option<SecretKind> {
        let found = SecretKind::ALL.iter().copied().find(|kind| kind.name() == name.as_str());
        if found.is_none() {
            let known = SecretKind::ALL.iter().map(|kind| kind.name());
            self.unknown("kind of secret", name.as_str(), name.span, known);
        }
        found
    }

    /// A path as a place, if the schema of its root has it.
    pub(super) fn place(&mut self, path: &Spanned<Path>) -> Option<At> {
        let root = root(path.root)?;
        let steps = steps(&path.value);
        let schema = match root {
            Root::Input => self.input.as_ref(),
            Root::Output => self.output.as_ref(),
            _ => None,
        };
        let lacks = schema.is_some_and(|schema| schema.subschema_at(&steps).is_none());
        let into_text = match root {
            Root::Output => matches!(self.raw.output.value, raw::OutputShape::Text),
            Root::Message | Root::Messages | Root::ToolResults => true,
            _ => false,
        };
        if lacks {
            let say = format!("the schema has no place `{}`", path.value);
            let help = schema.and_then(|schema| near(schema, &steps));
            self.error(Code::NoPlace, path.span, say, help);
            return None;
        }
        if into_text && !steps.is_root() {
            let say = format!("`{}` is a text: it has no fields", path.root.name());
            let help = format!("write `{}` alone", path.root.name());
            self.error(Code::NoPlace, path.span, say, Some(help));
            return None;
        }
        let said = matches!(root, Root::Messages | Root::ToolResults);
        if said && self.raw.conversation.is_none() && self.raw.prompt.is_some() {
            let say = format!("`{}` needs `conversation:`", path.root.name());
            let help = "add `conversation: {messages: 20}`, which passes the caller's messages on";
            self.error(Code::NoPlace, path.span, say, Some(help.to_owned()));
        }
        Some(At { root, path: steps })
    }
}

/// "did you mean" for the last step of a path that the schema lacks.
fn near(schema: &backstop_checks::schema::Schema, steps: &Steps) -> Option<String> {
    let (last, above) = steps.steps().split_last()?;
    let PathStep::Field(name) = last else { return None };
    let above = schema.subschema_at(&Steps::of(above.iter().cloned()))?;
    let fields = above.value().get("properties")?.as_object()?;
    crate::diagnostics::suggest::did_you_mean(name, fields.keys().map(String::as_str))
}

/// The root of a path as checks know it.
pub(super) const fn root(root: Written) -> Option<Root> {
    match root {
        Written::Input => Some(Root::Input),
        Written::Output => Some(Root::Output),
        Written::Message => Some(Root::Message),
        Written::Messages => Some(Root::Messages),
        Written::ToolArgs => Some(Root::ToolArgs),
        Written::ToolResults => Some(Root::ToolResults),
        _ => None,
    }
}

/// The steps of a path below its root.
pub(super) fn steps(path: &Path) -> Steps {
    Steps::of(path.segments.iter().map(|segment| match segment {
        Segment::Each => PathStep::Every,
        Segment::Field(name) => match name.parse::<usize>() {
            Ok(index) => PathStep::Index(index),
            Err(_) => PathStep::Field(name.clone()),
        },
    }))
}
