//! Arguments of what is done about consumers of events.

use clap::Subcommand;

/// `backstop subscriptions`
#[derive(Debug, clap::Args)]
pub struct Subscriptions {
    /// What to do; without it, how every consumer stands
    #[command(subcommand)]
    pub act: Option<SubscriptionsAct>,
    /// A running gateway
    #[arg(long, env = "BACKSTOP_URL", global = true, default_value = "http://127.0.0.1:8484")]
    pub url: String,
    /// Key for it, with `may: [operate]`
    #[arg(long, env = "BACKSTOP_KEY", global = true, hide_env_values = true)]
    pub key: Option<String>,
    /// Why; goes into the ledger
    #[arg(long, env = "BACKSTOP_REASON", global = true, default_value = "")]
    pub reason: String,
    /// Print JSON instead of a table
    #[arg(long, env = "BACKSTOP_JSON", global = true)]
    pub json: bool,
}

/// What `backstop subscriptions` does.
#[derive(Debug, Subcommand)]
pub enum SubscriptionsAct {
    /// How every consumer stands
    List,
    /// How one consumer stands
    Show { name: String },
    /// Events that were tried too often, with why
    Parked { name: String },
    /// Deliver again; whatever waits is due at once
    Enable { name: String },
    /// Deliver nothing; the place is kept
    Disable { name: String },
    /// Give events again: `parked`, one position, or a stretch such as `100..200` or `100..`
    Redeliver { name: String, what: String },
    /// Make a secret that deliveries are signed with
    Secret,
}
