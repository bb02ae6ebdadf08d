"""Sealing at rest against openssl's AES-256-GCM; one core each."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).parent.parent


def run(bench):
    subprocess.run(["cargo", "build", "--release", "--quiet", "--example", "seal"], cwd=ROOT, check=True)
    bench.say.head(f"Sealing at rest; {bench.rounds} rounds, the best of each")
    ours, theirs = [], []
    for _ in range(bench.rounds):
        said = subprocess.run([ROOT / "target/release/examples/seal"], capture_output=True, text=True, check=True)
        ours.append(float(said.stdout))
        command = ["openssl", "speed", "-elapsed", "-seconds", "1", "-bytes", "16384", "-evp", "aes-256-gcm"]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs.append(float(re.findall(r"([\d.]+)k$", said.stdout, re.M)[-1]) / 1000)
    bench.say.line("Lethe; openssl speed, 16 KiB", f"{max(ours):,.0f} MB/s", f"{max(theirs):,.0f} MB/s")
    bench.say.ratio("sealing, of openssl's rate", max(ours) / max(theirs), ">=", 0.5)
