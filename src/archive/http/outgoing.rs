//! Records on their way out, through the renderer of a view.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use pii::text::{fill_json, fill_text};
use pii::{ANONYMIZED, Kind};
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::archive::columns::Columns;
use crate::archive::incoming::{Channel, Direction};
use crate::archive::mentions::Mention;
use crate::archive::model::{CustomerField, Record, View};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RecordId, Token};
use crate::base::target::Target;
use crate::http::ApiResult;
use crate::vault::{self, AppContext};

/// What the audit log says of a call.
pub struct Audited {
    /// Why it was made, as its caller said.
    pub purpose: Option<String>,
    /// By which identifiers it searched, as field names.
    pub by: Vec<&'static str>,
}

pub struct Renderer {
    view: View,
    clear: HashMap<IdentifierId, String>,
}

impl Renderer {
    /// The renderer for some records. A search by identifier and a look at identifiers is audited first, in one row for the
    /// call; only then is the vault asked to reveal.
    pub async fn over(
        stores: &AppContext,
        actor: &Actor,
        target: Target,
        view: View,
        audited: Audited,
        records: &[Record],
    ) -> ApiResult<Self> {
        let mut renderer = Self { view, clear: HashMap::new() };
        if view < View::Identified && audited.by.is_empty() {
            return Ok(renderer);
        }
        let ids: Vec<RecordId> = records.iter().map(|record| record.id).collect();
        let detail = json!({ "target": target.as_str(), "view": view, "by": audited.by, "record_ids": ids });
        let entry = Entry::new(Action::ArchiveSearched, records.len(), detail).purpose(audited.purpose);
        let grant = audit::commit(stores.archive.write_once().await?, stores.clock, actor, &entry).await?;
        if view == View::Identified && !records.is_empty() {
            let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
            let ids: BTreeSet<_> = records.iter().flat_map(identifiers).collect();
            renderer.clear = vault::reveal(&mut stores.vault.read().await?, &keyset, &grant, ids).await?;
        }
        Ok(renderer)
    }

    fn slot(&self, slot: CustomerField) -> Option<String> {
        match slot {
            CustomerField::Empty => None,
            CustomerField::Forgotten => Some(ANONYMIZED.to_owned()),
            CustomerField::Held(kind, id) => Some(self.identifier(kind, id)),
        }
    }

    fn identifier(&self, kind: Kind, id: IdentifierId) -> String {
        match self.view {
            View::Anonymized => ANONYMIZED.to_owned(),
            View::Pseudonymous => Token { kind, id }.to_string(),
            // Gone from the vault since the record was read: forgotten.
            View::Identified => self.clear.get(&id).cloned().unwrap_or_else(|| ANONYMIZED.to_owned()),
        }
    }

    fn mention(&self, mentions: &[Mention], n: usize) -> String {
        let is_it = |mention: &&Mention| usize::try_from(mention.n) == Ok(n);
        // They are numbered from zero, so that the n-th is nearly always the one: a text may have thousands.
        let mention = mentions.get(n).filter(is_it).or_else(|| mentions.iter().find(is_it));
        match mention.and_then(|mention| Some((mention.kind, mention.identifier?))) {
            Some((kind, id)) => self.identifier(kind, id),
            None => ANONYMIZED.to_owned(),
        }
    }

    fn text(&self, text: Option<&str>, mentions: &[Mention]) -> Option<String> {
        text.map(|text| fill_text(text, |n| self.mention(mentions, n)))
    }

    /// As they are stored where there is nothing to fill in: a page of them is not taken apart and put together again.
    fn attributes(&self, text: Option<String>, mentions: &[Mention]) -> Option<Box<RawValue>> {
        let text = text?;
        if mentions.is_empty() {
            return RawValue::from_string(text).ok();
        }
        let value = serde_json::from_str(&text).ok()?;
        to_raw_value(&fill_json(value, &|n| self.mention(mentions, n))).ok()
    }
}

/// All identifiers that a record shows.
fn identifiers(record: &Record) -> impl Iterator<Item = IdentifierId> {
    let slots = [record.phone, record.email, record.name].into_iter().filter_map(|slot| match slot {
        CustomerField::Held(_, id) => Some(id),
        CustomerField::Empty | CustomerField::Forgotten => None,
    });
    slots.chain(record.mentions.iter().filter_map(|mention| mention.identifier))
}

/// A record as the API shows it.
pub trait Outgoing: Serialize + Send + 'static {
    /// The record through a renderer; none where it is of another kind.
    fn through(renderer: &Renderer, record: Record) -> Option<Self>
    where
        Self: Sized;
}

