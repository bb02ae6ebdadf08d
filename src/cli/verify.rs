//! `lethe verify`: a certificate of erasure in plain words, offline. It needs no settings and no database.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::exit::{CommandError, Exit};
use super::files;
use super::output::print;
use crate::base::jws::{self, KeySet};
use crate::certificates::{Coverage, Payload, ScanPart, TYPE};

/// The options of a verification.
#[derive(Args)]
pub struct VerifyArguments {
    /// The certificate
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The public keys, as the service gives them at /.well-known/lethe/jwks.json
    #[arg(long, value_name = "FILE")]
    pub keys: PathBuf,
}

pub fn run(arguments: &VerifyArguments) -> Result<Exit, CommandError> {
    let VerifyArguments { file, keys } = arguments;
    let (document, keys) = (files::read(file)?, files::read(keys)?);
    let keys: KeySet = serde_json::from_slice(&keys)
        .map_err(|_| CommandError::Usage("--keys must name a JSON web key set".to_owned()))?;
    let payload = jws::verify(&document, &keys, TYPE).map_err(|error| error.to_string());
    let payload = payload.and_then(|payload| {
        serde_json::from_slice::<Payload>(&payload).map_err(|_| "the payload cannot be read".to_owned())
    });
    match payload {
        Ok(payload) => {
            for line in lines(&payload) {
                print(&line);
            }
            Ok(Exit::Done)
        }
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "invalid: {reason}");
            Ok(Exit::Incomplete)
        }
    }
}

/// The payload in plain words.
fn lines(payload: &Payload) -> Vec<String> {
    let Payload { tenant, request, version, to_date, time_zone, entered_on, carried_out_at, .. } = payload;
    let mut lines = vec![
        "valid: the signature belongs to this certificate and to a key of the key set".to_owned(),
        format!("certificate {} (version {version}) of the tenant {tenant}", payload.jti),
        format!("request {request}, entered on {entered_on}"),
        format!("the customer was forgotten up to the end of {to_date} ({time_zone}), at {carried_out_at}"),
    ];
    for (target, part) in &payload.targets {
        lines.push(format!("{target}: {} records became anonymous", part.anonymized));
    }
    for target in &payload.targets_not_asked {
        lines.push(format!("{target}: not requested, so nothing was done"));
    }
    let content = &payload.content;
    let requested = if content.deletion_asked { "deletion was requested" } else { "deletion was not requested" };
    lines.push(format!(
        "content: {requested}; {} pieces deleted, {} texts made anonymous",
        content.deleted, content.texts_anonymized
    ));
    lines.push(payload.scan.as_ref().map_or_else(|| "scan: none".to_owned(), scan));
    if let Some(attestation) = &payload.attestation {
        lines.push(format!("wish verified: {} on {}", spaced(&attestation.method), attestation.on));
    }
    for other in &payload.other_systems {
        lines.push(format!("other system: {} is {}", other.system, spaced(&other.state)));
    }
    if let Some(audit) = &payload.audit {
        lines.push(format!("audit log: {} with {} rows and the root {}", audit.origin, audit.size, audit.root));
    }
    if let Some(journal) = &payload.journal {
        lines.push(format!("erasure journal: object {} with the SHA-256 {}", journal.seq, journal.hash));
    }
    for kept in &payload.kept {
        let until = kept.until.map_or_else(String::new, |until| format!(", at least until {until}"));
        lines.push(format!("kept: {} ({}){until}", spaced(&kept.what), spaced(&kept.why)));
    }
    for held in &payload.still_held {
        let until = match (held.until, held.count) {
            (Some(until), _) => format!("until {until}, as the operator declares"),
            (None, Some(count)) => format!("{count}, which only their holder can delete"),
            (None, None) => "for a time that the operator has not declared".to_owned(),
        };
        lines.push(format!("still held: {}: {until}", spaced(&held.what)));
    }
    let unproved: Vec<_> = payload.does_not_prove.iter().map(|one| spaced(one)).collect();
    lines.push(format!("this does not prove: {}", unproved.join(", ")));
    lines
}

fn scan(part: &ScanPart) -> String {
    let coverage = match part.coverage {
        Coverage::Changed => "what changed, with every record that the request selected",
        Coverage::Full => "the whole archive",
    };
    let ScanPart { at, rows, objects, residue, control, coincidence, unreadable, .. } = part;
    let unreadable: u64 = unreadable.values().sum();
    format!(
        "scan at {at} of {coverage}: {rows} rows and {objects} texts; {residue} residues, {control} in the control \
         group, {coincidence} coincidences, {unreadable} encrypted pieces of content that nobody can search"
    )
}

fn spaced(word: &str) -> String {
    word.replace('_', " ")
}
