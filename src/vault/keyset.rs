//! The keys of a tenant. Values are sealed under versioned keys, and hashes are made under a key that never changes. The
//! master key wraps them all and stays outside of the databases (D10).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use pii::{Email, Identifier, Kind, PersonName, Phone};
use uuid::Uuid;

use super::model::VaultError;
use super::sql::{self, ContentKeyRow, IdentifierRow, NewIdentifier};
use crate::base::clock::Clock;
use crate::base::crypto::{BlindIndex, CryptoError, KEY_LEN, Key, sha256};
use crate::base::hex::hex;
use crate::base::id::{IdentifierId, ObjectId, TenantId};
use crate::journal::{TenantKeys, WrappedKey};
use crate::store::{Db, StoreError, Vault};

/// The key that wraps all others.
#[derive(Clone, Debug)]
pub struct MasterKey(Key);

/// The unwrapped keys of one tenant.
#[derive(Debug)]
pub struct Keyset {
    pub tenant: TenantId,
    index: Key,
    seal: BTreeMap<i32, Key>,
    journal: TenantKeys,
}

/// The keysets that were used since the start, in memory.
#[derive(Debug)]
pub struct Keysets {
    master: MasterKey,
    known: RwLock<HashMap<TenantId, Arc<Keyset>>>,
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

impl MasterKey {
    /// The master key from its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        Key::from_bytes(bytes).map(Self)
    }

    /// The id of the key. It says nothing about the key.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.0.hash(&[b"id"]).0[..4])
    }

    /// A key of the service itself, for cursors and the like, derived from the master key.
    #[must_use]
    pub fn service_key(&self, purpose: &str) -> Key {
        self.0.derive(purpose)
    }
}

