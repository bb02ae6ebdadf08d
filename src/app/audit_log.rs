//! The endpoint of the audit log.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::audit::{self, Action, Event, EventFilter};
use crate::base::crypto::sha256;
use crate::base::id::AuditId;
use crate::base::page::{Page, Position};
use crate::http::caller::AuditRead;
use crate::http::docs::{CallProblems, ListProblems};
use crate::http::query::{Limit, Params};
use crate::http::{ApiResult, Caller, Code, Problem};
use crate::vault::AppContext;

type AuditEventPage = Page<AuditEvent>;

/// A row of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f61", "seq": 4711, "at": "2026-08-03T12:00:00Z", "actor_sub": "248289761001",
    "actor_name": "paal", "action": "archive.searched", "outcome": "allowed", "purpose": "case 118", "records": 12,
    "detail": {"by": ["phone_number"]}
}))]
pub struct AuditEvent {
    /// The id of the row.
    pub id: AuditId,
    /// The number of the row in the sealed log. It is null until the row is sealed, some seconds later.
    #[schema(required)]
    pub seq: Option<i64>,
    /// The time of the action.
    pub at: DateTime<Utc>,
    /// The subject of the token.
    pub actor_sub: String,
    /// The actor's name.
    pub actor_name: String,
    /// The action.
    #[schema(value_type = Action)]
    pub action: String,
    /// `allowed` or `refused`.
    #[schema(value_type = audit::AuditOutcome)]
    pub outcome: String,
    /// The purpose that the caller stated.
    #[schema(required)]
    pub purpose: Option<String>,
    /// The number of records that the action concerned.
    pub records: i64,
    /// Further facts about the action. They never contain an identifier.
    #[schema(value_type = BTreeMap<String, Value>, additional_properties)]
    pub detail: Value,
}

impl From<Event> for AuditEvent {
    fn from(event: Event) -> Self {
        let Event { id, seq, at, actor_sub, actor_name, action, outcome, purpose, records, detail } = event;
        Self { id, seq, at, actor_sub, actor_name, action, outcome, purpose, records, detail }
    }
}

/// The query of a page of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The subject of the token of the actor.
    actor: Option<String>,
    /// The action.
    #[param(inline)]
    action: Option<Action>,
    /// The earliest time, included.
    from: Option<DateTime<Utc>>,
    /// The latest time, excluded.
    to: Option<DateTime<Utc>>,
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The largest number of items in the page: 1 to 200. The default is 50.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
}

/// List the audit log
///
/// The rows that meet all conditions, newest first. Each row names the actor, the action, the time, the purpose, and the number of records. No
/// row contains an identifier.
///
/// This operation needs the scope `audit:read`.
#[utoipa::path(tag = "operations", operation_id = "list_audit_events", security(("bearer" = ["audit:read"])),
    params(AuditQuery),
    responses((status = 200, description = "A page of the audit log, newest first.", body = AuditEventPage), CallProblems, ListProblems))]
#[get("/audit-events")]
pub async fn list_audit_events(
    caller: Caller<AuditRead>,
    query: Params<AuditQuery>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Page<AuditEvent>>> {
    let AuditQuery { actor, action, from, to, cursor, limit } = query.0;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::new(Code::ValidationFailed).parameter("to", "out_of_range", "must be after from"));
    }
    let filter = json!({ "actor": actor, "action": action.map(Action::as_str), "from": from, "to": to });
    let bound_to = [b"audit-events", &caller.tenant.0.as_bytes()[..], &sha256(filter.to_string().as_bytes())].concat();
    let filter = EventFilter { actor, action, from, to };
    let key = stores.service_key().await?;
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, &key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let _memory = stores.memory.page().await?;
    let mut tx = stores.archive.read().await?;
    let events = audit::list(&mut tx, &caller, &filter, after, limit.get() + 1).await?;
    Ok(Json(Page::of(events, limit.get(), &key, &bound_to).map(AuditEvent::from)))
}
