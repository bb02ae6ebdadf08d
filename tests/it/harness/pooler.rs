//! A proxy in front of PostgreSQL, which treats the start-up parameters as connection poolers do.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// Bytes are passed on as they are.
    Transparent,
    /// `options` is dropped, as `ignore_startup_parameters` of `PgBouncer` does.
    Dropping,
    /// `options` is refused, as `PgBouncer` does by default.
    Refusing,
}

/// The request for TLS, in place of a protocol version.
const TLS: u32 = 80_877_103;

impl Pooler {
    /// Starts in front of the database of a URL, and returns a URL over TCP. It ends with the story's runtime.
    pub async fn start(self, url: &str) -> String {
        let (address, folder) = url.split_once("?host=").unwrap();
        let socket = format!("{folder}/.s.PGSQL.5432");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let socket = socket.clone();
                tokio::spawn(async move { self.serve(client, &socket).await });
            }
        });
        address.replace("@localhost/", &format!("@127.0.0.1:{port}/"))
    }

    async fn serve(self, mut client: TcpStream, socket: &str) -> io::Result<()> {
        let mut server = UnixStream::connect(socket).await?;
        if self != Self::Transparent {
            let mut startup = message(&mut client).await?;
            if startup[..4] == TLS.to_be_bytes() {
                client.write_all(b"N").await?;
                startup = message(&mut client).await?;
            }
            let without = without_options(&startup);
            if self == Self::Refusing && without != startup {
                let error = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
                client.write_all(&framed(Some(b'E'), error)).await?;
                return client.shutdown().await;
            }
            server.write_all(&framed(None, &without)).await?;
        }
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

/// The next message of a client that has not logged in: a length and its body.
async fn message(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let mut body = vec![0; length as usize - 4];
    client.read_exact(&mut body).await?;
    Ok(body)
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    kind.into_iter().chain(length).chain(body.iter().copied()).collect()
}

/// The start-up message without its parameter `options`.
fn without_options(startup: &[u8]) -> Vec<u8> {
    let (version, parameters) = startup.split_at(4);
    let parts: Vec<&[u8]> = parameters.split(|byte| *byte == 0).collect();
    let mut kept = version.to_vec();
    for pair in parts.chunks(2).filter(|pair| pair.len() == 2 && !pair[0].is_empty() && pair[0] != b"options") {
        for part in pair {
            kept.extend_from_slice(part);
            kept.push(0);
        }
    }
    kept.push(0);
    kept
}
