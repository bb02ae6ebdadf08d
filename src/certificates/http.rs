//! The endpoints of certificates.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::CertificateError;
use crate::base::id::RequestId;
use crate::base::jws::KeySet;
use crate::http::caller::RequestsRead;
use crate::http::docs::{CallProblems, CertificateProblems, OpenProblems};
use crate::http::path::Id;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::vault::AppContext;

/// The media type of a certificate.
const JOSE_JSON: &str = "application/jose+json";

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(get_erasure_certificate);
}

/// A certificate of erasure: a flattened JWS (RFC 7515). The payload is JSON in base64url. Any JOSE library verifies it
/// with the keys of `/.well-known/lethe/jwks.json`.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "payload": "eyJpc3MiOiJsZXRoZSIsInZlcnNpb24iOjF9",
    "protected": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLCJ0eXAiOiJsZXRoZS1lcmFzdXJlK2p3cyJ9",
    "signature": "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
}))]
pub struct ErasureCertificate {
    /// The payload: the request, its results, the scan, what is still held, and what is not proved.
    pub payload: String,
    /// The header: `alg` is `EdDSA`, `typ` is `lethe-erasure+jws`, and `kid` is the thumbprint of the key (RFC 7638).
    pub protected: String,
    /// The Ed25519 signature of `protected`, a full stop, and `payload`.
    pub signature: String,
}

/// Get the certificate of a request
///
/// The nightly job that carries a request out makes its certificate at its end. Until then the code is
/// `certificate_not_ready`. A second version follows when the scan has read the whole archive since. A certificate
/// contains no identifier, and it is deleted with its request.
///
/// This operation needs the scope `requests:read`.
#[utoipa::path(tag = "requests", operation_id = "get_erasure_certificate", security(("bearer" = ["requests:read"])),
    params(("id" = Uuid, Path, description = "The request's id.")),
    responses((status = 200, description = "The certificate.", body = ErasureCertificate,
            content_type = "application/jose+json"), CallProblems, CertificateProblems))]
#[get("/anonymize-requests/{id}/certificate")]
pub async fn get_erasure_certificate(
    caller: Caller<RequestsRead>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let document = super::find(&app, caller.tenant, id.0).await?;
    Ok(HttpResponse::Ok().content_type(JOSE_JSON).body(document))
}

/// The public keys that verify certificates of erasure (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "keys": [{
    "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA"
}] }))]
pub struct VerificationKeys {
    /// All keys, the newest one last. Older keys stay, because they verify older certificates.
    pub keys: Vec<VerificationKey>,
}

/// A public key.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA"
}))]
pub struct VerificationKey {
    /// The type of the key: `OKP`.
    pub kty: String,
    /// The curve: `Ed25519`.
    pub crv: String,
    /// The key, in base64url.
    pub x: String,
    /// The thumbprint of the key (RFC 7638).
    pub kid: String,
    /// The use of the key: `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The algorithm: `EdDSA`.
    pub alg: String,
}

/// Get the keys that verify certificates
///
/// The public keys of all versions. Give this document to everybody who has to verify certificates.
///
/// This operation needs no token.
#[utoipa::path(tag = "requests", operation_id = "get_verification_keys", security(()),
    responses((status = 200, description = "The public keys.", body = VerificationKeys), OpenProblems))]
#[get("/.well-known/lethe/jwks.json")]
pub async fn get_verification_keys(_: Params<Nothing>, app: Data<AppContext>) -> ApiResult<Json<KeySet>> {
    Ok(Json(super::public_keys(&app).await?))
}

impl From<CertificateError> for Problem {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::NotFound => Self::new(Code::NotFound),
            CertificateError::NotReady => Self::new(Code::CertificateNotReady),
            CertificateError::Unwritable => Self::internal(error),
            CertificateError::Store(error) => error.into(),
            CertificateError::Vault(error) => error.into(),
        }
    }
}
