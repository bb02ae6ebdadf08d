//! The page of a copy in the customer's language, and what the tenant says about its processing.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::{Export, Language, NotIncluded, OmissionReason};
use crate::base::id::IdentifierId;
use crate::base::spreadsheet::Cell;
use crate::tenants::{Processing, Settings};

/// The words of a page.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    code: &'static str,
    title: &'static str,
    intro: &'static str,
    made: &'static str,
    about_you: &'static str,
    pub interactions: &'static str,
    pub surveys: &'static str,
    pub events: &'static str,
    none: &'static str,
    files: &'static str,
    not_included: &'static str,
    encrypted: &'static str,
    not_asked: &'static str,
    processing: &'static str,
    not_stated: &'static str,
    rights: &'static str,
}

const ENGLISH: Words = Words {
    code: "en",
    title: "A copy of your data",
    intro: "This file contains the data that the contact centre has about you. Other people are numbered: person-1, \
            person-2. Times are in UTC. The same data are in data.json and in the CSV files beside this page.",
    made: "Made at",
    about_you: "Your numbers, addresses, and names",
    interactions: "Calls, chats, e-mails, and messages",
    surveys: "Survey responses",
    events: "Events",
    none: "None.",
    files: "Files",
    not_included: "Recordings and files that are not in this copy",
    encrypted: "It is encrypted. Ask the contact centre.",
    not_asked: "This copy was ordered without it.",
    processing: "About the processing",
    not_stated: "Not stated. Ask the contact centre.",
    rights: "You may ask for correction or erasure of your data, for a restriction of their processing, and you may \
             object to it. You may complain to a supervisory authority.",
};

const SWEDISH: Words = Words {
    code: "sv",
    title: "En kopia av dina uppgifter",
    intro: "Filen innehåller de uppgifter som kontaktcentret har om dig. Andra personer är numrerade: person-1, \
            person-2. Tider är i UTC. Samma uppgifter finns i data.json och i CSV-filerna bredvid den här sidan.",
    made: "Gjord",
    about_you: "Dina nummer, adresser och namn",
    interactions: "Samtal, chattar, e-post och meddelanden",
    surveys: "Enkätsvar",
    events: "Händelser",
    none: "Inga.",
    files: "Filer",
    not_included: "Inspelningar och filer som inte finns i kopian",
    encrypted: "Den är krypterad. Fråga kontaktcentret.",
    not_asked: "Kopian beställdes utan den.",
    processing: "Om behandlingen",
    not_stated: "Inte angivet. Fråga kontaktcentret.",
    rights: "Du kan begära rättelse eller radering av dina uppgifter eller begränsning av behandlingen, och du kan \
             invända mot den. Du kan klaga hos en tillsynsmyndighet.",
};

const NORWEGIAN: Words = Words {
    code: "nb",
    title: "En kopi av dine opplysninger",
    intro: "Filen inneholder opplysningene som kontaktsenteret har om deg. Andre personer er nummerert: person-1, \
            person-2. Tider er i UTC. De samme opplysningene er i data.json og i CSV-filene ved siden av denne siden.",
    made: "Laget",
    about_you: "Dine numre, adresser og navn",
    interactions: "Samtaler, chatter, e-poster og meldinger",
    surveys: "Svar på undersøkelser",
    events: "Hendelser",
    none: "Ingen.",
    files: "Filer",
    not_included: "Opptak og filer som ikke er med i kopien",
    encrypted: "Det er kryptert. Spør kontaktsenteret.",
    not_asked: "Kopien ble bestilt uten det.",
    processing: "Om behandlingen",
    not_stated: "Ikke oppgitt. Spør kontaktsenteret.",
    rights: "Du kan be om retting eller sletting av opplysningene dine eller begrensning av behandlingen, og du kan \
             protestere mot den. Du kan klage til en tilsynsmyndighet.",
};

pub struct Page {
    pub words: Words,
}

