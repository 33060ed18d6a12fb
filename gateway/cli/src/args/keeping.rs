//! Arguments of what is done with a data folder: copies, heads, erasures, holds.

use std::path::PathBuf;

use clap::Subcommand;

/// `backstop head`
#[derive(Debug, clap::Args)]
pub struct Head {
    /// Folder of the ledger; a gateway may be running on it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// File with the key: at least 32 bytes that only you have; keep it away from the ledger
    #[arg(long, env = "BACKSTOP_SIGN", value_name = "KEYFILE")]
    pub sign: PathBuf,
}

/// `backstop backup`
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// Folder of the ledger; a gateway may be running on it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Folder to make
    #[arg(long, env = "BACKSTOP_TO", value_name = "DIR")]
    pub to: PathBuf,
}

/// `backstop restore`
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// A folder that `backstop backup` made; it stays as it is
    #[arg(long, env = "BACKSTOP_FROM", value_name = "DIR")]
    pub from: PathBuf,
    /// Folder to make
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
}

/// `backstop migrate`
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// Folder of the ledger; the gateway must be stopped
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
}

/// Whose words, and where.
#[derive(Debug, clap::Args)]
pub struct Whose {
    /// One call
    #[arg(long, env = "BACKSTOP_CALL", global = true)]
    pub call: Option<String>,
    /// Every call with that tag, or with that value at a path such as `input.customer.id`
    #[arg(long, env = "BACKSTOP_SUBJECT", global = true, value_name = "KEY=VALUE")]
    pub subject: Option<String>,
    /// Why; stays in the ledger for ever
    #[arg(long, env = "BACKSTOP_REASON", global = true, default_value = "")]
    pub reason: String,
    /// Folder of the ledger, while the gateway is stopped
    #[arg(long, env = "BACKSTOP_DATA", global = true, default_value = ".backstop")]
    pub data: PathBuf,
    /// A running gateway, instead of the folder
    #[arg(long, env = "BACKSTOP_URL", global = true)]
    pub url: Option<String>,
    /// Key for it, with `may: [operate]`
    #[arg(long, env = "BACKSTOP_KEY", global = true, hide_env_values = true)]
    pub key: Option<String>,
}

/// `backstop erase`
#[derive(Debug, clap::Args)]
pub struct Erase {
    #[command(flatten)]
    pub whose: Whose,
    /// Only say what would go
    #[arg(long, env = "BACKSTOP_DRY_RUN")]
    pub dry_run: bool,
}

/// `backstop hold`
#[derive(Debug, clap::Args)]
pub struct Hold {
    /// What to do
    #[command(subcommand)]
    pub act: HoldAct,
    #[command(flatten)]
    pub whose: Whose,
}

/// What `backstop hold` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum HoldAct {
    /// Nothing that these calls name is erased from here on
    Add,
    /// Release them
    Remove,
    /// Which calls are held, and why
    List,
}

/// `backstop sweep`
#[derive(Debug, clap::Args)]
pub struct Sweep {
    /// Folder of the ledger; with `--dry-run` a gateway may be running on it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
    /// Folder with policies/ and prompts/: their `retain` says how long things are kept
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Only say what would go
    #[arg(long, env = "BACKSTOP_DRY_RUN")]
    pub dry_run: bool,
}

/// `backstop size`
#[derive(Debug, clap::Args)]
pub struct Size {
    /// Folder of the ledger; a gateway may be running on it
    #[arg(long, env = "BACKSTOP_DATA", default_value = ".backstop")]
    pub data: PathBuf,
}
