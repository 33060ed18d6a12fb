//! What tests can cover of a policy: each rule, check, threshold, comparison, branch, rung and row,
//! and when it counts as covered.

use backstop_domain::{FailureClass, RungRef, Signal, Status};
use backstop_policy::tried::Played;
use backstop_policy::{Block, Policy, Rule, Span};

/// What a point is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A rule: it fires, and where it has a say it decides.
    Rule,
    /// A check: it objects.
    Check,
    /// A confidence threshold: a value on both sides.
    Threshold,
    /// A comparison of numbers in a condition: it holds, and it does not.
    Comparison,
    /// A class under `on:`: it occurs.
    Branch,
    /// A rung of a ladder: it is taken.
    Rung,
    /// A row of the fallback: it answers.
    Row,
}

impl Part {
    /// Every part, in the order they are told.
    pub const ALL: [Self; 7] = [
        Self::Rule,
        Self::Check,
        Self::Threshold,
        Self::Comparison,
        Self::Branch,
        Self::Rung,
        Self::Row,
    ];

    /// The word for several of them.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "rules",
            Self::Check => "checks",
            Self::Threshold => "thresholds",
            Self::Comparison => "comparisons",
            Self::Branch => "branches",
            Self::Rung => "rungs",
            Self::Row => "fallback rows",
        }
    }
}

/// One thing that has to be seen in a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Goal {
    /// A rule fires.
    Fires(String),
    /// A rule or check is among those that decide.
    Decides(String),
    /// A check comes to that.
    Comes(String, Status),
    /// A signal reaches the threshold, or is below it.
    Signal {
        /// The source.
        source: String,
        /// The threshold.
        accept: Signal,
        /// For answers of this model alone.
        model: Option<String>,
        /// At places of this block.
        block: String,
        /// Whether it reaches it.
        reaches: bool,
    },
    /// A comparison comes out so.
    Compared {
        /// Whose condition it is in.
        by: String,
        /// The condition.
        source: String,
        /// The comparison in it.
        site: usize,
        /// How.
        holds: bool,
    },
    /// A class occurs.
    Class(FailureClass),
    /// A rung is taken.
    Rung(RungRef),
    /// A row answers.
    Row(u32),
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What it is part of.
    pub part: Part,
    /// What it is, in words.
    pub name: String,
    /// Where it stands.
    pub place: Option<Span>,
    /// What has to be seen, each with its words.
    pub goals: Vec<(Goal, &'static str)>,
}

impl Goal {
    /// Whether it was seen in that call.
    pub fn is_met(&self, policy: &Policy, played: &Played) -> bool {
        match self {
            Self::Fires(by) => played.fired.contains(by),
            Self::Decides(by) => played.verdicts.iter().any(|reached| reached.because.contains(by)),
            Self::Comes(by, status) => {
                played.came.get(by).is_some_and(|came| came.contains(status))
            }
            Self::Signal { source, accept, model, block, reaches } => {
                let at = |place: Option<&str>| is_of_block(policy, block, place.unwrap_or(""));
                played.signals.iter().any(|(by, scored)| {
                    let same = scored.name == *source && scored.accept == Some(*accept);
                    let mine = model.is_none() || *by == *model;
                    let side = scored.value.is_some_and(|value| (value >= *accept) == *reaches);
                    same && mine && side && at(scored.at.as_deref())
                })
            }
            Self::Compared { by, source, site, holds } => played.compared.iter().any(|made| {
                let here = made.by == *by && made.source == *source && made.compared.site == *site;
                here && made.compared.holds == *holds
            }),
            Self::Class(class) => played.classes.contains(class),
            Self::Rung(rung) => played.rungs.iter().any(|taken| {
                taken.rung == rung.rung && policy.places.written(&taken.ladder) == rung.ladder
            }),
            Self::Row(row) => played.rows.contains(row),
        }
    }
}

/// Whether a signal's place is one of the block's.
fn is_of_block(policy: &Policy, block: &str, place: &str) -> bool {
    let all = policy.confidence.iter().chain(policy.tools.blocks());
    let Some(block) = all.into_iter().find(|known| known.by == block) else { return false };
    block.at.is_empty() || block.at.iter().any(|path| ends_like(&path.to_string(), place))
}

/// Whether a pointer ends in the parts of a path: before them may stand a choice or a tool call.
fn ends_like(path: &str, pointer: &str) -> bool {
    let wanted: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let is: Vec<&str> = pointer.split('/').skip(1).collect();
    let Some(start) = is.len().checked_sub(wanted.len()) else { return false };
    let tail = is.iter().skip(start);
    wanted.iter().zip(tail).all(|(wanted, is)| *wanted == "*" || wanted == is)
}

