//! Lethe makes a contact centre able to forget a person.
//!
//! Identifiers live in the [`vault`] and nowhere else; the [`archive`] knows people by random ids; the [`nightly`] pass
//! cuts the thread between the two, up to the day that was asked for. `ARCHITECTURE.md` has three walkthroughs.
//!
//! The rooms, from the top down. A room imports rooms below it, and rooms of one line never meet:
//!
//! - [`cli`]: the command line, `serve` and everything that is done without it.
//! - [`app`]: the running service: stores, the one list of all routes, listeners.
//! - [`nightly`]: the pass of the night: what is due is cut, finished, released, purged.
//! - [`requests`]: anonymize requests: what the Anonymize page reads and saves, and what a request would hit.
//! - [`delivery`]: recordings on their way to their tenants: the outbox is worked, by SFTP, FTPS, S3 or into a folder.
//! - [`content`]: recordings and what else belongs to an interaction: sealed, delivered, deleted.
//! - [`recording_keys`]: the tenant's own key: certificates in, OpenPGP and CMS messages out.
//! - [`archive`]: interactions, survey responses and raw events: ingest, views, search.
//! - [`vault`]: identifiers, sealed and found by a keyed hash, and what was forgotten up to when.
//! - [`tenants`]: region, time zone, targets and settings; the epoch fence.
//! - [`audit`]: the append-only log; it grants what is revealed.
//! - [`http`]: the kit of every endpoint: who calls, what was sent, how to answer.
//! - [`store`]: the two databases, PostgreSQL or SQLite, behind one text.
//! - [`telemetry`]: logs and metrics.
//! - [`config`], [`cdr`]: settings; call logs of telephone exchanges.
//! - [`base`]: words everyone uses, without I/O.

pub mod app;
pub mod archive;
pub mod audit;
pub mod base;
pub mod cdr;
pub mod cli;
pub mod config;
pub mod content;
pub mod delivery;
pub mod http;
pub mod nightly;
pub mod recording_keys;
pub mod requests;
pub mod store;
pub mod telemetry;
pub mod tenants;
pub mod vault;

#[cfg(test)]
mod tests;
