//! The keys of a tenant. Values are sealed under versioned keys, and hashes are made under a key that never changes. The
//! master key wraps them all (D10).
//!
//! Another process may make a new version at any time. A reader that meets an unknown version reads the keys again, so
//! no process has to be restarted. A writer may use an older version for at most [`KEPT`]. The nightly job seals such
//! values again, and deletes an old version only a day after the newer one was made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use pii::{Email, Identifier, Kind, PersonName, Phone};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::key_sql;
use super::master::MasterKeys;
use super::model::VaultError;
use super::sql::{ContentKeyRow, IdentifierRow, NewIdentifier};
use crate::base::clock::Clock;
use crate::base::crypto::{BlindIndex, KEY_LEN, Key, KeyedHasher, sha256};
use crate::base::id::{IdentifierId, ObjectId, TenantId, WebhookId};
use crate::journal::TenantKeys;
use crate::store::{Db, StoreError, Tx, Vault};

/// For how long a process uses the keys that it has read.
const KEPT: Duration = Duration::from_mins(10);

/// The purpose of the key that seals values.
pub(super) const SEAL: &str = "seal";

/// The purpose of the key under which values are found.
pub(super) const INDEX: &str = "index";

/// The purpose of the key that seals the objects of the erasure journal.
pub(super) const JOURNAL: &str = "journal";

/// The purpose of the service's own key. Its tenant is [`SERVICE`].
const ROOT: &str = "service";

/// The keys of the service itself have the nil id as their tenant.
pub(super) const SERVICE: TenantId = TenantId(Uuid::nil());

/// The unwrapped keys of one tenant.
#[derive(Debug)]
pub struct Keyset {
    pub tenant: TenantId,
    masters: Arc<MasterKeys>,
    index: KeyedHasher,
    seal: ArcSwap<BTreeMap<i32, Key>>,
    journal: TenantKeys,
    read_at: Instant,
}

/// The keysets that were used since the start, in memory.
#[derive(Debug)]
pub struct Keysets {
    pub(super) masters: Arc<MasterKeys>,
    known: RwLock<HashMap<TenantId, Arc<Keyset>>>,
    service: OnceCell<Key>,
}

/// Secrets are padded to a multiple of this many bytes, so that their length tells little.
const SECRET_STEP: usize = 256;

/// The length to which values of a kind are padded, in bytes.
const fn padded(kind: Kind) -> usize {
    match kind {
        Kind::Phone => 24,
        Kind::Email => 256,
        Kind::Name => 16 + PersonName::LONGEST,
    }
}

impl Keysets {
    #[must_use]
    pub fn new(masters: MasterKeys) -> Self {
        Self { masters: Arc::new(masters), known: RwLock::default(), service: OnceCell::new() }
    }

    /// The id of the master key that wraps new keys.
    #[must_use]
    pub fn master_id(&self) -> &str {
        self.masters.current().id()
    }

    /// Whether this process has the master key with an id: the current one, or the previous one.
    #[must_use]
    pub fn has_master(&self, id: &str) -> bool {
        self.masters.find(id).is_ok()
    }

    /// The keys of a tenant. They are created at their first use.
    pub async fn get(&self, vault: &Db<Vault>, tenant: TenantId) -> Result<Arc<Keyset>, VaultError> {
        let known = self.known.read().map(|known| known.get(&tenant).cloned()).unwrap_or_default();
        match known.filter(|keyset| keyset.read_at.elapsed() < KEPT) {
            Some(keyset) => Ok(keyset),
            None => self.reload(vault, tenant).await,
        }
    }

