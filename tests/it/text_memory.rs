//! The memory for texts is a small multiple of their length, whatever their shape. `scripts/text-memory` measures the
//! longest.

use serde_json::{Value, json};

use crate::harness::each_store;

/// The length of each text, in bytes.
const SIZE: usize = 2 << 20;

/// The growth of the server's memory after each format, compared with the time before the first, in bytes: four lengths
/// of a text, the constant memory of the numbering plans and of a window of the finder, and what the allocator keeps for
/// each thread. A tree of the words of one text took forty lengths.
const MOST: u64 = 4 * SIZE as u64 + (48 << 20);

const VCON: &str = r#"{"vcon":"0.0.2","parties":[{"name":"Agent"}],"dialog":["#;
const VCON_END: &str = r#"{"type":"text","parties":0,"body":"and"}]}"#;

fn repeated(head: &str, piece: &str, tail: &str) -> String {
    [head, &piece.repeat(SIZE / piece.len()), tail].concat()
}

each_store!(a_text_of_any_shape_takes_a_small_multiple_of_its_length, |lethe: TestLethe| async move {
    lethe.record(&json!({ "external_id": "c", "channel": "chat", "started_at": "2026-02-10T10:00:00Z" })).await;
    let path = format!("/archive/interactions/{}/content?kind=transcript", lethe.call_of("c").await.id);
    let (writer, reader) = (lethe.caller("integration"), lethe.caller("dpo"));
    let texts = [
        ("text/vtt", repeated("WEBVTT\n\n", "00:01.000 --> 00:02.000\na<b>b</b>\n\n", "")),
        ("application/json", repeated(r#"{"words":["#, r#"{"word":"nine","start":0,"end":0},"#, r#"{"word":"a"}]}"#)),
        ("application/json", repeated("[", r#"{"speaker":"a","text":"and nine more"},"#, "[]]")),
        ("application/x-ndjson", repeated("", "{\"speaker\":\"a\",\"text\":\"and nine\"}\n", "")),
        ("application/vcon+json", repeated(VCON, r#"{"type":"text","parties":0,"body":"and nine"},"#, VCON_END)),
        ("application/x-subrip", repeated("", "1\n00:00:01,000 --> 00:00:02,000\na<i>b</i>\n\n", "")),
        ("text/html", repeated("<html>", "<p>a<b>b</b>\n", "")),
        ("text/html", repeated("<html><table>", "<td>9", "</table>")),
        ("message/rfc822", repeated("From: a@example.no\r\n\r\n", "and nine more\r\n", "")),
        ("message/rfc822", repeated("From: a@example.no\r\nContent-Type: text/html\r\n\r\n", "a<b>b</b>\r\n", "")),
    ];
    let before = lethe.peak_memory();
    for (media_type, text) in texts {
        let item: Value = writer.post_raw(&path, media_type, text.clone()).await.expect(201).json();
        let shown =
            reader.get(&format!("/archive/content/{}/download", item["id"].as_str().unwrap())).await.expect(200);
        assert!(shown.text.len() > SIZE / 2 && shown.text.starts_with(&text[..6]), "it is shown");
        let more = lethe.peak_memory() - before;
        assert!(more < MOST, "{media_type}: {} KiB more", more >> 10);
    }
});
