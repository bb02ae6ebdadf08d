//! The recipient of a caller, by the issuer and the client of the token.

use std::collections::HashMap;
use std::sync::RwLock;

use super::model::{Recipient, RecipientError};
use super::sql;
use crate::base::id::{RecipientId, TenantId};
use crate::base::recipient::{Membership, TokenForm};
use crate::vault::{self, AppContext};

/// The number of forms that are remembered.
const REMEMBERED: usize = 1_000;

/// The forms that were used since the start, by the recipient and the version of its key. The row of the recipient is read
/// at every call, so a form is used only while its version is the current one.
#[derive(Debug, Default)]
pub struct Forms(RwLock<HashMap<(RecipientId, i32), TokenForm>>);

impl Forms {
    /// The recipient of a client. `is_program` says that the token was issued to the client itself and not to a user.
    pub async fn membership(
        &self,
        app: &AppContext,
        tenant: TenantId,
        (issuer, client): (&str, &str),
        is_program: bool,
    ) -> Result<Membership, RecipientError> {
        let mut tx = app.archive.read().await?;
        let Some(recipient) = sql::by_client(&mut tx, tenant, issuer, client).await? else {
            let is_outside = is_program && sql::is_any(&mut tx, tenant).await?;
            return Ok(if is_outside { Membership::Outside } else { Membership::Unlimited });
        };
        drop(tx);
        // A restored vault may lack the key. A recipient that is about to be deleted has none either.
        Ok(self.form(app, tenant, &recipient).await?.map_or(Membership::KeyMissing, Membership::Recipient))
    }

    async fn form(
        &self,
        app: &AppContext,
        tenant: TenantId,
        recipient: &Recipient,
    ) -> Result<Option<TokenForm>, RecipientError> {
        let version = (recipient.id, recipient.key_version);
        let known = self.0.read().ok().and_then(|known| known.get(&version).cloned());
        if known.is_some() {
            return Ok(known);
        }
        let Some(key) = vault::recipient_key(app, tenant, recipient.id, recipient.key_version).await? else {
            return Ok(None);
        };
        let form = recipient.form(&key)?;
        if let Ok(mut known) = self.0.write() {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(version, form.clone());
        }
        Ok(Some(form))
    }
}
