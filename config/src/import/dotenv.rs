//! The lines of a `.env` file.
//!
//! No crate in use: those that read such files substitute variables of the environment of the process, also into passwords that have a `$`
//! by chance, and hand out strings that nobody wipes.

use secret_store_core::{Error, Result, SecretName, SecretValue};
use zeroize::Zeroizing;

use super::entries::Entries;

pub(super) fn parse(text: &str) -> Result<Entries> {
    let (mut entries, mut lines) = (Entries::default(), Lines { rest: text, line: 1 });
    while !lines.rest.is_empty() {
        lines.skip_blanks();
        if lines.skip_line_end()? {
            continue;
        }
        let line = lines.line;
        let (name, value) = lines.entry()?;
        let name = SecretName::new(name).map_err(|error| error_at(line, &error.to_string()))?;
        entries.push(name, value).map_err(|error| at(line, error))?;
    }
    Ok(entries)
}

struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Skips a comment and the end of the line, if nothing else is left of it.
    fn skip_line_end(&mut self) -> Result<bool> {
        if self.rest.starts_with('#') {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            let (comment, rest) = self.rest.split_at(end);
            // All that follows would be a part of the comment.
            if comment.strip_suffix('\r').unwrap_or(comment).contains('\r') {
                return self.fault("a comment with a CR in it: let lines end with LF or CRLF");
            }
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return Ok(true);
        }
        let rest = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'));
        let Some(rest) = rest else { return Ok(false) };
        self.rest = rest;
        self.line += 1;
        Ok(true)
    }

    fn fault<T>(&self, what: &str) -> Result<T> {
        Err(error_at(self.line, what))
    }

    fn entry(&mut self) -> Result<(&'a str, SecretValue)> {
        let name = self.name()?;
        self.skip_blanks();
        let Some(rest) = self.rest.strip_prefix('=') else {
            return self.fault("a name without `=` behind it: write `NAME=value`");
        };
        self.rest = rest;
        self.skip_blanks();
        let is_commented = rest.len() != self.rest.len() && self.rest.starts_with('#');
        let value = match self.rest.chars().next() {
            Some('\'') => self.single_quoted()?,
            Some('"') => self.double_quoted()?,
            Some('#') if is_commented => SecretValue::from(""),
            _ => self.unquoted()?,
        };
        let behind = self.rest;
        self.skip_blanks();
        // A `#` right behind a value is a part of it for some readers.
        if (behind.starts_with('#') && !is_commented) || !self.skip_line_end()? {
            return self
                .fault("something behind the value: put all of it in one pair of quotes, or a space before `#`");
        }
        Ok((name, value))
    }

    fn name(&mut self) -> Result<&'a str> {
        let name = self.word()?;
        if name == "export" && self.rest.starts_with([' ', '\t']) {
            self.skip_blanks();
            if !self.rest.starts_with('=') {
                return self.word();
            }
        }
        Ok(name)
    }

    fn word(&mut self) -> Result<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return self.fault("no name of letters, digits, `_`, `.` and `-` that begins with a letter or `_`");
        }
        self.rest = rest;
        Ok(name)
    }

    fn unquoted(&mut self) -> Result<SecretValue> {
        let end = self.rest.find(['\n', ' ', '\t']).unwrap_or(self.rest.len());
        let (line, _) = self.rest.split_at(end);
        // Of a line end of two characters.
        let value = if self.rest[end..].starts_with('\n') { line.strip_suffix('\r').unwrap_or(line) } else { line };
        let is_special =
            |c: char| matches!(c, '\'' | '"' | '`' | '\\' | '$' | '#') || c.is_control() || c.is_whitespace();
        if value.contains(is_special) {
            let what = "a quote, backslash, `$`, `#`, white space or control character in a value without quotes";
            return self.fault(&format!("{what}: put the value in single quotes"));
        }
        self.rest = &self.rest[value.len()..];
        Ok(SecretValue::from(value))
    }

    fn single_quoted(&mut self) -> Result<SecretValue> {
        let inside = &self.rest[1..];
        let Some(end) = inside.find('\'') else {
            return self.fault("a single quote that is not closed");
        };
        let value = &inside[..end];
        self.rest = &inside[end + 1..];
        self.line += line_ends(value);
        Ok(SecretValue::from(value))
    }

    fn double_quoted(&mut self) -> Result<SecretValue> {
        let inside = &self.rest[1..];
        let Some(end) = closing_quote(inside) else {
            return self.fault("a double quote that is not closed");
        };
        let quoted = &inside[..end];
        // No longer than what it is made from, so that it is never moved.
        let mut value = Zeroizing::new(Vec::with_capacity(quoted.len()));
        let mut rest = quoted;
        while let Some(at) = rest.find(['\\', '$', '`']) {
            value.extend_from_slice(&rest.as_bytes()[..at]);
            let escape = &rest[at..];
            let taken = match unescaped(escape) {
                Ok((byte, taken)) => {
                    value.push(byte);
                    taken
                }
                Err(what) => {
                    let before = &quoted[..quoted.len() - escape.len()];
                    return Err(error_at(self.line + line_ends(before), what));
                }
            };
            rest = &escape[taken..];
        }
        value.extend_from_slice(rest.as_bytes());
        self.rest = &inside[end + 1..];
        self.line += line_ends(quoted);
        Ok(SecretValue::new(std::mem::take(&mut *value)))
    }
}

/// Where a double quote stands that no backslash escapes.
fn closing_quote(inside: &str) -> Option<usize> {
    let mut is_escaped = false;
    inside.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })
}

/// What a backslash, a `$` or a backquote at the beginning stands for, and how many bytes it takes.
fn unescaped(escape: &str) -> std::result::Result<(u8, usize), &'static str> {
    let next = escape.as_bytes().get(1).copied();
    if escape.starts_with('$') {
        // A shell's own variables have one character (POSIX.1-2017, 2.5.2).
        let is_variable = next.is_some_and(|next| next.is_ascii_alphanumeric() || b"_{(@*#?-$!".contains(&next));
        return if is_variable {
            Err("a `$` that other readers take for a variable: write `\\$`, or put the value in single quotes")
        } else {
            Ok((b'$', 1))
        };
    }
    if escape.starts_with('`') {
        return Err("a backquote that a shell takes for a command: write \\`, or put the value in single quotes");
    }
    let byte = match next {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(same @ (b'\\' | b'"' | b'$' | b'`')) => same,
        _ => return Err("an escape that is none of \\n \\r \\t \\\\ \\\" \\$ \\`: write `\\\\` for a backslash"),
    };
    Ok((byte, 2))
}

fn line_ends(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn error_at(line: usize, what: &str) -> Error {
    Error::invalid_input(format!("line {line}: {what}"))
}

/// The same error with its line, where it is about what stands there.
fn at(line: usize, error: Error) -> Error {
    match error.kind() {
        secret_store_core::ErrorKind::InvalidInput => error_at(line, &error.to_string()),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
