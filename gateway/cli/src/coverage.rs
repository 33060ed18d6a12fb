//! Counts what the tests of the policies in force cover, for the desk's page about policies: in the
//! background, once after each load, never while somebody waits.

use std::collections::BTreeMap;

use backstop_domain::Digest;
use backstop_evals::test::{self, PolicyReport, Wanted};
use backstop_policy::{Sources, Workspace};
use backstop_server::coverage::{Count, Coverage, Covered, Uncovered};
use tokio::sync::watch;

use crate::{
    files::{self, Files},
    test::in_words,
};

/// Counts whenever other files come into force, until the process ends.
pub async fn keep(coverage: Coverage, mut in_force: watch::Receiver<Files>) {
    loop {
        let files = in_force.borrow_and_update().clone();
        let count = match tokio::task::spawn_blocking(move || count(&files)).await {
            Ok(counted) => Count::Done(counted),
            Err(error) => {
                tracing::error!(%error, "what the tests of policies cover could not be counted");
                Count::Failed
            }
        };
        // What came into force meanwhile is counted next, and this is out of date.
        if !in_force.has_changed().unwrap_or(false) {
            coverage.put(count);
        }
        if in_force.changed().await.is_err() {
            // No other files will come; whoever selects among this and more goes on.
            std::future::pending::<()>().await;
        }
    }
}

/// What the tests of each policy cover; of its drafts nothing.
fn count(files: &Files) -> BTreeMap<String, Covered> {
    let sources = files::sources(files);
    let (workspace, _) = Workspace::load(&sources);
    let wanted = Wanted { coverage: true, ..Wanted::default() };
    let reports = test::run(&workspace, &sources, None, wanted).into_iter();
    let counted = reports.filter_map(|report| {
        let revision = workspace.policy(&report.policy)?.plan.revision;
        let covered = of_policy(&report, revision, &sources)?;
        Some((report.policy, covered))
    });
    counted.collect()
}

fn of_policy(report: &PolicyReport, revision: Digest, sources: &Sources) -> Option<Covered> {
    let coverage = report.coverage.as_ref()?;
    let open = coverage.points.iter().filter(|covered| !covered.is_covered());
    let open = open.map(|covered| {
        let words = in_words(covered, sources);
        Uncovered { what: words.what, never: words.never, place: words.place }
    });
    let (_, points) = coverage.count(None);
    Some(Covered { revision, failing: report.failed(), points, open: open.collect() })
}
