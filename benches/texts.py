"""The finder against the pattern recognizers of presidio-analyzer: speed on chat logs, and recall and precision on texts
whose identifiers are known."""

import json
import pathlib
import subprocess
import venv

import quality

ROOT = pathlib.Path(__file__).parent.parent
TOOLS = ROOT / "target/tools/presidio"
LARGE, SMALL = 20_000, 500


def run(bench):
    say = bench.say
    texts, finds = build("texts"), build("finds")
    large, small = make(texts, LARGE), make(texts, SMALL)
    say.head(f"Tokenizing {LARGE:,} chat logs, and {SMALL:,} of them by presidio-analyzer; processor time")
    done = subprocess.run([texts, "find"], input=large, stdout=subprocess.PIPE, check=True)
    speed = json.loads(done.stdout.splitlines()[0])
    rate = speed["bytes"] / speed["seconds"] / 1e6
    peer = presidio([json.loads(line) for line in small.splitlines()], ("NO", "SE", "DK", "GB", "DE"))
    say.line("Lethe", f"{rate:,.1f} MB/s", f"{speed['bytes'] / 1e6:.1f} MB", f"{speed['seconds']:.2f} s")
    peer_rate = peer["bytes"] / peer["seconds"] / 1e6
    say.line(f"presidio-analyzer {peer['version']}", f"{peer_rate:,.3f} MB/s", f"{peer['bytes'] / 1e6:.1f} MB",
             f"{peer['seconds']:.2f} s")
    say.ratio("tokenizing, MB/s", rate, ">=", 20)
    say.ratio("tokenizing against presidio, MB/s", rate / peer_rate, ">=", 100)
    quality.run(say, finds, lambda lines: presidio(lines, ("NO", "SE", "DK", "FI", "GB", "DE", "US"))["finds"])


def build(example):
    """An example that makes texts or reads them."""
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "sample", "--example", example], cwd=ROOT, check=True)
    return ROOT / "target/release/examples" / example


def make(example, count):
    return subprocess.run([example, "make", str(count)], stdout=subprocess.PIPE, check=True).stdout


def presidio(lines, regions):
    """The finds of presidio, which runs in a Python of its own, in texts of some regions."""
    if not (TOOLS / "bin/python").exists():
        venv.create(TOOLS, with_pip=True)
        subprocess.run([TOOLS / "bin/pip", "install", "--quiet", "presidio-analyzer"], check=True)
    command = [TOOLS / "bin/python", pathlib.Path(__file__).with_name("presidio.py"), *regions]
    texts = "\n".join(map(json.dumps, lines)) + "\n"
    return json.loads(subprocess.run(command, input=texts, stdout=subprocess.PIPE, check=True, text=True).stdout)
