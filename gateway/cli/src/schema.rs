//! `backstop schema`: the JSON Schemas of rules files and suites, printed or written for editors.

use std::process::ExitCode;

use anyhow::{Context, Result};
use backstop_policy::keys::json_schema::{KINDS, Kind, text};

use crate::args::Schema;

/// Every kind of file that has a schema.
pub const ALL: [Kind; 6] =
    [KINDS[0], KINDS[1], KINDS[2], KINDS[3], KINDS[4], backstop_evals::suite::FILE];

/// Prints the schema of one kind, or writes it, or all.
pub fn run(args: &Schema) -> Result<ExitCode> {
    let wanted = ALL.iter().filter(|kind| args.kind.as_ref().is_none_or(|k| k == kind.name));
    for kind in wanted {
        let Some(folder) = &args.out else {
            print!("{}", text(*kind));
            continue;
        };
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let place = folder.join(format!("{}.schema.json", kind.name));
        std::fs::write(&place, text(*kind))
            .with_context(|| format!("cannot write `{}`", place.display()))?;
        println!("wrote {}", place.display());
    }
    Ok(ExitCode::SUCCESS)
}
