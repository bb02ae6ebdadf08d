//! The contract of content, call by call.

use std::pin::Pin;

use actix_web::FromRequest as _;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use futures_util::Stream;
use serde_json::{Value, json};

use super::*;
use crate::base::crypto::sha256;
use crate::base::hex::hex;
use crate::base::id::IdentifierId;
use crate::content::tests::House;
use crate::tests::{Answered, Call, Stage};

const CONTENT: &str = "/api/v1/archive/content";
const OFFICER: &str = "dpo,integration";

impl House {
    fn call(&self, method: Method, path: impl AsRef<str>) -> Call<'_> {
        Stage::call(self, routes, OFFICER, method, path)
    }

    fn upload(&self, query: &str, bytes: impl Into<Bytes>) -> Call<'_> {
        let path = format!("/api/v1/archive/interactions/{}/content?{query}", self.call);
        self.call(Method::POST, path).header(CONTENT_TYPE.as_str(), "audio/wav").bytes(bytes)
    }

    async fn stored(&self, query: &str, bytes: impl Into<Bytes>) -> String {
        let answered = self.upload(query, bytes).send().await;
        assert_eq!(answered.status, 201, "{}", answered.body);
        answered.header("Location").to_owned()
    }

    async fn get(&self, path: impl AsRef<str>) -> Answered {
        self.call(Method::GET, path).send().await
    }
}

fn digest(bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(sha256(bytes)))
}

#[actix_web::test]
async fn a_recording_from_upload_to_deletion() {
    let house = House::new().await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let uploaded = house.upload("kind=recording", bytes.clone()).header("Content-Digest", digest(&bytes)).send().await;
    let id = uploaded.body["id"].as_str().unwrap().to_owned();
    let item = json!({
        "id": id, "interaction_id": house.call, "kind": "recording", "media_type": "audio/wav", "size": 200_000,
        "sha256": hex(&sha256(&bytes)), "sensitivity": "normal", "encrypted_for": null, "playable": true, "duration_ms": null,
        "created_at": "2026-08-03T12:00:00Z",
    });
    let path = format!("{CONTENT}/{id}");
    assert_eq!((uploaded.status, &uploaded.body, uploaded.header("Location")), (201, &item, path.as_str()));
    assert_eq!(house.get(&path).await.body, item);
    let list = house.get(format!("/api/v1/archive/interactions/{}/content", house.call)).await;
    assert_eq!(list.body, json!({ "items": [item], "next_cursor": null }));

    let download = house.call(Method::GET, format!("{path}/download")).header(ACCEPT_ENCODING.as_str(), "gzip");
    let download = download.send().await;
    assert!(download.status == 200 && download.bytes == bytes);
    assert_eq!((download.header(CONTENT_TYPE), download.header(CONTENT_ENCODING)), ("audio/wav", ""));
    assert_eq!(download.header(CONTENT_DISPOSITION), format!("attachment; filename=\"{id}\""));
    assert_eq!((download.header("X-Content-Type-Options"), download.header("Cache-Control")), ("nosniff", "no-store"));
    assert!(download.header(CONTENT_SECURITY_POLICY).starts_with("sandbox"));
    assert_eq!(download.header("Repr-Digest"), digest(&bytes));

    let tag = download.header(ETAG).to_owned();
    let play = |range: &str| house.call(Method::GET, format!("{path}/play")).header(RANGE.as_str(), range);
    let part = play("bytes=65535-65537").header(IF_RANGE.as_str(), &tag).send().await;
    assert!(part.status == 206 && part.bytes == bytes[65_535..65_538]);
    assert_eq!(part.header(CONTENT_RANGE), "bytes 65535-65537/200000");
    assert_eq!((part.header(CONTENT_DISPOSITION), part.header("Accept-Ranges")), ("inline", "bytes"));
    let tail = play("bytes=-5").send().await;
    assert!(tail.status == 206 && tail.bytes == bytes[199_995..]);
    for whole in [play("bytes=0-1,5-6"), play("bytes=0-1").header(IF_RANGE.as_str(), "\"other\"")] {
        let whole = whole.send().await;
        assert!(whole.status == 200 && whole.bytes == bytes);
    }
    let outside = play("bytes=200000-").send().await;
    assert_eq!((outside.problem(), outside.header(CONTENT_RANGE)), ((416, "range_not_satisfiable"), "bytes */200000"));

    assert_eq!(house.call(Method::DELETE, &path).send().await.status, 204);
    for gone in [path.clone(), format!("{path}/download"), format!("{path}/play")] {
        assert_eq!(house.get(&gone).await.problem(), (404, "not_found"), "{gone}");
    }
    assert_eq!(house.call(Method::DELETE, &path).send().await.problem(), (404, "not_found"));
    let actions: Vec<_> = house.events().await.into_iter().map(|event| event.action).collect();
    let (downloaded, played) = ("content.downloaded", "content.played");
    assert_eq!(actions, [downloaded, played, played, played, played, "content.deleted"]);
}