/// The customer of an interaction. The view decides whether a field is the identifier, its token, or `Anonymized`. A
/// field is null if there never was an identifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerOut {
    /// The customer's number.
    #[schema(example = "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR")]
    pub phone_number: Option<String>,
    /// The customer's address.
    #[schema(example = "Anonymized")]
    pub email: Option<String>,
    /// The customer's name.
    pub name: Option<String>,
}

/// An interaction.
#[derive(Debug, Serialize, ToSchema)]
pub struct Interaction {
    /// The id of the interaction.
    pub id: RecordId,
    /// The id that the sending system gave the record. If that id contained the customer's number, address, or name,
    /// this is a keyed hash, and `Anonymized` after the customer is forgotten.
    #[schema(example = "cdr-43678")]
    pub external_id: String,
    /// The channel of the interaction.
    pub channel: Channel,
    /// The side that began the interaction.
    pub direction: Option<Direction>,
    /// The time at which the interaction began.
    pub started_at: DateTime<Utc>,
    /// The time at which the interaction ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The queue of the interaction.
    pub queue: Option<String>,
    /// The agent of the interaction.
    pub agent_id: Option<String>,
    /// The way the interaction ended.
    pub outcome: Option<String>,
    /// The customer of the interaction.
    pub customer: CustomerOut,
    /// Further facts about the interaction.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Box<RawValue>>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
}

/// A survey response.
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveyResponse {
    /// The id of the survey response.
    pub id: RecordId,
    /// The id that the sending system gave the record, or its replacement, as for an interaction.
    pub external_id: String,
    /// The external id of the interaction that the survey response is about.
    pub interaction_external_id: Option<String>,
    /// The time of the answer.
    pub answered_at: DateTime<Utc>,
    /// The customer's number, as the view shows it.
    pub phone_number: Option<String>,
    /// The score, 0 to 10.
    pub score: Option<i16>,
    /// Free text, with identifiers as the view shows them.
    pub comment: Option<String>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
}

/// A raw event.
#[derive(Debug, Serialize, ToSchema)]
pub struct RawEvent {
    /// The id of the raw event.
    pub id: RecordId,
    /// The id that the sending system gave the record, or its replacement, as for an interaction.
    pub external_id: String,
    /// The external id of the interaction that the event belongs to.
    pub interaction_external_id: Option<String>,
    /// The time of the event.
    pub occurred_at: DateTime<Utc>,
    /// The name of the event.
    pub event: String,
    /// The customer's number, as the view shows it.
    pub phone_number: Option<String>,
    /// The customer's address, as the view shows it.
    pub email: Option<String>,
    /// Further facts about the event.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Box<RawValue>>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
}

impl Outgoing for Interaction {
    fn through(renderer: &Renderer, record: Record) -> Option<Self> {
        let Record { id, external_id, at, phone, email, name, anonymized, mentions, columns } = record;
        let Columns::Interaction { ended_at, channel, direction, queue, agent_id, outcome, attributes } = columns
        else {
            return None;
        };
        let customer =
            CustomerOut { phone_number: renderer.slot(phone), email: renderer.slot(email), name: renderer.slot(name) };
        let attributes = renderer.attributes(attributes, &mentions);
        Some(Self {
            id,
            external_id,
            channel,
            direction,
            started_at: at,
            ended_at,
            queue,
            agent_id,
            outcome,
            customer,
            attributes,
            anonymized,
        })
    }
}

impl Outgoing for SurveyResponse {
    fn through(renderer: &Renderer, record: Record) -> Option<Self> {
        let Record { id, external_id, at, phone, email: _, name: _, anonymized, mentions, columns } = record;
        let Columns::SurveyResponse { interaction_external_id, score, comment } = columns else { return None };
        let comment = renderer.text(comment.as_deref(), &mentions);
        let phone_number = renderer.slot(phone);
        Some(Self {
            id,
            external_id,
            interaction_external_id,
            answered_at: at,
            phone_number,
            score,
            comment,
            anonymized,
        })
    }
}

impl Outgoing for RawEvent {
    fn through(renderer: &Renderer, record: Record) -> Option<Self> {
        let Record { id, external_id, at, phone, email, name: _, anonymized, mentions, columns } = record;
        let Columns::RawEvent { interaction_external_id, event, attributes } = columns else { return None };
        let attributes = renderer.attributes(attributes, &mentions);
        let (phone_number, email) = (renderer.slot(phone), renderer.slot(email));
        Some(Self {
            id,
            external_id,
            interaction_external_id,
            occurred_at: at,
            event,
            phone_number,
            email,
            attributes,
            anonymized,
        })
    }
}
