//! `lethe keys`.

use clap::Subcommand;
use serde_json::json;

use super::COMMAND_LINE;
use super::exit::{CommandError, Exit};
use super::job::{find, open, open_in_step};
use super::output::print;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::config::Config;
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext, KeyStatus, SigningPurpose};

/// The commands of keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// List the keys of the vault, and the master keys that have wrapped them
    Status {
        /// Report as JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Wrap all keys by the new master key
    #[command(
        after_help = "Set vault.master_key_file to the new key and vault.previous_master_key_file to the old one first, in every \
                      process."
    )]
    RotateMaster {
        /// Report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new version of the key that signs certificates of erasure; older certificates stay valid
    RotateSigning {
        /// Report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new version of the tenants' keys; the nightly job seals older values under it
    #[command(after_help = "Example: lethe keys rotate --tenant acme")]
    Rotate {
        /// Work for this tenant only
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
        /// Report as JSON lines
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(config: &Config, command: KeysCommand) -> Result<Exit, CommandError> {
    let app = match &command {
        KeysCommand::Status { .. } => open(config).await?,
        // A key that is made for a restored vault would take the place of the one that the replay needs.
        KeysCommand::Rotate { tenant, .. } => open_in_step(config, tenant.as_deref()).await?,
        KeysCommand::RotateMaster { .. } | KeysCommand::RotateSigning { .. } => open_in_step(config, None).await?,
    };
    match command {
        KeysCommand::Status { json } => show_keys(&app, json).await?,
        KeysCommand::RotateMaster { json } => rotate_master(&app, json).await?,
        KeysCommand::RotateSigning { json } => rotate_signing(&app, json).await?,
        KeysCommand::Rotate { tenant, json } => {
            let tenants = match tenant {
                Some(slug) => vec![find(&app, &slug).await?],
                None => tenants::list(&mut app.archive.read().await?).await?,
            };
            for tenant in &tenants {
                let version = vault::next_version(&app.vault, &app.keysets, tenant.id).await?;
                audit(&app, tenant, &json!({ "key": "seal", "version": version })).await?;
                vault::rotate(&app.vault, &app.keysets, tenant.id, version).await?;
                if json {
                    print(&json!({ "tenant": tenant.slug, "version": version }).to_string());
                } else {
                    print(&format!("{}\tseal\t{version}", tenant.slug));
                }
            }
        }
    }
    Ok(Exit::Done)
}

async fn show_keys(app: &AppContext, json: bool) -> Result<(), CommandError> {
    let tenants = tenants::list(&mut app.archive.read().await?).await?;
    for key in vault::keys(&mut app.vault.read().await?).await? {
        let KeyStatus { tenant, purpose, version, master_id, created_at } = key;
        let slug = tenants.iter().find(|one| one.id == tenant).map(|one| one.slug.as_str());
        if json {
            let line = json!({
                "tenant": slug, "purpose": purpose, "version": version, "master_id": master_id, "created_at": created_at,
                "is_current_master": master_id == app.keysets.master_id(),
            });
            print(&line.to_string());
        } else {
            let slug = slug.unwrap_or("-");
            print(&format!("{slug}\t{purpose}\t{version}\tmaster {master_id}\t{}", created_at.format("%F")));
        }
    }
    Ok(())
}

async fn rotate_master(app: &AppContext, json: bool) -> Result<(), CommandError> {
    let rewrapped = vault::rewrap(&app.vault, &app.keysets).await?;
    let master_id = app.keysets.master_id();
    if !rewrapped.is_empty() {
        audit_all(app, &json!({ "key": "master", "master_id": master_id })).await?;
    }
    let wrapped = rewrapped.store(&app.vault).await?;
    if json {
        print(&json!({ "wrapped": wrapped, "master_id": master_id }).to_string());
    } else {
        print(&format!("{wrapped} keys were wrapped by the master key {master_id}; none is left under another one."));
    }
    Ok(())
}

async fn rotate_signing(app: &AppContext, json: bool) -> Result<(), CommandError> {
    let version = app.signing_key(None, SigningPurpose::Certificate).await?.version + 1;
    audit_all(app, &json!({ "key": "certificate", "version": version })).await?;
    app.rotate_signing_key(None, SigningPurpose::Certificate, version).await?;
    if json {
        print(&json!({ "key": "certificate", "version": version }).to_string());
    } else {
        print(&format!("certificate\t{version}"));
    }
    Ok(())
}

/// Writes the row of a rotation that concerns all tenants.
async fn audit_all(app: &AppContext, detail: &serde_json::Value) -> Result<(), CommandError> {
    for tenant in tenants::list(&mut app.archive.read().await?).await? {
        audit(app, &tenant, detail).await?;
    }
    Ok(())
}

/// Writes the row of a rotation before any key changes. The keys are in another database, so a process that is killed
/// between the two leaves a row without its rotation, and never a rotation without its row.
async fn audit(app: &AppContext, tenant: &Tenant, detail: &serde_json::Value) -> Result<(), CommandError> {
    let mut tx = app.archive.write().await?;
    let entry = Entry::new(Action::KeyRotated, 0, detail.clone());
    audit::record(&mut tx, app.clock, &Actor::service(tenant.id, COMMAND_LINE), &entry).await?;
    Ok(tx.commit().await?)
}
