//! What is set beside a function's configuration: tags, reserved concurrency, and the account's limits.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::error::Error;
use super::parse;
use super::store::{Name, Store};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

/// The quota of an established account, and what must stay unreserved of it (AWS-FACTS C6).
pub(super) const ACCOUNT_CONCURRENCY: u32 = 1000;
const LEAST_UNRESERVED: u32 = 100;

pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    let legal = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count())
            && value.chars().count() <= 256
            && !key.to_ascii_lowercase().starts_with("aws:")
    };
    if tags.len() > 50 || !tags.iter().all(legal) {
        return Err(Error::invalid("Invalid tags: at most 50, keys of 1 to 128 characters not starting with aws:"));
    }
    Ok(())
}

pub(super) fn list_tags(store: &Store, name: &Name) -> Result<Answer, Error> {
    Ok(answer::json(StatusCode::OK, &json!({ "Tags": store.function(name)?.tags })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagResource {
    tags: BTreeMap<String, String>,
}

pub(super) fn tag(store: &mut Store, call: &Call, name: &Name) -> Result<Answer, Error> {
    let input: TagResource = parse(call)?;
    let function = store.function_mut(name)?;
    let mut tags = function.tags.clone();
    tags.extend(input.tags);
    check_tags(&tags)?;
    function.tags = tags;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) fn untag(store: &mut Store, call: &Call, name: &Name) -> Result<Answer, Error> {
    let function = store.function_mut(name)?;
    for (_, key) in call.query.iter().filter(|(parameter, _)| parameter == "tagKeys") {
        function.tags.remove(key);
    }
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutConcurrency {
    reserved_concurrent_executions: u32,
}

pub(super) fn put_concurrency(store: &mut Store, call: &Call, name: &Name) -> Result<Answer, Error> {
    let input: PutConcurrency = parse(call)?;
    let wanted = input.reserved_concurrent_executions;
    let own = store.function(name)?.reserved_concurrency.unwrap_or_default();
    if (reserved(store) - own).saturating_add(wanted) > ACCOUNT_CONCURRENCY - LEAST_UNRESERVED {
        return Err(Error::InvalidParameter(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
             minimum value of [{LEAST_UNRESERVED}]."
        )));
    }
    store.function_mut(name)?.reserved_concurrency = Some(wanted);
    Ok(answer::json(StatusCode::OK, &json!({ "ReservedConcurrentExecutions": wanted })))
}

pub(super) fn get_concurrency(store: &Store, name: &Name) -> Result<Answer, Error> {
    let shown = match store.function(name)?.reserved_concurrency {
        Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
        None => json!({}),
    };
    Ok(answer::json(StatusCode::OK, &shown))
}

pub(super) fn delete_concurrency(store: &mut Store, name: &Name) -> Result<Answer, Error> {
    store.function_mut(name)?.reserved_concurrency = None;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

fn reserved(store: &Store) -> u32 {
    store.functions.values().filter_map(|function| function.reserved_concurrency).sum()
}

pub(super) fn account(store: &Store) -> Answer {
    let code_size: usize = store.functions.values().map(|function| function.version.code.zip.len()).sum();
    answer::json(
        StatusCode::OK,
        &json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
                "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reserved(store),
            },
            "AccountUsage": { "TotalCodeSize": code_size, "FunctionCount": store.functions.len() },
        }),
    )
}
