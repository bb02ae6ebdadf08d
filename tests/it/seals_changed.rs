//! The audit log was changed behind the back of the service, or an export of it was: the first row that differs is named.

use std::io::Cursor;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lethe::base::id::{IdentifierId, TenantId};
use lethe::seals::{CheckpointKeys, Fault, FaultKind, VerifierKey, verify_export};
use lethe::store::{Archive, Sql, Tx};
use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};
use crate::seals::{AS_OF, call, events, search, seq, verified};

/// A statement of somebody with the rights of a database administrator.
pub async fn change(lethe: &TestLethe, change: impl AsyncFn(&mut Tx<Archive>)) {
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    change(&mut tx).await;
    tx.commit().await.unwrap();
    archive.close().await;
}

/// A log with some rows and several seals.
async fn sealed(lethe: &TestLethe) -> i64 {
    for no in 0..3 {
        lethe.record(&call(&format!("c{no}"), "91234567")).await;
        search(lethe, 2).await;
        lethe.night(AS_OF).await.well();
    }
    seq(events(lethe).await.len())
}

each_store!(a_change_in_the_database_is_named_with_its_row, |lethe: TestLethe| async move {
    let last = sealed(&lethe).await;
    let elsewhere = TenantId(IdentifierId::random().0);
    let own = lethe.call_of("c0").await.tenant_id;
    let is = async |seq: i64, kind: &str| {
        let (verdict, _) = verified(&lethe, &[]).await;
        assert_eq!(verdict["fault"], json!({ "seq": seq, "kind": kind }), "{verdict}");
    };
    let is_valid = async || assert!(verified(&lethe, &[]).await.1);
    is_valid().await;
    // Rows that are deleted here are moved, so that they can be brought back.
    let moved = async |from: TenantId, to: TenantId, first: i64, last: i64| {
        change(&lethe, async |tx| {
            let columns = "id, seq, at, actor_id, action, outcome, purpose, records, detail, digests";
            let query = tx.query("INSERT INTO audit_events (tenant_id, ").push(columns).with(") SELECT ", to);
            let query = query.push(Sql::CAST_UUID).push(", ").push(columns).push(" FROM audit_events");
            let query = query.with(" WHERE tenant_id = ", from).with(" AND seq >= ", first);
            query.with(" AND seq <= ", last).execute().await.unwrap();
            let query = tx.query("DELETE FROM audit_events").with(" WHERE tenant_id = ", from);
            query.with(" AND seq >= ", first).with(" AND seq <= ", last).execute().await.unwrap();
        })
        .await;
    };
    for (column, value) in [
        (" action = ", "archive.exported"),
        (" detail = ", "{}"),
        (" detail = ", "no JSON"),
        (" purpose = ", "another case"),
        (" outcome = ", "refused"),
    ] {
        change(&lethe, async |tx| {
            tx.query("CREATE TABLE kept AS SELECT * FROM audit_events").execute().await.unwrap();
            let query = tx.query("UPDATE audit_events SET").with(column, value).with(" WHERE seq = ", 5_i64);
            assert_eq!(query.execute().await.unwrap(), 1);
        })
        .await;
        is(5, "changed").await;
        change(&lethe, async |tx| {
            tx.query("DELETE FROM audit_events").execute().await.unwrap();
            tx.query("INSERT INTO audit_events SELECT * FROM kept").execute().await.unwrap();
            tx.query("DROP TABLE kept").execute().await.unwrap();
        })
        .await;
    }
    moved(own, elsewhere, 4, 4).await;
    is(4, "missing").await;
    moved(elsewhere, own, 4, 4).await;
    moved(own, elsewhere, last - 1, last).await;
    is(last - 1, "truncated").await;
    moved(elsewhere, own, last - 1, last).await;
    let renumber = async |from: i64, to: i64| {
        change(&lethe, async |tx| {
            let query = tx.query("UPDATE audit_events SET").with(" seq = ", to).with(" WHERE seq = ", from);
            query.execute().await.unwrap();
        })
        .await;
    };
    for (from, to) in [(3, -1), (6, 3), (-1, 6)] {
        renumber(from, to).await;
    }
    is(3, "changed").await;
    for (from, to) in [(3, -1), (6, 3), (-1, 6)] {
        renumber(from, to).await;
    }
    // A row that was written by nobody.
    for seq in [last + 1, 0, -5] {
        change(&lethe, async |tx| {
            let insert = "INSERT INTO audit_events SELECT tenant_id, actor_id, ";
            let query = tx.query(insert).with("", seq);
            let rest = " + 0, at, actor_id, action, outcome, purpose, records, detail, digests FROM audit_events";
            query.push(rest).with(" WHERE seq = ", 1_i64).execute().await.unwrap();
        })
        .await;
        is(seq, "inserted").await;
        change(&lethe, async |tx| {
            tx.query("DELETE FROM audit_events").with(" WHERE seq = ", seq).execute().await.unwrap();
        })
        .await;
    }
    is_valid().await;
});

