//! A replay that is killed at any instant is run again, and the databases are those that were never restored.

use std::time::Instant;

use crate::harness::oracle::same;
use crate::harness::{each_store, kills, signal};
use crate::restores::{JOB, REPLAY, RESTORES, canonical, day, evening};

each_store!(a_replay_killed_at_random_instants_is_run_again, |mut lethe: TestLethe| async move {
    let evening = evening(&lethe).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    day(&lethe, &evening).await;
    lethe.stop().await;
    lethe.run(JOB).await.well();
    let wanted = canonical(&lethe).await;
    let undisturbed = lethe.copy().await;
    undisturbed.restore(&backup, RESTORES[2]).await;
    let began = Instant::now();
    undisturbed.run(REPLAY).await.well();
    let (whole, kills, mut killed_within) = (began.elapsed(), kills(4), 0);
    for no in 1..=kills {
        let restored = lethe.copy().await;
        restored.restore(&backup, RESTORES[no as usize % RESTORES.len()]).await;
        let running = restored.start(REPLAY);
        tokio::time::sleep(whole * no / (kills + 1)).await;
        signal(running.pid, "KILL");
        killed_within += u32::from(running.end().await.killed());
        restored.end_leases().await;
        restored.run(REPLAY).await.well();
        let mut found = canonical(&restored).await;
        // A killed process may leave the object of a piece whose row and key it has deleted. A job deletes the object when
        // it is seven days old.
        found.get_mut("objects").unwrap().retain(|object| wanted["objects"].contains(object));
        same(&wanted, &found, &format!("a kill at {no}/{kills}"));
        restored.run(&["journal", "status"]).await.well();
    }
    assert!(killed_within > 0, "no kill came in time");
});
