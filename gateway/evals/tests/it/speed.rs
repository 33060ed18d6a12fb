//! How fast a replay is. A figure, not a gate: run it in release with `--ignored --nocapture`.

use std::time::Instant;

use crate::world::World;

#[test]
#[ignore = "a figure: cargo test --release -p backstop-evals --test it -- --ignored --nocapture"]
fn ten_thousand_cases() {
    let world = World::new(10_000);
    let tape = world.record();
    let began = Instant::now();
    let (_, results) = world.replay(&tape);
    let took = began.elapsed();
    assert!(results.ran.iter().all(|ran| ran.is_valid()));
    println!("{} cases replayed in {:.2} s", results.ran.len(), took.as_secs_f64());
}
