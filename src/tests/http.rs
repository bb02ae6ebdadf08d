//! Calls of endpoints on the stage.

use std::sync::Arc;

use actix_web::App;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, AsHeaderName, HeaderMap, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{Bytes, Data};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{AppExt as _, scope};

use super::Stage;
use crate::base::clock::Clock;
use crate::base::recipient::Membership;
use crate::config::Config;
use crate::http::auth::dev_token;
use crate::http::middleware::{Routes, frame};
use crate::http::{HttpContext, Limits, Registry, TenantDirectory, TokenKeys};
use crate::telemetry::Metrics;

type Registrar = fn(&mut Registry<'_, '_>);

/// One call of an endpoint of a slice.
pub struct Call<'a> {
    stage: &'a Stage,
    routes: Registrar,
    request: TestRequest,
    roles: &'static str,
}

pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    pub body: Value,
}

impl Stage {
    /// A call by a user with some roles: `dpo,integration`. Without roles, the call has no token.
    pub fn call(&self, routes: Registrar, roles: &'static str, method: Method, path: impl AsRef<str>) -> Call<'_> {
        Call { stage: self, routes, request: TestRequest::default().method(method).uri(path.as_ref()), roles }
    }
}

impl Call<'_> {
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.insert_header((name, HeaderValue::from_bytes(value.as_ref()).unwrap()));
        self
    }

    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.request = self.request.set_payload(bytes);
        self
    }

    pub fn json(mut self, body: impl Serialize) -> Self {
        self.request = self.request.set_json(body);
        self
    }

    pub fn roles(mut self, roles: &'static str) -> Self {
        self.roles = roles;
        self
    }

    pub async fn send(self) -> Answered {
        let settings = vec![("LETHE_DATA_DIR".to_owned(), self.stage.folder.display().to_string())];
        let config = Config::read(None, settings).unwrap();
        let roles: Vec<_> = self.roles.split(',').map(str::to_owned).collect();
        let token = (!self.roles.is_empty()).then(|| dev_token(&config, "demo", &roles, "paal").unwrap());
        let tenant = self.stage.tenant.id;
        let context = HttpContext {
            keys: TokenKeys::open(&config, Clock::System).unwrap(),
            tenants: TenantDirectory::new(
                move |_| Box::pin(async move { Ok(Some(tenant)) }),
                |_, _, _, _| Box::pin(async { Ok(None::<(Membership, ())>) }),
            ),
            metrics: Metrics::new().unwrap(),
            limits: Limits::new(&config.http),
            memory: Arc::clone(&self.stage.app.memory),
            http: config.http,
        };
        let (app, document) = App::new()
            .into_utoipa_app()
            .service(scope::scope("/api/v1").configure(|document| (self.routes)(&mut Registry::Document(document))))
            .split_for_parts();
        let app = app.app_data(Data::from(Arc::clone(&self.stage.app)));
        let app = app.app_data(Data::from(Arc::clone(&self.stage.content_store)));
        let routes = Routes::new(&document.to_json().unwrap()).unwrap();
        let app = init_service(frame(app, Data::new(context), Data::new(routes))).await;
        let mut request = self.request;
        if let Some(token) = token {
            request = request.insert_header((AUTHORIZATION, format!("Bearer {token}")));
        }
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = read_body(response).await;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answered { status, headers, bytes, body }
    }
}

impl Answered {
    pub fn header(&self, name: impl AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn problem(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

/// The OpenAPI document of a slice.
pub fn document(routes: Registrar) -> OpenApi {
    let scope = scope::scope("/api/v1").configure(|document| routes(&mut Registry::Document(document)));
    App::new().into_utoipa_app().service(scope).split_for_parts().1
}
