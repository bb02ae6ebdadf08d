//! The methods of each path, read from the OpenAPI document, so that no route names them twice.

use std::collections::BTreeMap;

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Clone, Debug, Default)]
pub struct Routes(Vec<Route>);

#[derive(Clone, Debug)]
pub(super) struct Route {
    path: ResourceDef,
    methods: Vec<Method>,
    allow: String,
    /// Whether its POST accepts bytes of any length.
    uploads: bool,
}

/// The parts of an OpenAPI document that say which calls there are.
#[derive(Deserialize)]
struct DescribedRoutes {
    paths: BTreeMap<String, PathItem>,
}

#[derive(Deserialize)]
struct PathItem {
    get: Option<Operation>,
    post: Option<Operation>,
    put: Option<Operation>,
    patch: Option<Operation>,
    delete: Option<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    request_body: Option<RouteBody>,
}

#[derive(Deserialize)]
struct RouteBody {
    content: BodyTypes,
}

/// The media types of a body, as far as they matter: [`BYTES`](super::super::raw::BYTES) alone.
#[derive(Deserialize)]
struct BodyTypes {
    #[serde(rename = "application/octet-stream")]
    bytes: Option<IgnoredAny>,
}

impl Operation {
    fn uploads(&self) -> bool {
        self.request_body.as_ref().is_some_and(|body| body.content.bytes.is_some())
    }
}

impl Routes {
    /// All routes that an OpenAPI document describes.
    ///
    /// # Errors
    ///
    /// If the text is not such a document.
    pub fn new(document: &str) -> serde_json::Result<Self> {
        let document: DescribedRoutes = serde_json::from_str(document)?;
        let mut routes = Self::default();
        for (path, item) in document.paths {
            let uploads = item.post.as_ref().is_some_and(Operation::uploads);
            let methods = [
                (Method::GET, item.get),
                (Method::POST, item.post),
                (Method::PUT, item.put),
                (Method::PATCH, item.patch),
                (Method::DELETE, item.delete),
            ];
            let methods = methods.into_iter().filter_map(|(method, operation)| operation.map(|_| method));
            routes = routes.also(&path, methods.collect());
            routes.0.iter_mut().filter(|route| route.pattern() == path).for_each(|route| route.uploads = uploads);
        }
        Ok(routes)
    }

    /// Adds a path that the document does not describe, in the same notation, with all its methods.
    #[must_use]
    pub fn also(mut self, path: &str, mut methods: Vec<Method>) -> Self {
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        let mut words: Vec<_> = methods.iter().map(Method::as_str).collect();
        words.push(Method::OPTIONS.as_str());
        let allow = words.join(", ");
        self.0.push(Route { path: ResourceDef::new(path.to_owned()), methods, allow, uploads: false });
        // `/requests/batch` comes before `/requests/{id}`, as a reader expects.
        self.0.sort_by_key(|route| route.pattern().matches('{').count());
        self
    }

    /// Takes HEAD from a path whose GET changes something, so that no program changes it by a look.
    #[must_use]
    pub fn without_head(mut self, path: &str) -> Self {
        for route in self.0.iter_mut().filter(|route| route.pattern() == path) {
            route.methods.retain(|method| *method != Method::HEAD);
            route.allow = route.allow.replace("HEAD, ", "");
        }
        self
    }

    pub(super) fn find(&self, path: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.path.is_match(path))
    }
}

impl Route {
    pub(super) fn pattern(&self) -> &str {
        self.path.pattern().unwrap_or_default()
    }

    pub(super) fn serves(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// Whether a call may take as long as its body. The reader then limits the time between two pieces.
    pub(super) fn uploads(&self, method: &Method) -> bool {
        self.uploads && *method == Method::POST
    }

    /// The value of the header `Allow`.
    pub(super) fn allow(&self) -> &str {
        &self.allow
    }
}
