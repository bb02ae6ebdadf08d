//! The command `lethe`.

use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    lethe::cli::run(std::env::args_os()).await.into()
}
