//! The endpoints of a slice are registered once: for the workers that serve them, and for the document that describes
//! them.

use actix_web::dev::HttpServiceFactory;
use actix_web::web;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

/// A registry of endpoints. Every worker registers all of them. If they were described each time, the descriptions
/// would leave some 3 MiB of heap in each worker.
pub enum Registry<'r, 's> {
    Worker(&'r mut web::ServiceConfig),
    Document(&'r mut ServiceConfig<'s>),
}

impl Registry<'_, '_> {
    /// Registers an endpoint. If two match a call, the first one serves it.
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
