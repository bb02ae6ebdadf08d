//! The methods of each path, read from the OpenAPI document, so that no route names them twice.

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use utoipa::openapi::{OpenApi, RefOr};

use super::super::raw::BYTES;

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

impl Routes {
    /// All routes that the document describes.
    #[must_use]
    pub fn new(document: &OpenApi) -> Self {
        let mut routes = Self::default();
        for (path, item) in &document.paths.paths {
            let methods = [
                (Method::GET, item.get.is_some()),
                (Method::POST, item.post.is_some()),
                (Method::PUT, item.put.is_some()),
                (Method::PATCH, item.patch.is_some()),
                (Method::DELETE, item.delete.is_some()),
            ];
            let methods = methods.into_iter().filter_map(|(method, there)| there.then_some(method));
            routes = routes.also(path, methods.collect());
            let body = item.post.as_ref().and_then(|post| post.request_body.as_ref());
            if matches!(body, Some(RefOr::T(body)) if body.content.contains_key(BYTES)) {
                routes.0.iter_mut().filter(|route| route.pattern() == path).for_each(|route| route.uploads = true);
            }
        }
        routes
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
