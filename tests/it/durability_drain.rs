//! Told to stop, the gateway takes nothing new, keeps nobody waiting for a person, lets a model
//! that is being asked answer, and leaves the rest to the next process.

use super::inside::{LONG, MOMENT, World, outcome};
use backstop_engine::Refused;
use std::time::Duration;

#[test]
fn what_runs_ends_what_waits_is_parked_and_the_next_process_goes_on() {
    let world = World::new();
    let process = world.start();
    let (sleeping, asked) = process.run(async {
        let asking = process.submit("slow", "slow ham").await.unwrap();
        let sleeping = process.submit("busy", "busy ham").await.unwrap();
        let asked = process.ask("unsure", "unsure").await;
        let waiters: Vec<_> = [&asked.id, &sleeping.id]
            .into_iter()
            .map(|id| {
                let (engine, id) = (process.engine.clone(), id.clone());
                tokio::spawn(async move { engine.wait_end(&id, LONG).await })
            })
            .collect();
        tokio::time::sleep(MOMENT).await;
        let told_to_stop = tokio::time::Instant::now();
        process.engine.close();
        for waiter in waiters {
            let told = waiter.await.unwrap().unwrap().unwrap();
            assert_eq!(outcome(&told), "open");
        }
        assert!(told_to_stop.elapsed() < Duration::from_secs(2), "nobody is kept waiting");
        let refused = process.submit("new", "ham").await.unwrap_err();
        assert!(matches!(refused, Refused::Unavailable { .. }), "{refused}");
        assert!(process.engine.health().is_err());
        assert!(process.engine.drain(LONG).await, "everything came to a halt");
        assert_eq!(outcome(&process.end(&asking.id).await), "accepted");
        (sleeping.id, asked.id)
    });
    process.kill();
    world.pass(Duration::from_secs(9));
    let process = world.start();
    process.run(async {
        assert_eq!(outcome(&process.end(&sleeping).await), "accepted");
        let still = process.engine.wait(&asked, LONG).await.unwrap().unwrap();
        process.approve(&super::inside::review_of(&still)).await.unwrap();
        assert_eq!(outcome(&process.end(&asked).await), "approved");
    });
    assert_eq!(world.is_lawful().len(), 3);
}
