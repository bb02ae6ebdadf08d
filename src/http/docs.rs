//! The problems and the token of every operation in the OpenAPI document.
//!
//! A handler names the groups that apply: `responses((status = 200, …), CallProblems, BodyProblems)`. Each operation lists
//! exactly the codes of its groups. [`Contract`] makes one response of the codes with the same status, and adds it under
//! `components/responses`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, PartialSchema as _, ToSchema as _};

use super::problem::{Code, PROBLEM_JSON, ProblemBody};

/// The name of the security scheme.
pub const BEARER: &str = "bearer";

type Responses = BTreeMap<String, RefOr<Response>>;

/// The codes of a group, each as a response of its own. [`Contract`] merges the codes of an operation that have the same
/// status.
fn coded(codes: &[Code]) -> Responses {
    codes.iter().map(|code| (code.as_str().to_owned(), Response::default().into())).collect()
}

/// Declares groups of problems for `responses(…)`.
macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident: $($code:ident)*;)*) => {
        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;
        impl IntoResponses for $name {
            fn responses() -> Responses {
                coded(&[$(Code::$code),*])
            }
        })*
    };
}

groups! {
    /// The problems of any call with a token.
    CallProblems: Unauthorized Forbidden TenantUnknown Timeout ValidationFailed TooManyRequests Internal Unavailable
        ReplayNeeded;
    /// Further problems of a call with a JSON body.
    BodyProblems: BadRequest JsonInvalid TooLarge MediaTypeUnsupported ValidationFailed;
    /// Further problems of a call with a spreadsheet.
    SpreadsheetProblems: BadRequest TooLarge MediaTypeUnsupported ValidationFailed;
    /// Further problems of a list.
    ListProblems: CursorInvalid ValidationFailed;
    /// Further problems of a call that names one resource.
    ItemProblems: NotFound;
    /// Further problems of a call for a certificate.
    CertificateProblems: NotFound CertificateNotReady;
    /// Further problems of a change of one version of a resource.
    VersionProblems: VersionStale IfMatchRequired;
    /// Further problems of a call that may name a version.
    StaleProblems: VersionStale;
    /// Further problems of a change of a request, which must be waiting.
    WaitingProblems: StateConflict PassStarted;
    /// Further problems of a decision about another user's request.
    DecisionProblems: OwnRequest StateConflict;
    /// Further problems of a deletion, which a legal hold forbids.
    HeldProblems: LegalHold;
    /// Further problems of a call that places a hold, which a running pass may forbid.
    PassProblems: PassStarted;
    /// Further problems of a call with an idempotency key.
    CreateProblems: StateConflict InProgress IdempotencyKeyReused;
    /// Further problems of a call with an idempotency key whose outcome cannot be deleted.
    KeyedProblems: InProgress IdempotencyKeyReused;
    /// Further problems of a call that may have to state a purpose.
    PurposeProblems: PurposeRequired;
    /// Further problems of a decision about a reveal.
    RevealDecisionProblems: OwnRequest StateConflict RevealExpired;
    /// Further problems of a call that opens a reveal.
    RevealOpenProblems: NotRequester StateConflict RevealWaiting RevealExpired RevealCap;
    /// Further problems of a call that revokes a reveal.
    RevealRevokeProblems: NotRequester StateConflict;
    /// Further problems of a call that is limited in number.
    BusyProblems: TooManyRequests;
    /// Further problems of a total.
    TotalsProblems: ValidationFailed TooManyCells GrainGone;
    /// Further problems of an upload.
    UploadProblems: BadRequest JsonInvalid RecordingKeyExpired ContentForgotten RecordAged TooLarge
        MediaTypeUnsupported;
    /// Further problems of a call for a range of bytes.
    RangeProblems: RangeNotSatisfiable;
    /// Further problems of a call that the state may forbid.
    StateProblems: StateConflict;
    /// Further problems of a call that plays a recording.
    PlayProblems: StateConflict RecordingEncrypted;
    /// Further problems of a call of an optional part.
    OptionalProblems: NotBuiltIn;
    /// Further problems of a probe.
    ProbeProblems: MethodNotAllowed;
    /// The problems of a call without a token.
    OpenProblems: Timeout ValidationFailed Internal Unavailable;
    /// A service that is not ready.
    Unavailable: Unavailable;
}

/// The extension that names the scopes, any of which allows an operation. A bearer scheme has no list of its own.
const REQUIRED_SCOPES: &str = "x-required-scopes";

/// Adds the problems of each operation, their schema, and the security scheme to the document. It also names the scopes
/// of each operation, and removes schemas that nothing refers to. It runs when all routes are registered.
#[derive(Clone, Copy, Debug)]
pub struct Contract;

