//! Levels: up by what is read twice, down by patience, held by hand, and never a check less.

use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::guard::{Level, LevelChange, LevelRules, Levels, Pin, Reading};
use crate::{Criticality, Millis};

const TICK_MS: u64 = 250;

/// A gateway whose load is read at a steady pace.
struct Told {
    levels: Levels,
    now: Millis,
}

impl Told {
    fn new() -> Self {
        Self { levels: Levels::new(LevelRules::default()), now: Millis(1_000_000) }
    }

    fn tick(&mut self, percent: u32) -> Option<LevelChange> {
        self.tick_of(percent, Level::Shed)
    }

    fn tick_of(&mut self, percent: u32, most: Level) -> Option<LevelChange> {
        self.now = self.now.plus(TICK_MS);
        let reading = Reading { of: "places", millionths: percent * 10_000, most };
        self.levels.read(self.now, &[reading])
    }

    fn ticks(&mut self, percent: u32, times: usize) -> Vec<Level> {
        (0..times).filter_map(|_| Some(self.tick(percent)?.to)).collect()
    }

    fn pin(&mut self, level: Level, for_ms: u64) -> LevelChange {
        let pin = Pin { level, until: self.now.plus(for_ms) };
        self.levels.hold(pin, "a drill".to_string())
    }
}

#[test]
fn one_high_reading_is_a_hiccup_and_two_raise_by_one_level() {
    let mut told = Told::new();
    assert_eq!(told.tick(95), None);
    assert_eq!(told.tick(10), None);
    assert_eq!(told.tick(95), None);
    let change = told.tick(95).unwrap();
    assert_eq!((change.from, change.to), (Level::Normal, Level::Brownout));
    assert_eq!(change.reason, "places at 95%");
    assert_eq!(told.ticks(95, 4), [Level::Essential, Level::Shed]);
    assert_eq!(told.ticks(100, 10), [], "there is nothing above");
}

#[test]
fn each_level_begins_at_its_own_threshold() {
    for (percent, level) in
        [(69, Level::Normal), (70, Level::Brownout), (80, Level::Essential), (90, Level::Shed)]
    {
        let mut told = Told::new();
        told.ticks(percent, 20);
        assert_eq!(told.levels.level(), level, "{percent}%");
    }
}

#[test]
fn a_level_is_left_only_after_the_load_was_well_below_it_for_long() {
    let mut told = Told::new();
    told.ticks(85, 4);
    // 64% is four fifths of where `essential` begins: not low enough.
    assert_eq!(told.ticks(64, 1_000), []);
    assert_eq!(told.ticks(63, 120), [], "half a minute, less one tick");
    assert_eq!(told.ticks(64, 1), [], "one reading, and the time begins anew");
    assert_eq!(told.ticks(63, 120), []);
    let change = told.tick(63).unwrap();
    assert_eq!((change.from, change.to), (Level::Essential, Level::Brownout));
    assert_eq!(change.reason, "the load was lower for 30s");
    assert_eq!(told.ticks(55, 120), [], "the next one takes as long again");
    assert_eq!(told.ticks(55, 2), [Level::Normal]);
}

#[test]
fn a_reading_leads_no_further_than_giving_up_more_would_help() {
    let mut told = Told::new();
    for _ in 0..20 {
        told.tick_of(100, Level::Brownout);
    }
    assert_eq!(told.levels.level(), Level::Brownout);
}

#[test]
fn the_tightest_reading_counts_and_is_named() {
    let mut told = Told::new();
    let readings = [("ledger", 20), ("loop", 93), ("places", 71)];
    let readings = readings.map(|(of, percent)| {
        let millionths = percent * 10_000;
        Reading { of, millionths, most: Level::Shed }
    });
    let changes = (0..2).filter_map(|tick| told.levels.read(told.now.plus(tick), &readings));
    assert_eq!(changes.map(|change| change.reason).collect::<Vec<_>>(), ["loop at 93%"]);
}

