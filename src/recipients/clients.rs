//! The recipient of a caller, by the issuer and the client of the token.

use std::collections::HashMap;
use std::sync::RwLock;

use super::model::RecipientError;
use super::sql::{self, ClientRow};
use crate::base::id::{RecipientId, TenantId};
use crate::base::recipient::{Membership, TokenForm};
use crate::tenants::TenantRow;
use crate::vault::{self, AppContext};

/// The number of forms that are remembered.
const REMEMBERED: usize = 1_000;

/// The forms that were used since the start, by the recipient and the version of its key. The row of the recipient is read
/// at every call, so a form is used only while its version is the current one.
#[derive(Debug, Default)]
pub struct Forms(RwLock<HashMap<(RecipientId, i32), TokenForm>>);

impl Forms {
    /// The tenant of a client, and the recipient that the client belongs to in it. `is_program` says that the token was
    /// issued to the client itself and not to a user. It is `None` if the tenant does not exist.
    pub async fn client(
        &self,
        app: &AppContext,
        tenant: TenantId,
        (issuer, client): (&str, &str),
        is_program: bool,
    ) -> Result<Option<(Membership, TenantRow)>, RecipientError> {
        let row = sql::of_client(&mut app.archive.read().await?, tenant, issuer, client).await?;
        let Some(ClientRow { tenant: row, recipient_id, key_version, is_any }) = row else { return Ok(None) };
        let membership = match recipient_id.zip(key_version) {
            // A restored vault may lack the key. A recipient that is about to be deleted has none either.
            Some(version) => {
                self.form(app, tenant, version).await?.map_or(Membership::KeyMissing, Membership::Recipient)
            }
            None if is_program && is_any.is_some() => Membership::Outside,
            None => Membership::Unlimited,
        };
        Ok(Some((membership, row)))
    }

    /// The form of a recipient under a version of its key, or under a newer one that it has got meanwhile.
    async fn form(
        &self,
        app: &AppContext,
        tenant: TenantId,
        version: (RecipientId, i32),
    ) -> Result<Option<TokenForm>, RecipientError> {
        let known = self.0.read().ok().and_then(|known| known.get(&version).cloned());
        if known.is_some() {
            return Ok(known);
        }
        let recipient = sql::by_id(&mut app.archive.read().await?, tenant, version.0).await?;
        let Some(recipient) = recipient else { return Ok(None) };
        let Some(key) = vault::recipient_key(app, tenant, recipient.id, recipient.key_version).await? else {
            return Ok(None);
        };
        let form = recipient.form(&key)?;
        if let Ok(mut known) = self.0.write() {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert((recipient.id, recipient.key_version), form.clone());
        }
        Ok(Some(form))
    }
}
