//! The caller as a type: a handler without a [`Caller`] argument has no [`Actor`], and so it cannot read data.

use std::any::Any;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;

use super::auth::{Claims, TokenError, TokenKeys};
use super::problem::{Code, Problem};
use crate::base::actor::{Actor, Scope, ScopeLimit};
use crate::base::id::TenantId;
use crate::base::recipient::{Membership, TokenForm};

/// The scopes that allow a call. Any of them is enough.
pub trait Allowed: 'static {
    /// The scopes, any of which is enough. Without any, a valid token is enough.
    const SCOPES: &'static [Scope];
}

/// Declares marker types with the scopes that they need.
macro_rules! markers {
    ($($(#[$doc:meta])* $name:ident: $($scope:ident)|*;)*) => {
        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;
        impl Allowed for $name {
            const SCOPES: &'static [Scope] = &[$(Scope::$scope),*];
        })*
    };
}

markers! {
    /// Any caller with a valid token.
    Anybody: ;
    /// Readers of anonymize requests.
    RequestsRead: RequestsRead;
    /// Writers of anonymize requests.
    RequestsWrite: RequestsWrite;
    /// Readers of the archive in any view. The widest scope of the token decides the view.
    ArchiveRead: ArchiveRead | ArchiveSearch | ArchiveIdentify;
    /// Callers that search the archive in the pseudonymous or identified view.
    ArchiveSearch: ArchiveSearch | ArchiveIdentify;
    /// Callers that search by number or address and see identifiers.
    ArchiveIdentify: ArchiveIdentify;
    /// Systems that send records.
    ArchiveIngest: ArchiveIngest;
    /// Readers of totals.
    ArchiveTotals: ArchiveTotals;
    /// Callers that request reveals.
    ArchiveReveal: ArchiveReveal;
    /// Callers that approve another user's request.
    RevealsApprove: RevealsApprove;
    /// Readers of reveals: the users who request, and those who approve.
    RevealsRead: ArchiveReveal | RevealsApprove;
    /// Readers of content.
    ContentRead: ContentRead;
    /// Systems that upload content.
    ContentWrite: ContentWrite;
    /// Callers that delete content.
    ContentDelete: ContentDelete;
    /// Readers of sensitive content.
    ContentReadSensitive: ContentReadSensitive;
    /// Readers of job runs.
    JobsRead: JobsRead;
    /// Readers of the audit log.
    AuditRead: AuditRead;
    /// Callers that register keys and targets.
    KeysAdmin: KeysAdmin;
    /// Callers that change the tenant's settings.
    TenantsAdmin: TenantsAdmin;
    /// Callers that set ageing policies and recipients.
    PoliciesAdmin: PoliciesAdmin;
    /// Callers that place and release legal holds.
    HoldsWrite: HoldsWrite;
    /// Callers that make exports for customers.
    ExportsWrite: ExportsWrite;
    /// Callers that make exports for customers, and those who approve them.
    ExportsRead: ExportsWrite | RevealsApprove;
    /// Callers that register webhooks.
    WebhooksAdmin: WebhooksAdmin;
    /// Systems that ask whether data would arrive forgotten.
    SuppressionsCheck: SuppressionsCheck;
}

/// A caller with the scopes of `S`. The extractor returns 401 without a valid token, and 403 without such a scope.
#[derive(Debug)]
pub struct Caller<S: Allowed>(KnownCaller, PhantomData<S>);

impl<S: Allowed> Deref for Caller<S> {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.0.actor
    }
}

impl<S: Allowed> Caller<S> {
    /// The value that the look for the caller's client has read besides, if it is of this type.
    #[must_use]
    pub fn known<T: 'static>(&self) -> Option<&T> {
        self.0.known.as_deref()?.downcast_ref()
    }
}

/// The caller of a valid token.
#[derive(Clone, Debug)]
struct KnownCaller {
    actor: Actor,
    /// It is absent if the token names no client.
    known: Option<Arc<Known>>,
}

impl<S: Allowed> FromRequest for Caller<S> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admit(request, S::SCOPES).map(|caller| Self(caller, PhantomData)))
    }
}

