"""Uploads that are encrypted for a tenant's key, against the tools that do the same to a file."""

import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from stage import Lethe

MEBIBYTES = 512


def run(bench):
    say = bench.say
    say.head(f"upload of {MEBIBYTES} MiB, encrypted for a tenant's key; {bench.rounds} rounds, medians, MB/s")
    # The files are in memory, so that work is compared, and not the speed of the disk.
    memory = pathlib.Path("/dev/shm")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lethe-bench-", dir=memory if memory.exists() else None))
    tempfile.tempdir = str(folder)
    try:
        tools, lethe = Tools(folder), Lethe(bench.program)
        with lethe.serve() as running:
            running.await_ready()
            sender = Sender(lethe, running)
            sender.register(None)
            clear = rate(bench, lambda: sender.upload(tools.file))
            say.line("sealed at rest only", "", "", f"{clear:,.0f}")
            for name, kind, certificate, encrypt in tools.both():
                sender.register((kind, certificate))
                idle = running.memory()
                theirs = rate(bench, encrypt)
                ours = rate(bench, lambda: sender.upload(tools.file))
                say.line(f"{name}", f"{theirs:,.0f}", f"lethe {ours:,.0f}", f"{running.memory() - idle:+.0f} MiB")
                say.ratio(f"of {name}", ours / theirs, ">=", 0.8)
        lethe.close()
    finally:
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def rate(bench, work):
    """MB a second."""
    seconds = []
    for _ in range(bench.rounds):
        began = time.monotonic()
        work()
        seconds.append(time.monotonic() - began)
    return (MEBIBYTES << 20) / 1e6 / statistics.median(seconds)


class Tools:
    """A file, keys, and gpg and openssl to encrypt it. gpg does not compress, which would cost it most of its time."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "call.wav"
        piece = os.urandom(1 << 20)
        with self.file.open("wb") as file:
            for _ in range(MEBIBYTES):
                file.write(piece)

    def run(self, *command):
        environment = {**os.environ, "GNUPGHOME": str(self.folder / "gnupg")}
        ended = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True)
        if ended.returncode:
            raise RuntimeError(f"{command[0]} failed: {ended.stderr.decode()}")
        return ended.stdout.decode()

    def both(self):
        gpg = ["gpg", "--batch", "--yes", "--quiet", "--trust-model", "always", "--passphrase", ""]
        (self.folder / "gnupg").mkdir(mode=0o700)
        self.run(*gpg, "--quick-generate-key", "Kontoret", "rsa3072", "cert,encr", "never")
        openpgp = self.run(*gpg, "--armor", "--export")
        self.run("gpgconf", "--kill", "all")
        encrypt = [*gpg, "--compress-algo", "none", "-r", "Kontoret", "--output", "out", "--encrypt", "call.wav"]
        yield "gpg --encrypt", "openpgp", openpgp, lambda: self.run(*encrypt)
        self.run("openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", "key", "-out", "cert",
                 "-subj", "/CN=Kontoret")
        encrypt = ["openssl", "cms", "-encrypt", "-binary", "-stream", "-aes-256-gcm", "-outform", "DER", "-in",
                   "call.wav", "-out", "out", "-recip", "cert"]
        encrypt = [*encrypt, "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"]
        yield "openssl cms -encrypt", "x509", (self.folder / "cert").read_text(), lambda: self.run(*encrypt)


class Sender:
    """Who uploads: one call, and a connection for each recording, which is deleted again."""

    def __init__(self, lethe, running):
        self.port = running.port
        self.token = lethe.token("integration,operator,dpo")
        call = {"external_id": "a", "channel": "call", "started_at": "2026-01-01T00:00:00Z"}
        self.call("POST", "/archive/interactions", json.dumps([call]))
        self.interaction = self.call("POST", "/archive/search", "{}")["items"][0]["id"]

    def call(self, method, path, body=None, media="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media}
        connection.request(method, f"/api/v1{path}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status >= 300 and not (method == "DELETE" and answer.status == 404):
            raise RuntimeError(f"{path} answered {answer.status}: {said.decode()}")
        return json.loads(said or b"null")

    def register(self, key):
        if key is None:
            self.call("DELETE", "/tenant/recording-key")
        else:
            self.call("PUT", "/tenant/recording-key", json.dumps({"kind": key[0], "certificate": key[1]}))

    def upload(self, file):
        """Uploads a file, with as little work for the sender as there can be."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.putrequest("POST", f"/api/v1/archive/interactions/{self.interaction}/content?kind=recording")
        for name, value in {"Authorization": f"Bearer {self.token}", "Content-Type": "audio/wav",
                            "Content-Length": str(MEBIBYTES << 20)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        with file.open("rb") as body:
            connection.sock.sendfile(body)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status != 201:
            raise RuntimeError(f"the upload answered {answer.status}: {said.decode()}")
        self.call("DELETE", f"/archive/content/{json.loads(said)['id']}")
