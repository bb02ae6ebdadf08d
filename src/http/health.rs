//! Whether the process runs, whether it is ready, and its metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::header::ALLOW;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, get};
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::ApiResult;
use super::docs::{ProbeProblems, Unavailable};
use super::problem::{Code, Problem};
use crate::base::words::described;
use crate::telemetry::{METRICS_TYPE, Metrics};

/// The timeout of a probe. Probes have limits of their own, often of a second.
const PATIENCE: Duration = Duration::from_millis(800);
/// The time for which an outcome is reused, so that many probes do not load the databases.
const READY_FOR: Duration = Duration::from_secs(5);
const NOT_READY_FOR: Duration = Duration::from_secs(1);

type Ask<T> = Box<dyn Fn() -> BoxFuture<'static, T> + Send + Sync>;

/// The erasure journal, as readiness shows it.
#[derive(Clone, Copy, Debug)]
pub struct JournalHealth {
    /// `in_step`, `behind`, `unknown`, `damaged`, or `off`.
    pub state: &'static str,
    /// How many tenants have a restored database.
    pub tenants_behind: usize,
    /// Whether calls of any tenant can be served.
    pub is_ready: bool,
}

/// The checks of readiness, as app data (`web::Data<Health>`).
pub struct Health {
    ready: Ask<Result<(), String>>,
    observe: Ask<()>,
    journal: Box<dyn Fn() -> JournalHealth + Send + Sync>,
    draining: AtomicBool,
    /// The last outcome and its time. Simultaneous probes wait for one outcome.
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Health {
    /// The service is ready if `ready` succeeds: both databases can be written and are migrated. Its error names the
    /// reason for the log.
    pub fn new<F>(ready: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        Self {
            ready: Box::new(ready),
            observe: Box::new(|| Box::pin(async {})),
            journal: Box::new(|| JournalHealth { state: "off", tenants_behind: 0, is_ready: true }),
            draining: AtomicBool::new(false),
            last: Mutex::default(),
        }
    }

    /// Whether the service was ready a moment ago.
    async fn condition(&self) -> Result<(), String> {
        let asked = async {
            let mut last = self.last.lock().await;
            if let Some((found, outcome)) = &*last
                && found.elapsed() < if outcome.is_ok() { READY_FOR } else { NOT_READY_FOR }
            {
                return outcome.clone();
            }
            let outcome = tokio::time::timeout(PATIENCE, (self.ready)()).await;
            let outcome = outcome.unwrap_or_else(|_| Err("a database timed out".to_owned()));
            if let Err(missing) = &outcome {
                tracing::warn!(missing, "Not ready");
            }
            *last = Some((Instant::now(), outcome.clone()));
            outcome
        };
        // A probe that waited for the outcome of another one has no time left for its own check.
        let outcome = tokio::time::timeout(PATIENCE + Duration::from_millis(50), asked).await;
        outcome.unwrap_or_else(|_| Err("another probe timed out".to_owned()))
    }

    /// Calls `observe` before the metrics are rendered. It updates values that are not counted by calls: the use of the
    /// pools, and the oldest waiting request.
    #[must_use]
    pub fn observing<F>(mut self, observe: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        self.observe = Box::new(observe);
        self
    }

    /// The state of the erasure journal, which readiness shows.
    #[must_use]
    pub fn journaled(mut self, journal: impl Fn() -> JournalHealth + Send + Sync + 'static) -> Self {
        self.journal = Box::new(journal);
        self
    }

    /// From now on, the service is not ready. Running calls are finished, and new ones should use another instance.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// The words of the condition, for the document.
struct HealthWord;

described!(HealthWord as "ConditionStatus", "The condition of the process or of the service.", ["ok", "ready"]);

/// The condition of the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Condition, example = json!({ "status": "ok" }))]
pub struct HealthStatus {
    /// `ok` if the process runs, `ready` if the service is ready.
    #[schema(value_type = HealthWord)]
    status: &'static str,
    /// The state of the erasure journal, if the service is ready: `in_step`, `behind`, `damaged`, or `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "in_step")]
    journal: Option<&'static str>,
    /// The number of tenants with a restored database. Their calls are refused with `replay_needed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants_behind: Option<usize>,
}

/// Check that the process runs
///
/// The check reads no database.
///
/// This operation needs no token.
#[utoipa::path(tag = "operations", operation_id = "check_health", security(()),
    responses((status = 200, description = "The process runs.", body = HealthStatus), ProbeProblems))]
#[get("/healthz")]
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(HealthStatus { status: "ok", journal: None, tenants_behind: None })
}

