//! XML as S3, IAM and STS write it.

use std::fmt::Display;

use quick_xml::escape::escape;

/// `<name>value</name>`, the value escaped.
pub(crate) fn text(name: &str, value: impl Display) -> String {
    element(name, &escape(value.to_string()))
}

/// `<name>value</name>` where there is a value, else nothing.
pub(crate) fn optional(name: &str, value: Option<impl Display>) -> String {
    value.map(|value| text(name, value)).unwrap_or_default()
}

/// `<name>content</name>`, the content being XML already.
pub(crate) fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// One `<name>…</name>` per item.
pub(crate) fn list<T>(name: &str, items: impl IntoIterator<Item = T>, content: impl Fn(T) -> String) -> String {
    items.into_iter().map(|item| element(name, &content(item))).collect()
}
