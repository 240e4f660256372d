//! One account and region, and from the names of what is found there back to the stack that it would belong to. Only its tag tells
//! whether it does.

use super::{AccountId, Names, PREFIX, Partition, Reach, Region, RolePath, StackName, StageName};

#[derive(Clone, Debug)]
pub(crate) struct Territory {
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) reach: Reach,
}

impl Territory {
    /// Where a stack is.
    pub(crate) fn of(names: &Names) -> Self {
        let Names { partition, account, region, reach, .. } = names.clone();
        Self { partition, account, region, reach }
    }

    /// The names of a stack here, as they are unless it was given another stage or path.
    pub(crate) fn names(&self, stack: StackName) -> Names {
        Names {
            stack,
            stage: StageName::default(),
            partition: self.partition.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            reach: self.reach.clone(),
            role_path: RolePath::default(),
            existing_bucket: None,
        }
    }

    /// How the names of all stacks' buckets begin.
    pub(crate) fn bucket_prefix() -> &'static str {
        PREFIX
    }

    pub(crate) fn log_group_prefix() -> String {
        format!("/aws/lambda/{PREFIX}")
    }

    /// A hash over account and region ends a bucket's name: what carries another one is nobody's here.
    pub(crate) fn stack_of_bucket(&self, name: &str) -> Option<StackName> {
        let (stack, _) = name.strip_prefix(PREFIX)?.rsplit_once('-')?;
        let stack: StackName = stack.parse().ok()?;
        (self.names(stack.clone()).bucket() == name).then_some(stack)
    }

    pub(crate) fn stack_of_role(&self, name: &str) -> Option<StackName> {
        name.strip_prefix(PREFIX)?.strip_suffix(self.region.as_str())?.strip_suffix('-')?.parse().ok()
    }

    pub(crate) fn stack_of_function(name: &str) -> Option<StackName> {
        name.strip_prefix(PREFIX)?.parse().ok()
    }

    pub(crate) fn stack_of_log_group(name: &str) -> Option<StackName> {
        name.strip_prefix(&Self::log_group_prefix())?.parse().ok()
    }

    /// The same account elsewhere.
    pub(crate) fn in_region(&self, region: Region) -> Self {
        Self { region, ..self.clone() }
    }

    /// The region that a role's name ends with: three parts, but for the partitions whose regions have four.
    pub(crate) fn region_of_role(&self, name: &str) -> Option<Region> {
        let parts = if ["aws", "aws-cn"].contains(&self.partition.as_str()) { 3 } else { 4 };
        let start = name.rmatch_indices('-').nth(parts - 1)?.0 + 1;
        let here = self.in_region(Region(name[start..].to_owned()));
        here.stack_of_role(name).filter(|stack| here.names(stack.clone()).region_of_role(name).is_some())?;
        Some(here.region)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn territory(region: &str) -> Territory {
        Territory {
            partition: Partition::of_region(region),
            account: AccountId("123456789012".into()),
            region: Region(region.into()),
            reach: Reach::Aws,
        }
    }

    proptest! {
        #[test]
        fn every_name_leads_back_to_its_stack(
            stack in "[a-z]([a-z0-9]|-[a-z0-9]){0,13}",
            region in prop::sample::select(vec!["us-east-1", "ap-northeast-1", "us-gov-west-1", "cn-north-1"]),
        ) {
            let stack: StackName = stack.parse().unwrap();
            let here = territory(region);
            let names = here.names(stack.clone());
            prop_assert_eq!(here.stack_of_bucket(&names.bucket()), Some(stack.clone()));
            prop_assert_eq!(here.stack_of_role(&names.role()), Some(stack.clone()));
            prop_assert_eq!(Territory::stack_of_function(&names.function()), Some(stack.clone()));
            prop_assert_eq!(Territory::stack_of_log_group(&names.log_group()), Some(stack));
            prop_assert_eq!(here.region_of_role(&names.role()), Some(here.region.clone()));
            prop_assert!(names.bucket().starts_with(Territory::bucket_prefix()));
        }

        #[test]
        fn any_name_is_a_stacks_or_nobodys(name in prop_oneof![".*", "webrtc-aws-[a-z0-9-]{0,40}"]) {
            let here = territory("us-east-1");
            if let Some(stack) = here.stack_of_bucket(&name) {
                prop_assert_eq!(here.names(stack).bucket(), name.clone());
            }
            if let Some(stack) = here.stack_of_role(&name) {
                prop_assert_eq!(here.names(stack).role(), name.clone());
            }
            here.region_of_role(&name);
        }
    }

    #[test]
    fn a_bucket_of_another_account_or_region_is_nobodys_here() {
        let name = territory("us-east-1").names("demo".parse().unwrap()).bucket();
        assert_eq!(territory("eu-west-1").stack_of_bucket(&name), None);
        assert_eq!(territory("us-east-1").stack_of_role("webrtc-aws-demo-eu-west-1"), None);
    }
}
