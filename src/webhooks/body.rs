//! The bodies of messages: `CloudEvents` 1.0 in JSON. A body is written when it is sent and never stored, so it shows what
//! the archive knows at that moment.

use std::collections::HashMap;

use pii::ANONYMIZED;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::archive::customer::{Customer, forgotten_customers};
use crate::archive::forgotten;
use crate::base::id::{IdentifierId, MessageId, RecordId};
use crate::outbox::{EventKind, StoredEvent};
use crate::store::{self, Archive, Tx};
use crate::tenants::Tenant;

/// The longest body, in bytes. The specification of webhooks asks for less.
const LONGEST: usize = 20_000;

/// The media type of a body.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// The data of an event of stored interactions.
#[derive(Debug, Deserialize)]
struct StoredInteractions {
    interaction_ids: Vec<RecordId>,
}

/// The interactions that some events name, as they are now.
#[derive(Debug, Default)]
pub struct Interactions(HashMap<RecordId, Customer>);

impl Interactions {
    pub async fn of(tx: &mut Tx<Archive>, tenant: &Tenant, events: &[StoredEvent]) -> store::Result<Self> {
        let ids: Vec<_> = events.iter().flat_map(interaction_ids).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(forgotten_customers(tx, tenant.id, &ids).await?.into_iter().collect()))
    }

    /// The interactions of an event in JSON. An interaction that was deleted meanwhile is left out.
    fn of_event(&self, event: &StoredEvent, recipient: Option<Uuid>) -> Value {
        let item = |id: RecordId| Some(interaction(id, self.0.get(&id)?, recipient));
        interaction_ids(event).filter_map(item).collect()
    }
}

fn interaction_ids(event: &StoredEvent) -> impl Iterator<Item = RecordId> {
    let is_one = event.kind == EventKind::InteractionStored.as_str();
    let named = is_one.then(|| StoredInteractions::deserialize(&event.data).ok()).flatten();
    named.into_iter().flat_map(|named| named.interaction_ids)
}

fn interaction(id: RecordId, customer: &Customer, recipient: Option<Uuid>) -> Value {
    let Customer { at: _, phone_id, email_id, name_id, forgotten, aged: _ } = *customer;
    let field = |id: Option<IdentifierId>, bit: i16| match id {
        Some(id) => Some(identifier(id, recipient)),
        None if forgotten & bit != 0 => Some(ANONYMIZED.to_owned()),
        None => None,
    };
    json!({
        "id": id,
        "customer": {
            "phone_number": field(phone_id, forgotten::PHONE),
            "email": field(email_id, forgotten::EMAIL),
            "name": field(name_id, forgotten::NAME),
        },
        "anonymized": forgotten & forgotten::ANYBODY != 0,
    })
}

/// An identifier as a webhook's recipient sees it. A webhook without a recipient sees no tokens.
fn identifier(_: IdentifierId, _: Option<Uuid>) -> String {
    ANONYMIZED.to_owned()
}

/// The body of a message, or `None` if it would be too long.
pub fn render(
    tenant: &Tenant,
    message: MessageId,
    event: &StoredEvent,
    (interactions, recipient): (&Interactions, Option<Uuid>),
) -> Option<String> {
    let data = if event.kind == EventKind::InteractionStored.as_str() {
        json!({ "interactions": interactions.of_event(event, recipient) })
    } else {
        event.data.clone()
    };
    let body = json!({
        "specversion": "1.0",
        "id": message,
        "source": format!("urn:lethe:tenant:{}", tenant.slug),
        "type": event.kind,
        "time": event.at,
        "datacontenttype": "application/json",
        "data": data,
    });
    Some(body.to_string()).filter(|body| body.len() <= LONGEST)
}
