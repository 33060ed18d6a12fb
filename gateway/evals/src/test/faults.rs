//! Faults: everything that a policy rests on is made to fail, one at a time, and what happens is
//! held against the branch that the file declares. Nothing that failed may end as a plain pass.

use backstop_domain::FailureClass;
use backstop_policy::tried::{Attempt, Played, Scene};
use backstop_policy::{Evidence, Kind, Policy, raw::Test};

use super::declared::{first_rung, in_words};
use crate::draft::Ground;

/// What the faults of one policy lead to.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Each fault.
    pub cases: Vec<FaultCase>,
}

impl Faults {
    /// Faults that did not take their declared branch.
    pub fn broken(&self) -> usize {
        self.cases.iter().filter(|case| case.held.broken().is_some()).count()
    }
}

/// One fault, and what it led to.
#[derive(Debug, Clone)]
pub struct FaultCase {
    /// What failed, in words.
    pub fault: String,
    /// The ladder that the file declares for it.
    pub declared: String,
    /// The verdict that followed; empty if none did.
    pub verdict: String,
    /// Models that were asked and verdicts.
    pub way: String,
    /// How the call ended; `a person decides` if it waits.
    pub outcome: String,
    /// Whether that is what the file declares.
    pub held: Held,
}

/// Whether a fault took its declared branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It did.
    Yes,
    /// It did not, because the policy says that this part has no say.
    Observed,
    /// It could not be tried: no example or test comes to that part.
    Untried,
    /// It did not.
    No(String),
}

impl Held {
    /// What is broken, if something is.
    pub fn broken(&self) -> Option<String> {
        match self {
            Self::No(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// What is worth a word beside it.
    pub fn note(&self) -> Option<&'static str> {
        match self {
            Self::Observed => Some("only recorded: `mode: observe`"),
            Self::Untried => Some("no example or test comes to it"),
            Self::Yes | Self::No(_) => None,
        }
    }
}

/// Something that fails.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Every request to that model, in that way.
    Model(String, FailureClass),
    /// Every model, in that way.
    Models(FailureClass),
    /// The door.
    Door(FailureClass),
    /// A check cannot run.
    Check { name: String, by: String, what: String },
    /// A rule cannot be computed.
    Rule { by: String, id: String },
    /// A signal is missing.
    Missing { by: String, source: String },
    /// A confidence source cannot be computed.
    Source { by: String, source: String, what: String },
}

/// Classes that a model, or the guard before it, can fail with.
const OF_MODELS: [FailureClass; 15] = [
    FailureClass::Transport,
    FailureClass::Timeout,
    FailureClass::Throttled,
    FailureClass::Overloaded,
    FailureClass::Quota,
    FailureClass::Misconfigured,
    FailureClass::InvalidRequest,
    FailureClass::Declined,
    FailureClass::Truncated,
    FailureClass::Malformed,
    FailureClass::Schema,
    FailureClass::Interrupted,
    FailureClass::Limit,
    FailureClass::Budget,
    FailureClass::BreakerOpen,
];

/// Injects every fault of a policy.
pub fn inject(ground: &Ground<'_>) -> Faults {
    let policy = ground.policy;
    let bases = bases(ground);
    let cases = faults(policy).into_iter().filter(|fault| fault.fits(policy));
    Faults { cases: cases.map(|fault| case(ground, &fault, &bases)).collect() }
}

/// Calls that are accepted when nothing fails: the example first, then tests.
fn bases(ground: &Ground<'_>) -> Vec<(Scene, Played)> {
    let example =
        Test::bare("example", backstop_policy::Span::file_start(ground.policy.written().file));
    let all = std::iter::once(&example).chain(ground.tests);
    let scenes = all.filter_map(|test| Scene::of(ground.policy, ground.sources, test).ok());
    let played = scenes.map(|scene| (scene.clone(), scene.play(ground.policy)));
    played.filter(|(_, played)| matches!(played.outcome, Some("accepted" | "observed"))).collect()
}

fn faults(policy: &Policy) -> Vec<Fault> {
    let mut all: Vec<Fault> = Vec::new();
    let models = &policy.plan.models;
    all.extend([FailureClass::Shed, FailureClass::Limit].map(Fault::Door));
    for class in OF_MODELS {
        if models.len() > 1 {
            all.extend(models.iter().map(|model| Fault::Model(model.name.clone(), class)));
        }
        all.push(Fault::Models(class));
    }
    for check in &policy.checks {
        let what = match &check.kind {
            Kind::Service { service, .. } => format!("service {service} is away ({})", check.name),
            Kind::Judge { model, .. } => format!("judge {model} gives no score ({})", check.name),
            _ => format!("check {} errs", check.name),
        };
        all.push(Fault::Check { name: check.name.clone(), by: check.by.clone(), what });
    }
    for rule in policy.all_rules() {
        all.push(Fault::Rule { by: rule.by.clone(), id: rule.id.clone() });
    }
    for block in policy.confidence.iter().chain(policy.tools.blocks()) {
        for from in &block.from {
            let (by, source) = (block.by.clone(), from.name.clone());
            all.push(Fault::Missing { by: by.clone(), source: source.clone() });
            let what = match &from.evidence {
                Evidence::Judge { model, .. } => format!("judge {model} errs ({source})"),
                Evidence::Calc(_) => format!("calc {source} errs"),
                _ => continue,
            };
            all.push(Fault::Source { by, source, what });
        }
    }
    all
}

impl Fault {
    /// Whether it can happen to this policy: a text cannot be off schema, and without a ladder in
    /// the file what is stopped at the door never becomes a call.
    fn fits(&self, policy: &Policy) -> bool {
        match self {
            Self::Model(_, FailureClass::Schema) | Self::Models(FailureClass::Schema) => {
                policy.output_schema().is_some()
            }
            Self::Door(class) => policy.places.get(&format!("on.{class}")).is_some(),
            _ => true,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Model(model, class) => format!("{model}: {class}"),
            Self::Models(class) => format!("all models: {class}"),
            Self::Door(class) => format!("at the door: {class}"),
            Self::Check { what, .. } | Self::Source { what, .. } => what.clone(),
            Self::Rule { id, .. } => format!("rule {id} errs"),
            Self::Missing { source, .. } => format!("signal {source} is missing"),
        }
    }

