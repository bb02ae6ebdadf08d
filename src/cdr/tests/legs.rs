//! Stories of the parties of calls, and of calls that have several rows.

use super::*;

/// A row of `cdr_csv`: source, destination, context, channel, other channel, application and its arguments, seconds after
/// nine o'clock of the start, the answer, and the end, the disposition, and the id.
fn row(
    (src, dst, context): (&str, &str, &str),
    (channel, other, app, data): (&str, &str, &str, &str),
    (start, answer, end): (u32, Option<u32>, u32),
    id: &str,
) -> String {
    let at = |second: u32| format!("2026-08-01 09:{:02}:{:02}", second / 60, second % 60);
    let (answered, disposition) =
        (answer.map(at).unwrap_or_default(), if answer.is_some() { "ANSWERED" } else { "NO ANSWER" });
    let billed = answer.map_or(0, |answer| end - answer);
    format!(
        r#""","{src}","{dst}","{context}","","{channel}","{other}","{app}","{data}","{}","{answered}","{}",{},{billed},"{disposition}","DOCUMENTATION","{id}","""#,
        at(start),
        at(end),
        end - start
    )
}

fn calls(house: House, rows: &[String]) -> Vec<Value> {
    let text = rows.join("\n");
    let read = lines(Exchange::Asterisk, OSLO, house, text.as_bytes());
    read.map(|line| serde_json::from_slice(&line.unwrap().json).unwrap()).collect()
}

fn call_of(house: House, parties: (&str, &str, &str), channels: (&str, &str, &str, &str)) -> Value {
    calls(house, &[row(parties, channels, (0, Some(5), 60), "1.1")]).remove(0)
}

fn parties_of(call: &Value) -> (Option<&str>, Option<&str>) {
    (call["direction"].as_str(), call["customer"]["phone_number"].as_str())
}

#[test]
fn a_call_out_of_the_house_shows_the_one_called() {
    // The context, the phone that began, or the trunk that it took tell it, whatever number the house shows.
    for (context, channel, other) in [
        ("from-internal", "PJSIP/1001-00000001", "PJSIP/telia-00000002"),
        ("outbound-routes", "SIP/anna-00000001", "SIP/telia-00000002"),
        ("utgående", "SIP/anna-00000001", "SIP/telia-00000002"),
        ("macro-dialout-trunk", "SIP/anna-00000001", "SIP/trunk-00000002"),
        ("site-4", "SIP/anna-00000001", "SIP/provider-b-00000002"),
        ("site-4", "SIP/1001-00000001", "SIP/b-00000002"),
    ] {
        let call = call_of(house(), ("22334455", "0046701234567", context), (channel, other, "Dial", ""));
        assert_eq!(parties_of(&call), (Some("outbound"), Some("0046701234567")), "{context} {channel}");
        assert_ne!(call["agent_id"], Value::Null);
    }
    for (context, channel, other) in [
        ("from-pstn", "PJSIP/telia-00000001", "PJSIP/1001-00000002"),
        ("inbound", "SIP/x-00000001", "SIP/anna-00000002"),
        ("site-4", "SIP/trunk-1-00000001", "SIP/anna-00000002"),
        ("site-4", "SIP/x-00000001", "SIP/anna-00000002"),
    ] {
        let call = call_of(house(), ("0046701234567", "22334455", context), (channel, other, "Dial", ""));
        assert_eq!(parties_of(&call), (Some("inbound"), Some("0046701234567")), "{context} {channel}");
    }
}

#[test]
fn a_number_of_the_house_is_never_the_customer() {
    let known = || House { numbers: HouseNumbers::stored(vec!["+4722334".to_owned()]), ..house() };
    let channels = ("SIP/x-00000001", "SIP/y-00000002", "", "");
    let tell = |src, dst| {
        let call = call_of(known(), (src, dst, "site-4"), channels);
        let (direction, customer) = parties_of(&call);
        (direction.map(str::to_owned), customer.map(str::to_owned))
    };
    let told = |direction: &str, customer: &str| (Some(direction.to_owned()), Some(customer.to_owned()));
    assert_eq!(tell("22334455", "98765432"), told("outbound", "98765432"));
    assert_eq!(tell("98765432", "004722334400"), told("inbound", "98765432"));
    assert_eq!(tell("+4722334455", "22 33 44 00"), (None, None));
    assert_eq!(tell("22334455", "1001"), (None, None));
}

#[test]
fn a_call_inside_of_the_house_has_no_customer() {
    let call = call_of(house(), ("12345", "5001", "from-internal"), ("SIP/12345-1", "SIP/5001-2", "Dial", "SIP/5001"));
    assert_eq!(parties_of(&call), (None, None));
}

#[test]
fn what_is_dialled_to_call_out_is_no_part_of_a_number() {
    let dialled = |prefixes: &[&str], dst: &str, data: &str| {
        let house =
            House { dial_out_prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(), ..house() };
        let call = call_of(house, ("1001", dst, "from-internal"), ("SIP/1001-1", "SIP/trunk-2", "Dial", data));
        parties_of(&call).1.map(str::to_owned)
    };
    assert_eq!(dialled(&["9"], "998765432", "").as_deref(), Some("98765432"));
    assert_eq!(dialled(&["9", "0"], "90046701234567", "").as_deref(), Some("0046701234567"));
    // A number that begins like a prefix keeps all of its digits.
    assert_eq!(dialled(&["9"], "91234567", "").as_deref(), Some("91234567"));
    // The exchange itself has dialled what follows the prefix.
    assert_eq!(dialled(&[], "998765432", "SIP/trunk/98765432,60,tT").as_deref(), Some("98765432"));
    assert_eq!(dialled(&[], "98765432", "SIP/4798765432@trunk").as_deref(), Some("98765432"));
}

