//! How many tests run in a second. A measurement, not a bound: run it in a release build with
//! `cargo test --release -p backstop-evals --test it -- --ignored --nocapture speed`.

use std::time::Instant;

use backstop_policy::run_test;

use super::ground::{load, sample};

#[test]
#[ignore = "a measurement; says something only in a release build"]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and says so")]
fn tests_in_a_second() {
    let (workspace, sources) = load(&sample());
    let rounds = 100;
    let start = Instant::now();
    let mut count = 0_u32;
    for _ in 0..rounds {
        for (name, policy) in &workspace.policies {
            for test in workspace.tests_of(name) {
                assert!(run_test(policy, &sources, test).passed(), "{}", test.name.value);
                count += 1;
            }
        }
    }
    let took = start.elapsed().as_secs_f64();
    println!("{count} tests in {took:.3} s: {:.0} a second", f64::from(count) / took);
}
