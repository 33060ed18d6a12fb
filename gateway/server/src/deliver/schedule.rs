//! When a delivery is tried again: a little later at first, then hours later, then not any more.
//! The steps are those that Standard Webhooks' servers use.

use backstop_domain::Digest;

/// The pauses after each try, in milliseconds.
const PAUSES_MS: [u64; 7] =
    [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000];

/// The longest pause that a receiver may ask for, in milliseconds: a day.
pub const ASKED_MAX_MS: u64 = 86_400_000;

/// After this long without one delivery taken a consumer is disabled, in milliseconds: five days.
pub const FAILING_MAX_MS: u64 = 432_000_000;

/// The pause after that many tries, or `None` when it was the last one. `dice` spreads it over
/// 80 to 120 percent, so that what failed together does not come back together.
pub fn pause_ms(tries: u32, dice: u64) -> Option<u64> {
    let step = usize::try_from(tries).ok()?.checked_sub(1)?;
    let pause = PAUSES_MS.get(step)?;
    Some(pause * (80 + dice % 41) / 100)
}

/// A number that differs from event to event, try to try and consumer to consumer, and is the same
/// again in a replay of a test.
pub fn dice(consumer: &str, position: u64, tries: u32) -> u64 {
    let digest = Digest::of(format!("{consumer} {position} {tries}").as_bytes());
    digest.as_bytes().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_seconds_to_hours_and_end() {
        let mut before = 0;
        for tries in 1..=6 {
            let pause = pause_ms(tries, 20).unwrap_or_default();
            assert!(pause > before, "{tries}: {pause}");
            before = pause;
        }
        assert_eq!(pause_ms(7, 20), Some(36_000_000));
        assert_eq!(pause_ms(8, 20), None);
    }

    #[test]
    fn a_pause_is_spread_by_a_fifth_either_way() {
        let pauses: Vec<u64> =
            (0..200).filter_map(|position| pause_ms(1, dice("warehouse", position, 1))).collect();
        assert!(pauses.iter().all(|pause| (4_000..=6_000).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause < 4_500) && pauses.iter().any(|p| *p > 5_500));
    }
}
