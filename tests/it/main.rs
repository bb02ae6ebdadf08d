//! What Lethe promises, tried on the real program: every story runs on both databases (`::sqlite`, `::postgres`).
//!
//! A story begins with `each_store!` and speaks to a [`harness::TestLethe`]: a server of its own on databases of its
//! own. To add one: write it into the file that names its subject.

mod architecture;
mod content;
mod harness;
mod schema;
