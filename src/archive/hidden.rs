//! Hidden customers: a waiting request hides its customer if the tenant wants it, and so does a legal hold with `hide`.
//! Readers see what they would see after the pass. Nothing is changed, so that the end of the hiding is seen at once.
//!
//! One condition decides, and each rule has it in two forms (`tenants/hiding.rs`). A search by a customer asks it of each
//! record in its statement, so that it finds nothing. A reader asks it for the identifiers of the records of a page. The
//! preview, the pass, exports, and holds do not ask.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use pii::{ANONYMIZED, Kind};

use super::customer::{Customer, customer};
use super::kinds::{RecordKind, table};
use super::mentions::Mention;
use super::model::{CustomerField, Record};
use super::naming;
use super::parsed::is_keyed;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};
use crate::tenants::{HidingRule, Tenant};

/// How many keys one statement looks up.
const BATCH: usize = 2_000;

/// The rules that hide customers of a tenant at present: none by default.
#[derive(Clone, Debug, Default)]
pub struct Hiding(Vec<HidingRule>);

impl Hiding {
    pub async fn of(tx: &mut Tx<Archive>, tenant: &Tenant, rules: &[HidingRule]) -> Result<Self> {
        let mut on = Vec::new();
        for rule in rules {
            if (rule.is_on)(tx, tenant).await? {
                on.push(*rule);
            }
        }
        Ok(Self(on))
    }

    /// All rules, for the plans of a search.
    #[must_use]
    pub fn all(rules: &[HidingRule]) -> Self {
        Self(rules.to_vec())
    }

    /// Whether no customer is hidden.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends the condition that no rule hides the customer of the record `r` of a target.
pub fn not_hidden<'c>(query: Query<'c>, tenant: TenantId, target: Target, hiding: &Hiding) -> Query<'c> {
    hiding.0.iter().fold(query, |query, rule| (rule.not_hidden)(query, tenant, target))
}

/// The keys that are hidden in a target, each in the records before an instant.
#[derive(Default)]
struct HiddenUntil(HashMap<IdentifierId, DateTime<Utc>>);

impl HiddenUntil {
    async fn find(
        tx: &mut Tx<Archive>,
        tenant: TenantId,
        target: Target,
        hiding: &Hiding,
        keys: BTreeSet<IdentifierId>,
    ) -> Result<Self> {
        let mut found = Self::default();
        let keys: Vec<_> = keys.into_iter().collect();
        for chunk in keys.chunks(BATCH) {
            for rule in &hiding.0 {
                for (key, until) in (rule.hidden_keys)(tx, tenant, target, chunk).await? {
                    found.add(key, until);
                }
            }
        }
        Ok(found)
    }

    fn add(&mut self, key: IdentifierId, until: DateTime<Utc>) {
        let known = self.0.entry(key).or_insert(until);
        *known = until.max(*known);
    }

    fn hides(&self, key: IdentifierId, at: DateTime<Utc>) -> bool {
        self.0.get(&key).is_some_and(|until| at < *until)
    }

    /// Makes mentions read as forgotten. `own` are the identifiers of a hidden customer of the text.
    fn hide_mentions(&self, mentions: &mut [Mention], own: Option<&[IdentifierId]>, at: DateTime<Utc>) {
        for mention in mentions {
            let Some(id) = mention.identifier else { continue };
            let is_own = own.is_some_and(|own| mention.kind == Kind::Name || own.contains(&id));
            if is_own || self.hides(id, at) {
                mention.identifier = None;
            }
        }
    }
}

/// Makes the hidden customers of some records read as forgotten, in their fields and in their texts.
pub async fn hide<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hiding: &Hiding,
    records: &mut [Record<K>],
) -> Result<()> {
    if hiding.is_none() || records.is_empty() {
        return Ok(());
    }
    naming::hide(tx, tenant, hiding, records).await?;
    let keys = records.iter().flat_map(|record| {
        let said = record.mentions.iter().filter_map(|mention| mention.identifier);
        own_of(record).chain([IdentifierId(record.id.0)]).chain(said)
    });
    let hidden = HiddenUntil::find(tx, tenant, K::TARGET, hiding, keys.collect()).await?;
    for record in records {
        let own: Vec<_> = own_of(record).collect();
        let mut keys = own.iter().copied().chain([IdentifierId(record.id.0)]);
        let is_hidden = keys.any(|key| hidden.hides(key, record.at));
        hidden.hide_mentions(&mut record.mentions, is_hidden.then_some(&own), record.at);
        if is_hidden {
            hide_customer(record);
        }
    }
    Ok(())
}

fn own_of<K>(record: &Record<K>) -> impl Iterator<Item = IdentifierId> + use<K> {
    let fields = [record.phone, record.email, record.name];
    fields.into_iter().filter_map(|field| match field {
        CustomerField::Held(_, id) => Some(id),
        CustomerField::Empty | CustomerField::Forgotten => None,
    })
}

