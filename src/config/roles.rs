//! The scopes of each role.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use super::layers;
use crate::base::actor::Scope;

/// The roles that exist without any setting.
pub(super) fn usual() -> BTreeMap<String, Vec<Scope>> {
    use Scope::{
        ArchiveIdentify, ArchiveIngest, ArchiveRead, ArchiveReveal, ArchiveSearch, ArchiveTotals, AuditRead,
        ContentDelete, ContentRead, ContentReadSensitive, ContentWrite, ExportsWrite, HoldsWrite, JobsRead, KeysAdmin,
        PoliciesAdmin, RequestsRead, RequestsWrite, RevealsApprove, SuppressionsCheck, TenantsAdmin, WebhooksAdmin,
    };
    let archive =
        [RequestsRead, RequestsWrite, ArchiveRead, ArchiveSearch, ArchiveIdentify, ArchiveIngest, ArchiveTotals];
    let officer: Vec<_> = archive
        .into_iter()
        .chain([ContentRead, ContentDelete, ContentReadSensitive, JobsRead, AuditRead])
        .chain([ArchiveReveal, RevealsApprove, HoldsWrite, ExportsWrite])
        .collect();
    let admin: Vec<_> = archive
        .into_iter()
        .chain([ContentRead, ContentWrite, ContentDelete, ContentReadSensitive, JobsRead, AuditRead])
        .chain([TenantsAdmin, PoliciesAdmin, HoldsWrite, WebhooksAdmin])
        .collect();
    let roles = [
        ("admin", admin),
        ("dpo", officer.iter().copied().chain([PoliciesAdmin]).collect()),
        ("compliance", officer),
        ("supervisor", vec![ArchiveSearch, ArchiveIdentify, ArchiveTotals, ContentRead, ContentDelete]),
        ("agent", vec![ArchiveSearch]),
        ("analyst", vec![ArchiveSearch]),
        ("qa", vec![ArchiveSearch]),
        ("manager", vec![ArchiveTotals]),
        ("integration", vec![ArchiveIngest, ContentWrite, RequestsRead, RequestsWrite, SuppressionsCheck]),
        ("operator", vec![JobsRead, KeysAdmin, TenantsAdmin, WebhooksAdmin]),
    ];
    roles.into_iter().map(|(role, scopes)| (role.to_owned(), scopes)).collect()
}

/// One role's scopes, as a list, or as words with commas between them.
struct Scopes(Vec<Scope>);

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = layers::list(deserializer)?;
        let scopes = words.iter().map(|word| Scope::from_str(word)).collect::<Result<_, _>>();
        scopes.map(Self).map_err(|_| D::Error::custom("must be scopes of this service, such as archive:search"))
    }
}

/// The roles of the settings, added to the default ones.
pub(super) fn over_the_usual<'de, D>(deserializer: D) -> Result<BTreeMap<String, Vec<Scope>>, D::Error>
where
    D: Deserializer<'de>,
{
    let mut roles = usual();
    let given = BTreeMap::<String, Scopes>::deserialize(deserializer)?;
    roles.extend(given.into_iter().map(|(role, Scopes(scopes))| (role, scopes)));
    Ok(roles)
}
