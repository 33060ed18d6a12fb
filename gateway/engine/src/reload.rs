//! Putting another workspace in force while calls run: whole, or not at all.

use std::{collections::BTreeMap, sync::Arc};

use backstop_upstream::Service;

use crate::{
    engine::Engine,
    in_force::InForce,
    live::Stop,
    models::{Models, Upstream},
    services::Services,
};

/// What a reload puts in force.
pub struct Fresh {
    /// The workspace.
    pub workspace: Arc<InForce>,
    /// Its files, by path.
    pub sources: BTreeMap<String, Vec<u8>>,
    /// Its models. A gate that stays is the old one: it keeps what was counted.
    pub models: BTreeMap<String, Upstream>,
    /// Its services.
    pub services: BTreeMap<String, Arc<dyn Service>>,
}

/// Why a workspace was not put in force. The old one still is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadRefused {
    /// People still have to decide in a queue that the new files do not have.
    #[error(
        "queue `{queue}` has {open} open review(s): keep it in gateway.yaml until they are decided"
    )]
    QueueInUse {
        /// The queue.
        queue: String,
        /// How many reviews are open in it.
        open: usize,
    },
    /// It cannot be written down.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Engine {
    /// Puts another workspace in force. Calls in flight keep their revision; limits, breakers and
    /// budgets keep what they counted.
    ///
    /// # Errors
    /// [`ReloadRefused`]; nothing has changed then.
    pub async fn reload(&self, fresh: Fresh) -> Result<(), ReloadRefused> {
        let open = self.0.ledger.open_reviews().await.map_err(Stop::from)?;
        let queues = &fresh.workspace.gateway.queues;
        if let Some(lost) = open.iter().find(|review| !queues.contains_key(&review.queue)) {
            let count = open.iter().filter(|review| review.queue == lost.queue).count();
            return Err(ReloadRefused::QueueInUse { queue: lost.queue.clone(), open: count });
        }
        self.put_in_force(fresh.workspace, &fresh.sources).await?;
        self.0.models.replace(fresh.models);
        self.0.models.share_out(&self.0.workspace.load());
        // A gate that is new knows nothing of what operators said of its model.
        if let Err(error) = self.0.hold_breakers().await {
            tracing::error!(%error, "breakers that operators hold are not held for new models");
        }
        self.0.services.replace(fresh.services);
        Ok(())
    }

    /// The models that are asked now, so that a reload can keep their gates.
    pub fn upstreams(&self) -> Models {
        self.0.models.clone()
    }

    /// The services that are asked now.
    pub fn services(&self) -> Services {
        self.0.services.clone()
    }
}
