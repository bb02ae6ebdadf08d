//! Legal holds: they are placed, read, and released. A hold names records as a request does. The hold is
//! placed behind the gate, so that a pass either sees it when it claims, or has begun before.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use pii::{Email, Identifier, Phone, Pii};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::journaling::describe;
use super::model::{NamedInteraction, RequestError};
use super::rules::{KnownInteractions, LONGEST_REFERENCE, Rules};
use super::save::known_interactions;
use super::view::shown_to;
use super::{held, reference};
use crate::archive::customer;
use crate::audit::{self, Action, Entry};
use crate::base::actor::{Actor, Scope};
use crate::base::day::{local_day, plain_date};
use crate::base::field::FieldError;
use crate::base::ground::Ground;
use crate::base::id::{HoldId, IdentifierId, RecordId};
use crate::base::page::{Page, Position};
use crate::base::purpose::stated;
use crate::base::version::Versions;
use crate::holds::{self, HeldInteraction, Hold, HoldMasks};
use crate::idempotency::{self, Call, Replayable, Reservation};
use crate::journal::{self, Body, HoldKey, ObjectKind};
use crate::store::{Archive, Tx};
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext, Described, Resolved, admit};

/// A new legal hold.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoldNew, example = json!({"phone_number": "004798765", "ground": "17(3)(e)", "reference": "case 118", "review_on": "2027-08-03"}))]
pub struct NewHold {
    /// The customer's phone number, as in an anonymize request. A hold has a number, an address, interactions, or several
    /// of these. It keeps the records that any of them selects, now and later.
    #[serde(default)]
    #[schema(example = "004798765")]
    pub phone_number: Option<String>,
    /// The customer's e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The ids of interactions, at most 1,000. The hold keeps these interactions, and all records of their customers'
    /// numbers and addresses as they are now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<RecordId>>, max_items = 1_000)]
    pub interaction_ids: Option<Vec<String>>,
    /// The article of the GDPR on which the hold rests.
    pub ground: Ground,
    /// The number of its case in another system, of 1 to 100 characters. A number, an address, and the customer's name are
    /// refused.
    #[schema(min_length = 1, max_length = 100, example = "case 118")]
    pub reference: String,
    /// The day on which a user must check whether the hold is still needed. It is not in the past. The hold lasts until
    /// it is released.
    #[schema(format = Date, example = "2027-08-03")]
    pub review_on: String,
    /// Whether the hold also hides its customer, as a restriction of processing (Article 18): searches by the customer find
    /// nothing, and other results show `Anonymized`.
    #[serde(default)]
    pub hide: bool,
}

/// A hold whose fields are valid. The vault does not know its identifiers yet.
struct ValidatedHold {
    phone: Option<Pii<Phone>>,
    email: Option<Pii<Email>>,
    interactions: Vec<NamedInteraction>,
    review_on: NaiveDate,
}

/// A hold with its identifiers in clear or masked.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedHold {
    pub hold: Hold,
    /// The number in E.164 or its mask.
    pub phone_number: Option<String>,
    pub email: Option<String>,
    pub interactions: Vec<RecordId>,
}

impl ValidatedHold {
    fn of(new: &NewHold, tenant: &Tenant, known: &KnownInteractions, now: DateTime<Utc>) -> Result<Self, RequestError> {
        let NewHold { phone_number, email, interaction_ids, ground: _, reference, review_on, hide: _ } = new;
        let mut rules = Rules { at: "", known, errors: Vec::new() };
        let phone = phone_number.as_ref().map(|raw| rules.phone(raw, tenant.region));
        let email = email.as_ref().map(|raw| rules.email(raw));
        let named = interaction_ids.as_deref().unwrap_or_default();
        let interactions = rules.interactions(named, &[]);
        if phone.is_none() && email.is_none() && named.is_empty() {
            rules.identifier_missing();
        }
        let mut errors = rules.errors;
        if reference.chars().nth(LONGEST_REFERENCE).is_some() {
            errors.push(FieldError::at("/reference", "too_long", "must be at most 100 characters"));
        } else if stated(reference).is_none() {
            errors.push(FieldError::at("/reference", "required", "must have at least one visible character"));
        } else if reference::has_identifier(reference, tenant) {
            errors.push(FieldError::at("/reference", "identifier", "must not contain a number or an address"));
        }
        let review_on = plain_date(review_on);
        match review_on {
            None => errors.push(FieldError::at("/review_on", "format", "must be a day, such as 2027-08-03")),
            Some(day) if day < local_day(now, tenant.zone) => {
                errors.push(FieldError::at("/review_on", "out_of_range", "must not be in the past"));
            }
            Some(_) => {}
        }
        match review_on.filter(|_| errors.is_empty()) {
            Some(review_on) => Ok(Self { phone: phone.flatten(), email: email.flatten(), interactions, review_on }),
            None => Err(RequestError::Invalid(errors)),
        }
    }

