//! Which crate may use which: DESIGN.md section 9, read from the manifests and ARCHITECTURE.md.

use super::{files, root, settle};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Each room and the rooms below it. Cargo refuses circles; this refuses short cuts upwards.
const ARROWS: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("checks", &["domain"]),
    ("policy", &["checks", "domain"]),
    ("ledger", &["domain"]),
    ("upstream", &["domain"]),
    ("engine", &["policy", "checks", "ledger", "upstream", "domain"]),
    ("server", &["engine", "policy", "checks", "ledger", "upstream", "domain"]),
    ("evals", &["engine", "policy", "checks", "ledger", "upstream", "domain"]),
    ("cli", &["server", "evals", "engine", "policy", "checks", "ledger", "upstream", "domain"]),
];
/// What the pure rooms never use: clocks, randomness, tasks, files, HTTP (invariant 6).
const IMPURE: [&str; 9] =
    ["tokio", "rand", "reqwest", "axum", "hyper", "rusqlite", "tracing", "metrics", "notify"];
/// A crate holds no more of all lines than this, in percent.
const SHARE_MAX: usize = 35;
/// Below so many lines a share says nothing.
const SHARE_FROM_LINES: usize = 20_000;

type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_arrows_between_crates_point_one_way() {
    let mut problems = Vec::new();
    for (room, used) in our_uses() {
        let Some((_, lawful)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            problems.push(format!("gateway/{room}: no such room in DESIGN.md section 9"));
            continue;
        };
        for name in used.iter().filter(|name| !lawful.contains(&name.as_str())) {
            let mend = "move what you need down, or pass it in";
            problems.push(format!("gateway/{room}/Cargo.toml: {room} may not use {name}; {mend}"));
        }
    }
    settle("arrows", &problems);
}

#[test]
fn the_pure_rooms_know_no_clock_no_network_no_tasks() {
    let mut problems = Vec::new();
    for room in ["domain", "checks", "policy"] {
        let path = format!("gateway/{room}/Cargo.toml");
        for name in used(&fs::read_to_string(root().join(&path)).unwrap(), false) {
            if IMPURE.contains(&name.as_str()) {
                let mend = "let the engine do it and pass the result in as an event field";
                problems.push(format!("{path}: a pure room uses `{name}`; {mend}"));
            }
        }
    }
    settle("purity", &problems);
}

#[test]
fn no_crate_swallows_the_others() {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for (path, text) in files("rs") {
        let room = path.trim_start_matches("gateway/").split('/').next().unwrap_or_default();
        *lines.entry(room.to_owned()).or_default() += text.lines().count();
    }
    let total: usize = lines.values().sum();
    if total < SHARE_FROM_LINES {
        println!("skipped: {total} lines in all; a share says something from {SHARE_FROM_LINES}");
        return;
    }
    let problems: Vec<String> = lines
        .iter()
        .filter(|(room, count)| *room != "tests" && **count * 100 > total * SHARE_MAX)
        .map(|(room, count)| {
            format!("gateway/{room}: {count} of {total} lines, at most {SHARE_MAX} %; split it")
        })
        .collect();
    settle("crate size", &problems);
}

#[test]
fn the_table_in_the_architecture_is_the_tree() {
    let path = root().join("gateway/ARCHITECTURE.md");
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: there is no gateway/ARCHITECTURE.md yet");
        return;
    };
    let told = table(&text);
    assert!(
        !told.is_empty(),
        "gateway/ARCHITECTURE.md has no table `| crate | uses |`; give each crate a row that names \
         in backticks the crates of ours that its Cargo.toml uses"
    );
    let mut problems = Vec::new();
    let uses = our_uses();
    for room in uses.keys().chain(told.keys()).collect::<BTreeSet<_>>() {
        if uses.get(room) != told.get(room) {
            problems.push(format!(
                "gateway/ARCHITECTURE.md: {room} uses {:?}, the table says {:?}; mend the table",
                uses.get(room).cloned().unwrap_or_default(),
                told.get(room).cloned().unwrap_or_default()
            ));
        }
    }
    settle("architecture", &problems);
}

/// What each room's manifest uses of ours.
fn our_uses() -> Uses {
    files("toml")
        .into_iter()
        .filter_map(|(path, text)| {
            let room = path.strip_prefix("gateway/")?.strip_suffix("/Cargo.toml")?.to_owned();
            Some((room, used(&text, true)))
        })
        .collect()
}

/// The crates that a manifest uses: ours without their prefix, or those of others.
fn used(manifest: &str, ours: bool) -> BTreeSet<String> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies") && (ours || !line.contains("dev-"));
            continue;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        match (inside && !name.is_empty(), name.strip_prefix("backstop-")) {
            (true, Some(name)) if ours => found.insert(name.to_owned()),
            (true, None) if !ours => found.insert(name.to_owned()),
            _ => false,
        };
    }
    found
}

/// The rows of the table whose header is `| crate | uses ... |`.
fn table(text: &str) -> Uses {
    let is_row = |line: &&str| line.starts_with('|');
    let header = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        cells.get(1) == Some(&"crate") && cells.get(2).is_some_and(|cell| cell.starts_with("uses"))
    };
    text.lines()
        .skip_while(|line| !header(line))
        .skip(2)
        .take_while(is_row)
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let room = quoted(cells.get(1)?).into_iter().next()?;
            Some((room, quoted(cells.get(2)?)))
        })
        .collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_reader_of_manifests_reads_right() {
    let manifest = "[package]\nname = \"backstop-x\"\n[dependencies]\n\
                    backstop-domain.workspace = true\nserde = \"1\"\n[dev-dependencies]\n\
                    backstop-cli = {}\nproptest.workspace = true\n";
    assert_eq!(used(manifest, true), BTreeSet::from(["cli".to_owned(), "domain".to_owned()]));
    assert_eq!(used(manifest, false), BTreeSet::from(["serde".to_owned()]));
    let told = table("x\n| crate | uses |\n|---|---|\n| `a` | `b`, `c` |\n| `b` | none |\n\ny");
    assert_eq!(told.len(), 2);
    assert_eq!(told["a"], BTreeSet::from(["b".to_owned(), "c".to_owned()]));
}
