//! Whatever the bytes, reading ends, in a report whose places lie in the file.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::gateway_file::{PATH, load_gateway};
use crate::source::Span;

/// Reads `bytes` as every kind of file and shows the report; panics are what is looked for.
fn read_every_way(bytes: &[u8]) -> Result<(), TestCaseError> {
    let paths = [PATH, "policies/p.yaml", "policies/f.yaml", "prompts/p.md"];
    let map: BTreeMap<_, _> = paths.map(|path| (path.to_owned(), bytes.to_vec())).into();
    let sources = Sources::new(map);
    let mut report = Report::new();
    for id in sources.ids() {
        match sources.path(id) {
            PATH => drop(load_gateway(&sources, id, &mut report)),
            "policies/p.yaml" => drop(load_policy(&sources, id, &mut report)),
            "policies/f.yaml" => drop(load_fragment(&sources, id, &mut report)),
            _ => drop(load_prompt(&sources, id, &mut report)),
        }
    }
    for problem in report.sorted() {
        let Span { file, start, end } = problem.span;
        prop_assert!(start <= end && end as usize <= sources.bytes(file).len(), "{problem:?}");
    }
    let shown = render::text(&report, &sources, render::Style::Plain);
    prop_assert_eq!(shown.is_empty(), report.is_empty());
    prop_assert!(render::json(&report, &sources).is_array());
    Ok(())
}

fn samples() -> Vec<&'static str> {
    vec![
        include_str!("invoice-triage.yaml"),
        include_str!("support-refund.yaml"),
        include_str!("mail-triage.yaml"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_every_way(&bytes)?;
    }

    #[test]
    fn what_yaml_is_made_of_never_panics(
        text in "[-a-c:{}\\[\\],#&*!|>'\"%@`?~ \n\u{e9}\u{1f600}0-9.=$/]{0,120}",
    ) {
        read_every_way(text.as_bytes())?;
    }

    #[test]
    fn a_policy_with_a_piece_replaced_never_panics(
        sample in prop::sample::select(samples()),
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        piece in "[-a-c:{}\\[\\],#&*!|>'\"\n \u{e9}]{0,6}",
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        let start = at.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, piece.bytes());
        read_every_way(&bytes)?;
    }
}
