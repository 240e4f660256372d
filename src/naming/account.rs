//! URLs that are the account's or the region's, not a stack's.

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
