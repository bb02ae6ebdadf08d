//! Bodies in both directions, as the connection needs them.
//!
//! A request's body must arrive at a minimum speed. If the body has not arrived completely when the call ends, it is
//! kept until the response is written. Then actix closes the connection. If the body were dropped, actix would read for
//! as long as the peer sends.

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
use crate::base::memory::MemoryShare;
use crate::config::HttpConfig;

/// The largest piece of a response that is given to the connection, which copies it.
const PIECE: usize = 32 << 10;

/// A request's body, shared by the handler that reads it and the response.
#[derive(Clone)]
pub(super) struct RequestBody(Rc<RefCell<Arriving>>);

struct Arriving {
    payload: Payload,
    patience: Duration,
    /// The time by which the whole body must have arrived.
    deadline: Instant,
    /// The time for which the handler has waited for the peer in the current period.
    waited: Duration,
    /// The time at which the handler began to wait.
    since: Option<Instant>,
    /// The number of bytes that arrived in this period.
    arrived: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// Replaces the body of a request by itself.
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

impl Stream for RequestBody {
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

    /// Whether a period of waiting has passed in which too few bytes arrived.
    fn is_too_slow(&mut self) -> bool {
        if self.waited < self.patience {
            return false;
        }
        let too_slow = self.arrived < SLOWEST * self.patience.as_secs();
        (self.waited, self.arrived) = (Duration::ZERO, 0);
        too_slow
    }
}

/// The body of a response, in pieces, with a value that lives as long as the body.
pub(super) struct ResponseBody {
    body: BoxBody,
    piece: Bytes,
    _kept: ResponseValues,
}

/// The values that a response keeps until it is written: the request's body, its share of memory, and its call.
pub(super) type ResponseValues = (Option<RequestBody>, Option<MemoryShare>, Option<CallOnConnection>);

impl ResponseBody {
    pub(super) const fn new(body: BoxBody, kept: ResponseValues) -> Self {
        Self { body, piece: Bytes::new(), _kept: kept }
    }
}

impl MessageBody for ResponseBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        // An empty piece would end a chunked response.
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
