//! Secrets on their way in and out.

use std::fmt::Write as _;
use std::path::Path;

use secret_store_benches::TRANSPORT_SIZES;
use serde_json::Value;

use crate::{IMPLEMENTATIONS, Outcome, json};

/// Group, ours, and the primitives that it is compared with.
const ROWS: [(&str, &str, &str); 9] = [
    ("sealed to X25519", "seal", "bare seal"),
    ("sealed to X25519", "open", "bare open"),
    ("sealed to RSA-3072", "seal", "bare seal"),
    ("sealed to RSA-3072", "open", "bare open"),
    ("credential", "seal", "bare seal and sign"),
    ("credential", "open", "bare verify and open"),
    ("channel", "seal request", "bare seal"),
    ("channel", "open request", "bare open"),
    ("channel", "round trip", "bare round trip"),
];

/// What a server does with credentials that are submitted.
const INGESTION: [&str; 3] = ["bare verify", "verify", "ingest"];

const INTRODUCTION: &str = "
## Transport

By `secret-store-transport`, in nanoseconds, beside the primitives that each is made of; they take turns in one process. `bare seal` and
`bare open` are the cipher alone, as above.

* `sealed to X25519`: HPKE. Beside two multiplications on the curve and the cipher. HPKE stays with RustCrypto's cipher, and wipes 32 KiB
  of stack after each use: with aws-lc, it is compared with a cipher that it does not use.
* `sealed to RSA-3072`: RSA-OAEP and the cipher. Beside the same of `aws-lc-rs`. It opens on another thread, so as not to hold up an
  executor.
* `credential`: a key is derived, the cipher and Ed25519 (RFC 8032) seal and sign. Beside the cipher and Ed25519, which reads a message
  twice to sign and once to verify.
* `channel`: a request is sealed, a request is opened; or both, and a response. Requests are numbered, expire, and are refused when they
  come again.
* `agreement`: both ends of a channel, without a network. Beside the six multiplications on the curve.
* `verify` is what a server does that takes credentials and can open none; `ingest` stores them too, in memory.
";

pub(crate) fn section(target: &Path, page: &mut String) -> Outcome<()> {
    page.push_str(INTRODUCTION);
    for (implementation, _) in IMPLEMENTATIONS {
        let found = json(&target.join(format!("transport/{implementation}.json")))?;
        writeln!(page, "\n### {implementation} in transport\n")?;
        ratios(&found, page)?;
        rates(&found, page)?;
    }
    Ok(())
}

fn ratios(found: &Value, page: &mut String) -> Outcome<()> {
    writeln!(page, "| | against | 256 B | 64 KiB |\n|---|---|---|---|")?;
    for (group, ours, bare) in ROWS {
        write!(page, "| {group}: {ours} | {bare} |")?;
        for bytes in TRANSPORT_SIZES {
            let (ours, bare) = (time(found, group, ours, bytes)?, time(found, group, bare, bytes)?);
            write!(page, " {ours:.0} / {bare:.0} ({:.2}) |", ours / bare)?;
        }
        writeln!(page)?;
    }
    let [bytes, _] = TRANSPORT_SIZES;
    let (both, bare) = (time(found, "agreement", "both ends", bytes)?, time(found, "agreement", "bare", bytes)?);
    Ok(writeln!(page, "| channel: agreement | bare | {both:.0} / {bare:.0} ({:.2}) | |", both / bare)?)
}

fn rates(found: &Value, page: &mut String) -> Outcome<()> {
    writeln!(page, "\n| credentials a second, on one thread | 256 B | 64 KiB |\n|---|---|---|")?;
    for name in INGESTION {
        write!(page, "| {name} |")?;
        for bytes in TRANSPORT_SIZES {
            let (one, bare) = (time(found, "ingest", name, bytes)?, time(found, "ingest", "bare verify", bytes)?);
            write!(page, " {:.0} ({:.2}) |", 1e9 / one, one / bare)?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn time(found: &Value, group: &str, name: &str, bytes: usize) -> Outcome<f64> {
    let time = found[group][name][bytes.to_string()].as_f64();
    time.ok_or_else(|| format!("no measurement of {group}, {name} at {bytes} bytes: run without --report").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every measurement that the section asks for, each of a time of its own.
    fn found() -> Value {
        let mut found = Value::Null;
        let both = [("agreement", "both ends"), ("agreement", "bare")];
        let rows = ROWS.iter().flat_map(|(group, ours, bare)| [(*group, *ours), (*group, *bare)]);
        let names = rows.chain(both).chain(INGESTION.map(|name| ("ingest", name)));
        for (place, (group, name)) in names.enumerate() {
            for bytes in TRANSPORT_SIZES {
                found[group][name][bytes.to_string()] = (100.0 * (place + 1) as f64).into();
            }
        }
        found
    }

    #[test]
    fn times_are_put_beside_their_primitives_and_what_is_missing_is_named() {
        let (mut found, mut page) = (found(), String::new());
        found["agreement"]["both ends"]["256"] = 300.0.into();
        found["agreement"]["bare"]["256"] = 200.0.into();
        found["ingest"]["bare verify"]["65536"] = 1000.0.into();
        found["ingest"]["ingest"]["65536"] = 2000.0.into();
        ratios(&found, &mut page).expect("all there");
        rates(&found, &mut page).expect("all there");
        assert!(page.contains("| channel: agreement | bare | 300 / 200 (1.50) | |"), "{page}");
        assert!(
            page.lines().any(|line| line.starts_with("| ingest |") && line.ends_with(" 500000 (2.00) |")),
            "{page}"
        );
        found["credential"]["seal"] = Value::Null;
        let missing = ratios(&found, &mut page).expect_err("nothing to show");
        assert!(missing.to_string().contains("credential, seal at 256"), "{missing}");
    }
}
