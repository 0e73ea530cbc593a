//! The entry points of the fuzz targets, on inputs near to good ones; the targets themselves go on from here.

use proptest::prelude::*;
use secret_store_rsa_file::fuzzing::{file_name, journal, record_file};

const RECORD: &str =
    include_str!("../vectors/layout-1/records/+^your^app.e^production.records/+^database^password.json");
const JOURNAL: &str = include_str!("../vectors/layout-1-journal/journal/commit.json");

fn changed(good: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (0..good.len(), 0..8_usize, proptest::collection::vec(any::<u8>(), 0..4));
    proptest::collection::vec(edit, 0..4).prop_map(move |edits| {
        let mut bytes = good.as_bytes().to_vec();
        for (at, length, new) in edits {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, new);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn records_have_one_form(bytes in prop_oneof![changed(RECORD), proptest::collection::vec(any::<u8>(), 0..64)]) {
        record_file(&bytes);
    }

    #[test]
    fn journals_have_one_form(bytes in prop_oneof![changed(JOURNAL), proptest::collection::vec(any::<u8>(), 0..64)]) {
        journal(&bytes);
    }

    #[test]
    fn names_have_one_form(bytes in prop_oneof!["[+%.=^{a-f0-9A-Z]{0,12}(\\.json)?".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..64)]) {
        file_name(&bytes);
    }
}
