//! The running service: its databases, its routes, and its listeners.
//!
//! `routes` is the one list of all routes. The OpenAPI document is made from it, and committed. The service answers only
//! the routes that the committed document describes.

mod audit_log;
mod disclosure;
mod house;
mod journal_watch;
mod listener;
mod operations;
mod patterns;
mod recordings;
mod refusals;
mod retentions;
mod setup;
mod systems;
mod tenant_patch;
mod totals;
mod vitals;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use utoipa::openapi::OpenApi;
use utoipa::{Modify as _, OpenApi as _};
use utoipa_actix_web::{AppExt as _, scope};
use utoipa_swagger_ui::SwaggerUi;

use self::listener::Listener;
use crate::ageing;
use crate::archive;
use crate::certificates;
use crate::config::Config;
use crate::content::{self, ContentStore};
use crate::delivery;
use crate::exports;
use crate::http::docs::Contract;
use crate::http::health::{self, Health};
use crate::http::middleware::{Routes, frame};
use crate::http::{Code, HttpContext, Limits, Problem, Registry, TenantDirectory, TokenKeys};
use crate::nightly;
use crate::recipients;
use crate::recording_keys;
use crate::requests;
use crate::reveals;
use crate::seals::{self, Sealer};
use crate::suppressions;
use crate::telemetry::Metrics;
use crate::tenants;
use crate::totals as archive_totals;
use crate::vault::AppContext;
use crate::webhooks;

use journal_watch::JournalWatch;
use refusals::Refusals;

pub use operations::tenant_change;
pub use setup::{
    StartError, anchors, content_store, delivery_worker, migrate, open, open_to_serve, pending_migrations, sealer,
    webhook_worker,
};
pub use vitals::ready;

/// All routes below `/api/v1`, in the order of the documentation.
fn routes(registry: &mut Registry<'_, '_>) {
    requests::routes(registry);
    certificates::http::routes(registry);
    archive::http::routes(registry);
    archive_totals::http::routes(registry);
    suppressions::http::routes(registry);
    reveals::routes(registry);
    recipients::routes(registry);
    content::http::routes(registry);
    delivery::http::routes(registry);
    exports::http::routes(registry);
    webhooks::http::routes(registry);
    recording_keys::http::routes(registry);
    ageing::http::routes(registry);
    nightly::http::routes(registry);
    operations::routes(registry);
    registry.service(audit_log::list_audit_events);
    seals::http::routes(registry);
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Lethe",
        description = "Lethe makes a contact centre able to forget a person. It has anonymize requests, an archive \
                       with three views, and a nightly job that carries out the requests.",
        contact(name = "Lethe", url = "https://lethe.example"),
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This service")),
    tags(
        (name = "requests", description = "Anonymize requests: which customer is to be forgotten, up to which day, \
                                           and where."),
        (name = "archive", description = "Records: sending them, and searching them in three views."),
        (name = "reveals", description = "Reveals: the values of tokens, for a purpose and on record."),
        (name = "recipients", description = "Recipients: clients that see tokens and ids of their own."),
        (name = "content", description = "Recordings, texts, and other content of interactions."),
        (name = "ageing", description = "Policies by which old interactions lose their precision."),
        (name = "delivery", description = "Deliveries of recordings to the tenant's own server."),
        (name = "exports", description = "A customer's copy of their data."),
        (name = "webhooks", description = "Signed messages about events, for the tenant's other systems."),
        (name = "operations", description = "Runs of the nightly job, the audit log, settings, and health.")
    )
)]
struct ApiDocument;

/// The OpenAPI document as it is served: the output of [`openapi`], which a test compares. A server that made it at its
/// start would keep the memory for that, some 10 MiB.
const DOCUMENT: &str = include_str!("../../openapi/lethe.json");

/// The OpenAPI document of all routes.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(ApiDocument::openapi())
        .service(health::healthz)
        .service(health::readyz)
        .service(certificates::http::get_verification_keys)
        .service(scope::scope("/api/v1").configure(|document| routes(&mut Registry::Document(document))))
        .split_for_parts();
    Contract.modify(&mut document);
    document
}

/// The time after which a reader loses its response, if others need the memory of it.
const SLOW: Duration = Duration::from_secs(1);

/// The most time of a call with the store of the journal. The call has a transaction open meanwhile.
const JOURNAL_WAIT: Duration = Duration::from_secs(5);

