//! The listener of the API. It accepts connections, distributes them to the workers, and closes without losing a call.
//!
//! It replaces `actix_web::HttpServer`, which has three defects. It has no limit for a peer that does not read. It lets
//! idle or slow peers block all connections. It drops waiting connections when it stops.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_http::{HttpService, Request, Response};
use actix_service::{IntoServiceFactory, Service as _, ServiceFactory, ServiceFactoryExt as _, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::HttpConfig;
use crate::http::connections::{Connections, HEAD_TIME, OpenConnection, Timed};

/// The number of connections that the system keeps ready to be accepted.
const BACKLOG: u32 = 1024;
/// The number of bytes of a response that the system takes at once. With more, a slow reader would seem to read nothing
/// for too long.
const SEND_BUFFER: u32 = 128 << 10;
/// The time for which an idle connection is kept. It is longer than the time of proxies, so the proxies close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The time for which the service reads on after a response that was sent before the request's body had arrived. The
/// peer sees the response only then.
const LINGER: Duration = Duration::from_secs(2);
/// The pause between two checks of connections that should end, and after an error of the system.
const PAUSE: Duration = Duration::from_millis(50);
/// The time without a call after which a connection may be ended for another one or by the stop. Before that, a request
/// may be on its way.
const LAST_CALL: Duration = Duration::from_secs(1);

/// The listener of the API before it serves.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    connections: Arc<Connections>,
    room: Arc<Semaphore>,
    most: usize,
    workers: Vec<Worker>,
    next: usize,
    /// A connection for which there is no room yet.
    accepted: Option<(TcpStream, SocketAddr)>,
}

/// A thread with a copy of the app.
struct Worker {
    accepted: UnboundedSender<Accepted>,
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    connection: Arc<OpenConnection>,
    slot: ConnectionSlot,
}

/// The right to one of the limited number of connections. Dropping it makes room for another connection.
struct ConnectionSlot {
    load: Arc<AtomicUsize>,
    _room: OwnedSemaphorePermit,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener {
    /// Binds the address. Connections wait until [`Listener::serve`].
    pub fn bind(config: &HttpConfig) -> io::Result<Self> {
        let socket = if config.listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit this option.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(config.listen)?;
        let socket = socket.listen(BACKLOG)?;
        let address = socket.local_addr()?;
        let room = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
        let most = room.available_permits();
        Ok(Self {
            socket,
            address,
            connections: Arc::default(),
            room,
            most,
            workers: Vec::new(),
            next: 0,
            accepted: None,
        })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// All connections, for the code that stops the service.
    pub fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// Starts the workers, each with an app of its own.
    pub fn start<F, I, S, B>(mut self, config: &HttpConfig, app: F) -> io::Result<Self>
    where
        F: Fn() -> I + Clone + Send + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<actix_web::Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        B: MessageBody + 'static,
    {
        let patience = config.timeout();
        for number in 0..config.worker_count() {
            let (accepted, arriving) = unbounded_channel();
            let app = app.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new().name(format!("http-{number}"));
            let thread = thread
                .spawn(move || LocalSet::new().block_on(&runtime, work(app().into_factory(), arriving, patience)))?;
            self.workers.push(Worker { accepted, load: Arc::default(), thread });
        }
        Ok(self)
    }

    /// Serves until `end`. Then it closes, and gives running calls this much time to end.
    pub async fn serve(mut self, end: impl Future<Output = ()>, shutdown: Duration) {
        {
            let mut end = std::pin::pin!(end);
            loop {
                tokio::select! {
                    () = &mut end => break,
                    () = self.accept() => {}
                }
            }
        }
        self.close(shutdown).await;
    }

    /// Accepts one connection. If this future is dropped, the connection waits for the next call.
    async fn accept(&mut self) {
        if self.accepted.is_none() {
            match self.socket.accept().await {
                Ok(accepted) => self.accepted = Some(accepted),
                // The system may have no more files, so a waiting connection gives up its own.
                Err(error) => {
                    tracing::warn!(%error, "Accepting a connection failed, retrying");
                    self.connections.end_longest_waiting(LAST_CALL);
                    sleep(PAUSE).await;
                    return;
                }
            }
        }
        let room = self.room().await;
        if let Some((stream, peer)) = self.accepted.take() {
            self.hand_on(stream, peer, room);
        }
    }

    /// Gets room for one more connection. If there is none, the connection that has waited longest for its peer is
    /// closed.
    async fn room(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
                return room;
            }
            self.connections.end_longest_waiting(LAST_CALL);
            if let Ok(Ok(room)) = timeout(PAUSE, Arc::clone(&self.room).acquire_owned()).await {
                return room;
            }
        }
    }