    /// Who objects then, by name.
    fn by(&self) -> &str {
        match self {
            Self::Model(_, class) | Self::Models(class) | Self::Door(class) => class.name(),
            Self::Check { by, .. }
            | Self::Rule { by, .. }
            | Self::Missing { by, .. }
            | Self::Source { by, .. } => by,
        }
    }

    /// The ladder that is declared for it.
    fn ladder(&self, policy: &Policy) -> String {
        let on_error = |own: Option<&String>| own.cloned().unwrap_or_else(|| "on_error".to_owned());
        match self {
            Self::Model(_, class) | Self::Models(class) | Self::Door(class) => {
                format!("on.{class}")
            }
            Self::Missing { by, .. } => by.clone(),
            Self::Check { name, .. } => {
                let check = policy.checks.iter().find(|check| check.name == *name);
                on_error(check.map(|check| &check.on_error))
            }
            Self::Rule { by, .. } => {
                let rule = policy.all_rules().into_iter().find(|rule| rule.by == *by);
                on_error(rule.map(|rule| &rule.on_error))
            }
            Self::Source { .. } => on_error(None),
        }
    }

    /// Whether the policy says that the part which fails has no say.
    fn is_observed(&self, policy: &Policy) -> bool {
        if policy.plan.mode == backstop_domain::Mode::Observe {
            return true;
        }
        match self {
            Self::Check { name, .. } => {
                policy.checks.iter().any(|check| check.name == *name && check.observe)
            }
            Self::Rule { by, .. } => {
                policy.all_rules().into_iter().any(|rule| rule.by == *by && rule.observe)
            }
            _ => false,
        }
    }

