//! The list of requests: its filters, its orders, and its pages.

use chrono::{DateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checklist;
use super::model::{RenderedRequest, Request, RequestError, Status};
use super::view::Disclosure;
use super::{load, reference, rules, sql, view};
use crate::base::actor::Actor;
use crate::base::crypto::{Key, sha256};
use crate::base::day::local_day;
use crate::base::field::FieldError;
use crate::base::page::{Listed, Page, Position};
use crate::store::{Archive, Tx};
use crate::tenants::{self, Tenant};
use crate::vault::AppContext;

/// The most characters of the name of a user.
const LONGEST_USER: usize = 255;

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AnonymizeRequestSort)]
pub enum RequestSort {
    /// The newest request comes first.
    #[default]
    CreatedAt,
    /// The request with the earliest deadline comes first.
    DeadlineOn,
}

/// The selection of a list. Each condition is optional, and all that are given apply.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    pub status: Option<Status>,
    /// Whether it waits although its deadline is over.
    pub overdue: Option<bool>,
    /// Not entered before.
    pub from: Option<DateTime<Utc>>,
    /// Entered before.
    pub to: Option<DateTime<Utc>>,
    /// The name of the user who entered it.
    pub user: Option<String>,
    pub reference: Option<String>,
    /// Not changed before.
    pub updated_since: Option<DateTime<Utc>>,
    pub sort: RequestSort,
    /// The end of the page before.
    pub cursor: Option<String>,
    /// The most requests of a page.
    pub limit: u32,
}

/// A page of the tenant's requests (A29: all users of a tenant see all of them).
pub async fn list(
    app: &AppContext,
    actor: &Actor,
    filter: &RequestFilter,
) -> Result<Page<RenderedRequest>, RequestError> {
    let key = app.service_key().await?.derive("cursor");
    let after = Bound::new(actor, filter).after(filter.cursor.as_deref(), &key)?;
    let mut tx = app.archive.read().await?;
    let tenant = tenants::find(&mut tx, actor.tenant).await?;
    check(filter, &tenant)?;
    let today = local_day(app.clock.now(), tenant.zone);
    let requests = sql::page(&mut tx, actor.tenant, (filter, today), after, filter.limit + 1).await?;
    let rows = weighed(&mut tx, actor, filter.sort, requests).await?;
    let Page { items, next_cursor } = Page::of(rows, filter.limit, &key, &Bound::new(actor, filter).0);
    let requests = items.into_iter().map(|row| row.request).collect();
    let requests = load::complete(&mut tx, actor.tenant, requests).await?;
    drop(tx);
    let items = view::render(app, actor, Disclosure::of(actor, None), requests).await?;
    Ok(Page { items, next_cursor })
}

/// The query that a cursor is bound to: the tenant, the conditions, and the order.
struct Bound(Vec<u8>);

impl Bound {
    fn new(actor: &Actor, filter: &RequestFilter) -> Self {
        let RequestFilter { status, overdue, from, to, user, reference, updated_since, sort, cursor: _, limit: _ } =
            filter;
        let query = serde_json::json!({
            "status": status, "overdue": overdue, "from": from, "to": to, "user": user, "reference": reference,
            "updated_since": updated_since, "sort": sort,
        });
        let query = sha256(query.to_string().as_bytes());
        Self([b"requests", &actor.tenant.0.as_bytes()[..], &query].concat())
    }

    fn after(&self, cursor: Option<&str>, key: &Key) -> Result<Option<Position>, RequestError> {
        Ok(cursor.map(|cursor| Position::from_cursor(cursor, key, &self.0)).transpose()?)
    }
}

fn check(filter: &RequestFilter, tenant: &Tenant) -> Result<(), RequestError> {
    let refuse = |name: &'static str, code: &'static str, rule: &'static str| {
        Err(RequestError::Invalid(vec![FieldError::parameter(name, code, rule)]))
    };
    if filter.from.zip(filter.to).is_some_and(|(from, to)| from >= to) {
        return refuse("to", "out_of_range", "must be after from");
    }
    if filter.user.as_ref().is_some_and(|user| user.chars().nth(LONGEST_USER).is_some()) {
        return refuse("user", "too_long", "must be at most 255 characters");
    }
    let Some(text) = &filter.reference else { return Ok(()) };
    if text.chars().nth(rules::LONGEST_REFERENCE).is_some() {
        return refuse("reference", "too_long", "must be at most 100 characters");
    }
    if reference::has_identifier(text, tenant) {
        let rule = "must not contain a number or an address, which are masked in references";
        return refuse("reference", "identifier", rule);
    }
    Ok(())
}

/// A row of the list, with its place and its length.
struct WeighedRequest {
    request: Request,
    sort: RequestSort,
    /// About the length of its checklist in JSON.
    checklist: usize,
}

impl Listed for WeighedRequest {
    fn position(&self) -> Position {
        let at = match self.sort {
            RequestSort::CreatedAt => self.request.created_at,
            RequestSort::DeadlineOn => self.request.case.deadline_on.and_time(NaiveTime::MIN).and_utc(),
        };
        Position { at, id: self.request.id.0 }
    }

    fn weight(&self) -> usize {
        self.request.weight() + self.checklist
    }
}

async fn weighed(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    sort: RequestSort,
    requests: Vec<Request>,
) -> Result<Vec<WeighedRequest>, RequestError> {
    let ids: Vec<_> = requests.iter().map(|request| request.id).collect();
    let checklists = checklist::of(tx, actor.tenant, &ids).await?;
    let weight =
        |request: &Request| checklists.get(&request.id).into_iter().flatten().map(checklist::ChecklistItem::weight);
    Ok(requests
        .into_iter()
        .map(|request| WeighedRequest { checklist: weight(&request).sum(), request, sort })
        .collect())
}

impl RequestFilter {
    /// The condition on the status, which `overdue` implies.
    pub(super) fn status_of_rows(&self) -> Option<Status> {
        if self.overdue == Some(true) && self.status.is_none() { Some(Status::Waiting) } else { self.status }
    }
}
