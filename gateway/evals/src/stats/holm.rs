//! Several tests at once: Holm's step-down adjustment.

/// The p-values of `values`, adjusted so that holding all of them to one level keeps the chance of
/// any false alarm at that level. In the order given.
///
/// Source: Holm (1979).
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![1.0; values.len()];
    let mut highest = 0.0_f64;
    for (rank, (at, value)) in order.into_iter().enumerate() {
        let left = (values.len() - rank) as f64;
        highest = highest.max((left * value).min(1.0));
        if let Some(place) = adjusted.get_mut(at) {
            *place = highest;
        }
    }
    adjusted
}
