//! Lethe makes a contact centre able to forget a person.
#![warn(missing_docs)]

pub mod base;
pub mod config;
pub mod http;
pub mod telemetry;
