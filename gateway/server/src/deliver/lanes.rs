//! What a consumer is still to be given, in lanes: within one call in order, one at a time; between
//! calls in parallel. An event that fails holds up its own lane and no other. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use backstop_domain::Millis;
use backstop_ledger::Delivery;

use super::feed::Item;

/// An event that is still to be given.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its position.
    pub position: u64,
    /// Its lane.
    pub lane: String,
    /// Tries so far, the running one included.
    pub tries: u32,
    /// When it is tried next.
    pub due: Millis,
    /// When it happened, as far as is known without reading it again.
    pub at: Millis,
    /// Whether the ledger has a row of it; else only the cursor stands before it.
    pub kept: bool,
    /// How the last try went.
    pub last: Option<String>,
    /// The event, while it need not be read again.
    pub item: Option<Arc<Item>>,
}

impl Row {
    /// As the ledger keeps it.
    pub fn delivery(&self, parked: Option<String>) -> Delivery {
        Delivery {
            position: self.position,
            lane: self.lane.clone(),
            tries: self.tries,
            due: self.due,
            parked,
            last: self.last.clone(),
        }
    }
}

/// Everything that is still to be given, and what of it is on its way.
#[derive(Debug, Default)]
pub struct Lanes {
    rows: BTreeMap<u64, Row>,
    lanes: HashMap<String, Lane>,
    /// Firsts of lanes in which nothing is on its way, by when they are due.
    ready: BTreeSet<(Millis, u64)>,
    /// Rows that the ledger has no row of.
    fresh: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct Lane {
    positions: BTreeSet<u64>,
    flying: BTreeSet<u64>,
}

impl Lanes {
    /// How many are still to be given.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether that one is still to be given.
    pub fn has(&self, position: u64) -> bool {
        self.rows.contains_key(&position)
    }

    /// That one.
    pub fn get(&self, position: u64) -> Option<&Row> {
        self.rows.get(&position)
    }

    /// The lowest position of which the ledger has no row.
    pub fn first_fresh(&self) -> Option<u64> {
        self.fresh.first().copied()
    }

    /// The first of all.
    pub fn oldest(&self) -> Option<u64> {
        self.rows.keys().next().copied()
    }

    /// Positions that are on their way and of which the ledger has no row.
    pub fn flying_fresh(&self) -> Vec<u64> {
        let flying = self.lanes.values().flat_map(|lane| &lane.flying);
        let mut flying: Vec<u64> = flying.copied().collect();
        flying.retain(|position| self.fresh.contains(position));
        flying.sort_unstable();
        flying
    }

    /// One more. What is there already stays as it is.
    pub fn add(&mut self, row: Row) {
        if self.rows.contains_key(&row.position) {
            return;
        }
        let (position, name) = (row.position, row.lane.clone());
        self.rest(&name);
        self.lanes.entry(name.clone()).or_default().positions.insert(position);
        if !row.kept {
            self.fresh.insert(position);
        }
        self.rows.insert(position, row);
        self.wake(&name);
    }

    /// When the next one is due, if nothing else happens.
    pub fn next_due(&self) -> Option<Millis> {
        self.ready.first().map(|(due, _)| *due)
    }

    /// Takes the next one that is due: it is on its way now, and has had one more try.
    pub fn take(&mut self, now: Millis) -> Option<Row> {
        let (due, position) = self.ready.first().copied()?;
        if due > now {
            return None;
        }
        self.ready.remove(&(due, position));
        let row = self.rows.get_mut(&position)?;
        row.tries += 1;
        if let Some(lane) = self.lanes.get_mut(&row.lane) {
            lane.flying.insert(position);
        }
        Some(row.clone())
    }

    /// Takes whatever else waits in that lane, due or not: it goes along with its first.
    pub fn take_along(&mut self, lane: &str) -> Vec<Row> {
        let Some(lane) = self.lanes.get_mut(lane) else { return Vec::new() };
        let rest: Vec<u64> = lane.positions.difference(&lane.flying).copied().collect();
        let mut taken = Vec::with_capacity(rest.len());
        for position in rest {
            let Some(row) = self.rows.get_mut(&position) else { continue };
            row.tries += 1;
            lane.flying.insert(position);
            taken.push(row.clone());
        }
        taken
    }

    /// That one is over: given, or parked.
    pub fn end(&mut self, position: u64) -> Option<Row> {
        let row = self.rows.remove(&position)?;
        self.ready.remove(&(row.due, position));
        self.fresh.remove(&position);
        if let Some(lane) = self.lanes.get_mut(&row.lane) {
            lane.positions.remove(&position);
            lane.flying.remove(&position);
            if lane.positions.is_empty() {
                self.lanes.remove(&row.lane);
            }
        }
        self.wake(&row.lane);
        Some(row)
    }