#[test]
fn a_pin_holds_whatever_the_load_is_and_its_end_leads_to_where_the_load_is() {
    let mut told = Told::new();
    let change = told.pin(Level::Normal, 10_000);
    assert_eq!((change.from, change.to), (Level::Normal, Level::Normal));
    assert_eq!(change.pinned_until, Some(told.now.plus(10_000)));
    assert_eq!(told.ticks(100, 39), [], "held");
    assert_eq!((told.levels.level(), told.levels.by_load()), (Level::Normal, Level::Shed));
    let change = told.tick(100).unwrap();
    assert_eq!((change.from, change.to), (Level::Normal, Level::Shed));
    assert!(change.reason.contains("operator"), "{}", change.reason);
}

#[test]
fn a_pin_is_let_go_by_hand_once() {
    let mut told = Told::new();
    told.pin(Level::Shed, 60_000);
    assert_eq!(told.levels.level(), Level::Shed);
    assert!(!told.levels.is_at_rest());
    let change = told.levels.let_go("over".to_string()).unwrap();
    assert_eq!((change.from, change.to, change.pinned_until), (Level::Shed, Level::Normal, None));
    assert_eq!(told.levels.let_go("again".to_string()), None);
    assert!(told.levels.is_at_rest());
}

#[test]
fn who_asks_is_told_the_pin_and_the_rules() {
    let rules = LevelRules { shed: 990_000, ..LevelRules::default() };
    let mut levels = Levels::new(rules);
    assert_eq!((levels.rules(), levels.pin()), (rules, None));
    let pin = Pin { level: Level::Essential, until: Millis(7) };
    levels.hold(pin, "a drill".to_string());
    assert_eq!(levels.pin(), Some(pin));
}

#[test]
fn what_a_level_gives_up_grows_and_critical_calls_lose_nothing_but_extras() {
    let classes = [Criticality::Sheddable, Criticality::Standard, Criticality::Critical];
    let given_up = |level: Level| {
        let calls = classes.iter().filter(|class| !level.admits(**class)).count();
        let opinions = classes.iter().filter(|class| !level.asks_second_opinions(**class)).count();
        (calls, opinions, usize::from(!level.has_extras()))
    };
    let all: Vec<_> = Level::ALL.into_iter().map(given_up).collect();
    assert_eq!(all, [(0, 0, 0), (0, 2, 1), (1, 2, 1), (2, 2, 1)]);
    for level in Level::ALL {
        assert!(level.admits(Criticality::Critical), "{level:?}");
        assert!(level.asks_second_opinions(Criticality::Critical), "{level:?}");
        assert_eq!(Level::named(level.name()), Some(level));
    }
}

#[test]
fn other_rules_hold_from_the_next_reading() {
    let mut told = Told::new();
    told.ticks(75, 2);
    assert_eq!(told.levels.level(), Level::Brownout);
    let rules = LevelRules { essential: 740_000, recover_ms: 1_000, ..LevelRules::default() };
    told.levels.reload(rules);
    assert_eq!(told.ticks(75, 2), [Level::Essential]);
    assert_eq!(told.ticks(10, 10), [Level::Brownout, Level::Normal]);
}

proptest! {
    /// However the load jumps: a level moves by one step, upwards at most every second reading,
    /// and downwards at most once in the time to recover.
    #[test]
    fn levels_never_flap_faster_than_their_timers(
        loads in prop::collection::vec(0_u32..=120, 1..2_000),
    ) {
        let mut told = Told::new();
        let (mut moved, mut down) = (0_usize, None::<usize>);
        for (tick, load) in loads.iter().enumerate() {
            let Some(change) = told.tick(*load) else { continue };
            let (from, to) = (change.from as i32, change.to as i32);
            prop_assert_eq!((from - to).abs(), 1);
            if to > from {
                prop_assert!(moved == 0 || tick >= moved + 2);
            } else {
                prop_assert!(down.is_none_or(|down| (tick - down) as u64 * TICK_MS > 30_000));
                down = Some(tick);
            }
            moved = tick;
        }
    }

    /// More load never leads to less being given up.
    #[test]
    fn levels_rise_with_the_load(low in 0_u32..=100, more in 0_u32..=100, ticks in 1_usize..40) {
        let (mut one, mut other) = (Told::new(), Told::new());
        one.ticks(low, ticks);
        other.ticks(low + more, ticks);
        prop_assert!(one.levels.level() <= other.levels.level());
    }
}