    fn identifiers(&self) -> HashSet<Identifier> {
        let phone = self.phone.clone().map(Identifier::Phone);
        phone.into_iter().chain(self.email.clone().map(Identifier::Email)).collect()
    }

    fn hold(&self, new: &NewHold, ids: &Resolved, actor: &Actor, now: DateTime<Utc>) -> Hold {
        let id = |identifier: Option<Identifier>| ids.get(&identifier?).copied();
        Hold {
            id: HoldId::new(),
            phone: id(self.phone.clone().map(Identifier::Phone)),
            email: id(self.email.clone().map(Identifier::Email)),
            phone_mask: None,
            email_mask: None,
            interaction_count: i32::try_from(self.interactions.len()).unwrap_or(i32::MAX),
            ground: new.ground,
            reference: new.reference.clone(),
            review_on: self.review_on,
            hide: new.hide,
            placed_by: actor.name.clone(),
            placed_at: now,
            released_by: None,
            released_at: None,
            version: 1,
        }
    }
}

/// Places a hold. A call with the same key returns the same hold.
pub async fn place(
    app: &AppContext,
    actor: &Actor,
    new: &NewHold,
    key: Option<&str>,
) -> Result<Replayable<RenderedHold>, RequestError> {
    let work = async |reservation: Option<&Reservation>| place_once(app, actor, new, reservation).await;
    let (id, replayed) = match app.call_once(actor, "hold", (key, new), work).await? {
        Call::Made(id) => (id, false),
        Call::Replayed(id) => (id, true),
    };
    Ok(Replayable { value: find(app, actor, id).await?, replayed })
}

async fn place_once(
    app: &AppContext,
    actor: &Actor,
    new: &NewHold,
    reservation: Option<&Reservation>,
) -> Result<HoldId, RequestError> {
    admit(app, actor.tenant, async |admission, mut tx| {
        let now = app.clock.now();
        let tenant = tenants::find(&mut tx, actor.tenant).await?;
        let known = known_interactions(&mut tx, actor, new.interaction_ids.as_deref()).await?;
        drop(tx);
        let valid = ValidatedHold::of(new, &tenant, &known, now)?;
        let wanted = valid.identifiers();
        let ids =
            if wanted.is_empty() { Resolved::new() } else { admission.resolve(&wanted, |_| HashSet::new()).await? };
        check_reference(app, &tenant, (&valid, &ids), &new.reference).await?;
        let hold = valid.hold(new, &ids, actor, now);
        let body = journaled(app, actor, &hold, &valid.interactions).await?;
        let mut tx = admission.enter().await?;
        let named: Vec<_> = valid.interactions.iter().copied().map(HeldInteraction::from).collect();
        holds::insert(&mut tx, tenant.id, &hold, &named).await?;
        if held::is_too_late(&mut tx, tenant.id, hold.id).await? {
            return Err(RequestError::HoldTooLate);
        }
        if let Some(reservation) = reservation {
            idempotency::settle(&mut tx, reservation, &hold.id).await?;
        }
        append(app, actor, &mut tx, ObjectKind::Hold, body).await?;
        let detail = json!({
            "hold": hold.id, "ground": hold.ground, "reference": hold.reference, "review_on": hold.review_on,
            "hide": hold.hide, "interaction_count": hold.interaction_count,
        });
        audit::record(&mut tx, app.clock, actor, &Entry::new(Action::HoldPlaced, 1, detail)).await?;
        tx.commit().await?;
        Ok(hold.id)
    })
    .await
}

