//! The ledger of a stopped gateway, for commands that write into it and leave events.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result, bail};
use backstop_domain::{Actor, ActorKind};
use backstop_engine::{Ids, erasure::Erasures};
use backstop_ledger::{Ledger, Options, SqliteLedger};

use crate::build;

/// A ledger that nobody else works on, and who does what here.
pub struct Here {
    ledger: Arc<dyn Ledger>,
    ids: Ids,
    /// Whoever runs this command.
    pub actor: Actor,
}

impl Here {
    /// Opens the ledger in `data`; `in_use` says what to do if a gateway runs on it.
    pub fn open(data: &Path, in_use: &'static str) -> Result<Self> {
        if !data.join("ledger.db").exists() {
            bail!("`{}` holds no ledger", data.display());
        }
        let ledger = SqliteLedger::open(data, &Options::default()).context(in_use)?;
        let actor = Actor {
            kind: ActorKind::Operator,
            id: "local".to_owned(),
            via: Some("cli".to_owned()),
        };
        Ok(Self { ledger: Arc::new(ledger), ids: Ids::from_os(), actor })
    }

    /// Erasures, holds and what its time is over for, as of now.
    pub fn erasures(&self) -> Erasures<'_> {
        Erasures { ledger: &self.ledger, ids: &self.ids, now: build::clock().now() }
    }
}