fn admit(request: &HttpRequest, scopes: &'static [Scope]) -> Result<KnownCaller, Problem> {
    let authenticated = request.extensions().get::<Authenticated>().cloned();
    let caller = authenticated.unwrap_or(Authenticated(Err(AuthenticationError::NoToken))).0?;
    let actor = &caller.actor;
    if scopes.is_empty() || scopes.iter().any(|scope| actor.may(*scope)) {
        return Ok(caller);
    }
    let refusal = forbidden(scopes, "");
    let limit = actor.limit.filter(|limit| !scopes.iter().any(|scope| limit.scopes().contains(scope)));
    Err(match limit {
        // Another token of the same client would not help.
        Some(ScopeLimit::Recipient) => {
            refusal.detail("The client of this token belongs to a recipient, which may not do this.")
        }
        Some(ScopeLimit::Outside) => refusal
            .detail("The program of this token belongs to none of the tenant's recipients, so it may only send data."),
        Some(ScopeLimit::KeyMissing) => refusal.detail(
            "The vault does not have the key of this token's recipient, for example after a restore. \
             Rotate the recipient: POST /recipients/{id}/rotate.",
        ),
        None => refusal,
    })
}

/// 403 for a missing scope. `why` follows the scopes in the detail: `to search by token`.
#[must_use]
pub fn forbidden(needs: &'static [Scope], why: &str) -> Problem {
    let words: Vec<_> = needs.iter().map(|scope| scope.as_str()).collect();
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", words.join(" "));
    let detail = format!("This needs a token with the scope {} {why}", words.join(" or "));
    Problem::new(Code::Forbidden)
        .needing(needs)
        .detail(format!("{}.", detail.trim_end()))
        .header(HeaderName::from_static("www-authenticate"), &challenge)
}

/// A known caller who was refused, for the audit log.
#[derive(Clone, Debug)]
pub struct Refused {
    pub actor: Actor,
    /// The reason: a code of status 403.
    pub reason: Code,
    /// The scopes, any of which would have been enough. It is empty if the reason is another one.
    pub needs: &'static [Scope],
}

/// The caller that this response refuses. Only the status decides, whatever handler or extractor has built the
/// response. So no refusal of a known caller is missed here. Returns `None` if the caller's tenant is not known,
/// because then no audit log has a place for the refusal.
pub fn refused<B>(response: &ServiceResponse<B>) -> Option<Refused> {
    if response.status() != StatusCode::FORBIDDEN {
        return None;
    }
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    let (reason, needs) = problem.map_or((Code::Forbidden, &[][..]), |problem| (problem.code(), problem.needs()));
    let actor = response.request().extensions().get::<Authenticated>()?.actor()?.clone();
    (reason != Code::TenantUnknown).then_some(Refused { actor, reason, needs })
}

/// The result of verifying the call's token. The frame stores it before any handler runs.
#[derive(Clone, Debug)]
pub(super) struct Authenticated(Result<KnownCaller, AuthenticationError>);

impl Authenticated {
    /// The caller, if the token is valid.
    pub(super) fn actor(&self) -> Option<&Actor> {
        self.0.as_ref().ok().map(|caller| &caller.actor)
    }
}

/// The reason why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthenticationError {
    NoToken,
    Token(TokenError),
    Tenant,
    Unavailable,
    /// A database of the tenant was restored, and forgotten customers are back.
    ReplayNeeded,
}

impl From<AuthenticationError> for Problem {
    fn from(refusal: AuthenticationError) -> Self {
        let invalid = |detail: &'static str| {
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
            let unauthorized = Self::new(Code::Unauthorized).detail(detail);
            unauthorized.header(HeaderName::from_static("www-authenticate"), &challenge)
        };
        match refusal {
            AuthenticationError::NoToken => {
                Self::new(Code::Unauthorized).detail("Send the header Authorization: Bearer with an access token.")
            }
            AuthenticationError::Token(TokenError::KeysAway) => {
                Self::new(Code::Unavailable).detail("The identity provider's keys are unavailable. Try again later.")
            }
            AuthenticationError::Token(why) => invalid(why.detail()),
            AuthenticationError::Tenant => Self::new(Code::TenantUnknown),
            AuthenticationError::Unavailable => Self::new(Code::Unavailable),
            AuthenticationError::ReplayNeeded => Self::new(Code::ReplayNeeded),
        }
    }
}

/// Reads the call's token, if there is one.
pub(super) async fn authenticate(
    request: &HttpRequest,
    keys: &TokenKeys,
    tenants: &TenantDirectory,
) -> Option<Authenticated> {
    let mut given = request.headers().get_all(AUTHORIZATION);
    let header = given.next()?;
    let token = header.to_str().ok().filter(|_| given.next().is_none()).and_then(bearer);
    let outcome = match token {
        None => Err(AuthenticationError::Token(TokenError::Malformed)),
        Some(token) => match keys.verify(token).await {
            Ok(claims) => caller(claims, tenants).await,
            Err(why) => Err(AuthenticationError::Token(why)),
        },
    };
    Some(Authenticated(outcome))
}

/// The token of a header `Bearer …`. The case of the scheme does not matter.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

