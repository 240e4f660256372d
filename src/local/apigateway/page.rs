//! `MaxResults` and `NextToken` of every Get…s call.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::Error;
use super::to_json;
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

/// Pages hold as many items as AWS's at most, so that a caller who reads only the first page is found out.
pub(super) const LARGEST: usize = 25;

/// One page of `items`, which must come ordered by key, with `largest` of them at most.
pub(super) fn answer<'a, T: Serialize + 'a>(
    call: &Call,
    largest: usize,
    items: impl Iterator<Item = (&'a str, &'a T)>,
) -> Result<Answer, Error> {
    let size = match call.query("maxResults") {
        None => largest,
        Some(text) => match text.parse::<usize>() {
            Ok(number @ 1..) => number.min(largest),
            _ => return Err(Error::bad_request(format!("Invalid value for maxResults: {text}"))),
        },
    };
    let after = call.query("nextToken").map(decode).transpose()?;
    let mut items = items.skip_while(|(key, _)| after.as_deref().is_some_and(|after| *key <= after)).peekable();
    let mut page: Vec<Value> = Vec::new();
    let mut last = "";
    while page.len() < size
        && let Some((key, item)) = items.next()
    {
        page.push(to_json(item)?);
        last = key;
    }
    let mut body = json!({ "items": page });
    if items.peek().is_some() {
        body["nextToken"] = URL_SAFE_NO_PAD.encode(last).into();
    }
    Ok(answer::json(StatusCode::OK, &body))
}

fn decode(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Error::bad_request("Invalid next token specified"))
}
