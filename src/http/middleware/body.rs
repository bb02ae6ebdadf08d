//! Bodies, in both directions, as the connection needs them.
//!
//! A request's body has to arrive at a least speed. One that has not arrived in full when the call is answered is kept
//! until the answer is written: then actix closes the connection. Were it dropped, actix would read on for as long as the
//! peer sends.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::super::connections::{CallOnConnection, SLOWEST};
use crate::config::HttpConfig;

/// The largest piece of an answer that is handed to the connection, which copies it.
const PIECE: usize = 32 << 10;

/// A request's body, shared by the handler that reads it and the answer.
#[derive(Clone)]
pub(super) struct Incoming(Rc<RefCell<Arriving>>);

struct Arriving {
    payload: Payload,
    patience: Duration,
    /// When the whole body has to be there.
    deadline: Instant,
    /// How long the handler has been waiting for the peer, in the stretch of time that is looked at.
    waited: Duration,
    /// Since when the handler is waiting.
    since: Option<Instant>,
    /// The bytes that came in this stretch.
    arrived: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Incoming {
    /// Puts itself in the place of a request's body.
    pub(super) fn around(request: &mut ServiceRequest, http: &HttpConfig) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let incoming = Self(Rc::new(RefCell::new(Arriving {
            payload,
            patience: http.timeout(),
            deadline: Instant::now() + http.stream_time(),
            waited: Duration::ZERO,
            since: None,
            arrived: 0,
            timer: None,
        })));
        request.set_payload(Payload::Stream { payload: Box::pin(incoming.clone()) });
        Some(incoming)
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(context)
    }
}

impl Arriving {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let next = Pin::new(&mut self.payload).poll_next(context);
        let now = Instant::now();
        if let Some(since) = self.since.take() {
            self.waited += now - since;
        }
        let too_slow = self.is_too_slow() || now >= self.deadline;
        match next {
            Poll::Ready(Some(Ok(_))) | Poll::Pending if too_slow => {
                Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
            Poll::Ready(next) => {
                if let Some(Ok(bytes)) = &next {
                    self.arrived += bytes.len() as u64;
                }
                Poll::Ready(next)
            }
            Poll::Pending => {
                self.since = Some(now);
                let until = self.deadline.min(now + self.patience.saturating_sub(self.waited));
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
                timer.as_mut().reset(until);
                if timer.as_mut().poll(context).is_ready() {
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    /// Whether a stretch of waiting has passed in which too little came.
    fn is_too_slow(&mut self) -> bool {
        if self.waited < self.patience {
            return false;
        }
        let too_slow = self.arrived < SLOWEST * self.patience.as_secs();
        (self.waited, self.arrived) = (Duration::ZERO, 0);
        too_slow
    }
}

/// An answer's body, in pieces, with what lives as long as it does.
pub(super) struct Outgoing {
    body: BoxBody,
    piece: Bytes,
    _incoming: Option<Incoming>,
    _call: Option<CallOnConnection>,
}

impl Outgoing {
    pub(super) fn new(body: BoxBody, incoming: Option<Incoming>, call: Option<CallOnConnection>) -> Self {
        Self { body, piece: Bytes::new(), _incoming: incoming, _call: call }
    }
}

impl MessageBody for Outgoing {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        // An empty piece would be the end of a chunked answer.
        while self.piece.is_empty() {
            match Pin::new(&mut self.body).poll_next(context) {
                Poll::Ready(Some(Ok(bytes))) => self.piece = bytes,
                other => return other,
            }
        }
        let length = self.piece.len().min(PIECE);
        Poll::Ready(Some(Ok(self.piece.split_to(length))))
    }
}
