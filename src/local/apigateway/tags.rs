//! TagResource, UntagResource, GetTags. Only APIs and stages carry tags (AWS-FACTS B2).

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::error::Error;
use super::parse;
use super::store::Store;
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

const MOST_TAGS: usize = 50;

pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::BadRequest(format!("aws: prefixed tag key names are not allowed: {key}")));
        }
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return Err(Error::BadRequest(format!("Invalid tag: {key}")));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(Error::bad_request("A resource can have at most 50 tags"));
    }
    Ok(())
}

/// What an ARN names: `arn:aws:apigateway:{region}::/apis/{id}[/stages/{name}]`.
struct Target {
    api: String,
    stage: Option<String>,
}

impl Target {
    fn parse(arn: &str, region: &str) -> Result<Self, Error> {
        let path = arn.strip_prefix(&format!("arn:aws:apigateway:{region}::/apis/"));
        let path = path.ok_or_else(|| Error::BadRequest(format!("Invalid ARN specified in the request: {arn}")))?;
        match path.split('/').collect::<Vec<_>>()[..] {
            [api] => Ok(Self { api: api.to_owned(), stage: None }),
            [api, "stages", stage] => Ok(Self { api: api.to_owned(), stage: Some(stage.to_owned()) }),
            _ => Err(Error::BadRequest(format!("Invalid ARN specified in the request: {arn}"))),
        }
    }

    fn tags<'a>(&self, store: &'a mut Store) -> Result<&'a mut BTreeMap<String, String>, Error> {
        let api = store.api_mut(&self.api)?;
        match &self.stage {
            None => Ok(&mut api.record.tags),
            Some(name) => {
                let stage = api.stages.get_mut(name).ok_or_else(|| Error::unknown("Stage", name))?;
                Ok(&mut stage.tags)
            }
        }
    }
}

/// The API that a tag call writes to.
pub(super) fn api_of(arn: &str, region: &str) -> Option<String> {
    Target::parse(arn, region).ok().map(|target| target.api)
}

pub(super) fn get(store: &mut Store, call: &Call, arn: &str) -> Result<Answer, Error> {
    let tags = Target::parse(arn, &call.region)?.tags(store)?;
    Ok(answer::json(StatusCode::OK, &json!({ "tags": tags })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

pub(super) fn add(store: &mut Store, call: &Call, arn: &str) -> Result<Answer, Error> {
    let input: Input = parse(call)?;
    check(&input.tags)?;
    let tags = Target::parse(arn, &call.region)?.tags(store)?;
    let mut merged = tags.clone();
    merged.extend(input.tags);
    check(&merged)?;
    *tags = merged;
    Ok(answer::json(StatusCode::CREATED, &json!({})))
}

pub(super) fn remove(store: &mut Store, call: &Call, arn: &str) -> Result<Answer, Error> {
    let tags = Target::parse(arn, &call.region)?.tags(store)?;
    for (_, key) in call.query.iter().filter(|(name, _)| name == "tagKeys") {
        tags.remove(key);
    }
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
