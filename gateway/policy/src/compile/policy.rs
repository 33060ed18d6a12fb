//! Puts a policy together, part by part.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_checks::expression::{Scope, Type};
use backstop_domain::{Budget, Criticality, Mode, ModelPlan, Plan, RESERVE_MS};
use serde_json::{Map, Value};

use super::includes::{Parts, fragments, join};
use super::reach::Judged;
use super::scopes::{Ground, Input, Output, Scopes, build, source_name};
use super::{Around, Compiler, Files};
use crate::compiled::{Block, InputOf, Model, OnDisconnect, OutputOf, Policy};
use crate::diagnostics::{Code, Problem, Report};
use crate::raw;
use crate::revision;
use crate::source::Sources;

/// The automatic part if the file does not say, in milliseconds.
const DEADLINE_MS: u64 = 30_000;

/// Compiles one policy; `None` if anything is wrong with it.
pub(crate) fn compile(
    raw: &raw::Policy,
    sources: &Sources,
    around: &Around,
    files: &mut Files,
    report: &mut Report,
) -> Option<Policy> {
    let before = report.error_count();
    let fragments = fragments(raw, sources, report);
    let parts = join(raw, &fragments, around, report);
    let mut compiler = Compiler::new(raw, parts, sources, around, files, report);
    let policy = compiler.policy();
    (report.error_count() == before).then_some(policy).flatten()
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        raw: &'a raw::Policy,
        parts: Parts<'a>,
        sources: &'a Sources,
        around: &'a Around,
        files: &'a mut Files,
        report: &'a mut Report,
    ) -> Self {
        Self {
            sources,
            report,
            files,
            around,
            raw,
            parts,
            scopes: Scopes::default(),
            input: None,
            output: None,
            broken: Vec::new(),
            ladders: BTreeMap::new(),
            texts: BTreeMap::new(),
        }
    }
}

