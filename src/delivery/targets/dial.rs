//! A TCP connection to a server.

use std::time::Duration;

use tokio::net::TcpStream;

use super::{of_io, within};
use crate::delivery::address::Login;
use crate::delivery::model::SendError;

/// Connects to the first address of a server's name that accepts a connection.
pub async fn dial(login: &Login, timeout: Duration) -> Result<TcpStream, SendError> {
    within(timeout, async {
        let addresses = tokio::net::lookup_host((login.host.as_str(), login.port)).await;
        let mut last_error = SendError::Unreachable;
        for address in addresses.map_err(|_| SendError::Unreachable)? {
            match TcpStream::connect(address).await {
                Ok(connection) => {
                    // Commands are small, and each waits for its reply.
                    let _ = connection.set_nodelay(true);
                    return Ok(connection);
                }
                Err(error) => last_error = of_io(&error),
            }
        }
        Err(last_error)
    })
    .await
}
