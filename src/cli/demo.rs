//! `lethe demo`: the whole story on embedded databases, over the API that everybody uses.

use super::args::DemoArguments;
use super::exit::{Exit, Failure};
use crate::config::Config;

/// Plays the story.
pub async fn run(_config: Config, _arguments: DemoArguments) -> Result<Exit, Failure> {
    Err(Failure::Internal("not yet"))
}
