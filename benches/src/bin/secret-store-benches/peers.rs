//! Other libraries beside this one.

use std::fmt::Write as _;
use std::path::Path;

use secret_store_benches::SIZES;

use crate::{IMPLEMENTATIONS, Outcome, json};

/// Ours, theirs, and the aims with `aws-lc`: size and ratio.
type Row = (&'static str, &'static str, &'static [(usize, f64)]);

const ROWS: [Row; 17] = [
    ("get", "asherah decrypt", &[(1024, 0.75)]),
    ("get", "asherah read and decrypt", &[]),
    ("get, no key cache", "asherah decrypt", &[]),
    ("get, no key cache", "tink envelope decrypt", &[]),
    ("envelope open", "tink decrypt", &[]),
    ("envelope open", "bare open", &[(256, 1.25), (1024, 1.2), (4096, 1.2), (65536, 1.2)]),
    ("envelope open", "aws-lc-rs open", &[]),
    ("envelope open", "ring open", &[]),
    ("protect", "asherah encrypt", &[]),
    ("put", "asherah encrypt and keep", &[]),
    ("protect", "tink envelope encrypt", &[]),
    ("protect", "floor of a write", &[(32, 1.2), (256, 1.2), (1024, 1.2), (4096, 1.2), (65536, 1.2)]),
    ("floor of a write", "random draw", &[]),
    ("envelope seal", "tink encrypt", &[]),
    ("envelope seal", "bare seal", &[]),
    ("envelope seal", "aws-lc-rs seal", &[]),
    ("envelope seal", "ring seal", &[]),
];

const INTRODUCTION: &str = "
## Beside other libraries

This library / the other, in nanoseconds, and the ratio: below 1, this library is faster. All take turns in one process, and what comes
out is dropped within the time, so that wiping it is counted.

* `get`: through `Arc<dyn SecretStore>` from the memory backend; the document key is cached, or unwrapped with each read (`no key cache`).
  `envelope`, `protect`, `put`, `floor of a write`, `bare`: as below.
* `asherah` 1.0 (over `ring`): memory metastore, static KMS, the session at hand and its keys cached. It decrypts a record that is in
  the caller's hand; `read and decrypt` takes it from memory first, and `encrypt and keep` puts it there, as `get` and `put` do.
* `tink-aead` 0.3 (over `aes-gcm` 0.10): a keyset of one AES-256-GCM key; `envelope` makes and unwraps a data key for each value under a
  local one.
* `aws-lc-rs` and `ring`: AES-256-GCM in place with the key ready. Opening copies the ciphertext in first.
* `random draw`: 56 bytes from the operating system, as `floor of a write` and `protect` draw them.

A write of `asherah` is not the same work. It draws key and nonces from a generator in the process, which is cheap and repeats itself
after a fork or in a cloned virtual machine; `protect` asks the operating system. It authenticates no context, so that a record swapped
with another of the same partition goes unnoticed; `protect` binds store, application, name, version and metadata. It commits to no key.
And `protect` reads what is stored, to give the next version.

The aims, with aws-lc: `get` at 1 KiB takes 0.75 times what `asherah` takes to decrypt; `envelope open` and `protect` as below.

`envelopers` 0.8 is not measured: its licence lets others build its source to verify it, and names no other purpose for that.
";

pub(crate) fn section(target: &Path, page: &mut String) -> Outcome<()> {
    page.push_str(INTRODUCTION);
    for (implementation, _) in IMPLEMENTATIONS {
        let found = json(&target.join(format!("peers/{implementation}.json")))?;
        let time = |name: &str, bytes: usize| {
            let time = found[name][bytes.to_string()].as_f64();
            time.ok_or_else(|| format!("no measurement of {name} at {bytes} bytes: run without --report"))
        };
        writeln!(page, "\n### {implementation} beside them\n")?;
        writeln!(page, "| ours | the other | 32 B | 256 B | 1 KiB | 4 KiB | 64 KiB |\n|---|---|---|---|---|---|---|")?;
        for (ours, theirs, aims) in ROWS {
            write!(page, "| {ours} | {theirs} |")?;
            for bytes in SIZES {
                let (mine, other) = (time(ours, bytes)?, time(theirs, bytes)?);
                let ratio = mine / other;
                let aim = aims.iter().find(|(size, _)| *size == bytes && implementation == "aws-lc");
                let mark = if aim.is_some_and(|(_, aim)| ratio > *aim) { "**" } else { "" };
                write!(page, " {mine:.0} / {other:.0} {mark}({ratio:.2}){mark} |")?;
            }
            writeln!(page)?;
        }
    }
    Ok(())
}
