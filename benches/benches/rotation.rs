//! A tenant's key is rotated over many secrets, against the unwrapping and wrapping alone.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use secret_store_benches::rotation::{Rotating, SECRETS};
use secret_store_benches::{IMPLEMENTATION, first_version, secret_id, store_id};
use secret_store_core::{EncryptionContext, KeyEncryptionKey};

fn rotation(criterion: &mut Criterion) {
    let name = format!("{IMPLEMENTATION} rotation");
    let mut group = criterion.benchmark_group(&name);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(10);
    let context = EncryptionContext::document_key(&store_id(), &secret_id(), first_version());
    let keys = [(); 2].map(|()| KeyEncryptionKey::generate().expect("random bytes"));
    let (_, wrapped) = keys[0].generate_key(&context).expect("random bytes");
    group.bench_function(BenchmarkId::new("bare", 1), |bencher| {
        bencher.iter(|| {
            let key = keys[0].unwrap(black_box(&wrapped), &context).expect("opens");
            keys[1].wrap(&key, &context).expect("wraps")
        });
    });
    for secrets in SECRETS {
        let mut rotating = Rotating::new(secrets);
        group.bench_function(BenchmarkId::new("rotate", secrets), |bencher| bencher.iter(|| rotating.rotate()));
    }
    group.finish();
    for secrets in SECRETS {
        let mut rotating = Rotating::new(secrets);
        let peak = allocation_counter::measure(|| rotating.rotate()).bytes_max;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a workspace");
        let folder = root.join("target/criterion").join(&name);
        std::fs::create_dir_all(&folder).expect("a folder to write to");
        std::fs::write(folder.join(format!("peak-{secrets}")), peak.to_string()).expect("written");
    }
}

criterion_group!(benches, rotation);
criterion_main!(benches);
