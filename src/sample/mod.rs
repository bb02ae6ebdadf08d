//! Realistic data.
