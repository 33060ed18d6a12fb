//! `backstop simulate`

use std::path::PathBuf;

/// `backstop simulate`
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// The scenario, or `all`; without it they are listed
    pub scenario: Option<String>,
    /// Folder with policies/ and prompts/
    #[arg(long, env = "BACKSTOP_WORKSPACE", default_value = ".")]
    pub workspace: PathBuf,
    /// Only this policy; all that have an example, if left out
    #[arg(long, env = "BACKSTOP_POLICY")]
    pub policy: Option<String>,
    /// Usual requests a second
    #[arg(long, env = "BACKSTOP_RATE", default_value_t = 2.0, value_name = "NUMBER")]
    #[arg(value_parser = rate)]
    pub rate: f64,
    /// Requests that one model carries at a time before it answers 429; any number, if left out
    #[arg(long, env = "BACKSTOP_CAPACITY", value_name = "NUMBER")]
    pub capacity: Option<usize>,
    /// Sheddable calls that come on top of each usual one during the trouble; as the scenario has
    /// it, if left out
    #[arg(long, env = "BACKSTOP_CROWD", value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=100))]
    pub crowd: Option<u32>,
    /// Of the random numbers: the same seed gives the same run
    #[arg(long, env = "BACKSTOP_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Text for people, or JSON
    #[arg(long, env = "BACKSTOP_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
}

/// What a simulation can carry: a ledger in memory grows with it.
fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|rate| (0.1..=100.0).contains(rate));
    number.ok_or_else(|| "write a number from 0.1 to 100".to_owned())
}