#[actix_web::test]
async fn uploads_that_are_refused_leave_nothing() {
    let house = House::new().await;
    let upload = |query: &str| house.upload(query, "RIFF");
    assert_eq!(upload("kind=chat_log").send().await.problem(), (415, "media_type_unsupported"));
    let unknown = upload("kind=song").send().await;
    assert_eq!(
        (unknown.problem(), &unknown.body["errors"][0]["parameter"]),
        ((422, "validation_failed"), &json!("kind"))
    );
    assert_eq!(upload("").send().await.problem(), (422, "validation_failed"));
    assert_eq!(upload("kind=recording&sensitivity=odd").send().await.problem(), (422, "validation_failed"));
    assert_eq!(upload("kind=recording&name=x").send().await.problem(), (422, "validation_failed"));
    for media_type in ["text/html", "audio", "", "*/*"] {
        let wrong = upload("kind=recording").header(CONTENT_TYPE.as_str(), media_type).send().await;
        assert_eq!(wrong.problem(), (415, "media_type_unsupported"), "{media_type}");
    }
    let encoded = upload("kind=recording").header(CONTENT_ENCODING.as_str(), "gzip").send().await;
    assert_eq!(encoded.problem(), (415, "media_type_unsupported"));
    let wrong = upload("kind=recording").header("Content-Digest", digest(b"other"));
    // The capitals of an encoding do not matter.
    let wrong = wrong.header(CONTENT_ENCODING.as_str(), "Identity").send().await;
    assert_eq!(
        (wrong.problem(), &wrong.body["errors"][0]["code"]),
        ((422, "validation_failed"), &json!("digest_mismatch"))
    );
    assert_eq!(upload("kind=recording").header("Content-Digest", "x").send().await.status, 422);
    let announced = (house.content_store.size_limit + 1).to_string();
    let long = upload("kind=recording").header(CONTENT_LENGTH.as_str(), announced).send().await;
    assert_eq!(long.problem(), (413, "too_large"));
    let longer = vec![0; usize::try_from(house.content_store.size_limit).unwrap() + 1];
    let longer = house.upload("kind=recording", longer).header(CONTENT_LENGTH.as_str(), "5").send().await;
    assert_eq!(longer.problem(), (413, "too_large"));
    let nowhere = format!("/api/v1/archive/interactions/{}/content?kind=recording", RecordId::new());
    let nowhere = house.call(Method::POST, nowhere).header(CONTENT_TYPE.as_str(), "audio/wav").send().await;
    assert_eq!(nowhere.problem(), (404, "not_found"));
    assert!(house.is_empty().await);
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_told_as_such() {
    let broken = [Ok(Bytes::from_static(b"RIFF")), Err(PayloadError::Incomplete(None))];
    let stream: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(futures_util::stream::iter(broken));
    let mut payload = Payload::from(stream);
    let request = TestRequest::post().to_http_request();
    let mut raw = Raw::from_request(&request, &mut payload).await.unwrap();
    assert_eq!(raw.next().await.unwrap().unwrap(), "RIFF");
    assert_eq!(raw.next().await.unwrap_err().code(), Code::BadRequest);
}

#[actix_web::test]
async fn what_is_no_media_is_downloaded_only() {
    let house = House::new().await;
    let page = house.upload("kind=attachment", "<script>").header(CONTENT_TYPE.as_str(), "text/html; charset=utf-8");
    let page = page.send().await;
    assert_eq!((page.status, &page.body["playable"]), (201, &json!(false)));
    let path = page.header("Location");
    assert_eq!(house.get(format!("{path}/play")).await.problem(), (409, "state_conflict"));
    let download = house.get(format!("{path}/download")).await;
    assert_eq!((download.status, download.header(CONTENT_TYPE)), (200, "text/html"));
    assert!(download.header(CONTENT_DISPOSITION).starts_with("attachment"));
    assert!(download.header(CONTENT_SECURITY_POLICY).starts_with("sandbox"));
}

#[actix_web::test]
async fn sensitive_and_restricted_content_ask_for_more() {
    let house = House::new().await;
    let sensitive = house.stored("kind=recording&sensitivity=sensitive", "secret").await;
    let restricted = house.stored("kind=recording&sensitivity=restricted", "tricky").await;
    for door in ["download", "play", "ticket"] {
        let method = if door == "ticket" { Method::POST } else { Method::GET };
        let at = |path: &str| house.call(method.clone(), format!("{path}/{door}"));
        assert_eq!(at(&sensitive).roles("supervisor").send().await.problem(), (403, "forbidden"), "{door}");
        assert!([200, 201].contains(&at(&sensitive).send().await.status), "{door}");
        let refused = at(&restricted).send().await;
        assert_eq!(refused.problem(), (403, "purpose_required"), "{door}");
        assert_eq!(refused.body["errors"][0]["parameter"], "Access-Reason");
        for reason in ["", " ", "a\tb", &"x".repeat(201)] {
            assert_eq!(at(&restricted).header("Access-Reason", reason).send().await.status, 422, "{door} {reason}");
        }
        let reason = "klage fra Nordmann på 912 34 567, søknad 7";
        assert!([200, 201].contains(&at(&restricted).header("Access-Reason", reason).send().await.status), "{door}");
    }
    let purposes: Vec<_> = house.events().await.into_iter().filter_map(|event| event.purpose).collect();
    assert_eq!(purposes, ["klage fra ***** på *****, søknad 7", "klage fra ***** på *****, søknad 7"]);
    assert_eq!(house.get(&sensitive).await.body["sensitivity"], "sensitive");
}

#[actix_web::test]
async fn a_ticket_plays_in_ranges_without_a_token() {
    let house = House::new().await;
    let path = house.stored("kind=voicemail", "RIFFdata").await;
    let ticket = house.call(Method::POST, format!("{path}/ticket")).send().await;
    assert_eq!((ticket.status, &ticket.body["expires_at"]), (201, &json!("2026-08-03T12:01:00Z")));
    let url = ticket.body["url"].as_str().unwrap();
    assert!(!url.contains(path.rsplit('/').next().unwrap()) && !url.contains(&house.call.to_string()));
    // A player first asks whether there are ranges, and then seeks.
    for (range, bytes) in [("bytes=0-1", &b"RI"[..]), ("bytes=0-", b"RIFFdata"), ("bytes=4-", b"data")] {
        let played = house.call(Method::GET, url).roles("").header(RANGE.as_str(), range).send().await;
        assert_eq!((played.status, &played.bytes[..], played.header(CONTENT_DISPOSITION)), (206, bytes, "inline"));
    }
    let never = house.call(Method::GET, "/api/v1/archive/tickets/abc").roles("").send().await;
    assert_eq!(never.problem(), (404, "not_found"));
    let event = house.events().await.pop().unwrap();
    assert_eq!((event.action.as_str(), event.actor_name.as_str()), ("content.played", "paal"));
    assert_eq!(event.detail["ticket"], true);
}

#[actix_web::test]
async fn many_are_deleted_at_once() {
    let house = House::new().await;
    house.stored("kind=recording", "one").await;
    house.stored("kind=voicemail", "two").await;
    let path = format!("{CONTENT}/delete-batch");
    let send = |body: Value| house.call(Method::POST, &path).json(&body).send();
    let some =
        send(json!({ "interaction_ids": [house.call, RecordId::new(), house.call], "kinds": ["recording"] })).await;
    assert_eq!((some.status, some.body), (200, json!({ "deleted": 1, "failures": [] })));
    let rest = send(json!({ "interaction_ids": [house.call] })).await;
    assert_eq!(rest.body, json!({ "deleted": 1, "failures": [] }));
    let many: Vec<_> = (0..1_001).map(|_| IdentifierId::random()).collect();
    assert_eq!(send(json!({ "interaction_ids": many[..1_000] })).await.status, 200);
    for (wrong, pointer) in [
        (json!({ "interaction_ids": many }), "/interaction_ids"),
        (json!({ "interaction_ids": [] }), "/interaction_ids"),
        (json!({ "kinds": ["recording"] }), "/interaction_ids"),
        (json!({ "interaction_ids": ["+4798765432"] }), "/interaction_ids/0"),
        (json!({ "interaction_ids": [house.call], "kinds": [] }), "/kinds"),
        (json!({ "interaction_ids": [house.call], "kinds": ["song"] }), "/kinds/0"),
    ] {
        let refused = send(wrong).await;
        assert_eq!((refused.status, refused.body["errors"][0]["pointer"].as_str()), (422, Some(pointer)));
        assert!(!refused.body.to_string().contains("4798765432"));
    }
}

#[actix_web::test]
async fn pages_of_content_follow_each_other() {
    let house = House::new().await;
    for bytes in ["a", "b", "c"] {
        house.stored("kind=recording", bytes).await;
    }
    let list = format!("/api/v1/archive/interactions/{}/content", house.call);
    let first = house.get(format!("{list}?limit=2")).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = house.get(format!("{list}?limit=2&cursor={cursor}")).await;
    let count = |page: &Answered| page.body["items"].as_array().map_or(0, Vec::len);
    assert_eq!((count(&first), count(&second), &second.body["next_cursor"]), (2, 1, &Value::Null));
    assert!(first.body["items"][1]["id"].as_str() < second.body["items"][0]["id"].as_str());
    let other = house.another_call("cdr-9").await;
    let foreign = house.get(format!("/api/v1/archive/interactions/{other}/content?cursor={cursor}")).await;
    assert_eq!(foreign.problem(), (400, "cursor_invalid"));
    let nowhere = house.get(format!("/api/v1/archive/interactions/{}/content", RecordId::new())).await;
    assert_eq!(nowhere.problem(), (404, "not_found"));
}

#[actix_web::test]
async fn each_door_has_its_scope() {
    let house = House::new().await;
    let path = house.stored("kind=recording", "one").await;
    let batch = format!("{CONTENT}/delete-batch");
    let list = format!("/api/v1/archive/interactions/{}/content", house.call);
    let doors = [
        (Method::POST, format!("{list}?kind=recording"), "content:write", "supervisor"),
        (Method::GET, list, "content:read", "integration"),
        (Method::GET, path.clone(), "content:read", "integration"),
        (Method::GET, format!("{path}/download"), "content:read", "integration"),
        (Method::GET, format!("{path}/play"), "content:read", "integration"),
        (Method::POST, format!("{path}/ticket"), "content:read", "integration"),
        (Method::DELETE, path, "content:delete", "integration"),
        (Method::POST, batch, "content:delete", "integration"),
    ];
    for (method, path, scope, role) in doors {
        let refused = house.call(method.clone(), &path).roles(role).send().await;
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(refused.problem() == (403, "forbidden") && detail.contains(scope), "{method} {path}");
        assert_eq!(house.call(method, &path).roles("").send().await.problem(), (401, "unauthorized"), "{path}");
    }
}
