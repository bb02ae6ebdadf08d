//! The search that all kinds of records have in common: it is checked, run, and rendered.

use pii::text::Own;
use pii::{Email, Identifier, Phone, Region};
use serde_json::json;

use super::search::{RecordSearch, Viewed, view_of};
use crate::archive::hidden::Hiding;
use crate::archive::kinds::RecordKind;
use crate::archive::listing::RecordPage;
use crate::archive::model::{Search, View};
use crate::archive::render::{Audited, Renderer};
use crate::archive::search::search;
use crate::base::actor::{Actor, Scope};
use crate::base::crypto::sha256;
use crate::base::page::{Page, Position};
use crate::base::purpose::stated;
use crate::base::recipient::TokenForm;
use crate::base::target::Target;
use crate::base::work;
use crate::http::caller::{ArchiveRead, forbidden};
use crate::http::{ApiResult, Caller, Code, FieldError, Problem};
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext};

impl RecordSearch {
    /// The page that the search finds. All kinds of records are searched in this way.
    pub async fn page<K: RecordKind>(
        self,
        app: &AppContext,
        caller: &Caller<ArchiveRead>,
    ) -> ApiResult<Viewed<K::Output>> {
        let tenant = tenants::of_caller(caller, &app.archive).await?;
        let actor: &Actor = caller;
        let mut by = Vec::new();
        by.extend(self.phone_number.as_ref().map(|_| "phone_number"));
        by.extend(self.email.as_ref().map(|_| "email"));
        let view = view_of(actor, &tenant.settings, self.view, !by.is_empty())?;
        if !by.is_empty() && !actor.may(Scope::ArchiveIdentify) {
            return Err(forbidden(&[Scope::ArchiveIdentify], "to search by number or address"));
        }
        if self.token.is_some() && !actor.may(Scope::ArchiveSearch) && !actor.may(Scope::ArchiveIdentify) {
            return Err(forbidden(&[Scope::ArchiveSearch], "to search by token"));
        }
        let purpose = self.purpose(&tenant);
        let Self { limit, cursor, .. } = &self;
        let (limit, cursor) = (limit.get(), cursor.clone());
        let search_for = in_form(self.search(tenant.region)?, &actor.form)?;
        let purpose = purpose?;
        let identified = view == View::Identified || !by.is_empty();
        if identified && purpose.is_none() && tenant.settings.purpose_required {
            return Err(Problem::new(Code::PurposeRequired).at(
                "/purpose",
                "required",
                "is required by the settings of the tenant",
            ));
        }
        let query = fingerprint(actor, K::TARGET, view, &search_for);
        let key = app.service_key().await?;
        let after = cursor.map(|cursor| Position::from_cursor(&cursor, &key, &query));
        let after = after.transpose().map_err(|_| Problem::new(Code::CursorInvalid))?;
        let _memory = app.memory.page().await?;
        let hiding = Hiding::of(&mut app.archive.read().await?, &tenant, app.hiding).await?;
        let RecordPage { records, read_to } =
            search::<K>(app, (tenant.id, &hiding), &search_for, after, limit + 1).await?;
        let Page { items: records, next_cursor } = Page::of(records, limit, &key, &query);
        let next_cursor = next_cursor.or_else(|| read_to?.to_cursor(&key, &query));
        let renderer = Renderer::new(app, (actor, &tenant), view, Audited { purpose, by }, &records).await?;
        let bytes = records.iter().map(|record| record.columns.weight()).sum();
        let render = move || records.into_iter().map(|record| K::render(record, &renderer)).collect();
        let items = work::run(bytes, render).await;
        Ok(Viewed { view, items, next_cursor })
    }

