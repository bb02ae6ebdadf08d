//! Restarts that no client notices: clients keep their connections, servers stop and start, and no call fails.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinHandle;

use crate::harness::{Reply, Store, TestLethe, Wire, each_store, tell};

const CALL: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: lethe\r\n\r\n";

/// Gives the servers of a story the settings of a real installation, which runs on for a while after the signal to
/// stop.
pub async fn in_production(lethe: &mut TestLethe, drain: &str) {
    lethe.stop().await;
    let jwks = lethe.data_folder().join("jwks.json");
    let key = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"1","alg":"ES256",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
    std::fs::write(&jwks, key).unwrap();
    lethe.set("AUTH__ISSUER", "https://idp.example");
    lethe.set("AUTH__AUDIENCE", "lethe");
    lethe.set("AUTH__JWKS_FILE", jwks.to_str().unwrap());
    let master_key = std::fs::read_to_string(lethe.data_folder().join("dev-master.key")).unwrap();
    lethe.set("VAULT__MASTER_KEY", master_key.trim());
    lethe.set("JOURNAL__PLACE", &format!("file://{}", lethe.data_folder().join("journal").display()));
    lethe.set("HTTP__DRAIN", drain);
}

/// One call over a kept connection, as a careful client makes it: it does not use a connection that it knows to be
/// closed.
async fn call(kept: &mut Option<Wire>, address: &str) -> io::Result<Reply> {
    let mut wire = match kept.take() {
        Some(wire) if !wire.is_closed() => wire,
        _ => Wire::connect(address).await?,
    };
    wire.send(CALL).await?;
    let reply = wire.reply().await?;
    if !reply.closes() {
        *kept = Some(wire);
    }
    Ok(reply)
}

each_store!(a_server_that_ends_loses_no_call, |mut lethe: TestLethe| async move {
    in_production(&mut lethe, "2").await;
    lethe.serve().await;
    let address = lethe.address();
    let calls = Arc::new(AtomicU64::new(0));
    let clients: Vec<JoinHandle<io::Result<()>>> = (0..12_u64)
        .map(|client| {
            let (address, calls) = (address.clone(), Arc::clone(&calls));
            tokio::spawn(async move {
                let mut kept = None;
                loop {
                    match call(&mut kept, &address).await {
                        Ok(reply) if reply.status == 200 => calls.fetch_add(1, Ordering::Relaxed),
                        // No server is there any more.
                        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
                        Ok(reply) => return Err(io::Error::other(reply.head)),
                        Err(error) => return Err(error),
                    };
                    tokio::time::sleep(Duration::from_millis(client * 7)).await;
                }
            })
        })
        .collect();
    while calls.load(Ordering::Relaxed) < 200 {
        tokio::task::yield_now().await;
    }
    // A client that is idle.
    let mut idle = Wire::connect(&address).await.unwrap();
    idle.send(CALL).await.unwrap();
    assert!(!idle.reply().await.unwrap().closes());
    lethe.stop().await;
    for client in clients {
        client.await.unwrap().unwrap();
    }
    assert_eq!(idle.rest().await, b"", "an idle connection is closed without a word");
});