    /// Whether a base comes to the part at all.
    fn reaches(&self, played: &Played) -> bool {
        match self {
            Self::Model(model, _) => played.steps.contains(model),
            Self::Models(_) | Self::Door(_) | Self::Check { .. } => true,
            Self::Rule { by, .. } => played.came.get(by).is_some_and(|came| {
                came.iter().any(|status| *status != backstop_domain::Status::NotApplicable)
            }),
            Self::Missing { by, .. } | Self::Source { by, .. } => played.came.contains_key(by),
        }
    }

    /// Breaks the part in a call.
    fn put_into(&self, policy: &Policy, scene: &mut Scene) {
        let mut everywhere = |change: &dyn Fn(&mut backstop_policy::Pretended)| {
            change(&mut scene.pretended);
            for attempt in &mut scene.attempts {
                if let Attempt::Answers(_, pretended) = attempt {
                    change(pretended);
                }
            }
        };
        match self {
            Self::Check { name, .. } => everywhere(&|pretended| {
                pretended.checks.insert(name.clone(), backstop_domain::Status::Error);
            }),
            Self::Rule { by, .. } => everywhere(&|pretended| {
                pretended.broken_rules.insert(by.clone());
            }),
            Self::Source { source, .. } => everywhere(&|pretended| {
                pretended.broken_sources.insert(source.clone());
            }),
            // Every other source of the block must not rescue it.
            Self::Missing { by, .. } => {
                let blocks = policy.confidence.iter().chain(policy.tools.blocks());
                let block = blocks.into_iter().find(|block| block.by == *by);
                let names: Vec<&String> =
                    block.iter().flat_map(|block| &block.from).map(|from| &from.name).collect();
                everywhere(&|pretended| {
                    for name in &names {
                        pretended.signals.insert((*name).clone(), None);
                    }
                });
            }
            Self::Door(class) => scene.door = Some(*class),
            Self::Model(model, class) => {
                scene.failing.insert(model.clone(), *class);
            }
            Self::Models(class) => {
                let names = policy.models.iter().map(|model| model.name.clone());
                scene.failing.extend(names.map(|name| (name, *class)));
            }
        }
    }

    /// Whether an answer may be accepted after it: another model's, or a later one.
    const fn others_may_answer(&self) -> bool {
        matches!(self, Self::Model(..) | Self::Door(_))
    }
}

fn case(ground: &Ground<'_>, fault: &Fault, bases: &[(Scene, Played)]) -> FaultCase {
    let policy = ground.policy;
    let ladder = fault.ladder(policy);
    let declared = in_words(policy, &ladder);
    let fault_words = fault.words();
    let Some((scene, _)) = bases.iter().find(|(_, played)| fault.reaches(played)) else {
        let nothing = String::new;
        let (verdict, way, outcome) = (nothing(), nothing(), nothing());
        let held = Held::Untried;
        return FaultCase { fault: fault_words, declared, verdict, way, outcome, held };
    };
    let mut scene = scene.clone();
    fault.put_into(policy, &mut scene);
    let played = scene.play(policy);
    let followed =
        played.verdicts.iter().find(|reached| reached.because.iter().any(|by| by == fault.by()));
    FaultCase {
        fault: fault_words,
        declared,
        verdict: followed.map(|reached| reached.verdict.name().to_owned()).unwrap_or_default(),
        way: played.steps.join(" → "),
        outcome: played.outcome.unwrap_or("a person decides").to_owned(),
        held: held(policy, fault, &ladder, &played),
    }
}

fn held(policy: &Policy, fault: &Fault, ladder: &str, played: &Played) -> Held {
    let followed =
        played.verdicts.iter().find(|reached| reached.because.iter().any(|by| by == fault.by()));
    if fault.is_observed(policy) {
        return Held::Observed;
    }
    let Some(followed) = followed else {
        return Held::No("nothing followed: the fault was passed over".to_owned());
    };
    let declared = first_rung(policy, fault, ladder);
    if followed.verdict != declared.verdict() {
        let (is, wanted) = (followed.verdict.name(), declared.verdict().name());
        return Held::No(format!("{wanted} is declared, {is} happened"));
    }
    if played.outcome == Some("accepted") && !fault.others_may_answer() {
        return Held::No("it ends as a plain pass".to_owned());
    }
    Held::Yes
}
