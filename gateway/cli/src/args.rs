//! The command line: every flag has an environment variable.

mod keeping;
mod pause;
mod recorded;
#[cfg(test)]
mod reference;
mod simulate;
mod subscriptions;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{Parser, Subcommand};

pub use self::{
    keeping::{Backup, Erase, Head, Hold, HoldAct, Migrate, Restore, Size, Sweep, Whose},
    pause::{Pause, Resume},
    recorded::{Diff, Export, Labels, ReplayVerify, ReplayWhatIf},
    simulate::Simulate,
    subscriptions::{Subscriptions, SubscriptionsAct},
};

/// The gateway that workflows call instead of calling AI models directly.
#[derive(Debug, Parser)]
#[command(name = "backstop", version, about, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the gateway
    Serve(Serve),
    /// Start the gateway on the sample workspace and send it about a dozen calls, without a key
    Demo(Demo),
    /// Check a workspace: every problem with file, line, column and how to mend it
    Check(Check),
    /// Run the tests of the policies, without a model; with coverage and faults
    Test(Test),
    /// Run the suites under evals/, and say with evidence whether policies do what they should
    Eval(crate::eval::args::Eval),
    /// Change each policy in one place at a time and see whether its tests notice
    Mutate(Mutate),
    /// Play an outage, a storm of 429 or a burst on a policy, and see what its callers would see
    Simulate(Simulate),
    /// Lay out rules files: order of keys, indentation, quotes; comments and meaning are kept
    Fmt(Fmt),
    /// Serve an editor: problems, hover, completion, definitions (LSP over stdin and stdout)
    Lsp,
    /// Print the JSON Schema of a kind of file, for editors
    Schema(Schema),
    /// Write a commented starter workspace
    Init(Init),
    /// Try a policy from the shell
    Call(Call),
    /// Tell what happened to a call and why
    Explain(Explain),
    /// Make a key, and the hash of it that goes into gateway.yaml
    Key(Key),
    /// Walk a data folder's chain and fold every call again, offline
    Verify(Verify),
    /// Go through a recorded call again
    #[command(subcommand)]
    Replay(Replay),
    /// Take back what was decided on a call: a new run from an earlier event
    Rollback(NewRun),
    /// Hold a policy, a model, a queue or a call at a running gateway, for a reason and a time
    Pause(Pause),
    /// Let go on what was paused
    Resume(Resume),
    /// What this workspace would have done to recorded calls: what flips, and because of what
    Diff(Diff),
    /// Write the ledger as JSON Lines
    Export(Export),
    /// Write every verdict of a person as a label, with how the answer came before them
    Labels(Labels),
    /// Sign the end of the chain, so that a later cut shows
    Head(Head),
    /// Copy a data folder, beside a running gateway, and prove the copy whole
    Backup(Backup),
    /// Make a data folder from a backup
    Restore(Restore),
    /// Take an older data folder to this version; makes a backup first
    Migrate(Migrate),
    /// Erase the words of a call, or of whoever was named in calls; what happened stays provable
    Erase(Erase),
    /// Hold calls against retention and erasure
    Hold(Hold),
    /// Forget now what `retain` says is over, or only say what would go
    Sweep(Sweep),
    /// How much every policy keeps
    Size(Size),
    /// How consumers of events stand at a running gateway, and what to do about it
    Subscriptions(Subscriptions),
    /// An OpenAI-style upstream that misbehaves as told, to run the gateway against
    Chaos(Chaos),
}

