//! The canonical format, as far as these files make use of it ("Style Conventions", Terraform language documentation): two spaces
//! for each level, equals signs of consecutive lines aligned.

/// The same text in canonical format.
pub(super) fn formatted(text: &str) -> String {
    aligned(&indented(text))
}

/// How many brackets a line opens and does not close, without those in texts and comments.
fn opened(line: &str) -> isize {
    let (mut in_text, mut escaped, mut open) = (false, false, 0);
    for character in line.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '#' if !in_text => break,
            '(' | '[' | '{' if !in_text => open += 1,
            ')' | ']' | '}' if !in_text => open -= 1,
            _ => {}
        }
    }
    open
}

/// A line that opens several brackets is one level.
fn indented(text: &str) -> Vec<String> {
    let mut levels: Vec<isize> = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        let leading: isize = -line.chars().take_while(|first| ")]}".contains(*first)).map(|_| -1).sum::<isize>();
        let open = opened(line);
        let closes = leading > 0 && open <= 0;
        let level = levels.len() - usize::from(leading > 0);
        lines.push(if line.is_empty() { String::new() } else { format!("{}{line}", "  ".repeat(level)) });
        if open > 0 {
            levels.push(open);
        } else if open < 0 || closes {
            let mut left = -open;
            while left > 0 {
                let innermost = levels.pop().expect("an open bracket");
                left -= innermost;
            }
            assert_eq!(left, 0, "{line}");
        }
    }
    assert!(levels.is_empty(), "brackets stay open");
    lines
}

/// The column of the equals sign, of a line that is an attribute all by itself.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" = ")?;
    let name = name.trim_end();
    let is_name = !name.trim_start().contains([' ', '#']) || name.trim_start().starts_with('"');
    (is_name && opened(line) == 0).then_some((name, value.trim_start()))
}

fn aligned(lines: &[String]) -> String {
    let mut all = String::new();
    let mut start = 0;
    while start < lines.len() {
        let group = lines[start..].iter().map_while(|line| attribute(line)).collect::<Vec<_>>();
        if group.is_empty() {
            all += &lines[start];
            all.push('\n');
            start += 1;
            continue;
        }
        let width = group.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in &group {
            all += &format!("{name:width$} = {value}\n");
        }
        start += group.len();
    }
    all
}
