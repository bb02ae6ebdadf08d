//! Lethe makes a contact centre able to forget a person.
//!
//! Identifiers live in the [`vault`] and nowhere else. The [`archive`] refers to people by random ids. The [`nightly`]
//! pass removes the link between the two, up to the requested day. `ARCHITECTURE.md` has three walkthroughs and the
//! list of rooms with their ranks.

pub mod ageing;
pub mod app;
pub mod archive;
pub mod audit;
pub mod base;
pub mod cdr;
pub mod certificates;
pub mod cli;
pub mod config;
pub mod content;
pub mod content_rows;
pub mod delivery;
pub mod exports;
pub mod holds;
pub mod http;
pub mod idempotency;
pub mod journal;
pub mod nightly;
pub mod objects;
pub mod outbox;
pub mod recipients;
pub mod recording_keys;
pub mod requests;
pub mod reveals;
pub mod scan;
pub mod seals;
pub mod store;
pub mod suppressions;
pub mod telemetry;
pub mod tenants;
pub mod totals;
pub mod vault;
pub mod webhooks;

#[cfg(test)]
mod tests;
