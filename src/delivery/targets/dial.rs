//! A line to a server.

use std::time::Duration;

use tokio::net::TcpStream;

use super::{of_io, within};
use crate::delivery::address::Login;
use crate::delivery::model::SendError;

/// Connects to any of the addresses that a server's name has.
pub async fn dial(login: &Login, timeout: Duration) -> Result<TcpStream, SendError> {
    within(timeout, async {
        let places = tokio::net::lookup_host((login.host.as_str(), login.port)).await;
        let mut fault = SendError::Unreachable;
        for place in places.map_err(|_| SendError::Unreachable)? {
            match TcpStream::connect(place).await {
                Ok(line) => {
                    // Commands are small and wait for their answers.
                    let _ = line.set_nodelay(true);
                    return Ok(line);
                }
                Err(error) => fault = of_io(&error),
            }
        }
        Err(fault)
    })
    .await
}
