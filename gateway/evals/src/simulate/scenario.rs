//! What can happen to a gateway: named scenarios, each with a calm minute before the trouble and
//! time to recover after it.

use std::time::Duration;

/// How long everything is well before the trouble.
pub const CALM: Duration = Duration::from_secs(60);
/// How long is watched after the trouble.
pub const AFTER: Duration = Duration::from_secs(180);

/// How a model behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Weather {
    /// It answers well.
    #[default]
    Fair,
    /// Nothing is connected.
    Away,
    /// It answers 503 at once.
    Down,
    /// A share of the requests gets 503, the others are slow.
    BrownOut {
        /// In 0 to 1.
        share: f64,
        /// How many times slower the others are.
        slower: f64,
    },
    /// Answers begin, come in small pieces and do not end before the deadline.
    Drip,
    /// It answers 429.
    Throttling {
        /// What `retry-after` says, in seconds; true or not.
        says_s: u64,
    },
    /// The quota is used up.
    NoQuota,
    /// A share of the answers is broken JSON.
    Garbage {
        /// In 0 to 1.
        share: f64,
    },
}

/// Which models it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// The policy's first model.
    First,
    /// Every model.
    All,
}

/// What callers do when they get no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// They ask again only if they were turned away at the door, when they were told to.
    Polite,
    /// They ask again at once, up to so many times.
    Pushing(u32),
}

/// One scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What happens, in words.
    pub about: &'static str,
    /// How long the trouble lasts.
    pub lasts: Duration,
    /// What the struck models do meanwhile.
    pub weather: Weather,
    /// Which ones.
    pub struck: Struck,
    /// What callers do.
    pub manners: Manners,
    /// How many sheddable calls come on top of each usual one meanwhile.
    pub burst: u32,
    /// How far the machine's clock jumps ahead when the trouble begins.
    pub jump: Duration,
    /// Whether answers must be as before within a minute of its end.
    pub recovers: bool,
}

const OUTAGE: Scenario = Scenario {
    name: "outage",
    about: "the first model answers 503 for two minutes",
    lasts: Duration::from_secs(120),
    weather: Weather::Down,
    struck: Struck::First,
    manners: Manners::Polite,
    burst: 0,
    jump: Duration::ZERO,
    recovers: true,
};

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    OUTAGE,
    Scenario {
        name: "blackout",
        about: "no model can be connected to for two minutes",
        weather: Weather::Away,
        struck: Struck::All,
        ..OUTAGE
    },
    Scenario {
        name: "brown-out",
        about: "half of the first model's answers are 503, the others three times slower",
        weather: Weather::BrownOut { share: 0.5, slower: 3.0 },
        ..OUTAGE
    },
    Scenario {
        name: "slow-drip",
        about: "the first model begins to answer and never comes to an end",
        weather: Weather::Drip,
        ..OUTAGE
    },
    Scenario {
        name: "throttling",
        about: "every model answers 429 and says truly when it ends",
        weather: Weather::Throttling { says_s: 10 },
        struck: Struck::All,
        lasts: Duration::from_secs(60),
        ..OUTAGE
    },
    Scenario {
        name: "lying-retry-after",
        about: "every model answers 429 for a minute and says each time that a second is enough",
        weather: Weather::Throttling { says_s: 1 },
        struck: Struck::All,
        lasts: Duration::from_secs(60),
        ..OUTAGE
    },
    Scenario {
        name: "quota",
        about: "the first model's quota is used up for two minutes; its key rests for longer",
        weather: Weather::NoQuota,
        recovers: false,
        ..OUTAGE
    },
    Scenario {
        name: "garbage",
        about: "six of ten answers of the first model are broken JSON",
        weather: Weather::Garbage { share: 0.6 },
        ..OUTAGE
    },
    Scenario {
        name: "clock-jump",
        about: "the machine's clock jumps ten minutes ahead while calls are under way",
        weather: Weather::Fair,
        lasts: Duration::from_secs(10),
        jump: Duration::from_secs(600),
        ..OUTAGE
    },
    Scenario {
        name: "burst",
        about: "for a minute nine sheddable calls come on top of each usual one",
        weather: Weather::Fair,
        lasts: Duration::from_secs(60),
        burst: 9,
        ..OUTAGE
    },
    Scenario {
        name: "pushing-callers",
        about: "no model can be connected to, and callers ask again at once, five times",
        weather: Weather::Away,
        struck: Struck::All,
        manners: Manners::Pushing(5),
        ..OUTAGE
    },
];

impl Scenario {
    /// Whether any of so many models is as well during the trouble as before.
    pub fn leaves_a_model(&self, models: usize) -> bool {
        self.weather == Weather::Fair || (self.struck == Struck::First && models > 1)
    }
}

/// The scenario of that name.
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
