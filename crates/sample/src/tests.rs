use pii::{Email, Phone, Pii, is_withheld};

use super::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const SAMPLE: Sample =
    Sample { interactions: 4_000, days: 10, seed: 7, until: NaiveDate::from_ymd_opt(2026, 4, 3).unwrap() };

fn made(sample: &Sample, kind: SampleKind) -> Vec<u8> {
    let mut out = Vec::new();
    write(sample, kind, &mut out).unwrap();
    out
}

fn records(kind: SampleKind) -> Vec<Value> {
    let text = String::from_utf8(made(&SAMPLE, kind)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn at(time: &Value) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().to_utc()
}

fn phone(raw: &str) -> Option<Pii<Phone>> {
    Phone::parse(raw, REGION.parse().unwrap()).ok()
}

fn email(raw: &str) -> Option<Pii<Email>> {
    Email::parse(raw).ok()
}

#[test]
fn the_same_arguments_make_the_same_data() {
    for kind in [SampleKind::Interactions, SampleKind::SurveyResponses, SampleKind::RawEvents] {
        assert_eq!(made(&SAMPLE, kind), made(&SAMPLE, kind));
        assert_ne!(made(&SAMPLE, kind), made(&Sample { seed: 8, ..SAMPLE }, kind));
    }
    let one = made(&Sample { interactions: 1, days: 1, ..SAMPLE }, SampleKind::Interactions);
    insta::assert_snapshot!(String::from_utf8(one).unwrap(), @r#"{"external_id":"sample-0","channel":"chat","direction":"inbound","started_at":"2026-04-02T07:44:26Z","ended_at":"2026-04-02T07:48:58Z","queue":"Private service","agent_id":"a10","outcome":"answered","customer":{"phone_number":null,"email":"jorgen.tveitas.0@example.com","name":"Jørgen Tveitås"},"attributes":{"wait_seconds":17,"talk_seconds":255,"priority":2}}"#);
}

#[test]
fn days_outside_the_calendar_are_refused() {
    let error = write(&Sample { days: 0, ..SAMPLE }, SampleKind::Interactions, &mut io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(appearances(&Sample { days: 0, ..SAMPLE }, 0).count(), 0);
    assert!(made(&Sample { interactions: 0, ..SAMPLE }, SampleKind::RawEvents).is_empty());
}

#[test]
fn interactions_are_whole_and_within_their_days() {
    let first = SAMPLE.until - chrono::Days::new(10);
    let mut channels = BTreeMap::<String, u32>::new();
    let mut ids = BTreeSet::new();
    for record in records(SampleKind::Interactions) {
        assert!((first..SAMPLE.until).contains(&at(&record["started_at"]).with_timezone(&ZONE).date_naive()));
        assert!(at(&record["ended_at"]) >= at(&record["started_at"]));
        assert!(ids.insert(record["external_id"].as_str().unwrap().to_owned()));
        *channels.entry(record["channel"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(ids.len(), 4_000);
    assert!((3_000..3_400).contains(&channels["call"]), "{channels:?}");
    assert_eq!(channels.keys().collect::<Vec<_>>(), ["call", "chat", "email", "sms", "voicemail"]);
}

#[test]
fn a_customer_comes_back_in_other_spellings_and_some_hide() {
    let mut spellings = BTreeMap::<Pii<Phone>, BTreeSet<String>>::new();
    let mut withheld = 0;
    for record in records(SampleKind::Interactions) {
        match record["customer"]["phone_number"].as_str() {
            Some(raw) if is_withheld(raw) => withheld += 1,
            Some(raw) => _ = spellings.entry(phone(raw).unwrap()).or_default().insert(raw.to_owned()),
            None => {}
        }
    }
    let known: BTreeSet<_> = customers(&SAMPLE).map(|customer| phone(&customer.phone_e164).unwrap()).collect();
    assert!(spellings.keys().all(|number| known.contains(number)));
    let often = spellings.values().filter(|ways| ways.len() >= 4).count();
    assert!(often > 100, "{often}");
    assert!((100..400).contains(&withheld), "{withheld}");
}

#[test]
fn a_test_knows_where_a_customer_appears() {
    let all = records(SampleKind::Interactions);
    for number in 0..20 {
        let customer = customer(&SAMPLE, number);
        let appearances: Vec<_> = appearances(&SAMPLE, number).collect();
        let ids = |which: &dyn Fn(&Appearance) -> bool| -> Vec<String> {
            appearances.iter().filter(|its| which(its)).map(|its| its.external_id.clone()).collect()
        };
        let having = |which: &dyn Fn(&Value) -> bool| -> Vec<String> {
            all.iter().filter(|its| which(its)).map(|its| its["external_id"].as_str().unwrap().to_owned()).collect()
        };
        let number = phone(&customer.phone_e164);
        let address = customer.email.as_deref().and_then(email);
        let has_phone = |its: &Value| its["customer"]["phone_number"].as_str().and_then(phone) == number;
        let has_email = |its: &Value| address.is_some() && its["customer"]["email"].as_str().and_then(email) == address;
        let spelled = spellings(&customer.phone_e164, REGION.parse().unwrap());
        let notes = |its: &Value| {
            let text = its["attributes"]["notes"][0]["text"].as_str().unwrap_or_default();
            spelled.iter().any(|number| text.contains(number))
        };
        let (by_phone, by_email) = (having(&has_phone), having(&has_email));
        let by_note = having(&|its| notes(its) && !has_phone(its) && !has_email(its));
        assert_eq!(ids(&|its| its.phone), by_phone);
        assert_eq!(ids(&|its| its.email), by_email);
        assert_eq!(ids(&|its| its.mentioned), by_note);
        assert!(by_phone.len() > 5);
    }
    assert!((0..20).flat_map(|number| appearances(&SAMPLE, number)).any(|its| its.mentioned));
}

#[test]
fn surveys_and_events_belong_to_their_interactions() {
    let interactions: BTreeMap<String, Value> = records(SampleKind::Interactions)
        .into_iter()
        .map(|record| (record["external_id"].as_str().unwrap().to_owned(), record))
        .collect();
    let of = |record: &Value| &interactions[record["interaction_external_id"].as_str().unwrap()];
    let same_phone = |record: &Value, of: &Value| {
        let theirs = of["customer"]["phone_number"].as_str().and_then(phone);
        theirs.is_none() || theirs == phone(record["phone_number"].as_str().unwrap())
    };
    let surveys = records(SampleKind::SurveyResponses);
    assert!((320..480).contains(&surveys.len()), "{}", surveys.len());
    for survey in &surveys {
        assert!(same_phone(survey, of(survey)));
        assert!(at(&survey["answered_at"]) > at(&of(survey)["ended_at"]));
        assert!(survey["score"].as_u64().unwrap() <= 10);
    }
    assert!(surveys.iter().any(|survey| survey["comment"].as_str().is_some_and(|text| text.contains('@'))));
    let events = records(SampleKind::RawEvents);
    let mut counts = BTreeMap::<&str, usize>::new();
    for event in &events {
        let of = of(event);
        assert!(same_phone(event, of));
        assert_eq!(event["email"].as_str().and_then(email), of["customer"]["email"].as_str().and_then(email));
        assert!((at(&of["started_at"])..=at(&of["ended_at"])).contains(&at(&event["occurred_at"])));
        *counts.entry(event["interaction_external_id"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(counts.len(), interactions.len());
    assert!(counts.values().all(|count| (2..=4).contains(count)));
}

#[test]
fn notes_hold_what_the_record_knows_of_its_customer() {
    let mut kinds = [0; 3];
    for record in records(SampleKind::Interactions) {
        let Some(text) = record["attributes"]["notes"][0]["text"].as_str() else { continue };
        assert!(!text.contains('@') || record["customer"]["email"].is_string(), "{text}");
        assert!(!text.contains(['{', '?']), "{text}");
        kinds[0] += 1;
        kinds[1] += u32::from(text.contains('@'));
        kinds[2] += u32::from(record["customer"]["name"].as_str().is_some_and(|name| text.contains(name)));
    }
    assert!(kinds.into_iter().all(|count| count > 10), "{kinds:?}");
}
