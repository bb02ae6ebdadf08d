//! Reads records one after the other: lines of NDJSON as they arrive, or the items of a JSON array.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::HttpContext;
use super::json::{broken_off, media_type, memory, whole};
use super::problem::{Code, Problem};
use crate::base::json::{BodyError, not_json, parse_value, without_mark};
use crate::base::memory::{FREE, GrowingShare};
use crate::config::HttpConfig;

pub const NDJSON: &str = "application/x-ndjson";
/// Another name of the same, which some tools use.
pub const JSONL: &str = "application/jsonl";

/// Whether a `Content-Type` names a stream of lines.
pub fn is_stream(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    [NDJSON, JSONL].iter().any(|stream| essence.eq_ignore_ascii_case(stream))
}

/// The most items of an array.
const MOST_ITEMS: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyLine {
    /// The line, or the position in the array, from 1.
    pub number: u64,
    /// The text for [`crate::base::json::parse`]. It is `None` if the line is longer than a body may be.
    pub text: Option<Bytes>,
}

/// The records of a body, from [`Lines::next`]. The memory in use is one line.
pub struct Lines(RecordSource);

enum RecordSource {
    Items(std::iter::Enumerate<std::vec::IntoIter<Box<RawValue>>>),
    LineStream(Box<LineStream>),
}

struct LineStream {
    payload: Payload,
    splitter: Splitter,
    /// The memory of a long line that has not arrived completely.
    share: GrowingShare,
    ended: bool,
}

impl Lines {
    /// The next record that is not blank. Returns `None` after the last. An error ends the stream, and earlier records
    /// stay.
    pub async fn next(&mut self) -> Option<Result<BodyLine, Problem>> {
        let stream = match &mut self.0 {
            RecordSource::Items(items) => {
                let (at, item) = items.next()?;
                let text = Bytes::copy_from_slice(item.get().as_bytes());
                return Some(Ok(BodyLine { number: at as u64 + 1, text: Some(text) }));
            }
            RecordSource::LineStream(stream) => stream,
        };
        loop {
            if let Some(line) = stream.splitter.next() {
                if stream.splitter.waiting.len() <= FREE {
                    stream.share.shrink();
                }
                return Some(Ok(line));
            }
            if stream.ended {
                return stream.splitter.last().map(Ok);
            }
            match stream.payload.next().await {
                Some(Ok(chunk)) => {
                    let size = stream.splitter.waiting.len() + chunk.len();
                    // Only what is there is drawn: the records of this stream draw from the same pool.
                    if let Err(error) = stream.share.grow(size, size).await {
                        return Some(Err(stream.end(error.into())));
                    }
                    stream.splitter.push(&chunk);
                }
                None => stream.ended = true,
                Some(Err(error)) => return Some(Err(stream.end(broken_off(error)))),
            }
        }
    }
}

impl Lines {
    /// Whether the whole body is in memory and has its share.
    #[must_use]
    pub const fn are_whole(&self) -> bool {
        matches!(self.0, RecordSource::Items(_))
    }
}

impl LineStream {
    /// Ends the stream before its end.
    fn end(&mut self, problem: Problem) -> Problem {
        self.ended = true;
        self.splitter.waiting.clear();
        problem
    }
}

impl FromRequest for Lines {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            match media_type(&request)?.as_str() {
                NDJSON | JSONL => {
                    let context = request.app_data::<Data<HttpContext>>();
                    let longest =
                        context.map_or_else(|| HttpConfig::default().body_limit, |context| context.http.body_limit);
                    let (splitter, share) = (Splitter::new(longest), GrowingShare::new(memory(&request)));
                    let stream = LineStream { payload, splitter, share, ended: false };
                    Ok(Self(RecordSource::LineStream(Box::new(stream))))
                }
                "application/json" => {
                    items(&whole(&request, payload).await?).map(|items| Self(RecordSource::Items(items)))
                }
                _ => Err(Problem::new(Code::MediaTypeUnsupported)
                    .detail(format!("Send application/json, {NDJSON}, or {JSONL}."))),
            }
        })
    }
}

