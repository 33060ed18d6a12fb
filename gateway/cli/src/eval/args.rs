//! `backstop eval` and what belongs to it.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// `backstop eval`
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_precedence_over_arg = true)]
pub struct Eval {
    #[command(subcommand)]
    pub command: Option<EvalCommand>,
    #[command(flatten)]
    pub run: Run,
}

/// What else can be done with suites.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Ask the models and keep their answers, so that the suite can be replayed
    Record(Record),
    /// Say that what a suite comes to now is good: later runs are held to it
    Bless(Bless),
    /// Turn a recorded call into a redacted case, with its recorded answers and a person's decision
    Add(Add),
    /// Put the JSON reports of shards together and judge them as one run
    Merge(Merge),
    /// Make a suite from a file of another tool, and list what did not carry over
    Import(Import),
}

/// `backstop eval [SUITES]`
#[derive(Debug, clap::Args)]
pub struct Run {
    /// Only these suites
    pub suites: Vec<String>,
    /// Folder with policies/, prompts/ and evals/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Against recorded answers, or against the models themselves
    #[arg(long, env = "BACKSTOP_EVAL_TIER", value_enum, default_value = "replay")]
    pub tier: Tier,
    /// Never ask a model: a request without a recorded answer makes the suite STALE. The replay
    /// tier always keeps to that; with it, `--tier live` is refused
    #[arg(long, env = "BACKSTOP_EVAL_FROZEN")]
    pub frozen: bool,
    /// Form of the report; with `=FILE` it goes there, and several can be asked for
    #[arg(long = "format", env = "BACKSTOP_EVAL_FORMAT", value_name = "FORM[=FILE]")]
    #[arg(value_delimiter = ',', default_value = "text")]
    pub formats: Vec<String>,
    /// Run only suites whose policy, prompt, schema, data or cases changed since that commit
    #[arg(long, env = "BACKSTOP_EVAL_CHANGED_SINCE", value_name = "COMMIT")]
    pub changed_since: Option<String>,
    /// Run the i-th of n parts of the cases, as `2/4`; `merge` puts the reports together
    #[arg(long, env = "BACKSTOP_EVAL_SHARD", value_name = "I/N")]
    pub shard: Option<String>,
    /// Keep what each case came to in this file, and go on from it after a stop
    #[arg(long, env = "BACKSTOP_EVAL_RESUME", value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// `backstop eval record`
#[derive(Debug, clap::Args)]
pub struct Record {
    /// These suites
    #[arg(required = true)]
    pub suites: Vec<String>,
    /// Folder with policies/, prompts/ and evals/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Ask for everything anew, not only for what the record does not know
    #[arg(long, env = "BACKSTOP_EVAL_ALL")]
    pub all: bool,
}

/// `backstop eval bless`
#[derive(Debug, clap::Args)]
pub struct Bless {
    /// The suite
    pub suite: String,
    /// Why this is good, for whoever reads the history
    #[arg(long, env = "BACKSTOP_EVAL_WHY")]
    pub why: String,
    /// Folder with policies/, prompts/ and evals/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
}

/// `backstop eval add`
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Id of the call
    pub call: String,
    /// The suite that gets the case
    #[arg(long, env = "BACKSTOP_EVAL_SUITE")]
    pub suite: String,
    /// Id of the case; the call's own if left out
    #[arg(long, env = "BACKSTOP_EVAL_CASE")]
    pub id: Option<String>,
    /// Folder of the ledger
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Folder with policies/, prompts/ and evals/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
}

/// `backstop eval merge`
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// JSON reports of shards of one run
    #[arg(required = true)]
    pub reports: Vec<PathBuf>,
    /// Folder with policies/, prompts/ and evals/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Form of the report; with `=FILE` it goes there, and several can be asked for
    #[arg(long = "format", env = "BACKSTOP_EVAL_FORMAT", value_name = "FORM[=FILE]")]
    #[arg(value_delimiter = ',', default_value = "text")]
    pub formats: Vec<String>,
}

/// `backstop eval import`
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Whose file it is
    #[arg(value_enum)]
    pub from: Foreign,
    /// The file
    pub file: PathBuf,
    /// Name of the new suite
    #[arg(long, env = "BACKSTOP_EVAL_SUITE")]
    pub suite: String,
    /// The policy that it holds
    #[arg(long, env = "BACKSTOP_EVAL_POLICY")]
    pub policy: String,
    /// Folder with policies/, prompts/ and evals/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
}

/// How a suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Against recorded answers
    Replay,
    /// Against the models
    Live,
}

/// Other tools whose files can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Foreign {
    /// A promptfoo configuration with `tests:`
    Promptfoo,
    /// JSON Lines of OpenAI Evals: `input` messages and an `ideal`
    OpenaiEvals,
}
