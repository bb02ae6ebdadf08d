//! Somebody wrote values into the audit log that its columns cannot have. The verification names the row all the same.

use lethe::store::Sql;
use serde_json::json;

use crate::harness::each_store;
use crate::seals::{AS_OF, call, search, verified};
use crate::seals_changed::change;

each_store!(a_value_that_cannot_be_read_is_named_with_its_row, |lethe: TestLethe| async move {
    for no in 0..3 {
        lethe.record(&call(&format!("c{no}"), "91234567")).await;
        search(&lethe, 2).await;
        lethe.night(AS_OF).await.well();
    }
    let shown = verified(&lethe, &[]).await;
    assert!(shown.1, "{}", shown.0);
    let dump = lethe.dump().await;
    let mut seals: Vec<i64> =
        dump.rows("audit_seals").iter().map(|row| row["seq"].as_ref().unwrap().parse().unwrap()).collect();
    seals.sort_unstable();
    let tables = [
        ("CREATE TABLE kept_rows AS SELECT * FROM audit_events", "DROP TABLE kept_rows"),
        ("CREATE TABLE kept_seals AS SELECT * FROM audit_seals", "DROP TABLE kept_seals"),
    ];
    let run = async |text: &'static str| {
        change(&lethe, async |tx| assert!(tx.query(text).execute().await.is_ok(), "{text}")).await;
    };
    run(tables[0].0).await;
    run(tables[1].0).await;
    // The databases refuse values of another type, but no calendar has these times, and no id has these bytes.
    let changes = [
        (Sql::per("at = 'infinity'", "at = 'soon'"), 5),
        (Sql::per("at = '-infinity'", "id = x'07'"), 5),
        (Sql::per("at = 'infinity'", "actor_id = x'00'"), 1),
        (Sql::per("digests = '\\x01'", "digests = x'01'"), 6),
    ];
    for (value, seq) in changes {
        change(&lethe, async |tx| {
            let query = tx.query("UPDATE audit_events SET ").push(value).with(" WHERE seq = ", seq);
            assert_eq!(query.execute().await.unwrap(), 1);
        })
        .await;
        let (verdict, _) = verified(&lethe, &[]).await;
        assert_eq!(verdict["fault"], json!({ "seq": seq, "kind": "changed" }), "{verdict}");
        run("DELETE FROM audit_events").await;
        run("INSERT INTO audit_events SELECT * FROM kept_rows").await;
    }
    // A seal whose values cannot be read seals nothing.
    for (seal, first) in [(seals[0], 1), (seals[1], seals[0] + 1)] {
        change(&lethe, async |tx| {
            let query = tx.query("UPDATE audit_seals SET ").push(Sql::per("at = 'infinity'", "at = 'soon'"));
            assert_eq!(query.with(" WHERE seq = ", seal).execute().await.unwrap(), 1);
        })
        .await;
        let (verdict, _) = verified(&lethe, &[]).await;
        assert_eq!(verdict["fault"], json!({ "seq": first, "kind": "wrongly_sealed" }), "{verdict}");
        run("DELETE FROM audit_seals").await;
        run("INSERT INTO audit_seals SELECT * FROM kept_seals").await;
    }
    run(tables[0].1).await;
    run(tables[1].1).await;
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    assert!(is_valid, "{verdict}");
});
