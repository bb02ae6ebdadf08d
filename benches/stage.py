"""A throw-away PostgreSQL server, and a Lethe on it or on embedded databases."""

import datetime
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time


def programs():
    """The folder of PostgreSQL's programs, 15 or later."""
    installed = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    named = [pathlib.Path(os.environ[name]) for name in ["LETHE_POSTGRES_BIN"] if os.environ.get(name)]
    on_path = [pathlib.Path(folder) for folder in os.environ["PATH"].split(":")]
    for folder in [*named, *reversed(installed), *on_path]:
        if all((folder / name).exists() for name in ["initdb", "pg_ctl", "psql", "pgbench"]):
            return folder
    sys.exit("PostgreSQL's programs are missing; LETHE_POSTGRES_BIN names their folder")


class Server:
    """A PostgreSQL server in a folder of its own, gone when the run ends.

    It does not wait for the disk (fsync is off), so that work is compared, and not the speed of the disk; and no
    checkpoint or autovacuum falls into one measurement and not into the other.
    """

    SETTINGS = {
        "listen_addresses": "", "fsync": "off", "shared_buffers": "512MB", "max_wal_size": "16GB",
        "checkpoint_timeout": "1h", "autovacuum": "off", "maintenance_work_mem": "512MB", "max_connections": "100",
    }

    def __init__(self):
        self.programs = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lethe-bench-"))
        self.user = [] if os.getuid() else ["runuser", "-u", "postgres", "--"]
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.folder.chmod(0o755)
        self._run("initdb", "--no-sync", "-U", "lethe", "-A", "trust", "-E", "UTF8", "--no-locale", "-D", self.data)
        settings = {"unix_socket_directories": self.folder, **self.SETTINGS}
        options = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log", "-o", options)

    @property
    def data(self):
        return self.folder / "data"

    def _run(self, program, *arguments):
        command = [*self.user, self.programs / program, *arguments]
        ended = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ended.returncode:
            raise RuntimeError(f"{program} failed: {ended.stderr}")

    def stop(self):
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", self.data)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database):
        return f"postgres://lethe@localhost/{database}?host={self.folder}"

    def command(self, program, database):
        named = [database] if program == "pgbench" else ["-d", database]
        return [self.programs / program, "-h", self.folder, "-U", "lethe", *named]

    def sql(self, database, text, stdin=None):
        """Runs statements; answers what they said, a line each."""
        command = [*self.command("psql", database), "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text]
        ended = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True)
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        return ended.stdout.splitlines()

    def timed(self, database, text, stdin=None):
        """Runs one statement; answers its seconds, as psql measures them."""
        command = [*self.command("psql", database), "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", "\\timing on", "-c", text]
        ended = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=True)
        return float(re.findall(r"^Time: ([\d.]+) ms", ended.stdout, re.M)[-1]) / 1000

    def cpu(self):
        """Seconds of processor time that the server has used, all its processes together."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return sum(processor_time(pid) for pid in [first, *children])

    def measured(self, work):
        """Does some work; answers what it answers, and the server's seconds of processor time."""
        before = self.cpu()
        done = work()
        time.sleep(0.2)
        return done, self.cpu() - before

    def create(self, database, template="template1"):
        self.sql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.sql("postgres", f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY")

    def drop(self, database):
        self.sql("postgres", f"DROP DATABASE {database} WITH (FORCE)")


class Lethe:
    """One Lethe in development mode: a program, a data folder, its databases."""

    def __init__(self, program, url=None):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="lethe-bench-data-")
        self.settings = {
            "LETHE_DATA_DIR": self.folder, "LETHE_HTTP__LISTEN": "127.0.0.1:0",
            "LETHE_HTTP__INTERNAL_LISTEN": "127.0.0.1:0",
        }
        self.use(url)

    def use(self, url):
        """Goes on with another database; the keys stay."""
        if url:
            self.settings["LETHE_DATABASE__URL"] = url
        return self

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *arguments, **options):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
        environment = {**inherited, **self.settings, **options.pop("settings", {})}
        return subprocess.Popen([self.program, *arguments], env=environment, text=True, **options)

    def run(self, *arguments, **options):
        process = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        said, complained = process.communicate()
        if process.returncode:
            raise RuntimeError(f"lethe {' '.join(arguments)} ended with {process.returncode}: {complained}")
        return said

    def token(self, roles):
        return self.run("token", "--roles", roles).strip()

    def serve(self):
        return Running(self)

    def night(self, as_of):
        """Runs the job; answers its report, the seconds of each step and its peak memory in MiB."""
        process = self.start("job", "nightly", "--as-of", as_of, "--json", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        peak = [0.0]
        watching = threading.Thread(target=watch_peak, args=(process, peak))
        watching.start()
        said, logged = process.communicate()
        watching.join()
        if process.returncode:
            raise RuntimeError(f"the job ended with {process.returncode}: {logged}")
        steps = [json.loads(line) for line in logged.splitlines() if '"step"' in line]
        times = [(line["step"], seconds_of(line["timestamp"])) for line in steps]
        spans = {step: until - since for (step, since), (_, until) in zip(times, times[1:])}
        return json.loads(said.splitlines()[-1]), spans, peak[0]


class Running:
    """A server that runs."""

    def __init__(self, lethe):
        self.lethe = lethe
        self.began = time.monotonic()
        self.process = lethe.start("serve", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            if found := re.match(r"listening on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise RuntimeError("the server does not listen")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, path, body, token, media="application/json"):
        """Posts a body; answers the JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": media}
        connection.request("POST", f"/api/v1{path}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{path} answered {answer.status}: {said.decode()}")
        return json.loads(said)

    def await_ready(self):
        """Seconds from the start of the process to the first good answer of /readyz."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return time.monotonic() - self.began
            connection.close()

    def memory(self):
        return memory(self.process.pid, "VmRSS")


def processor_time(pid):
    """Seconds of processor time of a process and of those of its children that have ended."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def processor_time(pid):
    """Seconds of processor time of a process and of those of its children that have ended."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory(pid, field):
    """Memory of a process in MiB: VmRSS now, VmHWM at its peak."""
    found = re.search(rf"^{field}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) / 1024 if found else 0.0


def watch_peak(process, peak):
    while process.poll() is None:
        try:
            peak[0] = max(peak[0], memory(process.pid, "VmHWM"))
        except OSError:
            return
        time.sleep(0.02)


def seconds_of(timestamp):
    return datetime.datetime.fromisoformat(timestamp).timestamp()
