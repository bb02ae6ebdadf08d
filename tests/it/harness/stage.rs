//! A story's own Lethe: two databases, a data folder, and the program.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::Store;
use super::caller::{Answer, Caller};
use super::dump::Dump;
use super::folder::Folder;
use super::postgres::{Database, Databases};
use super::process::{self, Journal, Ran, Running, Server};

/// A Lethe in development mode, with the tenant `demo`.
pub struct TestLethe {
    // The server is dropped before the folder that it writes into.
    server: Option<Server>,
    folder: Folder,
    database: Option<Database>,
    databases: Databases,
    journal: Journal,
    settings: Vec<(String, String)>,
    tokens: Mutex<HashMap<(String, String, String), String>>,
    client: reqwest::Client,
}

impl TestLethe {
    /// Empty databases and no server yet.
    pub async fn new(store: Store) -> Self {
        let databases = Databases::default();
        let database = match store {
            Store::Sqlite => None,
            Store::Postgres => Some(databases.create().await),
        };
        Self {
            server: None,
            folder: Folder::new(),
            database,
            databases,
            journal: Journal::default(),
            settings: Vec::new(),
            tokens: Mutex::default(),
            // A service without memory for a body reads it later.
            // No test speaks TLS with this client, and reading the system's certificates takes time.
            client: reqwest::Client::builder().no_proxy().tls_certs_only([]).tcp_user_timeout(None).build().unwrap(),
        }
    }

    /// A copy of the databases and keys, so that two passes can begin in the same state. No server may run.
    pub async fn copy(&self) -> Self {
        assert!(self.server.is_none(), "a copy of what a server writes into");
        let database = match &self.database {
            Some(database) => Some(self.databases.copy(database).await),
            None => None,
        };
        Self {
            server: None,
            folder: self.folder.copy(),
            database,
            databases: self.databases.clone(),
            journal: self.journal.clone(),
            settings: self.settings.clone(),
            tokens: Mutex::default(),
            client: self.client.clone(),
        }
    }

    /// Another Lethe without records, with a server of its own.
    pub async fn copy_of_empty(&self) -> Self {
        let mut other = Self::new(self.store()).await;
        if let Some(database) = &other.database {
            self.databases.adopt(database);
        }
        other.journal = self.journal.clone();
        other.serve().await;
        other
    }

    pub fn store(&self) -> Store {
        if self.database.is_some() { Store::Postgres } else { Store::Sqlite }
    }

    pub const fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    pub fn databases(&self) -> Databases {
        self.databases.clone()
    }

