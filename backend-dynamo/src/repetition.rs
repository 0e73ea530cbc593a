//! Requests that the SDK repeats, told to whoever traces.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Reports each attempt at a request but the first. The SDK makes them in the task that waits for the answer, so that they belong to
/// its operation.
#[derive(Debug)]
struct Repetitions;

#[dyn_dispatch_hint]
impl Intercept for Repetitions {
    fn name(&self) -> &'static str {
        "secret_store_repetitions"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<RequestAttempts>().is_some_and(|made| made.attempts() > 1) {
            secret_store_core::observe::retry();
        }
        Ok(())
    }
}

/// The same client, whose repetitions are reported.
pub(crate) fn reported_dynamodb(client: &aws_sdk_dynamodb::Client) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(client.config().to_builder().interceptor(Repetitions).build())
}

/// The same client, whose repetitions are reported.
pub(crate) fn reported_kms(client: &aws_sdk_kms::Client) -> aws_sdk_kms::Client {
    aws_sdk_kms::Client::from_conf(client.config().to_builder().interceptor(Repetitions).build())
}
