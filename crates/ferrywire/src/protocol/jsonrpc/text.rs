//! JSON's texts: what is passed over, what an escape stands for, and how a text is written.

use std::borrow::Cow;

use super::scan::is_space;

/// How many bytes from the front of a text are just themselves.
#[inline]
pub(super) fn plain_len(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let special = special_of(u64::from_le_bytes(*word));
        if special != 0 {
            return 8 * at + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    8 * words.len() + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// Of eight bytes at once those that are not just themselves: the lowest bit that is set is the highest of the first such.
#[inline]
fn special_of(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // A byte below `than`, which is at most 0x80, borrows from its highest bit. What is behind it may be wrong.
    let below = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & (ONES * 0x80)
}

/// What is between the quotes of a text, if `value` is one.
pub(super) fn content(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// What stands between the quotes of a text, as the text that it is. Of a pair of which one half is missing, U+FFFD
/// takes the place, as in Go; what is not UTF-8 stays as it is.
pub(super) fn unescaped(content: &[u8]) -> Cow<'_, [u8]> {
    if !content.contains(&b'\\') {
        return Cow::Borrowed(content);
    }
    let (mut text, mut rest) = (Vec::with_capacity(content.len()), content);
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        text.extend_from_slice(plain);
        rest = put_escaped(&mut text, escape);
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

/// Appends what the escape at the front stands for; what is behind it.
fn put_escaped<'t>(text: &mut Vec<u8>, escape: &'t [u8]) -> &'t [u8] {
    let behind = |len: usize| escape.get(len..).unwrap_or_default();
    let letter = match escape.get(1) {
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => {
            let (unit, mut rest) = (unit(escape), behind(6));
            let low = unit_behind(rest);
            let letter = match (unit, low) {
                (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                    rest = behind(12);
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                }
                (unit, _) => unit.and_then(char::from_u32),
            };
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return rest;
        }
        Some(letter) => *letter,
        None => return &[],
    };
    text.push(letter);
    behind(2)
}

/// The code unit of `\uXXXX`.
fn unit(escape: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(escape.get(2..6)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

fn unit_behind(rest: &[u8]) -> Option<u32> {
    if rest.starts_with(b"\\u") { unit(rest) } else { None }
}

/// A value without the space between its parts.
pub(super) fn compacted(value: &[u8]) -> Vec<u8> {
    let (mut is_text, mut is_escaped) = (false, false);
    let is_kept = |byte: &u8| {
        match (is_text, *byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => is_text = !is_text,
            _ => {}
        }
        is_text || !is_space(*byte)
    };
    value.iter().copied().filter(is_kept).collect()
}

/// Appends a text with its quotes. What is not UTF-8 is written as U+FFFD, as Go does.
pub(super) fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        put_valid(out, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn put_valid(out: &mut Vec<u8>, mut text: &[u8]) {
    loop {
        let (plain, rest) = text.split_at(plain_len(text));
        out.extend_from_slice(plain);
        let Some((&letter, behind)) = rest.split_first() else {
            return;
        };
        text = behind;
        match letter {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', letter]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            letter => out.extend_from_slice(format!("\\u{letter:04x}").as_bytes()),
        }
    }
}

/// Appends a number.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        (number, len) = (number / 10, len + 1);
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - len..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "",
            "plain",
            "<&>\u{2028}é\u{1}\0\"\\\n\r\t\u{7f}",
            "🦀 and much more than a chunk of plain letters",
        ] {
            let mut out = Vec::new();
            put(&mut out, text.as_bytes());

            assert_eq!(unescaped(content(&out).unwrap()), text.as_bytes());
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn escapes_are_read_as_go_reads_them() {
        for (written, text) in [
            (&br"\u003c\u0026\u003E"[..], "<&>"),
            (br"\ud83e\udd80", "🦀"),
            (br"\ud83ex\udd80", "\u{fffd}x\u{fffd}"),
            (br"\ud83e\u0041\/\b\f", "\u{fffd}A/\u{8}\u{c}"),
        ] {
            assert_eq!(unescaped(written), text.as_bytes());
        }
    }

    #[test]
    fn what_is_not_utf_8_is_written_as_its_replacement() {
        let mut out = Vec::new();
        put(&mut out, b"bad \xff text");

        assert_eq!(out, "\"bad \u{fffd} text\"".as_bytes());
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 1234567890, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);

            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_letter_is_special_or_not_whatever_its_neighbours_are() {
        for letter in 0..=255 {
            let is_special = letter == b'"' || letter == b'\\' || letter < 0x20;
            for neighbour in [b'x', 0x20, 0x21, 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                for at in 0..16 {
                    let mut text = [neighbour; 17];
                    text[at] = letter;
                    assert_eq!(plain_len(&text), if is_special { at } else { 17 }, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_special_letter_is_found_wherever_it_is() {
        for len in 0..100 {
            let mut text = vec![b'x'; len];
            assert_eq!(plain_len(&text), len);
            text.extend_from_slice(b"\"rest\\");
            assert_eq!(plain_len(&text), len);
        }
    }
}
