//! The open connections: their number, the phase of each, and the time for which each peer has made the service wait.
//!
//! actix has a limit for the first request head and for idle connections. It has none for later heads, or for a peer
//! that does not read its response. Both limits are set here, around the stream. Bodies have their own rule:
//! [`super::middleware`].

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// The longest time from the first byte of a request head to its last.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// The fewest bytes a second that a peer must send of a body, or read of a response.
pub const SLOWEST: u64 = 1024;

#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<Vec<Weak<OpenConnection>>>,
    closing: AtomicBool,
}

impl Connections {
    pub fn open(self: &Arc<Self>) -> Arc<OpenConnection> {
        let state =
            Activity { phase: Phase::Idle, since: Instant::now(), ended: false, stalled: None, holds_memory: false };
        let connection =
            Arc::new(OpenConnection { all: Arc::clone(self), state: Mutex::new(state), reader: AtomicWaker::new() });
        let mut open = lock(&self.open);
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&connection));
        connection
    }

    /// From now on, every response announces the end of its connection.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Ends the connection that has been without a call for the longest time, if that is at least this long.
    pub fn end_longest_waiting(&self, at_least: Duration) {
        let waiting = self.all().into_iter().filter_map(|connection| {
            let state = lock(&connection.state);
            let waits = state.phase != Phase::Call && !state.ended && state.since.elapsed() >= at_least;
            let since = state.since;
            drop(state);
            waits.then_some((since, connection))
        });
        if let Some((_, connection)) = waiting.min_by_key(|(since, _)| *since) {
            connection.end();
        }
    }

    /// Ends the connection whose peer has not read its response for the longest time. The time must be at least
    /// `at_least`, and the response must use memory that other calls wait for.
    pub fn end_slowest_reader(&self, at_least: Duration) {
        let slow = self.all().into_iter().filter_map(|connection| {
            let state = lock(&connection.state);
            let since = state.stalled.filter(|since| since.elapsed() >= at_least && state.holds_memory && !state.ended);
            drop(state);
            since.map(|since| (since, connection))
        });
        if let Some((_, connection)) = slow.min_by_key(|(since, _)| *since) {
            connection.end();
        }
    }

    /// Ends all connections that have been idle for this long.
    pub fn end_idle(&self, idle: Duration) {
        for connection in self.all() {
            let state = lock(&connection.state);
            let ends = state.phase == Phase::Idle && state.since.elapsed() >= idle;
            drop(state);
            if ends {
                connection.end();
            }
        }
    }

    fn all(&self) -> Vec<Arc<OpenConnection>> {
        lock(&self.open).iter().filter_map(Weak::upgrade).collect()
    }
}

/// One connection, shared by its stream and the calls on it.
#[derive(Debug)]
pub struct OpenConnection {
    all: Arc<Connections>,
    state: Mutex<Activity>,
    reader: AtomicWaker,
}

#[derive(Debug)]
struct Activity {
    phase: Phase,
    since: Instant,
    /// Whether the stream reads as ended as soon as no more bytes have arrived, and as broken when it is written.
    ended: bool,
    /// The time since which the peer has read nothing of a response.
    stalled: Option<Instant>,
    /// Whether the response has a share of memory.
    holds_memory: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No byte of the next request has arrived.
    Idle,
    /// A part of a request head has arrived.
    Head,
    /// The phase from the end of a request head to the end of its response.
    Call,
}

impl OpenConnection {
    /// Notes that a call begins. It lasts until the returned value is dropped.
    #[must_use]
    pub fn begin_call(self: &Arc<Self>) -> CallOnConnection {
        self.enter(Phase::Call);
        CallOnConnection(Arc::clone(self))
    }

    /// Whether the service is being stopped.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.all.closing.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: Phase) {
        let mut state = lock(&self.state);
        (state.phase, state.since, state.holds_memory) = (phase, Instant::now(), false);
    }

    /// A connection that has just been read from is in use, whatever was decided before.
    fn read(&self) {
        let mut state = lock(&self.state);
        state.ended = false;
        if state.phase == Phase::Idle {
            (state.phase, state.since) = (Phase::Head, Instant::now());
        }
    }

    /// Notes whether the peer could be written to. Returns whether the connection is to end instead of waiting.
    fn wrote(&self, anything: bool) -> bool {
        let mut state = lock(&self.state);
        state.stalled = if anything { None } else { state.stalled.or_else(|| Some(Instant::now())) };
        state.ended && !anything
    }

    fn end(&self) {
        lock(&self.state).ended = true;
        self.reader.wake();
    }
}

/// A running call on a connection.
#[derive(Debug)]
pub struct CallOnConnection(Arc<OpenConnection>);

impl CallOnConnection {
    /// Notes that the response of the call has a share of memory.
    pub fn holds_memory(&self) {
        lock(&self.0.state).holds_memory = true;
    }
}

impl Drop for CallOnConnection {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream that ends if its peer takes too long to send a request head or to read a response.
#[derive(Debug)]
pub struct Timed<S> {
    stream: S,
    connection: Arc<OpenConnection>,
    head: Option<Pin<Box<Sleep>>>,
    write: Option<Stalled>,
    patience: Duration,
}

/// A response that the peer has not read completely.
#[derive(Debug)]
struct Stalled {
    until: Pin<Box<Sleep>>,
    written: u64,
}

impl<S> Timed<S> {
    /// Wraps a stream. Within each `patience`, the peer must read [`SLOWEST`] bytes a second, or all bytes that there
    /// are.
    pub const fn new(stream: S, connection: Arc<OpenConnection>, patience: Duration) -> Self {
        Self { stream, connection, head: None, write: None, patience }
    }

    /// The connection, for the calls on it.
    pub const fn connection(&self) -> &Arc<OpenConnection> {
        &self.connection
    }

    /// Whether the stream has ended. It is checked when no bytes can be read.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.connection.reader.register(context.waker());
        let state = lock(&self.connection.state);
        let (ended, head) = (state.ended, (state.phase == Phase::Head).then_some(state.since + HEAD_TIME));
        drop(state);
        if ended {
            return Poll::Ready(());
        }
        let Some(deadline) = head else {
            self.head = None;
            return Poll::Pending;
        };
        let timer = self.head.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context)
    }

    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let stalled = self.write.get_or_insert_with(|| Stalled { until: Box::pin(sleep(self.patience)), written: 0 });
        while stalled.until.as_mut().poll(context).is_ready() {
            if stalled.written < SLOWEST * self.patience.as_secs().max(1) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            stalled.written = 0;
            stalled.until.as_mut().reset(Instant::now() + self.patience);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                if buffer.filled().len() > before {
                    self.connection.read();
                }
                Poll::Ready(read)
            }
            // A read of zero bytes is the end of the stream.
            Poll::Pending => self.poll_end(context).map(Ok),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if self.connection.wrote(written.is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        match written {
            Poll::Ready(Ok(written)) if written == bytes.len() => {
                self.write = None;
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Ok(written)) => {
                if let Some(stalled) = &mut self.write {
                    stalled.written += written as u64;
                }
                Poll::Ready(Ok(written))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.poll_stalled(context).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
