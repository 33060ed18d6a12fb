//! Places by class: critical calls always find theirs, a flood stops at its own wall, and no place
//! is lost or given out twice.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::guard::{Asked, Bulkhead, Number, Places, longest_wait_ms};
use crate::{Criticality, Millis};

use Criticality::{Critical, Sheddable, Standard};

const NOW: Millis = Millis(1_000_000);
const SOON: Millis = Millis(1_002_000);
const CLASSES: [Criticality; 3] = [Critical, Standard, Sheddable];

fn places() -> Bulkhead {
    Bulkhead::new(Places::of(8, true, true))
}

/// How many calls of a class come in at once.
fn fill(bulkhead: &mut Bulkhead, class: Criticality) -> usize {
    let tenants = (0..100).map(|number| format!("t{number}"));
    tenants.filter(|tenant| bulkhead.ask(NOW, class, tenant, 1, NOW) == Asked::Has).count()
}

fn waits(bulkhead: &mut Bulkhead, class: Criticality, tenant: &str) -> Number {
    match bulkhead.ask(NOW, class, tenant, 1, SOON) {
        Asked::Waits(number) => number,
        other => panic!("{other:?}"),
    }
}

fn served(bulkhead: &mut Bulkhead) -> Vec<Number> {
    core::iter::from_fn(|| Some(bulkhead.serve(NOW)?.number)).collect()
}

#[test]
fn a_class_that_nobody_calls_by_keeps_no_places() {
    let of = |critical, standard| {
        let places = Places::of(10, critical, standard);
        CLASSES.map(|class| places.most(class))
    };
    assert_eq!(of(true, true), [10, 5, 3]);
    assert_eq!(of(false, true), [10, 10, 5]);
    assert_eq!(of(true, false), [10, 5, 5]);
    assert_eq!(of(false, false), [10, 10, 10]);
    let least = Places::of(1, true, true);
    assert_eq!(CLASSES.map(|class| least.most(class)), [1, 1, 1], "one place is everybody's");
}

#[test]
fn a_flood_of_one_class_stops_at_its_own_wall() {
    let mut bulkhead = places();
    assert_eq!(fill(&mut bulkhead, Sheddable), 2);
    assert_eq!(fill(&mut bulkhead, Standard), 2, "four with the sheddable ones");
    assert_eq!(fill(&mut bulkhead, Critical), 4, "its places were lent to nobody");
    assert_eq!(bulkhead.held(), 8);
}

#[test]
fn critical_calls_take_idle_places_of_others() {
    let mut bulkhead = places();
    assert_eq!(fill(&mut bulkhead, Critical), 8);
    assert_eq!(fill(&mut bulkhead, Standard), 0);
}

#[test]
fn while_a_critical_call_waits_nobody_else_starts() {
    let mut bulkhead = places();
    fill(&mut bulkhead, Sheddable);
    fill(&mut bulkhead, Standard);
    fill(&mut bulkhead, Critical);
    let sheddable = waits(&mut bulkhead, Sheddable, "a");
    let standard = waits(&mut bulkhead, Standard, "a");
    let critical = waits(&mut bulkhead, Critical, "a");
    bulkhead.leave(Sheddable, "t0");
    assert_eq!(served(&mut bulkhead), [critical]);
    bulkhead.leave(Critical, "t0");
    assert_eq!(served(&mut bulkhead), [standard], "one place below the critical calls' was free");
    bulkhead.leave(Standard, "t0");
    assert_eq!(served(&mut bulkhead), [sheddable]);
}

#[test]
fn nobody_who_comes_later_goes_past_those_who_wait() {
    let mut bulkhead = Bulkhead::new(Places::of(1, false, false));
    fill(&mut bulkhead, Standard);
    let first = waits(&mut bulkhead, Standard, "a");
    bulkhead.leave(Standard, "t0");
    assert!(matches!(bulkhead.ask(NOW, Standard, "b", 1, NOW), Asked::Full), "a place is free");
    assert_eq!(served(&mut bulkhead), [first]);
}

#[test]
fn a_queue_is_half_as_long_as_its_class_is_wide() {
    let mut bulkhead = places();
    fill(&mut bulkhead, Sheddable);
    fill(&mut bulkhead, Standard);
    let (one, two) = (waits(&mut bulkhead, Standard, "a"), waits(&mut bulkhead, Standard, "b"));
    assert_eq!(bulkhead.ask(NOW, Standard, "c", 1, SOON), Asked::Full);
    assert!(bulkhead.give_up(Standard, "a", one));
    assert!(!bulkhead.give_up(Standard, "a", one));
    waits(&mut bulkhead, Standard, "c");
    assert!(bulkhead.give_up(Standard, "b", two));
}

#[test]
fn who_has_no_time_left_does_not_wait() {
    let mut bulkhead = Bulkhead::new(Places::of(1, false, false));
    fill(&mut bulkhead, Standard);
    assert_eq!(bulkhead.ask(NOW, Standard, "a", 1, NOW), Asked::Full);
    assert_eq!(bulkhead.ask(NOW, Standard, "a", 1, NOW.plus(1)), Asked::Waits(Number(1)));
    bulkhead.leave(Standard, "t0");
    let late = bulkhead.serve(NOW.plus(1)).unwrap();
    assert_eq!((late.number, late.place), (Number(1), None));
    assert_eq!(bulkhead.held(), 0);
    assert_eq!(
        [longest_wait_ms(0), longest_wait_ms(5_000), longest_wait_ms(90_000)],
        [0, 500, 2_000]
    );
}

