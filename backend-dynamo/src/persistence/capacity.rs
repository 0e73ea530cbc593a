//! Consumed capacity, told to whoever traces.

use aws_sdk_dynamodb::types::ConsumedCapacity;

pub(super) fn report(operation: &'static str, consumed: Option<&ConsumedCapacity>) {
    if let Some(units) = consumed.and_then(ConsumedCapacity::capacity_units) {
        secret_store_core::observe::capacity(units);
        tracing::debug!(operation, capacity_units = units, "dynamodb capacity consumed");
    }
}

pub(super) fn report_all(operation: &'static str, consumed: &[ConsumedCapacity]) {
    for consumed in consumed {
        report(operation, Some(consumed));
    }
}
