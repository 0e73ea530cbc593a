//! What went over the wire.

/// A service of AWS that there is a stand-in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// DynamoDB: `DynamoDB_20120810` in a target, `dynamodb` in an action.
    DynamoDb,
    /// KMS: `TrentService` in a target, `kms` in an action.
    Kms,
}

impl Service {
    /// As actions of a policy begin.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Kms => "kms",
        }
    }
}

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path of its URL.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The service that `X-Amz-Target` names.
    #[must_use]
    pub fn service(&self) -> Option<Service> {
        match self.target()?.0 {
            "DynamoDB_20120810" => Some(Service::DynamoDb),
            "TrentService" => Some(Service::Kms),
            _ => None,
        }
    }

    /// The operation that `X-Amz-Target` names, without the service: `Decrypt`, `GetItem`; empty without that header.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.target().map_or("", |(_, operation)| operation)
    }

    /// `kms:Decrypt`, `dynamodb:GetItem`: the name of the operation, which most policies call the action.
    #[must_use]
    pub fn action(&self) -> String {
        let prefix = self.service().map_or("unknown", Service::prefix);
        format!("{prefix}:{}", self.operation())
    }

    /// The access key id of the signature, which tells one identity of a test from another.
    #[must_use]
    pub fn access_key(&self) -> Option<&str> {
        self.credential(0)
    }

    /// The region of the signature.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.credential(2)
    }

    /// The members of the body; `Null` when it is no JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn target(&self) -> Option<(&str, &str)> {
        self.header("x-amz-target")?.rsplit_once('.')
    }

    /// "Authorization header", Signature Version 4: `Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
    fn credential(&self, part: usize) -> Option<&str> {
        let (_, credential) = self.header("authorization")?.split_once("Credential=")?;
        credential.split(',').next()?.split('/').nth(part)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer of the AWS JSON protocols.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    /// An error of the AWS JSON protocols: `__type` and `message`.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "__type": code, "message": message }))
    }

    /// A bare status with a body that is no JSON, as proxies and load balancers answer.
    #[must_use]
    pub fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: b"<html>not for programs</html>".to_vec() }
    }
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// What was answered, also when the answer was lost; `None` when there was none.
    pub response: Option<Response>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request { path: "/".to_owned(), headers, body: Vec::new() }
    }

    #[test]
    fn requests_name_their_action_their_signer_and_their_region() {
        let signature =
            "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260102/eu-central-1/kms/aws4_request, SignedHeaders=host";
        let decrypt = request(&[("x-amz-target", "TrentService.Decrypt"), ("authorization", signature)]);
        assert_eq!((decrypt.service(), decrypt.operation()), (Some(Service::Kms), "Decrypt"));
        assert_eq!(decrypt.action(), "kms:Decrypt");
        assert_eq!((decrypt.access_key(), decrypt.region()), (Some("AKIDTEST"), Some("eu-central-1")));
        let get = request(&[("x-amz-target", "DynamoDB_20120810.GetItem")]);
        assert_eq!((get.service(), &*get.action()), (Some(Service::DynamoDb), "dynamodb:GetItem"));
        assert_eq!((get.access_key(), get.region()), (None, None));
        let other = request(&[("x-amz-target", "Other.Thing")]);
        assert_eq!((other.service(), other.operation()), (None, "Thing"));
        assert_eq!((request(&[]).service(), request(&[]).operation()), (None, ""));
    }
}