/// `backstop serve`
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Address to listen on; anything but loopback needs keys in gateway.yaml
    #[arg(long, env = "BACKSTOP_LISTEN", default_value = "127.0.0.1:8484")]
    pub listen: SocketAddr,
    /// Folder of the ledger
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Answer from this recording instead of asking models
    #[arg(long, env = "BACKSTOP_RECORDED", value_name = "PATH")]
    pub recorded: Option<PathBuf>,
    /// Append every exchange with a model to this file
    #[arg(long, env = "BACKSTOP_RECORD", value_name = "FILE", conflicts_with = "recorded")]
    pub record: Option<PathBuf>,
    /// Log as JSON, or as text for people
    #[arg(long, env = "BACKSTOP_LOG_FORMAT", default_value = "json")]
    #[arg(value_parser = ["json", "text"])]
    pub log_format: String,
    /// What to log, such as `info` or `backstop_engine=debug`
    #[arg(long, env = "BACKSTOP_LOG", default_value = "info")]
    pub log: String,
    /// Header in which a proxy that signs people in names them, as `login` in gateway.yaml does
    #[arg(long, env = "BACKSTOP_LOGIN_HEADER", value_name = "NAME")]
    pub login_header: Option<String>,
    /// Addresses of that proxy; from anywhere else the header counts for nothing
    #[arg(long, env = "BACKSTOP_LOGIN_FROM", value_name = "IP", value_delimiter = ',')]
    #[arg(default_value = "127.0.0.1,::1", requires = "login_header")]
    pub login_from: Vec<IpAddr>,
    /// Seconds that open calls get to end when the gateway stops
    #[arg(long, env = "BACKSTOP_DRAIN", default_value_t = 30)]
    pub drain: u64,
}

/// `backstop demo`
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Folder with the sample workspace
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Address to listen on
    #[arg(long, env = "BACKSTOP_LISTEN", default_value = "127.0.0.1:8484")]
    pub listen: SocketAddr,
    /// End after the calls instead of serving on
    #[arg(long, env = "BACKSTOP_DEMO_ONCE")]
    pub once: bool,
}

/// `backstop check`
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Problems as text for people, as JSON, as SARIF 2.1.0, or as annotations of GitHub workflows
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text")]
    #[arg(value_parser = ["text", "json", "sarif", "github"])]
    pub format: String,
    /// End with 1 if there are warnings, too
    #[arg(long, env = "BACKSTOP_DENY_WARNINGS")]
    pub deny_warnings: bool,
}

/// `backstop test`
#[derive(Debug, clap::Args)]
pub struct Test {
    /// Only this policy
    pub policy: Option<String>,
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Count what the tests cover, and suggest tests for what they never do
    #[arg(long, env = "BACKSTOP_COVERAGE")]
    pub coverage: bool,
    /// Least coverage of each policy, in percent; below it the command ends with 1
    #[arg(long, env = "BACKSTOP_COVERAGE_FLOOR", value_name = "PERCENT", value_parser = percent)]
    pub floor: Option<usize>,
    /// Make every check, rule, signal and model fail in turn, and hold it against the file
    #[arg(long, env = "BACKSTOP_FAULTS")]
    pub faults: bool,
    /// Text for people, JSON, or JUnit's XML for CI
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text")]
    #[arg(value_parser = ["text", "json", "junit"])]
    pub format: String,
}

/// `backstop mutate`
#[derive(Debug, clap::Args)]
pub struct Mutate {
    /// Only this policy
    pub policy: Option<String>,
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Least share of changes that the tests of each policy notice, in percent
    #[arg(long, env = "BACKSTOP_MUTATION_FLOOR", value_name = "PERCENT", value_parser = percent)]
    pub floor: Option<usize>,
    /// Most seconds; what is left then is told as not tried
    #[arg(long, env = "BACKSTOP_MUTATION_SECONDS", default_value_t = 300, value_name = "SECONDS")]
    pub seconds: u64,
    /// Text for people, or JSON
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
}

/// `80%` or `80`.
fn percent(text: &str) -> Result<usize, String> {
    let number = text.trim().trim_end_matches('%').parse::<usize>().ok();
    number.filter(|number| *number <= 100).ok_or_else(|| "write a share such as `80%`".to_owned())
}

/// `backstop fmt`
#[derive(Debug, clap::Args)]
pub struct Fmt {
    /// Files or folders; without any, all of the workspace
    pub files: Vec<PathBuf>,
    /// Write nothing; end with 1 if a file is not laid out, and show where
    #[arg(long, env = "BACKSTOP_CHECK_ONLY")]
    pub check: bool,
    /// Read standard input and write standard output; FILES names the file that it is of
    #[arg(long, env = "BACKSTOP_STDIN", conflicts_with = "check")]
    pub stdin: bool,
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
}

/// `backstop schema`
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// The kind of file; without it, all of them
    #[arg(value_parser = crate::schema::ALL.map(|kind| kind.name))]
    pub kind: Option<String>,
    /// Write `KIND.schema.json` into this folder instead of printing
    #[arg(long, env = "BACKSTOP_OUT", value_name = "DIR", required_unless_present = "kind")]
    pub out: Option<PathBuf>,
}