each_store!(
    a_log_whose_end_was_deleted_stays_truncated_until_somebody_runs_a_replay,
    |mut lethe: TestLethe| async move {
        let last = sealed(&lethe).await;
        lethe.stop().await;
        let seals: Vec<i64> = lethe
            .dump()
            .await
            .rows("audit_seals")
            .iter()
            .map(|row| row["seq"].as_ref().unwrap().parse().unwrap())
            .collect();
        let kept = *seals.iter().filter(|seq| **seq < last).max().unwrap();
        change(&lethe, async |tx| {
            for table in ["DELETE FROM audit_seals", "DELETE FROM audit_events"] {
                tx.query(table).with(" WHERE seq > ", kept).execute().await.unwrap();
            }
        })
        .await;
        let is_truncated = async |lethe: &TestLethe| {
            let (verdict, _) = verified(lethe, &[]).await;
            assert_eq!(verdict["fault"], json!({ "seq": kept + 1, "kind": "truncated" }), "{verdict}");
        };
        is_truncated(&lethe).await;
        lethe.serve().await;
        search(&lethe, 2).await;
        lethe.night(AS_OF).await.well();
        is_truncated(&lethe).await;
        lethe.stop().await;
        lethe.run(&["replay"]).await.well();
        let (verdict, is_valid) = verified(&lethe, &[]).await;
        assert!(is_valid && verdict["lost"] == json!(last - kept), "{verdict}");
    }
);

