//! Limits of the number of calls of a subject and of a tenant. They are off by default.
//!
//! A window begins with a party's first call and lasts for the seconds of the settings. Each process counts for itself,
//! so a party that calls several of them has the limit of each. Calls without a valid token have no party. They are not
//! counted, and they reach no data either.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::super::problem::{Code, Problem};
use crate::base::actor::Actor;
use crate::base::id::TenantId;
use crate::config::HttpConfig;

/// The limits that apply (draft-ietf-httpapi-ratelimit-headers).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The rest of each limit.
const REST: HeaderName = HeaderName::from_static("ratelimit");

/// The number of parties that are remembered.
const REMEMBERED: usize = 50_000;

/// The limits of the settings, and the calls that were counted.
pub struct Limits {
    per_subject: Option<u32>,
    per_tenant: Option<u32>,
    window: Duration,
    /// A subject is remembered by a hash, so that the memory does not depend on the length of its name.
    hasher: RandomState,
    counted: Mutex<HashMap<Party, CallWindow>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Tenant(TenantId),
    Subject(TenantId, u64),
}

#[derive(Clone, Copy)]
struct CallWindow {
    began: Instant,
    calls: u32,
}

/// One limit of a call, after the call was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HttpCallLimit {
    name: &'static str,
    quota: u32,
    left: u32,
    /// The seconds until the window ends, rounded up.
    seconds: u64,
}

/// The limits of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    limits: Vec<HttpCallLimit>,
    window: u64,
    is_used_up: bool,
}

impl Limits {
    #[must_use]
    pub fn new(http: &HttpConfig) -> Self {
        Self {
            per_subject: http.calls_per_subject,
            per_tenant: http.calls_per_tenant,
            window: Duration::from_secs(http.calls_window),
            hasher: RandomState::new(),
            counted: Mutex::default(),
        }
    }

