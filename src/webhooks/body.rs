//! The bodies of messages: `CloudEvents` 1.0 in JSON. A body is written when it is sent and never stored, so it shows what
//! the archive knows at that moment.

use std::collections::{HashMap, HashSet};

use pii::{ANONYMIZED, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::archive::customer::{Customer, forgotten_customers};
use crate::archive::forgotten;
use crate::archive::hidden::hidden_among;
use crate::base::id::{ContentId, IdentifierId, MessageId, RecordId, Token};
use crate::base::recipient::TokenForm;
use crate::outbox::{EventKind, StoredEvent};
use crate::store::{self, Archive, Tx};
use crate::tenants::{HidingRule, Tenant};

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
pub struct EventInteractions {
    customers: HashMap<RecordId, Customer>,
    hidden: HashSet<RecordId>,
}

impl EventInteractions {
    pub async fn of(
        tx: &mut Tx<Archive>,
        (tenant, rules): (&Tenant, &[HidingRule]),
        events: &[StoredEvent],
    ) -> store::Result<Self> {
        let ids: Vec<_> = events.iter().flat_map(interaction_ids).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let customers = forgotten_customers(tx, tenant.id, &ids).await?;
        let hidden = hidden_among(tx, (tenant, rules), &customers).await?;
        Ok(Self { customers: customers.into_iter().collect(), hidden })
    }

    /// The interactions of an event in JSON. An interaction that was deleted meanwhile is left out.
    fn of_event(&self, event: &StoredEvent, recipient: Option<&TokenForm>) -> Value {
        let item = |id: RecordId| {
            let is_hidden = self.hidden.contains(&id);
            Some(interaction(id, (self.customers.get(&id)?, is_hidden), recipient))
        };
        interaction_ids(event).filter_map(item).collect()
    }
}

fn interaction_ids(event: &StoredEvent) -> impl Iterator<Item = RecordId> {
    let is_one = event.kind == EventKind::InteractionStored.as_str();
    let named = is_one.then(|| StoredInteractions::deserialize(&event.data).ok()).flatten();
    named.into_iter().flat_map(|named| named.interaction_ids)
}

fn interaction(id: RecordId, (customer, is_hidden): (&Customer, bool), recipient: Option<&TokenForm>) -> Value {
    let Customer { at: _, phone_id, email_id, name_id, forgotten, aged: _ } = *customer;
    let field = |kind: Kind, id: Option<IdentifierId>, bit: i16| match id {
        Some(_) if is_hidden => Some(ANONYMIZED.to_owned()),
        Some(id) => Some(identifier(Token { kind, id }, recipient)),
        None if forgotten & bit != 0 => Some(ANONYMIZED.to_owned()),
        None => None,
    };
    json!({
        "id": recipient.map_or(id, |form| form.show_record(id)),
        "customer": {
            "phone_number": field(Kind::Phone, phone_id, forgotten::PHONE),
            "email": field(Kind::Email, email_id, forgotten::EMAIL),
            "name": field(Kind::Name, name_id, forgotten::NAME),
        },
        "anonymized": forgotten & forgotten::ANYBODY != 0,
    })
}

/// An identifier as a webhook's recipient sees it. A webhook without a recipient sees no tokens.
fn identifier(token: Token, recipient: Option<&TokenForm>) -> String {
    recipient.map_or_else(|| ANONYMIZED.to_owned(), |form| form.show_token(token).to_string())
}

/// The data of an event with the ids of content as a recipient sees them.
fn with_contents_of(data: &Value, recipient: Option<&TokenForm>) -> Value {
    let mut data = data.clone();
    if let (Some(form), Some(ids)) = (recipient, data.get_mut("content_ids").and_then(Value::as_array_mut)) {
        for id in ids {
            if let Ok(content) = ContentId::deserialize(&*id) {
                *id = json!(form.show_content(content));
            }
        }
    }
    data
}

/// The body of a message, or `None` if it would be too long.
pub fn render(
    tenant: &Tenant,
    message: MessageId,
    event: &StoredEvent,
    (interactions, recipient): (&EventInteractions, Option<&TokenForm>),
) -> Option<String> {
    let data = if event.kind == EventKind::InteractionStored.as_str() {
        json!({ "interactions": interactions.of_event(event, recipient) })
    } else {
        with_contents_of(&event.data, recipient)
    };
    let body = json!({
        "specversion": "1.0",
        "id": message,
        "source": format!("urn:lethe:tenant:{}", tenant.slug),
        "type": event.kind,
        "time": recipient.map_or(event.at, |form| form.show_time(event.at)),
        "datacontenttype": "application/json",
        "data": data,
    });
    Some(body.to_string()).filter(|body| body.len() <= LONGEST)
}