fn items(text: &[u8]) -> Result<std::iter::Enumerate<std::vec::IntoIter<Box<RawValue>>>, Problem> {
    // The strings of the items are checked one by one, so that one invalid record does not refuse the others.
    let items: Vec<Box<RawValue>> =
        serde_json::from_slice(without_mark(text)).map_err(|error| match error.classify() {
            // The reader stops at the first byte of a value that is no array.
            Category::Data => match parse_value(text) {
                Err(BodyError::Misshaped(_)) | Ok(_) => {
                    Problem::new(Code::ValidationFailed).at("", "type", "must be an array")
                }
                Err(error) => error.into(),
            },
            _ => not_json(&error).into(),
        })?;
    if items.len() > MOST_ITEMS {
        return Err(Problem::new(Code::ValidationFailed).at("", "too_many", "must have at most 1000 records"));
    }
    Ok(items.into_iter().enumerate())
}

struct Splitter {
    waiting: BytesMut,
    /// The length of the part of `waiting` that contains no end of line.
    searched: usize,
    /// Whether the current line is already too long, and only its end is searched.
    skipping: bool,
    number: u64,
    longest: usize,
}

impl Splitter {
    fn new(longest: usize) -> Self {
        Self { waiting: BytesMut::new(), searched: 0, skipping: false, number: 0, longest }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.waiting.extend_from_slice(chunk);
    }

    /// The next complete line that is not blank.
    fn next(&mut self) -> Option<BodyLine> {
        loop {
            let Some(end) = self.waiting[self.searched..].iter().position(|byte| *byte == b'\n') else {
                if self.waiting.len() > self.longest {
                    self.skipping = true;
                    self.waiting.clear();
                }
                self.searched = self.waiting.len();
                return None;
            };
            let mut line = self.waiting.split_to(self.searched + end + 1);
            line.truncate(line.len() - 1);
            self.searched = 0;
            if let Some(line) = self.take(line) {
                return Some(line);
            }
        }
    }

    /// The text after the last end of line.
    fn last(&mut self) -> Option<BodyLine> {
        if self.waiting.is_empty() && !self.skipping {
            return None;
        }
        let line = self.waiting.split();
        self.searched = 0;
        self.take(line)
    }

    fn take(&mut self, line: BytesMut) -> Option<BodyLine> {
        self.number += 1;
        let number = self.number;
        if std::mem::take(&mut self.skipping) || line.len() > self.longest {
            return Some(BodyLine { number, text: None });
        }
        let blank = line.iter().all(u8::is_ascii_whitespace);
        (!blank).then(|| BodyLine { number, text: Some(line.freeze()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]], longest: usize) -> Vec<(u64, Option<String>)> {
        let mut splitter = Splitter::new(longest);
        let mut lines = Vec::new();
        let mut add = |line: BodyLine| {
            lines.push((line.number, line.text.map(|text| String::from_utf8_lossy(&text).into_owned())));
        };
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(line) = splitter.next() {
                add(line);
            }
        }
        splitter.last().into_iter().for_each(&mut add);
        lines
    }

    #[test]
    fn blank_lines_count_but_are_skipped() {
        let lines = split(&[b"{1}\n\n \r\n{2", b"}\n{3}"], 10);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(lines, [(1, text("{1}")), (4, text("{2}")), (5, text("{3}"))]);
    }

    #[test]
    fn a_line_that_is_too_long_loses_only_itself() {
        let lines = split(&[b"ab\nabcdefghij", b"klmnop", b"qrs\ncd\n", b"xxxxxxxxxxxxxxx"], 5);
        assert_eq!(lines, [(1, Some("ab".to_owned())), (2, None), (3, Some("cd".to_owned())), (4, None)]);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_they_arrive(text in "[a\n]{0,60}", cut: prop::sample::Index) {
            let (head, tail) = text.as_bytes().split_at(cut.index(text.len() + 1));
            prop_assert_eq!(split(&[head, tail], 5), split(&[text.as_bytes()], 5));
        }
    }
}
