//! What a run has done so far, kept in a file so that a stop loses nothing.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result};
use backstop_evals::run::Ran;
use backstop_evals::suite::Suite;
use serde::{Deserialize, Serialize};

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    suite: String,
    revision: String,
    tier: String,
    ran: Ran,
}

/// The file.
pub struct Kept {
    file: File,
    lines: Vec<Line>,
}

impl Kept {
    /// Reads what is there; a line that was cut by a stop is dropped.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("cannot use `{}` to resume", path.display());
        let file = OpenOptions::new().create(true).append(true).read(true).open(path);
        let file = file.with_context(context)?;
        let lines = BufReader::new(&file).lines().map_while(Result::ok);
        let lines = lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
        Ok(Self { file, lines })
    }

    /// What the suite came to already, under the same revision and tier.
    pub fn of(&self, suite: &Suite, tier: &str) -> Vec<Ran> {
        let revision = suite.policy.plan.revision.to_string();
        let ours = |line: &&Line| {
            line.suite == suite.name && line.revision == revision && line.tier == tier
        };
        let known: BTreeSet<&str> = suite.cases.iter().map(|case| case.id.as_str()).collect();
        let lines = self.lines.iter().filter(ours);
        let valid =
            lines.filter(|line| line.ran.is_valid() && known.contains(line.ran.case.as_str()));
        valid.map(|line| line.ran.clone()).collect()
    }

    /// Keeps what came of these runs.
    pub fn keep(&mut self, suite: &Suite, tier: &str, ran: &[Ran]) -> Result<()> {
        for ran in ran {
            let line = Line {
                suite: suite.name.clone(),
                revision: suite.policy.plan.revision.to_string(),
                tier: tier.to_owned(),
                ran: ran.clone(),
            };
            writeln!(self.file, "{}", serde_json::to_string(&line)?)?;
        }
        self.file.flush().context("cannot keep what was run")
    }
}
