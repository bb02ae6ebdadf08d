use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION};
use actix_web::test::{TestRequest, call_service, init_service, read_body, try_call_service};
use actix_web::{delete, get, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::Modify as _;
use utoipa_actix_web::{AppExt as _, scope};

use super::*;
use crate::base::clock::Clock;
use crate::base::id::{RequestId, TenantId};
use crate::base::memory::MemoryBudget;
use crate::base::recipient::Membership;
use crate::config::Config;
use crate::http::auth::{TokenKeys, dev_token};
use crate::http::caller::{self, Caller, TenantDirectory, refused};
use crate::http::docs::{BodyProblems, CallProblems, Contract, ItemProblems};
use crate::http::json::Body;
use crate::http::lines::Lines;
use crate::http::path::Id;
use crate::telemetry::Metrics;

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Thing {
    word: String,
}

#[utoipa::path(responses((status = 200, body = Thing), CallProblems, ItemProblems))]
#[get("/things/{id}")]
async fn get_thing(caller: Caller<caller::RequestsRead>, _id: Id<RequestId>) -> HttpResponse {
    HttpResponse::Ok().json(Thing { word: caller.name.clone() })
}

#[utoipa::path(responses((status = 204), CallProblems, ItemProblems))]
#[delete("/things/{id}")]
async fn delete_thing(_: Caller<caller::RequestsWrite>, _id: Id<RequestId>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[utoipa::path(request_body = Thing, responses((status = 201, body = Thing), CallProblems, BodyProblems))]
#[post("/things/batch")]
async fn add_things(_: Caller<caller::RequestsWrite>, thing: Body<Thing>) -> HttpResponse {
    HttpResponse::Created().json(thing.0)
}

#[derive(Debug, thiserror::Error)]
#[error("the disk is on fire")]
struct Fire;

#[utoipa::path(responses((status = 200), CallProblems))]
#[get("/trouble/{kind}")]
async fn get_trouble(kind: actix_web::web::Path<String>) -> Result<HttpResponse, Error> {
    match kind.as_str() {
        "panic" => panic!("hunter2"),
        "slow" => tokio::time::sleep(std::time::Duration::from_secs(5)).await,
        "fire" => return Err(Problem::internal(Fire).into()),
        "teapot" => return Ok(HttpResponse::ImATeapot().body("hunter2")),
        _ => return Err(actix_web::error::ErrorPaymentRequired("hunter2")),
    }
    Ok(HttpResponse::Ok().finish())
}

#[utoipa::path(responses((status = 200), CallProblems))]
#[post("/lines")]
async fn add_lines(mut lines: Lines) -> Result<HttpResponse, Problem> {
    let mut numbers = Vec::new();
    while let Some(line) = lines.next().await {
        numbers.push(line?.number);
    }
    Ok(HttpResponse::Ok().json(numbers))
}

/// An app with the frame around it, its settings, and a tenant called `demo`.
struct Stage {
    config: Config,
    context: Data<HttpContext>,
}

impl Stage {
    fn new(name: &str, cors: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("lethe-frame-{name}-{}", std::process::id()));
        let mut config = Config { data_dir: folder, ..Config::default() };
        config.http.cors_origins = cors.iter().map(|origin| (*origin).to_owned()).collect();
        config.http.request_timeout = 1;
        let demo = TenantId::new();
        let tenants = TenantDirectory::new(
            move |slug| Box::pin(async move { Ok((slug == "demo").then_some(demo)) }),
            |_, _, _, _| Box::pin(async { Ok(None::<(Membership, ())>) }),
        );
        let keys = TokenKeys::open(&config, Clock::System).unwrap();
        let (metrics, memory) = (Metrics::new().unwrap(), Arc::new(MemoryBudget::new(config.memory.budget)));
        let limits = Limits::new(&config.http);
        let context = HttpContext { http: config.http.clone(), keys, tenants, limits, metrics, memory };
        Self { config, context: Data::new(context) }
    }

    fn token(&self, tenant: &str, role: &str) -> (HeaderName, String) {
        let token = dev_token(&self.config, tenant, &[role.to_owned()], "paal").unwrap();
        (AUTHORIZATION, format!("bearer {token}"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.config.data_dir).unwrap();
    }
}

macro_rules! app {
    ($context:expr) => {{
        let things = scope("/api/v1").service(get_thing).service(delete_thing).service(add_things);
        let things = things.service(get_trouble).service(add_lines);
        let (app, mut document) = App::new().into_utoipa_app().service(things).split_for_parts();
        Contract.modify(&mut document);
        let routes = Routes::new(&document.to_json().unwrap()).unwrap().also("/docs/{file:.*}", vec![Method::GET]);
        frame(app, $context.clone(), Data::new(routes))
    }};
}

// The modules come after the macro that they use.
mod log;
mod wire;

/// The response as status, headers in one text, and JSON.
async fn parts_of(response: ServiceResponse<impl MessageBody>) -> (StatusCode, String, Value) {
    let status = response.status();
    let headers: BTreeSet<_> =
        response.headers().iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
    let headers = headers.into_iter().collect::<Vec<_>>().join("\n");
    let body = read_body(response).await;
    (status, headers, serde_json::from_slice(&body).unwrap_or_default())
}

const THING: &str = "/api/v1/things/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";

#[actix_web::test]
async fn who_calls_decides() {
    let stage = Stage::new("who", &[]);
    let app = init_service(app!(stage.context)).await;
    let call = async |header: Option<(HeaderName, String)>| {
        let request = header.into_iter().fold(TestRequest::get().uri(THING), TestRequest::insert_header);
        parts_of(call_service(&app, request.to_request()).await).await
    };
    let (status, headers, body) = call(Some(stage.token("demo", "dpo"))).await;
    assert_eq!((status, body["word"].as_str()), (StatusCode::OK, Some("paal")));
    assert!(headers.contains("cache-control: no-store") && headers.contains("x-content-type-options: nosniff"));

    let (status, headers, body) = call(None).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("unauthorized")));
    assert!(headers.contains("www-authenticate: Bearer") && headers.contains("content-type: application/problem+json"));
    let id = headers.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    assert_eq!(body["instance"], format!("urn:uuid:{id}"));

    let (status, _, body) = call(Some(stage.token("demo", "agent"))).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::FORBIDDEN, Some("forbidden")));
    assert!(body["detail"].as_str().unwrap().contains("requests:read"));
    let (status, _, body) = call(Some(stage.token("nobody", "dpo"))).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::FORBIDDEN, Some("tenant_unknown")));

    for broken in ["Bearer hunter2", "Bearer ", "Basic aHVudGVyMg==", "hunter2", "Bearer a.b.c"] {
        let (status, headers, body) = call(Some((AUTHORIZATION, broken.to_owned()))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{broken}");
        assert!(headers.contains("invalid_token") && !format!("{headers}{body}").contains("hunter2"), "{headers}");
    }
}

