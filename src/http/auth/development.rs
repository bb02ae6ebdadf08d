//! The key of development mode. It is made at the first start, kept in the data folder, and trusted only while no
//! issuer is set.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::claims::is_clean;
use super::set::{ProviderKeySet, TokenKey};
use super::{DEV_AUDIENCE, DEV_ISSUER};
use crate::base::clock::Clock;
use crate::base::crypto;
use crate::config::{Config, IssuerConfig};

const FILE: &str = "dev-signing-key.pem";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// The lifetime of a development token, in seconds.
const LIFETIME: i64 = 24 * 60 * 60;

/// The development key is unavailable, or does not belong to this setting.
#[derive(Debug, thiserror::Error)]
pub enum DevKeyError {
    #[error("development tokens do not exist if auth.issuer is set")]
    IssuerSet,
    #[error("unknown role; the roles are: {0}")]
    UnknownRole(String),
    #[error("the user must be 1 to 200 characters without control characters")]
    User,
    #[error("the development key in the data folder cannot be read or written")]
    File(#[source] io::Error),
    /// The key file contains no Ed25519 key, or none could be made.
    #[error("the development key in the data folder is not an Ed25519 key")]
    Key,
}

/// Makes a token of development mode: `EdDSA`, 24 hours, with the given roles.
pub fn dev_token(config: &Config, tenant: &str, roles: &[String], user: &str) -> Result<String, DevKeyError> {
    if !config.development() {
        return Err(DevKeyError::IssuerSet);
    }
    if roles.iter().any(|role| !config.auth.roles.contains_key(role)) {
        let known: Vec<_> = config.auth.roles.keys().map(String::as_str).collect();
        return Err(DevKeyError::UnknownRole(known.join(", ")));
    }
    // The service would refuse the token.
    if !is_clean(user) {
        return Err(DevKeyError::User);
    }
    let now = Clock::System.now().timestamp();
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(DEV_ISSUER)),
        ("aud", json!(DEV_AUDIENCE)),
        ("sub", json!(user)),
        ("iat", json!(now)),
        ("exp", json!(now + LIFETIME)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    place(&mut claims, &config.auth.tenant_claim, json!(tenant));
    place(&mut claims, &config.auth.name_claim, json!(user));
    place(&mut claims, &config.auth.roles_claim, json!(roles));
    let key = EncodingKey::from_ed_der(&private_key(config)?);
    encode(&Header::new(Algorithm::EdDSA), &claims, &key).map_err(|_| DevKeyError::Key)
}

/// Writes a claim to the place where the settings expect it: under its name, or along its dotted path.
fn place(claims: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        Some((outer, rest)) if !path.contains('/') => {
            let inner = claims.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                place(inner, rest, value);
            }
        }
        _ => {
            claims.insert(path.to_owned(), value);
        }
    }
}

/// The issuer of development tokens.
pub(super) fn issuer() -> IssuerConfig {
    IssuerConfig {
        issuer: DEV_ISSUER.to_owned(),
        audiences: vec![DEV_AUDIENCE.to_owned()],
        jwks_url: None,
        jwks_file: None,
        tenant_claim: None,
        name_claim: None,
        roles_claim: None,
        scope_claim: None,
    }
}

/// The keys that verify development tokens.
pub(super) fn verification_keys(config: &Config) -> Result<ProviderKeySet, DevKeyError> {
    let pair = Ed25519KeyPair::from_pkcs8(&private_key(config)?).map_err(|_| DevKeyError::Key)?;
    let key = DecodingKey::from_ed_der(pair.public_key().as_ref());
    Ok(ProviderKeySet::new(vec![TokenKey { kid: None, algorithms: vec![Algorithm::EdDSA], key }]))
}

/// The private key (PKCS #8). It is made if it does not exist.
fn private_key(config: &Config) -> Result<Vec<u8>, DevKeyError> {
    let path = config.data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(pem) => from_pem(&pem).ok_or(DevKeyError::Key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new());
            let made = made.map_err(|_| DevKeyError::Key)?;
            keep(&path, &to_pem(made.as_ref())).map_err(DevKeyError::File)?;
            // Another process may have been first. Its file is used.
            let pem = fs::read_to_string(&path).map_err(DevKeyError::File)?;
            from_pem(&pem).ok_or(DevKeyError::Key)
        }
        Err(error) => Err(DevKeyError::File(error)),
    }
}

/// Writes a file that only its owner can read. It is written completely or not at all, and an existing file stays.
fn keep(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = beside(path)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let linked = written.and_then(|()| match fs::hard_link(&part, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    });
    let _ = fs::remove_file(&part);
    linked
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let random: [u8; 8] = crypto::random().map_err(io::Error::other)?;
    Ok(path.with_extension(format!("{:016x}.part", u64::from_be_bytes(random))))
}

fn to_pem(key: &[u8]) -> String {
    format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(key))
}

fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let (_, body) = pem.split_once(BEGIN)?;
    let (body, _) = body.split_once(END)?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}