impl Keysets {
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        Self { master, known: RwLock::default() }
    }

    /// The id of the master key.
    #[must_use]
    pub fn master_id(&self) -> String {
        self.master.id()
    }

    /// The keys of a tenant. They are created at their first use.
    pub async fn get(&self, vault: &Db<Vault>, tenant: TenantId) -> Result<Arc<Keyset>, VaultError> {
        let known = self.known.read().map(|known| known.get(&tenant).cloned()).unwrap_or_default();
        if let Some(keyset) = known {
            return Ok(keyset);
        }
        let mut rows = sql::keys(&mut vault.read().await?, tenant).await?;
        if ["seal", "index", "journal"].iter().any(|purpose| rows.iter().all(|row| row.purpose != *purpose)) {
            self.create(vault, tenant).await?;
            rows = sql::keys(&mut vault.read().await?, tenant).await?;
        }
        let keyset = Arc::new(self.unwrap_all(tenant, &rows)?);
        if let Ok(mut known) = self.known.write() {
            known.insert(tenant, Arc::clone(&keyset));
        }
        Ok(keyset)
    }

    /// Adds keys that a restored vault lacks. A key that another master key has wrapped is left out.
    pub async fn adopt(&self, vault: &Db<Vault>, tenant: TenantId, keys: &[WrappedKey]) -> Result<(), VaultError> {
        let mut tx = vault.write().await?;
        for key in keys.iter().filter(|key| key.master == self.master.id()) {
            let purpose = if key.purpose == "index" { "index" } else { "journal" };
            self.master.0.open(&key.wrapped, &wrap_place(tenant, purpose, key.version))?;
            sql::insert_key(&mut tx, tenant, purpose, key.version, &key.wrapped, Clock::System.now()).await?;
        }
        tx.commit().await?;
        if let Ok(mut known) = self.known.write() {
            known.remove(&tenant);
        }
        Ok(())
    }

    /// Fails if another master key has wrapped the keys of this vault.
    pub async fn verify(&self, vault: &Db<Vault>) -> Result<(), VaultError> {
        let Some((tenant, row)) = sql::any_key(&mut vault.read().await?).await? else { return Ok(()) };
        self.master.0.open(&row.wrapped, &wrap_place(tenant, &row.purpose, row.key_version))?;
        Ok(())
    }

    fn wrapped(&self, row: &sql::KeyRow) -> WrappedKey {
        let (purpose, master) = (row.purpose.clone(), self.master.id());
        WrappedKey { purpose, version: row.key_version, master, wrapped: row.wrapped.clone() }
    }

    /// If two processes do this at once, the rows of the first one stay.
    async fn create(&self, vault: &Db<Vault>, tenant: TenantId) -> Result<(), VaultError> {
        let mut tx = vault.write().await?;
        for purpose in ["seal", "index", "journal"] {
            let wrapped = self.master.0.seal(Key::random()?.bytes(), &wrap_place(tenant, purpose, 1), 32)?;
            sql::insert_key(&mut tx, tenant, purpose, 1, &wrapped, Clock::System.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    fn unwrap_all(&self, tenant: TenantId, rows: &[sql::KeyRow]) -> Result<Keyset, VaultError> {
        let (mut index, mut journal, mut seal) = (None, None, BTreeMap::new());
        for row in rows {
            let clear = self.master.0.open(&row.wrapped, &wrap_place(tenant, &row.purpose, row.key_version))?;
            let key = Key::from_bytes(&clear)?;
            match row.purpose.as_str() {
                "index" => index = Some(key),
                "journal" => journal = Some((row.key_version, key)),
                _ => drop(seal.insert(row.key_version, key)),
            }
        }
        let index = index.ok_or(VaultError::KeyMissing(0))?;
        let (version, key) = journal.ok_or(VaultError::KeyMissing(0))?;
        let wrapped = rows.iter().filter(|row| row.purpose != "seal").map(|row| self.wrapped(row)).collect();
        Ok(Keyset { tenant, index, seal, journal: TenantKeys { tenant, version, key, wrapped } })
    }
}

fn wrap_place(tenant: TenantId, purpose: &str, version: i32) -> Vec<u8> {
    [tenant.0.as_bytes(), purpose.as_bytes(), &version.to_be_bytes()[..]].concat()
}

impl Keyset {
    /// The key of the tenant's objects in the erasure journal, and the wrapped keys that a restored vault may lack.
    #[must_use]
    pub const fn journal(&self) -> &TenantKeys {
        &self.journal
    }

    /// The keyed hash under which an identifier is found.
    #[must_use]
    pub fn index(&self, identifier: &Identifier) -> BlindIndex {
        let kind = identifier.kind().as_str().as_bytes();
        match identifier {
            Identifier::Name { name, bound_to } => {
                self.index.hash(&[kind, bound_to.as_bytes(), name.expose().as_str().to_lowercase().as_bytes()])
            }
            Identifier::Phone(_) | Identifier::Email(_) => self.index.hash(&[kind, text_of(identifier).as_bytes()]),
        }
    }

    /// The keyed hash of a text that may contain an identifier, such as an external id.
    #[must_use]
    pub fn hash(&self, purpose: &str, text: &str) -> BlindIndex {
        self.index.hash(&[b"hash", purpose.as_bytes(), text.as_bytes()])
    }

    pub(super) fn sealed_row(&self, index: BlindIndex, identifier: &Identifier) -> Result<NewIdentifier, VaultError> {
        let (version, key) = self.seal.last_key_value().ok_or(VaultError::KeyMissing(0))?;
        let (id, kind) = (IdentifierId::random(), identifier.kind());
        let mut value = text_of(identifier).as_bytes().to_vec();
        let mut bound_to = None;
        if let Identifier::Name { bound_to: to, .. } = identifier {
            value = [to.as_bytes(), value.as_slice()].concat();
            bound_to = Some(*to);
        }
        let sealed = key.seal(&value, &self.place(id, kind), padded(kind))?;
        Ok(NewIdentifier { id, kind, bound_to, index, sealed, key_version: *version })
    }

    pub(super) fn open(&self, row: &IdentifierRow) -> Result<Identifier, VaultError> {
        let key = self.seal.get(&row.key_version).ok_or(VaultError::KeyMissing(row.key_version))?;
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

    pub(super) fn wrap_content_key(&self, object: ObjectId, key: &Key) -> Result<(i32, Vec<u8>), VaultError> {
        let (version, seal) = self.seal.last_key_value().ok_or(VaultError::KeyMissing(0))?;
        Ok((*version, seal.seal(key.bytes(), &object.place(self.tenant), KEY_LEN)?))
    }

    pub(super) fn unwrap_content_key(&self, object: ObjectId, row: &ContentKeyRow) -> Result<Key, VaultError> {
        let seal = self.seal.get(&row.key_version).ok_or(VaultError::KeyMissing(row.key_version))?;
        Ok(Key::from_bytes(&seal.open(&row.wrapped, &object.place(self.tenant))?)?)
    }

    /// Seals the secret of a delivery target. It opens only for the same address.
    pub(super) fn seal_secret(&self, address: &str, secret: &str) -> Result<(i32, Vec<u8>), VaultError> {
        let (version, seal) = self.seal.last_key_value().ok_or(VaultError::KeyMissing(0))?;
        let padded = secret.len().next_multiple_of(SECRET_STEP);
        Ok((*version, seal.seal(secret.as_bytes(), &self.secret_place(address), padded)?))
    }

    pub(super) fn open_secret(&self, address: &str, version: i32, sealed: &[u8]) -> Result<String, VaultError> {
        let seal = self.seal.get(&version).ok_or(VaultError::KeyMissing(version))?;
        let clear = seal.open(sealed, &self.secret_place(address))?;
        Ok(String::from_utf8(clear).map_err(|_| StoreError::Inconsistent("delivery_secrets.sealed".to_owned()))?)
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
