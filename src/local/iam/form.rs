//! The query protocol's request: a form whose lists are spelled `Tags.member.1.Key`.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use super::super::answer::AwsError;
use super::super::tags::{self, Tags};
use super::super::world::World;

/// Items by name, sorted.
pub(super) type Named<'a, T> = Vec<(&'a str, T)>;

/// The parameters of a call.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&str, AwsError> {
        self.get(name).ok_or_else(|| {
            let parameter = lower_first(name);
            validation(format!(
                "1 validation error detected: Value null at '{parameter}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A name of IAM's alphabet, `[\w+=,.@-]` (AWS-FACTS D).
    pub(super) fn name(&self, parameter: &'static str, maximum: usize) -> Result<&str, AwsError> {
        let name = self.required(parameter)?;
        let refuse = |constraint: String| {
            Err(validation(format!(
                "1 validation error detected: Value '{name}' at '{}' failed to satisfy constraint: {constraint}",
                lower_first(parameter)
            )))
        };
        if name.is_empty() || name.len() > maximum {
            return refuse(format!("Member must have length between 1 and {maximum}"));
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
            return refuse("Member must satisfy regular expression pattern: [\\w+=,.@-]+".to_owned());
        }
        Ok(name)
    }

    pub(super) fn tags(&self) -> Result<Tags, AwsError> {
        let member = |index: usize, field: &str| self.get(&format!("Tags.member.{index}.{field}")).map(str::to_owned);
        let pairs = (1..).map_while(|index| Some((member(index, "Key")?, member(index, "Value").unwrap_or_default())));
        let tags = tags::collect(pairs).map_err(invalid_tags)?;
        // IAM compares keys without regard to case.
        let keys: BTreeSet<String> = tags.keys().map(|key| key.to_lowercase()).collect();
        if keys.len() < tags.len() {
            return Err(invalid_tags(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".to_owned(),
            ));
        }
        Ok(tags)
    }

    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        (1..).map_while(move |index: usize| self.get(&format!("{name}.member.{index}")))
    }

    /// The part of a sorted list that `Marker` and `MaxItems` ask for, with the elements that tell of the rest.
    pub(super) fn page<'a, T>(&self, world: &World, items: Named<'a, T>) -> Result<(Named<'a, T>, String), AwsError> {
        let maximum = match self.get("MaxItems").map(str::parse) {
            None => 100,
            Some(Ok(number @ 1..=1000)) => number,
            Some(_) => return Err(validation("MaxItems must be a number from 1 to 1000.".to_owned())),
        };
        // IAM may give fewer than asked for.
        let maximum = world.options.manners.page(maximum);
        let start = self.get("Marker").unwrap_or_default();
        let mut page: Vec<_> = items.into_iter().filter(|(name, _)| *name >= start).collect();
        let rest = match page.get(maximum) {
            Some((next, _)) => format!("<IsTruncated>true</IsTruncated><Marker>{next}</Marker>"),
            None => "<IsTruncated>false</IsTruncated>".to_owned(),
        };
        page.truncate(maximum);
        Ok((page, rest))
    }
}

pub(super) fn validation(message: String) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, "ValidationError", message)
}

pub(super) fn invalid_tags(message: String) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, "InvalidInput", message)
}

fn lower_first(name: &str) -> String {
    let (first, rest) = name.split_at_checked(1).unwrap_or((name, ""));
    first.to_ascii_lowercase() + rest
}
