//! Arguments of what operators hold.

use super::Running;

/// `backstop pause`
#[derive(Debug, clap::Args)]
pub struct Pause {
    /// `policy/NAME`, `model/NAME`, `queue/NAME` or `call/ID`; without it, what is held is listed
    pub target: Option<String>,
    /// How long at most, such as `30min`; a week is the longest
    #[arg(long = "for", env = "BACKSTOP_PAUSE_FOR", value_name = "TIME")]
    pub longest: Option<String>,
    /// What becomes of a call when nobody has let it go on by then; `cancel` if nothing is said
    #[arg(long, env = "BACKSTOP_PAUSE_THEN", value_parser = ["cancel", "resume"])]
    pub then: Option<String>,
    /// Why; it stays in the ledger
    #[arg(long, env = "BACKSTOP_REASON")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub at: Running,
}

/// `backstop resume`
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// What is held: `policy/NAME`, `model/NAME`, `queue/NAME` or `call/ID`
    pub target: String,
    /// Why; it stays in the ledger
    #[arg(long, env = "BACKSTOP_REASON")]
    pub reason: String,
    #[command(flatten)]
    pub at: Running,
}
