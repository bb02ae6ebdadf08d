//! The metadata of a recording, in the file beside it: XML, which `docs/delivery.md` describes.

use chrono::{DateTime, SecondsFormat, Utc};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::model::DeliveryError;

/// The namespace of the format's first version.
const NAMESPACE: &str = "urn:lethe:delivery:1";

/// The metadata of one recording. It contains identifiers in clear, and it is sent only to the tenant.
#[derive(Default)]
pub struct Metadata<'a> {
    pub tenant: &'a str,
    pub delivery: String,
    pub interaction: InteractionMetadata<'a>,
    pub recording: RecordingMetadata<'a>,
}

#[derive(Default)]
pub struct InteractionMetadata<'a> {
    pub external_id: &'a str,
    /// `call` and the like.
    pub channel: &'a str,
    /// `inbound` or `outbound`.
    pub direction: Option<&'a str>,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub queue: Option<&'a str>,
    pub agent_id: Option<&'a str>,
    pub outcome: Option<&'a str>,
    pub phone_number: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
}

#[derive(Default)]
pub struct RecordingMetadata<'a> {
    pub content_id: String,
    /// `recording`, `screen_recording` or `voicemail`.
    pub kind: &'a str,
    /// The media type that its sender stated, before any encryption.
    pub media_type: &'a str,
    /// The size in clear, in bytes.
    pub size: u64,
    /// The SHA-256 digest in clear, in hexadecimal digits.
    pub sha256: Option<String>,
    /// The key that the file is encrypted for.
    pub encrypted_for: Option<&'a str>,
    pub file_name: &'a str,
}

type Xml = Writer<Vec<u8>>;

impl Metadata<'_> {
    pub fn to_xml(&self) -> Result<Vec<u8>, DeliveryError> {
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write(&mut xml).map_err(|_| DeliveryError::Metadata)?;
        let mut text = xml.into_inner();
        text.push(b'\n');
        Ok(text)
    }

    fn write(&self, xml: &mut Xml) -> std::io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.write_event(Event::Start(
            BytesStart::new("delivery").with_attributes([("xmlns", NAMESPACE), ("version", "1")]),
        ))?;
        text(xml, "id", Some(&self.delivery))?;
        text(xml, "tenant", Some(self.tenant))?;
        within(xml, "interaction", |xml| self.interaction.write(xml))?;
        within(xml, "recording", |xml| self.recording.write(xml))?;
        xml.write_event(Event::End(BytesEnd::new("delivery")))
    }
}

impl InteractionMetadata<'_> {
    fn write(&self, xml: &mut Xml) -> std::io::Result<()> {
        let Self { external_id, channel, direction, started_at, ended_at, queue, agent_id, outcome, .. } = self;
        let Self { phone_number, email, name, .. } = self;
        text(xml, "external_id", Some(external_id))?;
        text(xml, "channel", Some(channel))?;
        text(xml, "direction", *direction)?;
        text(xml, "started_at", Some(&instant(*started_at)))?;
        text(xml, "ended_at", ended_at.map(instant).as_deref())?;
        text(xml, "queue", *queue)?;
        text(xml, "agent_id", *agent_id)?;
        text(xml, "outcome", *outcome)?;
        if phone_number.is_none() && email.is_none() && name.is_none() {
            return Ok(());
        }
        within(xml, "customer", |xml| {
            text(xml, "phone_number", phone_number.as_deref())?;
            text(xml, "email", email.as_deref())?;
            text(xml, "name", name.as_deref())
        })
    }
}

