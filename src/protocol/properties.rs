//! Java's `.properties` syntax, as `java.util.Properties.load` reads it: `server.properties`,
//! `meta.properties`.
//!
//! Why not a crate: java-properties 2 reads Windows-1252 for ISO-8859-1, takes `\u` in a comment for an
//! error and loses a last line that ends in a backslash; tests/java/config.rs holds this against Java.

use std::collections::BTreeMap;

/// A file's bytes are ISO-8859-1, whatever they look like.
pub fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Reads keys and values; of a key that stands twice, the last counts. A value keeps its trailing blanks.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for (number, line) in logical_lines(text) {
        let (key, value) = split(&line);
        let plain = |text| unescape(text).map_err(|what| format!("line {number}: {what}"));
        found.insert(plain(key)?, plain(value)?);
    }
    Ok(found)
}

/// A value as [`parse`] and Java read it back: in ASCII, on one line, with the blank it may begin with.
pub fn escape(value: &str) -> String {
    let escape = |(at, char): (usize, char)| match char {
        '\\' => r"\\".to_owned(),
        ' ' if at == 0 => r"\ ".to_owned(),
        ' '..='~' => char.to_string(),
        other => {
            let mut units = [0; 2];
            let units = other.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        }
    };
    value.char_indices().map(escape).collect()
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// Lines without comments, each joined with those that its last backslash asks for, and the number of
/// its first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut lines, mut joined) = (Vec::new(), None::<(usize, String)>);
    for (index, natural) in text.split('\n').enumerate() {
        let line = natural.trim_start_matches(is_blank);
        let begun = joined.take().filter(|(_, begun)| !begun.is_empty());
        if begun.is_none() && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let (number, mut whole) = begun.unwrap_or((index + 1, String::new()));
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let goes_on = backslashes % 2 == 1;
        whole.push_str(&line[..line.len() - usize::from(goes_on)]);
        match goes_on {
            true => joined = Some((number, whole)),
            false => lines.push((number, whole)),
        }
    }
    lines.extend(joined);
    lines
}

/// A key ends at the first `=`, `:` or blank without a backslash before it.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|letter| {
        let ends = !escaped && (is_blank(letter) || matches!(letter, '=' | ':'));
        escaped = letter == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    // Java's characters have 16 bits: a rare one is written as two escapes.
    let mut units = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\\' => match letters.next() {
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    units.push(hexadecimal(&digits).ok_or("Malformed \\uxxxx encoding.")?);
                    continue;
                }
                Some('t') => '\t',
                Some('r') => '\r',
                Some('n') => '\n',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => continue,
            },
            letter => letter,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}

fn hexadecimal(digits: &str) -> Option<u16> {
    let all = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}