each_store!(a_rewritten_log_differs_from_what_was_anchored, |mut lethe: TestLethe| async move {
    let last = sealed(&lethe).await;
    let fault = async |lethe: &TestLethe| verified(lethe, &[]).await.0["fault"].clone();
    lethe.stop().await;
    let backup = lethe.copy().await;
    // The names of two actors, exchanged.
    let rename = async |from: &str, to: &str| {
        change(&lethe, async |tx| {
            let query = tx.query("UPDATE actors SET").with(" sub = ", to).with(" WHERE sub = ", from);
            assert_eq!(query.execute().await.unwrap(), 1);
        })
        .await;
    };
    rename("user-0", "user-9").await;
    assert_eq!(fault(&lethe).await["kind"], json!("changed"));
    rename("user-9", "user-0").await;
    assert_eq!(fault(&lethe).await, json!(null));
    // A record that somebody was shown, and that is gone without a pass.
    change(&lethe, async |tx| {
        let delete = "DELETE FROM audit_records WHERE (event_id, record_id) IN (SELECT event_id, record_id FROM audit_records LIMIT 1)";
        assert_eq!(tx.query(delete).execute().await.unwrap(), 1);
    })
    .await;
    assert_eq!(fault(&lethe).await["kind"], json!("missing"));
    lethe.restore(&backup, &[crate::harness::Part::Archive]).await;
    change(&lethe, async |tx| {
        tx.query("UPDATE audit_records SET salt = event_id").execute().await.unwrap();
    })
    .await;
    assert_eq!(fault(&lethe).await["kind"], json!("changed"));
    lethe.restore(&backup, &[crate::harness::Part::Archive]).await;
    // The end of the log with its seals: only the anchors know of it.
    change(&lethe, async |tx| {
        for table in ["DELETE FROM audit_events", "DELETE FROM audit_seals"] {
            tx.query(table).with(" WHERE seq > ", 4_i64).execute().await.unwrap();
        }
    })
    .await;
    assert_eq!(fault(&lethe).await, json!({ "seq": 5, "kind": "truncated" }));
    // The whole tenant.
    change(&lethe, async |tx| {
        for delete in
            ["DELETE FROM audit_events", "DELETE FROM audit_seals", "DELETE FROM actors", "DELETE FROM tenants"]
        {
            tx.query(delete).execute().await.unwrap();
        }
    })
    .await;
    let place = format!("file://{}", lethe.data_folder().join("journal").display());
    let ran = lethe.run_with(&["audit", "verify", "--json", "--anchors", &place], &[], Vec::new()).await;
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stdout.contains(r#""fault":{"seq":1,"kind":"truncated"}"#), "{ran:?}");
    lethe.restore(&backup, &[crate::harness::Part::Archive]).await;
    // A checkpoint that nobody has signed, and an anchor of another tree.
    change(&lethe, async |tx| {
        let query = tx.query("UPDATE audit_seals SET note = replace(note, 'audit', 'audit/2')");
        query.with(" WHERE seq = ", last).execute().await.unwrap();
    })
    .await;
    assert_eq!(fault(&lethe).await, json!({ "seq": last, "kind": "forged" }));
    lethe.restore(&backup, &[crate::harness::Part::Archive]).await;
    assert_eq!(fault(&lethe).await, json!(null));
});

each_store!(a_seal_with_another_tree_is_named_and_nothing_is_sealed_after_it, |lethe: TestLethe| async move {
    let last = sealed(&lethe).await;
    let dump = lethe.dump().await;
    let mut seals: Vec<i64> =
        dump.rows("audit_seals").iter().map(|row| row["seq"].as_ref().unwrap().parse().unwrap()).collect();
    seals.sort_unstable();
    change(&lethe, async |tx| {
        tx.query("CREATE TABLE kept AS SELECT * FROM audit_seals").execute().await.unwrap();
    })
    .await;
    let first = seals[0];
    assert!(first < last && seals.contains(&last), "{seals:?}");
    for (seq, column, value) in [
        (first, " frontier = ", vec![0; 32 * first.count_ones() as usize]),
        (last, " frontier = ", Vec::new()),
        (last, " root = ", vec![0; 32]),
        (last, " frontier = ", vec![0; 32 * last.count_ones() as usize]),
    ] {
        change(&lethe, async |tx| {
            tx.query("DELETE FROM audit_seals").execute().await.unwrap();
            tx.query("INSERT INTO audit_seals SELECT * FROM kept").execute().await.unwrap();
            let query = tx.query("UPDATE audit_seals SET").with(column, value.clone()).with(" WHERE seq = ", seq);
            assert_eq!(query.execute().await.unwrap(), 1);
        })
        .await;
        let (verdict, _) = verified(&lethe, &[]).await;
        assert_eq!(verdict["fault"], json!({ "seq": seq, "kind": "wrongly_sealed" }), "{verdict}");
    }
    // Without a seal, a changed row would be found by the next checkpoint only, and not named.
    for (gone, row) in [(seals[0], 1), (seals[1], seals[0] + 1)] {
        change(&lethe, async |tx| {
            tx.query("DELETE FROM audit_seals").execute().await.unwrap();
            let query = tx.query("INSERT INTO audit_seals SELECT * FROM kept").with(" WHERE seq <> ", gone);
            query.execute().await.unwrap();
        })
        .await;
        let (verdict, _) = verified(&lethe, &[]).await;
        assert_eq!(verdict["fault"], json!({ "seq": row, "kind": "unsealed" }), "{verdict}");
    }
    change(&lethe, async |tx| {
        tx.query("DELETE FROM audit_seals").execute().await.unwrap();
        tx.query("INSERT INTO audit_seals SELECT * FROM kept").execute().await.unwrap();
        let query = tx.query("UPDATE audit_seals SET frontier = ").with("", vec![0; 32 * last.count_ones() as usize]);
        assert_eq!(query.with(" WHERE seq = ", last).execute().await.unwrap(), 1);
    })
    .await;
    // A row that was sealed into the wrong tree would look rewritten, and its checkpoint would be signed for good.
    search(&lethe, 1).await;
    let night = lethe.night(AS_OF).await.well();
    assert!(night.stderr.contains("Sealing the audit log failed"), "{night:?}");
    let (verdict, _) = verified(&lethe, &[]).await;
    assert_eq!(verdict["fault"], json!({ "seq": last, "kind": "wrongly_sealed" }), "{verdict}");
    let shown = lethe.run(&["audit", "verify"]).await;
    assert!(shown.stdout.contains(&format!("broken: the row {last} is wrongly sealed")), "{shown:?}");
    change(&lethe, async |tx| {
        tx.query("DELETE FROM audit_seals").execute().await.unwrap();
        tx.query("INSERT INTO audit_seals SELECT * FROM kept").execute().await.unwrap();
        tx.query("DROP TABLE kept").execute().await.unwrap();
    })
    .await;
    lethe.night(AS_OF).await.well();
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    assert!(is_valid && verdict["rows"].as_i64().unwrap() > last, "{verdict}");
});

/// Numbers at random from a seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, number: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % number as u64).unwrap()
    }
}

fn has(line: &[u8], text: &str) -> bool {
    line.windows(text.len()).any(|part| part == text.as_bytes())
}

