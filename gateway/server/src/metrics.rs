//! Collecting metrics: installed once per process, rendered by our own route.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of time histograms, in seconds: from a tenth of a millisecond to five minutes.
const SECONDS: [f64; 18] = [
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0,
    60.0, 300.0,
];

/// Starts collecting.
///
/// # Errors
/// [`BuildError`] if the process collects already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()
}