    /// The keys of a tenant as they are in the vault now.
    pub async fn reload(&self, vault: &Db<Vault>, tenant: TenantId) -> Result<Arc<Keyset>, VaultError> {
        let rows = self.rows(vault, tenant, &[SEAL, INDEX, JOURNAL]).await?;
        let index = rows.iter().find(|row| row.purpose == INDEX).ok_or(VaultError::KeyMissing(0))?;
        let keyset = Arc::new(Keyset {
            tenant,
            masters: Arc::clone(&self.masters),
            index: self.masters.unwrap(index)?.hasher(),
            seal: ArcSwap::from_pointee(versions(&self.masters, &rows)?),
            journal: self.journal_keys(tenant, &rows)?,
            read_at: Instant::now(),
        });
        if let Ok(mut known) = self.known.write() {
            known.insert(tenant, Arc::clone(&keyset));
        }
        Ok(keyset)
    }

    /// The service's own key, for cursors and the like. It is random and wrapped, so it outlives a master key.
    pub async fn service_key(&self, vault: &Db<Vault>) -> Result<Key, VaultError> {
        let key = self.service.get_or_try_init(|| async {
            let rows = self.rows(vault, SERVICE, &[ROOT]).await?;
            self.masters.unwrap(rows.first().ok_or(VaultError::KeyMissing(0))?)
        });
        Ok(key.await?.clone())
    }

    /// Fails if the process lacks a master key that has wrapped keys of this vault.
    pub async fn verify(&self, vault: &Db<Vault>) -> Result<(), VaultError> {
        let mut masters = BTreeSet::new();
        let mut rows = key_sql::all_keys(&mut vault.read().await?).await?;
        rows.retain(|row| masters.insert(row.master_id.clone()));
        rows.iter().try_for_each(|row| self.masters.unwrap(row).map(drop))
    }