/// A change of an export, and the number of the first row that differs.
struct Mutation {
    text: Vec<u8>,
    first: i64,
    kinds: &'static [FaultKind],
}

/// A change of an export at random. Its lines have line breaks, and the last one has the checkpoint.
fn mutation(lines: &[Vec<u8>], random: &mut Random) -> Mutation {
    use FaultKind::{Changed, Forged, Inserted, Missing, Rewritten, Truncated};
    let mut below = |number: usize| random.below(number);
    let (mut changed, rows) = (lines.to_vec(), lines.len() - 1);
    let at = below(rows);
    let first = seq(at) + 1;
    let (first, kinds): (i64, &'static [FaultKind]) = match below(8) {
        0..=2 => {
            let place = below(lines[at].len() - 1);
            let bit = 1 << below(7);
            changed[at][place] ^= bit;
            (first, &[Changed])
        }
        3 if at + 1 < rows => {
            changed.remove(at);
            (first, &[Missing])
        }
        4 => {
            changed.insert(at + 1, lines[at].clone());
            (first, &[Inserted])
        }
        5 if at + 1 < rows => {
            changed.swap(at, at + 1);
            (first, &[Missing])
        }
        6 => {
            changed.truncate(at + 1);
            let cut = below(lines[at].len());
            changed[at].truncate(cut);
            (first, &[Truncated])
        }
        7 => {
            let place = below(lines[rows].len());
            changed[rows][place] ^= 1 << below(7);
            // A line break in the middle makes two lines of it.
            (seq(rows), &[Forged, Truncated, Rewritten, Inserted, Changed])
        }
        _ => {
            changed.remove(rows - 1);
            (seq(rows), &[Truncated])
        }
    };
    Mutation { text: changed.concat(), first, kinds }
}

each_store!(each_of_six_hundred_changes_of_an_export_is_found, |lethe: TestLethe| async move {
    sealed(&lethe).await;
    let key = lethe.run(&["audit", "key"]).await.well().stdout;
    let keys = CheckpointKeys::Named(vec![key.parse::<VerifierKey>().unwrap()]);
    let export = lethe.caller("dpo").get("/audit-events/export").await.expect(200).text.into_bytes();
    let lines: Vec<Vec<u8>> = export.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let verdict = |text: Vec<u8>| verify_export(&mut Cursor::new(text), &keys).unwrap();
    let rows = lines.len() - 1;
    let whole = verdict(export.clone());
    assert_eq!((whole.fault, whole.rows), (None, rows as u64));
    let mut random = Random(7);
    for no in 0..600 {
        let Mutation { text, first, kinds } = mutation(&lines, &mut random);
        if text == export {
            continue;
        }
        let fault = verdict(text.clone()).fault;
        let fault = fault.unwrap_or_else(|| panic!("{no} is not found: {}", String::from_utf8_lossy(&text)));
        assert!(kinds.contains(&fault.kind), "{no}: {fault:?} is none of {kinds:?}");
        let is_end = kinds.len() > 1;
        assert!(fault.seq == first || is_end && fault.seq >= 0, "{no}: {fault:?} instead of {first}");
    }
    // A cut that took the line break of a row only.
    let mut cut = lines[..3].concat();
    cut.pop();
    assert_eq!(verdict(cut).fault, Some(Fault { seq: 3, kind: FaultKind::Truncated }));
    // A row that was rewritten with its leaf and its hash, as somebody does who knows the format.
    let mut row: Value =
        serde_json::from_slice(lines[rows / 2..].iter().find(|line| has(line, "case 0")).unwrap()).unwrap();
    let at = usize::try_from(row["seq"].as_u64().unwrap()).unwrap() - 1;
    let mut leaf = STANDARD.decode(row["leaf"].as_str().unwrap()).unwrap();
    let place = leaf.windows(6).position(|part| part == b"case 0").unwrap();
    leaf[place + 5] = b'9';
    row["purpose"] = json!("case 9");
    row["leaf_hash"] = json!(STANDARD.encode(digest(&SHA256, &[&[0], &leaf[..]].concat())));
    row["leaf"] = json!(STANDARD.encode(leaf));
    let mut rewritten = lines.clone();
    rewritten[at] = format!("{row}\n").into_bytes();
    let fault = verdict(rewritten.concat()).fault.unwrap();
    assert_eq!((fault.kind, fault.seq), (FaultKind::Rewritten, 1), "only the end is signed");
    let other = CheckpointKeys::Named(Vec::new());
    let fault = verify_export(&mut Cursor::new(export), &other).unwrap().fault.unwrap();
    assert_eq!(fault.kind, FaultKind::Forged, "without its key nothing is proved");
});
