use super::*;
use secret_store_core::ErrorKind;

fn read(text: &str) -> Vec<(String, String)> {
    let entries = parse(text, "__").unwrap_or_else(|error| panic!("{text:?}: {error}"));
    entries.iter().map(|(name, value)| (name.as_str().to_owned(), value.text().expect("text").to_owned())).collect()
}

#[track_caller]
fn refused(text: &str, part: &str) {
    let error = parse(text, "__").expect_err(text);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
    let shown = error.to_string();
    assert!(shown.contains(part), "{text:?}: {shown}");
    assert!(!format!("{shown}{error:?}").contains("canary"), "{shown}");
}

#[test]
fn members_are_entries_by_their_paths() {
    let file = r#" {
        "Port": 8080, "Ratio": 1.50e3, "On": true, "Off": false, "Empty": "",
        "Db": {"Host": "db", "Pool": {"Size": -1}}, "Hosts": ["a", {"b": null}], "n\u0061me": "x"
    } "#;
    let expected = [
        ("Port", "8080"),
        ("Ratio", "1.50e3"),
        ("On", "true"),
        ("Off", "false"),
        ("Empty", ""),
        ("Db__Host", "db"),
        ("Db__Pool__Size", "-1"),
        ("Hosts", r#"["a", {"b": null}]"#),
        ("name", "x"),
    ];
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(read(file), expected);
    assert!(read("{}").is_empty());
    let dotted = parse(r#"{"a": {"b": 1}}"#, ".").expect("valid");
    assert_eq!(dotted.names().next().map(|name| name.as_str().to_owned()), Some("a.b".to_owned()));
}

#[test]
fn texts_are_unescaped() {
    for (text, expected) in [
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0041\u00e9\u20AC\u0000""#, "Aé€\0"),
        (r#""\ud83d\ude00!""#, "😀!"),
        (r#""a\\nb""#, "a\\nb"),
        ("\"ä😀\"", "ä😀"),
        (r#""\\""#, "\\"),
    ] {
        assert_eq!(read(&format!("{{\"a\": {text}}}"))[0].1, expected, "{text}");
        let other: String = serde_json::from_str(text).expect("JSON");
        assert_eq!(other, expected, "as another parser reads it");
    }
    for text in [r#""\ud83d""#, r#""\ud83dcanary""#, r#""\ude00\ud83d""#, r#""\ud83d\u0041""#, r#""\ud83d\n""#] {
        refused(&format!("{{\"a\": {text}}}"), "`a` has half a surrogate pair");
    }
}

#[test]
fn what_is_no_object_of_values_is_refused() {
    for (text, part) in [
        ("", "line 1, column 0: not JSON"),
        ("{\n\"a\": canary}", "line 2, column 6: not JSON"),
        (r#"{"a": "canary"#, "not JSON"),
        (r#"{"a": "canary",}"#, "not JSON"),
        (r#"{"a": "canary"} x"#, "not JSON"),
        (r#"{"a": "canary\x"}"#, "not JSON"),
        (r#"{"a": 01}"#, "not JSON"),
        (r#"{a: "canary"}"#, "not JSON"),
        ("{\"a\": \"canary\n\"}", "not JSON"),
        (r#"["canary"]"#, "no JSON object"),
        (r#""canary""#, "no JSON object"),
        ("7", "no JSON object"),
        (r#"{"a": null}"#, "`a` is null"),
        (r#"{"a": {"b": null}}"#, "`a__b` is null"),
        (r#"{"a": {}}"#, "`a` is an empty object"),
        (r#"{"a": "canary", "a": "canary"}"#, "`a` is there twice"),
        (r#"{"a": "canary", "\u0061": "canary"}"#, "`a` is there twice"),
        (r#"{"a": {"b": "canary", "b": 1}}"#, "`a__b` is there twice"),
        (r#"{"a": {"b": "canary"}, "a__b": 1}"#, "`a__b` is there twice"),
        (r#"{"a_": {"b": "canary"}}"#, "`a___b` would not be parted there again"),
        (r#"{"a": {"_b": {"c": "canary"}, "": "canary"}}"#, "`a__` would not be parted there again"),
        (r#"{"": {"b": "canary"}}"#, "`__b` would not be parted there again"),
        (r#"{"a__": {"b": "canary"}}"#, "`a____b` would not be parted there again"),
        (r#"{"": "canary"}"#, "`` is no name"),
        (r#"{"a\n": "canary"}"#, r"`a\n` is no name"),
        (r#"{"~a": "canary"}"#, "`~a` is no name"),
    ] {
        refused(text, part);
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert_eq!(read(&nested(16))[0].0, ["a"; 16].join("__"));
    refused(&nested(17), "nested more than 16 deep");
    // Not even with a stack of its own.
    let deep = nested(100_000);
    assert!(parse(&deep, "__").is_err());
}