#[test]
fn the_rows_of_one_call_are_one_interaction() {
    let queue = ("98765432", "5000", "queues");
    let rows = [
        row(queue, ("SIP/telia-1", "SIP/anna-2", "Queue", "Support,t"), (0, None, 20), "7.1"),
        row(("12345678", "5000", "queues"), ("SIP/telia-9", "", "Queue", "Support,t"), (5, None, 9), "7.2"),
        row(queue, ("SIP/telia-1", "SIP/per-3", "Queue", "Support,t"), (20, Some(25), 100), "7.1"),
        row(
            ("98765432", "1002", "from-internal"),
            ("SIP/telia-1", "SIP/eva-4", "Dial", "SIP/eva"),
            (100, Some(105), 160),
            "7.1",
        ),
        row(
            ("98765432", "1003", "from-internal"),
            ("SIP/telia-1", "SIP/ole-5", "Dial", "SIP/ole"),
            (160, None, 170),
            "7.1",
        ),
    ];
    let read = calls(house(), &rows);
    assert_eq!(read.len(), 2);
    assert_eq!(
        read[0],
        json!({
            "external_id": "7.1", "channel": "call", "direction": "inbound",
            "started_at": "2026-08-01T07:00:00Z", "ended_at": "2026-08-01T07:02:50Z",
            "queue": "Support", "agent_id": "per", "outcome": "answered",
            "customer": { "phone_number": "98765432", "name": null },
            "attributes": { "line": "5000", "context": "queues", "duration_seconds": 170, "billed_seconds": 130,
                "ring_seconds": 25, "agents": ["per", "eva"] },
        })
    );
    assert_eq!((&read[1]["outcome"], &read[1]["external_id"]), (&json!("abandoned"), &json!("7.2")));
    // In whichever order they were written.
    let mut backwards = rows;
    backwards.reverse();
    assert!(calls(house(), &backwards).contains(&read[0]));
}

#[test]
fn rows_of_cdr_custom_begin_with_the_caller_id() {
    let text = r#""""Kari"" <98765432>","98765432","5000","from-pstn","PJSIP/telia-1","PJSIP/anna-2","Queue","Support,t","2026-08-01 09:00:00","2026-08-01 09:00:20","2026-08-01 09:02:00","120.482731","99.9","ANSWERED","DOCUMENTATION","","7.3","",42"#;
    for text in [text, text.strip_suffix(",42").unwrap(), text.strip_suffix(",\"\",42").unwrap()] {
        let call = asterisk(text);
        assert_eq!(parties_of(&call), (Some("inbound"), Some("98765432")));
        assert_eq!(
            (&call["external_id"], &call["agent_id"], &call["queue"]),
            (&json!("7.3"), &json!("anna"), &json!("Support"))
        );
        assert_eq!(call["attributes"]["duration_seconds"], 120);
        assert_eq!(call["customer"]["name"], Value::Null);
    }
}

#[test]
fn every_template_of_freeswitch_is_read() {
    let times = r#""2026-01-01 09:00:00","2026-01-01 09:00:20","2026-01-01 09:02:00""#;
    let head = format!(r#""Kari","98765432","5000","public",{times},"120","100","NORMAL_CLEARING","0b1c","0b1d""#);
    let rows = [
        format!(r#"{head},"acc","PCMA","PCMA""#),
        format!("{}{head},\"acc\",\"PCMA\",\"PCMA\"", '\u{FEFF}'),
        format!(r#"{head}, "acc","PCMA","PCMA","snom/8","","","","a.wav""#),
        format!(r#"{head},"acc","PCMA","PCMA","Linksys","PS=1""#),
        format!(r#"INSERT INTO cdr VALUES ({head}, "acc");"#),
        format!(r#""acc","98765432","5000","public","Kari <98765432>","sofia/x","sofia/y","bridge","user/1001",{times},"120","100","NORMAL_CLEARING","3","0b1c","""#),
        r#""0b1c","0b1d","inbound","98765432","5000","2026-01-01 09:00:20","2026-01-01 09:02:00","100","acc","","10.0.0.1","K","telia""#.to_owned(),
    ];
    for text in rows {
        let call = read(Exchange::Freeswitch, text.as_bytes()).remove(0).unwrap().1;
        assert_eq!(parties_of(&call), (Some("inbound"), Some("98765432")), "{text}");
        assert_eq!((&call["external_id"], &call["outcome"]), (&json!("0b1c"), &json!("answered")), "{text}");
        assert_eq!(
            (&call["ended_at"], &call["attributes"]["billed_seconds"]),
            (&json!("2026-01-01T08:02:00Z"), &json!(100))
        );
    }
    let out = format!(
        r#""Acme","22334455","98765432","default",{times},"120","100","NORMAL_CLEARING","0b1c","","1001","PCMA","PCMA""#
    );
    let call = read(Exchange::Freeswitch, out.as_bytes()).remove(0).unwrap().1;
    assert_eq!(parties_of(&call), (Some("outbound"), Some("98765432")));
    assert_eq!(call["customer"]["name"], Value::Null);
}
