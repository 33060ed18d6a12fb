//! What would have changed a call, on its pages: the text of `backstop explain`.

use backstop_domain::CallId;

use super::trouble::Trouble;
use crate::app::App;
use crate::veil::Veil;

/// One line each; nothing for those from whom something is hidden, because a line names places and
/// what stood there.
pub(super) async fn flips(app: &App, id: &CallId, veil: &Veil) -> Result<Vec<String>, Trouble> {
    if !veil.is_lifted() {
        return Ok(Vec::new());
    }
    let told = app.engine.what_if(id).await?;
    Ok(told.map(|told| told.lines()).unwrap_or_default())
}
