//! What is the account's or the region's, not a stack's.

use super::{Names, Partition, Reach, Region};

impl Names {
    /// Where S3 Control tells whether the account forbids public access.
    pub(crate) fn account_access_url(&self) -> String {
        let base = match &self.reach {
            Reach::Aws => {
                format!("https://{}.s3-control.{}.{}", self.account, self.region, self.partition.dns_suffix())
            }
            Reach::Endpoint { url, .. } => url.as_str().trim_end_matches('/').to_owned(),
        };
        format!("{base}/v20180820/configuration/publicAccessBlock")
    }
}

impl Region {
    /// Where STS answers everybody, if only with a refusal.
    pub(crate) fn sts_url(&self) -> String {
        format!("https://sts.{self}.{}", Partition::of_region(self.as_str()).dns_suffix())
    }
}

/// Whose policies count for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// A user or a role.
    Named(String),
    Root,
    Unknown,
}

impl Principal {
    /// By the ARN with which somebody calls.
    pub(crate) fn of(caller: &str) -> Self {
        let parts: Vec<&str> = caller.splitn(6, ':').collect();
        let ["arn", partition, service, _, account, resource] = parts[..] else { return Self::Unknown };
        match (service, resource.split('/').collect::<Vec<_>>().as_slice()) {
            ("iam", ["root"]) => Self::Root,
            ("iam", ["user", ..]) => Self::Named(caller.to_owned()),
            // A role of single sign-on lies under a path that a session does not tell; others seldom do.
            ("sts", ["assumed-role", role, _]) if !role.starts_with("AWSReservedSSO_") => {
                Self::Named(format!("arn:{partition}:iam::{account}:role/{role}"))
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_a_user_a_role_root_or_nobody_that_iam_knows() {
        let named = |caller: &str| match Principal::of(caller) {
            Principal::Named(arn) => Some(arn),
            _ => None,
        };
        let user = "arn:aws:iam::123456789012:user/team/me";
        assert_eq!(named(user).as_deref(), Some(user));
        let session = "arn:aws-cn:sts::123456789012:assumed-role/deploy/session";
        assert_eq!(named(session).as_deref(), Some("arn:aws-cn:iam::123456789012:role/deploy"));
        assert_eq!(Principal::of("arn:aws:iam::123456789012:root"), Principal::Root);
        for other in [
            "",
            "arn:aws:sts::123456789012:federated-user/me",
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123/me",
        ] {
            assert_eq!(Principal::of(other), Principal::Unknown, "{other}");
        }
    }

    #[test]
    fn urls_have_the_suffix_of_their_partition() {
        assert_eq!(Region("eu-west-1".into()).sts_url(), "https://sts.eu-west-1.amazonaws.com");
        assert_eq!(Region("cn-north-1".into()).sts_url(), "https://sts.cn-north-1.amazonaws.com.cn");
    }
}
