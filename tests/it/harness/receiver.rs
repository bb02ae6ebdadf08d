//! A receiver of webhooks on this machine. It verifies signatures without the code of the service.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Heard, Sender, channel};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The behaviour of a receiver when a message arrives.
#[derive(Clone, Debug)]
pub enum Play {
    /// A response with a status and further headers.
    Status(u16, String),
    /// A response that accepts the message and is far too long.
    Long,
    /// No response.
    Silent,
    /// The connection is closed without a response.
    Reset,
}

/// A message as its receiver got it.
#[derive(Clone, Debug)]
pub struct Got {
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Got {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The signatures of a kind.
    fn signatures(&self, kind: &str) -> Vec<Vec<u8>> {
        let all = self.headers["webhook-signature"].split(' ').filter_map(|one| one.split_once(','));
        all.filter(|(own, _)| *own == kind).map(|(_, signature)| STANDARD.decode(signature).unwrap()).collect()
    }

    fn signed(&self) -> Vec<u8> {
        format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body).into_bytes()
    }

    /// Whether a secret has signed it.
    pub fn is_signed_by(&self, secret: &Value) -> bool {
        let secret = STANDARD.decode(secret.as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        self.signatures("v1").iter().any(|tag| hmac::verify(&key, &self.signed(), tag).is_ok())
    }

    /// Whether the tenant's key has signed it.
    pub fn is_verified_by(&self, key: &Value) -> bool {
        let key = STANDARD.decode(key.as_str().unwrap().strip_prefix("whpk_").unwrap()).unwrap();
        let [signature] = &self.signatures("v1a")[..] else { return false };
        UnparsedPublicKey::new(&ED25519, key).verify(&self.signed(), signature).is_ok()
    }
}

/// A receiver on this machine.
pub struct Receiver {
    pub url: String,
    play: Arc<Mutex<Play>>,
    got: Arc<Mutex<Vec<Got>>>,
    heard: Heard<()>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://127.0.0.1:{}/hooks", listener.local_addr().unwrap().port());
        let (tell, heard) = channel();
        let (play, got) = (Arc::new(Mutex::new(Play::Status(204, String::new()))), Arc::<Mutex<Vec<Got>>>::default());
        let (played, kept) = (Arc::clone(&play), Arc::clone(&got));
        std::thread::spawn(move || {
            for line in listener.incoming().flatten() {
                let (played, kept, tell) = (Arc::clone(&played), Arc::clone(&kept), tell.clone());
                std::thread::spawn(move || drop(serve(line, &played, &kept, &tell)));
            }
        });
        Self { url, play, got, heard }
    }

    pub fn answers(&self, play: Play) {
        *self.play.lock().unwrap() = play;
    }

    /// Waits until the next message has arrived.
    pub async fn hears(self) -> Self {
        let waiting = tokio::task::spawn_blocking(move || {
            self.heard.recv().unwrap();
            self
        });
        waiting.await.unwrap()
    }

    pub fn says(&self, status: u16) {
        self.answers(Play::Status(status, String::new()));
    }

    /// The messages that arrived since the last call.
    pub fn take(&self) -> Vec<Got> {
        while self.heard.try_recv().is_ok() {}
        std::mem::take(&mut self.got.lock().unwrap())
    }

    /// The one message that arrived.
    #[track_caller]
    pub fn one(&self) -> Got {
        let mut got = self.take();
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }
}

fn serve(mut line: TcpStream, play: &Mutex<Play>, got: &Mutex<Vec<Got>>, tell: &Sender<()>) -> std::io::Result<()> {
    let mut reader = BufReader::new(line.try_clone()?);
    let (mut head, mut headers) = (String::new(), HashMap::new());
    reader.read_line(&mut head)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body)?;
    got.lock().unwrap().push(Got { headers, body: String::from_utf8(body).unwrap() });
    let _ = tell.send(());
    let play = play.lock().unwrap().clone();
    match play {
        Play::Status(status, more) => line.write_all(
            format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes(),
        ),
        Play::Long => {
            line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n")?;
            line.write_all(&vec![b'x'; 10_000_000])
        }
        Play::Silent => line.read_to_end(&mut Vec::new()).map(drop),
        Play::Reset => Ok(()),
    }
}
