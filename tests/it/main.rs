//! What Lethe promises, tried on the real program: every story runs on both databases (`::sqlite`, `::postgres`).
//!
//! A story begins with `each_store!` and speaks to a [`harness::TestLethe`]: a server of its own on databases of its
//! own. To add one: write it into the file that names its subject.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a story that cannot go on has failed")]

mod architecture;
mod auth;
#[cfg(feature = "openpgp")]
mod certificates;
mod connections;
mod content;
mod contract;
mod crash;
mod delivery;
mod fence;
mod harness;
mod ingest;
mod keys;
mod night;
mod night_closing;
mod night_content;
mod object_store;
mod plans;
mod privacy;
mod requests;
mod rereading;
mod schema;
mod search;
mod texts;
mod whole;
