//! What the conditions of a policy know, phase by phase, also where the policy is not in order.

use std::collections::BTreeMap;

use backstop_checks::expression::{Scope, Type};

use super::includes::{fragments, join};
use super::scopes::Scopes;
use super::{Around, Compiler, Files};
use crate::diagnostics::Report;
use crate::raw;
use crate::source::Sources;

/// What the conditions of a policy know, phase by phase.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phases {
    /// All but the rules of tools.
    pub scopes: Scopes,
    /// The rules of each tool.
    pub tools: BTreeMap<String, Scope>,
}

/// What the conditions of a policy know, as far as its files can be read: for editors.
pub(crate) fn phases(
    raw: &raw::Policy,
    sources: &Sources,
    around: &Around,
    files: &mut Files,
    report: &mut Report,
) -> Phases {
    let fragments = fragments(raw, sources, report);
    let parts = join(raw, &fragments, around, report);
    let mut compiler = Compiler::new(raw, parts, sources, around, files, report);
    compiler.contracts();
    let (_, kinds) = compiler.data();
    compiler.scopes(&kinds);
    let mut tools = BTreeMap::new();
    for (name, tool) in compiler.parts.tools.clone() {
        let args = compiler.schema(&tool.args).map_or(Type::Any, |args| args.type_of());
        tools.insert(name.as_str().to_owned(), compiler.scopes.tool(name.as_str(), args));
    }
    Phases { scopes: compiler.scopes, tools }
}
