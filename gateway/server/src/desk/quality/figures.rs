//! Counting how people decide. Pure. Few cases show little: shares come with what they are of and
//! with the range in which they lie, and no agreement beyond chance is told of a handful.

use std::collections::BTreeMap;

/// Reviews that several people decided, below which agreement beyond chance is not told.
pub const ENOUGH: usize = 20;
/// A review that was held shorter than this was hardly read, in milliseconds.
pub const QUICK_MS: u64 = 5_000;

/// One decided review.
pub struct Decided<'a> {
    pub queue: &'a str,
    pub by: &'a [String],
    pub decision: &'a str,
    pub held_ms: Option<u64>,
    /// Those that are decided apart share this word.
    pub group: Option<&'a str>,
    /// If it is an audit: whether the answer was found right.
    pub audit: Option<bool>,
    /// If it is a complaint: whether the answer was found right all the same.
    pub complaint: Option<bool>,
    /// If its answer was known: whether this was it.
    pub right: Option<bool>,
    /// Whether its call was run anew later, or what was let out found wrong; `None`: no call waited
    /// for it.
    pub overturned: Option<bool>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub part: usize,
    pub whole: usize,
}

impl Share {
    fn take(&mut self, one: Option<bool>) {
        self.whole += usize::from(one.is_some());
        self.part += usize::from(one == Some(true));
    }

    /// In which range the true share lies, in percent, with 19 chances in 20.
    ///
    /// Source: Wilson's score interval.
    pub fn range(self) -> Option<(u64, u64)> {
        if self.whole == 0 {
            return None;
        }
        let (n, z) = (self.whole as f64, 1.96_f64);
        let p = self.part as f64 / n;
        let centre = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let all = 1.0 + z * z / n;
        let percent = |share: f64| (share / all * 100.0).clamp(0.0, 100.0).round() as u64;
        Some((percent(centre - spread), percent(centre + spread)))
    }
}

/// What one person decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfPerson {
    pub decided: usize,
    pub overturned: Share,
    pub agreed: Share,
    pub right: Share,
    /// Held so shortly that nothing can have been read.
    pub quick: Share,
    /// The longest row of one and the same decision, and which.
    pub row: (usize, String),
    now: (usize, String),
    held_ms: Vec<u64>,
}

impl OfPerson {
    /// How long half of the reviews were held at most, in milliseconds.
    pub fn median_held(&self) -> Option<u64> {
        let mut held = self.held_ms.clone();
        held.sort_unstable();
        held.get(held.len() / 2).copied()
    }

    fn decides(&mut self, one: &Decided<'_>) {
        self.decided += 1;
        self.held_ms.extend(one.held_ms);
        self.quick.take(one.held_ms.map(|ms| ms < QUICK_MS));
        self.overturned.take(one.overturned);
        self.right.take(one.right);
        if self.now.1 != one.decision {
            self.now = (0, one.decision.to_owned());
        }
        self.now.0 += 1;
        if self.now.0 > self.row.0 {
            self.row.clone_from(&self.now);
        }
    }
}

/// What was decided in one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfQueue {
    pub right: Share,
    pub audits: Share,
    pub complaints: Share,
    /// What each of several people decided on the same, by the word that they share.
    groups: BTreeMap<String, Vec<(String, String)>>,
}

impl OfQueue {
    fn several(&self) -> impl Iterator<Item = &Vec<(String, String)>> {
        self.groups.values().filter(|said| said.len() > 1)
    }

    /// Of those that several decided apart: in how many all decided the same.
    pub fn agreed(&self) -> Share {
        let mut agreed = Share::default();
        for said in self.several() {
            agreed.take(Some(said.iter().all(|(_, word)| said.iter().all(|(_, w)| w == word))));
        }
        agreed
    }

    /// Agreement beyond what chance would bring: 1 is all of it, 0 none. `None` for fewer than
    /// [`ENOUGH`], and where everybody always decides the same, so that chance explains all.
    ///
    /// Source: Krippendorff's alpha for names, which takes any number of people for each and is
    /// corrected for few; for two people it is close to Cohen's kappa.
    pub fn beyond_chance(&self) -> Option<f64> {
        (self.several().count() >= ENOUGH).then(|| self.alpha()).flatten()
    }

    fn alpha(&self) -> Option<f64> {
        let mut words: BTreeMap<&str, f64> = BTreeMap::new();
        let mut apart = 0.0;
        for said in self.several() {
            let mut here: BTreeMap<&str, f64> = BTreeMap::new();
            said.iter().for_each(|(_, word)| *here.entry(word).or_default() += 1.0);
            let people = said.len() as f64;
            let alike: f64 = here.values().map(|count| count * (count - 1.0)).sum();
            apart += people - alike / (people - 1.0);
            here.into_iter().for_each(|(word, count)| *words.entry(word).or_default() += count);
        }
        let all: f64 = words.values().sum();
        let alike: f64 = words.values().map(|count| count * (count - 1.0)).sum();
        let by_chance = all - alike / (all - 1.0);
        (by_chance > 0.0).then(|| 1.0 - apart / by_chance)
    }
}

/// All of it, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub people: BTreeMap<String, OfPerson>,
    pub queues: BTreeMap<String, OfQueue>,
}

