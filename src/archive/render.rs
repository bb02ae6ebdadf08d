//! Records as a view shows them.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use pii::text::{fill_json, fill_text};
use pii::{ANONYMIZED, Kind};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::kinds::RecordKind;
use super::mentions::Mention;
use super::model::{ArchiveError, CustomerField, Record, View};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RecordId, Token};
use crate::base::recipient::TokenForm;
use crate::base::work;
use crate::tenants::Tenant;
use crate::vault::{self, AppContext};

/// The facts of a call that its audit row tells.
pub struct Audited {
    /// The purpose that the caller stated.
    pub purpose: Option<String>,
    /// The fields with the identifiers by which the call searched.
    pub by: Vec<&'static str>,
}

pub struct Renderer {
    view: View,
    /// The form of tokens, ids, and times. Here they are put into the form of the caller, and nowhere else.
    form: TokenForm,
    clear: HashMap<IdentifierId, String>,
}

impl Renderer {
    /// The renderer for the records of one call. If the call searches by identifier or shows identifiers, one audit row is
    /// committed first. Only with its grant does the vault reveal values.
    pub async fn new<K: RecordKind>(
        app: &AppContext,
        (actor, tenant): (&Actor, &Tenant),
        view: View,
        audited: Audited,
        records: &[Record<K>],
    ) -> Result<Self, ArchiveError> {
        let mut renderer = Self { view, form: actor.form.clone(), clear: HashMap::new() };
        if view < View::Identified && audited.by.is_empty() {
            return Ok(renderer);
        }
        let shown: BTreeSet<_> = records.iter().flat_map(identifiers).filter(|_| view == View::Identified).collect();
        let purpose = without_shown(app, tenant, audited.purpose, &shown).await?;
        let ids: Vec<RecordId> = records.iter().map(|record| record.id).collect();
        let detail = json!({ "target": K::TARGET.as_str(), "view": view, "by": audited.by });
        let entry = Entry::new(Action::ArchiveSearched, records.len(), detail).of_records(ids).purpose(purpose);
        let grant = audit::commit(app.archive.write_brief().await?, app.clock, actor, &entry).await?;
        if view == View::Identified && !records.is_empty() {
            let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
            renderer.clear = vault::reveal(&mut app.vault.read().await?, &keyset, &grant, shown).await?;
        }
        Ok(renderer)
    }

    /// The renderer of a view that shows no identifier: not the identified one.
    pub fn without_identifiers(view: View) -> Self {
        Self { view: view.min(View::Pseudonymous), form: TokenForm::default(), clear: HashMap::new() }
    }

    pub fn id(&self, id: RecordId) -> RecordId {
        self.form.show_record(id)
    }

    pub fn time(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.form.show_time(at)
    }

    /// An external id, unless the caller's form hides it.
    pub fn external_id(&self, id: Option<String>) -> Option<String> {
        id.filter(|_| self.form.shows_external_ids())
    }

    /// The renderer that shows a text for each identifier, such as the values of a customer and the numbers of others.
    pub fn of_texts(texts: HashMap<IdentifierId, String>) -> Self {
        Self { view: View::Identified, form: TokenForm::default(), clear: texts }
    }

    pub fn field(&self, field: CustomerField) -> Option<String> {
        match field {
            CustomerField::Empty => None,
            CustomerField::Forgotten => Some(ANONYMIZED.to_owned()),
            CustomerField::Held(kind, id) => Some(self.identifier(kind, id)),
        }
    }

    fn identifier(&self, kind: Kind, id: IdentifierId) -> String {
        match self.view {
            View::Anonymized => ANONYMIZED.to_owned(),
            View::Pseudonymous => self.form.show_token(Token { kind, id }).to_string(),
            // An id that has left the vault since the record was read was forgotten.
            View::Identified => self.clear.get(&id).cloned().unwrap_or_else(|| ANONYMIZED.to_owned()),
        }
    }

    fn mention(&self, mentions: &[Mention], n: usize) -> String {
        let is_it = |mention: &&Mention| usize::try_from(mention.n) == Ok(n);
        // Mentions are numbered from zero, so the n-th one is nearly always the right one. A text may have thousands.
        let mention = mentions.get(n).filter(is_it).or_else(|| mentions.iter().find(is_it));
        match mention.and_then(|mention| Some((mention.kind, mention.identifier?))) {
            Some((kind, id)) => self.identifier(kind, id),
            None => ANONYMIZED.to_owned(),
        }
    }

    pub fn text(&self, text: Option<&str>, mentions: &[Mention]) -> Option<String> {
        text.map(|text| fill_text(text, |n| self.mention(mentions, n)))
    }

    /// Attributes without mentions are returned as they are stored, because parsing a page of them takes long.
    pub fn attributes(&self, text: Option<String>, mentions: &[Mention]) -> Option<Box<RawValue>> {
        let text = text?;
        if mentions.is_empty() {
            return RawValue::from_string(text).ok();
        }
        let value = serde_json::from_str(&text).ok()?;
        to_raw_value(&fill_json(value, &|n| self.mention(mentions, n))).ok()
    }
}

/// A purpose without the identifiers that the call shows, because the audit log contains it.
async fn without_shown(
    app: &AppContext,
    tenant: &Tenant,
    purpose: Option<String>,
    shown: &BTreeSet<IdentifierId>,
) -> Result<Option<String>, ArchiveError> {
    if shown.is_empty() {
        return Ok(purpose);
    }
    let Some(purpose) = purpose else { return Ok(None) };
    let keyset = app.keysets.get(&app.vault, tenant.id).await?;
    let shown = vault::open(&mut app.vault.read().await?, &keyset, shown.iter().copied()).await?;
    // A page may show thousands of identifiers, and each is searched.
    let (tenant, bytes) = (tenant.clone(), purpose.len() * shown.len());
    Ok(Some(work::run(bytes, move || tenant.masked_of(shown.values(), &purpose)).await))
}

/// All identifiers that a record shows: first those of its customer.
pub fn identifiers<K>(record: &Record<K>) -> impl Iterator<Item = IdentifierId> {
    let fields = [record.phone, record.email, record.name].into_iter().filter_map(|field| match field {
        CustomerField::Held(_, id) => Some(id),
        CustomerField::Empty | CustomerField::Forgotten => None,
    });
    fields.chain(record.mentions.iter().filter_map(|mention| mention.identifier))
}
