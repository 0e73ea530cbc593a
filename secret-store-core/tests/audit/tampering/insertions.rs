//! Entries of the attacker's own, between the others or instead of them all.

use std::sync::Arc;

use secret_store_core::audit::{AuditKey, FaultKind, Verifier};

use super::{ENTRIES, Target, disguises, report};
use crate::support::{Fields, bytes, key, three_writers};

#[test]
fn forged_entries_inserted_everywhere() {
    let target = Target::new();
    let mut attacks = 0;
    for at in 0..=ENTRIES {
        let model = &target.bytes[at.min(ENTRIES - 1)];
        let genuine = &target.log[at.min(ENTRIES - 1)];
        let mut forgeries = vec![Vec::new(), b"nothing like an entry".to_vec(), vec![0; 400]];
        for (writer, sequence) in
            [(None, None), (None, Some(1_000_000)), (Some([0x77; 16]), Some(1)), (Some([0; 16]), None)]
        {
            let mut forged = model.clone();
            let fields = Fields::of(&forged);
            if let Some(writer) = writer {
                forged[fields.range("writer")].copy_from_slice(&writer);
                forged[fields.range("previous")].fill(0);
            }
            if let Some(sequence) = sequence {
                forged[fields.range("sequence")].copy_from_slice(&u64::to_be_bytes(sequence));
                if genuine.operation() == genuine.sequence() {
                    forged[fields.range("operation")].copy_from_slice(&u64::to_be_bytes(sequence));
                }
            }
            forged[fields.range("actor")].fill(b'm');
            forgeries.extend(disguises(&forged, genuine).into_iter().map(|(_, forged)| forged));
        }
        for forged in forgeries {
            let fault = target.first_fault(at, std::iter::once(&forged).chain(&target.bytes[at..])).expect("detected");
            assert_eq!(fault.index, at as u64, "{fault}");
            attacks += 1;
        }
    }
    report("insertions", attacks);
}

/// A whole log of the attacker's own in the place of the true one, however well it fits together.
#[test]
fn another_log_in_its_place() {
    let target = Target::new();
    let own_key = Arc::new(AuditKey::from_bytes(&[0x66; 32]));
    for key in [None, Some(own_key)] {
        let other = bytes(&three_writers(ENTRIES, key.as_ref()));
        let fault = target.first_fault(0, &other).expect("detected");
        assert_eq!((fault.index, fault.kind), (0, FaultKind::NotAuthentic));
    }
    // Authentic, of the same key, but of another deployment.
    let mut verifier = Verifier::new().with_key(key()).with_environment("staging");
    verifier.push(&target.bytes[0]);
    assert_eq!(verifier.faults()[0].kind, FaultKind::Misplaced);
    let other = secret_store_core::ApplicationName::new("Another").expect("valid");
    let mut verifier = Verifier::new().with_key(key()).with_application(other);
    verifier.push(&target.bytes[0]);
    assert_eq!(verifier.faults()[0].kind, FaultKind::Misplaced);
}