each_store!(a_server_that_ends_is_not_ready_and_reports_no_error, |mut lethe: TestLethe| async move {
    in_production(&mut lethe, "2").await;
    lethe.serve().await;
    let address = lethe.address();
    let ready = async || {
        let mut wire = Wire::connect(&address).await?;
        wire.send(b"GET /readyz HTTP/1.1\r\nHost: lethe\r\n\r\n").await?;
        wire.reply().await
    };
    assert_eq!(ready().await.unwrap().status, 200);
    let probes = async {
        let mut seen = Vec::new();
        while let Ok(reply) = ready().await {
            seen.push(reply.status);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        seen
    };
    let (seen, ()) = tokio::join!(probes, lethe.stop());
    assert!(seen.last() == Some(&503), "{seen:?}");
    let journal = lethe.journal().text();
    assert!(journal.contains("\"level\":\"INFO\",\"message\":\"Stopping"), "{journal}");
    assert!(!journal.contains("\"level\":\"ERROR\""), "{journal}");
});

/// The time that bytes need from a client to a server, and back.
const ON_THE_WAY: Duration = Duration::from_millis(20);

/// A stand-in for a service of Kubernetes. Each connection is made to the next server that is ready, and stays there.
struct Proxy {
    servers: Mutex<HashMap<usize, Backend>>,
    next: AtomicUsize,
    ended: AtomicBool,
}

#[derive(Clone)]
struct Backend {
    address: String,
    ready: bool,
}

impl Proxy {
    async fn start(addresses: [String; 2]) -> (Arc<Self>, String) {
        let servers = addresses.into_iter().map(|address| Backend { address, ready: false }).enumerate().collect();
        let proxy = Arc::new(Self { servers: Mutex::new(servers), next: AtomicUsize::new(0), ended: false.into() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let accepting = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepting).pass_on(stream));
            }
        });
        tokio::spawn(Arc::clone(&proxy).look_after());
        (proxy, address)
    }

    /// Asks every server every tenth of a second whether it is ready.
    async fn look_after(self: Arc<Self>) {
        while !self.ended.load(Ordering::Relaxed) {
            let servers: Vec<_> =
                self.servers.lock().unwrap().iter().map(|(at, one)| (*at, one.address.clone())).collect();
            for (at, address) in servers {
                let ready = async {
                    let mut wire = Wire::connect(&address).await?;
                    wire.send(b"GET /readyz HTTP/1.1\r\nHost: lethe\r\n\r\n").await?;
                    wire.reply().await
                };
                let ready = ready.await.is_ok_and(|reply| reply.status == 200);
                let mut servers = self.servers.lock().unwrap();
                let server = servers.get_mut(&at).unwrap();
                if server.address == address {
                    server.ready = ready;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn pass_on(self: Arc<Self>, client: TcpStream) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let ready: Vec<_> = self.servers.lock().unwrap().values().filter(|server| server.ready).cloned().collect();
        let Some(server) = ready.get(next % ready.len().max(1)) else { return };
        let Ok(server) = TcpStream::connect(server.address.trim_start_matches("http://")).await else { return };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::join!(carry(from_client, to_server), carry(from_server, to_client));
    }

    fn replace(&self, at: usize, address: String) {
        self.servers.lock().unwrap().insert(at, Backend { address, ready: false });
    }

    async fn until_ready(&self, at: usize) {
        while !self.servers.lock().unwrap()[&at].ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Forwards bytes, and their end, as if over a network.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (sent, mut arriving) = unbounded_channel();
    let read = async move {
        loop {
            let mut bytes = Vec::with_capacity(16 << 10);
            let ends = !matches!(from.read_buf(&mut bytes).await, Ok(1..));
            let _ = sent.send((Instant::now() + ON_THE_WAY, bytes));
            if ends {
                return;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = arriving.recv().await {
            tokio::time::sleep_until(at.into()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

/// Restarts two servers in turn under a hundred calls a second, each at least twice and for at least this time. Returns
/// the number of calls, the number of restarts, and the failures.
async fn rolling(first: TestLethe, span: Duration) -> (u64, u64, Vec<String>) {
    let mut first = first;
    in_production(&mut first, "1").await;
    let mut second = first.copy().await;
    first.serve().await;
    second.serve().await;
    let (proxy, address) = Proxy::start([first.address(), second.address()]).await;
    proxy.until_ready(0).await;
    proxy.until_ready(1).await;

    let (calls, failures, ended) =
        (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let (address, calls) = (address.clone(), Arc::clone(&calls));
            let (failures, ended) = (Arc::clone(&failures), Arc::clone(&ended));
            tokio::spawn(async move {
                let (mut kept, mut beat) = (None, tokio::time::interval(Duration::from_millis(100)));
                while !ended.load(Ordering::Relaxed) {
                    beat.tick().await;
                    calls.fetch_add(1, Ordering::Relaxed);
                    match call(&mut kept, &address).await {
                        Ok(reply) if reply.status == 200 => {}
                        Ok(reply) => failures.lock().unwrap().push(String::from_utf8_lossy(&reply.body).into_owned()),
                        Err(error) => failures.lock().unwrap().push(error.to_string()),
                    }
                }
            })
        })
        .collect();
    let (begun, mut restarts) = (Instant::now(), 0);
    while restarts < 4 || begun.elapsed() < span {
        for (at, server) in [&mut first, &mut second].into_iter().enumerate() {
            server.stop().await;
            server.serve().await;
            proxy.replace(at, server.address());
            proxy.until_ready(at).await;
            restarts += 1;
        }
    }
    ended.store(true, Ordering::Relaxed);
    proxy.ended.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let failures = failures.lock().unwrap().clone();
    (calls.load(Ordering::Relaxed), restarts, failures)
}

each_store!(servers_restarted_in_turn_lose_no_call, |lethe: TestLethe| async move {
    let (calls, restarts, failures) = rolling(lethe, Duration::from_secs(8)).await;
    assert!(failures.is_empty(), "{} of {calls} calls failed in {restarts} restarts: {failures:?}", failures.len());
});

/// The same for a minute: `cargo test --test it -- --ignored --nocapture for_a_minute`.
#[test]
#[ignore = "takes more than a minute"]
fn servers_restarted_in_turn_for_a_minute_lose_no_call() {
    tell(Store::Sqlite, async |lethe| {
        let (calls, restarts, failures) = rolling(lethe, Duration::from_mins(1)).await;
        eprintln!("{calls} calls, {restarts} restarts, {} failures", failures.len());
        assert!(failures.is_empty(), "{failures:?}");
    });
}
