//! The syntax of `WebVTT`: lines, times, and named characters.

use crate::references::named;

#[derive(Clone, Copy)]
pub(super) struct VttLine<'t> {
    pub text: &'t str,
    pub number: usize,
    pub to: usize,
}

/// The source of a cue's text. A named character that this service does not know is kept.
pub(super) fn escape_read(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        escaped.push_str(&escape(&rest[..at]));
        let name = rest[at + 1..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        let is_sign = name > 1 && rest[at + 1 + name..].starts_with(';') && named(&rest[at..]).is_none();
        escaped.push_str(if is_sign { "&" } else { "&amp;" });
        rest = &rest[at + 1..];
    }
    escaped.push_str(&escape(rest));
    escaped
}

/// A text in the form of a cue.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Where the settings begin behind two times.
pub(super) fn times(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start().len();
    let first = start + time(&line[start..])?;
    let behind = line[first..].trim_start().strip_prefix("-->")?.trim_start();
    let second = line.len() - behind.len();
    let length = time(behind)?;
    let (from, to) = (millis(&line[start..first])?, millis(&behind[..length])?);
    let is_end = behind[length..].is_empty() || behind[length..].starts_with([' ', '\t']);
    (is_end && from <= to).then_some(second + length)
}

/// How many bytes of a text are a time: `01:02:03.456` or `02:03.456`.
pub(super) fn time(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.')).count();
    millis(&text[..length]).map(|_| length)
}

fn millis(time: &str) -> Option<u64> {
    let (clock, fraction) = time.split_once('.')?;
    let mut fields = clock.rsplit(':');
    let two = |field: &str| (field.len() == 2).then(|| field.parse::<u64>().ok()).flatten().filter(|value| *value < 60);
    let (seconds, minutes) = (two(fields.next()?)?, two(fields.next()?)?);
    let hours = match fields.next() {
        None => 0,
        Some(hours) => Some(hours).filter(|hours| (2..=5).contains(&hours.len()))?.parse::<u64>().ok()?,
    };
    let is_whole = fields.next().is_none() && fraction.len() == 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + fraction.parse::<u64>().ok()?)
}

/// The lines of a file, or of a part of it, whatever ends them.
#[derive(Clone)]
pub(super) struct VttLines<'t> {
    file: &'t str,
    from: usize,
    to: usize,
    number: usize,
}

impl<'t> VttLines<'t> {
    pub(super) const fn of(file: &'t str) -> Self {
        Self { file, from: 0, to: file.len(), number: 0 }
    }

    /// Takes the lines before the next empty one.
    pub(super) fn block(&mut self) -> Self {
        let mut block = self.clone();
        block.to = block.from;
        let mut ahead = self.clone();
        while let Some(line) = ahead.next().filter(|line| !line.text.is_empty()) {
            block.to = line.to;
            *self = ahead.clone();
        }
        block
    }

    /// The text of the lines, without the end of the last one.
    pub(super) fn text(&self) -> &'t str {
        let text = &self.file[self.from..self.to];
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        text.strip_suffix('\r').filter(|_| !self.file[..self.to].ends_with('\n')).unwrap_or(text)
    }
}

impl<'t> Iterator for VttLines<'t> {
    type Item = VttLine<'t>;

    fn next(&mut self) -> Option<VttLine<'t>> {
        let rest = self.file.get(self.from..self.to).filter(|rest| !rest.is_empty())?;
        let at = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let end = if rest[at..].starts_with("\r\n") { 2 } else { usize::from(at < rest.len()) };
        self.number += 1;
        self.from += at + end;
        Some(VttLine { text: &rest[..at], number: self.number, to: self.from })
    }
}
