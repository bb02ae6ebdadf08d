//! The frame on a real connection.

use actix_web::HttpServer;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// The bytes that a real server writes to a connection: head and body.
async fn spoken(stage: &Stage, request: &str) -> String {
    let context = stage.context.clone();
    let server = HttpServer::new(move || app!(context)).workers(1).bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut output = String::new();
    stream.read_to_string(&mut output).await.unwrap();
    handle.stop(false).await;
    output
}

#[actix_web::test]
async fn head_is_get_without_its_body() {
    let stage = Stage::new("head", &[]);
    let (_, token) = stage.token("demo", "dpo");
    let head = format!("HEAD {THING} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n");
    let get = spoken(&stage, &head.replace("HEAD", "GET")).await;
    let head = spoken(&stage, &head).await;
    assert!(get.starts_with("HTTP/1.1 200") && get.ends_with(r#"{"word":"paal"}"#), "{get}");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("content-length: 15"), "{head}");
}

#[actix_web::test]
async fn a_panic_does_not_take_the_connection_down() {
    let stage = Stage::new("panic", &[]);
    let request = "GET /api/v1/trouble/panic HTTP/1.1\r\nHost: x\r\n\r\n\
                   GET /api/v1/things/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let output = spoken(&stage, request).await;
    assert!(output.starts_with("HTTP/1.1 500") && output.contains("HTTP/1.1 401"), "{output}");
    assert!(output.to_lowercase().matches("x-request-id").count() == 2 && !output.contains("hunter2"), "{output}");
}
