//! Messages as editors frame them: `Content-Length: n`, an empty line, `n` bytes of JSON.
//!
//! Whatever comes, reading goes on behind it: what is too long or no message is told as such, and
//! the next header is looked for.

use std::io::{self, BufRead, Read, Write};

use serde_json::Value;

/// Longest message that is read, in bytes: the longest file, with room for JSON's escapes.
const MESSAGE_MAX: u64 = 32 * 1024 * 1024;
/// Longest piece of a header that is looked at, in bytes.
const LINE_MAX: u64 = 1024;
/// The one header that matters, in small letters.
const LENGTH: &str = "content-length:";

/// What came in.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// JSON, whatever it says.
    Message(Value),
    /// Bytes that are no message, and why.
    Nonsense(String),
}

/// The next message; `None` at the end of the pipe.
pub fn read(from: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let Some(length) = header(from)? else { return Ok(None) };
    let length = match length {
        Ok(length) => length,
        Err(why) => return Ok(Some(Incoming::Nonsense(why))),
    };
    if length > MESSAGE_MAX {
        let skipped = io::copy(&mut from.take(length), &mut io::sink())?;
        let say = format!("a message of {length} bytes; at most {MESSAGE_MAX} are read");
        return Ok((skipped == length).then_some(Incoming::Nonsense(say)));
    }
    // Grows with what really comes, not with what is promised.
    let mut text = Vec::new();
    let came = from.take(length).read_to_end(&mut text)?;
    if (came as u64) < length {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice(&text) {
        Ok(message) => Incoming::Message(message),
        Err(error) => Incoming::Nonsense(format!("a message that is no JSON: {error}")),
    }))
}

/// The length that a header tells, or why it tells none; `None` at the end of the pipe.
fn header(from: &mut impl BufRead) -> io::Result<Option<Result<u64, String>>> {
    let (mut length, mut lines) = (None, 0_u64);
    loop {
        let mut line = Vec::new();
        if from.take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line).to_ascii_lowercase();
        // Behind what was no message, the name need not stand at the start of its line.
        if let Some(at) = line.rfind(LENGTH) {
            length = line.get(at + LENGTH.len()..).and_then(|rest| rest.trim().parse().ok());
        }
        match (line.trim().is_empty(), length) {
            (true, Some(length)) => return Ok(Some(Ok(length))),
            (true, None) if lines > 0 => {
                return Ok(Some(Err("a header without a usable `Content-Length`".to_owned())));
            }
            (true, None) => {}
            (false, _) => lines += 1,
        }
    }
}

/// Sends one message.
pub fn write(to: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    to.flush()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn framed(text: &str) -> Vec<u8> {
        format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
    }

    fn all(mut bytes: &[u8]) -> Vec<Incoming> {
        std::iter::from_fn(|| read(&mut bytes).unwrap()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let message = json!({"method": "x", "params": {"text": "für 🦀"}});
        write(&mut bytes, &message).unwrap();
        write(&mut bytes, &json!([])).unwrap();
        let (first, second) = (Incoming::Message(message), Incoming::Message(json!([])));
        assert_eq!(all(&bytes), [first, second]);
    }

    #[test]
    fn other_headers_and_other_letters_are_taken() {
        let head = "CONTENT-LENGTH: 2\r\nContent-Type: application/vscode-jsonrpc\r\n\r\n{}";
        assert_eq!(all(head.as_bytes()), [Incoming::Message(json!({}))]);
    }

    #[test]
    fn behind_every_kind_of_nonsense_the_next_message_is_read() {
        let long = vec![b' '; usize::try_from(MESSAGE_MAX).unwrap() + 1];
        let oversized = [format!("Content-Length: {}\r\n\r\n", long.len()).into_bytes(), long];
        let deep = framed(&"[".repeat(100_000));
        let kinds: [&[u8]; 7] = [
            b"hello\r\n\r\n",
            b"Content-Length: many\r\n\r\n",
            b"Content-Length: -1\r\n\r\n",
            b"Content-Length: 3\r\n\r\n{]}",
            b"Content-Length: 2\r\n\r\n\xff\xff",
            &oversized.concat(),
            &deep,
        ];
        for bytes in kinds {
            let found = all(&[bytes, &framed("{}")].concat());
            let [Incoming::Nonsense(why), Incoming::Message(_)] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert!(!why.is_empty());
        }
        // Bytes that end no line hide nothing either, however many.
        let unframed = [vec![b'x'; 5000], framed("{}")].concat();
        assert_eq!(all(&unframed), [Incoming::Message(json!({}))]);
    }

    /// A promise of more than there is memory for must cost no memory.
    #[test]
    fn a_message_that_is_cut_off_is_the_end() {
        assert_eq!(all(b"Content-Length: 30\r\n\r\n{}"), []);
        assert_eq!(all(b"Content-Length: 18446744073709551615\r\n\r\n{}"), []);
        assert_eq!(all(b"Content-Le"), []);
    }
}