#[test]
fn one_tenant_holds_half_of_a_class_while_others_wait() {
    let mut bulkhead = Bulkhead::new(Places::of(4, false, false));
    for _ in 0..4 {
        assert_eq!(bulkhead.ask(NOW, Standard, "loud", 1, NOW), Asked::Has, "nobody else asks");
    }
    let loud = waits(&mut bulkhead, Standard, "loud");
    let quiet = waits(&mut bulkhead, Standard, "quiet");
    bulkhead.leave(Standard, "loud");
    assert_eq!(served(&mut bulkhead), [quiet]);
    bulkhead.leave(Standard, "loud");
    assert_eq!(served(&mut bulkhead), [loud], "then nobody else waits");
}

#[test]
fn half_of_a_class_is_counted_by_what_a_tenant_holds_now() {
    let mut bulkhead = Bulkhead::new(Places::of(8, false, false));
    for tenant in ["loud"; 5].into_iter().chain(["other"; 3]) {
        assert_eq!(bulkhead.ask(NOW, Standard, tenant, 1, NOW), Asked::Has);
    }
    let loud = waits(&mut bulkhead, Standard, "loud");
    let quiet = waits(&mut bulkhead, Standard, "quiet");
    bulkhead.leave(Standard, "loud");
    assert_eq!(served(&mut bulkhead), [quiet], "four of eight are enough");
    waits(&mut bulkhead, Standard, "quiet");
    bulkhead.leave(Standard, "loud");
    assert_eq!(served(&mut bulkhead), [loud], "three are not, and it was there first");
}

#[test]
fn fewer_places_take_none_away_and_more_are_served_at_once() {
    let mut bulkhead = Bulkhead::new(Places::of(2, false, false));
    fill(&mut bulkhead, Standard);
    let one = waits(&mut bulkhead, Standard, "a");
    bulkhead.reload(Places::of(1, false, false));
    bulkhead.leave(Standard, "t0");
    assert_eq!(served(&mut bulkhead), []);
    bulkhead.reload(Places::of(2, false, false));
    assert_eq!(served(&mut bulkhead), [one]);
}

proptest! {
    /// Under any coming, leaving and giving up: no class holds more than it may, places are
    /// conserved, and no critical call waits beside a free place.
    #[test]
    fn places_are_conserved(
        all in 1_u64..12,
        critical: bool,
        standard: bool,
        steps in prop::collection::vec((0_u8..5, 0_usize..3, 0_usize..3), 1..300),
    ) {
        let mut bulkhead = Bulkhead::new(Places::of(all, critical, standard));
        let mut held: Vec<(Criticality, String)> = Vec::new();
        let mut waiting: BTreeMap<Number, (Criticality, String)> = BTreeMap::new();
        for (what, class, tenant) in steps {
            let (class, tenant) = (CLASSES[class], format!("t{tenant}"));
            match what {
                0..=2 => match bulkhead.ask(NOW, class, &tenant, 1, SOON) {
                    Asked::Has => held.push((class, tenant)),
                    Asked::Waits(number) => drop(waiting.insert(number, (class, tenant))),
                    Asked::Full => {}
                },
                3 => {
                    if let Some(at) = held.iter().position(|(of, _)| *of == class) {
                        let (class, tenant) = held.swap_remove(at);
                        bulkhead.leave(class, &tenant);
                    }
                }
                _ => {
                    let first = waiting.iter().find(|(_, (of, _))| *of == class);
                    if let Some((number, (class, tenant))) = first.map(|(t, of)| (*t, of.clone())) {
                        prop_assert!(bulkhead.give_up(class, &tenant, number));
                        waiting.remove(&number);
                    }
                }
            }
            while let Some(next) = bulkhead.serve(NOW) {
                let of = waiting.remove(&next.number);
                prop_assert_eq!(&of, &next.place);
                held.extend(next.place);
            }
            prop_assert_eq!(bulkhead.held(), held.len() as u64);
            let stands = bulkhead.stands(NOW);
            let count = |of: Criticality| held.iter().filter(|(one, _)| *one == of).count() as u64;
            let places = bulkhead.places();
            prop_assert!(bulkhead.held() <= places.all);
            prop_assert!(count(Standard) + count(Sheddable) <= places.not_critical);
            prop_assert!(count(Sheddable) <= places.sheddable);
            for class in stands {
                prop_assert_eq!(class.held, count(class.class));
                let waits = waiting.values().filter(|(of, _)| *of == class.class).count() as u64;
                prop_assert_eq!(class.waiting, waits);
            }
            // A critical call waits only when every place is taken.
            if stands[0].waiting > 0 {
                prop_assert_eq!(bulkhead.held(), places.all);
            }
        }
    }
}
