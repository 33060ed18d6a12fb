//! What becomes of a call whose caller hangs up (`on_disconnect` in the policy).

use backstop_domain::CallId;
use backstop_engine::Admitted;
use backstop_policy::compiled::OnDisconnect;

use crate::app::App;

/// Held while a caller waits for its answer; dropped before that, it cancels the call, where the
/// policy says so.
pub struct Hangup {
    app: App,
    id: Option<CallId>,
}

impl Hangup {
    /// Watches over a call of that policy. Who joined a call that another one made does not take it
    /// away from them.
    pub fn of(app: &App, policy: &str, admitted: &Admitted) -> Self {
        let workspace = app.engine.workspace();
        let policy = workspace.policies.get(policy);
        let cancels = policy.is_some_and(|policy| policy.on_disconnect == OnDisconnect::Cancel);
        let cancels = cancels && !admitted.joined;
        Self { app: app.clone(), id: cancels.then(|| admitted.id.clone()) }
    }

    /// The caller has its answer.
    pub fn answered(mut self) {
        self.id = None;
    }
}

impl Drop for Hangup {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.app.cancel_later(id, "the caller hung up");
        }
    }
}
