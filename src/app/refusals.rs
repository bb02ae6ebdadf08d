//! Refusals in the audit log (D5, D11): each 403 of a known caller has a row, whichever handler refused the call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::{Actor, Scope};
use crate::base::id::{CallId, TenantId};
use crate::http::Code;
use crate::http::caller::{Refused, refused};
use crate::vault::AppContext;

/// The number of equal refusals that get a row each. Of more refusals within a [`WINDOW`], only some get a row.
const ROWS: u64 = 10;

/// The time for which equal refusals are counted together.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// The number of kinds of refusals that are remembered.
const REMEMBERED: usize = 10_000;

/// A kind of refusal: the caller, the reason, and the operation. It contains nothing that the caller sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RefusalKind {
    tenant: TenantId,
    issuer: String,
    sub: String,
    reason: Code,
    needs: &'static [Scope],
    method: Method,
    route: Option<String>,
}

/// The recent number of each kind of refusal, so that a caller in a loop cannot fill the audit log.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<RefusalKind, (DateTime<Utc>, u64)>>);

impl Refusals {
    /// Counts a refusal. Returns the number of equal ones within a minute if this one is to be written: each of the
    /// first ten, and then each time the number has doubled.
    fn count(&self, kind: RefusalKind, now: DateTime<Utc>) -> Option<u64> {
        let is_recent = |since: DateTime<Utc>| (TimeDelta::zero()..WINDOW).contains(&(now - since));
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED && !seen.contains_key(&kind) {
            seen.retain(|_, (since, _)| is_recent(*since));
            if seen.len() >= REMEMBERED {
                // A reset writes more rows, never fewer.
                seen.clear();
            }
        }
        let (since, times) = seen.entry(kind).or_insert((now, 0));
        if !is_recent(*since) {
            (*since, *times) = (now, 0);
        }
        *times += 1;
        let is_written = *times <= ROWS || times.is_multiple_of(ROWS) && (*times / ROWS).is_power_of_two();
        is_written.then_some(*times)
    }
}

/// Writes the refusals of all routes into the audit log before the response is sent.
///
/// The caller is refused even if the row cannot be written. A refusal shows nothing that the row would have to account
/// for, and 503 would ask the caller to try again. The failure is logged.
pub async fn audit<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let response = next.call(request).await?;
    if response.status() == StatusCode::FORBIDDEN {
        let call = response.request().extensions().get::<CallId>().copied();
        let call = call.map(|id| id.to_string());
        if let Some(refused) = refused(&response) {
            note(&response, refused, call).await;
        } else {
            tracing::warn!(
                request.id = call,
                http.route = response.request().match_pattern(),
                "Refused a call: the token names no tenant of this service"
            );
        }
    }
    Ok(response)
}

async fn note<B>(response: &ServiceResponse<B>, refused: Refused, call: Option<String>) {
    let request = response.request();
    let (Some(stores), Some(refusals)) =
        (request.app_data::<Data<AppContext>>().cloned(), request.app_data::<Data<Refusals>>())
    else {
        return;
    };
    let Refused { actor, reason, needs } = refused;
    let (method, route) = (request.method().clone(), request.match_pattern());
    let words: Vec<_> = needs.iter().map(|scope| scope.as_str()).collect();
    let mut detail = json!({ "reason": reason.as_str(), "needs": words, "method": method.as_str(), "route": route });
    let (issuer, sub) = (actor.issuer.clone(), actor.sub.clone());
    let kind = RefusalKind { tenant: actor.tenant, issuer, sub, reason, needs, method, route: route.clone() };
    let Some(times) = refusals.count(kind, stores.clock.now()) else { return };
    if times > ROWS {
        detail["times"] = json!(times);
    }
    let mut entry = Entry::new(Action::AccessRefused, 0, detail);
    entry.allowed = false;
    // The row is written even if the caller closes the connection.
    let written = tokio::spawn(async move { write(&stores, &actor, &entry).await }).await;
    let error = match written {
        Ok(Ok(())) => return,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => None,
    };
    tracing::error!(request.id = call, http.route = route, error, "Writing a refusal into the audit log failed");
}

async fn write(stores: &AppContext, actor: &Actor, entry: &Entry) -> crate::store::Result<()> {
    let mut tx = stores.archive.write_brief().await?;
    audit::record(&mut tx, stores.clock, actor, entry).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sub: &str) -> RefusalKind {
        RefusalKind {
            tenant: TenantId::new(),
            issuer: "https://id.example".to_owned(),
            sub: sub.to_owned(),
            reason: Code::Forbidden,
            needs: &[Scope::ArchiveIdentify],
            method: Method::POST,
            route: Some("/api/v1/archive/search".to_owned()),
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_loop_writes_a_row_as_often_as_its_count_doubles() {
        let (refusals, ola) = (Refusals::default(), kind("ola"));
        let written: Vec<_> = (0..1_000_000).filter_map(|_| refusals.count(ola.clone(), at(0))).collect();
        let doubled = (1..17).map(|n| 10 << n);
        assert_eq!(written, (1..=10).chain(doubled).collect::<Vec<_>>());
    }

    #[test]
    fn a_minute_later_rows_are_written_again() {
        let (refusals, ola) = (Refusals::default(), kind("ola"));
        assert_eq!((0..11).filter_map(|_| refusals.count(ola.clone(), at(0))).count(), 10);
        assert_eq!(refusals.count(ola.clone(), at(59)), None);
        assert_eq!(refusals.count(ola.clone(), at(60)), Some(1));
        // After the clock was set back, the count begins again.
        assert_eq!(refusals.count(ola, at(0)), Some(1));
    }

    #[test]
    fn other_callers_and_other_attempts_are_counted_apart() {
        let (refusals, ola) = (Refusals::default(), kind("ola"));
        assert_eq!((0..100).filter_map(|_| refusals.count(ola.clone(), at(0))).count(), 13);
        let others = [
            RefusalKind { sub: "kari".to_owned(), ..ola.clone() },
            RefusalKind { issuer: "https://login.example".to_owned(), ..ola.clone() },
            RefusalKind { tenant: TenantId::new(), ..ola.clone() },
            RefusalKind { reason: Code::PurposeRequired, ..ola.clone() },
            RefusalKind { needs: &[Scope::ArchiveSearch], ..ola.clone() },
            RefusalKind { method: Method::GET, ..ola.clone() },
            RefusalKind { route: None, ..ola },
        ];
        for other in others {
            assert_eq!(refusals.count(other, at(0)), Some(1));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let refusals = Refusals::default();
        for no in 0..3 * REMEMBERED {
            assert_eq!(refusals.count(kind(&no.to_string()), at(0)), Some(1));
        }
        assert!(refusals.0.lock().unwrap().len() <= REMEMBERED);
    }
}
