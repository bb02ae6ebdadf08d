//! The connection for commands and their replies (RFC 959, 4.2).

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::of_io;
use crate::delivery::model::SendError;

/// The longest reply, in bytes.
const LONGEST: u64 = 64 << 10;

/// A connection, with or without TLS.
pub trait ControlStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ControlStream for T {}

pub struct Control(BufReader<Box<dyn ControlStream>>);

/// A reply of a server. RFC 1123, 4.1.2.11: the first digit of its code says what it means.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// The text of the last line.
    pub text: String,
}

impl Control {
    pub fn new(connection: Box<dyn ControlStream>) -> Self {
        Self(BufReader::new(connection))
    }

    /// The connection, on which TLS can begin. If bytes arrived before TLS, an attacker may have sent them, so the connection
    /// is refused.
    pub fn into_connection(self) -> Option<Box<dyn ControlStream>> {
        self.0.buffer().is_empty().then(|| self.0.into_inner())
    }

    /// Sends a command. Neither verbs nor arguments contain the end of a line: addresses and passwords are checked when
    /// they are set.
    pub async fn send(&mut self, verb: &str, argument: &str) -> Result<(), SendError> {
        let separator = if argument.is_empty() { "" } else { " " };
        let line = format!("{verb}{separator}{argument}\r\n");
        let sent = async {
            self.0.get_mut().write_all(line.as_bytes()).await?;
            self.0.get_mut().flush().await
        };
        sent.await.map_err(|error| of_io(&error))
    }

    /// The next reply that is not preliminary.
    pub async fn final_reply(&mut self) -> Result<Reply, SendError> {
        loop {
            let reply = self.reply().await?;
            if reply.code >= 200 {
                return Ok(reply);
            }
        }
    }

    /// The next reply. If its code is followed by `-`, the reply ends with a line of the same code and a space. The lines
    /// between mean nothing, whatever they begin with.
    pub async fn reply(&mut self) -> Result<Reply, SendError> {
        let mut left = LONGEST;
        let first = self.line(&mut left).await?;
        let code = first.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        let code = code.ok_or(SendError::Refused)?.to_owned();
        let number = code.parse().map_err(|_| SendError::Refused)?;
        let mut last = first;
        if last[3..].starts_with('-') {
            loop {
                last = self.line(&mut left).await?;
                let rest = last.strip_prefix(&code);
                if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')) {
                    break;
                }
            }
        }
        Ok(Reply { code: number, text: last[3..].trim().to_owned() })
    }

    async fn line(&mut self, left: &mut u64) -> Result<String, SendError> {
        let mut line = Vec::new();
        let read = (&mut self.0).take(*left).read_until(b'\n', &mut line).await.map_err(|error| of_io(&error))?;
        *left -= read as u64;
        if line.last() != Some(&b'\n') {
            return Err(if *left == 0 { SendError::Refused } else { SendError::ConnectionLost });
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

impl Reply {
    /// Whether the server waits for the next command of a sequence.
    pub const fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// Whether the command was carried out.
    pub const fn done(&self) -> Result<(), SendError> {
        if self.code / 100 == 2 { Ok(()) } else { Err(self.error()) }
    }

    /// Whether the server waits for data.
    pub const fn preliminary(&self) -> Result<(), SendError> {
        if self.code / 100 == 1 { Ok(()) } else { Err(self.error()) }
    }

    /// Whether the login is complete. A server that needs an account as well refuses every login.
    pub const fn logged_in(&self) -> Result<(), SendError> {
        match self.code {
            332 | 430 | 530..=532 => Err(SendError::AuthFailed),
            _ => self.done(),
        }
    }

    const fn error(&self) -> SendError {
        match self.code {
            421 | 450 | 451 => SendError::Busy,
            425 | 426 => SendError::ConnectionLost,
            431 | 534..=536 => SendError::CertificateInvalid,
            452 | 552 => SendError::Quota,
            530 => SendError::AuthFailed,
            532 | 550 | 553 => SendError::Permission,
            _ => SendError::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> Result<Reply, SendError> {
        let (mut server, client) = tokio::io::duplex(1 << 20);
        server.write_all(text.as_bytes()).await.unwrap();
        drop(server);
        Control::new(Box::new(client)).reply().await
    }

    #[tokio::test]
    async fn a_reply_ends_with_the_line_that_has_its_code_and_a_space() {
        for (text, code, last) in [
            ("220 ready\r\n", 220, "ready"),
            ("220 ready\n", 220, "ready"),
            ("220\r\n", 220, ""),
            ("220-Hello\r\n220-\r\n530 this is not an error\r\n220 ready\r\n", 220, "ready"),
            ("220-Hello\r\n 220 indented\r\n2200 longer\r\n220-more\r\n220\r\n", 220, ""),
            ("230-\u{e6}\u{f8}\u{e5}\r\n\r\n230 in\r\n", 230, "in"),
        ] {
            assert_eq!(read(text).await, Ok(Reply { code, text: last.to_owned() }), "{text}");
        }
        let latin = {
            let (mut server, client) = tokio::io::duplex(64);
            server.write_all(b"220 Velkommen p\xe5 tjener\r\n").await.unwrap();
            Control::new(Box::new(client)).reply().await
        };
        assert_eq!(latin.unwrap().code, 220);
        for (text, error) in [
            ("", SendError::ConnectionLost),
            ("220 ready", SendError::ConnectionLost),
            ("220-Hello\r\n", SendError::ConnectionLost),
            ("SSH-2.0-OpenSSH\r\n", SendError::Refused),
            ("22\r\n", SendError::Refused),
            (&"220-and so on\r\n".repeat(10_000), SendError::Refused),
            (&"2".repeat(100_000), SendError::Refused),
        ] {
            assert_eq!(read(text).await, Err(error));
        }
    }
}
