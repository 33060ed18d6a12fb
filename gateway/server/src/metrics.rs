//! Collecting metrics: installed once per process, rendered by our own route.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of time histograms, in seconds: from a tenth of a millisecond to five minutes.
const SECONDS: [f64; 18] = [
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0,
    60.0, 300.0,
];

/// How often what was measured is put into its histograms. Until then each measurement is kept; and
/// calls wait meanwhile, so it is little each time.
const EVERY: Duration = Duration::from_secs(1);

/// Starts collecting; inside a runtime, which tidies up also where nobody asks for the metrics.
///
/// # Errors
/// [`BuildError`] if the process collects already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    crate::tasks::start(tidy_up(handle.clone()));
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
}

async fn tidy_up(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(EVERY).await;
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at a surprise")]

    use super::*;

    /// Memory of this process, in bytes.
    fn resident() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        4096 * pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_measured_does_not_pile_up_where_nobody_asks_for_it() {
        let recorder = builder().unwrap().build_recorder();
        crate::tasks::start(tidy_up(recorder.handle()));
        let before = resident();
        for _ in 0..60 {
            metrics::with_local_recorder(&recorder, || {
                let took = metrics::histogram!("backstop_story_seconds");
                (0..100_000).for_each(|_| took.record(0.01));
            });
            tokio::time::sleep(EVERY).await;
        }
        let more = resident().saturating_sub(before);
        assert!(more < 24 << 20, "{more} bytes for six million measurements");
        assert!(recorder.handle().render().contains("backstop_story_seconds_count 6000000"));
    }
}
