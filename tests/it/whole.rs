//! One story of the whole service: customers are forgotten with their recordings and texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sample::{self, SampleKind};
use serde_json::{Value, json};

use crate::harness::servers::{Server, proftpd};
use crate::harness::{Answer, Caller, Keyring, Needles, Stock, TestLethe, each_store};

/// An instant after the sample's last day.
const AS_OF: &str = "2026-03-03T02:00:00Z";

/// The columns in which forgetting may show.
const CUSTOMER: [&str; 5] = ["phone_id", "email_id", "name_id", "forgotten", "changed_at"];

/// A folder with the sample's recordings, transcripts and chat logs.
fn files_of(stock: &Stock, folder: PathBuf) -> PathBuf {
    std::fs::create_dir(&folder).unwrap();
    for file in sample::files(&stock.sample).unwrap() {
        std::fs::write(folder.join(file.name()), file.bytes).unwrap();
    }
    folder
}

/// Registers the tenant's key and where its recordings go.
async fn set_up(lethe: &TestLethe, keys: &Keyring, server: &Server) {
    let fingerprint = keys.primary("Kontoret", "ed25519", ("cert", "never"), &[]);
    keys.subkey(&fingerprint, "cv25519", "never", &[]);
    let operator = lethe.caller("operator");
    for (path, body) in [
        ("/tenant/recording-key", json!({ "kind": "openpgp", "certificate": keys.certificate(&[&fingerprint]) })),
        (
            "/tenant/delivery-target",
            json!({ "url": format!("ftps://lethe@localhost:{}/inbox", server.port), "password": "geheim-wort" }),
        ),
    ] {
        Answer::of(operator.call("PUT", path).json(&body)).await.expect(200);
    }
    let settings = json!({ "recordings": { "encrypt_metadata": true } });
    operator.patch("/tenant", "*", &settings).await.expect(200);
}

/// An interaction of the archive with its content.
#[derive(Debug)]
struct Held {
    external_id: String,
    items: Vec<Value>,
}

impl Held {
    fn of_kind<'h>(&'h self, kind: &'h str) -> impl Iterator<Item = &'h Value> + 'h {
        self.items.iter().filter(move |item| item["kind"] == kind)
    }

    fn texts(&self) -> impl Iterator<Item = &Value> {
        self.of_kind("transcript").chain(self.of_kind("chat_log"))
    }
}

/// The interactions that the customer's number and address find, each with its content.
async fn held_by(caller: &Caller, body: &Value) -> Vec<Held> {
    let mut held = Vec::new();
    for item in caller.all("/archive/search", body).await {
        held.push(Held {
            external_id: text(&item["external_id"]),
            items: content_of(caller, &text(&item["id"])).await,
        });
    }
    held
}

async fn content_of(caller: &Caller, interaction: &str) -> Vec<Value> {
    let page = caller.get(&format!("/archive/interactions/{interaction}/content")).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn read(caller: &Caller, item: &Value) -> Vec<u8> {
    let path = format!("/archive/content/{}/download", text(&item["id"]));
    caller.call("GET", &path).send().await.unwrap().bytes().await.unwrap().to_vec()
}

/// The files of the tenant's server.
fn delivered(server: &Server) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(server.inbox()).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect()
}

/// Each recording is the tenant's alone: in the archive, and, with its metadata, on the tenant's server.
async fn check_recordings(caller: &Caller, keys: &Keyring, server: &Server, files: &Path, held: &[Held], number: &str) {
    let arrived = delivered(server);
    for one in held {
        for item in one.of_kind("recording").chain(one.of_kind("voicemail")) {
            let original = std::fs::read(files.join(format!("{}.wav", one.external_id))).unwrap();
            assert!(keys.gpg_decrypt(&read(caller, item).await) == original);
            let play = caller.get(&format!("/archive/content/{}/play", text(&item["id"]))).await;
            assert_eq!(play.problem(409), "recording_encrypted");
            let named: Vec<_> = arrived.iter().filter(|(name, _)| name.contains(&text(&item["id"]))).collect();
            let [(recording, bytes), (metadata, xml)] = named[..] else { panic!("{:?}", arrived.keys()) };
            assert!(recording.ends_with(".wav.pgp") && metadata.ends_with(".xml.pgp"), "{recording} {metadata}");
            assert!(keys.gpg_decrypt(bytes) == original);
            let xml = String::from_utf8(keys.gpg_decrypt(xml)).unwrap();
            assert!(xml.contains(&one.external_id) && xml.contains(number), "{xml}");
        }
    }
}

