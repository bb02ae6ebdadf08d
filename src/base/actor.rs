//! The actor of a call, and their scopes.

use std::collections::BTreeSet;

use super::id::TenantId;
use super::recipient::{Membership, TokenForm};
use super::words::{described, words};

/// Declares the scopes once: the variant, its word in tokens and documents, and its description.
macro_rules! scopes {
    ($($name:ident = $word:literal, $doc:literal;)*) => {
        /// A permission of a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $(#[doc = $doc] $name,)* }

        words! { impl Scope { $($name = $word,)* } error ScopeError = "unknown scope"; }

        impl Scope {
            /// The description in the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }
        }
    };
}

scopes! {
    RequestsRead = "requests:read", "Read anonymize requests, with their numbers and addresses.";
    RequestsWrite = "requests:write", "Enter, change, and cancel anonymize requests.";
    ArchiveRead = "archive:read", "Search the archive in the anonymized view, where every identifier reads \
                                   `Anonymized`.";
    ArchiveSearch = "archive:search", "Search the archive in the pseudonymous view.";
    ArchiveIdentify = "archive:identify", "Search by number or address and see identifiers. Each such call is audited.";
    ArchiveIngest = "archive:ingest", "Send interactions, survey responses, and raw events.";
    ArchiveTotals = "archive:totals", "Read totals of the archive, without records.";
    ArchiveReveal = "archive:reveal", "Ask to see the values of tokens, for a purpose.";
    RevealsApprove = "reveals:approve", "Approve or deny a reveal or an export of another user.";
    ContentRead = "content:read", "Download and play content.";
    ContentWrite = "content:write", "Upload content.";
    ContentDelete = "content:delete", "Delete content.";
    ContentReadSensitive = "content:read:sensitive", "Download and play sensitive content.";
    JobsRead = "jobs:read", "Read the runs of the nightly job.";
    AuditRead = "audit:read", "Read the audit log.";
    KeysAdmin = "keys:admin", "Register the tenant's recording key and delivery target.";
    TenantsAdmin = "tenants:admin", "Change the tenant's settings.";
    PoliciesAdmin = "policies:admin", "Set the ageing of records, and the recipients that get tokens of their own.";
    HoldsWrite = "holds:write", "Place and release legal holds.";
    ExportsWrite = "exports:write", "Make a customer's copy of their data.";
    WebhooksAdmin = "webhooks:admin", "Register webhooks and read their messages.";
    SuppressionsCheck = "suppressions:check", "Ask whether data of a customer would arrive forgotten.";
}

described!(Scope as "Scope", "A scope of a token.");

/// Why a caller has fewer scopes than its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeLimit {
    /// The caller is a client of a recipient. It has no identified view, and reads nothing that shows ids in another form
    /// than its own.
    Recipient,
    /// The caller is a program outside of all recipients of the tenant. It sends data only.
    Outside,
    /// The caller is a client of a recipient whose key is missing. It does nothing, since any response could show ids
    /// in another form than its own.
    KeyMissing,
}

impl ScopeLimit {
    /// The scopes that such a caller can have.
    #[must_use]
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Recipient => &OF_RECIPIENTS,
            Self::Outside => &OF_OUTSIDERS,
            Self::KeyMissing => &[],
        }
    }
}

/// The scopes that a caller of a recipient can have.
const OF_RECIPIENTS: [Scope; 10] = [
    Scope::RequestsWrite,
    Scope::ArchiveRead,
    Scope::ArchiveSearch,
    Scope::ArchiveIngest,
    Scope::ArchiveTotals,
    Scope::ArchiveReveal,
    Scope::ContentRead,
    Scope::ContentReadSensitive,
    Scope::ContentWrite,
    Scope::SuppressionsCheck,
];

/// The scopes that a program outside of all recipients can have.
const OF_OUTSIDERS: [Scope; 3] = [Scope::ArchiveIngest, Scope::ContentWrite, Scope::RequestsWrite];

/// The user or the command that acts. An actor is made from a verified token or by a command.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The tenant of all data that the actor reads or writes. Every statement binds it.
    pub tenant: TenantId,
    /// The subject of the token. It is stable and opaque.
    pub sub: String,
    /// The issuer of the token, within which the subject and the client are unique. It is empty for a command.
    pub issuer: String,
    /// The client that the token was issued to, if the token names one.
    pub client: Option<String>,
    /// The name that other users of the tenant see (A2).
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    /// The form of the tokens and ids that the actor sends and sees. A recipient has a form of its own.
    pub form: TokenForm,
    /// Why the actor has fewer scopes than its token, if it has.
    pub limit: Option<ScopeLimit>,
}

impl Actor {
    /// Whether the actor has a scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// The same actor as a member of a recipient, or outside of all.
    #[must_use]
    pub fn limited_to(mut self, membership: Membership) -> Self {
        let limit = match membership {
            Membership::Unlimited => return self,
            Membership::Recipient(form) => {
                self.form = form;
                ScopeLimit::Recipient
            }
            Membership::Outside => ScopeLimit::Outside,
            Membership::KeyMissing => ScopeLimit::KeyMissing,
        };
        self.limit = Some(limit);
        self.scopes.retain(|scope| limit.scopes().contains(scope));
        self
    }

    /// A command that works for the service itself, such as the nightly job.
    #[must_use]
    pub fn service(tenant: TenantId, name: &str) -> Self {
        Self {
            tenant,
            sub: format!("lethe:{name}"),
            issuer: String::new(),
            client: None,
            name: name.to_owned(),
            scopes: BTreeSet::new(),
            form: TokenForm::default(),
            limit: None,
        }
    }
}