/// Refuses a reference that names the customer of the hold: by a number or an address in any spelling, or by the name.
async fn check_reference(
    app: &AppContext,
    tenant: &Tenant,
    (valid, ids): (&ValidatedHold, &Resolved),
    reference: &str,
) -> Result<(), RequestError> {
    // The name of a customer without a number and an address is found by the interaction.
    let named = valid.interactions.iter();
    let named = named.flat_map(|one| one.identifiers().chain([IdentifierId(one.id.0)]));
    let keys: Vec<_> = ids.values().copied().chain(named).collect();
    let keyset = app.keysets.get(&app.vault, tenant.id).await?;
    let known = vault::open(&mut app.vault.read().await?, &keyset, keys.iter().copied()).await?;
    let names = customer::names(app, tenant.id, &keys).await?;
    let names = names.into_iter().map(|(key, (_, name))| Identifier::Name { name, bound_to: key.0 });
    let about: Vec<_> = known.into_values().chain(names).collect();
    if tenant.masked_of(&about, reference) == reference {
        return Ok(());
    }
    let rule = "must not contain a number, an address, or the name of the customer";
    Err(RequestError::Invalid(vec![FieldError::at("/reference", "identifier", rule)]))
}

/// The hold as the erasure journal has it. It reads the vault, so it comes before the transaction of the archive.
async fn journaled(
    app: &AppContext,
    actor: &Actor,
    hold: &Hold,
    interactions: &[NamedInteraction],
) -> Result<Body, RequestError> {
    if app.journal.is_off() {
        return Ok(Body::Nothing);
    }
    let own = hold.phone.into_iter().chain(hold.email);
    let ids: Vec<_> = own.clone().chain(interactions.iter().flat_map(NamedInteraction::identifiers)).collect();
    let described = describe(app, actor.tenant, &ids).await?;
    let mut all: Vec<_> = own.map(|id| hold_key(hold, None, Some(id), &described)).collect();
    for named in interactions {
        let before = all.len();
        all.extend(named.identifiers().map(|id| hold_key(hold, Some(named.id), Some(id), &described)));
        if all.len() == before {
            all.push(hold_key(hold, Some(named.id), None, &described));
        }
    }
    Ok(Body::Hold(all))
}

fn hold_key(
    hold: &Hold,
    interaction: Option<RecordId>,
    identifier: Option<IdentifierId>,
    described: &HashMap<IdentifierId, Described>,
) -> HoldKey {
    let Described { kind, index, mask: _ } =
        identifier.and_then(|id| described.get(&id).cloned()).unwrap_or_else(Described::unknown);
    let Hold { id, ground, review_on, hide, placed_at, .. } = *hold;
    HoldKey { hold: id, interaction, identifier, kind, index, index_version: 1, ground, review_on, hide, placed_at }
}

/// Creates the object of a decision, after all statements that could refuse it, with its row in the same transaction.
async fn append(
    app: &AppContext,
    actor: &Actor,
    tx: &mut Tx<Archive>,
    kind: ObjectKind,
    body: Body,
) -> Result<(), RequestError> {
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let entry = app.journal.append(keyset.journal(), None, kind, &body, app.clock.now()).await?;
    Ok(journal::insert(tx, actor.tenant, entry.as_slice()).await?)
}

/// Releases a hold. The next pass carries out what it has held back.
pub async fn release(app: &AppContext, actor: &Actor, id: HoldId, expected: &Versions) -> Result<(), RequestError> {
    let hold = one(&mut app.archive.read().await?, actor, id).await?;
    if *expected != Versions::Absent {
        expected.check(hold.version)?;
    }
    if hold.released_at.is_some() {
        return Err(RequestError::Released);
    }
    let masks = masks(app, actor, &hold, &BTreeMap::new()).await?;
    let mut tx = app.archive.write().await?;
    if holds::release(&mut tx, actor.tenant, id, masks, &actor.name, app.clock.now()).await? == 0 {
        return Err(RequestError::Released);
    }
    append(app, actor, &mut tx, ObjectKind::Release, Body::Release(vec![id])).await?;
    let detail = json!({ "hold": id, "ground": hold.ground, "reference": hold.reference });
    audit::record(&mut tx, app.clock, actor, &Entry::new(Action::HoldReleased, 1, detail)).await?;
    Ok(tx.commit().await?)
}

