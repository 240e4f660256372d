//! A role that somebody else made, as people name it.

use std::fmt;
use std::str::FromStr;

use super::{AccountId, InvalidName, Partition};

/// A role's name, or its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingRole(String);

impl ExistingRole {
    /// The name, by which IAM finds it: names are unique in an account, whatever the path.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Its ARN, if that was given.
    pub(crate) fn given_arn(&self) -> Option<&str> {
        self.0.starts_with("arn:").then_some(&self.0)
    }

    /// The ARN, as far as the name tells it: that of a role with no path.
    pub(crate) fn arn_in(&self, partition: &Partition, account: &AccountId) -> String {
        self.given_arn().map_or_else(|| format!("arn:{partition}:iam::{account}:role/{}", self.0), str::to_owned)
    }

    /// The account that was given, if it cannot be this one.
    pub(crate) fn account_other_than(&self, partition: &Partition, account: &AccountId) -> Option<&str> {
        let mut parts = self.given_arn()?.split(':').skip(1);
        let (given_partition, given) = (parts.next()?, parts.nth(2)?);
        (given_partition != partition.as_str() || given != account.as_str()).then_some(given)
    }
}

impl FromStr for ExistingRole {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
            (1..=64).contains(&name.len()) && name.chars().all(legal)
        };
        // IAM takes any printable ASCII in a path; a wildcard would make patterns of policies.
        let is_path = |path: &str| path.chars().all(|c| c.is_ascii_graphic() && !"*?$\"\\".contains(c));
        let is_role = |resource: &str| match resource.strip_prefix("role/").map(|role| role.rsplit_once('/')) {
            Some(Some((path, name))) => !path.is_empty() && path.len() < 512 && is_path(path) && is_name(name),
            Some(None) => is_name(&resource["role/".len()..]),
            None => false,
        };
        let is_arn = match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "iam", "", account, role] => {
                let legal = |c: char| c.is_ascii_lowercase() || c == '-';
                !partition.is_empty()
                    && partition.chars().all(legal)
                    && account.len() == 12
                    && account.chars().all(|c| c.is_ascii_digit())
                    && is_role(role)
            }
            _ => false,
        };
        if is_arn || is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(
                "it is a role's name or its ARN, e.g. relay or arn:aws:iam::123456789012:role/team/relay".to_owned(),
            ))
        }
    }
}

impl fmt::Display for ExistingRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_its_name_or_its_arn() {
        let (partition, account) = (Partition("aws".into()), AccountId("123456789012".into()));
        let role = |text: &str| text.parse::<ExistingRole>().unwrap();
        for (text, arn) in [
            ("relay", "arn:aws:iam::123456789012:role/relay"),
            ("Team+Relay=1,2.3@4_5-6", "arn:aws:iam::123456789012:role/Team+Relay=1,2.3@4_5-6"),
            ("arn:aws:iam::123456789012:role/relay", "arn:aws:iam::123456789012:role/relay"),
            ("arn:aws:iam::123456789012:role/a/b/relay", "arn:aws:iam::123456789012:role/a/b/relay"),
        ] {
            assert_eq!(role(text).arn_in(&partition, &account), arn);
            assert!(arn.ends_with(&format!("/{}", role(text).name())));
            assert_eq!(role(text).account_other_than(&partition, &account), None);
        }
        let other = role("arn:aws:iam::210987654321:role/relay");
        assert_eq!(other.account_other_than(&partition, &account), Some("210987654321"));
        let china = role("arn:aws-cn:iam::123456789012:role/relay");
        assert_eq!(china.account_other_than(&partition, &account), Some("123456789012"));
        for bad in [
            "",
            "a/b",
            "re lay",
            "re*",
            &"x".repeat(65),
            "arn:aws:iam::1:role/relay",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role//relay",
            "arn:aws:iam::123456789012:role/te*m/relay",
            "arn:aws:iam::123456789012:user/relay",
            "arn:aws:sts::123456789012:assumed-role/relay/me",
        ] {
            assert!(bad.parse::<ExistingRole>().unwrap_err().to_string().contains("name or its ARN"), "{bad}");
        }
    }
}
