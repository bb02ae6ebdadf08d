//! A connection as bytes, for peers that are slower, ruder, or more exact than a library.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// A connection to a server.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A response as bytes.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// Whether the connection ends with this reply.
    pub fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("\r\nconnection: close\r\n")
    }
}

impl Wire {
    /// Connects to an address as [`super::TestLethe::address`] says it.
    pub async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Connects with a small buffer, so that unread bytes stay at the server.
    pub async fn narrow(address: &str) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        Ok(Self::over(socket.connect(address.trim_start_matches("http://").parse().unwrap()).await?))
    }

    pub fn over(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Whether the server has closed the connection, as far as the client knows.
    pub fn is_closed(&self) -> bool {
        let mut byte = [0];
        !matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The head of a response.
    pub async fn head(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.read.split_off(end + 4);
                let head = std::mem::replace(&mut self.read, rest);
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// A whole response with a `Content-Length`.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        let head = self.head().await?;
        let field = |name: &str| head.to_ascii_lowercase().split_once(name).map(|(_, rest)| rest.to_owned());
        let length =
            field("\r\ncontent-length: ").and_then(|rest| rest.split("\r\n").next()?.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.read.split_off(length);
        let body = std::mem::replace(&mut self.read, rest);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Ok(Reply { status, head, body })
    }

    /// Sends bytes repeatedly until the server closes the connection. Returns the bytes of the server until then.
    pub async fn drip(mut self, drop: &[u8], pause: Duration) -> Vec<u8> {
        let mut said = std::mem::take(&mut self.read);
        loop {
            tokio::select! {
                read = self.stream.read_buf(&mut said) => if !matches!(read, Ok(1..)) { return said },
                () = tokio::time::sleep(pause) => {
                    // The next read sees a closed connection.
                    let _ = self.stream.write_all(drop).await;
                }
            }
        }
    }

    /// The remaining bytes.
    pub async fn rest(mut self) -> Vec<u8> {
        let _ = self.stream.read_to_end(&mut self.read).await;
        self.read
    }
}