    /// That one came back and is tried again at `due`; the ledger gets a row of it.
    pub fn again(&mut self, position: u64, due: Millis, last: String) -> Option<Row> {
        let row = self.rows.get_mut(&position)?;
        (row.due, row.last, row.kept, row.item) = (due, Some(last), true, None);
        let row = row.clone();
        self.fresh.remove(&position);
        if let Some(lane) = self.lanes.get_mut(&row.lane) {
            lane.flying.remove(&position);
        }
        self.wake(&row.lane);
        Some(row)
    }

    /// The ledger has a row of that one from here on.
    pub fn keep(&mut self, position: u64) -> Option<&Row> {
        self.fresh.remove(&position);
        let row = self.rows.get_mut(&position)?;
        row.kept = true;
        Some(row)
    }

    /// Whatever waits is due at once: the receiver is back.
    pub fn hurry(&mut self, now: Millis) {
        for row in self.rows.values_mut() {
            row.due = row.due.min(now);
        }
        self.ready = self.ready.iter().map(|(due, position)| (*due.min(&now), *position)).collect();
    }

    /// The lane's first is not ready any more: something may come before it.
    fn rest(&mut self, lane: &str) {
        let first = self.lanes.get(lane).and_then(|lane| lane.positions.first());
        if let Some(row) = first.and_then(|first| self.rows.get(first)) {
            self.ready.remove(&(row.due, row.position));
        }
    }

    /// The lane's first is ready, unless one of the lane is on its way.
    fn wake(&mut self, lane: &str) {
        let Some(lane) = self.lanes.get(lane).filter(|lane| lane.flying.is_empty()) else { return };
        if let Some(row) = lane.positions.first().and_then(|first| self.rows.get(first)) {
            self.ready.insert((row.due, row.position));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(position: u64, lane: &str) -> Row {
        let (due, lane) = (Millis(0), lane.to_owned());
        Row { position, lane, tries: 0, due, at: due, kept: false, last: None, item: None }
    }

    fn taken(lanes: &mut Lanes, now: u64) -> Vec<u64> {
        std::iter::from_fn(|| lanes.take(Millis(now)).map(|row| row.position)).collect()
    }

    #[test]
    fn a_lane_goes_one_by_one_and_lanes_go_side_by_side() {
        let mut lanes = Lanes::default();
        for (position, lane) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            lanes.add(row(position, lane));
        }
        assert_eq!(taken(&mut lanes, 0), [1, 3]);
        lanes.end(1);
        assert_eq!(taken(&mut lanes, 0), [2]);
        lanes.end(3);
        assert_eq!(taken(&mut lanes, 0), [] as [u64; 0]);
        assert_eq!(lanes.flying_fresh(), [2]);
    }

    #[test]
    fn what_fails_holds_up_its_own_lane_alone() {
        let mut lanes = Lanes::default();
        for (position, lane) in [(1, "a"), (2, "a"), (3, "b"), (4, "b")] {
            lanes.add(row(position, lane));
        }
        assert_eq!(taken(&mut lanes, 0), [1, 3]);
        let back = lanes.again(1, Millis(50), "answered 500".into());
        assert_eq!(back.map(|row| (row.tries, row.kept)), Some((1, true)));
        lanes.end(3);
        assert_eq!(taken(&mut lanes, 49), [4]);
        assert_eq!((lanes.next_due(), lanes.first_fresh()), (Some(Millis(50)), Some(2)));
        assert_eq!(taken(&mut lanes, 50), [1]);
        assert_eq!(lanes.get(1).map(|row| row.tries), Some(2));
    }

    #[test]
    fn what_comes_before_the_first_of_its_lane_goes_first() {
        let mut lanes = Lanes::default();
        lanes.add(row(9, "a"));
        lanes.add(row(2, "a"));
        assert_eq!(taken(&mut lanes, 0), [2]);
        lanes.end(2);
        assert_eq!(taken(&mut lanes, 0), [9]);
        lanes.add(row(3, "a"));
        assert_eq!(taken(&mut lanes, 0), [] as [u64; 0], "one of the lane is on its way");
        lanes.end(9);
        assert_eq!(taken(&mut lanes, 0), [3]);
    }

    #[test]
    fn a_receiver_that_is_back_gets_everything_at_once() {
        let mut lanes = Lanes::default();
        lanes.add(row(1, "a"));
        lanes.add(row(2, "b"));
        assert_eq!(taken(&mut lanes, 0), [1, 2]);
        lanes.again(1, Millis(7_000), String::new());
        lanes.again(2, Millis(9_000), String::new());
        lanes.hurry(Millis(10));
        assert_eq!(taken(&mut lanes, 10), [1, 2]);
        assert_eq!((lanes.end(1).is_some(), lanes.end(1).is_some(), lanes.len()), (true, false, 1));
    }
}
