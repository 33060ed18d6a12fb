//! Ways to spoil a file: byte by byte, word by word, and block by block.

use super::random::Random;

/// Longest file that is made.
const BYTES_MAX: usize = 128 * 1024;

/// Words that mean something to one of the readers, and values at the borders of types.
const WORDS: &[&str] = &[
    "when",
    "unless",
    "then",
    "rules",
    "checks",
    "tools",
    "on",
    "fallback",
    "otherwise",
    "escalate",
    "reject",
    "repair",
    "retry",
    "next_model",
    "accept",
    "wait",
    "values",
    "data",
    "confidence",
    "include",
    "input",
    "output",
    "message",
    "history",
    "signals",
    "checks.x.score",
    "tool.args",
    "cause.class",
    "now",
    "true",
    "false",
    "null",
    "~",
    "0",
    "-1",
    "1e999",
    "0.1",
    "NaN",
    "",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e-400",
    "2%",
    "101%",
    "$0.03",
    "$99999999999999999999",
    "4h",
    "99999999999y",
    "20k",
    "600/min",
    "has(input.x)",
    "size(",
    "exists(x, ",
    "map(x, ",
    "matches(\"",
    "(a+)+",
    "[^admin]",
    "(?i)",
    "\\p{L}",
    "{1,9999}",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "==",
    "!=",
    "<=",
    "in",
    "%",
    "/",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "\"",
    "'",
    "\\",
    "#",
    " #",
    "|",
    ">",
    "|-",
    "- ",
    "? ",
    "&a",
    "*a",
    "<<",
    "!!str",
    "---",
    "...",
    "%YAML",
    "\t",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "\u{7f}",
    "\u{2028}",
    "\u{e9}",
    "\u{1f600}",
    "\u{202e}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "{{ input.",
    "| tojson",
    "{% for x in input %}",
    "{% include \"x\" %}",
    "= input",
    "= ",
    "\"$ref\": \"#\"",
    "\"$ref\": \"#/$defs/a\"",
    "$defs",
    "\"type\": \"string\"",
    "\"enum\": []",
    "\"const\": null",
    "\"pattern\": \"(\"",
    "\"maxItems\": 0",
    "\"allOf\": [",
    "\"anyOf\": [",
    "\"oneOf\": [",
    "\"not\": {}",
    "\"items\": [{}]",
    "sample(call.key, 0.5)",
];

/// `bytes`, spoilt in one to four ways; `donor` lends pieces.
pub fn mutated(bytes: &[u8], donor: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        bytes = match random.below(12) {
            0 => flipped(bytes, random),
            1 => replaced(bytes, &[], random),
            2 | 3 => with_word(bytes, random),
            4 => repeated(bytes, random),
            5 => nested(bytes, random),
            6 => with_piece(bytes, donor, random),
            7 => swapped_words(bytes, random),
            8 | 9 => moved_block(&bytes, random),
            10 => with_block(&bytes, donor, random),
            _ => number_changed(bytes, random),
        };
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

/// A start and an end of a short range.
fn range(bytes: &[u8], random: &mut Random) -> std::ops::Range<usize> {
    let start = random.below(bytes.len() + 1);
    let end = (start + random.below(24)).min(bytes.len());
    start..end
}

fn flipped(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let at = random.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
    bytes
}

fn replaced(mut bytes: Vec<u8>, by: &[u8], random: &mut Random) -> Vec<u8> {
    let range = range(&bytes, random);
    bytes.splice(range, by.iter().copied());
    bytes
}

/// A word of the file becomes one of [`WORDS`], or one is put in.
fn with_word(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let word = random.of(WORDS).as_bytes();
    let words = words_of(&bytes);
    if random.below(3) == 0 || words.is_empty() {
        let at = random.below(bytes.len() + 1);
        bytes.splice(at..at, word.iter().copied());
    } else {
        let range = random.of(&words).clone();
        bytes.splice(range, word.iter().copied());
    }
    bytes
}

/// A short range stands there many times.
fn repeated(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let range = range(&bytes, random);
    let piece = bytes.get(range.clone()).unwrap_or_default().to_vec();
    let most = 1 << random.below(10);
    let times = 1 + random.below(most);
    let many: Vec<u8> = piece.iter().copied().cycle().take(piece.len() * times).collect();
    bytes.splice(range, many);
    bytes
}

/// A word stands inside many brackets or signs.
fn nested(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let pairs = [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("{a: ", "}"),
        ("!", ""),
        ("-", ""),
        ("{\"not\": ", "}"),
        ("{\"items\": ", "}"),
        ("[0, ", "]"),
        ("x.map(y, ", ")"),
        ("true ? ", " : false"),
        ("(?:", ")*"),
        ("{% if true %}", "{% endif %}"),
        ("a.", ""),
        ("1 + ", ""),
        ("has(input.a) && ", ""),
        ("- ", ""),
        ("[a", ""),
        ("lower(", ")"),
        ("{\"anyOf\": [true, ", "]}"),
    ];
    let (open, close) = *random.of(&pairs);
    let most = 1 << random.below(12);
    let times = 1 + random.below(most);
    let words = words_of(&bytes);
    let range = if words.is_empty() { 0..0 } else { random.of(&words).clone() };
    let word = bytes.get(range.clone()).unwrap_or_default().to_vec();
    let mut deep = open.repeat(times).into_bytes();
    deep.extend(word);
    deep.extend(close.repeat(times).into_bytes());
    bytes.splice(range, deep);
    bytes
}

/// A piece of another file.
fn with_piece(bytes: Vec<u8>, donor: &[u8], random: &mut Random) -> Vec<u8> {
    let piece = range(donor, random);
    replaced(bytes, donor.get(piece).unwrap_or_default(), random)
}

fn swapped_words(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let words = words_of(&bytes);
    if words.is_empty() {
        return bytes;
    }
    let (from, to) = (random.of(&words).clone(), random.of(&words).clone());
    let word = bytes.get(from).unwrap_or_default().to_vec();
    bytes.splice(to, word);
    bytes
}

/// A number becomes a border or its neighbour.
fn number_changed(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let digits = |range: &std::ops::Range<usize>| {
        bytes.get(range.clone()).is_some_and(|word| word.iter().all(u8::is_ascii_digit))
    };
    let numbers: Vec<_> = words_of(&bytes).into_iter().filter(digits).collect();
    if numbers.is_empty() {
        return bytes;
    }
    let by = ["0", "1", "-1", "99999999999999999999", "0.5", "4294967296", "255", "1e9", "00"];
    let range = random.of(&numbers).clone();
    bytes.splice(range, random.of(&by).bytes());
    bytes
}

/// Runs of letters, digits and `_`.
fn words_of(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, byte) in bytes.iter().chain(b" ").enumerate() {
        let inside = byte.is_ascii_alphanumeric() || *byte == b'_';
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Lines and what is indented below them.
fn blocks(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let lines: Vec<Vec<u8>> =
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let depth = |line: &[u8]| line.iter().take_while(|byte| **byte == b' ').count();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let below = lines.iter().skip(at + 1).take_while(|next| depth(next) > depth(line)).count();
        found.push(lines.iter().skip(at).take(below + 1).cloned().collect());
    }
    found
}

/// A block is dropped, stands twice, or stands elsewhere, perhaps at another depth.
fn moved_block(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let blocks = blocks(bytes);
    if blocks.is_empty() {
        return bytes.to_vec();
    }
    let block = random.of(&blocks).concat();
    let at = find(bytes, &block).unwrap_or(0);
    let mut out = bytes.to_vec();
    match random.below(3) {
        0 => drop(out.splice(at..at + block.len(), [])),
        1 => drop(out.splice(at..at, block)),
        _ => {
            drop(out.splice(at..at + block.len(), []));
            return put_block(out, &block, random);
        }
    }
    out
}

/// A block of another file.
fn with_block(bytes: &[u8], donor: &[u8], random: &mut Random) -> Vec<u8> {
    let blocks = blocks(donor);
    if blocks.is_empty() {
        return bytes.to_vec();
    }
    let block = random.of(&blocks).concat();
    put_block(bytes.to_vec(), &block, random)
}

/// Puts a block before some line, often as deep as that line is.
fn put_block(mut bytes: Vec<u8>, block: &[u8], random: &mut Random) -> Vec<u8> {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    let at = *random.of(&starts);
    let spaces = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == b' ').count();
    let wanted = spaces(bytes.get(at..).unwrap_or_default());
    let block = if random.below(3) == 0 { block.to_vec() } else { shifted(block, wanted) };
    bytes.splice(at..at, block);
    bytes
}

/// The block with its first line at that depth.
fn shifted(block: &[u8], wanted: usize) -> Vec<u8> {
    let spaces = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == b' ').count();
    let own = spaces(block);
    let mut out = Vec::new();
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let depth = (spaces(line) + wanted).saturating_sub(own);
        out.extend(std::iter::repeat_n(b' ', depth));
        out.extend(line.iter().skip(spaces(line)));
    }
    out
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len().max(1)).position(|window| window == part)
}