impl Page {
    pub const fn new(language: Language) -> Self {
        let words = match language {
            Language::En => ENGLISH,
            Language::Sv => SWEDISH,
            Language::Nb => NORWEGIAN,
        };
        Self { words }
    }

    pub fn head(&self, export: &Export, own: &HashMap<IdentifierId, String>, now: DateTime<Utc>) -> String {
        let Words { code, title, intro, made, about_you, none, .. } = self.words;
        let mut own: Vec<_> = own.values().map(|value| escaped(value)).collect();
        own.sort_unstable();
        own.dedup();
        let own = if own.is_empty() { none.to_owned() } else { own.join("<br>") };
        let (made_at, id) = (now.format("%Y-%m-%d %H:%M:%SZ"), export.id);
        format!(
            "<!doctype html>\n<html lang=\"{code}\"><meta charset=\"utf-8\"><title>{title}</title>\n\
             <style>body{{font:16px/1.4 sans-serif;margin:2em}}table{{border-collapse:collapse;font-size:13px}}\
             td,th{{border:1px solid #999;padding:2px 6px;text-align:left;vertical-align:top;overflow-wrap:anywhere}}\
             </style>\n<h1>{title}</h1>\n<p>{intro}</p>\n<p>{made} {made_at} ({id})</p>\n\
             <h2>{about_you}</h2>\n<p>{own}</p>\n"
        )
    }

    pub fn end_of_section(&self, has_rows: bool) -> String {
        if has_rows { "</table>\n".to_owned() } else { format!("<p>{}</p>\n", self.words.none) }
    }

    pub fn end(&self, files: &[String], not_included: &[NotIncluded], settings: &Settings) -> String {
        let Words { files: title, processing, not_stated, rights, .. } = self.words;
        let mut end = format!("<h2>{title}</h2>\n<ul>\n");
        for name in files.iter().filter(|name| name.contains('/')) {
            let _ = writeln!(end, "<li><a href=\"{name}\">{name}</a>");
        }
        end.push_str("</ul>\n");
        end.push_str(&self.omissions(not_included));
        let _ = write!(end, "<h2>{processing}</h2>\n<dl>\n");
        for (name, text) in stated(&settings.processing) {
            let text = text.map_or_else(|| not_stated.to_owned(), |text| escaped(&text));
            let _ = writeln!(end, "<dt>{name}<dd>{text}");
        }
        let _ = write!(end, "</dl>\n<p>{rights}</p>\n</html>\n");
        end
    }

    /// The recordings that are not in the copy, each with the reason.
    fn omissions(&self, not_included: &[NotIncluded]) -> String {
        let Words { not_included: title, encrypted, not_asked, .. } = self.words;
        if not_included.is_empty() {
            return String::new();
        }
        let mut list = format!("<h2>{title}</h2>\n<ul>\n");
        for NotIncluded { id, kind, size, started_at, why } in not_included {
            let why = match why {
                OmissionReason::Encrypted => encrypted,
                OmissionReason::NotAsked => not_asked,
            };
            let (at, kind) = (started_at.format("%Y-%m-%d %H:%M:%SZ"), kind.as_str());
            let _ = writeln!(list, "<li>{at} {kind} ({id}, {size} B). {why}");
        }
        list.push_str("</ul>\n");
        list
    }
}

/// Appends a row of a table, with the names of its columns before the first one.
pub fn row(page: &mut Vec<u8>, cells: &[Cell<'_>], is_first: bool) {
    if is_first {
        page.extend_from_slice(b"<table><tr>");
        for cell in cells {
            page.extend_from_slice(b"<th>");
            escape(page, &cell.column());
        }
        page.push(b'\n');
    }
    page.extend_from_slice(b"<tr>");
    for cell in cells {
        page.extend_from_slice(b"<td>");
        escape(page, &cell.text);
    }
    page.push(b'\n');
}

/// The parts of the information about the processing, each with its text.
fn stated(processing: &Processing) -> Vec<(&'static str, Option<String>)> {
    let Processing { controller, contact, purposes, legal_basis, categories, recipients, transfers } = processing;
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join("; "));
    vec![
        ("controller", controller.clone()),
        ("contact", contact.clone()),
        ("purposes", list(purposes)),
        ("legal_basis", legal_basis.clone()),
        ("categories", list(categories)),
        ("recipients", list(recipients)),
        ("transfers", transfers.clone()),
    ]
}

