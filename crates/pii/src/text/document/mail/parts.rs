//! A message as RFC 5322 and MIME write it: a header, an empty line, and a body, which may have parts.

use super::super::DocumentError;

/// The most parts of a message. A part of a few bytes is written with a header, so many of them would take far more
/// memory than the message.
pub(super) const MOST_PARTS: usize = 1_000;

pub(super) const TOO_MANY: &str = "must have at most 1000 parts";

/// The deepest part of a part.
pub(super) const DEEPEST: usize = 16;

/// A message or a part of one.
#[derive(Clone, Copy)]
pub(super) struct MailPart<'t> {
    pub header: &'t str,
    body: &'t str,
    pub depth: usize,
}

/// A field of a header. Its value may go over several lines.
#[derive(Clone, Copy)]
pub(super) struct Field<'t> {
    pub name: &'t str,
    pub value: &'t str,
}

impl<'t> MailPart<'t> {
    pub(super) fn of(text: &'t str, depth: usize) -> Self {
        // A part without a header begins with the empty line.
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if line.trim_end_matches(['\r', '\n']).is_empty() {
                return Self { header: &text[..at], body: &text[at + line.len()..], depth };
            }
            at += line.len();
        }
        Self { header: text, body: "", depth }
    }

    pub(super) const fn body(&self) -> &'t str {
        self.body
    }

    /// The fields of the header, or the line that is none.
    pub(super) fn fields(&self) -> impl Iterator<Item = Result<Field<'t>, DocumentError>> + use<'t> {
        let header = self.header;
        let (mut at, mut line) = (0, 0);
        std::iter::from_fn(move || {
            let rest = header.get(at..).filter(|rest| !rest.is_empty())?;
            let number = line + 1;
            let mut end = 0;
            for (no, text) in rest.split_inclusive('\n').enumerate() {
                if no > 0 && !text.starts_with([' ', '\t']) {
                    break;
                }
                end += text.len();
                line += 1;
            }
            at += end;
            let rule = "must be a field of a header, such as Subject: Hello, or the empty line behind the header";
            let field = rest[..end].split_once(':').filter(|(name, _)| is_name(name.trim_end()));
            Some(match field {
                Some((name, value)) => Ok(Field { name: name.trim_end(), value: value.trim() }),
                None => Err(DocumentError::Line { line: number, rule }),
            })
        })
    }

    /// The value of a field, without the white space that folds it.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut fields = self.fields().filter_map(Result::ok);
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(unfolded(field.value))
    }

    /// The media type in lower case. A part that says none is plain text.
    pub(super) fn kind(&self) -> String {
        let stated = self.get("content-type").unwrap_or_default();
        let kind = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.contains('/') { kind } else { "text/plain".to_owned() }
    }

    /// A parameter of the media type, such as the charset.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let stated = self.get("content-type")?;
        let mut rest = stated.split_once(';')?.1;
        loop {
            let (key, value) = rest.split_once('=')?;
            let value = value.trim_start();
            let (value, behind) = match value.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => value.split_at(value.find(';').unwrap_or(value.len())),
            };
            if key.trim().trim_start_matches(';').trim().eq_ignore_ascii_case(name) {
                return Some(value.trim().to_owned());
            }
            rest = behind;
        }
    }

    /// The parts of a part.
    pub(super) fn parts(&self) -> Result<Vec<Self>, DocumentError> {
        let refuse = |rule| Err(DocumentError::Rule { pointer: String::new(), rule });
        if self.depth >= DEEPEST {
            return refuse("must have parts at most 16 deep");
        }
        if self.kind() == "message/rfc822" {
            return Ok(vec![Self::of(self.body, self.depth + 1)]);
        }
        let Some(boundary) = self.parameter("boundary").filter(|boundary| !boundary.is_empty()) else {
            return refuse("must name the boundary between its parts");
        };
        let (mut parts, mut begun, mut at) = (Vec::new(), None, 0);
        for line in self.body.split_inclusive('\n') {
            let mark = line.trim_end().strip_prefix("--").and_then(|mark| mark.strip_prefix(boundary.as_str()));
            if let Some(mark) = mark.filter(|mark| mark.is_empty() || *mark == "--") {
                if parts.len() > MOST_PARTS {
                    return refuse(TOO_MANY);
                }
                parts.extend(begun.map(|begun| without_end(&self.body[begun..at])));
                begun = mark.is_empty().then_some(at + line.len());
            }
            at += line.len();
        }
        // A message that was cut off has a last part, too.
        parts.extend(begun.map(|begun| &self.body[begun..]));
        if parts.is_empty() {
            return refuse("must have the parts that its header announces");
        }
        Ok(parts.into_iter().map(|part| Self::of(part, self.depth + 1)).collect())
    }
}

/// A value in one line.
pub(super) fn unfolded(value: &str) -> String {
    value.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A part without the line's end that belongs to the boundary behind it.
fn without_end(part: &str) -> &str {
    let part = part.strip_suffix('\n').unwrap_or(part);
    part.strip_suffix('\r').unwrap_or(part)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 76 && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}