    /// Gives a connection to the worker with the fewest connections.
    fn hand_on(&mut self, stream: TcpStream, peer: SocketAddr, room: OwnedSemaphorePermit) {
        self.next = self.next.wrapping_add(1);
        let count = self.workers.len().max(1);
        let of = |at: &usize| self.workers.get(at % count).map(|worker| worker.load.load(Ordering::Relaxed));
        let Some(worker) = (self.next..self.next + count).min_by_key(of).and_then(|at| self.workers.get(at % count))
        else {
            return;
        };
        // A connection that has ended in the meantime has no options to set.
        let _ = stream.set_nodelay(true);
        let Ok(stream) = stream.into_std() else { return };
        worker.load.fetch_add(1, Ordering::Relaxed);
        let slot = ConnectionSlot { load: Arc::clone(&worker.load), _room: room };
        let connection = self.connections.open();
        if worker.accepted.send(Accepted { stream, peer, connection, slot }).is_err() {
            tracing::error!("A worker thread ended");
        }
    }

    /// Accepts the waiting connections, closes, and waits for the calls.
    async fn close(mut self, shutdown: Duration) {
        let deadline = Instant::now() + shutdown;
        // The system call is made directly, because the runtime may not know yet of a waiting connection.
        let waiting = self.socket.as_fd().try_clone_to_owned().map(std::net::TcpListener::from).ok();
        while let Some((stream, peer)) = self.accepted.take().or_else(|| accept_now(waiting.as_ref()?)) {
            let Ok(room) = timeout_at(deadline, self.room()).await else { break };
            self.hand_on(stream, peer, room);
        }
        let Self { socket, connections, room, most, workers, .. } = self;
        drop((waiting, socket));
        while room.available_permits() < most && Instant::now() < deadline {
            connections.end_idle(LAST_CALL);
            sleep(PAUSE).await;
        }
        let threads: Vec<_> = workers.into_iter().map(|worker| worker.thread).collect();
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        let _ = joined.await;
    }
}

/// A connection that waits, if there is one.
fn accept_now(listener: &std::net::TcpListener) -> Option<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().ok()?;
    stream.set_nonblocking(true).ok()?;
    Some((TcpStream::from_std(stream).ok()?, peer))
}

/// Serves the connections that arrive until the channel is closed.
async fn work<S, B>(app: S, mut arriving: UnboundedReceiver<Accepted>, patience: Duration)
where
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    let app = app.map_err(|error| error.into().error_response());
    let app = map_config(app, |()| AppConfig::default());
    let http = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIME)
        .client_disconnect_timeout(LINGER)
        .on_connect_ext(|stream: &Timed<TcpStream>, data| {
            data.insert(Arc::clone(stream.connection()));
        })
        .h1(app);
    let Ok(http) = http.new_service(()).await else {
        tracing::error!("The start of a worker thread failed");
        return;
    };
    while let Some(Accepted { stream, peer, connection, slot }) = arriving.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        // The app is always ready.
        let dispatcher = http.call((Timed::new(stream, connection, patience), Some(peer)));
        tokio::task::spawn_local(async move {
            // The error is an error of the peer.
            let _ = dispatcher.await;
            drop(slot);
        });
    }
}