impl Modify for Contract {
    fn modify(&self, document: &mut OpenApi) {
        let mut used = BTreeSet::new();
        for operation in operations(document) {
            name_scopes(operation);
            name_content_headers(operation);
            used.extend(merge_problems(operation));
        }
        let components = document.components.get_or_insert_with(Components::new);
        components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
        let mut schemas = Vec::new();
        ProblemBody::schemas(&mut schemas);
        components.schemas.extend(schemas);
        let about = "An access token of the identity provider. Its scopes and roles decide which calls are allowed.";
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(about));
        components.security_schemes.insert(BEARER.to_owned(), RefOr::T(SecurityScheme::Http(bearer.build())));
        components.responses.extend(used.into_iter().map(|problem| (problem.name(), problem.response().into())));
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

/// Names the headers of content, in the operations that send ranges of it.
fn name_content_headers(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    if !responses.contains_key("206") {
        return;
    }
    let whole = ["200", "206"];
    for (name, about, statuses) in [
        ("ETag", "The version of what is sent.", &["200", "206", "304"][..]),
        ("Accept-Ranges", "`bytes`.", &whole),
        ("Content-Disposition", "Whether the content is shown or saved, and its file name.", &whole),
        ("Repr-Digest", "The SHA-256 of all bytes (RFC 9530), if they are those that were uploaded.", &whole),
        ("Content-Range", "The range that is sent, and the number of all bytes.", &["206"]),
    ] {
        for status in statuses {
            if let Some(RefOr::T(response)) = responses.get_mut(*status) {
                response.headers.insert(name.to_owned(), header(about).into());
            }
        }
    }
}

/// Replaces the codes of an operation by one response for each status, and returns these responses.
fn merge_problems(operation: &mut Operation) -> Vec<Documented> {
    let responses = &mut operation.responses.responses;
    let mut documented: Vec<Documented> = Vec::new();
    for code in Code::ALL.iter().filter(|code| responses.remove(code.as_str()).is_some()) {
        match documented.iter_mut().find(|documented| documented.status == code.number()) {
            Some(documented) => documented.codes.push(*code),
            None => documented.push(Documented { status: code.number(), codes: vec![*code] }),
        }
    }
    responses.extend(
        documented
            .iter()
            .map(|documented| (documented.status.to_string(), Ref::from_response_name(documented.name()).into())),
    );
    documented
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

/// The problem response of operations for one status: the codes that these operations have.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Documented {
    status: u16,
    codes: Vec<Code>,
}

impl Documented {
    /// The name in `components`, such as `StateConflictOrPassStarted`.
    fn name(&self) -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let name = |code: &Code| code.as_str().split('_').map(capital).collect::<String>();
        self.codes.iter().map(name).collect::<Vec<_>>().join("Or")
    }

    fn response(&self) -> Response {
        let about: Vec<_> = self.codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.title())).collect();
        let schema = Ref::from_schema_name(ProblemBody::name());
        let mut content = ContentBuilder::new().schema(Some(schema));
        content = match *self.codes {
            [code] => content.example(Some(example(code))),
            _ => content.examples_from_iter(self.codes.iter().map(|code| {
                (code.as_str(), ExampleBuilder::new().summary(code.title()).value(Some(example(*code))).build())
            })),
        };
        let mut response = ResponseBuilder::new()
            .description(about.join(" "))
            .content(PROBLEM_JSON, content.build())
            .header("X-Request-Id", header("The id of the call, as the log contains it."));
        if self.status == 401 {
            response = response.header("WWW-Authenticate", header("The way to authenticate."));
        }
        if self.status == 503 || self.status == 429 {
            response = response.header("Retry-After", header("The seconds to wait before the next attempt."));
        }
        if self.status == 429 {
            response = response.header("RateLimit-Policy", header("The limits of the number of calls."));
            response =
                response.header("RateLimit", header("The calls that are left, and the seconds until there are more."));
        }
        if self.status == 416 {
            response = response.header("Content-Range", header("The number of all bytes."));
        }
        if self.status == 405 {
            response = response.header("Allow", header("The methods that are allowed."));
        }
        response.build()
    }
}

fn example(code: Code) -> Value {
    let mut example = json!({
        "type": format!("urn:lethe:problem:{}", code.as_str()),
        "title": code.title(),
        "status": code.number(),
        "detail": code.detail(),
        "instance": "urn:uuid:0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11",
        "code": code.as_str(),
    });
    if code == Code::ValidationFailed {
        example["errors"] = json!([{ "pointer": "/to_date", "code": "required", "detail": "is required" }]);
    }
    example
}

fn header(about: &str) -> utoipa::openapi::header::Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).description(Some(about)).build()
}
