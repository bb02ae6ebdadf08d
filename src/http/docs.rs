//! The problems and the token of every operation in the OpenAPI document.
//!
//! A handler names the groups that apply: `responses((status = 200, …), CallProblems, BodyProblems)`. The document
//! contains each problem once, under `components/responses`. [`Contract`] adds them there.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, ToSchema};

use super::problem::{Code, PROBLEM_JSON, ProblemBody};
use crate::base::field::FieldError;

/// The name of the security scheme.
pub const BEARER: &str = "bearer";

type Responses = BTreeMap<String, RefOr<Response>>;

/// One problem response of the document, by status: its name in `components`, and its codes.
struct Documented {
    status: u16,
    name: &'static str,
    codes: &'static [Code],
}

const DOCUMENTED: &[Documented] = &[
    Documented { status: 400, name: "BadRequest", codes: &[Code::JsonInvalid, Code::CursorInvalid, Code::BadRequest] },
    Documented { status: 401, name: "Unauthorized", codes: &[Code::Unauthorized] },
    Documented {
        status: 403,
        name: "Forbidden",
        codes: &[Code::Forbidden, Code::TenantUnknown, Code::PurposeRequired],
    },
    Documented { status: 404, name: "NotFound", codes: &[Code::NotFound] },
    Documented { status: 405, name: "MethodNotAllowed", codes: &[Code::MethodNotAllowed] },
    Documented { status: 408, name: "Timeout", codes: &[Code::Timeout] },
    Documented {
        status: 409,
        name: "Conflict",
        codes: &[
            Code::StateConflict,
            Code::PassStarted,
            Code::InProgress,
            Code::RecordingEncrypted,
            Code::RecordingKeyExpired,
            Code::ContentForgotten,
        ],
    },
    Documented { status: 412, name: "VersionStale", codes: &[Code::VersionStale] },
    Documented { status: 413, name: "TooLarge", codes: &[Code::TooLarge] },
    Documented { status: 415, name: "MediaTypeUnsupported", codes: &[Code::MediaTypeUnsupported] },
    Documented { status: 416, name: "RangeNotSatisfiable", codes: &[Code::RangeNotSatisfiable] },
    Documented { status: 422, name: "ValidationFailed", codes: &[Code::ValidationFailed, Code::IdempotencyKeyReused] },
    Documented { status: 428, name: "IfMatchRequired", codes: &[Code::IfMatchRequired] },
    Documented { status: 429, name: "TooManyRequests", codes: &[Code::TooManyRequests] },
    Documented { status: 500, name: "Internal", codes: &[Code::Internal] },
    Documented { status: 501, name: "NotBuiltIn", codes: &[Code::NotBuiltIn] },
    Documented { status: 503, name: "Unavailable", codes: &[Code::Unavailable, Code::ReplayNeeded] },
];

fn named(statuses: &[u16]) -> Responses {
    let documented = DOCUMENTED.iter().filter(|documented| statuses.contains(&documented.status));
    documented
        .map(|documented| (documented.status.to_string(), Ref::from_response_name(documented.name).into()))
        .collect()
}

/// Declares groups of problems for `responses(…)`.
macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)*;)*) => {
        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;
        impl IntoResponses for $name {
            fn responses() -> Responses {
                named(&[$($status),*])
            }
        })*
    };
}

groups! {
    /// The problems of any call with a token: 401, 403, 408, 422 for its query, 500, and 503.
    CallProblems: 401 403 408 422 500 503;
    /// Further problems of a call with a JSON body: 400, 413, 415, and 422.
    BodyProblems: 400 413 415 422;
    /// Further problems of a list: 400 for its cursor, and 422 for its query.
    ListProblems: 400 422;
    /// Further problems of a call that names one resource: 404.
    ItemProblems: 404;
    /// Further problems of a change of one resource: 409, 412, and 428.
    VersionProblems: 409 412 428;
    /// Further problems of a call that creates: 409 while the same call runs.
    CreateProblems: 409;
    /// Further problems of a call that is limited in number: 429.
    BusyProblems: 429;
    /// Further problems of a call that sends bytes: 400, 413, and 415.
    UploadProblems: 400 413 415;
    /// Further problems of a call for a range of bytes: 416.
    RangeProblems: 416;
    /// Further problems of a call that the state may forbid: 409.
    StateProblems: 409;
    /// Further problems of a call of an optional part: 501.
    OptionalProblems: 501;
    /// Further problems of a probe: 405.
    ProbeProblems: 405;
    /// 503 only.
    Unavailable: 503;
}

