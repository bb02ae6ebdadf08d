//! `lethe healthcheck`: the probe of a container, and the wait of a script for a service that starts.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use clap::Args;

use super::exit::{CommandError, Exit};
use crate::config::Config;

/// The options of the health check.
#[derive(Args)]
pub struct HealthcheckArguments {
    /// Wait until the service is ready, for at most this many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    pub wait: Option<u32>,
    /// The address of the service [default: that of the settings, on this machine]
    #[arg(long)]
    pub url: Option<String>,
}

/// The longest time of one call.
const LIMIT: Duration = Duration::from_secs(3);

/// The pause between two calls of a wait.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks the service once whether it runs or, with `--wait`, waits until it is ready.
pub async fn check(address: &str, arguments: &HealthcheckArguments) -> Result<Exit, CommandError> {
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build();
    let client = client.map_err(|_| CommandError::Internal("the HTTP client cannot be built"))?;
    let address = address.trim_end_matches('/');
    let Some(seconds) = arguments.wait else {
        return match ask(&client, &format!("{address}/healthz")).await {
            None => Ok(Exit::Done),
            Some(reason) => Err(CommandError::Unhealthy { address: address.to_owned(), reason }),
        };
    };
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    while let Some(reason) = ask(&client, &format!("{address}/readyz")).await {
        if Instant::now() + PAUSE >= deadline {
            return Err(CommandError::Unhealthy { address: address.to_owned(), reason });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Exit::Done)
}

/// The reason why a call failed. It is `None` if the call succeeded.
async fn ask(client: &reqwest::Client, url: &str) -> Option<String> {
    let response = match client.get(url).send().await {
        Ok(response) if response.status().is_success() => return None,
        Ok(response) => response,
        Err(error) if error.is_builder() => return Some("the address is not a URL such as http://lethe:80".to_owned()),
        Err(error) if error.is_timeout() => return Some("it did not respond in time".to_owned()),
        Err(_) => return Some("nothing listens there".to_owned()),
    };
    let status = response.status();
    // A problem of the service says why.
    let problem: Option<serde_json::Value> = response.json().await.ok();
    let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
    Some(detail.map_or_else(|| format!("it returned {}", status.as_u16()), str::to_owned))
}

/// The address of the service that runs with these settings on this machine.
pub fn own_address(config: &Config) -> Result<String, CommandError> {
    let mut address = config.http.listen;
    if address.port() == 0 {
        return Err(CommandError::Usage(
            "http.listen has the port 0: name the service's address with --url".to_owned(),
        ));
    }
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(format!("http://{address}"))
}