impl RecordingMetadata<'_> {
    fn write(&self, xml: &mut Xml) -> std::io::Result<()> {
        let Self { content_id, kind, media_type, size, sha256, encrypted_for, file_name } = self;
        text(xml, "content_id", Some(content_id))?;
        text(xml, "kind", Some(kind))?;
        text(xml, "media_type", Some(media_type))?;
        text(xml, "size", Some(&size.to_string()))?;
        text(xml, "sha256", sha256.as_deref())?;
        text(xml, "encrypted_for", *encrypted_for)?;
        text(xml, "file_name", Some(file_name))
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn within(xml: &mut Xml, name: &str, write: impl FnOnce(&mut Xml) -> std::io::Result<()>) -> std::io::Result<()> {
    xml.write_event(Event::Start(BytesStart::new(name)))?;
    write(xml)?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}

/// Writes one element with a text, if there is a text. Characters that XML 1.0 does not allow are left out. So is the
/// carriage return, which every reader would replace.
fn text(xml: &mut Xml, name: &str, value: Option<&str>) -> std::io::Result<()> {
    let Some(value) = value else { return Ok(()) };
    let value: String = value.chars().filter(|c| is_allowed(*c)).collect();
    xml.create_element(name).write_text_content(BytesText::new(&value))?;
    Ok(())
}

const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;

    /// The texts of the elements of a name.
    fn read(xml: &[u8], wanted: &str) -> Vec<String> {
        let mut reader = Reader::from_reader(xml);
        reader.config_mut().check_end_names = true;
        let (mut inside, mut found) = (None::<String>, Vec::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) if start.name().as_ref() == wanted => inside = Some(String::new()),
                Event::Text(text) => {
                    if let Some(inside) = &mut inside {
                        inside.push_str(&text);
                    }
                }
                Event::GeneralRef(reference) => {
                    if let Some(inside) = &mut inside {
                        inside.push_str(quick_xml::escape::resolve_predefined_entity(&reference).unwrap());
                    }
                }
                Event::End(_) => found.extend(inside.take()),
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    fn metadata() -> Metadata<'static> {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Metadata {
            tenant: "demo",
            delivery: "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f31".to_owned(),
            interaction: InteractionMetadata {
                external_id: "cdr-43678",
                channel: "call",
                direction: Some("inbound"),
                started_at: at("2026-08-01T00:10:10+02:00"),
                ended_at: Some(at("2026-08-01T00:10:27.5+02:00")),
                queue: Some("Private service"),
                agent_id: Some("a17"),
                outcome: Some("answered"),
                phone_number: Some("+4791234567".to_owned()),
                email: None,
                name: Some("Kari Nordmann".to_owned()),
            },
            recording: RecordingMetadata {
                content_id: "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21".to_owned(),
                kind: "recording",
                media_type: "audio/wav",
                size: 160_044,
                sha256: Some("a4f2e0c1b9d84c7f9b0e2d6a1c3f5e7a9b8d7c6f5e4d3c2b1a09f8e7d6c5b4a3".to_owned()),
                encrypted_for: None,
                file_name: "20260731T221010Z_0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21.wav",
            },
        }
    }

    #[test]
    fn the_documents_example_is_what_is_written() {
        let document = include_str!("../../docs/delivery.md");
        let (_, rest) = document.split_once("```xml\n").unwrap();
        let (example, _) = rest.split_once("```").unwrap();
        assert_eq!(example, String::from_utf8(metadata().to_xml().unwrap()).unwrap());
    }

    #[test]
    fn a_forgotten_customer_is_not_there() {
        let mut metadata = metadata();
        (metadata.interaction.phone_number, metadata.interaction.name) = (None, None);
        assert!(read(&metadata.to_xml().unwrap(), "customer").is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_told_reads_back(queue: String, odd in "[<>&'\"\\]\u{0}-\u{1f}\u{fffe}\u{e000}a]{0,20}") {
            for value in [&queue, &odd] {
                let mut metadata = metadata();
                metadata.interaction.queue = Some(value);
                let wanted: String = value.chars().filter(|c| is_allowed(*c)).collect();
                prop_assert_eq!(read(&metadata.to_xml().unwrap(), "queue"), [wanted]);
            }
        }
    }
}
