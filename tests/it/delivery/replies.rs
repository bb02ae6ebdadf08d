//! Replies of FTP servers that the RFCs allow and that few servers send.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{WORDS, call, calmly, deliver, ends, set_recordings, set_target, states, upload};
use crate::harness::each_store;

/// The replies of a server that differ from the usual ones. `PORT` is replaced by the port for data, and `HIGH,LOW` by its
/// two bytes.
#[derive(Clone, Copy)]
struct Script {
    name: &'static str,
    host: IpAddr,
    greeting: &'static str,
    user: &'static str,
    pass: &'static str,
    pasv: &'static str,
    epsv: &'static str,
    /// The reply at the end of a file, and the one to each other command that is carried out.
    done: [&'static str; 2],
}

const USUAL: Script = Script {
    name: "usual",
    host: IpAddr::V4(Ipv4Addr::LOCALHOST),
    greeting: "220 ready",
    user: "331 password",
    pass: "230 in",
    pasv: "227 Entering Passive Mode (127,0,0,1,HIGH,LOW).",
    epsv: "500 unknown",
    done: ["226 done", "250 done"],
};

const EPSV: &str = "229 Entering Extended Passive Mode (|||PORT|)";

const SCRIPTS: [Script; 14] = [
    USUAL,
    Script {
        name: "IPv6 without PASV",
        host: IpAddr::V6(Ipv6Addr::LOCALHOST),
        pasv: "425 You cannot use PASV on IPv6 connections. Use EPSV instead.",
        epsv: EPSV,
        ..USUAL
    },
    Script { name: "IPv6 without EPSV", host: IpAddr::V6(Ipv6Addr::LOCALHOST), ..USUAL },
    Script { name: "PASV without brackets", pasv: "227 Entering Passive Mode 127,0,0,1,HIGH,LOW", ..USUAL },
    Script { name: "PASV with an address of its own", pasv: "227 =192,0,2,1,HIGH,LOW", ..USUAL },
    Script { name: "PASV is 502", pasv: "502 not implemented", epsv: EPSV, ..USUAL },
    Script { name: "PASV is 500", pasv: "500 unknown", epsv: "229 ok (!!!PORT!)", ..USUAL },
    Script { name: "PASV without numbers", pasv: "227 Entering Passive Mode", epsv: EPSV, ..USUAL },
    Script {
        name: "a greeting of many lines",
        greeting: "220-Hello\r\n220-\r\n530 is not an error here\r\n220 ready",
        ..USUAL
    },
    Script { name: "a greeting that asks to wait", greeting: "120 ready in 0 minutes\r\n220 ready", ..USUAL },
    Script { name: "PASS is 202", pass: "202 superfluous", ..USUAL },
    Script { name: "USER is 230", user: "230 in", pass: "503 no password is needed", ..USUAL },
    Script { name: "USER is 232", user: "232 authorized by the security data", pass: "503 not now", ..USUAL },
    Script { name: "everything is 200", done: ["250-file\r\n250 done", "200 done"], ..USUAL },
];

/// A server of one script, and the files that it has.
struct Server {
    port: u16,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

fn start(script: Script) -> Server {
    let listener = TcpListener::bind((script.host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let files = Arc::new(Mutex::new(HashMap::new()));
    let shared = Arc::clone(&files);
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            let files = Arc::clone(&shared);
            std::thread::spawn(move || drop(serve(&line, script, &files)));
        }
    });
    Server { port, files }
}

fn serve(line: &TcpStream, script: Script, files: &Mutex<HashMap<String, Vec<u8>>>) -> std::io::Result<()> {
    let say = |text: &str| -> std::io::Result<()> {
        let mut line = line;
        line.write_all(format!("{text}\r\n").as_bytes())
    };
    say(script.greeting)?;
    let data = TcpListener::bind((script.host, 0))?;
    let port = data.local_addr()?.port();
    let with_port = |reply: &str| {
        reply.replace("PORT", &port.to_string()).replace("HIGH,LOW", &format!("{},{}", port >> 8, port & 255))
    };
    let [stored, done] = script.done;
    let mut renamed = String::new();
    for command in BufReader::new(line).lines() {
        let command = command?;
        let (verb, name) = command.split_once(' ').unwrap_or((&command, ""));
        match verb {
            "USER" => say(script.user)?,
            "PASS" => say(script.pass)?,
            "PASV" => say(&with_port(script.pasv))?,
            "EPSV" => say(&with_port(script.epsv))?,
            "TYPE" => say(done)?,
            "STOR" => {
                say("150 send it")?;
                let mut bytes = Vec::new();
                data.accept()?.0.read_to_end(&mut bytes)?;
                files.lock().unwrap().insert(name.to_owned(), bytes);
                say(stored)?;
            }
            "RNFR" => {
                name.clone_into(&mut renamed);
                say("350 to which name")?;
            }
            "RNTO" => {
                let bytes = files.lock().unwrap().remove(&renamed).unwrap_or_default();
                files.lock().unwrap().insert(name.to_owned(), bytes);
                say(done)?;
            }
            _ => say("550 no such file")?,
        }
    }
    Ok(())
}

each_store!(an_ftp_server_may_reply_as_the_rfcs_allow, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    set_recordings(&lethe, &json!({ "allow_plain_ftp": true })).await;
    let path = call(&lethe, "cdr-1").await;
    for script in SCRIPTS {
        let server = start(script);
        let host = if script.host.is_ipv6() { "[::1]" } else { "127.0.0.1" };
        let target = json!({ "url": format!("ftp://lethe@{host}:{}/", server.port), "password": "geheim-wort" });
        set_target(&lethe, &target).await.expect(200);
        upload(&lethe, &path, "recording", WORDS).await;
        let ran = deliver(&lethe).await;
        let last = states(&lethe).await.pop();
        assert_eq!((ran.code(), last), (Some(0), Some(("delivered".to_owned(), None))), "{}", script.name);
        let files = server.files.lock().unwrap();
        assert_eq!(files.len(), 2, "{}", script.name);
        let recording = files.iter().find(|(name, _)| ends(name, "wav"));
        assert!(recording.is_some_and(|(_, bytes)| bytes == WORDS), "{}", script.name);
    }
});

each_store!(a_refused_login_is_reported_as_one, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    set_recordings(&lethe, &json!({ "allow_plain_ftp": true })).await;
    let path = call(&lethe, "cdr-1").await;
    for (script, word) in [
        (Script { pass: "530 no", ..USUAL }, "auth_failed"),
        (Script { pass: "332 which account", ..USUAL }, "auth_failed"),
        (Script { user: "530 no", ..USUAL }, "auth_failed"),
        (Script { pasv: "425 no", epsv: "425 no", ..USUAL }, "connection_lost"),
        (Script { pasv: "502 no", epsv: "500 no", ..USUAL }, "refused"),
        (Script { greeting: "421 not now", ..USUAL }, "busy"),
        (Script { greeting: "SSH-2.0-OpenSSH_9.2", ..USUAL }, "refused"),
    ] {
        let server = start(script);
        let target = json!({ "url": format!("ftp://lethe@127.0.0.1:{}/", server.port), "password": "geheim-wort" });
        set_target(&lethe, &target).await.expect(200);
        upload(&lethe, &path, "recording", WORDS).await;
        assert_eq!(deliver(&lethe).await.code(), Some(2));
        assert_eq!(states(&lethe).await.pop(), Some(("pending".to_owned(), Some(word.to_owned()))), "{word}");
    }
});