#[actix_web::test]
async fn nobody_learns_about_a_body_before_saying_who_they_are() {
    let stage = Stage::new("order", &[]);
    let app = init_service(app!(stage.context)).await;
    let call = async |header: Option<(HeaderName, String)>| {
        let request = TestRequest::post().uri("/api/v1/things/batch").insert_header((CONTENT_TYPE, "application/json"));
        let request = header.into_iter().fold(request.set_payload("{\"wo"), TestRequest::insert_header);
        parts_of(call_service(&app, request.to_request()).await).await.0.as_u16()
    };
    assert_eq!(call(None).await, 401);
    assert_eq!(call(Some(stage.token("demo", "agent"))).await, 403);
    assert_eq!(call(Some(stage.token("demo", "dpo"))).await, 400);
}

#[actix_web::test]
async fn a_known_caller_who_is_refused_can_be_audited() {
    let stage = Stage::new("audit", &[]);
    let seen = Arc::new(Mutex::new(None));
    let see = Arc::clone(&seen);
    let app = App::new()
        .route("/api/v1/door", web::get().to(async |_: Caller<caller::RequestsRead>| HttpResponse::Ok()))
        .route("/api/v1/bare", web::get().to(async || HttpResponse::Forbidden()))
        .wrap(from_fn(move |request: ServiceRequest, next: Next<_>| {
            let see = Arc::clone(&see);
            async move {
                let response = next.call(request).await?;
                *see.lock().unwrap() = refused(&response);
                Ok::<_, Error>(response)
            }
        }));
    let app = init_service(frame(app, stage.context.clone(), Data::default())).await;
    let needs = <caller::RequestsRead as caller::Allowed>::SCOPES;
    for (path, role, expected) in [
        ("/api/v1/door", Some("agent"), Some(needs)),
        ("/api/v1/door", Some("dpo"), None),
        ("/api/v1/door", None, None),
        // This is also true if a handler builds a refusal by hand.
        ("/api/v1/bare", Some("dpo"), Some(&[][..])),
    ] {
        let request = TestRequest::get().uri(path);
        let request = role.map(|role| stage.token("demo", role)).into_iter().fold(request, TestRequest::insert_header);
        call_service(&app, request.to_request()).await;
        let refused = seen.lock().unwrap().take();
        assert_eq!(refused.as_ref().map(|refused| refused.needs), expected, "{path} as {role:?}");
        assert!(refused.is_none_or(|refused| refused.actor.sub == "paal"));
    }
}