    /// Counts a call, unless a limit of it is used up. Without a limit, the result is `None`.
    pub(super) fn count(&self, actor: &Actor, now: Instant) -> Option<Allowance> {
        let subject = || Party::Subject(actor.tenant, self.hasher.hash_one((&actor.issuer, &actor.sub)));
        let limits = [
            self.per_subject.map(|quota| ("subject", quota, subject())),
            self.per_tenant.map(|quota| ("tenant", quota, Party::Tenant(actor.tenant))),
        ];
        let limits: Vec<_> = limits.into_iter().flatten().collect();
        if limits.is_empty() {
            return None;
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_room(&mut counted, now);
        let mut windows: Vec<_> = limits.iter().map(|(.., party)| self.window_of(&counted, *party, now)).collect();
        let is_used_up = limits.iter().zip(&windows).any(|((_, quota, _), window)| window.calls >= *quota);
        if !is_used_up {
            for ((.., party), window) in limits.iter().zip(&mut windows) {
                window.calls += 1;
                counted.insert(*party, *window);
            }
        }
        let limits = limits.into_iter().zip(windows).map(|((name, quota, _), window)| HttpCallLimit {
            name,
            quota,
            left: quota.saturating_sub(window.calls),
            seconds: seconds(self.window.saturating_sub(now.duration_since(window.began))),
        });
        Some(Allowance { limits: limits.collect(), window: self.window.as_secs(), is_used_up })
    }

    /// The window of a party: the running one, or a new one.
    fn window_of(&self, counted: &HashMap<Party, CallWindow>, party: Party, now: Instant) -> CallWindow {
        let known = counted.get(&party).copied().filter(|window| now.duration_since(window.began) < self.window);
        known.unwrap_or(CallWindow { began: now, calls: 0 })
    }

    /// Forgets ended windows if the memory is full. If it is full of running ones, all of them begin again, which lets
    /// more calls pass, and never fewer.
    fn make_room(&self, counted: &mut HashMap<Party, CallWindow>, now: Instant) {
        if counted.len() + 2 > REMEMBERED {
            counted.retain(|_, window| now.duration_since(window.began) < self.window);
            if counted.len() + 2 > REMEMBERED {
                counted.clear();
            }
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl Allowance {
    /// The refusal of a call whose limit is used up.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if !self.is_used_up {
            return Ok(());
        }
        let used_up = self.limits.iter().filter(|limit| limit.left == 0);
        let wait = used_up.map(|limit| limit.seconds).max().unwrap_or(self.window);
        Err(Problem::new(Code::TooManyRequests).header(RETRY_AFTER, &wait.to_string()))
    }

    /// Adds the headers that tell the caller about the limits.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let list =
            |item: &dyn Fn(&HttpCallLimit) -> String| self.limits.iter().map(item).collect::<Vec<_>>().join(", ");
        let policy = list(&|limit| format!("\"{}\";q={};w={}", limit.name, limit.quota, self.window));
        let rest = list(&|limit| format!("\"{}\";r={};t={}", limit.name, limit.left, limit.seconds));
        for (name, value) in [(POLICY, policy), (REST, rest)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_subject: Option<u32>, per_tenant: Option<u32>) -> Limits {
        let http = HttpConfig { calls_per_subject: per_subject, calls_per_tenant: per_tenant, ..HttpConfig::default() };
        Limits::new(&http)
    }

    fn actor(tenant: TenantId, sub: &str) -> Actor {
        Actor { sub: sub.to_owned(), ..Actor::service(tenant, "") }
    }

    fn headers(allowance: &Allowance) -> (String, String) {
        let mut headers = HeaderMap::new();
        allowance.tell(&mut headers);
        let text = |name| headers.get(name).unwrap().to_str().unwrap().to_owned();
        (text(POLICY), text(REST))
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        assert!(limits(None, None).count(&actor(TenantId::new(), "ola"), Instant::now()).is_none());
    }

    #[test]
    fn a_subject_has_its_calls_in_each_window() {
        let (limits, ola, began) = (limits(Some(2), None), actor(TenantId::new(), "ola"), Instant::now());
        let call = |millis| limits.count(&ola, began + Duration::from_millis(millis)).unwrap();
        assert!(call(0).check().is_ok());
        let second = call(100);
        assert_eq!(headers(&second), ("\"subject\";q=2;w=60".to_owned(), "\"subject\";r=0;t=60".to_owned()));
        assert!(second.check().is_ok());
        let third = call(10_000);
        assert!(third.check().is_err());
        assert_eq!(headers(&third).1, "\"subject\";r=0;t=50");
        assert!(call(59_999).check().is_err());
        assert!(call(60_000).check().is_ok());
    }

    #[test]
    fn the_calls_of_a_tenant_are_those_of_all_its_subjects() {
        let (limits, tenant, now) = (limits(Some(3), Some(4)), TenantId::new(), Instant::now());
        let passes = |tenant, sub: &str| limits.count(&actor(tenant, sub), now).unwrap().check().is_ok();
        assert!((0..3).all(|_| passes(tenant, "ola")));
        assert!(!passes(tenant, "ola"), "the fourth call of a subject");
        let kari = limits.count(&actor(tenant, "kari"), now).unwrap();
        assert!(kari.check().is_ok(), "a refused call does not count for the tenant");
        assert_eq!(headers(&kari).1, "\"subject\";r=2;t=60, \"tenant\";r=0;t=60");
        assert!(!passes(tenant, "kari"));
        assert!(passes(TenantId::new(), "ola"), "another tenant's subject of the same name");
    }

    #[test]
    fn equal_names_of_two_issuers_are_two_subjects() {
        let (limits, tenant, now) = (limits(Some(1), None), TenantId::new(), Instant::now());
        let of = |issuer: &str| Actor { issuer: issuer.to_owned(), ..actor(tenant, "ola") };
        let passes = |issuer: &str| limits.count(&of(issuer), now).unwrap().check().is_ok();
        assert!(passes("https://id.example") && passes("https://login.example"));
        assert!(!passes("https://id.example"));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (limits, tenant, now) = (limits(Some(1), None), TenantId::new(), Instant::now());
        for no in 0..2 * REMEMBERED {
            assert!(limits.count(&actor(tenant, &no.to_string()), now).unwrap().check().is_ok());
        }
        assert!(limits.counted.lock().unwrap().len() <= REMEMBERED);
    }
}
