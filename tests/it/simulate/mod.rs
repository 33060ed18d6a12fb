//! The whole gateway in one thread, with time and dice of its own: a ledger that is slow, full and
//! cut off, models that fail and flap, people who click at once, leads who roll back, a clock that
//! jumps, consumers that lag, hang, fail and come back, and a crash at any step. What each client saw must be what a gateway that
//! keeps its promises could have told; the record must hold to every invariant. More seeds:
//! `BACKSTOP_SEEDS=10000 cargo test -p backstop-tests --release --test it -- --ignored simulate`
//! One seed again: `BACKSTOP_SEED=4711 BACKSTOP_SEEDS=1`, with the same command.

mod delivered;
mod disk;
mod files;
mod node;
mod people;
mod receivers;
mod whole;

use std::{env, time::Instant};

use node::World;

/// What one seed came to.
struct Lived {
    /// Every event, in words.
    log: Vec<String>,
    acts: usize,
    runs: usize,
    /// Events that consumers took.
    taken: usize,
}

/// Lives one world through.
fn live(seed: u64) -> Result<Lived, String> {
    let mut world = World::new(seed);
    world.run()?;
    if let Some(wrong) = world.known.wrong() {
        return Err(wrong);
    }
    let figures = world.history.check()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    let read = world.known.read.lock().unwrap().clone();
    let events = runtime.block_on(whole::all(&world.kept))?;
    let held = runtime.block_on(whole::check(&world.kept, &events, &read))?;
    let taken = delivered::check(&world.ears, &events)?;
    let log = events.iter().map(|one| format!("{:?} {:?}", one.envelope, one.event)).collect();
    Ok(Lived { log, acts: figures.acts, runs: held.runs - held.calls, taken })
}

/// Lives through that many seeds, and says how many, how large, and how fast.
fn lives(first: u64, seeds: u64) {
    let started = Instant::now();
    let (mut events, mut acts, mut runs, mut taken) = (0, 0, 0, 0);
    let mut broken = Vec::new();
    for seed in first..first + seeds {
        match live(seed) {
            Ok(lived) => {
                events += lived.log.len();
                acts += lived.acts;
                runs += lived.runs;
                taken += lived.taken;
            }
            Err(why) => broken.push(format!("seed {seed}: {why}")),
        }
    }
    let took = started.elapsed();
    let each = took.as_secs_f64() * 1e3 / seeds as f64;
    println!(
        "{seeds} seeds from {first}: {events} events, {acts} acts of clients, {runs} further runs, \
         {taken} deliveries taken; {:.1} s, {each:.1} ms each",
        took.as_secs_f64()
    );
    let told = broken.iter().take(20).map(|line| format!("\n  {line}")).collect::<String>();
    assert!(broken.is_empty(), "{} of {seeds} seeds broke a promise:{told}", broken.len());
}

#[test]
fn no_promise_breaks_in_any_of_these_worlds() {
    lives(1, 60);
}

#[test]
#[ignore = "takes as long as BACKSTOP_SEEDS says"]
fn no_promise_breaks_in_ten_thousand_worlds() {
    let number = |name: &str, default: u64| {
        env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    lives(number("BACKSTOP_SEED", 1), number("BACKSTOP_SEEDS", 10_000));
}

#[test]
fn the_same_seed_lives_the_same_life() {
    for seed in 900..906 {
        let (one, two) = (live(seed).unwrap(), live(seed).unwrap());
        for (place, (one, two)) in one.log.iter().zip(&two.log).enumerate() {
            assert_eq!(one, two, "seed {seed} parts at event {}", place + 1);
        }
        let whole = |lived: &Lived| (lived.log.len(), lived.acts, lived.taken);
        assert_eq!(whole(&one), whole(&two), "seed {seed}");
    }
}
