//! Canonical JSON, for fingerprints of requests, cache keys and digests.
//!
//! Like RFC 8785: keys sorted by UTF-16 code units, no white space, the shortest escapes. Unlike
//! it, numbers stand as `serde_json` prints them, so `1` and `1.0` stay two values; that is the
//! careful side for an idempotency key. It hashes nothing and keeps nothing.

use serde_json::Value;

/// The canonical text of a value: equal values give equal bytes.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (key, item)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::canonical;

    #[test]
    fn order_and_white_space_do_not_matter() {
        let a: serde_json::Value =
            serde_json::from_str(r#"{ "b": [1, {"z":1,"a":2}], "a": null }"#).unwrap_or_default();
        assert_eq!(canonical(&a), r#"{"a":null,"b":[1,{"a":2,"z":1}]}"#);
    }

    #[test]
    fn keys_are_sorted_as_rfc_8785_sorts_them() {
        // The RFC's own example: U+1F600 sorts before U+FB33 by UTF-16, after it by code point.
        let value = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5});
        assert_eq!(
            canonical(&value),
            "{\"\\r\":2,\"1\":4,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn a_whole_number_and_a_decimal_one_stay_apart() {
        assert_ne!(canonical(&json!(1)), canonical(&json!(1.0)));
        assert_eq!(canonical(&json!(0.1)), "0.1");
    }
}
