//! Which stacks are to go. Pure: no call, no clock.

use jiff::Timestamp;

use super::{FoundStack, Judged};
use crate::lifetime::{Age, Expiry};

/// An `up` of a stack that has expired may be under way: it does not renew the expiry by itself.
const PERHAPS_AT_WORK: &str = "1h";

/// Whom a sweep takes. Either rule is enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Those to which nothing was done for this long.
    pub(crate) older_than: Option<Age>,
    /// Those whose time has come.
    pub(crate) expired: bool,
}

/// What is to become of a stack, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delete(String),
    Keep(String),
}

impl Rules {
    pub(crate) fn judge(&self, stack: &FoundStack, now: Timestamp) -> Verdict {
        let passed = stack.expires.and_then(|expires| expires.passed(now));
        let age = stack.age();
        let last = match (&stack.deployed, age) {
            (Some(_), Some(age)) => format!("last deployed {age} ago"),
            (None, Some(age)) => format!("its newest part is {age} old"),
            (_, None) => "its age is not known".to_owned(),
        };
        if let (Some(passed), true) = (passed, self.expired) {
            let at_work = age.is_none_or(|age| PERHAPS_AT_WORK.parse::<Age>().is_ok_and(|least| age < least));
            if !at_work {
                return Verdict::Delete(format!("expired {passed} ago"));
            }
            if self.older_than.is_none() {
                return Verdict::Keep(format!("expired {passed} ago, but {last}: it may be in the making"));
            }
        }
        match (self.older_than, stack.expires, age) {
            (_, Some(expires @ Expiry::At(_)), _) if passed.is_none() => {
                Verdict::Keep(format!("it is to live until {expires}"))
            }
            (_, Some(Expiry::Never), _) => Verdict::Keep("it is never to expire".to_owned()),
            (Some(older_than), _, Some(age)) if age >= older_than => Verdict::Delete(last),
            (Some(_), _, _) => Verdict::Keep(last),
            (None, Some(_), _) => Verdict::Keep("its time has passed".to_owned()),
            (None, None, _) => Verdict::Keep("it has no expiry".to_owned()),
        }
    }

    pub(crate) fn judged(&self, stack: FoundStack, now: Timestamp) -> Judged {
        match self.judge(&stack, now) {
            Verdict::Delete(reason) => Judged { stack, delete: true, reason },
            Verdict::Keep(reason) => Judged { stack, delete: false, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetime::LastDeploy;
    use crate::naming::Region;

    fn now() -> Timestamp {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }

    /// A stack that was deployed so long ago, or that has no record, and whose newest part is so old.
    fn stack(deployed: Option<&str>, age: Option<&str>, expires: Option<&str>) -> FoundStack {
        let age_s = age.map(|age| age.parse::<Age>().unwrap().seconds());
        FoundStack {
            stack: "pr-1".parse().unwrap(),
            region: Region("us-east-1".into()),
            parts: Vec::new(),
            missing: Vec::new(),
            created: None,
            last_activity: None,
            age_s,
            deployed: deployed.map(|by| LastDeploy::by(by, now())),
            expires: expires.map(|expires| expires.parse().unwrap()),
            site_url: None,
        }
    }

    fn rules(older_than: Option<&str>, expired: bool) -> Rules {
        Rules { older_than: older_than.map(|age| age.parse().unwrap()), expired }
    }

    #[test]
    fn a_stack_goes_by_age_or_by_expiry_and_never_in_the_making() {
        let past = Some("2026-11-23T08:00:00Z");
        let future = Some("2026-11-30T10:00:00Z");
        for (stack, rules, delete, why) in [
            (stack(Some("a"), Some("4d"), None), rules(Some("3d"), false), true, "last deployed 4d ago"),
            (stack(Some("a"), Some("2d"), None), rules(Some("3d"), false), false, "last deployed 2d ago"),
            (stack(None, Some("4d"), None), rules(Some("3d"), false), true, "newest part is 4d old"),
            (stack(None, Some("1h"), None), rules(Some("3d"), false), false, "newest part is 1h old"),
            (stack(None, None, None), rules(Some("0h"), false), false, "age is not known"),
            // Its time is still to come, whatever its age.
            (stack(Some("a"), Some("4d"), future), rules(Some("3d"), true), false, "until 2026-11-30"),
            (stack(Some("a"), Some("4d"), Some("never")), rules(Some("3d"), true), false, "never"),
            (stack(Some("a"), Some("4d"), past), rules(None, true), true, "expired 2h ago"),
            (stack(Some("a"), Some("59m"), past), rules(None, true), false, "may be in the making"),
            (stack(None, None, past), rules(None, true), false, "may be in the making"),
            // Who says how old is old enough is believed.
            (stack(Some("a"), Some("5m"), past), rules(Some("0h"), true), true, "last deployed 5m ago"),
            (stack(Some("a"), Some("4d"), past), rules(Some("5d"), false), false, "last deployed 4d ago"),
            (stack(Some("a"), Some("4d"), None), rules(None, true), false, "no expiry"),
        ] {
            let verdict = rules.judge(&stack, now());
            let (deleted, reason) = match &verdict {
                Verdict::Delete(reason) => (true, reason),
                Verdict::Keep(reason) => (false, reason),
            };
            assert!(deleted == delete && reason.contains(why), "{stack:?} {rules:?}: {verdict:?}");
        }
    }
}