#[actix_web::test]
async fn every_path_knows_its_methods() {
    let stage = Stage::new("methods", &[]);
    let app = init_service(app!(stage.context)).await;
    let call = async |method: &str, path: &str| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        parts_of(call_service(&app, TestRequest::default().method(method).uri(path).to_request()).await).await
    };
    for (method, path, status, allow) in [
        ("PUT", THING, 405, "allow: GET, DELETE, HEAD, OPTIONS"),
        ("KARI", THING, 405, "allow: GET, DELETE, HEAD, OPTIONS"),
        ("OPTIONS", THING, 204, "allow: GET, DELETE, HEAD, OPTIONS"),
        ("GET", "/api/v1/things/batch", 405, "allow: POST, OPTIONS"),
        ("HEAD", "/api/v1/things/batch", 405, "allow: POST, OPTIONS"),
        ("OPTIONS", "/api/v1/things/batch", 204, "allow: POST, OPTIONS"),
        ("POST", "/docs/index.html", 405, "allow: GET, HEAD, OPTIONS"),
    ] {
        let (seen, headers, body) = call(method, path).await;
        assert_eq!(seen.as_u16(), status, "{method} {path}");
        assert!(headers.lines().any(|line| line == allow), "{method} {path}: {headers}");
        assert_eq!(body["code"].as_str(), (status == 405).then_some("method_not_allowed"));
    }
    let slashed = format!("{THING}/");
    for path in ["/", "/api/v1", slashed.as_str(), "/api/v1/nothing", "/api/v1/things/a/b"] {
        let (status, headers, body) = call("GET", path).await;
        assert_eq!((status.as_u16(), body["code"].as_str()), (404, Some("not_found")), "{path}");
        assert!(headers.contains("application/problem+json"));
    }
    let request = TestRequest::get().uri("/api/v1/things/17").insert_header(stage.token("demo", "dpo"));
    assert_eq!(call_service(&app, request.to_request()).await.status(), StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn every_failure_is_a_problem() {
    let stage = Stage::new("failures", &[]);
    let app = init_service(app!(stage.context)).await;
    for (kind, status, code) in [
        ("fire", 500, "internal"),
        ("teapot", 418, "bad_request"),
        ("pay", 402, "bad_request"),
        ("panic", 500, "internal"),
        ("slow", 408, "timeout"),
    ] {
        let request = TestRequest::get().uri(&format!("/api/v1/trouble/{kind}")).to_request();
        let (seen, body) = match try_call_service(&app, request).await {
            Ok(response) => (response.status(), read_body(response).await),
            Err(error) => {
                let response = error.error_response();
                (response.status(), actix_web::body::to_bytes(response.into_body()).await.unwrap())
            }
        };
        let body: Value = serde_json::from_slice(&body).unwrap();
        // A status that is not in the table gets the first code of its family.
        let expected = if matches!(status, 402 | 418) { 400 } else { status };
        assert_eq!((seen.as_u16(), body["code"].as_str()), (expected, Some(code)), "{kind}");
        assert!(body["instance"].as_str().unwrap().starts_with("urn:uuid:"), "{kind}");
        assert!(!body.to_string().contains("hunter2") && !body.to_string().contains("fire\""), "{body}");
    }
    let metrics = stage.context.metrics.render().unwrap();
    assert!(metrics.contains(r#"{method="GET",route="/api/v1/trouble/{kind}",status="500"} 2"#), "{metrics}");
}

#[actix_web::test]
async fn only_a_uuid_names_a_call() {
    let stage = Stage::new("ids", &[]);
    let app = init_service(app!(stage.context)).await;
    let call = async |id: &'static str| {
        let request = TestRequest::get().uri("/healthz").insert_header((REQUEST_ID, id)).to_request();
        call_service(&app, request).await.headers().get(REQUEST_ID).unwrap().to_str().unwrap().to_owned()
    };
    let own = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";
    assert_eq!(call(own).await, own);
    assert_ne!(call("+4798765432").await, "+4798765432");
}

#[actix_web::test]
async fn a_caller_that_accepts_no_coding_gets_none() {
    let stage = Stage::new("codings", &[]);
    let app = init_service(app!(stage.context)).await;
    let plain = call_service(&app, TestRequest::get().uri(THING).to_request()).await.status();
    for accepted in ["identity;q=0", "*;q=0", "identity;q=0, *;q=0", "identity;q=0, br", "x"] {
        let request = TestRequest::get().uri(THING).insert_header(("Accept-Encoding", accepted)).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), plain, "{accepted}");
        assert!(!response.headers().contains_key("content-encoding"), "{accepted}");
    }
}

