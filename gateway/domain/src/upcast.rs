//! Upcasting: an event of an older version is read as if it had been written today. Rows are never
//! rewritten; what they lack is put in when they are read, one version at a time.

use serde_json::Value;

/// How the body of one version of a type becomes that of the next.
#[derive(Debug, Clone, Copy)]
pub struct Upcast {
    /// The type.
    pub kind: &'static str,
    /// The version that it starts from; each from 1 on stands in the table once.
    pub from: u16,
    /// Makes the next version's body of this one's.
    pub next: fn(Value) -> Value,
}

/// Every step there is. So far every type has its first version: fields were added as optional
/// ones, and anything else became a new type.
pub const UPCASTS: &[Upcast] = &[];

/// The version in which events of that type are written, by that table.
pub fn current(table: &[Upcast], kind: &str) -> u16 {
    table.iter().filter(|step| step.kind == kind).map(|step| step.from + 1).max().unwrap_or(1)
}

/// The body as today's version has it, by that table; `None` if a newer Backstop wrote it.
pub fn lifted(table: &[Upcast], kind: &str, version: u16, body: Value) -> Option<Value> {
    let current = current(table, kind);
    if version == 0 || version > current {
        return None;
    }
    (version..current).try_fold(body, |body, from| {
        let step = table.iter().find(|step| step.kind == kind && step.from == from)?;
        Some((step.next)(body))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    const TABLE: &[Upcast] = &[
        Upcast {
            kind: "parcel_sent",
            from: 1,
            next: |mut body| {
                body["to"] = json!({ "city": body["city"].take() });
                body
            },
        },
        Upcast {
            kind: "parcel_sent",
            from: 2,
            next: |mut body| {
                body["fragile"] = false.into();
                body
            },
        },
    ];

    #[test]
    fn an_old_body_becomes_todays_step_by_step() {
        let first = lifted(TABLE, "parcel_sent", 1, json!({ "city": "Ulm" }));
        let today = json!({ "city": null, "to": { "city": "Ulm" }, "fragile": false });
        assert_eq!(first, Some(today));
        let second = lifted(TABLE, "parcel_sent", 2, json!({ "to": 1 }));
        assert_eq!(second, Some(json!({ "to": 1, "fragile": false })));
        let third = json!({ "to": 1, "fragile": true });
        assert_eq!(lifted(TABLE, "parcel_sent", 3, third.clone()), Some(third));
        assert_eq!(current(TABLE, "parcel_sent"), 3);
    }

    #[test]
    fn what_a_newer_backstop_wrote_is_not_guessed_at() {
        assert_eq!(lifted(TABLE, "parcel_sent", 4, json!({})), None);
        assert_eq!(lifted(TABLE, "parcel_sent", 0, json!({})), None);
        assert_eq!(lifted(TABLE, "parcel_lost", 2, json!({})), None);
        assert_eq!(lifted(UPCASTS, "call_ended", 1, json!({})), Some(json!({})));
    }
}