async fn caller(claims: Claims, tenants: &TenantDirectory) -> Result<KnownCaller, AuthenticationError> {
    let Claims { tenant, sub, issuer, client, name, scopes } = claims;
    let tenant = tenants.find(&tenant.ok_or(AuthenticationError::Tenant)?).await?;
    match (tenants.guard)(tenant).await {
        None => {}
        Some(Code::ReplayNeeded) => return Err(AuthenticationError::ReplayNeeded),
        Some(_) => return Err(AuthenticationError::Unavailable),
    }
    let (membership, known) = match &client {
        Some(client) => tenants.client(tenant, &issuer, client, &sub).await.map(|(one, known)| (one, Some(known)))?,
        None => (Membership::Unlimited, None),
    };
    let actor = Actor { tenant, sub, issuer, client, name, scopes, form: TokenForm::default(), limit: None };
    Ok(KnownCaller { actor: actor.limited_to(membership), known })
}

type Load = dyn Fn(String) -> BoxFuture<'static, Result<Option<TenantId>, Problem>> + Send + Sync;

/// Why all calls of a tenant are refused, if they are.
type Guard = dyn Fn(TenantId) -> BoxFuture<'static, Option<Code>> + Send + Sync;

/// A value that a look for a client reads besides, so that no handler reads it again. Only rooms above this one know its
/// type.
type Known = dyn Any + Send + Sync;

/// The recipient of a client. It is `None` if the client's tenant does not exist.
type KnownClient = Option<(Membership, Arc<Known>)>;

/// Looks up a client: the tenant, the issuer, the client, and whether the client acts for itself and not for a user.
type ClientLookup =
    dyn Fn(TenantId, String, String, bool) -> BoxFuture<'static, Result<KnownClient, Problem>> + Send + Sync;

/// The tenants by their slugs. Known ones are remembered, and unknown ones are looked up again.
pub struct TenantDirectory {
    known: ArcSwap<HashMap<String, TenantId>>,
    load: Box<Load>,
    guard: Box<Guard>,
    clients: Box<ClientLookup>,
}

impl TenantDirectory {
    /// The longest slug, in bytes.
    const LONGEST: usize = 100;

    /// A directory that calls `load` for slugs that it does not know, and `clients` before each call of a client.
    pub fn new<F, G, T>(load: F, clients: G) -> Self
    where
        F: Fn(String) -> BoxFuture<'static, Result<Option<TenantId>, Problem>> + Send + Sync + 'static,
        G: Fn(TenantId, String, String, bool) -> BoxFuture<'static, Result<Option<(Membership, T)>, Problem>>
            + Send
            + Sync
            + 'static,
        T: Any + Send + Sync,
    {
        let guard = Box::new(|_| Box::pin(async { None }) as BoxFuture<'static, Option<Code>>);
        let clients = Box::new(move |tenant, issuer, client, is_program| {
            let found = clients(tenant, issuer, client, is_program);
            let known =
                async { Ok(found.await?.map(|(membership, known)| (membership, Arc::new(known) as Arc<Known>))) };
            Box::pin(known) as BoxFuture<'static, Result<KnownClient, Problem>>
        });
        Self { known: ArcSwap::default(), load: Box::new(load), guard, clients }
    }

    /// The same directory, which asks before each call whether the tenant's calls are refused.
    #[must_use]
    pub fn guarded<F>(mut self, guard: F) -> Self
    where
        F: Fn(TenantId) -> BoxFuture<'static, Option<Code>> + Send + Sync + 'static,
    {
        self.guard = Box::new(guard);
        self
    }

    async fn client(
        &self,
        tenant: TenantId,
        issuer: &str,
        client: &str,
        sub: &str,
    ) -> Result<(Membership, Arc<Known>), AuthenticationError> {
        let known = (self.clients)(tenant, issuer.to_owned(), client.to_owned(), client == sub).await;
        let known = known.map_err(|problem| {
            tracing::error!(cause = problem.causes(), "Looking up the client failed");
            AuthenticationError::Unavailable
        })?;
        known.ok_or(AuthenticationError::Tenant)
    }

    async fn find(&self, slug: &str) -> Result<TenantId, AuthenticationError> {
        if let Some(known) = self.known.load().get(slug) {
            return Ok(*known);
        }
        if slug.is_empty() || slug.len() > Self::LONGEST || slug.chars().any(char::is_control) {
            return Err(AuthenticationError::Tenant);
        }
        let loaded = (self.load)(slug.to_owned()).await.map_err(|problem| {
            tracing::error!(cause = problem.causes(), "Looking up the tenant failed");
            AuthenticationError::Unavailable
        })?;
        let tenant = loaded.ok_or(AuthenticationError::Tenant)?;
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(slug.to_owned(), tenant);
            Arc::new(known)
        });
        Ok(tenant)
    }
}