/// The extension that names the scopes, any of which allows an operation. A bearer scheme has no list of its own.
const REQUIRED_SCOPES: &str = "x-required-scopes";

/// Adds the used problems, their schema, and the security scheme to the document. It also names the scopes of each
/// operation, and removes schemas that nothing refers to. It runs when all routes are registered.
#[derive(Clone, Copy, Debug)]
pub struct Contract;

impl Modify for Contract {
    fn modify(&self, document: &mut OpenApi) {
        let used: Vec<_> = DOCUMENTED.iter().filter(|documented| documented.is_in(document)).collect();
        let components = document.components.get_or_insert_with(Components::new);
        let mut schemas = vec![(ProblemBody::name().into_owned(), <ProblemBody as utoipa::PartialSchema>::schema())];
        schemas.push((FieldError::name().into_owned(), <FieldError as utoipa::PartialSchema>::schema()));
        components.schemas.extend(schemas);
        let about = "An access token of the identity provider. Its scopes and roles decide which calls are allowed.";
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(about));
        components.security_schemes.insert(BEARER.to_owned(), RefOr::T(SecurityScheme::Http(bearer.build())));
        for documented in used {
            components.responses.insert(documented.name.to_owned(), documented.response().into());
        }
        operations(document).for_each(name_scopes);
        prune(document);
    }
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    items
        .flat_map(|item| [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete])
        .filter_map(Option::as_mut)
}

/// Handlers name their scopes beside the scheme. The document has them in an extension.
fn name_scopes(operation: &mut Operation) {
    let named = json!(operation.security).pointer(&format!("/0/{BEARER}")).cloned();
    if let Some(named) = named {
        operation.security = Some(vec![SecurityRequirement::new(BEARER, [""; 0])]);
        let scopes = ExtensionsBuilder::new().add(REQUIRED_SCOPES, named).build();
        operation.extensions.get_or_insert_default().merge(scopes);
    }
}

/// Removes schemas that nothing refers to. They are parts of generic types, which contain them inline.
fn prune(document: &mut OpenApi) {
    loop {
        let text = json!(document).to_string();
        let Some(components) = &mut document.components else { return };
        let before = components.schemas.len();
        components.schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if components.schemas.len() == before {
            return;
        }
    }
}

impl Documented {
    /// Whether an operation refers to the problem. The document describes nothing that it does not use.
    fn is_in(&self, document: &OpenApi) -> bool {
        let here = Ref::from_response_name(self.name).ref_location;
        let refers = |response: &RefOr<Response>| matches!(response, RefOr::Ref(there) if there.ref_location == here);
        let items = document.paths.paths.values();
        let operations = items.flat_map(|item| [&item.get, &item.post, &item.put, &item.patch, &item.delete]).flatten();
        operations.flat_map(|operation| operation.responses.responses.values()).any(refers)
    }

    fn response(&self) -> Response {
        let words: Vec<_> = self.codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
        let title = self.codes.first().map_or("", |code| code.title());
        let schema = Ref::from_schema_name(ProblemBody::name());
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(self.example())).build();
        let mut response = ResponseBuilder::new()
            .description(format!("{title} Code: {}.", words.join(", ")))
            .content(PROBLEM_JSON, content)
            .header("X-Request-Id", header("The id of the call, as the log contains it."));
        if self.status == 401 {
            response = response.header("WWW-Authenticate", header("The way to authenticate."));
        }
        if self.status == 503 || self.status == 429 {
            response = response.header("Retry-After", header("The seconds to wait before the next attempt."));
        }
        if self.status == 405 {
            response = response.header("Allow", header("The methods that are allowed."));
        }
        response.build()
    }

    fn example(&self) -> Value {
        let code = self.codes.first().copied().unwrap_or(Code::Internal);
        let mut example = json!({
            "type": format!("urn:lethe:problem:{}", code.as_str()),
            "title": code.title(),
            "status": self.status,
            "detail": code.detail(),
            "instance": "urn:uuid:0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11",
            "code": code.as_str(),
        });
        if self.status == 422 {
            example["errors"] = json!([{ "pointer": "/to_date", "code": "required", "detail": "is required" }]);
        }
        example
    }
}

fn header(about: &str) -> utoipa::openapi::header::Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).description(Some(about)).build()
}