/// The masks that replace the identifiers of a hold. `known` has those of identifiers that may have left the vault.
pub(super) async fn masks(
    app: &AppContext,
    actor: &Actor,
    hold: &Hold,
    known: &BTreeMap<IdentifierId, String>,
) -> Result<HoldMasks, RequestError> {
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let ids = hold.phone.into_iter().chain(hold.email);
    let masks = vault::masks(&mut app.vault.read().await?, &keyset, ids).await?;
    let mask = |id: Option<IdentifierId>| {
        let mask = masks.get(&id?).cloned().flatten().or_else(|| known.get(&id?).cloned());
        Some(mask.unwrap_or_else(|| pii::mask("")))
    };
    Ok(HoldMasks { phone: mask(hold.phone), email: mask(hold.email) })
}

/// A page of the tenant's holds, newest first.
pub async fn list(
    app: &AppContext,
    actor: &Actor,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<RenderedHold>, RequestError> {
    let key = app.service_key().await?.derive("cursor");
    let query = [b"holds", &actor.tenant.0.as_bytes()[..]].concat();
    let after = cursor.map(|cursor| Position::from_cursor(cursor, &key, &query)).transpose()?;
    let holds = holds::page(&mut app.archive.read().await?, actor.tenant, after, limit + 1).await?;
    let Page { items, next_cursor } = Page::of(holds, limit, &key, &query);
    Ok(Page { items: render(app, actor, items).await?, next_cursor })
}

pub async fn find(app: &AppContext, actor: &Actor, id: HoldId) -> Result<RenderedHold, RequestError> {
    let hold = one(&mut app.archive.read().await?, actor, id).await?;
    render(app, actor, vec![hold]).await?.pop().ok_or(RequestError::NotFound)
}

async fn one(tx: &mut Tx<Archive>, actor: &Actor, id: HoldId) -> Result<Hold, RequestError> {
    holds::by_ids(tx, actor.tenant, &[id]).await?.pop().ok_or(RequestError::NotFound)
}

/// Renders holds in their order. Identifiers are in clear for callers who may see identifiers, under one audit row.
async fn render(app: &AppContext, actor: &Actor, holds: Vec<Hold>) -> Result<Vec<RenderedHold>, RequestError> {
    let shown: Vec<HoldId> = holds.iter().map(|hold| hold.id).collect();
    let mut interactions = holds::interactions(&mut app.archive.read().await?, actor.tenant, &shown).await?;
    let ids: HashSet<IdentifierId> = holds.iter().flat_map(|hold| hold.phone.into_iter().chain(hold.email)).collect();
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let values: HashMap<IdentifierId, String> = if ids.is_empty() {
        HashMap::new()
    } else if actor.may(Scope::ArchiveIdentify) {
        let entry = Entry::new(Action::HoldsRead, shown.len(), json!({ "holds": shown }));
        let grant = audit::commit(app.archive.write_brief().await?, app.clock, actor, &entry).await?;
        vault::reveal(&mut app.vault.read().await?, &keyset, &grant, ids).await?
    } else {
        let masks = vault::masks(&mut app.vault.read().await?, &keyset, ids).await?;
        masks.into_iter().filter_map(|(id, mask)| Some((id, mask?))).collect()
    };
    let value = |id: Option<IdentifierId>| Some(values.get(&id?).cloned().unwrap_or_else(|| pii::mask("")));
    let rendered = |hold: Hold| RenderedHold {
        phone_number: value(hold.phone).or_else(|| hold.phone_mask.clone()),
        email: value(hold.email).or_else(|| hold.email_mask.clone()),
        interactions: shown_to(actor, interactions.remove(&hold.id).unwrap_or_default()),
        hold,
    };
    Ok(holds.into_iter().map(rendered).collect())
}

impl From<NamedInteraction> for HeldInteraction {
    fn from(NamedInteraction { id, phone, email }: NamedInteraction) -> Self {
        Self { id, phone, email }
    }
}
