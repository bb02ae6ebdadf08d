//! Real servers to deliver to: sshd, ProFTPD, and S3. Each has a folder that is removed with it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

use super::folder::Folder;
use super::postgres::servant;

/// The user who runs the servers: name, user id, and group id.
fn account() -> (String, u32, u32) {
    let id = |flag: &str| {
        let mut command = Command::new("id");
        command.arg(flag).args(servant());
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    };
    (id("-un"), id("-u").parse().unwrap(), id("-g").parse().unwrap())
}

/// A server in a process of its own.
pub struct Server {
    child: Child,
    folder: Folder,
    pub port: u16,
    /// The user of the login.
    pub user: String,
}

impl Server {
    /// Starts the command of `configure` for a free port, as a user without rights.
    fn start(folder: Folder, program: &str, configure: impl Fn(&Path, u16) -> Vec<String>) -> Self {
        let (user, uid, gid) = account();
        run(Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(folder.path()));
        // Another process may take the free port before the server does.
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let mut command = Command::new(program);
            command.args(configure(folder.path(), port)).stdin(Stdio::null());
            let log = std::fs::File::create(folder.path().join("log")).unwrap();
            command.stdout(log.try_clone().unwrap()).stderr(log);
            if servant().is_some() {
                command.uid(uid).gid(gid);
            }
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return Self { child, folder, port, user };
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("{program} does not start: {}", std::fs::read_to_string(folder.path().join("log")).unwrap());
    }

    /// The folder of the deliveries.
    pub fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    /// A file beside the inbox.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A text file beside the inbox.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) {
    let told = command.output().unwrap();
    assert!(told.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told.stderr));
}

/// A server of SFTP alone, for clients with the key `user` or `user_rsa`.
pub fn sshd() -> Server {
    sshd_with(&["ed25519"], "")
}

/// The same with host keys of several kinds (`host` is the first one, then `host_rsa` and so on), and with arguments for
/// its SFTP.
pub fn sshd_with(host_keys: &[&str], arguments: &str) -> Server {
    let folder = Folder::new();
    let here = |name: &str| folder.path().join(name);
    std::fs::create_dir(here("inbox")).unwrap();
    let mut keys =
        vec![("user".to_owned(), "ed25519"), ("user_rsa".to_owned(), "rsa"), ("stranger".to_owned(), "ecdsa")];
    let named = |place: usize, kind: &str| if place == 0 { "host".to_owned() } else { format!("host_{kind}") };
    let hosts: Vec<_> = host_keys.iter().enumerate().map(|(place, kind)| (named(place, kind), *kind)).collect();
    keys.extend(hosts.clone());
    for (name, kind) in keys {
        run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "test", "-f"]).arg(here(&name)));
    }
    let public = |name: &str| std::fs::read_to_string(here(name)).unwrap();
    std::fs::write(here("authorized"), public("user.pub") + &public("user_rsa.pub")).unwrap();
    let server = Server::start(folder, "/usr/sbin/sshd", |folder, port| {
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\n{}PidFile none\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             ForceCommand internal-sftp {arguments}\nSubsystem sftp internal-sftp {arguments}\nMaxStartups 100\n",
            hosts.iter().fold(String::new(), |lines, (name, _)| lines + "HostKey " + &at(name) + "\n"),
            at("authorized")
        );
        std::fs::write(folder.join("config"), config).unwrap();
        vec!["-D".to_owned(), "-e".to_owned(), "-f".to_owned(), at("config")]
    });
    // The tests read the keys.
    for name in ["user", "user_rsa", "stranger"] {
        std::fs::set_permissions(server.file(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    server
}

/// A server of FTP that demands TLS for commands and data. Its certificate for `localhost` is the one of `ca.pem`. The user
/// `lethe` with the password `geheim-wort` begins above the inbox.
pub fn proftpd() -> Server {
    proftpd_with("")
}

/// The same with further lines of its configuration.
pub fn proftpd_with(lines: &str) -> Server {
    let folder = Folder::new();
    let here = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(here("inbox")).unwrap();
    std::fs::write(here("extensions"), "subjectAltName=DNS:localhost\n").unwrap();
    let openssl = |arguments: &str| {
        let arguments = arguments.replace('@', &format!("{}/", folder.path().display()));
        run(Command::new("openssl").args(arguments.split(' ')));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout @ca.key -out @ca.pem -subj /CN=Tests -days 2");
    openssl("req -newkey rsa:2048 -nodes -keyout @server.key -out @server.csr -subj /CN=localhost");
    openssl(
        "x509 -req -in @server.csr -CA @ca.pem -CAkey @ca.key -CAcreateserial -days 2 -extfile @extensions -out @server.pem",
    );
    let (user, uid, gid) = account();
    let hash = Command::new("openssl").args(["passwd", "-6", "geheim-wort"]).output().unwrap().stdout;
    let hash = String::from_utf8(hash).unwrap();
    let entry = format!("lethe:{}:{uid}:{gid}::{}:/bin/false\n", hash.trim(), folder.path().display());
    std::fs::write(here("users"), entry).unwrap();
    std::fs::set_permissions(here("users"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let group = Command::new("id").args(["-gn", &user]).output().unwrap().stdout;
    let group = String::from_utf8(group).unwrap().trim().to_owned();
    let mut server = Server::start(folder, "/usr/sbin/proftpd", |folder, port| {
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "LoadModule mod_tls.c\nServerName tests\nServerType standalone\nDefaultServer on\nDefaultAddress 127.0.0.1\n\
             Port {port}\nPidFile {}\nScoreboardFile {}\nDelayTable none\nUser {user}\nGroup {group}\nUseIPv6 off\n\
             UseReverseDNS off\nRequireValidShell off\nAuthOrder mod_auth_file.c\nAuthUserFile {}\nAllowOverwrite on\n\
             TransferLog none\nWtmpLog off\nSystemLog none\n<IfModule mod_ctrls.c>\nControlsEngine off\n</IfModule>\n\
             TLSEngine on\nTLSRequired on\nTLSProtocol TLSv1.2 TLSv1.3\nTLSRSACertificateFile {}\n\
             TLSRSACertificateKeyFile {}\nTLSLog {}\n{lines}\n",
            at("pid"),
            at("scores"),
            at("users"),
            at("server.pem"),
            at("server.key"),
            at("tls.log")
        );
        std::fs::write(folder.join("config"), config).unwrap();
        vec!["-n".to_owned(), "-c".to_owned(), at("config")]
    });
    "lethe".clone_into(&mut server.user);
    server
}

/// A server of S3 that checks signatures, with one bucket, `calls`.
pub struct S3 {
    pub address: String,
    folder: Folder,
    serving: tokio::task::JoinHandle<()>,
}

impl S3 {
    pub async fn start() -> Self {
        let folder = Folder::new();
        std::fs::create_dir(folder.path().join("calls")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("lethe-key", "geheim-wort"));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            // It is dropped with the server, so that no connection stays open.
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((line, _)) = listener.accept().await {
                let service = service.clone();
                lines.spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(line), service).await;
                });
            }
        });
        Self { address, folder, serving }
    }

    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join("calls")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
