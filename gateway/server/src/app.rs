//! What every handler works with.

use std::sync::Arc;

use backstop_domain::{Actor, CallId};
use backstop_engine::Engine;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::{auth::Keys, coverage::Coverage, deliver::Deliveries, desk::Desk};

/// The engine and what stands around it. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The engine.
    pub engine: Engine,
    /// Who may do what.
    pub keys: Arc<Keys>,
    /// Renders the metrics; `None` where none are collected.
    pub metrics: Option<PrometheusHandle>,
    /// Caps of the edge.
    pub caps: Caps,
    /// Delivers events to consumers.
    pub deliveries: Deliveries,
    /// Why the last reload was refused, if it was.
    pub reload: Arc<parking_lot::Mutex<Option<String>>>,
    /// What the tests of the policies in force cover.
    pub coverage: Coverage,
    /// What the desk keeps in memory.
    pub desk: Arc<Desk>,
}

/// Caps of the edge, from the gateway file's `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Largest body, in bytes.
    pub body: usize,
    /// Deepest nesting of a JSON body.
    pub depth: usize,
    /// Longest wait of a request, in milliseconds.
    pub wait_ms: u64,
    /// Time for a request's headers, in milliseconds.
    pub headers_ms: u64,
    /// Connections at one time; whoever comes then waits until one ends.
    pub connections: usize,
}

impl Default for Caps {
    /// The gateway file's defaults (RULES.md section 5).
    fn default() -> Self {
        Self {
            body: 4 * 1024 * 1024,
            depth: 64,
            wait_ms: 60_000,
            headers_ms: 10_000,
            connections: 10_000,
        }
    }
}

impl App {
    /// Cancels a call without anybody waiting for that.
    pub fn cancel_later(&self, id: CallId, reason: &'static str) {
        let engine = self.engine.clone();
        crate::tasks::start(async move {
            let actor = Actor::system("edge");
            if let Err(error) = engine.cancel(&id, actor, reason.to_owned()).await {
                tracing::error!(call = %id, %error, "a call could not be cancelled");
            }
        });
    }
}
