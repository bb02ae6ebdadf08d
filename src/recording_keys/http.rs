//! The endpoints of the tenant's key.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, put};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{KeyError, KeyKind, RecordingKey};
use crate::http::caller::{ContentRead, KeysAdmin};
use crate::http::docs::{BodyProblems, CallProblems, ItemProblems, OptionalProblems};
use crate::http::json::Body;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::vault::AppContext;

/// The routes of the tenant's key.
pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(get_recording_key).service(register_recording_key).service(remove_recording_key);
}

/// The description of the key that recordings are encrypted with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingKey, example = json!({
    "kind": "openpgp", "fingerprint": "B8A2D1F5C03E4C7F9B0E2D6A1C3F5E7A9B8D7C6F", "algorithm": "RSA 3072",
    "expires_at": "2028-08-01T00:00:00Z"
}))]
pub struct RecordingKeyItem {
    /// The kind of its certificate.
    pub kind: KeyKind,
    /// The certificate's fingerprint in upper-case hexadecimal digits. It is OpenPGP's own, or the SHA-256 of the X.509
    /// certificate.
    #[schema(example = "B8A2D1F5C03E4C7F9B0E2D6A1C3F5E7A9B8D7C6F")]
    pub fingerprint: String,
    /// The algorithm of the key.
    #[schema(example = "RSA 3072")]
    pub algorithm: String,
    /// Nothing is encrypted with the key from this time on. It is null if the key does not expire.
    #[schema(required)]
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<RecordingKey> for RecordingKeyItem {
    fn from(key: RecordingKey) -> Self {
        let RecordingKey { kind, fingerprint, algorithm, expires_at, certificate: _ } = key;
        Self { kind, fingerprint, algorithm, expires_at }
    }
}

/// A certificate of nobody, so that the example of the document is one that the service takes.
const EXAMPLE: &str = "-----BEGIN CERTIFICATE-----\n\
    MIIBiTCCAS6gAwIBAgIUT2f1CxgLx6rq5Npf48y+Q/70dNQwCgYIKoZIzj0EAwIw\n\
    FTETMBEGA1UEAwwKUmVjb3JkaW5nczAgFw0yNjExMjkyMjUzMjJaGA8yMTAwMTEw\n\
    MTIyNTMyMlowFTETMBEGA1UEAwwKUmVjb3JkaW5nczBZMBMGByqGSM49AgEGCCqG\n\
    SM49AwEHA0IABAq1BZumlLM4T/b8POq+E2mP/ttdn6BhvltgkNKSbIfwy03IQbCm\n\
    0BDagwvqk4pDlh1ptKkryPbK6+iSpcRse5yjWjBYMB0GA1UdDgQWBBS1GpAoGy0Y\n\
    9ZBFSS3HwYs1mQ9AIzAfBgNVHSMEGDAWgBS1GpAoGy0Y9ZBFSS3HwYs1mQ9AIzAL\n\
    BgNVHQ8EBAMCAwgwCQYDVR0TBAIwADAKBggqhkjOPQQDAgNJADBGAiEAhgp7vfsT\n\
    YDyJKol/RYSrtoA19ag35tGMo4sx6b+c+dICIQDaiTlUX1Qm9mme8W7DrUGJq9dZ\n\
    s/yZ2zlNDiP89dMk4g==\n\
    -----END CERTIFICATE-----\n";

/// A certificate to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "x509", "certificate": EXAMPLE }))]
pub struct RecordingKeyCertificate {
    /// The kind of the certificate.
    pub kind: KeyKind,
    /// The certificate: OpenPGP in armor, X.509 in PEM, or the bytes of either in base64. At most 64 KB.
    #[schema(max_length = 65536)]
    pub certificate: String,
}

/// Get the recording key
///
/// The fingerprint, the algorithm, and the expiry of the key that recordings are encrypted with. If there is no key,
/// the call returns 404.
///
/// This operation needs the scope `content:read`.
#[utoipa::path(tag = "content", operation_id = "get_recording_key", security(("bearer" = ["content:read"])),
    responses((status = 200, description = "The description of the key.", body = RecordingKeyItem), CallProblems, ItemProblems))]
#[get("/tenant/recording-key")]
pub async fn get_recording_key(
    caller: Caller<ContentRead>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<RecordingKeyItem>> {
    let key = super::find(&app, caller.tenant).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(key.into()))
}

/// Register the recording key
///
/// Registers an OpenPGP or X.509 certificate in place of the earlier one. Later recordings are encrypted with it. A
/// certificate can be refused with one of these codes at `/certificate`: `private_key`, `not_a_certificate`,
/// `several_certificates`, `too_long`, `version_unsupported`, `unbound`, `sha1_binding`, `revoked`, `expired`,
/// `not_yet_valid`, `no_encryption_key`, `not_for_encryption`, `too_weak`, `algorithm_unsupported`. The signer of an X.509
/// certificate is not checked. Compare the fingerprint in the response with the fingerprint of your certificate.
///
/// This operation needs the scope `keys:admin`.
#[utoipa::path(tag = "content", operation_id = "register_recording_key", security(("bearer" = ["keys:admin"])),
    request_body = RecordingKeyCertificate,
    responses((status = 200, description = "The description of the registered key.", body = RecordingKeyItem),
        CallProblems, BodyProblems, OptionalProblems))]
#[put("/tenant/recording-key")]
pub async fn register_recording_key(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    body: Body<RecordingKeyCertificate>,
    app: Data<AppContext>,
) -> ApiResult<Json<RecordingKeyItem>> {
    let RecordingKeyCertificate { kind, certificate } = body.0;
    Ok(Json(super::register(&app, &caller, kind, certificate).await?.into()))
}

/// Remove the recording key
///
/// Later recordings are not encrypted with the key. Earlier ones stay encrypted, and only the owner of the key can open them.
///
/// This operation needs the scope `keys:admin`.
#[utoipa::path(tag = "content", operation_id = "remove_recording_key", security(("bearer" = ["keys:admin"])),
    responses((status = 204, description = "The key is removed."), CallProblems, ItemProblems))]
#[delete("/tenant/recording-key")]
pub async fn remove_recording_key(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    if !super::remove(&app, &caller).await? {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(HttpResponse::NoContent().finish())
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Refused(refusal) => {
                Self::new(Code::ValidationFailed).at("/certificate", refusal.code(), refusal.detail())
            }
            KeyError::NotBuiltIn => Self::new(Code::NotBuiltIn)
                .detail("This build does not include encryption for keys of this kind. Use another key."),
            KeyError::TooLong => {
                Self::new(Code::TooLarge).detail("The file is too long for one encrypted message. Send a shorter file.")
            }
            KeyError::Unusable | KeyError::Crypto(_) => Self::internal(error),
            KeyError::Store(error) => error.into(),
        }
    }
}
