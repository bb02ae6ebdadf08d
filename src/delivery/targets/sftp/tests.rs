//! Logins at servers that ask for a password by a prompt, or for a key and a password.

use std::borrow::Cow;

use russh::MethodSet;
use russh::server::{self, Auth, Response};
use tokio::net::TcpListener;

use super::*;

const PASSWORD: &str = "geheim-wort";

type Prompts = &'static [(Cow<'static, str>, bool)];
const ASKS: Prompts = &[(Cow::Borrowed("Password: "), false)];
const ASKS_FOR_A_CODE: Prompts = &[(Cow::Borrowed("Code: "), false)];
const ASKS_FOR_A_NAME: Prompts = &[(Cow::Borrowed("Name: "), true)];
const ASKS_FOR_TWO: Prompts = &[(Cow::Borrowed("Password: "), false), (Cow::Borrowed("Code: "), false)];
const ASKS_NOTHING: Prompts = &[];

/// A server that shows prompts one after the other, and accepts the right password as the only reply.
struct Prompting {
    prompts: &'static [Prompts],
    shown: usize,
}

impl server::Handler for Prompting {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        replies: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let replies: Vec<Vec<u8>> = replies.into_iter().flatten().map(|reply| reply.to_vec()).collect();
        if self.shown > 0 && self.prompts[self.shown - 1].len() == 1 && replies != [PASSWORD.as_bytes()] {
            return Ok(Auth::reject());
        }
        let Some(prompts) = self.prompts.get(self.shown) else { return Ok(Auth::Accept) };
        self.shown += 1;
        Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts: Cow::Borrowed(prompts) })
    }
}

/// A server that wants a key, and the password behind it.
struct AsksForBoth {
    key_is_right: bool,
}

impl server::Handler for AsksForBoth {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: server::VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.key_is_right = true;
        let methods = MethodSet::from(&[MethodKind::Password][..]);
        Ok(Auth::Reject { proceed_with_methods: Some(methods), partial_success: true })
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(if self.key_is_right && password == PASSWORD { Auth::Accept } else { Auth::reject() })
    }
}

fn key() -> PrivateKey {
    PrivateKey::from(russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]))
}

/// Logs in at a server.
async fn log_in(
    handler: impl server::Handler<Error = russh::Error> + Send + 'static,
    methods: &[MethodKind],
    secret: DeliverySecret,
) -> Result<(), SendError> {
    let host_key = HostKey::Key(key().public_key().clone());
    let config = server::Config {
        methods: MethodSet::from(methods),
        auth_rejection_time: Duration::ZERO,
        keys: vec![key()],
        ..server::Config::default()
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (line, _) = listener.accept().await.unwrap();
        let session = server::run_stream(Arc::new(config), line, handler).await.unwrap();
        let _ = session.await;
    });
    let login = Login { user: "lethe".to_owned(), host: "127.0.0.1".to_owned(), port, folder: Vec::new() };
    let timeout = Duration::from_secs(10);
    let mut session = connect(&login, vec![Algorithm::Ed25519], &host_key, timeout).await.unwrap();
    let outcome = within(timeout, authenticate(&mut session, &login.user, Some(&secret))).await;
    drop(session);
    serving.await.unwrap();
    outcome
}

#[tokio::test]
async fn a_server_may_ask_for_a_key_and_a_password() {
    let text = key().to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap();
    for (password, outcome) in [
        (Some(PASSWORD), Ok(())),
        (Some("another-word"), Err(SendError::AuthFailed)),
        (None, Err(SendError::AuthFailed)),
    ] {
        let secret = DeliverySecret::PrivateKey(text.as_str().into(), password.map(Into::into));
        let methods = [MethodKind::PublicKey, MethodKind::Password];
        assert_eq!(log_in(AsksForBoth { key_is_right: false }, &methods, secret).await, outcome, "{password:?}");
    }
}

#[tokio::test]
async fn a_prompt_for_the_password_is_answered_once() {
    for (prompts, password, outcome) in [
        (&[ASKS][..], PASSWORD, Ok(())),
        // Many servers end with a prompt without a question.
        (&[ASKS, ASKS_NOTHING], PASSWORD, Ok(())),
        (&[ASKS_NOTHING, ASKS], PASSWORD, Ok(())),
        (&[ASKS], "another-word", Err(SendError::AuthFailed)),
        (&[ASKS, ASKS_FOR_A_CODE], PASSWORD, Err(SendError::AuthFailed)),
        (&[ASKS_FOR_A_NAME], PASSWORD, Err(SendError::AuthFailed)),
        (&[ASKS_FOR_TWO], PASSWORD, Err(SendError::AuthFailed)),
    ] {
        let secret = DeliverySecret::Password(password.into());
        let handler = Prompting { prompts, shown: 0 };
        assert_eq!(log_in(handler, &[MethodKind::KeyboardInteractive], secret).await, outcome, "{prompts:?}");
    }
}

#[test]
fn a_host_key_is_read_as_servers_and_ssh_keyscan_write_it() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    for text in [
        key.to_owned(),
        format!("{key} root@files\n"),
        format!("files.example {key}"),
        format!("[files.example]:2222,[10.0.0.7]:2222 {key}\n"),
    ] {
        assert!(matches!(read_host_key(&text), Some(HostKey::Key(_))), "{text}");
    }
    let fingerprint = read_host_key("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n");
    assert!(matches!(fingerprint, Some(HostKey::Fingerprint(_))));
    for text in ["", "files.example", "ssh-ed25519 AAAA", "MD5:00:11", "a b c"] {
        assert!(read_host_key(text).is_none(), "{text}");
    }
}