/// The most connections of the internal listener. They do not count as connections of the API.
const INTERNAL_CONNECTIONS: usize = 64;

/// The addresses of a running service.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub api: SocketAddr,
    /// The internal listener with `/metrics`.
    pub internal: SocketAddr,
}

/// Runs the service until a stop is requested. `started` receives the addresses when the service accepts calls.
pub async fn serve(
    config: &Config,
    stores: Data<AppContext>,
    started: impl FnOnce(&Addresses),
) -> Result<(), StartError> {
    let metrics = Metrics::new().map_err(|_| StartError::Metrics)?;
    let content_store = Data::new(setup::content_store(config));
    let watch = Arc::new(JournalWatch::new(&stores, &content_store));
    stores.journal.call.set(Duration::from_secs(config.journal.timeout).min(JOURNAL_WAIT));
    watch.begin().await;
    make_signing_key(&stores);
    let context = Data::new(HttpContext {
        http: config.http.clone(),
        keys: TokenKeys::open(config, stores.clock)?,
        tenants: directory(&stores, &watch),
        limits: Limits::new(&config.http),
        metrics: metrics.clone(),
        memory: Arc::clone(&stores.memory),
    });
    let health = Data::new(vitals::health(&stores, &watch, &metrics));
    let refusals = Data::new(Refusals::default());
    let guard = Data::new(setup::address_guard(config)?);
    let known = Data::new(known_routes()?);
    let api = Listener::bind(&config.http).map_err(|error| StartError::Listen("http.listen", error))?;
    let connections = api.connections();
    stores.memory.make_room_with(move || connections.end_slowest_reader(SLOW));
    let app = {
        let (stores, content_store, context, health) =
            (stores.clone(), content_store.clone(), context.clone(), health.clone());
        move || {
            let app = App::new()
                .app_data(stores.clone())
                .app_data(content_store.clone())
                .app_data(health.clone())
                .app_data(guard.clone())
                .service(health::healthz)
                .service(health::readyz)
                .service(certificates::http::get_verification_keys)
                .service(web::scope("/api/v1").configure(|worker| routes(&mut Registry::Worker(worker))))
                .route("/openapi.json", web::get().to(|| std::future::ready(openapi_json())))
                .route("/", web::get().to(|| std::future::ready(to_docs())))
                .route("/docs", web::get().to(|| std::future::ready(to_docs())))
                .service(SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/openapi.json")))
                .default_service(web::to(|| std::future::ready(nothing_here())))
                .app_data(refusals.clone())
                .wrap(from_fn(refusals::audit));
            frame(app, context.clone(), known.clone())
        }
    };
    let api = api.start(&config.http, app).map_err(|error| StartError::Listen("http.listen", error))?;
    let (internal, internal_address) = internal_listener(config, &health, metrics.clone())?;
    // This is prepared before anybody knows that the service runs and may ask it to stop.
    let end_asked = stop_asked();
    started(&Addresses { api: api.address(), internal: internal_address });

    let (stop, stopping) = watch::channel(false);
    let workers = work(config, (&stores, &content_store), &stopping, metrics)?;
    let sealing = seal(sealer(config, &stores), config.audit.seal_interval);
    let watching = tokio::spawn(async move { tokio::join!(watch.run(), sealing) });
    let ended = until_stopped(config, (api, internal), end_asked, &health).await;
    watching.abort();
    let _ = stop.send(true);
    // Running attempts are interrupted, and the next worker makes them again.
    join_all(workers).await;
    ended
}

/// Seals the audit logs again and again.
async fn seal(sealer: Sealer, interval: u64) {
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        if let Err(error) = sealer.round().await {
            tracing::warn!(%error, "Sealing the audit logs failed, retrying");
        }
    }
}

/// Starts the workers of the outbox: one for recordings, and one for events. The settings may leave them to other
/// processes.
fn work(
    config: &Config,
    (stores, content_store): (&Data<AppContext>, &Data<ContentStore>),
    stopping: &watch::Receiver<bool>,
    metrics: Metrics,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    if !config.delivers_in_serve() {
        return Ok(Vec::new());
    }
    let (delivery_worker, stopping_deliveries) = (delivery_worker(config, stores, content_store), stopping.clone());
    let (webhook_worker, stopping) = (webhook_worker(config, stores)?.counting(metrics), stopping.clone());
    Ok(vec![
        tokio::spawn(async move { delivery_worker.run(None, &stopping_deliveries, |_, _| {}).await }),
        tokio::spawn(async move { webhook_worker.run(None, &stopping, |_, _| {}).await }),
    ])
}

