//! A user with a token who calls the API.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// A caller of one server.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    address: String,
    token: Option<String>,
}

impl Caller {
    pub fn new(client: Client, address: &str, token: Option<&str>) -> Self {
        Self { client, address: address.to_owned(), token: token.map(str::to_owned) }
    }

    /// The same caller at another server.
    pub fn at(&self, address: &str) -> Self {
        Self { client: self.client.clone(), address: address.to_owned(), token: self.token.clone() }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a caller with a token")
    }

    /// A call to complete. A path is below `/api/v1`, or below the root if it begins with `//`.
    pub fn call(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = match path.strip_prefix("//") {
            Some(path) => format!("{}/{path}", self.address),
            None => format!("{}/api/v1{path}", self.address),
        };
        let call = self.client.request(method, url);
        match &self.token {
            Some(token) => call.bearer_auth(token),
            None => call,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.call("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.call("POST", path).json(body)).await
    }

    /// Posts bytes that need not be JSON.
    pub async fn post_raw(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer::of(self.call("POST", path).header("content-type", media_type).body(body.into())).await
    }

    pub async fn patch(&self, path: &str, etag: &str, body: &Value) -> Answer {
        Answer::of(self.call("PATCH", path).header("if-match", etag).json(body)).await
    }

    pub async fn delete(&self, path: &str, etag: &str) -> Answer {
        Answer::of(self.call("DELETE", path).header("if-match", etag)).await
    }

    /// Sends records as NDJSON.
    pub async fn ingest(&self, kind: &str, ndjson: impl Into<Vec<u8>>) -> Answer {
        self.post_raw(&format!("/archive/{kind}"), "application/x-ndjson", ndjson).await
    }

    /// All items of a search, page by page.
    pub async fn all(&self, path: &str, body: &Value) -> Vec<Value> {
        let (mut items, mut body) = (Vec::new(), body.clone());
        if body.get("limit").is_none() {
            body["limit"] = json!(200);
        }
        loop {
            let mut page = self.post(path, &body).await.expect(200).json();
            items.append(page["items"].as_array_mut().unwrap());
            match page["next_cursor"].take() {
                Value::Null => return items,
                cursor => body["cursor"] = cursor,
            }
        }
    }
}

/// A response of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(call: RequestBuilder) -> Self {
        Self::try_of(call).await.unwrap()
    }

    /// The response, or an error if the server ended.
    pub async fn try_of(call: RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = call.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, text: response.text().await? })
    }

    /// The response, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The code of a problem, which must have this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], json!(status));
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// The pointers and codes of a 422: `/to_date required`.
    #[track_caller]
    pub fn mistakes(&self) -> Vec<String> {
        assert_eq!(self.problem(422), "validation_failed", "{}", self.text);
        let problem = self.json();
        let place = |error: &Value| error["pointer"].as_str().or(error["parameter"].as_str()).map(str::to_owned);
        let mistakes = problem["errors"].as_array().expect("errors").iter();
        mistakes
            .map(|error| format!("{} {}", place(error).unwrap_or_default(), error["code"].as_str().unwrap()))
            .collect()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }
}
