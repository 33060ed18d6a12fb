//! Flags of the commands that look at recorded calls.

use std::path::PathBuf;

/// `backstop replay verify`
#[derive(Debug, clap::Args)]
pub struct ReplayVerify {
    /// Id of the call
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub call: Option<String>,
    /// Every call of the ledger
    #[arg(long, env = "BACKSTOP_ALL")]
    pub all: bool,
    /// Folder of the ledger; read without the server, or beside it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Text for people, or JSON
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
}

/// `backstop replay what-if`
#[derive(Debug, clap::Args)]
pub struct ReplayWhatIf {
    /// Id of the call
    pub call: String,
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Folder of the ledger, or a file that `backstop export` wrote
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Text for people, or JSON
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
}

/// `backstop diff`
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Folder of a ledger, or a file that `backstop export` wrote
    #[arg(long, env = "BACKSTOP_REPLAY", value_name = "LEDGER|EXPORT")]
    pub replay: PathBuf,
    /// Folder with the proposed policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Compare with these policies in place of what the calls came to: another folder, or the first
    /// digits of a revision that the ledger has
    #[arg(long, env = "BACKSTOP_FROM", value_name = "REV|DIR")]
    pub from: Option<String>,
    /// The drafts that policies name (`shadow`, `canary`) in place of the policies themselves
    #[arg(long, env = "BACKSTOP_DRAFTS")]
    pub drafts: bool,
    /// Only calls of the last such time, such as `7d`
    #[arg(long, env = "BACKSTOP_SINCE", value_name = "TIME")]
    pub since: Option<String>,
    /// How many calls may end otherwise before the exit code is 1
    #[arg(long, env = "BACKSTOP_ALLOW", default_value_t = 0, value_name = "CALLS")]
    pub allow: u64,
    /// Text for people, Markdown for a pull request, or JSON
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text")]
    #[arg(value_parser = ["text", "markdown", "json"])]
    pub format: String,
}

/// `backstop labels`
#[derive(Debug, clap::Args)]
pub struct Labels {
    /// Folder of the ledger; read without the server, or beside it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Only those of this policy
    #[arg(long, env = "BACKSTOP_POLICY", value_name = "NAME")]
    pub policy: Option<String>,
    /// `jsonl` or `csv`
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "jsonl", value_parser = ["jsonl", "csv"])]
    pub format: String,
}

/// `backstop export`
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Folder of the ledger; read without the server, or beside it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// File to write; `-` is standard output. It holds what callers and people wrote, unmasked:
    /// keep it as safe as the ledger
    #[arg(long, env = "BACKSTOP_OUT", value_name = "FILE")]
    pub out: PathBuf,
    /// Only what comes after this position
    #[arg(long, env = "BACKSTOP_AFTER", default_value_t = 0, value_name = "POSITION")]
    pub after: u64,
}
