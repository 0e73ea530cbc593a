use super::*;
use secret_store_core::ErrorKind;

fn read(text: &str) -> Vec<(String, String)> {
    let entries = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    entries.iter().map(|(name, value)| (name.as_str().to_owned(), value.text().expect("text").to_owned())).collect()
}

fn value(text: &str) -> String {
    let mut entries = read(text);
    assert_eq!(entries.len(), 1, "{text:?}");
    entries.remove(0).1
}

#[track_caller]
fn refused(text: &str, line: usize) -> String {
    let error = parse(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
    let shown = error.to_string();
    assert!(shown.contains(&format!("line {line}: ")), "{text:?}: {shown}");
    assert!(!format!("{shown}{error:?}").contains("canary"), "{shown}");
    shown
}

#[test]
fn lines_are_entries_comments_or_nothing() {
    let file = "\n# a comment = no entry\n   # another\nA=1\n\t B = 2 \r\n\r\nexport C=3\nexport\tD=4 # why\nE=\nF= # nothing\n_g.h-i=5";
    let expected = [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"), ("E", ""), ("F", ""), ("_g.h-i", "5")];
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(read(file), expected);
    assert!(read("").is_empty() && read("\n\n").is_empty() && read("# only").is_empty() && read("  \t").is_empty());
    assert_eq!(read("export=1")[0].0, "export");
    assert_eq!(read("export =1")[0].0, "export");
}

#[test]
fn values_are_as_they_are_quoted() {
    for (text, expected) in [
        ("A=plain", "plain"),
        ("A=a=b=c", "a=b=c"),
        ("A=päss", "päss"),
        ("A=!%&/()?{}[]+*~<>|;:,.-_^", "!%&/()?{}[]+*~<>|;:,.-_^"),
        ("A='$a \\n \"x\" `y` #z'", "$a \\n \"x\" `y` #z"),
        ("A=''", ""),
        ("A='one\ntwo\r\nthree'", "one\ntwo\r\nthree"),
        ("A=\"one\ntwo\"", "one\ntwo"),
        (r#"A="\n\r\t\\\"\$\`""#, "\n\r\t\\\"$`"),
        (r#"A="'#'""#, "'#'"),
        (r#"A="a$""#, "a$"),
        (r#"A="a$ b$.$/""#, "a$ b$.$/"),
        (r#"A="\\""#, "\\"),
        (r#"A="""#, ""),
        ("A=\"x\" # y", "x"),
        ("A='x'\t#y", "x"),
        ("A=x\t# y", "x"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
        assert_eq!(value(&format!("{text}\r\n")), expected, "{text:?} with a line end");
    }
}

/// What readers of such files understand differently, or not at all.
#[test]
fn what_is_not_clear_is_refused_with_its_line() {
    for text in [
        "canary",
        "export canary",
        "=canary",
        "1A=canary",
        "A B=canary",
        "Ä=canary",
        "A:canary",
        "-A=canary",
        "A=canary hunter",
        "A=canary'hunter",
        "A=canary\"hunter\"",
        "A=canary\\hunter",
        "A=canary\\",
        "A=$canary",
        "A=canary$",
        "A=`canary`",
        "A=canary#hunter",
        "A=#canary",
        "A=canary\rB=1",
        "A=canary\u{0}",
        "A=canary\u{a0}hunter",
        "A='canary",
        "A=\"canary",
        "A=\"canary\\\"",
        "A='canary''hunter'",
        "A='canary'\"hunter\"",
        "A='canary'hunter",
        "A='canary'#hunter",
        "A=\"canary\" hunter",
        "A=\"$canary\"",
        "A=\"${canary}\"",
        "A=\"$(canary)\"",
        "A=\"$1canary\"",
        "A=\"canary$$\"",
        "A=\"canary$$hunter\"",
        "A=\"$@canary\"",
        "A=\"$*canary\"",
        "A=\"$#canary\"",
        "A=\"$?canary\"",
        "A=\"$-canary\"",
        "A=\"$!canary\"",
        "A=\"`canary`\"",
        "# one\rA=canary",
        "A=1 # one\rB=canary",
        "# one\r\r\nA=canary",
        "A=\"canary\\x\"",
        "A=\"canary\\u0041\"",
        "A=\"canary\\\nhunter\"",
    ] {
        refused(text, 1);
        refused(&format!("# one\nB=2\n\n{text}"), 4);
        refused(&format!("B='2\n\n'\n{text}"), 4);
    }
    assert!(refused("A=1\nB=2\nA=3", 3).contains("`A` is there twice"));
    assert!(refused("A=\"x\ny\nz$canary\"", 3).contains('$'), "the line of the variable, not of the entry");
    assert!(refused(&format!("{}=1", "n".repeat(901)), 1).contains("900"));
}