    /// The wrapped keys of a tenant. Keys of purposes that have none are created. If two processes do this at once, the
    /// rows of the first one stay.
    pub(super) async fn rows(
        &self,
        vault: &Db<Vault>,
        tenant: TenantId,
        purposes: &[&'static str],
    ) -> Result<Vec<key_sql::KeyRow>, VaultError> {
        let rows = key_sql::keys(&mut vault.read().await?, tenant).await?;
        let has = |purpose: &str| rows.iter().any(|row| row.purpose == purpose);
        if purposes.iter().all(|purpose| has(purpose)) {
            return Ok(rows);
        }
        let mut tx = vault.write().await?;
        for purpose in purposes.iter().filter(|purpose| !has(purpose)) {
            self.insert(&mut tx, tenant, purpose, 1).await?;
        }
        let rows = key_sql::keys(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Makes a key. Returns 0 if there is one already.
    pub(super) async fn insert(
        &self,
        tx: &mut Tx<Vault>,
        tenant: TenantId,
        purpose: &str,
        version: i32,
    ) -> Result<u64, VaultError> {
        let wrapped = self.masters.wrap((tenant, purpose, version), &Key::random()?)?;
        let row = key_sql::KeyRow {
            tenant_id: tenant,
            purpose: purpose.to_owned(),
            key_version: version,
            master_id: self.masters.current().id().to_owned(),
            wrapped,
            created_at: Clock::System.now(),
        };
        Ok(key_sql::insert_key(tx, &row).await?)
    }
}

/// The versions of the key that seals.
fn versions(masters: &MasterKeys, rows: &[key_sql::KeyRow]) -> Result<BTreeMap<i32, Key>, VaultError> {
    let rows = rows.iter().filter(|row| row.purpose == SEAL);
    rows.map(|row| Ok((row.key_version, masters.unwrap(row)?))).collect()
}

impl Keyset {
    /// The key of the tenant's objects in the erasure journal, and the wrapped keys that a restored vault may lack.
    #[must_use]
    pub const fn journal(&self) -> &TenantKeys {
        &self.journal
    }

    /// Reads the keys again if a version is unknown, because another process has made a newer one.
    pub(super) async fn learn(
        &self,
        tx: &mut Tx<Vault>,
        versions_of_rows: impl IntoIterator<Item = i32>,
    ) -> Result<(), VaultError> {
        let known = self.seal.load();
        if versions_of_rows.into_iter().any(|version| !known.contains_key(&version)) {
            let rows = key_sql::keys(tx, self.tenant).await?;
            self.seal.store(Arc::new(versions(&self.masters, &rows)?));
        }
        Ok(())
    }

    /// The newest version. New values are sealed under it.
    pub(super) fn newest(&self) -> Result<(i32, Key), VaultError> {
        let seal = self.seal.load();
        seal.last_key_value().map(|(version, key)| (*version, key.clone())).ok_or(VaultError::KeyMissing(0))
    }

    fn version(&self, version: i32) -> Result<Key, VaultError> {
        self.seal.load().get(&version).cloned().ok_or(VaultError::KeyMissing(version))
    }

    /// The keyed hash under which an identifier is found.
    #[must_use]
    pub fn index(&self, identifier: &Identifier) -> BlindIndex {
        let kind = identifier.kind().as_str().as_bytes();
        match identifier {
            Identifier::Name { name, bound_to } => {
                self.index.hash(&[kind, bound_to.as_bytes(), name.expose().as_str().to_lowercase().as_bytes()])
            }
            Identifier::Phone(_) | Identifier::Email(_) => self.index_of_text(identifier.kind(), text_of(identifier)),
        }
    }

    /// Identifiers by their keyed hashes, in the order of these. Spellings of a name in other cases have the same hash, and
    /// small letters come first.
    pub(super) fn indexed<'i>(
        &self,
        identifiers: impl IntoIterator<Item = &'i Identifier>,
    ) -> BTreeMap<BlindIndex, Vec<&'i Identifier>> {
        let mut indexed = BTreeMap::<_, Vec<_>>::new();
        for one in identifiers {
            indexed.entry(self.index(one)).or_default().push(one);
        }
        for spellings in indexed.values_mut() {
            spellings.sort_by_key(|one| std::cmp::Reverse(text_of(one)));
        }
        indexed
    }

    /// The keyed hash of a text that may be the canonical spelling of a number or an address.
    pub(super) fn index_of_text(&self, kind: Kind, text: &str) -> BlindIndex {
        self.index.hash(&[kind.as_str().as_bytes(), text.as_bytes()])
    }

    /// The keyed hash of a text that may contain an identifier, such as an external id.
    #[must_use]
    pub fn hash(&self, purpose: &str, text: &str) -> BlindIndex {
        self.index.hash(&[b"hash", purpose.as_bytes(), text.as_bytes()])
    }

    pub(super) fn sealed_row(
        &self,
        id: IdentifierId,
        index: BlindIndex,
        identifier: &Identifier,
    ) -> Result<NewIdentifier, VaultError> {
        let (version, key) = self.newest()?;
        let kind = identifier.kind();
        let mut value = text_of(identifier).as_bytes().to_vec();
        let mut bound_to = None;
        if let Identifier::Name { bound_to: to, .. } = identifier {
            value = [to.as_bytes(), value.as_slice()].concat();
            bound_to = Some(*to);
        }
        let sealed = key.seal(&value, &self.place(id, kind), padded(kind))?;
        Ok(NewIdentifier { id, kind, bound_to, index, sealed, key_version: version })
    }

    pub(super) fn open(&self, row: &IdentifierRow) -> Result<Identifier, VaultError> {
        let key = self.version(row.key_version)?;
        let value = key.open(&row.sealed, &self.place(row.id, row.kind))?;
        let broken = || StoreError::Inconsistent(format!("identifiers.sealed of {}", row.id));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| broken());
        Ok(match row.kind {
            Kind::Phone => Identifier::Phone(Phone::stored(text(&value)?)),
            Kind::Email => Identifier::Email(Email::stored(text(&value)?)),
            Kind::Name => {
                let (bound_to, name) = value.split_first_chunk::<16>().ok_or_else(broken)?;
                Identifier::Name { name: PersonName::stored(text(name)?), bound_to: Uuid::from_bytes(*bound_to) }
            }
        })
    }

