//! The network between the program and PostgreSQL, which a story slows down, breaks, and silences.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Bytes are passed on at once.
    Fine,
    /// Each piece arrives later by this time.
    Slow(Duration),
    /// No byte arrives, and no connection ends. The bytes arrive later, as those of a lost packet do.
    Silent,
    /// New connections are closed at once.
    Refusing,
}

/// The network's condition, and a number that grows with each cut.
type State = (Network, u64);

/// A proxy in front of the database of a URL. It ends with the story's runtime.
pub struct Link {
    url: String,
    state: watch::Sender<State>,
    open: Arc<AtomicUsize>,
}

impl Link {
    pub async fn to(url: &str) -> Self {
        let (address, folder) = url.split_once("?host=").unwrap();
        let socket = format!("{folder}/.s.PGSQL.5432");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, seen) = watch::channel((Network::Fine, 0));
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (socket, mut seen, counted) = (socket.clone(), seen.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let cuts = seen.borrow_and_update().1;
                    let is_cut = async |state: &mut watch::Receiver<State>| {
                        drop(state.wait_for(|(_, now)| *now > cuts).await);
                    };
                    let mut cut = seen.clone();
                    tokio::select! {
                        _ = connect(client, &socket, seen) => {}
                        () = is_cut(&mut cut) => {}
                    }
                    counted.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { url: address.replace("@localhost/", &format!("@127.0.0.1:{port}/")), state, open }
    }

    /// The address of the database over this network.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The condition from now on, also for the connections that are open.
    pub fn becomes(&self, network: Network) {
        self.state.send_modify(|state| state.0 = network);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.1 += 1);
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

async fn connect(client: TcpStream, socket: &str, mut state: watch::Receiver<State>) -> io::Result<()> {
    if arrives(&mut state).await == Network::Refusing {
        return Ok(());
    }
    let server = UnixStream::connect(socket).await?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // A connection has ended as soon as one side has ended it.
    tokio::select! {
        ended = carry(from_client, to_server, state.clone()) => ended,
        ended = carry(from_server, to_client, state) => ended,
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut bytes).await?;
        if let Network::Slow(time) = arrives(&mut state).await {
            tokio::time::sleep(time).await;
        }
        if read == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Waits until the network is not silent, and returns its condition.
async fn arrives(state: &mut watch::Receiver<State>) -> Network {
    state.wait_for(|(network, _)| *network != Network::Silent).await.map_or(Network::Refusing, |state| state.0)
}