    /// The folder of the program's files.
    pub fn data_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The address of the archive, for direct queries.
    pub fn archive_url(&self) -> String {
        match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.folder.path().join("data/archive.db").display()),
        }
    }

    /// The output of all programs of this story so far.
    pub fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// A setting for the programs that start from now on: `LOG__LEVEL`, `trace`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((format!("LETHE_{name}"), value.to_owned()));
    }

    // Methods of the program.

    /// The program with the settings of this story and nothing of the tests' own environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_lethe"), arguments)
    }

    /// A shell script with the same settings.
    pub fn shell(&self, script: &str) -> Command {
        self.program("bash", &["-c", script])
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LETHE_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LETHE_DATA_DIR", self.folder.path().join("data"))
            .env("LETHE_HTTP__LISTEN", "127.0.0.1:0")
            .env("LETHE_HTTP__INTERNAL_LISTEN", "127.0.0.1:0")
            .env("LETHE_HTTP__DRAIN", "0")
            // As the image sets it.
            .env("MALLOC_ARENA_MAX", "4");
        if let Some(database) = &self.database {
            command.env("LETHE_DATABASE__URL", database.url());
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[], Vec::new()).await
    }

    /// Runs a command with further settings and an input.
    pub async fn run_with(&self, arguments: &[&str], settings: &[(&str, &str)], input: Vec<u8>) -> Ran {
        let mut command = self.command(arguments);
        command.envs(settings.iter().copied());
        process::run(command, input, self.journal.clone()).await
    }

    /// Starts a command and lets it run.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments), self.journal.clone())
    }

    /// Starts the server.
    pub async fn serve(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        self.server = Some(Server::start(self.command(&["serve"]), &self.journal).await);
    }

    /// Starts one more server on the same databases.
    pub async fn serve_another(&self) -> Server {
        Server::start(self.command(&["serve"]), &self.journal).await
    }

    /// Asks the server to end and waits until it has.
    pub async fn stop(&mut self) {
        let status = self.server.take().expect("a running server").stop().await;
        assert!(status.success(), "the server ended with {status}");
    }

    /// The server's peak memory, in bytes.
    pub fn peak_memory(&self) -> u64 {
        process::peak_memory(self.server.as_ref().expect("a running server").pid())
    }

    /// Kills the server without a warning.
    pub async fn kill(&mut self) {
        self.server.take().expect("a running server").kill().await;
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a running server")
    }

    /// The address of a running server.
    pub fn address(&self) -> String {
        self.server().address.clone()
    }

    // Methods of callers.

    /// A caller of the tenant `demo` with some roles: `dpo`, `admin,operator`.
    pub fn caller(&self, roles: &str) -> Caller {
        self.caller_of("demo", roles, "kari")
    }

    /// A caller of a tenant with some roles and a name.
    pub fn caller_of(&self, tenant: &str, roles: &str, user: &str) -> Caller {
        let mut tokens = self.tokens.lock().unwrap();
        let key = (tenant.to_owned(), roles.to_owned(), user.to_owned());
        let token = tokens.entry(key).or_insert_with(|| {
            let arguments = ["token", "--tenant", tenant, "--roles", roles, "--user", user];
            let told = self.command(&arguments).output().unwrap();
            assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
            String::from_utf8(told.stdout).unwrap().trim().to_owned()
        });
        self.caller_with(Some(token))
    }

    /// A caller with any token, or none.
    pub fn caller_with(&self, token: Option<&str>) -> Caller {
        Caller::new(self.client.clone(), &self.address(), token)
    }

    /// The response of the internal listener.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.server().internal);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    // Methods of users.

    /// Sends records as NDJSON to `interactions`, `survey-responses`, or `raw-events`.
    pub async fn ingest(&self, kind: &str, ndjson: impl Into<Vec<u8>>) -> Value {
        self.caller("integration").ingest(kind, ndjson).await.expect(200).json()
    }

    /// Sends one interaction.
    pub async fn record(&self, interaction: &Value) {
        let told = self.ingest("interactions", interaction.to_string()).await;
        assert_eq!(told["rejected"], json!([]), "{told}");
    }

    /// One page of a search as the data protection officer sees it.
    pub async fn search(&self, body: &Value) -> Value {
        self.caller("dpo").post("/archive/search", body).await.expect(200).json()
    }

    /// The external ids of everything that a search finds, as the data protection officer.
    pub async fn find(&self, body: &Value) -> Vec<String> {
        let found = self.caller("dpo").all("/archive/search", body).await;
        found.iter().map(|item| item["external_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Enters an anonymize request, as the data protection officer.
    pub async fn enter_request(&self, body: &Value) -> Value {
        self.caller("dpo").post("/anonymize-requests", body).await.expect(201).json()
    }

    /// A request as it is now.
    pub async fn request(&self, id: &Value) -> Answer {
        let path = format!("/anonymize-requests/{}", id.as_str().unwrap());
        self.caller("dpo").get(&path).await
    }

    /// Runs the nightly job as of a time.
    pub async fn night(&self, as_of: &str) -> Ran {
        self.run(&["job", "nightly", "--as-of", as_of, "--json"]).await
    }

    /// Imports lines with the command line: `--kind`, `interactions`.
    pub async fn import(&self, arguments: &[&str], lines: impl Into<Vec<u8>>) -> Ran {
        let arguments = [&["import"], arguments, &["-"]].concat();
        self.run_with(&arguments, &[], lines.into()).await
    }

    // Methods of the databases.

    /// Every row of both databases.
    pub async fn dump(&self) -> Dump {
        match &self.database {
            Some(database) => Dump::of_postgres(&database.url()).await,
            None => Dump::of_sqlite(&self.folder.path().join("data")).await,
        }
    }

    /// The bytes of a stolen archive: its files, and every text of every row.
    pub async fn archive_bytes(&self) -> Vec<u8> {
        let mut bytes = self.dump().await.archive_texts();
        match &self.database {
            Some(database) => bytes.extend(database.bytes().await),
            None => bytes.extend(files_of(&self.folder.path().join("data"), "archive")),
        }
        bytes
    }

    /// All files of the data folder: databases, logs, keys.
    pub fn folder_bytes(&self) -> Vec<u8> {
        files_of(self.folder.path(), "")
    }
}

/// The bytes of all files below a folder whose names begin so.
fn files_of(folder: &std::path::Path, prefix: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            bytes.extend(files_of(&entry.path(), prefix));
        } else if entry.file_name().to_string_lossy().starts_with(prefix) {
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    bytes
}