/// Check that the service is ready
///
/// The service checks at most every few seconds that both databases can be written and are migrated. The call returns
/// 503 while the service is being stopped. It also returns 503 if the erasure journal could not be read since the
/// start, or if every tenant needs a replay after a restore.
///
/// This operation needs no token.
#[utoipa::path(tag = "operations", operation_id = "check_readiness", security(()),
    responses((status = 200, description = "The service is ready.", body = HealthStatus), ProbeProblems, Unavailable))]
#[get("/readyz")]
pub async fn readyz(health: Data<Health>) -> ApiResult<HttpResponse> {
    if health.draining.load(Ordering::Relaxed) {
        return Err(Problem::new(Code::Unavailable).detail("The service is being stopped. Call another instance."));
    }
    // The reason names a database and never its address.
    let unready = |reason: String| {
        Problem::new(Code::Unavailable).detail(format!("The service is not ready: {reason}. Try again later."))
    };
    health.condition().await.map_err(unready)?;
    let JournalHealth { state, tenants_behind, is_ready } = (health.journal)();
    if !is_ready {
        let detail = match state {
            "unknown" => "The erasure journal cannot be read. Check journal.place.",
            _ => "A database was restored from a backup. Run lethe replay.",
        };
        return Err(Problem::new(Code::Unavailable).detail(detail).journal(state));
    }
    let tenants_behind = (tenants_behind > 0).then_some(tenants_behind);
    Ok(HttpResponse::Ok().json(HealthStatus { status: "ready", journal: Some(state), tenants_behind }))
}

/// The routes of the internal listener: `/metrics`, and health again for probes that only reach this listener.
pub fn internal(cfg: &mut web::ServiceConfig) {
    cfg.service(healthz).service(readyz).route("/metrics", web::get().to(metrics));
    cfg.default_service(web::to(async |request: HttpRequest| Err::<HttpResponse, _>(refusal(request.path()))));
}

/// The answer of the internal listener to a path that it does not have, or to another method than GET.
fn refusal(path: &str) -> Problem {
    let is_known = ["/healthz", "/readyz", "/metrics"].contains(&path);
    if is_known { Problem::new(Code::MethodNotAllowed).header(ALLOW, "GET") } else { Problem::new(Code::NotFound) }
}

async fn metrics(metrics: Data<Metrics>, health: Data<Health>) -> ApiResult<HttpResponse> {
    (health.observe)().await;
    let text = metrics.render().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(METRICS_TYPE).body(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, http::StatusCode};

    #[actix_web::test]
    async fn ready_until_it_drains() {
        let numbers = Metrics::new().unwrap();
        let seen = numbers.clone();
        let health = Health::new(|| Box::pin(async { Ok(()) })).observing(move || {
            let seen = seen.clone();
            Box::pin(async move { seen.oldest_waiting(42.0) })
        });
        let health = Data::new(health);
        let app = App::new().app_data(health.clone()).app_data(Data::new(numbers)).configure(internal);
        let app = init_service(app).await;
        let status = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await.status();
        assert_eq!(status("/readyz").await, StatusCode::OK);
        health.drain();
        assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/healthz").await, StatusCode::OK);
        let refused = call_service(&app, TestRequest::post().uri("/metrics").to_request()).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers().get(ALLOW).unwrap(), "GET");
        let unknown = call_service(&app, TestRequest::get().uri("/").to_request()).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
        let text = String::from_utf8(read_body(unknown).await.to_vec()).unwrap();
        assert!(text.contains(r#""instance":"urn:uuid:"#), "{text}");
        let response = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
        let text = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        assert!(text.contains("lethe_oldest_waiting_request_seconds 42"), "{text}");
    }

    #[actix_web::test]
    async fn many_probes_ask_the_databases_once() {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let seen = std::sync::Arc::clone(&asked);
        let health = Health::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        });
        let outcomes = futures_util::future::join_all((0..50).map(|_| health.condition())).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[actix_web::test]
    async fn a_database_that_does_not_answer_is_no_reason_to_keep_a_probe_waiting() {
        let health = Health::new(|| Box::pin(std::future::pending()));
        for _ in 0..2 {
            let begun = Instant::now();
            let probes = futures_util::future::join_all((0..5).map(|_| health.condition())).await;
            assert!(probes.iter().all(Result::is_err));
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        }
    }

    #[actix_web::test]
    async fn not_ready_without_its_databases() {
        let health = Health::new(|| Box::pin(async { Err("vault: 2 migrations are missing".to_owned()) }));
        let app = init_service(App::new().app_data(Data::new(health)).service(readyz)).await;
        let response = call_service(&app, TestRequest::get().uri("/readyz").to_request()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers().get("retry-after").unwrap(), "5");
        let told = String::from_utf8_lossy(&read_body(response).await).into_owned();
        assert!(told.contains("The service is not ready: vault: 2 migrations are missing."), "{told}");
    }
}
