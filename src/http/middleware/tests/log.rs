use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn a_line_tells_the_route_and_nothing_that_was_sent() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let stage = Stage::new("log", &[]);
    let app = init_service(app!(stage.context)).await;
    for request in [
        TestRequest::get()
            .uri("/api/v1/things/hunter2?phone_number=hunter2")
            .insert_header((AUTHORIZATION, "Bearer hunter2")),
        TestRequest::get().uri("/hunter2").insert_header((REQUEST_ID, "hunter2")),
        TestRequest::default().method(Method::from_bytes(b"HUNTER2").unwrap()).uri(THING),
        TestRequest::get().uri("/api/v1/trouble/teapot").peer_addr("203.0.113.9:4711".parse().unwrap()),
        TestRequest::get().uri("/api/v1/trouble/fire"),
        TestRequest::post()
            .uri("/api/v1/things/batch")
            .insert_header(stage.token("demo", "dpo"))
            .insert_header((CONTENT_TYPE, "application/json"))
            .set_payload(r#"{"word":{"hunter2":"hunter2"},"hunter2":1}"#),
    ] {
        let (_, _, body) = parts_of(call_service(&app, request.to_request()).await).await;
        assert!(!body.to_string().contains("hunter2"), "{body}");
    }
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!log.to_lowercase().contains("hunter2") && !log.contains("203.0.113.9"), "{log}");
    assert_eq!(log.matches("the disk is on fire").count(), 1, "{log}");
    assert!(log.contains(r#""http.route":"/api/v1/things/{id}""#) && log.contains(r#""http.route":"none""#), "{log}");
}
