//! Fragments: parts of policies that several policies include.

use backstop_domain::FailureClass;

use super::budget::Limit;
use super::check::Check;
use super::data::{Data, DataSource};
use super::policy::{classes, rules};
use super::rule::Rule;
use super::secret::find_secrets;
use super::step::{Ladder, On};
use super::tool::Tools;
use crate::decode::{Decoder, Fields, Name, Named};
use crate::diagnostics::Report;
use crate::keys;
use crate::source::{FileId, Sources, Spanned};
use crate::yaml;

/// A fragment as written. Its parts are added to those of the policy that includes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Its name.
    pub fragment: Spanned<Name>,
    /// Checks.
    pub checks: Named<Check>,
    /// Rules over the request.
    pub before: Vec<Rule>,
    /// Rules over the answer.
    pub rules: Vec<Rule>,
    /// Tools.
    pub tools: Tools,
    /// Ladders by failure class.
    pub on: Vec<(Spanned<FailureClass>, Ladder)>,
    /// Named numbers and expressions.
    pub values: Named<Data>,
    /// Reference data.
    pub data: Named<DataSource>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// The file.
    pub file: FileId,
}

/// Reads the fragment in `file`. Every problem that the file alone can show goes to `report`.
pub fn load_fragment(sources: &Sources, file: FileId, report: &mut Report) -> Option<Fragment> {
    let node = yaml::parse(sources, file, report)?;
    let mut d = Decoder::new(sources, report);
    find_secrets(&node, &mut d);
    let d = &mut d;
    let mut fields = Fields::open(&node, &keys::FRAGMENT, d)?;
    let name = fields.required("fragment", d);
    let checks = fields.all("checks", d);
    let before = rules(&mut fields, "before", On::Before, d);
    let rules = rules(&mut fields, "rules", On::Then, d);
    let tools = fields.all("tools", d);
    let on = fields.node("on", d).map_or_else(Vec::new, |node| classes(node, d));
    let values = fields.all("values", d);
    let data = fields.all("data", d);
    let limits = fields.all("limits", d);
    fields.finish(d);
    let fragment = name?;
    Some(Fragment { fragment, checks, before, rules, tools, on, values, data, limits, file })
}