    /// The search with its values parsed. The errors are all rules that it breaks.
    fn search(self, region: Region) -> ApiResult<Search> {
        let Self { from, to, channels, queue, queues, agent_id, outcome, direction, external_id, .. } = self;
        let Self { anonymized, has_content, changed_since, phone_number, email, token, .. } = self;
        let mut errors = Vec::new();
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            errors.push(FieldError::at("/to", "out_of_range", "must be after from"));
        }
        if channels.as_ref().is_some_and(Vec::is_empty) {
            errors.push(FieldError::at("/channels", "required", "must name at least one channel, or be left out"));
        }
        check_words([(&queue, "/queue"), (&agent_id, "/agent_id"), (&outcome, "/outcome")], &mut errors);
        check_queues(queues.as_deref(), &mut errors);
        if external_id.as_ref().is_some_and(|id| id.chars().nth(LONGEST_EXTERNAL_ID).is_some()) {
            errors.push(FieldError::at("/external_id", "too_long", "must be at most 200 characters"));
        }
        let mut identifiers = Vec::new();
        if let Some(raw) = phone_number {
            match Phone::parse(&raw, region) {
                Ok(phone) => identifiers.push(Identifier::Phone(phone)),
                Err(_) => {
                    errors.push(FieldError::at("/phone_number", "phone_number_invalid", "must be a phone number"));
                }
            }
        }
        if let Some(raw) = email {
            match Email::parse(&raw) {
                Ok(email) => identifiers.push(Identifier::Email(email)),
                Err(_) => errors.push(FieldError::at("/email", "email_invalid", "must be an e-mail address")),
            }
        }
        let token = token.map(|token| token.parse()).transpose().unwrap_or_else(|_| {
            errors.push(FieldError::at("/token", "format", "must be a token of this service"));
            None
        });
        if errors.is_empty() {
            Ok(Search {
                from,
                to,
                channels,
                queue,
                queues,
                agent_id,
                outcome,
                direction,
                external_id,
                anonymized,
                has_content,
                changed_since,
                identifiers,
                token,
            })
        } else {
            Err(Problem::invalid(errors))
        }
    }

    /// The stated purpose without identifiers, because the audit log contains it.
    fn purpose(&self, tenant: &Tenant) -> ApiResult<Option<String>> {
        let Some(purpose) = &self.purpose else { return Ok(None) };
        let purpose = stated(purpose).ok_or_else(|| {
            Problem::new(Code::ValidationFailed).at("/purpose", "out_of_range", "must be 1 to 200 characters")
        })?;
        let own = Own {
            phone: self.phone_number.as_ref().and_then(|raw| Phone::parse(raw, tenant.region).ok()),
            email: self.email.as_ref().and_then(|raw| Email::parse(raw).ok()),
            name: None,
        };
        Ok(Some(tenant.masked(own, purpose)))
    }
}

/// A search whose token and times are those that the caller sees. A filter by what the caller does not see is refused.
fn in_form(search: Search, form: &TokenForm) -> ApiResult<Search> {
    if search.external_id.is_some() && !form.shows_external_ids() {
        return Err(Problem::new(Code::ValidationFailed).at("/external_id", "hidden", "is hidden from this recipient"));
    }
    Ok(Search {
        from: search.from.map(|at| form.show_time(at)),
        to: search.to.map(|at| form.until(at)),
        changed_since: search.changed_since.map(|at| form.show_time(at)),
        token: search.token.map(|token| form.read_token(token)),
        ..search
    })
}

/// The longest external id, in characters.
const LONGEST_EXTERNAL_ID: usize = 200;

/// The longest queue, agent, or outcome, in characters.
const LONGEST_WORD: usize = 500;

/// The most queues of a search.
const MOST_QUEUES: usize = 50;

fn check_words<const N: usize>(words: [(&Option<String>, &'static str); N], errors: &mut Vec<FieldError>) {
    for (word, pointer) in words {
        if word.as_ref().is_some_and(|word| word.chars().nth(LONGEST_WORD).is_some()) {
            errors.push(FieldError::at(pointer, "too_long", "must be at most 500 characters"));
        }
    }
}

fn check_queues(queues: Option<&[String]>, errors: &mut Vec<FieldError>) {
    let Some(queues) = queues else { return };
    match queues.len() {
        0 => errors.push(FieldError::at("/queues", "required", "must name at least one queue, or be left out")),
        1..=MOST_QUEUES => {}
        _ => errors.push(FieldError::at("/queues", "too_many", "must name at most 50 queues")),
    }
    let too_long = queues.iter().enumerate().filter(|(_, queue)| queue.chars().nth(LONGEST_WORD).is_some());
    errors.extend(
        too_long.map(|(no, _)| FieldError::at(format!("/queues/{no}"), "too_long", "must be at most 500 characters")),
    );
}

/// The search to which a cursor is bound. It contains the filter as a hash, so that nothing of it can be read.
fn fingerprint(actor: &Actor, target: Target, view: View, search: &Search) -> Vec<u8> {
    let Search {
        from,
        to,
        channels,
        queue,
        queues,
        agent_id,
        outcome,
        direction,
        external_id,
        anonymized,
        has_content,
        changed_since,
        identifiers,
        token,
    } = search;
    let identifiers: Vec<_> = identifiers.iter().map(vault::fingerprint).collect();
    let filter = json!({
        "view": view, "from": from, "to": to, "channels": channels, "queue": queue, "queues": queues,
        "agent_id": agent_id, "outcome": outcome, "direction": direction, "external_id": external_id,
        "anonymized": anonymized, "has_content": has_content, "changed_since": changed_since,
        "identifiers": identifiers, "token": token.map(|token| token.to_string()),
    });
    let filter = sha256(filter.to_string().as_bytes());
    [actor.tenant.0.as_bytes(), target.as_str().as_bytes(), &filter, &actor.form.fingerprint()].concat()
}