impl Compiler<'_> {
    fn policy(&mut self) -> Option<Policy> {
        self.contracts();
        let (data, kinds) = self.data();
        self.scopes(&kinds);
        let models = self.models();
        if let Some(queue) = self.raw.queue.clone() {
            self.queue_named(&queue);
        }
        self.class_ladders();
        let otherwise = self.otherwise();
        let before_scope = self.scopes.before.clone();
        let answer_scope = self.scopes.answer.clone();
        let (written_before, written_rules) = (self.parts.before.clone(), self.parts.rules.clone());
        let before = self.all_rules(&written_before, "before", &before_scope, Judged::Requests);
        let rules = self.all_rules(&written_rules, "rules", &answer_scope, Judged::Answers);
        let checks = self.checks();
        let tools = self.tools();
        let confidence = self.blocks(&answer_scope);
        let fallback = self.fallback();
        let prompt = self.own_prompt();
        self.fits(prompt.as_deref());
        self.payable();
        self.sheddable();
        self.unjudged();
        let prompts = self.prompts_of_judges();
        let limits = self.limits();
        let pending = self.pending();
        let cache = self.cache();
        let durability = self.durability();
        let private = self.private();
        let plan = self.plan(&models, otherwise?, cache.is_some());
        Some(Policy {
            name: self.raw.policy.as_str().to_owned(),
            description: self
                .raw
                .description
                .as_ref()
                .map_or_else(String::new, |text| text.value.clone()),
            owner: self.raw.owner.value.clone(),
            plan,
            models,
            prompt,
            input: self.input_of()?,
            output: self.output_of()?,
            conversation: self.conversation(),
            queue: self.raw.queue.as_ref().map(|queue| queue.as_str().to_owned()),
            limits,
            before,
            rules,
            checks,
            tools,
            confidence,
            fallback,
            pending,
            cache,
            durability,
            on_disconnect: self.on_disconnect(),
            retain: self.retain(),
            private,
            shadow: self.shadow(),
            canary: self.canary(),
            data: Arc::new(data),
            calendars: self.around.hours.clone(),
            texts: core::mem::take(&mut self.texts),
            prompts,
            files: revision::rests_on(&self.parts.files, self.sources),
            places: super::places::places(self.raw, &self.parts),
            written: self.raw.clone(),
        })
    }

    fn blocks(&mut self, scope: &Scope) -> Vec<Block> {
        let blocks = self.raw.confidence.iter().enumerate();
        let named = blocks.map(|(index, block)| (format!("confidence.{index}"), block));
        named.filter_map(|(by, block)| self.block(block, by, scope, None)).collect()
    }

    /// Paths that are masked in pages, logs and exports.
    fn private(&mut self) -> Vec<String> {
        let paths = self.raw.private.iter();
        paths.filter_map(|path| self.place(path).map(|_| path.value.to_string())).collect()
    }

    fn on_disconnect(&self) -> OnDisconnect {
        match self.raw.on_disconnect.as_ref().map(|word| word.value) {
            Some(raw::OnDisconnect::Cancel) => OnDisconnect::Cancel,
            _ => OnDisconnect::Continue,
        }
    }

    /// The schemas of input and output.
    pub(super) fn contracts(&mut self) {
        if let Some(input) = &self.raw.input
            && let raw::InputShape::Schema(path) = &input.value
        {
            let file = crate::source::Spanned::new(path.clone(), input.span);
            self.input = self.schema(&file);
            self.broken.extend(self.input.is_none().then_some("input."));
        }
        match &self.raw.output.value {
            raw::OutputShape::Schema(path) => {
                let file = crate::source::Spanned::new(path.clone(), self.raw.output.span);
                self.output = self.schema(&file);
                self.broken.extend(self.output.is_none().then_some("output."));
            }
            raw::OutputShape::Request if self.raw.prompt.is_some() => {
                let say = "`output: request` needs a policy without a prompt";
                self.error(Code::Refused, self.raw.output.span, say, None);
            }
            _ => {}
        }
    }

    pub(super) fn data(&mut self) -> (Value, BTreeMap<String, Type>) {
        let (mut values, mut kinds) = (Map::new(), BTreeMap::new());
        for (name, source, by) in self.parts.data.clone() {
            let path = source.file.beside(self.sources.path(by));
            let Some(id) = self.sources.find(&path) else {
                let say = format!("there is no file `{path}`");
                let help = super::includes::near_file(self.sources, &path);
                self.error(Code::MissingFile, source.file.span, say, Some(help));
                kinds.insert(name.as_str().to_owned(), Type::Any);
                continue;
            };
            match super::data::read(source, &path, self.sources.text(id)) {
                Ok(read) => {
                    values.insert(name.as_str().to_owned(), read.value);
                    kinds.insert(name.as_str().to_owned(), read.kind);
                }
                Err(message) => {
                    let say = format!("`{path}` cannot be read: {message}");
                    let help = "mend the data file, or what this line asks of it".to_owned();
                    self.error(Code::DataFile, source.file.span, say, Some(help));
                    kinds.insert(name.as_str().to_owned(), Type::Any);
                }
            }
        }
        (Value::Object(values), kinds)
    }

    pub(super) fn scopes(&mut self, data: &BTreeMap<String, Type>) {
        let blocks = self.parts.tools.iter().flat_map(|(_, tool)| &tool.confidence);
        let blocks = self.raw.confidence.iter().chain(blocks);
        let sources = blocks.flat_map(|block| &block.from).map(source_name).collect();
        let through = self.raw.prompt.is_none();
        let input = match (self.raw.input.as_ref().map(|input| &input.value), &self.input) {
            (Some(raw::InputShape::Schema(_)), Some(schema)) => Input::Schema(schema),
            (Some(raw::InputShape::Schema(_)), None) => Input::Unknown,
            _ if through => Input::Body,
            _ => Input::Text,
        };
        let output = match (&self.raw.output.value, &self.output) {
            (raw::OutputShape::Text, _) => Output::Text,
            (raw::OutputShape::Schema(_), Some(schema)) => Output::Schema(schema),
            _ => Output::Unknown,
        };
        let ground = Ground {
            input,
            output,
            conversation: through || self.raw.conversation.is_some(),
            data,
            hours: self.around.hours.0.keys().cloned().collect(),
            sources,
        };
        self.scopes = build(&ground, &self.parts);
        for (name, data) in self.parts.values.clone() {
            self.share(name, data);
        }
    }

    fn share(&mut self, name: &crate::source::Spanned<crate::decode::Name>, data: &raw::Data) {
        if let Some(constant) = data.constant() {
            let name = name.as_str().to_owned();
            self.scopes.each(|scope| scope.constant(name.clone(), constant.clone()));
            return;
        }
        let raw::DataKind::Expression(formula) = &data.kind else {
            let help = "write a constant, or \"= expression\"".to_owned();
            let say = format!("value `{}` is neither a constant nor an expression", name.as_str());
            self.error(Code::WrongKind, data.span, say, Some(help));
            return;
        };
        let mut faults = Vec::new();
        self.scopes.each(|mut scope| {
            if let Err(found) = scope.share(name.as_str(), &formula.text) {
                faults = found;
            }
            scope
        });
        for fault in faults {
            let place = self.sources.place_in(formula.span, &formula.text, fault.range);
            let problem = Problem::error(Code::Expression, place, fault.message);
            self.report.push(problem.help_if(fault.help));
        }
    }

    fn input_of(&self) -> Option<InputOf> {
        match self.raw.input.as_ref().map(|input| &input.value) {
            Some(raw::InputShape::Schema(_)) => self.input.clone().map(InputOf::Schema),
            _ if self.raw.prompt.is_none() => Some(InputOf::Body),
            _ => Some(InputOf::Text),
        }
    }

    fn output_of(&self) -> Option<OutputOf> {
        match &self.raw.output.value {
            raw::OutputShape::Text => Some(OutputOf::Text),
            raw::OutputShape::Request => Some(OutputOf::Request),
            raw::OutputShape::Schema(_) => self.output.clone().map(OutputOf::Schema),
        }
    }

    /// Prompts of judges, by name. Each was reported on where it is named.
    fn prompts_of_judges(&mut self) -> BTreeMap<String, Arc<crate::prompt::Prompt>> {
        let mut names = Vec::new();
        for (_, check) in &self.parts.checks {
            if let raw::CheckKind::Judge { prompt, .. } = &check.kind {
                names.push(prompt.clone());
            }
        }
        let blocks = self.parts.tools.iter().flat_map(|(_, tool)| &tool.confidence);
        for source in self.raw.confidence.iter().chain(blocks).flat_map(|block| &block.from) {
            if let raw::SourceKind::Judge { prompt, .. } = &source.kind {
                names.push(prompt.clone());
            }
        }
        let mut prompts = BTreeMap::new();
        for name in names {
            if let Some(prompt) = self.judge_prompt(&name) {
                prompts.insert(name.as_str().to_owned(), prompt);
            }
        }
        prompts
    }

    /// A sheddable policy must be able to end without a model.
    fn sheddable(&mut self) {
        let sheddable = self.raw.criticality.as_ref();
        let Some(word) = sheddable.filter(|w| w.value == raw::Criticality::Sheddable) else {
            return;
        };
        let ladder = self
            .parts
            .on
            .iter()
            .find(|(class, _)| class.value == backstop_domain::FailureClass::Shed);
        let ends = ladder.is_some_and(|(_, ladder)| {
            ladder.steps.last().is_some_and(|step| {
                matches!(
                    step.value,
                    raw::Step::Fallback | raw::Step::Reject { .. } | raw::Step::Escalate(_)
                )
            })
        });
        if !ends {
            let say = "a sheddable policy must say what it does without a model";
            let help = "add `on: {shed: fallback}`".to_owned();
            self.error(Code::Refused, word.span, say, Some(help));
        }
    }

    /// A text that nothing judges is worth a word.
    fn unjudged(&mut self) {
        let text = matches!(self.raw.output.value, raw::OutputShape::Text);
        let judged = !self.parts.rules.is_empty()
            || self.parts.checks.iter().any(|(_, check)| !super::scopes::is_early(check))
            || !self.raw.confidence.is_empty();
        if text && !judged {
            let say = "nothing judges this text: every answer that is not empty is accepted";
            let help = "add a check or a rule, or an output schema".to_owned();
            self.warn(Code::Unjudged, self.raw.output.span, say, Some(help));
        }
    }

    fn plan(&mut self, models: &[Model], otherwise: backstop_domain::Rung, cached: bool) -> Plan {
        let around = self.around;
        let own = self.raw.budget.as_ref().map(|budget| &budget.value);
        let budget = own.or(around.defaults.budget.as_ref());
        let attempts = budget.and_then(|budget| budget.attempts.as_ref());
        let whole = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let changes = budget.and_then(|budget| budget.changes.as_ref());
        let own_models = self.raw.models.iter().filter_map(|name| {
            let model = models.iter().find(|model| model.name == name.as_str())?;
            let (name, price) = (model.name.clone(), model.price);
            Some(ModelPlan { name, price, backoff_max_ms: model.backoff_max_ms })
        });
        let deadline = self.raw.deadline.as_ref().map(|time| time.value.0);
        Plan {
            policy: self.raw.policy.as_str().to_owned(),
            revision: revision::of(self.raw, &self.parts.files, self.sources, around),
            criticality: match self.raw.criticality.as_ref().map(|word| word.value) {
                Some(raw::Criticality::Critical) => Criticality::Critical,
                Some(raw::Criticality::Sheddable) => Criticality::Sheddable,
                _ => Criticality::Standard,
            },
            mode: match self.raw.mode.as_ref().map(|word| word.value) {
                Some(raw::Mode::Observe) => Mode::Observe,
                _ => Mode::Enforce,
            },
            models: own_models.collect(),
            deadline_ms: deadline.or(around.defaults.deadline_ms).unwrap_or(DEADLINE_MS),
            reserve_ms: RESERVE_MS,
            budget: Budget {
                attempts: whole(attempts.map_or(super::models::ATTEMPTS, |count| count.value.0)),
                tokens: budget.and_then(|b| b.tokens.as_ref()).map(|count| count.value.0),
                cost: budget.and_then(|b| b.cost.as_ref()).map(|money| money.value.0),
                changes: whole(changes.map_or(1, |count| count.value.0)),
            },
            ladders: core::mem::take(&mut self.ladders),
            otherwise,
            has_fallback: !self.raw.fallback.is_empty(),
            cached,
            repeatable: self.raw.repeatable.as_ref().is_none_or(|word| word.value),
        }
    }
}
