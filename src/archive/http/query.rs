//! The search that all kinds of records have in common: it is checked, run, and rendered.

use chrono::Datelike as _;
use pii::text::{Finder, Own, fill_text, tokenize_text};
use pii::{Email, Identifier, Phone, Region};
use serde_json::json;

use super::search::{InteractionSearch, Viewed, tenant_of, view_of};
use crate::archive::kinds::RecordKind;
use crate::archive::model::{Search, View};
use crate::archive::render::{Audited, Renderer};
use crate::archive::search::search;
use crate::base::actor::{Actor, Scope};
use crate::base::clock::microseconds;
use crate::base::crypto::sha256;
use crate::base::page::{Page, Position};
use crate::base::purpose::stated;
use crate::base::target::Target;
use crate::base::work;
use crate::http::caller::forbidden;
use crate::http::{ApiResult, Code, FieldError, Problem};
use crate::vault::{self, AppContext};

impl InteractionSearch {
    /// The page that the search finds. All kinds of records are searched in this way.
    pub async fn page<K: RecordKind>(self, app: &AppContext, actor: &Actor) -> ApiResult<Viewed<K::Output>> {
        let tenant = tenant_of(&mut app.archive.read().await?, actor).await?;
        let view = view_of(actor, self.view)?;
        let mut by = Vec::new();
        by.extend(self.phone_number.as_ref().map(|_| "phone_number"));
        by.extend(self.email.as_ref().map(|_| "email"));
        if !by.is_empty() && !actor.may(Scope::ArchiveIdentify) {
            return Err(forbidden(&[Scope::ArchiveIdentify], "to search by number or address"));
        }
        if self.token.is_some() && !actor.may(Scope::ArchiveSearch) && !actor.may(Scope::ArchiveIdentify) {
            return Err(forbidden(&[Scope::ArchiveSearch], "to search by token"));
        }
        let purpose = self.purpose(tenant.region);
        let Self { limit, cursor, .. } = &self;
        let (limit, cursor) = (limit.get(), cursor.clone());
        let search_for = self.search(tenant.region)?;
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
        let records = search::<K>(app, tenant.id, &search_for, after, limit + 1).await?;
        let Page { items: records, next_cursor } = Page::of(records, limit, &key, &query);
        let renderer = Renderer::new(app, actor, view, Audited { purpose, by }, &records).await?;
        let bytes = records.iter().map(|record| record.columns.weight()).sum();
        let render = move || records.into_iter().map(|record| K::render(record, &renderer)).collect();
        let items = work::run(bytes, render).await;
        Ok(Viewed { view, items, next_cursor })
    }

    /// The search with its values parsed. The errors are all rules that it breaks.
    fn search(self, region: Region) -> ApiResult<Search> {
        let Self { from, to, channels, queue, agent_id, phone_number, email, token, .. } = self;
        let (from, to) = (from.map(microseconds), to.map(microseconds));
        let mut errors = Vec::new();
        for (at, pointer) in [(from, "/from"), (to, "/to")] {
            if at.is_some_and(|at| !(0..=9999).contains(&at.year())) {
                errors.push(FieldError::at(pointer, "out_of_range", "must lie in the years 0 to 9999"));
            }
        }
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            errors.push(FieldError::at("/to", "out_of_range", "must be after from"));
        }
        if channels.as_ref().is_some_and(Vec::is_empty) {
            errors.push(FieldError::at("/channels", "required", "must name at least one channel, or be left out"));
        }
        for (text, pointer) in [(&queue, "/queue"), (&agent_id, "/agent_id")] {
            if text.as_ref().is_some_and(|text| text.chars().count() > 500) {
                errors.push(FieldError::at(pointer, "too_long", "must be at most 500 characters"));
            }
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
            Ok(Search { from, to, channels, queue, agent_id, identifiers, token })
        } else {
            Err(Problem::invalid(errors))
        }
    }

    /// The stated purpose without identifiers, because the audit log contains it.
    fn purpose(&self, region: Region) -> ApiResult<Option<String>> {
        let Some(purpose) = &self.purpose else { return Ok(None) };
        let purpose = stated(purpose).ok_or_else(|| {
            Problem::new(Code::ValidationFailed).at("/purpose", "out_of_range", "must be 1 to 200 characters")
        })?;
        let own = Own {
            phone: self.phone_number.as_ref().and_then(|raw| Phone::parse(raw, region).ok()),
            email: self.email.as_ref().and_then(|raw| Email::parse(raw).ok()),
            name: None,
        };
        let mut mentions = Vec::new();
        let text = tokenize_text(&Finder::new(region, own), purpose, &mut mentions);
        Ok(Some(fill_text(&text, |_| "*****".to_owned())))
    }
}

/// The search to which a cursor is bound. It contains the filter as a hash, so that nothing of it can be read.
fn fingerprint(actor: &Actor, target: Target, view: View, search: &Search) -> Vec<u8> {
    let Search { from, to, channels, queue, agent_id, identifiers, token } = search;
    let identifiers: Vec<_> = identifiers.iter().map(vault::fingerprint).collect();
    let filter = json!({
        "view": view, "from": from, "to": to, "channels": channels, "queue": queue, "agent_id": agent_id,
        "identifiers": identifiers, "token": token.map(|token| token.to_string()),
    });
    [actor.tenant.0.as_bytes(), target.as_str().as_bytes(), &sha256(filter.to_string().as_bytes())].concat()
}
