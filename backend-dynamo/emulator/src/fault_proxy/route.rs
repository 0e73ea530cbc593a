//! Which stand-in a request is for.

use std::net::SocketAddr;

use crate::exchange::{Request, Service};

/// Where requests go.
#[derive(Debug)]
pub(super) enum Route {
    /// All to one server.
    One(SocketAddr),
    /// By service and, for KMS, by region.
    Account { dynamodb: SocketAddr, kms: Vec<(String, SocketAddr)> },
}

impl Route {
    /// `None` where nobody is responsible.
    pub(super) fn target(&self, request: &Request) -> Option<SocketAddr> {
        match (self, request.service()) {
            (Self::One(target), _) => Some(*target),
            (Self::Account { dynamodb, .. }, Some(Service::DynamoDb)) => Some(*dynamodb),
            (Self::Account { kms, .. }, Some(Service::Kms)) => {
                let region = request.region()?;
                kms.iter().find(|(name, _)| name == region).map(|(_, target)| *target)
            }
            (Self::Account { .. }, None) => None,
        }
    }
}
