//! The recipient of a caller, by the issuer and the client of the token.

use std::collections::HashMap;
use std::sync::RwLock;

use super::form;
use super::model::RecipientError;
use super::sql;
use crate::base::id::TenantId;
use crate::base::recipient::Membership;
use crate::tenants::{self, TenantRow};
use crate::vault::AppContext;

/// The number of clients that are remembered.
const REMEMBERED: usize = 1_000;

/// A client of a tenant: its issuer, its id, and whether the token was issued to the client itself and not to a user.
type ClientKey = (TenantId, String, String, bool);

/// The clients that have made calls since the start, with what they belong to. The row of the tenant is read at every call.
/// Its epoch of recipients says whether they are still as they were.
#[derive(Debug, Default)]
pub struct KnownClients(RwLock<HashMap<ClientKey, (Option<i64>, Membership)>>);

impl KnownClients {
    /// The tenant of a client, and what the client belongs to in it. It is `None` if the tenant does not exist.
    pub async fn find(
        &self,
        app: &AppContext,
        client: ClientKey,
    ) -> Result<Option<(Membership, TenantRow)>, RecipientError> {
        let row = tenants::row(&mut app.archive.read().await?, client.0).await?;
        let Some(row) = row else { return Ok(None) };
        let epoch = row.recipients_epoch();
        let known = self.0.read().ok().and_then(|known| known.get(&client).cloned());
        if let Some((_, membership)) = known.filter(|(then, _)| *then == epoch) {
            return Ok(Some((membership, row)));
        }
        let membership = membership(app, &client).await?;
        // A vault that is restored once more may have the key again.
        if let (Ok(mut known), false) = (self.0.write(), matches!(membership, Membership::KeyMissing)) {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(client, (epoch, membership.clone()));
        }
        Ok(Some((membership, row)))
    }
}

async fn membership(app: &AppContext, client: &ClientKey) -> Result<Membership, RecipientError> {
    let (tenant, issuer, client, is_program) = client;
    let mut tx = app.archive.read().await?;
    let recipient = sql::of_client(&mut tx, *tenant, issuer, client).await?;
    let Some(recipient) = recipient else {
        let is_outside = *is_program && sql::is_any(&mut tx, *tenant).await?;
        return Ok(if is_outside { Membership::Outside } else { Membership::Unlimited });
    };
    drop(tx);
    // A restored vault may lack the key. A recipient that is about to be deleted has none either.
    Ok(form(app, *tenant, recipient).await?.map_or(Membership::KeyMissing, Membership::Recipient))
}
