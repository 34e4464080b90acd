//! The little of JSON that the vectors need: written in one fixed way, so that the file can be compared.

use std::fmt::Write;

pub(crate) enum Json {
    Number(i128),
    Text(String),
    Truth(bool),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn number(value: impl Into<i128>) -> Json {
        Json::Number(value.into())
    }

    pub(crate) fn text(value: impl Into<String>) -> Json {
        Json::Text(value.into())
    }

    pub(crate) fn hex(bytes: &[u8]) -> Json {
        Json::Text(hex(bytes))
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Json::Number(value) => write!(out, "{value}").expect("a String takes all"),
            Json::Truth(value) => write!(out, "{value}").expect("a String takes all"),
            Json::Text(text) => {
                let plain = |c: char| c != '"' && c != '\\' && !c.is_control();
                assert!(text.chars().all(plain), "no vector needs an escape: {text:?}");
                write!(out, "\"{text}\"").expect("a String takes all");
            }
            Json::List(items) => {
                let entries: Vec<_> = items.iter().map(|item| (None, item)).collect();
                write_entries(out, depth, ['[', ']'], &entries);
            }
            Json::Object(entries) => {
                let entries: Vec<_> = entries.iter().map(|(name, value)| (Some(*name), value)).collect();
                write_entries(out, depth, ['{', '}'], &entries);
            }
        }
    }
}

fn write_entries(
    out: &mut String,
    depth: usize,
    [open, close]: [char; 2],
    entries: &[(Option<&str>, &Json)],
) {
    out.push(open);
    for (index, (name, value)) in entries.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth + 1));
        if let Some(name) = name {
            write!(out, "\"{name}\": ").expect("a String takes all");
        }
        value.write(out, depth + 1);
    }
    if !entries.is_empty() {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
    out.push(close);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