/// Every point of a policy, part by part, in file order.
pub fn points(policy: &Policy) -> Vec<Point> {
    // Whether a rule that samples fires is chance: no test brings it about.
    let samples = |rule: &Rule| rule.when.iter().chain(&rule.unless).any(|when| when.samples());
    let rules = policy.all_rules().into_iter().filter(|rule| !samples(rule));
    let mut points: Vec<Point> = rules.map(|rule| of_rule(policy, rule)).collect();
    for check in &policy.checks {
        let (by, place) = (check.by.clone(), policy.places.get(&check.by));
        let goals = vec![(Goal::Comes(by, Status::Fail), "objects")];
        points.push(Point { part: Part::Check, name: check.name.clone(), place, goals });
    }
    let blocks = policy.confidence.iter().chain(policy.tools.blocks());
    points.extend(blocks.flat_map(|block| of_block(policy, block)));
    points.extend(comparisons(policy));
    points.extend(branches(policy));
    points.extend(rungs(policy));
    for index in 0..policy.fallback.len() {
        let place = policy.places.get(&format!("fallback.{index}"));
        let row = u32::try_from(index).unwrap_or(u32::MAX);
        let goals = vec![(Goal::Row(row), "answers")];
        let name = format!("row {}", index + 1);
        points.push(Point { part: Part::Row, name, place, goals });
    }
    points
}

fn of_rule(policy: &Policy, rule: &Rule) -> Point {
    let has_say = rule.ladder.is_some() && !rule.observe;
    let goal = if has_say {
        (Goal::Decides(rule.by.clone()), "decides")
    } else {
        (Goal::Fires(rule.by.clone()), "fires")
    };
    let name = rule.id.clone();
    Point { part: Part::Rule, name, place: policy.places.get(&rule.by), goals: vec![goal] }
}

fn of_block(policy: &Policy, block: &Block) -> Vec<Point> {
    use backstop_policy::Accept;
    let mut points = Vec::new();
    let mut add = |source: &str, model: Option<&str>, key: Option<&str>| {
        let Some(accept) = block.accept.of(source, model) else { return };
        let key = key.map_or_else(String::new, |key| format!(".{key}"));
        let place = policy.places.get(&format!("{}.accept{key}", block.by));
        let of = model.map(|model| format!(" of {model}")).unwrap_or_default();
        let name = format!("{source}{of} at {}", accept.as_f64());
        let goal = |reaches| Goal::Signal {
            source: source.to_owned(),
            accept,
            model: model.map(str::to_owned),
            block: block.by.clone(),
            reaches,
        };
        let goals = vec![(goal(true), "reached"), (goal(false), "missed")];
        points.push(Point { part: Part::Threshold, name, place, goals });
    };
    for source in &block.from {
        match &block.accept {
            Accept::All(_) => add(&source.name, None, None),
            Accept::BySource(_) => add(&source.name, None, Some(&source.name)),
            Accept::ByModel(models) => {
                models.keys().for_each(|model| add(&source.name, Some(model), Some(model)));
            }
        }
    }
    points
}

fn comparisons(policy: &Policy) -> Vec<Point> {
    let mut points = Vec::new();
    for condition in policy.conditions() {
        let source = condition.expression.source();
        let numeric = condition.expression.comparisons().iter().enumerate();
        for (site, comparison) in numeric.filter(|(_, comparison)| comparison.numeric) {
            let words = source.get(comparison.range.clone()).unwrap_or_default();
            let goal = |holds| Goal::Compared {
                by: condition.by.to_owned(),
                source: source.to_owned(),
                site,
                holds,
            };
            points.push(Point {
                part: Part::Comparison,
                name: words.split_whitespace().collect::<Vec<_>>().join(" "),
                place: policy.places.get(&condition.place()),
                goals: vec![(goal(true), "true"), (goal(false), "false")],
            });
        }
    }
    points
}

fn branches(policy: &Policy) -> Vec<Point> {
    let classes = FailureClass::ALL.into_iter().filter_map(|class| {
        let place = policy.places.get(&format!("on.{class}"))?;
        let goals = vec![(Goal::Class(class), "occurs")];
        Some(Point { part: Part::Branch, name: class.to_string(), place: Some(place), goals })
    });
    let mut points: Vec<Point> = classes.collect();
    points.sort_by_key(|point| point.place);
    points
}

/// Rungs of ladders that are written; the only rung of a rule or check is that rule or check.
fn rungs(policy: &Policy) -> Vec<Point> {
    let mut points = Vec::new();
    for (ladder, steps) in &policy.plan.ladders {
        let own = ladder.starts_with("on.") || ladder.ends_with("on_error");
        if !own && steps.len() < 2 {
            continue;
        }
        for (index, rung) in steps.iter().enumerate() {
            let Some(place) = policy.places.get(&format!("{ladder}#{index}")) else { continue };
            let at = u32::try_from(index).unwrap_or(u32::MAX);
            let goal = Goal::Rung(RungRef { ladder: ladder.clone(), rung: at });
            points.push(Point {
                part: Part::Rung,
                name: format!("{ladder}, rung {}: {}", index + 1, rung_word(rung)),
                place: Some(place),
                goals: vec![(goal, "taken")],
            });
        }
    }
    points.sort_by_key(|point| point.place);
    points
}

/// A rung by its word; waiting counts as a retry only among verdicts.
const fn rung_word(rung: &backstop_domain::Rung) -> &'static str {
    match rung {
        backstop_domain::Rung::Wait { .. } => "wait",
        other => other.verdict().name(),
    }
}