fn hide_customer<K: RecordKind>(record: &mut Record<K>) {
    for field in [&mut record.phone, &mut record.email, &mut record.name] {
        if matches!(field, CustomerField::Held(..)) {
            *field = CustomerField::Forgotten;
        }
    }
    // A keyed hash would join the record to later ones of the same customer.
    let words = record.columns.descriptive_mut().into_iter().flatten();
    for word in words.chain([&mut record.external_id]).filter(|word| is_keyed(word)) {
        ANONYMIZED.clone_into(word);
    }
}

/// The interactions among some whose customer is hidden.
pub async fn hidden_among(
    tx: &mut Tx<Archive>,
    (tenant, rules): (&Tenant, &[HidingRule]),
    customers: &[(RecordId, Customer)],
) -> Result<HashSet<RecordId>> {
    let hiding = Hiding::of(tx, tenant, rules).await?;
    among(tx, tenant.id, &hiding, customers).await
}

pub(super) async fn among(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hiding: &Hiding,
    customers: &[(RecordId, Customer)],
) -> Result<HashSet<RecordId>> {
    if hiding.is_none() {
        return Ok(HashSet::new());
    }
    let selecting = |id: RecordId, customer: &Customer| {
        let own = [customer.phone_id, customer.email_id, customer.name_id];
        own.into_iter().flatten().chain([IdentifierId(id.0)])
    };
    let keys = customers.iter().flat_map(|(id, customer)| selecting(*id, customer)).collect();
    let hidden = HiddenUntil::find(tx, tenant, Target::Archive, hiding, keys).await?;
    let is_hidden =
        |(id, customer): &&(RecordId, Customer)| selecting(*id, customer).any(|key| hidden.hides(key, customer.at));
    Ok(customers.iter().filter(is_hidden).map(|(id, _)| *id).collect())
}

/// The identifiers among some that are hidden: those that a request or a hold names, and all identifiers of a record whose
/// customer is hidden. A pass takes the same ones out of reveals, also if other records have them.
pub async fn identifiers_among(
    tx: &mut Tx<Archive>,
    (tenant, rules): (&Tenant, &[HidingRule]),
    ids: &BTreeSet<IdentifierId>,
) -> Result<HashSet<IdentifierId>> {
    let hiding = Hiding::of(tx, tenant, rules).await?;
    let mut hidden = HashSet::new();
    if ids.is_empty() || hiding.is_none() {
        return Ok(hidden);
    }
    // An identifier is hidden if a record of it alone would be.
    let alone: Vec<(RecordId, Customer)> = ids.iter().map(|id| (RecordId(id.0), only(*id))).collect();
    hidden.extend(among(tx, tenant.id, &hiding, &alone).await?.into_iter().map(|id| IdentifierId(id.0)));
    for target in Target::ALL {
        for column in ["phone_id", "email_id", "name_id"] {
            let left = ids.iter().copied().filter(|id| !hidden.contains(id));
            let query = tx.query("SELECT DISTINCT r.").push(column).push(" FROM ").push(table(target));
            let query = query.with(" r WHERE r.tenant_id = ", tenant.id).push(" AND r.").push(column);
            let query = query.with_any("", left.collect::<Vec<_>>()).push(" AND NOT (TRUE");
            let found: Vec<(IdentifierId,)> = not_hidden(query, tenant.id, target, &hiding).push(")").all().await?;
            hidden.extend(found.into_iter().map(|(id,)| id));
        }
    }
    Ok(hidden)
}

/// The customer of a record from before every request.
fn only(id: IdentifierId) -> Customer {
    let at = DateTime::<Utc>::MIN_UTC;
    Customer { at, phone_id: Some(id), email_id: None, name_id: None, forgotten: 0, aged: None }
}

/// Makes the mentions of hidden customers in a text of an interaction read as forgotten.
pub async fn hide_text(
    tx: &mut Tx<Archive>,
    (tenant, rules): (&Tenant, &[HidingRule]),
    interaction: RecordId,
    mentions: &mut [Mention],
) -> Result<()> {
    let hiding = Hiding::of(tx, tenant, rules).await?;
    if hiding.is_none() {
        return Ok(());
    }
    let Some(customer) = customer(tx, tenant.id, interaction, false).await? else { return Ok(()) };
    let own: Vec<_> = [customer.phone_id, customer.email_id, customer.name_id].into_iter().flatten().collect();
    let selecting = own.iter().copied().chain([IdentifierId(interaction.0)]);
    let keys = selecting.clone().chain(mentions.iter().filter_map(|mention| mention.identifier)).collect();
    let hidden = HiddenUntil::find(tx, tenant.id, Target::Archive, &hiding, keys).await?;
    let is_hidden = selecting.clone().any(|key| hidden.hides(key, customer.at));
    hidden.hide_mentions(mentions, is_hidden.then_some(&own), customer.at);
    Ok(())
}
