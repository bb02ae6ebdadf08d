//! Seals bytes at rest as an upload does, on one core, and prints how many MB a second: `benches/run seal` compares it with
//! what openssl reaches.

use std::time::Instant;

use lethe::base::chunks::ChunkSealer;
use lethe::base::crypto::{CryptoError, Key};

/// How much is sealed, in bytes.
const SIZE: usize = 2 << 30;

/// How much an upload hands over at a time.
const PIECE: usize = 128 << 10;

#[expect(clippy::print_stdout, reason = "it prints what it measures")]
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn main() -> Result<(), CryptoError> {
    let (key, piece) = (Key::random()?, vec![0x5A; PIECE]);
    let (mut sealer, mut sealed) = (ChunkSealer::new(&key, b"here")?, Vec::with_capacity(2 << 20));
    let began = Instant::now();
    for _ in 0..SIZE / PIECE {
        sealer.push(&piece, &mut sealed)?;
        if sealed.len() > 1 << 20 {
            sealed.clear();
        }
    }
    sealer.finish(&mut sealed)?;
    println!("{:.0}", SIZE as f64 / 1e6 / began.elapsed().as_secs_f64());
    Ok(())
}