/// Makes the key of certificates in a new installation, so that every backup of the vault has it. A service without a
/// database starts all the same, and makes the key at its first use.
fn make_signing_key(stores: &Data<AppContext>) {
    let stores = stores.clone();
    tokio::spawn(async move {
        if let Err(error) = certificates::signing_key(&stores).await {
            tracing::warn!(%error, "Making the key of certificates failed; it is made at its first use");
        }
    });
}

/// The listener of `/metrics` and its address.
fn internal_listener(
    config: &Config,
    health: &Data<Health>,
    metrics: Metrics,
) -> Result<(Server, SocketAddr), StartError> {
    let (health, metrics) = (health.clone(), Data::new(metrics));
    let listener = HttpServer::new(move || {
        App::new().app_data(health.clone()).app_data(metrics.clone()).configure(health::internal)
    });
    let listener = listener
        .workers(1)
        .max_connections(INTERNAL_CONNECTIONS)
        .disable_signals()
        .bind(config.http.internal_listen)
        .map_err(|error| StartError::Listen("http.internal_listen", error))?;
    let address = first(listener.addrs())?;
    Ok((listener.run(), address))
}

fn first(addresses: Vec<SocketAddr>) -> Result<SocketAddr, StartError> {
    addresses.into_iter().next().ok_or(StartError::Metrics)
}

/// Serves until the process is stopped. Then `/readyz` fails for a while, each response is the last of its connection,
/// and running calls are finished.
async fn until_stopped(
    config: &Config,
    (api, internal): (Listener, Server),
    end_asked: impl Future<Output = ()>,
    health: &Health,
) -> Result<(), StartError> {
    let (connections, internal_handle) = (api.connections(), internal.handle());
    let end = async {
        end_asked.await;
        tracing::info!("Stopping: no new calls are accepted, and running calls are finished");
        health.drain();
        connections.close();
        tokio::time::sleep(config.drain()).await;
    };
    let serving = async {
        api.serve(end, Duration::from_secs(config.http.shutdown)).await;
        internal_handle.stop(false).await;
    };
    let ((), observed) = tokio::join!(serving, internal);
    observed.map_err(|error| StartError::Listen("http.internal_listen", error))
}

/// The routes of the document, and the routes that it does not describe.
fn known_routes() -> Result<Routes, StartError> {
    let routes = Routes::new(DOCUMENT).map_err(|_| StartError::Document)?;
    Ok(routes
        // A program that looks at an address before it follows it must not use it up.
        .without_head("/api/v1/access-exports/tickets/{ticket}")
        .also("/openapi.json", vec![Method::GET])
        .also("/", vec![Method::GET])
        .also("/docs", vec![Method::GET])
        .also("/docs/{file}*", vec![Method::GET]))
}

/// Ends when SIGTERM or Ctrl-C stops the process. From this call on, neither of them ends the process by itself.
pub fn stop_asked() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn received(signal: Option<Signal>) {
        match signal {
            Some(mut signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
    let terminated = signal(SignalKind::terminate()).ok();
    let interrupted = signal(SignalKind::interrupt()).ok();
    async move {
        tokio::select! {
            () = received(terminated) => {}
            () = received(interrupted) => {}
        }
    }
}

fn directory(stores: &Data<AppContext>, watch: &Arc<JournalWatch>) -> TenantDirectory {
    let (for_slugs, for_clients, watch) = (Arc::clone(stores), Arc::clone(stores), Arc::clone(watch));
    let clients = Arc::new(recipients::KnownClients::default());
    let directory = TenantDirectory::new(
        move |slug| {
            let stores = Arc::clone(&for_slugs);
            Box::pin(async move {
                let tenant = tenants::find_by_slug(&mut stores.archive.read().await?, &slug).await?;
                Ok(tenant.map(|tenant| tenant.id))
            })
        },
        move |tenant, issuer, client, is_program| {
            let (stores, clients) = (Arc::clone(&for_clients), Arc::clone(&clients));
            Box::pin(async move { Ok(clients.find(&stores, (tenant, issuer, client, is_program)).await?) })
        },
    );
    directory.guarded(move |tenant| {
        let watch = Arc::clone(&watch);
        Box::pin(async move { watch.refusal(tenant).await })
    })
}

fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT)
}

fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NotFound))
}
