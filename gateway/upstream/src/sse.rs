//! Server-sent events, read from bytes that are already there and bounded.
//!
//! It knows the framing and nothing of what the events mean.

/// Bytes in which the last line of a finished stream fits, line ends and blanks included.
const TAIL: usize = 64;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its `data` lines, joined.
    pub data: String,
    /// Whether the blank line that ends it came: if not, the stream may have been cut inside.
    pub ended: bool,
}

/// The events of a body. Comments, names and ids are dropped; an event without data is none.
pub(crate) fn events(body: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut data: Option<String> = None;
    for line in lines(body.strip_prefix('\u{feff}').unwrap_or(body)) {
        if line.is_empty() {
            events.extend(data.take().map(|data| Event { data, ended: true }));
            continue;
        }
        let Some(value) = line.strip_prefix("data") else { continue };
        let value = match value.strip_prefix(':') {
            Some(value) => value.strip_prefix(' ').unwrap_or(value),
            None if value.is_empty() => value,
            None => continue,
        };
        match &mut data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => data = Some(value.to_owned()),
        }
    }
    events.extend(data.map(|data| Event { data, ended: false }));
    events
}

/// Whether the last line says that nothing follows. A server may keep the connection open then.
pub(crate) fn is_done(body: &[u8]) -> bool {
    // Only the end is looked at: this is asked for every piece of a body that may be huge.
    let body = body.get(body.len().saturating_sub(TAIL)..).unwrap_or(body).trim_ascii_end();
    let last = body.rsplit(|byte| *byte == b'\n' || *byte == b'\r').next().unwrap_or(body);
    last.strip_prefix(b"data:").is_some_and(|data| data.trim_ascii() == b"[DONE]")
}

/// Lines end with `\n`, `\r\n` or `\r`.
fn lines(body: &str) -> impl Iterator<Item = &str> {
    body.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}
