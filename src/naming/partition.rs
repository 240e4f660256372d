//! The partitions of AWS.

use super::Partition;

impl Partition {
    /// The partition of a region, for those who have no credentials yet; with credentials, the caller's ARN tells it.
    pub(crate) fn of_region(region: &str) -> Self {
        const PREFIXES: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("eusc-", "aws-eusc"),
            ("us-isob-", "aws-iso-b"),
            ("us-isof-", "aws-iso-f"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-iso-", "aws-iso"),
        ];
        let known = PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
        Self(known.map_or("aws", |(_, partition)| partition).to_owned())
    }

    /// The DNS suffix of the partition's public endpoints.
    pub(crate) fn dns_suffix(&self) -> &'static str {
        match self.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            _ => "amazonaws.com",
        }
    }
}
