//! Compiles confidence blocks: places, sources, thresholds.

use backstop_checks::confidence::Compare;
use backstop_checks::expression::{Scope, Want};
use backstop_checks::path::Path;
use backstop_checks::schema::Schema;
use backstop_domain::{FailureClass, Signal};

use super::checks::steps;
use super::rungs::Of;
use super::{Compiler, ON_ERROR, class_ladder};
use crate::compiled::{Accept, Block, ConfidenceSource, Evidence, Need, SourceSet};
use crate::diagnostics::Code;
use crate::path::Root;
use crate::raw::{self, SourceKind};
use crate::units::Share;

impl Compiler<'_> {
    /// A confidence block named `by`, over an output or, with `args`, a tool's arguments.
    pub(super) fn block(
        &mut self,
        written: &raw::ConfidenceBlock,
        by: String,
        scope: &Scope,
        args: Option<&Schema>,
    ) -> Option<Block> {
        let before = self.report.error_count();
        let wanted = if args.is_some() { Root::ToolArgs } else { Root::Output };
        for path in &written.at {
            if path.root != wanted {
                let say = format!("confidence here looks into `{}`", wanted.name());
                self.error(Code::NoPlace, path.span, say, None);
                continue;
            }
            match args {
                Some(schema) if schema.subschema_at(&steps(&path.value)).is_none() => {
                    let say = format!("the schema has no place `{}`", path.value);
                    self.error(Code::NoPlace, path.span, say, None);
                }
                Some(_) => {}
                None => drop(self.place(path)),
            }
        }
        let from: Vec<ConfidenceSource> =
            written.from.iter().filter_map(|source| self.source(source, scope)).collect();
        let whens: Vec<_> = from.iter().map(|source| source.when.clone()).collect();
        self.sources_cover(written, &whens, scope);
        self.accepts(written);
        match &written.then {
            Some(ladder) => {
                self.ladder(&by, ladder, scope);
                self.rungs_help(ladder, Of::Class(FailureClass::LowConfidence));
            }
            None => self.copy_ladder(&by, FailureClass::LowConfidence),
        }
        let accept = self.accept(written);
        let at: Vec<Path> = written.at.iter().map(|path| steps(&path.value)).collect();
        let output = self.output.as_ref().filter(|_| args.is_none());
        let allowed = output.map(|schema| at.iter().map(|path| schema.allowed_at(path)).collect());
        let block = Block {
            order: self.order(written.span),
            at,
            allowed: allowed.unwrap_or_default(),
            from,
            need: match written.need {
                raw::Need::Any => Need::Any,
                raw::Need::All => Need::All,
            },
            accept: accept?,
            on_error: ON_ERROR.to_owned(),
            sources: SourceSet::MODEL,
            by,
        };
        (self.report.error_count() == before).then_some(block)
    }

    /// Gives `name` the ladder of a class, so that rungs are counted apart.
    fn copy_ladder(&mut self, name: &str, class: FailureClass) {
        let of = class_ladder(class);
        let rungs = self.ladders.get(&of).cloned().unwrap_or_default();
        self.ladders.insert(name.to_owned(), rungs);
        let scope = self.scopes.ladder.clone();
        let written = self.parts.on.iter().find(|(written, _)| written.value == class).copied();
        if let Some((_, ladder)) = written {
            self.ladder(name, ladder, &scope);
        }
    }

    fn source(
        &mut self,
        written: &raw::ConfidenceSource,
        scope: &Scope,
    ) -> Option<ConfidenceSource> {
        let name = written.signal().to_owned();
        let when = self.condition(written.when.as_ref(), scope);
        self.applies(when.as_ref(), written.when.as_ref(), scope, "source");
        let evidence = match &written.kind {
            SourceKind::Logprobs => {
                self.needs_logprobs(written.span);
                Evidence::Logprobs
            }
            SourceKind::Votes { votes, compare } => Evidence::Votes {
                k: u32::try_from(votes.value.0).unwrap_or(u32::MAX),
                compare: match compare {
                    raw::Compare::Exact => Compare::Exact,
                    raw::Compare::Set => Compare::Set,
                    raw::Compare::Loose => Compare::Loose,
                },
            },
            SourceKind::Judge { prompt, model } => {
                self.judge_prompt(prompt);
                self.any_model(model);
                Evidence::Judge {
                    prompt: prompt.as_str().to_owned(),
                    model: model.as_str().to_owned(),
                }
            }
            SourceKind::Reported(field) => Evidence::Reported { field: field.value.clone() },
            SourceKind::Calc(calc) => Evidence::Calc(self.expression(calc, scope, Want::Number)?),
        };
        Some(ConfidenceSource { name, when, evidence })
    }

    fn accept(&mut self, written: &raw::ConfidenceBlock) -> Option<Accept> {
        let signal = |share: &Share| Signal::from_millionths(share.0);
        match &written.accept {
            raw::Accept::Every(share) => signal(&share.value).map(Accept::All),
            raw::Accept::ByModel(named) => {
                let models: Vec<&str> =
                    self.raw.models.iter().map(|model| model.value.as_str()).collect();
                for (name, _) in named.iter() {
                    if !models.contains(&name.value.as_str()) {
                        self.unknown(
                            "model of this policy",
                            name.as_str(),
                            name.span,
                            models.clone(),
                        );
                    }
                }
                if let Some(lacking) = models.iter().find(|model| named.get(model).is_none()) {
                    let say = format!("`by_model` has no threshold for `{lacking}`");
                    let help = format!("add `{lacking}:` and a number, such as 0.9");
                    self.error(Code::MissingKey, written.span, say, Some(help));
                }
                let pairs = named.iter().filter_map(|(name, share)| {
                    Some((name.as_str().to_owned(), signal(&share.value)?))
                });
                Some(Accept::ByModel(pairs.collect()))
            }
            raw::Accept::BySource(named) => {
                let sources: Vec<&str> =
                    written.from.iter().map(raw::ConfidenceSource::signal).collect();
                for (name, _) in named.iter() {
                    if !sources.contains(&name.value.as_str()) {
                        self.unknown(
                            "source of this block",
                            name.as_str(),
                            name.span,
                            sources.clone(),
                        );
                    }
                }
                if let Some(lacking) = sources.iter().find(|source| named.get(source).is_none()) {
                    let say = format!("`accept` has no threshold for `{lacking}`");
                    let help = format!("add `{lacking}:` and a number, such as 0.9");
                    self.error(Code::MissingKey, written.span, say, Some(help));
                }
                let pairs = named.iter().filter_map(|(name, share)| {
                    Some((name.as_str().to_owned(), signal(&share.value)?))
                });
                Some(Accept::BySource(pairs.collect()))
            }
        }
    }
}
