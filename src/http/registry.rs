//! Where the endpoints of a slice are named, once: for a worker that answers them, and for the document that describes them.

use actix_web::dev::HttpServiceFactory;
use actix_web::web;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

/// What endpoints are named to. Every worker names all of them to itself; were they described each time, the descriptions
/// would leave some 3 MiB of heap behind in each.
pub enum Registry<'r, 's> {
    Worker(&'r mut web::ServiceConfig),
    Document(&'r mut ServiceConfig<'s>),
}

impl Registry<'_, '_> {
    /// Names an endpoint. Of two that fit a call the first answers.
    pub fn service(&mut self, endpoint: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        match self {
            Self::Worker(worker) => {
                worker.service(endpoint);
            }
            Self::Document(document) => {
                document.service(endpoint);
            }
        }
        self
    }
}
