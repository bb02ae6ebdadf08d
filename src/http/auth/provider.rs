//! The keys that an identity provider publishes under a URL. The service remembers them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::TokenError;
use super::set::ProviderKeySet;

/// The time for which keys are used without another fetch.
const FRESH: TimeDelta = TimeDelta::minutes(10);
/// The time for which keys are used if the provider does not respond.
const STALE: TimeDelta = TimeDelta::hours(24);
/// The pause after an attempt to fetch keys.
const PAUSE: TimeDelta = TimeDelta::minutes(1);
/// The pause while no usable key is known at all.
const SHORT_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// The timeout of a fetch.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest set of keys, in bytes.
const LONGEST: usize = 1 << 20;

/// Keys, and the time of their fetch.
#[derive(Debug)]
struct Fetched {
    keys: Arc<ProviderKeySet>,
    at: DateTime<Utc>,
}

impl Fetched {
    fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        now - self.at
    }
}

/// Where a provider's keys are.
#[derive(Debug)]
enum ProviderPlace {
    /// At this URL.
    Keys(String),
    /// At the URL that the discovery document of this issuer names.
    Issuer(String),
}

#[derive(Debug)]
pub(super) struct Provider {
    place: ProviderPlace,
    client: reqwest::Client,
    fetched: ArcSwapOption<Fetched>,
    /// The time of the last fetch. It is locked during a fetch, so that one call fetches for all.
    last_fetch: Mutex<Option<DateTime<Utc>>>,
}

impl Provider {
    /// A provider whose keys are at a URL.
    pub(super) fn of_keys(url: &str) -> Result<Self, reqwest::Error> {
        Self::new(url, ProviderPlace::Keys(url.to_owned()))
    }

    /// A provider whose issuer has a discovery document (`OpenID` Connect Discovery 1.0).
    pub(super) fn of_issuer(issuer: &str) -> Result<Self, reqwest::Error> {
        Self::new(issuer, ProviderPlace::Issuer(issuer.to_owned()))
    }

    fn new(url: &str, place: ProviderPlace) -> Result<Self, reqwest::Error> {
        let here = reqwest::Url::parse(url)
            .is_ok_and(|url| matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")));
        let client = reqwest::Client::builder();
        // A proxy of the environment cannot reach the ports of this machine.
        let client = if here { client.no_proxy() } else { client };
        let client = client
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent(concat!("lethe/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { place, client, fetched: ArcSwapOption::empty(), last_fetch: Mutex::new(None) })
    }

    /// The keys for a token that names `kid`. If the known keys do not have it, they are fetched again, at most once a
    /// minute. If the provider does not respond, keys up to a day old stay in use.
    pub(super) async fn keys_for(
        &self,
        kid: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Arc<ProviderKeySet>, TokenError> {
        let seen = self.fetched.load_full();
        let known = seen.as_ref().filter(|set| set.age(now) < STALE);
        match known {
            Some(set) if set.keys.knows(kid) && set.age(now) < FRESH => return Ok(Arc::clone(&set.keys)),
            // The keys are known but no longer fresh. One call fetches them, and the others use the known ones.
            Some(set) if set.keys.knows(kid) => match self.last_fetch.try_lock() {
                Ok(mut last_fetch) => self.refresh(&mut last_fetch, PAUSE, now).await,
                Err(_) => return Ok(Arc::clone(&set.keys)),
            },
            _ => {
                let mut last_fetch = self.last_fetch.lock().await;
                // Another call may have fetched the keys while this one waited.
                let newer = self.fetched.load_full();
                let unchanged = newer.as_ref().map(|set| set.at) == seen.as_ref().map(|set| set.at);
                let has_usable = newer.as_ref().is_some_and(|set| set.age(now) < STALE && !set.keys.is_empty());
                let pause = if has_usable { PAUSE } else { SHORT_PAUSE };
                if unchanged {
                    self.refresh(&mut last_fetch, pause, now).await;
                }
            }
        }
        let set = self.fetched.load_full().filter(|set| set.age(now) < STALE).ok_or(TokenError::KeysAway)?;
        Ok(Arc::clone(&set.keys))
    }

    /// Newer keys than those that did not verify a token. The provider is called at most once a minute.
    pub(super) async fn newer_than(
        &self,
        keys: &Arc<ProviderKeySet>,
        now: DateTime<Utc>,
    ) -> Option<Arc<ProviderKeySet>> {
        let newer = || {
            let fetched = self.fetched.load_full()?;
            (!Arc::ptr_eq(&fetched.keys, keys)).then(|| Arc::clone(&fetched.keys))
        };
        let mut last_fetch = self.last_fetch.lock().await;
        if newer().is_none() {
            self.refresh(&mut last_fetch, PAUSE, now).await;
        }
        newer()
    }

    async fn refresh(&self, last_fetch: &mut Option<DateTime<Utc>>, pause: TimeDelta, now: DateTime<Utc>) {
        if last_fetch.is_some_and(|at| now - at < pause) {
            return;
        }
        *last_fetch = Some(now);
        match self.fetch().await {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!("The identity provider publishes no usable key, so every token is refused");
                }
                self.fetched.store(Some(Arc::new(Fetched { keys: Arc::new(keys), at: now })));
            }
            Err(why) => tracing::warn!(why, "Fetching the identity provider's keys failed, retrying"),
        }
    }

    async fn fetch(&self) -> Result<ProviderKeySet, &'static str> {
        let keys = match &self.place {
            ProviderPlace::Keys(url) => self.get(url).await?,
            ProviderPlace::Issuer(issuer) => self.get(&self.discover(issuer).await?).await?,
        };
        ProviderKeySet::read(&keys).ok_or("the response is not a set of keys")
    }

    /// The URL of the keys, as the issuer's discovery document names it.
    async fn discover(&self, issuer: &str) -> Result<String, &'static str> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }

        let document = self.get(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
        let document: Discovery =
            serde_json::from_slice(&document).map_err(|_| "the discovery document cannot be read")?;
        if document.issuer != issuer {
            return Err("the discovery document is of another issuer");
        }
        if issuer.starts_with("https://") && !document.jwks_uri.starts_with("https://") {
            return Err("the discovery document names keys without https");
        }
        Ok(document.jwks_uri)
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, &'static str> {
        let mut response = self.client.get(url).send().await.map_err(|_| "the identity provider sent no response")?;
        if !response.status().is_success() {
            return Err("the response is not a success");
        }
        let mut json = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "the response broke off")? {
            json.extend_from_slice(&chunk);
            if json.len() > LONGEST {
                return Err("the response is too long");
            }
        }
        Ok(json)
    }
}
