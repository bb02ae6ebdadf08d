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

/// The key that recordings are encrypted with, without the key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "RecordingKey")]
pub struct RecordingKeyItem {
    /// What it came as.
    pub kind: KeyKind,
    /// The certificate's fingerprint in upper-case hexadecimal digits: OpenPGP's own, or the SHA-256 of the X.509
    /// certificate.
    #[schema(example = "B8A2D1F5C03E4C7F9B0E2D6A1C3F5E7A9B8D7C6F")]
    pub fingerprint: String,
    /// What the key is.
    #[schema(example = "RSA 3072")]
    pub algorithm: String,
    /// From when on nothing is encrypted with it; null: never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<RecordingKey> for RecordingKeyItem {
    fn from(key: RecordingKey) -> Self {
        let RecordingKey { kind, fingerprint, algorithm, expires_at, certificate: _ } = key;
        Self { kind, fingerprint, algorithm, expires_at }
    }
}

/// A certificate to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "x509", "certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"}))]
pub struct RecordingKeyCertificate {
    /// What it is.
    pub kind: KeyKind,
    /// The certificate: OpenPGP in armor, X.509 in PEM, or either's bytes in base64. At most 64 KB.
    #[schema(max_length = 65536)]
    pub certificate: String,
}

/// Get the recording key
///
/// Fingerprint, algorithm and expiry of the key that recordings are encrypted with, never the key; 404 if there is none.
///
/// Needs the scope `content:read`.
#[utoipa::path(tag = "content", operation_id = "get_recording_key", security(("bearer" = ["content:read"])),
    responses((status = 200, description = "What is known of it.", body = RecordingKeyItem), CallProblems, ItemProblems))]
#[get("/tenant/recording-key")]
pub async fn get_recording_key(
    caller: Caller<ContentRead>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<RecordingKeyItem>> {
    let key = super::find(&stores, caller.tenant).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(key.into()))
}

/// Register the recording key
///
/// An OpenPGP or X.509 certificate that recordings are encrypted with from now on, in place of the one before. Refused with
/// a code of its own at `/certificate`: `private_key`, `not_a_certificate`, `several_certificates`, `too_long`,
/// `version_unsupported`, `unbound`, `sha1_binding`, `revoked`, `expired`, `not_yet_valid`, `no_encryption_key`,
/// `not_for_encryption`, `too_weak`, `algorithm_unsupported`. Who signed an X.509 certificate is not checked: compare the
/// fingerprint that is answered.
///
/// Needs the scope `keys:admin`.
#[utoipa::path(tag = "content", operation_id = "register_recording_key", security(("bearer" = ["keys:admin"])),
    request_body = RecordingKeyCertificate,
    responses((status = 200, description = "What was registered.", body = RecordingKeyItem),
        CallProblems, BodyProblems, OptionalProblems))]
#[put("/tenant/recording-key")]
pub async fn register_recording_key(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    body: Body<RecordingKeyCertificate>,
    stores: Data<AppContext>,
) -> ApiResult<Json<RecordingKeyItem>> {
    let RecordingKeyCertificate { kind, certificate } = body.0;
    Ok(Json(super::register(&stores, &caller, kind, certificate).await?.into()))
}

/// Remove the recording key
///
/// Recordings are not encrypted for it any more; what was stays so, and only its owner can open it.
///
/// Needs the scope `keys:admin`.
#[utoipa::path(tag = "content", operation_id = "remove_recording_key", security(("bearer" = ["keys:admin"])),
    responses((status = 204, description = "It is gone."), CallProblems, ItemProblems))]
#[delete("/tenant/recording-key")]
pub async fn remove_recording_key(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    if !super::remove(&stores, &caller).await? {
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
            KeyError::NotBuiltIn => Self::new(Code::NotBuiltIn).detail("this build cannot encrypt for such keys"),
            KeyError::TooLong => Self::new(Code::TooLarge).detail("one encrypted message cannot hold so much"),
            KeyError::Unusable | KeyError::Crypto(_) => Self::internal(error),
            KeyError::Store(error) => error.into(),
        }
    }
}
