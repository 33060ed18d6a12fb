//! How a suite is run: against its record, or against the models.

use std::collections::BTreeMap;

use backstop_policy::decode::{Decode, Decoder, Fields};
use backstop_policy::diagnostics::{Code, Problem};
use backstop_policy::units::Money;
use backstop_policy::yaml::Node;

/// How a suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TierName {
    /// Against recorded answers: exactly repeatable, no key.
    Replay,
    /// Against the models themselves.
    Live,
}

impl TierName {
    /// The word as written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Live => "live",
        }
    }
}

impl Decode for TierName {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("replay") => Some(Self::Replay),
            Some("live") => Some(Self::Live),
            _ => d.expected("a tier, `replay` or `live`", node, None),
        }
    }
}

/// One way to run a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// How often each case is asked.
    pub repeats: u32,
    /// Most money that a run may take, in millionths; where models are asked.
    pub cost: Option<u64>,
}

impl Tier {
    /// More repeats of one case say little more.
    const REPEATS_MAX: u32 = 100;
}

/// The tiers of a suite.
#[derive(Default)]
pub(super) struct Tiers(pub BTreeMap<TierName, Tier>);

impl Decode for Tiers {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &super::keys::TIERS, d)?;
        let mut tiers = BTreeMap::new();
        for name in [TierName::Replay, TierName::Live] {
            let Some(own) = fields.node(name.name(), d) else { continue };
            if let Some(tier) = tier(own, name, d) {
                tiers.insert(name, tier);
            }
        }
        fields.finish(d);
        Some(Self(tiers))
    }
}

fn tier(node: &Node, name: TierName, d: &mut Decoder<'_>) -> Option<Tier> {
    let shape = match name {
        TierName::Replay => &super::keys::TIER,
        TierName::Live => &super::keys::LIVE_TIER,
    };
    let mut fields = Fields::open(node, shape, d)?;
    let repeats = fields.node("repeats", d);
    let cost = match name {
        TierName::Replay => None,
        TierName::Live => fields.required::<Money>("cost", d),
    };
    fields.finish(d);
    let count = repeats.and_then(|node| node.as_number()).and_then(|number| number.as_u64());
    let count = count.and_then(|count| u32::try_from(count).ok());
    let repeats = match (repeats, count) {
        (None, _) => 1,
        (Some(_), Some(count)) if (1..=Tier::REPEATS_MAX).contains(&count) => count,
        (Some(node), _) => {
            let say = format!("`repeats` is a number from 1 to {}", Tier::REPEATS_MAX);
            return d.refuse(Problem::error(Code::OutOfRange, node.span, say));
        }
    };
    Some(Tier { repeats, cost: cost.map(|money| money.0.0) })
}