/// The information about the processing (Art. 15(1)), and the parts that the tenant has not stated.
pub fn processing(settings: &Settings) -> Value {
    let open: Vec<_> = stated(&settings.processing).into_iter().filter(|(_, text)| text.is_none()).collect();
    let open: Vec<_> = open.into_iter().map(|(name, _)| name).collect();
    json!({
        "processing": settings.processing, "open": open, "retention_days": settings.recordings.retention_days,
        "rights": ["rectification", "erasure", "restriction", "objection", "complaint"],
    })
}

/// The usual ending of the names of files of a media type.
pub fn extension(media_type: &str) -> &'static str {
    match media_type {
        "audio/wav" | "audio/x-wav" | "audio/vnd.wave" => "wav",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "audio/ogg" => "ogg",
        "audio/webm" | "video/webm" => "webm",
        "video/mp4" => "mp4",
        "text/plain" => "txt",
        "text/html" => "html",
        "text/vtt" => "vtt",
        "application/x-subrip" => "srt",
        "application/json" | "application/vcon+json" => "json",
        "application/x-ndjson" => "ndjson",
        "message/rfc822" => "eml",
        "application/pdf" => "pdf",
        _ => "bin",
    }
}

/// A text in which no character has a meaning of HTML.
fn escaped(text: &str) -> String {
    let mut escaped = Vec::with_capacity(text.len());
    escape(&mut escaped, text);
    String::from_utf8(escaped).unwrap_or_default()
}

/// Appends a text in which no character has a meaning of HTML.
fn escape(page: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')) {
        page.extend_from_slice(text.as_bytes());
        return;
    }
    // The pieces between the signs of JSON are so short that single bytes are faster.
    page.reserve(text.len());
    for byte in text.bytes() {
        match byte {
            b'&' => page.extend_from_slice(b"&amp;"),
            b'<' => page.extend_from_slice(b"&lt;"),
            b'>' => page.extend_from_slice(b"&gt;"),
            b'"' => page.extend_from_slice(b"&quot;"),
            b'\'' => page.extend_from_slice(b"&#39;"),
            byte => page.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::content::ContentKind;
    use crate::base::id::ContentId;
    use crate::base::spreadsheet::cells;

    #[test]
    fn a_page_shows_texts_as_they_are() {
        let record = json!({ "phone": "+4791234567", "queue": "=1+1", "note": "'quoted' & <b>" });
        let (mut row, mut json) = (Vec::new(), Vec::new());
        super::row(&mut row, &cells(&record, &mut json).unwrap(), false);
        let row = String::from_utf8(row).unwrap();
        assert!(row.contains("<td>+4791234567") && row.contains("<td>=1+1"), "{row}");
        assert!(row.contains("<td>&#39;quoted&#39; &amp; &lt;b&gt;"), "{row}");
    }

    #[test]
    fn a_page_names_the_recordings_that_are_left_out() {
        let (id, started_at) = (ContentId::new(), DateTime::UNIX_EPOCH);
        let one = |why| NotIncluded { id, kind: ContentKind::Recording, size: 40, started_at, why };
        let page = Page::new(Language::En);
        assert_eq!(page.omissions(&[]), "");
        let list = page.omissions(&[one(OmissionReason::Encrypted), one(OmissionReason::NotAsked)]);
        assert_eq!(list.matches(&format!("<li>1970-01-01 00:00:00Z recording ({id}, 40 B).")).count(), 2, "{list}");
        assert!(list.contains(page.words.encrypted) && list.contains(page.words.not_asked), "{list}");
    }
}