#[actix_web::test]
async fn pages_of_other_origins_need_the_setting() {
    let preflight = || {
        let request = TestRequest::default().method(Method::OPTIONS).uri(THING);
        request.insert_header(("Origin", "https://crm.example")).insert_header(("Access-Control-Request-Method", "GET"))
    };
    let stage = Stage::new("cors-off", &[]);
    let app = init_service(app!(stage.context)).await;
    let (status, headers, _) = parts_of(call_service(&app, preflight().to_request()).await).await;
    assert!(status == StatusCode::NO_CONTENT && !headers.contains("access-control"), "{headers}");

    let stage = Stage::new("cors-on", &["https://crm.example"]);
    let app = init_service(app!(stage.context)).await;
    let (status, headers, _) = parts_of(call_service(&app, preflight().to_request()).await).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(headers.contains("access-control-allow-origin: https://crm.example"), "{headers}");
    let all = "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE";
    assert!(headers.contains(all) && headers.contains("allow: GET, DELETE, HEAD, OPTIONS"), "{headers}");
    // A page may also call a path that does not exist, so that it sees the 404.
    let (status, headers, _) =
        parts_of(call_service(&app, preflight().uri("/api/v1/nothing").to_request()).await).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(headers.contains(all) && headers.contains("access-control-allow-origin: https://crm.example"), "{headers}");
    let (_, headers, _) = parts_of(
        call_service(&app, TestRequest::get().uri(THING).insert_header(("Origin", "https://crm.example")).to_request())
            .await,
    )
    .await;
    assert!(headers.contains("access-control-expose-headers: ETag, Location, Retry-After, X-Request-Id"), "{headers}");
    for header in
        ["Accept-Ranges", "Content-Range", "Content-Disposition", "Repr-Digest", "RateLimit", "RateLimit-Policy"]
    {
        assert!(headers.contains(&format!(", {header}")), "{headers}");
    }
    let other = TestRequest::get().uri(THING).insert_header(("Origin", "https://evil.example")).to_request();
    let response = call_service(&app, other).await;
    assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) && response.headers().get("vary").is_some());
}

#[actix_web::test]
async fn records_come_as_lines_or_as_an_array() {
    let stage = Stage::new("lines", &[]);
    let app = init_service(app!(stage.context)).await;
    let call = async |media_type: &'static str, text: String| {
        let request = TestRequest::post().uri("/api/v1/lines").insert_header((CONTENT_TYPE, media_type));
        parts_of(call_service(&app, request.set_payload(text).to_request()).await).await
    };
    for media_type in ["application/x-ndjson", "application/jsonl", "Application/JSONL; charset=utf-8"] {
        let (_, _, numbers) = call(media_type, "{}\n\n{}\nnonsense".to_owned()).await;
        assert_eq!(numbers, serde_json::json!([1, 3, 4]), "{media_type}");
    }
    let (_, _, numbers) = call("application/x-ndjson", "{}\n\n{}\nnonsense".to_owned()).await;
    assert_eq!(numbers, serde_json::json!([1, 3, 4]));
    let (_, _, numbers) = call("application/json", r#"[{}, "\u0000", 7]"#.to_owned()).await;
    assert_eq!(numbers, serde_json::json!([1, 2, 3]));
    let invalid = [
        ("application/json", "{}".to_owned(), 422),
        ("application/json", "[{}".to_owned(), 400),
        ("application/json", format!("[{}1]", "1,".repeat(1000)), 422),
        ("text/csv", "a;b".to_owned(), 415),
    ];
    for (media_type, text, status) in invalid {
        assert_eq!(call(media_type, text).await.0.as_u16(), status, "{media_type}");
    }
}

#[test]
fn the_document_names_every_problem_once() {
    let things = scope("/api/v1").service(add_things).service(get_thing);
    let (_, mut document) = App::new().into_utoipa_app().service(things).split_for_parts();
    Contract.modify(&mut document);
    let document = serde_json::to_value(document).unwrap();
    let responses = &document["paths"]["/api/v1/things/batch"]["post"]["responses"];
    for status in ["400", "401", "403", "408", "413", "415", "422", "500", "503"] {
        let reference = responses[status]["$ref"].as_str().unwrap();
        let target = document.pointer(&reference[1..]).unwrap();
        let content = &target["content"]["application/problem+json"];
        let examples: Vec<_> = match content["examples"].as_object() {
            Some(examples) => examples.values().map(|example| &example["value"]).collect(),
            None => vec![&content["example"]],
        };
        assert!(examples.iter().all(|example| example["status"].as_u64() == status.parse().ok()), "{status}: {target}");
    }
    assert!(document["components"]["responses"].get("NotBuiltIn").is_none(), "no operation answers this");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert!(
        document["components"]["schemas"]["Problem"].is_object()
            && document["components"]["schemas"]["FieldError"].is_object()
    );
}