    /// The value of a row, sealed under the newest version.
    pub(super) fn reseal(&self, row: &IdentifierRow) -> Result<Vec<u8>, VaultError> {
        let place = self.place(row.id, row.kind);
        let value = self.version(row.key_version)?.open(&row.sealed, &place)?;
        Ok(self.newest()?.1.seal(&value, &place, padded(row.kind))?)
    }

    pub(super) fn wrap_content_key(&self, object: ObjectId, key: &Key) -> Result<(i32, Vec<u8>), VaultError> {
        let (version, seal) = self.newest()?;
        Ok((version, seal.seal(key.bytes(), &object.place(self.tenant), KEY_LEN)?))
    }

    pub(super) fn unwrap_content_key(&self, object: ObjectId, row: &ContentKeyRow) -> Result<Key, VaultError> {
        let seal = self.version(row.key_version)?;
        Ok(Key::from_bytes(&seal.open(&row.wrapped, &object.place(self.tenant))?)?)
    }

    /// Seals the secret of a delivery target. It opens only for the same address.
    pub(super) fn seal_secret(&self, address: &str, secret: &str) -> Result<(i32, Vec<u8>), VaultError> {
        let (version, seal) = self.newest()?;
        let padded = secret.len().next_multiple_of(SECRET_STEP);
        Ok((version, seal.seal(secret.as_bytes(), &self.secret_place(address), padded)?))
    }

    pub(super) fn open_secret(&self, address: &str, version: i32, sealed: &[u8]) -> Result<String, VaultError> {
        let seal = self.version(version)?;
        let clear = seal.open(sealed, &self.secret_place(address))?;
        Ok(String::from_utf8(clear).map_err(|_| StoreError::Inconsistent("delivery_secrets.sealed".to_owned()))?)
    }

    /// Seals a secret of a webhook. It opens only for the same webhook.
    pub(super) fn seal_webhook_secret(&self, webhook: WebhookId, secret: &Key) -> Result<(i32, Vec<u8>), VaultError> {
        let (version, seal) = self.newest()?;
        Ok((version, seal.seal(secret.bytes(), &self.webhook_place(webhook), KEY_LEN)?))
    }

    pub(super) fn open_webhook_secret(
        &self,
        webhook: WebhookId,
        version: i32,
        sealed: &[u8],
    ) -> Result<Key, VaultError> {
        let seal = self.version(version)?;
        Ok(Key::from_bytes(&seal.open(sealed, &self.webhook_place(webhook))?)?)
    }

    fn webhook_place(&self, webhook: WebhookId) -> Vec<u8> {
        [self.tenant.0.as_bytes(), &b"webhook"[..], webhook.0.as_bytes()].concat()
    }

    fn secret_place(&self, address: &str) -> Vec<u8> {
        [self.tenant.0.as_bytes(), &b"delivery"[..], address.as_bytes()].concat()
    }

    /// A sealed value opens only in its own row.
    fn place(&self, id: IdentifierId, kind: Kind) -> Vec<u8> {
        [self.tenant.0.as_bytes(), id.0.as_bytes(), kind.as_str().as_bytes()].concat()
    }
}

pub(super) fn text_of(identifier: &Identifier) -> &str {
    match identifier {
        Identifier::Phone(phone) => phone.expose().as_str(),
        Identifier::Email(email) => email.expose().as_str(),
        Identifier::Name { name, .. } => name.expose().as_str(),
    }
}

/// A hash that differs between two searches. Only sealed cursors contain it.
#[must_use]
pub fn fingerprint(identifier: &Identifier) -> [u8; 32] {
    sha256(match identifier {
        Identifier::Phone(phone) => phone.expose().as_str().as_bytes(),
        Identifier::Email(email) => email.expose().as_str().as_bytes(),
        Identifier::Name { name, .. } => name.expose().as_str().as_bytes(),
    })
}
