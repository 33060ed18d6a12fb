//! Data files: JSON, CSV with typed columns and a key, lists of lines. Part of the revision.

use std::collections::BTreeMap;

use backstop_checks::expression::Type;
use serde_json::{Map, Number, Value};

use super::scopes::{kind_of, wide};
use crate::raw::DataSource;

/// A data file as read.
pub(super) struct Read {
    pub value: Value,
    pub kind: Type,
}

/// How a column is read.
#[derive(Clone, Copy)]
enum Column {
    Text,
    Int,
    Double,
    Bool,
}

/// Reads a data file.
pub(super) fn read(source: &DataSource, path: &str, text: &str) -> Result<Read, String> {
    let ending = path.rsplit('.').next().unwrap_or_default();
    let key = source.key.as_ref().map(|key| key.value.as_str());
    match ending {
        "json" => json(text, key),
        "csv" => csv(text, key),
        "txt" if key.is_some() => Err("a list of lines has no `key`".to_owned()),
        "txt" => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let value = lines.map(Value::from).collect();
            Ok(Read { value, kind: Type::list(Type::TEXT) })
        }
        _ => Err("a data file ends in `.json`, `.csv` or `.txt`".to_owned()),
    }
}

fn json(text: &str, key: Option<&str>) -> Result<Read, String> {
    let (value, _) = backstop_checks::json::read_strict(text).map_err(|fault| fault.to_string())?;
    let Some(key) = key else {
        let kind = kind_of(&value);
        return Ok(Read { value, kind });
    };
    let Value::Array(rows) = value else {
        return Err("`key` needs a list of objects".to_owned());
    };
    let named = rows.into_iter().map(|row| match row.get(key).and_then(Value::as_str) {
        Some(name) => Ok((name.to_owned(), row)),
        None => Err(format!("an entry has no text `{key}`")),
    });
    let rows = named.collect::<Result<Vec<_>, _>>()?;
    let kind = Type::map(Type::union(rows.iter().map(|(_, row)| wide(row))));
    Ok(Read { value: Value::Object(unique(rows)?), kind })
}

fn csv(text: &str, key: Option<&str>) -> Result<Read, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let columns = header.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    if let Some(key) = key.filter(|key| !columns.iter().any(|(name, _)| name == key)) {
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        return Err(format!("there is no column `{key}` among {}", names.join(", ")));
    }
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let mut row = Map::new();
        for ((name, kind), cell) in columns.iter().zip(record.iter()) {
            let value = kind.read(cell).ok_or_else(|| {
                format!("line {}: `{cell}` in column `{name}` is not {}", index + 2, kind.words())
            })?;
            row.insert(name.clone(), value);
        }
        rows.push(Value::Object(row));
    }
    let fields: BTreeMap<&str, Type> =
        columns.iter().map(|(name, kind)| (name.as_str(), kind.kind())).collect();
    let row = Type::object(fields.into_iter().map(|(name, kind)| (name, kind, true)));
    match key {
        None => Ok(Read { value: Value::Array(rows), kind: Type::list(row) }),
        Some(key) => {
            let named = rows.into_iter().map(|row| {
                let name = match row.get(key) {
                    Some(Value::String(name)) => name.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                (name, row)
            });
            Ok(Read { value: Value::Object(unique(named.collect())?), kind: Type::map(row) })
        }
    }
}

fn unique(rows: Vec<(String, Value)>) -> Result<Map<String, Value>, String> {
    let mut map = Map::new();
    for (name, row) in rows {
        if map.insert(name.clone(), row).is_some() {
            return Err(format!("the key `{name}` stands twice"));
        }
    }
    Ok(map)
}

/// Name and kind of a column: `amount:int`.
fn column(head: &str) -> Result<(String, Column), String> {
    let (name, kind) = head.split_once(':').unwrap_or((head, "text"));
    let kind = match kind.trim() {
        "text" | "string" => Column::Text,
        "int" | "integer" => Column::Int,
        "number" | "double" | "decimal" => Column::Double,
        "bool" | "boolean" => Column::Bool,
        other => {
            return Err(format!("column `{name}`: `{other}` is not text, int, number or bool"));
        }
    };
    Ok((name.trim().to_owned(), kind))
}

impl Column {
    fn read(self, cell: &str) -> Option<Value> {
        match self {
            Self::Text => Some(Value::from(cell)),
            Self::Int => cell.parse::<i64>().ok().map(Value::from),
            Self::Double => cell.parse().ok().and_then(Number::from_f64).map(Value::Number),
            Self::Bool => match cell {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
        }
    }

    const fn kind(self) -> Type {
        match self {
            Self::Text => Type::TEXT,
            Self::Int => Type::INT,
            Self::Double => Type::DOUBLE,
            Self::Bool => Type::Bool,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "a whole number",
            Self::Double => "a number",
            Self::Bool => "`true` or `false`",
        }
    }
}
