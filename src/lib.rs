//! Lethe makes a contact centre able to forget a person.

pub mod app;
pub mod archive;
pub mod audit;
pub mod base;
pub mod cdr;
pub mod cli;
pub mod config;
pub mod content;
pub mod http;
pub mod nightly;
pub mod requests;
pub mod sample;
pub mod store;
pub mod telemetry;
pub mod tenants;
pub mod vault;
