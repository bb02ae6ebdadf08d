//! The promises of Lethe, tested on the real program. Every story runs on both databases (`::sqlite`, `::postgres`).
//!
//! A story begins with `each_store!` and uses a [`harness::TestLethe`]: a server of its own on databases of its own.
//! Write a new story into the file of its subject.

#![allow(clippy::too_many_lines, reason = "a story is told in one piece, and a table is one function")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a story that cannot go on has failed")]

mod access_exports;
mod again;
mod ageing;
mod ageing_attack;
mod ageing_cases;
mod api_document;
mod architecture;
mod audit_log;
mod audit_retention;
mod auth;
mod certificate_of_erasure;
#[cfg(feature = "openpgp")]
mod certificate_texts;
mod certificates;
mod command_line;
mod comments;
mod connections;
mod content;
mod contract;
mod copied_records;
mod crash;
mod delivery;
mod documents;
mod export;
mod fence;
mod fields;
mod filters;
mod first_hour;
mod formats;
mod full_disk;
mod harness;
mod hiding;
mod holds;
mod ingest;
mod ingest_killed;
mod journal_expiry;
mod journal_faults;
mod key_rotation;
mod keyed;
mod keys;
mod lookup;
mod memory;
mod metrics;
mod migrations;
mod named_interactions;
mod network;
mod nightly;
mod nightly_closed_interactions;
mod nightly_content;
mod nightly_purge;
mod nightly_stopped;
mod object_store;
mod outage;
mod output;
mod patterns;
mod plans;
mod postgres_setups;
mod privacy;
mod privacy_case;
mod prose;
mod rate_limits;
mod recipients;
mod repeats;
mod replayed_numbers;
mod request_cases;
mod request_csv;
mod requests;
mod rereading;
mod restart;
mod restore_kills;
mod restored_erasures;
mod restored_texts;
mod restores;
mod reveals;
mod scan;
mod schema;
mod seals;
mod seals_changed;
mod search;
mod slow;
mod stated_texts;
mod statements;
mod suppressions;
mod text_memory;
mod texts;
mod totals;
mod unreadable_texts;
mod webhook_failures;
mod webhooks;
mod whole;