each_store!(two_customers_are_forgotten_with_their_recordings_and_texts, |mut lethe: TestLethe| async move {
    let (stock, keys, server) = (Stock::of(200, 11), Keyring::new(), proftpd());
    lethe.stop().await;
    lethe.set("LOG__LEVEL", "trace");
    lethe.set("DELIVERY__CA_FILE", &server.file("ca.pem").display().to_string());
    lethe.set("DELIVERY__SERVE", "false");
    lethe.serve().await;
    set_up(&lethe, &keys, &server).await;
    let files = files_of(&stock, keys.path("files"));
    lethe.import(&[], stock.lines(SampleKind::Interactions)).await.well();
    let imported = lethe.run(&["import", "--json", &files.display().to_string()]).await.well();
    let imported: Value = serde_json::from_str(&imported.stdout).unwrap();
    assert_eq!((&imported["created"], &imported["rejected"]), (&imported["received"], &json!([])));
    let again = lethe.run(&["import", "--json", &files.display().to_string()]).await.well();
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&again["created"], &again["skipped"]), (&json!(0), &imported["received"]));
    lethe.run(&["deliver", "--once", "--json"]).await.well();

    let officer = lethe.caller("dpo");
    let customers = &stock.customers[..2];
    let asked = |no: usize| json!({ "phone_number": stock.spellings(no)[2], "email": customers[no].email });
    let (gone, kept) = (held_by(&officer, &asked(0)).await, held_by(&officer, &asked(1)).await);
    for (held, customer) in [(&gone, &customers[0]), (&kept, &customers[1])] {
        assert!(held.iter().any(|one| one.of_kind("recording").next().is_some()));
        assert!(held.iter().any(|one| one.texts().next().is_some()), "{held:?}");
        check_recordings(&officer, &keys, &server, &files, held, &customer.phone_e164).await;
    }
    let before = lethe.dump().await.rows_without("interactions", &CUSTOMER);
    let stored = |lethe: &TestLethe| lethe.objects().into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>();
    let objects = stored(&lethe);

    let request = |no: usize, delete_content| {
        let mut request = asked(no);
        request["to_date"] = json!("2026-03-01");
        request["targets"] = json!(["archive"]);
        request["delete_content"] = json!(delete_content);
        request
    };
    let first = officer.post("/anonymize-requests", &request(0, true)).await.expect(201).json();
    let second = officer.post("/anonymize-requests", &request(1, false)).await.expect(201).json();
    lethe.night(AS_OF).await.well();

    let needles = |no: usize| {
        let numbers = stock.spellings(no).into_iter().filter(|spelling| spelling.len() >= 7);
        Needles::new(numbers.chain(customers[no].email.clone()).chain([customers[no].name.clone()]))
    };
    for (no, request, held) in [(0, &first, &gone), (1, &second, &kept)] {
        for spelling in stock.spellings(no) {
            assert_eq!(lethe.find(&json!({ "phone_number": spelling })).await, [""; 0], "{spelling}");
        }
        let done = officer.get(&format!("/anonymize-requests/{}", text(&request["id"]))).await.expect(200).json();
        assert_eq!(done["status"], "done");
        let recordings: BTreeSet<_> = held
            .iter()
            .flat_map(|one| one.of_kind("recording").chain(one.of_kind("voicemail")))
            .map(|item| text(&item["id"]))
            .collect();
        let listed: Vec<_> = done["result"]["delivered_files"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(listed.len(), 2 * recordings.len());
        assert!(listed.iter().all(|name| recordings.iter().any(|id| name.contains(id))), "{listed:?}");
    }
    let left = stored(&lethe);
    for item in gone.iter().flat_map(|one| &one.items) {
        assert!(objects.contains(&text(&item["id"])) && !left.contains(&text(&item["id"])));
        officer.get(&format!("/archive/content/{}", text(&item["id"]))).await.expect(404);
    }
    for one in &kept {
        for item in one.of_kind("recording") {
            let original = std::fs::read(files.join(format!("{}.wav", one.external_id))).unwrap();
            assert!(keys.gpg_decrypt(&read(&officer, item).await) == original);
        }
        for item in one.texts() {
            let bytes = read(&officer, item).await;
            needles(1).absent_from("a text of a forgotten customer", &bytes);
            let ending = if item["kind"] == "chat_log" { "json" } else { "vtt" };
            let original = std::fs::read(files.join(format!("{}.{ending}", one.external_id))).unwrap();
            if !needles(1).found_in(&original).is_empty() {
                assert!(String::from_utf8(bytes).unwrap().contains("Anonymized"), "{}", one.external_id);
            }
        }
    }
    let after = lethe.dump().await.rows_without("interactions", &CUSTOMER);
    assert!(before == after, "statistics changed");
    lethe.stop().await;
    let all = Needles::new(stock.identifiers());
    all.absent_from("the archive", &lethe.archive_bytes().await);
    all.absent_from("the data folder", &lethe.folder_bytes());
    all.absent_from("the journal", lethe.journal().text().as_bytes());
});
