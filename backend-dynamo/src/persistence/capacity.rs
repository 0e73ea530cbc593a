//! Consumed capacity, told to whoever traces.

use aws_sdk_dynamodb::types::ConsumedCapacity;

pub(super) fn report(operation: &'static str, consumed: Option<&ConsumedCapacity>) {
    let Some(consumed) = consumed else { return };
    if let Some(units) = consumed.capacity_units() {
        secret_store_core::observe::capacity(units);
        let table = consumed.table_name().unwrap_or_default();
        tracing::debug!(operation, table, capacity_units = units, "dynamodb capacity consumed");
    }
}

pub(super) fn report_all(operation: &'static str, consumed: &[ConsumedCapacity]) {
    for consumed in consumed {
        report(operation, Some(consumed));
    }
}
