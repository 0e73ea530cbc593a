//! The documents say what is there: the bytes they show are the bytes of the vectors, and the files and tests they
//! name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the examples lie in the workspace")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// Every file below a folder with an ending, without what is built.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(root(), ".md", &mut found);
    assert!(found.len() >= 8, "{found:?}");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

/// What stands between backticks within a line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn hex_of_base64(value: &Value) -> String {
    hex::encode(STANDARD.decode(value.as_str().expect("text")).expect("base64"))
}

#[test]
fn the_format_document_shows_the_vectors() {
    let shown: String = read("docs/format.md").split_whitespace().collect();
    let parse = |path: &str| -> Value { serde_json::from_str(&read(path)).expect(path) };
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut expected = Vec::new();

    let records = parse("backend-memory/tests/vectors/records.json");
    expected.push(text(&records["master_key"]));
    for record in records["records"].as_array().expect("an array") {
        expected.push(text(&record["record"]));
    }
    expected.extend(["context", "aad", "wrap", "document_key"].map(|field| text(&records["records"][0][field])));
    let wraps = parse("backend-memory/tests/vectors/wraps.json");
    expected.extend(["record", "wraps"].map(|field| text(&wraps[field])));
    expected.extend(wraps["master_keys"].as_object().expect("an object").values().map(text));
    let tenant = parse("secret-store-core/tests/vectors/tenant.json");
    expected.extend(["master_key", "active", "owned", "destroyed_tenant"].map(|field| text(&tenant[field])));
    expected.extend(
        ["versions", "secrets"]
            .iter()
            .flat_map(|list| tenant[list].as_array().expect("an array"))
            .map(|it| text(&it["record"])),
    );
    expected.extend(["key", "context", "wrapped"].map(|field| text(&tenant["versions"][1][field])));
    expected.extend(["document_key", "context", "wrap"].map(|field| text(&tenant["secrets"][1][field])));
    let blind = parse("secret-store-core/tests/vectors/blind_names.json");
    expected.extend(["key", "id", "names_key", "records_key", "master_key"].map(|field| text(&blind[field])));
    expected.extend(blind["hashes"].as_array().expect("an array").iter().skip(5).map(|it| text(&it["hash"])));
    expected.extend(["content", "sealed"].map(|field| text(&blind["records"][0][field])));
    expected.extend(["document_key", "context", "wrap"].map(|field| text(&blind["secrets"][0][field])));
    expected.push(text(&blind["records"][7]["sealed"]));
    let value = &parse("secret-store-core/tests/vectors/format1.json")["vectors"][0];
    expected.extend(["document_key", "nonce", "aad", "plaintext", "value"].map(|field| text(&value[field])));
    let wrap = &parse("backend-rsa-file/tests/vectors/sr1.json")["wraps"][0];
    expected.extend(["document_key", "wrapped"].map(|field| hex_of_base64(&wrap[field])));
    let written = parse("backend-rsa-file/tests/vectors/written.json");
    let segment = written["wraps"].as_array().expect("an array").iter().find(|wrap| wrap["kind"] == "legacy");
    let segment = segment.expect("a segment of format 0");
    expected.extend(["document_key", "wrapped"].map(|field| hex_of_base64(&segment[field])));
    let audit = parse("secret-store-core/tests/vectors/audit.json");
    expected.extend([&audit["key"], &audit["key_id"], &audit["entries"][1]["bytes"], &audit["bare_head"]].map(text));
    let line = read("backend-rsa-file/tests/vectors/audit.jsonl");
    expected.push(line.lines().nth(2).expect("a line").split_whitespace().collect());

    let rotation = parse("secret-store-core/tests/vectors/rotation.json");
    expected.extend(rotation.as_object().expect("an object").values().filter_map(|kept| kept.get("record")).map(text));
    let items = parse("backend-dynamo/tests/vectors/items.json");
    for item in [1, 3].map(|number: usize| &items["items"][number]) {
        expected.extend([text(&item["revision"]), item["item"].to_string()]);
    }
    expected.push(read("transport/tests/vectors/key-record.hex").split_whitespace().collect());
    let sealed = parse("transport/tests/vectors/sealed.json");
    let messages = ["submission-hpke-nonce", "submission-hpke-expected-version", "request-hpke", "bundle-hpke"];
    expected.extend(messages.map(|message| text(&sealed[message])));
    let credential = &parse("transport/tests/vectors/credentials.json")["credentials"][0];
    expected.extend(["key", "stored_key", "verify_key", "credential"].map(|field| text(&credential[field])));

    let channel = parse("transport/tests/vectors/channel.json");
    let fields =
        ["stored_key", "server_public", "client_ephemeral", "server_ephemeral", "hello", "answer", "handshake"];
    expected.extend(fields.map(|field| text(&channel[field])));
    expected.extend(["request", "response"].map(|field| text(&channel[field])));
    expected.push(parse("transport/tests/vectors/thirdweb.json")["request"].to_string());

    for bytes in expected {
        assert!(bytes.len() >= 14 && shown.contains(&bytes), "docs/format.md does not show {bytes}");
    }
}

#[test]
fn files_that_documents_name_exist() {
    for (document, text) in documents() {
        let folder = document.parent().expect("a file lies in a folder");
        for path in quoted(&text).filter(|path| [".rs", ".json", ".md"].iter().any(|end| path.ends_with(end))) {
            // Templates and the file names of a data directory are no files of the project.
            if path.contains('/') && !path.contains(['<', '+']) && path != "journal/commit.json" {
                assert!(root().join(path).exists() || folder.join(path).exists(), "{document:?} names {path}");
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(folder.join(target).exists(), "{document:?} links to {target}");
            }
        }
    }
}

/// A name of three words and more is that of a test or a function: somewhere in the code it stands.
#[test]
fn tests_that_documents_name_exist() {
    let mut sources = Vec::new();
    files(root(), ".rs", &mut sources);
    let mut words = BTreeSet::new();
    for path in sources.iter().filter(|path| !path.ends_with("tests/documents.rs")) {
        let source = fs::read_to_string(path).expect("text");
        let of_source = source.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.extend(of_source.filter(|word| word.contains('_')).map(str::to_owned));
    }
    for (document, text) in documents() {
        for word in quoted(&text) {
            let snake =
                word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
            if snake && word.matches('_').count() >= 2 {
                assert!(words.contains(word), "{document:?} names {word}, which no code has");
            }
        }
    }
}
