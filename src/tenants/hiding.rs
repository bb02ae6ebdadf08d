//! Decisions that hide customers from the users of a tenant until they end.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::Tenant;
use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};

/// Keys that are hidden, each in the records before an instant. A key is an identifier or an interaction.
pub type HiddenKeys = Vec<(IdentifierId, DateTime<Utc>)>;

/// Finds the keys among some that are hidden in a target.
pub type FindHidden =
    for<'t> fn(&'t mut Tx<Archive>, TenantId, Target, &'t [IdentifierId]) -> BoxFuture<'t, Result<HiddenKeys>>;

/// A kind of decision that hides customers, such as a legal hold. The statements are those of the room that owns its table.
///
/// A room that reads records may be below that room, so it gets the rules from [`AppContext`](crate::vault::AppContext).
#[derive(Clone, Copy, Debug)]
pub struct HidingRule {
    /// Whether any customer of a tenant may be hidden.
    pub is_on: for<'t> fn(&'t mut Tx<Archive>, &'t Tenant) -> BoxFuture<'t, Result<bool>>,
    /// Appends the condition that the customer of the record `r` of a target is not hidden. Each limited subselect is an
    /// index probe.
    pub not_hidden: for<'c> fn(Query<'c>, TenantId, Target) -> Query<'c>,
    /// The keys among some that are hidden in a target. A key may be among them several times.
    pub hidden_keys: FindHidden,
}