impl Figures {
    /// Counts decided reviews, which come in the order of their decisions.
    pub fn of<'a>(all: impl IntoIterator<Item = Decided<'a>>) -> Self {
        let mut figures = Self::default();
        for one in all {
            for name in one.by {
                figures.people.entry(name.clone()).or_default().decides(&one);
            }
            let queue = figures.queues.entry(one.queue.to_owned()).or_default();
            queue.right.take(one.right);
            queue.audits.take(one.audit);
            queue.complaints.take(one.complaint);
            if let (Some(group), Some(name)) = (one.group, one.by.first()) {
                let said = queue.groups.entry(group.to_owned()).or_default();
                said.push((name.clone(), one.decision.to_owned()));
            }
        }
        figures.compare();
        figures
    }

    /// Each person with each other one who decided the same.
    fn compare(&mut self) {
        for said in self.queues.values().flat_map(OfQueue::several) {
            for (place, (name, word)) in said.iter().enumerate() {
                let others = said.iter().enumerate().filter(|(other, _)| *other != place);
                let Some(person) = self.people.get_mut(name) else { continue };
                others.for_each(|(_, (_, theirs))| person.agreed.take(Some(theirs == word)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided<'a>(by: &'a [String], decision: &'a str, group: Option<&'a str>) -> Decided<'a> {
        Decided {
            queue: "desk",
            by,
            decision,
            held_ms: Some(4_000),
            group,
            audit: None,
            complaint: None,
            right: None,
            overturned: Some(false),
        }
    }

    /// A queue in which those words were said on each of the reviews.
    fn queue(said: &[(usize, &[&str])]) -> OfQueue {
        let mut queue = OfQueue::default();
        for (count, words) in said {
            for _ in 0..*count {
                let group = queue.groups.len().to_string();
                let people = words.iter().enumerate();
                let said = people.map(|(who, word)| (format!("p{who}"), (*word).to_owned()));
                queue.groups.insert(group, said.collect());
            }
        }
        queue
    }

    #[test]
    fn agreement_beyond_chance_is_that_of_the_textbook() {
        // Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section A: ten units,
        // two observers, 0/1; alpha is 0.095.
        let unit = |a: &'static str, b: &'static str| [a, b];
        let said = [
            unit("0", "0"),
            unit("1", "1"),
            unit("0", "1"),
            unit("0", "0"),
            unit("0", "0"),
            unit("0", "0"),
            unit("0", "1"),
            unit("0", "1"),
            unit("1", "0"),
            unit("0", "0"),
        ];
        let said: Vec<(usize, &[&str])> = said.iter().map(|unit| (1, unit.as_slice())).collect();
        let alpha = queue(&said).alpha().unwrap_or_default();
        assert!((alpha - 0.095).abs() < 0.000_5, "{alpha}");
    }

    #[test]
    fn three_people_who_always_agree_agree_wholly_and_a_lone_opinion_counts_for_nothing() {
        let all = queue(&[(5, &["a", "a", "a"]), (5, &["b", "b", "b"]), (3, &["a"])]);
        assert_eq!(all.agreed(), Share { part: 10, whole: 10 });
        assert_eq!(all.alpha(), Some(1.0));
        assert_eq!(all.beyond_chance(), None, "ten are not enough to say so");
        let more = queue(&[(10, &["a", "a", "a"]), (10, &["b", "b", "b"])]);
        assert_eq!(more.beyond_chance(), Some(1.0));
    }

    #[test]
    fn who_always_approves_agrees_by_chance_alone() {
        let same = queue(&[(30, &["approved", "approved"])]);
        assert_eq!((same.agreed().part, same.beyond_chance()), (30, None));
        assert_eq!(OfQueue::default().beyond_chance(), None);
    }

    #[test]
    fn a_share_of_few_says_how_little_it_shows() {
        assert_eq!(Share { part: 5, whole: 5 }.range(), Some((57, 100)));
        assert_eq!(Share { part: 90, whole: 100 }.range(), Some((83, 94)));
        assert_eq!(Share::default().range(), None);
    }

    #[test]
    fn who_decides_the_same_apart_counts_for_each_of_them_and_once_for_the_queue() {
        let names = ["ann", "bea", "cyd"].map(|name| [name.to_owned()]);
        let [ann, bea, cyd] = &names;
        let figures = Figures::of([
            decided(ann, "approved", Some("g")),
            decided(bea, "approved", Some("g")),
            Decided { overturned: None, ..decided(cyd, "rejected", Some("g")) },
        ]);
        let of = |name: &str| figures.people.get(name).cloned().unwrap_or_default();
        assert_eq!(of("ann").agreed, Share { part: 1, whole: 2 });
        assert_eq!(of("cyd").agreed, Share { part: 0, whole: 2 });
        assert_eq!((of("ann").overturned.whole, of("cyd").overturned.whole), (1, 0));
        let queue = figures.queues.get("desk").cloned().unwrap_or_default();
        assert_eq!(queue.agreed(), Share { part: 0, whole: 1 });
    }

    #[test]
    fn quick_decisions_and_long_rows_of_the_same_are_counted() {
        let ann = ["ann".to_owned()];
        let slow = |word| Decided { held_ms: Some(60_000), ..decided(&ann, word, None) };
        let quick = |word| decided(&ann, word, None);
        let unclaimed = |word| Decided { held_ms: None, ..decided(&ann, word, None) };
        let figures = Figures::of([
            slow("rejected"),
            quick("approved"),
            quick("approved"),
            unclaimed("approved"),
            slow("edited"),
        ]);
        let ann = figures.people.get("ann").cloned().unwrap_or_default();
        assert_eq!((ann.quick, ann.decided), (Share { part: 2, whole: 4 }, 5));
        assert_eq!(ann.row, (3, "approved".to_owned()));
        assert_eq!(ann.median_held(), Some(60_000));
    }
}