/// `backstop init`
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Folder to write; must not hold a workspace yet
    pub folder: PathBuf,
}

/// `backstop call`
#[derive(Debug, clap::Args)]
pub struct Call {
    /// Name of the policy
    pub policy: String,
    /// File with the input: JSON, or text for policies that take text; `-` is standard input
    #[arg(long, env = "BACKSTOP_INPUT")]
    pub input: PathBuf,
    /// A running gateway; without it the policy runs in this process, and nothing is kept
    #[arg(long, env = "BACKSTOP_URL")]
    pub url: Option<String>,
    /// Key for that gateway
    #[arg(long, env = "BACKSTOP_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Answer from this recording instead of asking models
    #[arg(long, env = "BACKSTOP_RECORDED", value_name = "PATH")]
    pub recorded: Option<PathBuf>,
    /// Print the call as JSON instead of its story
    #[arg(long, env = "BACKSTOP_JSON")]
    pub json: bool,
}

/// `backstop explain`
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Id of the call
    pub call: String,
    /// Folder of the ledger; read without the server, or beside it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
}

/// `backstop key`
#[derive(Debug, clap::Args)]
pub struct Key {
    /// Print the hash of this key instead of making a new one; `-` reads it from standard input
    #[arg(long)]
    pub hash: Option<String>,
    /// Read a password of a reviewer from standard input, and print the hash for `password:`
    #[arg(long, env = "BACKSTOP_KEY_PASSWORD", conflicts_with = "hash")]
    pub password: bool,
}

/// `backstop verify`
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Folder of the ledger
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// A head that `backstop head` signed: the chain must still hold what it ended with then
    #[arg(long, env = "BACKSTOP_HEAD", value_name = "FILE", requires = "sign")]
    pub head: Option<PathBuf>,
    /// The key that the head was signed with
    #[arg(long, env = "BACKSTOP_SIGN", value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
}

/// `backstop replay`
#[derive(Debug, Subcommand)]
pub enum Replay {
    /// Decide again under the revision that a call was pinned to: the same, byte for byte, or not
    Verify(ReplayVerify),
    /// A recorded call under the policies of a workspace, with the answers of then
    WhatIf(ReplayWhatIf),
    /// Have a call go on in a new run, from a checkpoint: what happened before it is kept
    ResumeFrom(NewRun),
    /// Give a subscription events again: `parked`, one position, or a stretch such as `100..200`
    Redeliver(Redelivery),
}

/// `backstop replay redeliver`
#[derive(Debug, clap::Args)]
pub struct Redelivery {
    /// Name of the subscription
    pub name: String,
    /// What
    pub what: String,
    /// Why; goes into the ledger
    #[arg(long, env = "BACKSTOP_REASON", default_value = "")]
    pub reason: String,
    #[command(flatten)]
    pub at: Running,
}

/// `backstop rollback`, `backstop replay resume-from`
#[derive(Debug, clap::Args)]
pub struct NewRun {
    /// Id of the call
    pub call: String,
    /// The event up to which everything is kept; without it the checkpoints are listed
    pub seq: Option<u64>,
    /// Why; it stands in the call's history
    #[arg(long, env = "BACKSTOP_REASON")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub at: Running,
}

/// A running gateway.
#[derive(Debug, clap::Args)]
pub struct Running {
    /// Its address
    #[arg(long, env = "BACKSTOP_URL", default_value = "http://127.0.0.1:8484")]
    pub url: String,
    /// Key for it
    #[arg(long, env = "BACKSTOP_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// `backstop chaos`
#[derive(Debug, clap::Args)]
pub struct Chaos {
    /// Address to listen on
    #[arg(long, env = "BACKSTOP_LISTEN", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// What to do, in turn, with `;` between, and again. `backstop chaos --list` names them
    #[arg(long = "do", env = "BACKSTOP_CHAOS", value_delimiter = ';')]
    pub behaviours: Vec<String>,
    /// What it answers
    #[arg(long, env = "BACKSTOP_CHAOS_ANSWER", default_value = "Hello.")]
    pub answer: String,
    /// Milliseconds before each answer
    #[arg(long, env = "BACKSTOP_CHAOS_LATENCY", default_value_t = 0)]
    pub latency: u64,
    /// Name the behaviours and end
    #[arg(long)]
    pub list: bool,
}
