//! The endpoints of delivery.

mod body;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, post, put};

use super::DeliveryError;
use crate::base::id::DeliveryId;
use crate::base::page::{Page, Position};
use crate::http::caller::{JobsRead, KeysAdmin};
use crate::http::docs::{BodyProblems, CallProblems, ItemProblems, ListProblems, OptionalProblems, StateProblems};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::vault::AppContext;

use body::{DeliveryItem, DeliveryListing, DeliveryTarget, DeliveryTargetItem};

type DeliveryPage = Page<DeliveryItem>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(get_delivery_target)
        .service(set_delivery_target)
        .service(remove_delivery_target)
        .service(list_deliveries)
        .service(retry_delivery);
}

/// Get the delivery target
///
/// The target to which the tenant's recordings are delivered, without its secret. If there is no target, the call
/// returns 404.
///
/// This operation needs the scope `keys:admin`.
#[utoipa::path(tag = "delivery", operation_id = "get_delivery_target", security(("bearer" = ["keys:admin"])),
    responses((status = 200, description = "The delivery target, without its secret.", body = DeliveryTargetItem), CallProblems, ItemProblems))]
#[get("/tenant/delivery-target")]
pub async fn get_delivery_target(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<DeliveryTargetItem>> {
    let destination = super::find(&stores, caller.tenant).await?;
    Ok(Json(destination.ok_or_else(|| Problem::new(Code::NotFound))?.into()))
}

/// Set the delivery target
///
/// Recordings, screen recordings, and voicemails that are stored from now on are delivered to this target with their
/// metadata. Held deliveries are sent to it too. The secret is sealed for this address and never returned.
///
/// `sftp://` needs a `host_key`, and a `password` or a `private_key`. `ftps://` (explicit TLS), `ftps+implicit://`, and `ftp://` need a
/// `password`, and `ftp://` needs the tenant's setting `recordings.allow_plain_ftp`. `s3://` needs `access_key_id` and
/// its secret as `password`. `file:///` must be in a folder that the service's settings name.
///
/// This operation needs the scope `keys:admin`.
#[utoipa::path(tag = "delivery", operation_id = "set_delivery_target", security(("bearer" = ["keys:admin"])),
    request_body = DeliveryTarget,
    responses((status = 200, description = "The delivery target, without its secret.", body = DeliveryTargetItem),
        CallProblems, BodyProblems, OptionalProblems))]
#[put("/tenant/delivery-target")]
pub async fn set_delivery_target(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    body: Body<DeliveryTarget>,
    stores: Data<AppContext>,
) -> ApiResult<Json<DeliveryTargetItem>> {
    let destination = body.0.read().map_err(Problem::invalid)?;
    Ok(Json(super::set(&stores, &caller, destination).await?.into()))
}

/// Remove the delivery target
///
/// Recordings that are stored from now on are not delivered. Deliveries that are not finished are held.
///
/// This operation needs the scope `keys:admin`.
#[utoipa::path(tag = "delivery", operation_id = "remove_delivery_target", security(("bearer" = ["keys:admin"])),
    responses((status = 204, description = "The delivery target is removed."), CallProblems, ItemProblems))]
#[delete("/tenant/delivery-target")]
pub async fn remove_delivery_target(
    caller: Caller<KeysAdmin>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    if !super::remove(&stores, &caller).await? {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// List deliveries
///
/// The deliveries in one state or in all, newest first.
///
/// This operation needs the scope `jobs:read`.
#[utoipa::path(tag = "delivery", operation_id = "list_deliveries", security(("bearer" = ["jobs:read"])),
    params(DeliveryListing),
    responses((status = 200, description = "A page of deliveries, newest first.", body = DeliveryPage), CallProblems, ListProblems))]
#[get("/deliveries")]
pub async fn list_deliveries(
    caller: Caller<JobsRead>,
    params: Params<DeliveryListing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Page<DeliveryItem>>> {
    let DeliveryListing { state, cursor, limit } = params.0;
    let (limit, key) = (limit.get(), &stores.service_key().await?);
    let word = state.map_or("", super::DeliveryState::as_str);
    let bound_to = [b"deliveries", &caller.tenant.0.as_bytes()[..], word.as_bytes()].concat();
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let _memory = stores.memory.page().await?;
    let deliveries = super::list(&stores, caller.tenant, state, after, limit + 1).await?;
    Ok(Json(Page::of(deliveries, limit, key, &bound_to).map(DeliveryItem::from)))
}

/// Try a delivery again
///
/// The delivery is tried at once, even if its next attempt is later or the delivery is held. A held delivery begins
/// again. For a delivery that was delivered or cancelled, the call returns 409.
///
/// This operation needs the scope `keys:admin`.
#[utoipa::path(tag = "delivery", operation_id = "retry_delivery", security(("bearer" = ["keys:admin"])),
    params(("id" = Uuid, Path, description = "The id of the delivery.")),
    responses((status = 200, description = "The delivery, which is pending again.", body = DeliveryItem),
        CallProblems, ItemProblems, StateProblems))]
#[post("/deliveries/{id}/retry")]
pub async fn retry_delivery(
    caller: Caller<KeysAdmin>,
    id: Id<DeliveryId>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<DeliveryItem>> {
    Ok(Json(super::retry(&stores, &caller, id.0).await?.into()))
}

impl From<DeliveryError> for Problem {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Unknown => Self::new(Code::NotFound),
            DeliveryError::Done => Self::new(Code::StateConflict)
                .detail("The delivery was delivered or cancelled, so it cannot be tried again. Read its state."),
            DeliveryError::Rule(pointer, code, rule) => Self::new(Code::ValidationFailed).at(pointer, code, rule),
            DeliveryError::NotBuiltIn => Self::new(Code::NotBuiltIn)
                .detail("This build does not include this kind of delivery target. Use another one."),
            DeliveryError::Store(error) => error.into(),
            DeliveryError::Vault(error) => error.into(),
            DeliveryError::Tenant(error) => error.into(),
            DeliveryError::Archive(error) => error.into(),
            DeliveryError::Content(error) => error.into(),
            DeliveryError::Key(error) => error.into(),
            DeliveryError::Crypto(_) | DeliveryError::Metadata => Self::internal(error),
        }
    }
}
