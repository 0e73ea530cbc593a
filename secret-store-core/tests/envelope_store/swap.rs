//! Authentic ciphertext in the wrong place: nothing is accepted wherever the format floor is 1.

mod formats;
mod matrix;
mod purposes;

use secret_store_core::Record;

fn graft(into: &Record, from: &Record, attributes: &[&'static str]) -> Record {
    let mut record = into.clone();
    for attribute in attributes {
        match from.get(attribute) {
            Some(value) => record.set(*attribute, value.clone()),
            None => drop(record.remove(attribute)),
        }
    }
    record
}
