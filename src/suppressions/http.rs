//! The endpoint of the suppression probe. It is posted, because a URL must not contain an identifier.

use actix_web::http::header::RETRY_AFTER;
use actix_web::post;
use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use pii::text::Patterns;
use pii::{FieldReading, HouseNumbers, Identifier, Kind, Region, read_field};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{CheckedItem, SuppressionError};
use crate::base::clock::microseconds;
use crate::base::work;
use crate::http::caller::SuppressionsCheck;
use crate::http::docs::{BodyProblems, BusyProblems, CallProblems};
use crate::http::json::Body;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, FieldError, Problem, Registry};
use crate::tenants::{self, Tenant};
use crate::vault::AppContext;

/// The most items of one call.
const MOST: usize = 1_000;

/// The longest number or address, in characters, as in the ingest.
const LONGEST: usize = 500;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(check_suppressions);
}

/// The data to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [
    {"phone_number": "0047 912 34 567", "at": "2026-07-01T09:00:00+02:00"},
    {"email": "kari@example.net", "at": "2026-08-20T09:00:00+02:00"}
]}))]
pub struct SuppressionCheck {
    /// Up to 1,000 items.
    #[schema(min_items = 1, max_items = 1_000)]
    items: Vec<SuppressionItem>,
}

/// A number or an address of a customer, and the time of the data about them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone_number": "0047 912 34 567", "at": "2026-07-01T09:00:00+02:00"}))]
pub struct SuppressionItem {
    /// The number, in any format that the ingest reads.
    #[schema(max_length = 500)]
    phone_number: Option<String>,
    /// The address. An item has either a number or an address.
    #[schema(max_length = 500)]
    email: Option<String>,
    /// The time of the data, such as the start of a call or the date of an order.
    at: DateTime<Utc>,
}

/// Which data would arrive forgotten.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{"suppressed": true}, {"suppressed": false}]}))]
pub struct SuppressionAnswer {
    /// One item for each item of the call, in their order.
    items: Vec<Suppression>,
}

/// Whether data would arrive forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suppression {
    /// Whether the identifier was forgotten up to a day that is not before the time of the data, in any target.
    suppressed: bool,
}

/// Check suppressions
///
/// Whether data about a customer would arrive forgotten, because the customer was forgotten up to a later day. A system
/// such as a CRM calls this before it sends its data again. The response does not say up to which day a customer was
/// forgotten, nor whether the service knows an identifier. The call creates no identifier.
///
/// Each call is audited with the number of its items. A subject may check 100,000 items on a local day of the tenant.
/// Further calls return 429 until the next day.
///
/// This operation needs the scope `suppressions:check`.
#[utoipa::path(tag = "requests", operation_id = "check_suppressions", security(("bearer" = ["suppressions:check"])),
    request_body = SuppressionCheck,
    responses((status = 200, description = "The results, in the order of the items.", body = SuppressionAnswer),
        CallProblems, BodyProblems, BusyProblems))]
#[post("/suppressions/check")]
pub async fn check_suppressions(
    caller: Caller<SuppressionsCheck>,
    _: Params<Nothing>,
    body: Body<SuppressionCheck>,
    app: Data<AppContext>,
) -> ApiResult<Json<SuppressionAnswer>> {
    let tenant = tenants::of_caller(&caller, &app.archive).await?;
    let reader = ItemReader::of(&tenant);
    let items = work::run(work::PIECE, move || reader.read(body.0)).await.map_err(Problem::invalid)?;
    let suppressed = super::check(&app, &caller, &tenant, &items).await?;
    Ok(Json(SuppressionAnswer { items: suppressed.into_iter().map(|suppressed| Suppression { suppressed }).collect() }))
}

impl From<SuppressionError> for Problem {
    fn from(error: SuppressionError) -> Self {
        match error {
            SuppressionError::UsedUp { wait } => Self::new(Code::TooManyRequests)
                .detail("This subject has checked 100000 items today. Wait until the next day.")
                .header(RETRY_AFTER, &wait.to_string()),
            SuppressionError::Store(error) => error.into(),
            SuppressionError::Vault(error) => error.into(),
        }
    }
}

/// Reads items as the ingest reads the fields of a customer.
struct ItemReader {
    region: Region,
    house: HouseNumbers,
    patterns: Patterns,
}

impl ItemReader {
    fn of(tenant: &Tenant) -> Self {
        let settings = &tenant.settings;
        Self { region: tenant.region, house: settings.house_numbers(), patterns: settings.patterns() }
    }

    /// The items, or all rules that they break.
    fn read(&self, body: SuppressionCheck) -> Result<Vec<CheckedItem>, Vec<FieldError>> {
        let number = body.items.len();
        if number == 0 {
            return Err(vec![FieldError::at("/items", "required", "must have at least one item")]);
        }
        if number > MOST {
            return Err(vec![FieldError::at("/items", "too_many", "must have at most 1000 items")]);
        }
        let (mut items, mut errors) = (Vec::with_capacity(number), Vec::new());
        for (no, item) in body.items.into_iter().enumerate() {
            match self.item(item) {
                Ok(item) => items.push(item),
                Err(error) => errors.push(error.within(&format!("/items/{no}"))),
            }
        }
        if errors.is_empty() { Ok(items) } else { Err(errors) }
    }

    fn item(&self, item: SuppressionItem) -> Result<CheckedItem, FieldError> {
        let SuppressionItem { phone_number, email, at } = item;
        let (raw, kind, pointer) = match (phone_number, email) {
            (Some(raw), None) => (raw, Kind::Phone, "/phone_number"),
            (None, Some(raw)) => (raw, Kind::Email, "/email"),
            (None, None) => {
                return Err(FieldError::at("/phone_number", "identifier_missing", "must be given, or email"));
            }
            (Some(_), Some(_)) => {
                return Err(FieldError::at("/email", "too_many", "must be an item of its own beside phone_number"));
            }
        };
        if raw.chars().nth(LONGEST).is_some() {
            return Err(FieldError::at(pointer, "too_long", "must be at most 500 characters"));
        }
        let FieldReading { phone, email, name: _, is_ignored: _ } = read_field(&raw, kind, self.region, &self.patterns);
        if phone.is_none() && email.is_none() {
            return Err(match kind {
                Kind::Phone => FieldError::at(pointer, "phone_number_invalid", "must be a phone number"),
                Kind::Email | Kind::Name => FieldError::at(pointer, "email_invalid", "must be an e-mail address"),
            });
        }
        // A number of the house is no customer's.
        let phone = phone.filter(|phone| !self.house.contains(phone)).map(Identifier::Phone);
        let identifiers = phone.into_iter().chain(email.map(Identifier::Email)).collect();
        Ok(CheckedItem { identifiers, at: microseconds(at) })
    }
}
