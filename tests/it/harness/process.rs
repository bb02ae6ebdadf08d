//! The real program: a command that ends, or a server that stays.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

/// The output of all programs of one story, on standard output and standard error.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<String>>);

impl Journal {
    fn add(&self, line: &str) {
        let _ = writeln!(self.0.lock().unwrap(), "{line}");
    }

    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// The last lines, for the report of a failed story.
    pub fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The exit code. A command that a signal ended has none.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether a signal ended the command, as a failpoint or a kill does.
    pub fn killed(&self) -> bool {
        self.status.signal().is_some()
    }

    /// Asserts that the command succeeded.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code(), Some(0), "{:?}\n{}\n{}", self.status, self.stdout, self.stderr);
        self
    }
}

/// Runs a command to its end.
pub async fn run(mut command: Command, input: Vec<u8>, journal: Journal) -> Ran {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tokio::task::spawn_blocking(move || end(child, input, &journal)).await.unwrap()
}

fn end(mut child: Child, input: Vec<u8>, journal: &Journal) -> Ran {
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read its input closes the pipe.
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input).ok());
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    journal.add(&stdout);
    journal.add(&stderr);
    Ran { status: output.status, stdout, stderr }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that runs during the story.
pub struct Running {
    pub pid: u32,
    ended: tokio::task::JoinHandle<Ran>,
}

impl Running {
    pub fn start(mut command: Command, journal: Journal) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        Self { pid, ended: tokio::task::spawn_blocking(move || end(child, Vec::new(), &journal)) }
    }

    pub async fn end(self) -> Ran {
        self.ended.await.unwrap()
    }
}

/// Sends a signal to a process: `TERM`, `KILL`, `STOP`. Whether there was such a process.
pub fn signal(pid: u32, name: &str) -> bool {
    Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

/// A server, killed when this is dropped.
pub struct Server {
    child: Child,
    readers: Vec<std::thread::JoinHandle<()>>,
    /// The address of the API.
    pub address: String,
    /// The address of the metrics.
    pub internal: String,
}

/// The peak memory of a process, in bytes.
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")).unwrap();
    peak.trim().parse::<u64>().unwrap() << 10
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts the server and waits until it has logged its addresses.
    pub async fn start(mut command: Command, journal: &Journal) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, told) = oneshot::channel();
        let stderr = child.stderr.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let own = journal.clone();
        let of_stderr = std::thread::spawn(move || listen(BufReader::new(stderr), &own, tell));
        let own = journal.clone();
        let of_stdout = std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = BufReader::new(stdout).read_to_end(&mut said);
            own.add(&text(&said));
        });
        let told = tokio::time::timeout(Duration::from_mins(1), told).await;
        let Ok(Ok((address, internal))) = told else {
            let _ = child.kill();
            panic!("the server does not listen: {}", journal.tail());
        };
        Self { child, readers: vec![of_stderr, of_stdout], address, internal }
    }

    /// A figure of the server's memory in KiB: `VmRSS` now, `VmHWM` at its peak.
    pub fn memory(&self, figure: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The number of open connections to the API.
    pub fn connections(&self) -> usize {
        let port: u16 = self.address.rsplit(':').next().unwrap().parse().unwrap();
        let (local, established) = (format!(":{port:04X}"), "01");
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", self.child.id())).unwrap();
        let is_one = |line: &str| {
            let columns: Vec<_> = line.split_whitespace().take(4).collect();
            matches!(columns[..], [_, at, _, state] if at.ends_with(&local) && state == established)
        };
        table.lines().filter(|line| is_one(line)).count()
    }

    /// Asks the server to end. Returns its exit status.
    pub async fn stop(self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        self.end().await
    }

    /// Kills the server at once.
    pub async fn kill(mut self) -> ExitStatus {
        let _ = self.child.kill();
        self.end().await
    }

    async fn end(mut self) -> ExitStatus {
        tokio::task::spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            for reader in self.readers.drain(..) {
                let _ = reader.join();
            }
            status
        })
        .await
        .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(mut lines: impl BufRead, journal: &Journal, tell: oneshot::Sender<(String, String)>) {
    let (mut tell, mut address, mut internal) = (Some(tell), None, None);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let said = text(&line);
        if tell.is_some() {
            if let Some(place) = place(&said, "internal listener on ") {
                internal = Some(place);
            } else if let Some(place) = place(&said, "listening on ") {
                address = Some(place);
            }
        }
        if let (Some(address), Some(internal)) = (&address, &internal)
            && let Some(tell) = tell.take()
        {
            let _ = tell.send((address.clone(), internal.clone()));
        }
        journal.add(said.trim_end());
        line.clear();
    }
}

fn place(line: &str, words: &str) -> Option<String> {
    let (_, rest) = line.split_once(words)?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches('/').to_owned())
}
