//! From what a visitor saw to why, and to what to do about it: each symptom has its suspects among the resources.

use std::collections::BTreeSet;

use super::suspects::suspects;
use super::symptom::{Opening, Symptom};
use crate::engine::outputs::Outputs;
use crate::engine::status::ResourceStatus;
use crate::naming::ExistingBucket;

/// The stack as the deployer sees it.
#[derive(Debug)]
pub(crate) enum Survey {
    Seen {
        resources: Vec<ResourceStatus>,
        /// Keys of the objects in the bucket.
        files: BTreeSet<String>,
        /// The role that the relay runs under, where it is none of the stack's own.
        existing_role: Option<String>,
    },
    /// These credentials could not look; why.
    Unseen(String),
}

/// What a person is told beside what was seen.
#[derive(Debug)]
pub(crate) struct Advice<'a> {
    pub(crate) outputs: &'a Outputs,
    /// `webrtc-aws up …`, for this stack in this place.
    pub(crate) up: String,
    /// `webrtc-aws verify …`, likewise.
    pub(crate) verify: String,
    /// Where the page is, if somebody else made its bucket.
    pub(crate) existing_bucket: Option<&'a ExistingBucket>,
}

impl Advice<'_> {
    /// Cause and remedy.
    pub(super) fn explain(&self, symptom: &Symptom, survey: Option<&Survey>) -> (String, String) {
        let (resources, files) = match survey {
            Some(Survey::Seen { existing_role: Some(role), .. }) if lacks_permission(symptom) => {
                return self.ask_the_roles_owner(symptom, role);
            }
            Some(Survey::Seen { resources, files, .. }) => (resources.as_slice(), Some(files)),
            Some(Survey::Unseen(why)) => {
                let (cause, remedy) = self.without_a_suspect(symptom);
                return (format!("{cause} (the stack itself could not be looked at: {why})"), remedy);
            }
            None => (&[] as &[_], None),
        };
        let (suspects, file) = suspects(symptom);
        let mut causes: Vec<String> = suspects.iter().flat_map(|suspect| suspect.charges(resources)).collect();
        // A file that is not in the bucket is refused like one that nobody may read (AWS-FACTS E2).
        let key = file.map(|file| self.key(file));
        let is_gone = |key: &str| files.is_some_and(|files| !files.contains(key));
        if let (true, Some(key)) = (causes.is_empty(), key.filter(|key| is_gone(key))) {
            causes.push(format!("the bucket has no object {key:?}"));
            if let Symptom::BrokenLink { loaded_by, .. } = symptom {
                let loaded_by = self.key(loaded_by);
                let remedy = format!(
                    "correct the link in {loaded_by}, or add the file to the page's directory; then run '{}', with the options \
                     that it was deployed with, which also puts a lost file back",
                    self.up
                );
                return (causes.remove(0), remedy);
            }
        }
        if causes.is_empty() {
            let asked = self.existing_bucket.and_then(|place| self.ask_the_buckets_owner(place, symptom));
            return asked.unwrap_or_else(|| self.without_a_suspect(symptom));
        }
        (causes.join("; "), self.repair(symptom))
    }

    /// What a role may do that is not the stack's own is its owner's affair.
    fn ask_the_roles_owner(&self, symptom: &Symptom, role: &str) -> (String, String) {
        let again = format!("then run '{}' again: a new permission needs seconds, now and then minutes", self.verify);
        match symptom {
            Symptom::NoTurn(_) => (
                format!("the relay gets no credentials for its TURN servers with the role {role}"),
                format!(
                    "have the role's owner permit ssm:GetParameter or secretsmanager:GetSecretValue on what --turn-secret-from names, or \
                     what 'webrtc-aws policy --for relay --turn kvs' prints; the log group {} says what AWS answered; {again}",
                    self.outputs.log_group
                ),
            ),
            _ => (
                format!(
                    "the role {role}, under which the relay runs, does not permit execute-api:ManageConnections on the connections of \
                     this stage"
                ),
                format!(
                    "have the role's owner permit what 'webrtc-aws policy {} --for relay' prints; {again}",
                    self.outputs.stack
                ),
            ),
        }
    }

    /// Who may read a bucket that is not the stack's own is its owner's affair.
    fn ask_the_buckets_owner(&self, place: &ExistingBucket, symptom: &Symptom) -> Option<(String, String)> {
        let Outputs { bucket, stack, site_url, .. } = self.outputs;
        let cause = match symptom {
            Symptom::NotServed { status: 403, .. } | Symptom::BrokenLink { status: 403, .. } => {
                format!(
                    "the bucket {bucket}, which the stack did not make, does not let everybody read what is below {}",
                    self.prefix()
                )
            }
            Symptom::TooOpen(Opening::Listing(_) | Opening::Writing { .. } | Opening::Plain(_)) => {
                format!(
                    "the bucket {bucket}, which the stack did not make, permits more than reading the page over https"
                )
            }
            _ => return None,
        };
        let mut remedy = format!(
            "have its owner add what 'webrtc-aws policy {stack} --for bucket --existing-bucket {place}' prints to the bucket's policy \
             and permit everybody no more of the stack's, with BlockPublicPolicy and RestrictPublicBuckets off{}; then run '{}' again",
            if site_url.starts_with("http:") { ", and without its Condition, as there is no https here" } else { "" },
            self.verify
        );
        if let Symptom::TooOpen(Opening::Writing { object, .. }) = symptom {
            remedy = format!("{remedy}. {}", self.left(object));
        }
        Some((cause, remedy))
    }

    /// How the keys of the page's files begin.
    fn prefix(&self) -> String {
        self.existing_bucket.map(|bucket| bucket.prefix_of(&self.outputs.stack)).unwrap_or_default()
    }

    /// A file's name in the page: without the bucket, where that is part of the path, and without what the page is below.
    fn key<'f>(&self, file: &'f str) -> &'f str {
        let key = file.strip_prefix(&self.outputs.bucket).and_then(|rest| rest.strip_prefix('/')).unwrap_or(file);
        key.strip_prefix(&self.prefix()).unwrap_or(key)
    }

    fn repair(&self, symptom: &Symptom) -> String {
        let repair = format!(
            "run '{}', with the options that it was deployed with: it repairs this; 'webrtc-aws plan' shows what it will change",
            self.up
        );
        match symptom {
            Symptom::TooOpen(Opening::Writing { object, .. }) => format!("{repair}. {}", self.left(object)),
            _ => repair,
        }
    }

    fn left(&self, object: &str) -> String {
        format!("Then delete what this check left: aws s3 rm s3://{}/{}{object}", self.outputs.bucket, self.prefix())
    }

    /// Where nothing of the stack is out of place.
    fn without_a_suspect(&self, symptom: &Symptom) -> (String, String) {
        let again = format!("run '{}' again in a minute", self.verify);
        let log = format!("look at the relay's log group {}", self.outputs.log_group);
        let (cause, remedy) = match symptom {
            Symptom::Unreachable { .. } => (
                "this machine does not reach the stack, or its host name is not known everywhere yet".to_owned(),
                format!("check the network, DNS and any proxy; {again}"),
            ),
            Symptom::NotServed { .. } | Symptom::BrokenLink { .. } => (
                "nothing in the stack forbids it: a change may still be spreading, or the account or its organization blocks public \
                 buckets"
                    .to_owned(),
                format!("{again}; if it stays, look at S3's 'Block Public Access settings for this account'"),
            ),
            Symptom::WrongType { .. } => (
                "S3 serves what the object was uploaded with, and browsers refuse it".to_owned(),
                format!("run '{}', with the options that it was deployed with; a file's name decides its type", self.up),
            ),
            Symptom::WrongConfig(_) => (
                "config.js is not the one that was generated for this stack".to_owned(),
                format!("run '{}', with the options that it was deployed with: it generates config.js anew", self.up),
            ),
            Symptom::TooManyFiles(_) => {
                ("its links lead in a circle of ever new names".to_owned(), "look at the links of its modules".to_owned())
            }
            Symptom::HandshakeRefused(429) => (
                "more connections or messages than the stage or the account lets through".to_owned(),
                format!("{again}; raise --throttle-rate or the account's quota if that is its usual load"),
            ),
            Symptom::HandshakeRefused(500 | 502) => (
                "the relay, which says who may connect, fails or cannot read the join token".to_owned(),
                format!("{log}, which says what AWS answered; put the token where --join-token-from says; {again}"),
            ),
            Symptom::HandshakeRefused(_) => (
                "nothing in the stack forbids it: a new stage may still be spreading, the join token may be another one, or somebody \
                 added a $connect route"
                    .to_owned(),
                format!("{again}; if it stays, look at the API {} in the API Gateway console", self.outputs.api_id),
            ),
            Symptom::Service(_) | Symptom::NoAnswer(_) | Symptom::NotDelivered(_) => (
                "the stack is as it should be, so the relay itself fails or takes too long".to_owned(),
                format!("{log}; {again}"),
            ),
            Symptom::RelayError(code) => match code.as_str() {
                "not_permitted" => (
                    "the relay may not post to the stage's connections, though its policy is as it should be: a new policy needs \
                     seconds, now and then minutes"
                        .to_owned(),
                    format!("{again}; if it stays, a permissions boundary or an organization policy may forbid it"),
                ),
                "throttled" => {
                    ("more messages than the stage or the account lets through".to_owned(), again.to_owned())
                }
                _ => ("the relay could not do what it was asked".to_owned(), format!("{log}; {again}")),
            },
            Symptom::NoTurn(_) => (
                "the relay gets no credentials for its TURN servers: their secret is not there, or encrypted with a key whose policy \
                 does not let the relay's role decrypt; or AWS grants none for the signalling channel of --turn kvs"
                    .to_owned(),
                format!("{log}, which says what AWS answered; put the secret where --turn-secret-from says; {again}"),
            ),
            Symptom::NoError(_) | Symptom::WrongAnswer { .. } => (
                "what answers is no relay of this version".to_owned(),
                format!("run '{}': it brings the relay up to date", self.up),
            ),
            Symptom::Closed(_) => ("the connection did not last".to_owned(), format!("{log}; {again}")),
            Symptom::TooOpen(Opening::Door(_)) => (
                "the stage does not serve the $connect route yet, or what answers is no relay of this version".to_owned(),
                format!("{again}; if it stays, run '{}', with the options that it was deployed with", self.up),
            ),
            Symptom::TooOpen(Opening::Writing { object, .. }) => (
                "something lets everybody in that 'webrtc-aws plan' does not see: an ACL, an access point".to_owned(),
                format!("look at the bucket {} in the S3 console. {}", self.outputs.bucket, self.left(object)),
            ),
            Symptom::TooOpen(_) => (
                "something lets everybody in that 'webrtc-aws plan' does not see: an ACL, an access point".to_owned(),
                format!("look at the bucket {} in the S3 console", self.outputs.bucket),
            ),
        };
        (cause, remedy)
    }
}

/// Whether it is the relay's role that is too weak.
fn lacks_permission(symptom: &Symptom) -> bool {
    match symptom {
        Symptom::RelayError(code) => code == "not_permitted",
        Symptom::NoTurn(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::aws::visitor::VisitError;
    use crate::engine::diff::Change;
    use crate::engine::resource::Address;
    use crate::engine::status::State;
    use crate::resources::{BUCKET, ROLE, ROLE_POLICY};

    fn outputs() -> Outputs {
        Outputs {
            stack: "demo".into(),
            account: "0".into(),
            region: "us-east-1".into(),
            site_url: "https://bucket.test/index.html".into(),
            websocket_url: "wss://api.test/prod".into(),
            api_id: "api".into(),
            bucket: "bucket".into(),
            function: "function".into(),
            log_group: "/aws/lambda/function".into(),
        }
    }

    fn explain(symptom: &Symptom, survey: &Survey) -> (String, String) {
        let outputs = outputs();
        Advice {
            outputs: &outputs,
            up: "webrtc-aws up demo".into(),
            verify: "webrtc-aws verify demo".into(),
            existing_bucket: None,
        }
        .explain(symptom, Some(survey))
    }

    #[test]
    fn whom_an_existing_bucket_lets_in_is_asked_of_its_owner() {
        let outputs = outputs();
        let place = "bucket/calls".parse().unwrap();
        let advice = Advice {
            outputs: &outputs,
            up: "webrtc-aws up demo".into(),
            verify: "webrtc-aws verify demo".into(),
            existing_bucket: Some(&place),
        };
        let explain = |symptom: &Symptom| advice.explain(symptom, Some(&survey(Vec::new())));
        let policy = "'webrtc-aws policy demo --for bucket --existing-bucket bucket/calls'";
        let closed = Symptom::NotServed { file: "calls/webrtc-aws/demo/index.html".into(), status: 403 };
        let (cause, remedy) = explain(&closed);
        assert!(cause.contains("does not let everybody read") && remedy.contains(policy), "{cause} {remedy}");
        let written = Symptom::TooOpen(Opening::Writing { object: "x.txt".into(), status: 200 });
        let (cause, remedy) = explain(&written);
        assert!(cause.contains("permits more") && remedy.contains(policy), "{cause} {remedy}");
        assert!(remedy.contains("aws s3 rm s3://bucket/calls/webrtc-aws/demo/x.txt"), "{remedy}");
        let gone = Symptom::NotServed { file: "bucket/calls/webrtc-aws/demo/app.js".into(), status: 403 };
        let (cause, _) = explain(&gone);
        assert_eq!(cause, "the bucket has no object \"app.js\"");
    }

    fn survey(resources: Vec<ResourceStatus>) -> Survey {
        Survey::Seen { resources, files: BTreeSet::from(["index.html".to_owned()]), existing_role: None }
    }

    #[test]
    fn what_an_existing_role_lacks_is_asked_of_its_owner() {
        let survey = |role: Option<&str>| Survey::Seen {
            resources: vec![status(ROLE, State::Missing, &[]), status(ROLE_POLICY, State::Missing, &[])],
            files: BTreeSet::new(),
            existing_role: role.map(str::to_owned),
        };
        let (cause, remedy) = explain(&Symptom::RelayError("not_permitted".into()), &survey(Some("team-relay")));
        assert!(cause.contains("team-relay") && cause.contains("execute-api:ManageConnections"), "{cause}");
        assert!(remedy.contains("'webrtc-aws policy demo --for relay'"), "{remedy}");
        let (cause, remedy) = explain(&Symptom::NoTurn("not_permitted".into()), &survey(Some("team-relay")));
        assert!(cause.contains("team-relay") && remedy.contains("ssm:GetParameter"), "{cause} {remedy}");
        let (cause, _) = explain(&Symptom::RelayError("not_permitted".into()), &survey(None));
        assert!(cause.contains("not there"), "{cause}");
    }

    fn status(address: Address, state: State, fields: &[&str]) -> ResourceStatus {
        let change = |field: &&str| Change { field: (*field).to_owned(), observed: Value::Null, desired: Value::Null };
        ResourceStatus { address, state, changes: fields.iter().map(change).collect(), found: None }
    }

    #[test]
    fn of_two_that_differ_the_one_that_explains_it_is_named() {
        let both = survey(vec![
            status(ROLE_POLICY, State::Missing, &[]),
            status(BUCKET, State::Drifted, &["encryption", "policy"]),
        ]);
        let (cause, remedy) = explain(&Symptom::RelayError("not_permitted".into()), &both);
        assert!(cause.contains("execute-api:ManageConnections") && !cause.contains("bucket"), "{cause}");
        assert!(remedy.contains("webrtc-aws up demo"), "{remedy}");
        let (cause, _) = explain(&Symptom::NotServed { file: "index.html".into(), status: 403 }, &both);
        assert!(cause.contains("policy") && !cause.contains("role"), "{cause}");
    }

    #[test]
    fn a_link_to_what_was_never_uploaded_is_told_from_a_closed_bucket() {
        let link =
            Symptom::BrokenLink { file: "bucket/gone.js".into(), loaded_by: "bucket/app.js".into(), status: 403 };
        let (cause, remedy) = explain(&link, &survey(Vec::new()));
        assert_eq!(cause, "the bucket has no object \"gone.js\"");
        assert!(remedy.starts_with("correct the link in app.js"), "{remedy}");
        let (cause, _) = explain(&link, &survey(vec![status(BUCKET, State::Drifted, &["policy"])]));
        assert!(cause.contains("policy"), "{cause}");
    }

    #[test]
    fn every_symptom_has_a_cause_and_a_remedy_even_when_nothing_is_out_of_place() {
        let after = crate::verify::socket::ANSWER_PATIENCE;
        let symptoms = [
            Symptom::Unreachable { what: "x".into(), error: VisitError::TimedOut(after) },
            Symptom::NotServed { file: "index.html".into(), status: 403 },
            Symptom::WrongType { file: "x".into(), found: "y".into(), wanted: "z" },
            Symptom::WrongConfig("x".into()),
            Symptom::HandshakeRefused(403),
            Symptom::HandshakeRefused(429),
            Symptom::Service("Internal server error".into()),
            Symptom::Service("Forbidden".into()),
            Symptom::NoAnswer(after),
            Symptom::NotDelivered(after),
            Symptom::RelayError("not_permitted".into()),
            Symptom::RelayError("unexpected".into()),
            Symptom::NoTurn("not_permitted".into()),
            Symptom::NoError("peer_gone"),
            Symptom::Closed(String::new()),
            Symptom::TooOpen(Opening::Listing("/".into())),
            Symptom::TooOpen(Opening::Writing { object: "x.txt".into(), status: 200 }),
        ];
        for symptom in symptoms {
            for survey in [survey(Vec::new()), Survey::Unseen("no permission".into())] {
                let (cause, remedy) = explain(&symptom, &survey);
                assert!(!cause.is_empty() && !remedy.is_empty(), "{symptom:?}");
                let is_written = matches!(&symptom, Symptom::TooOpen(Opening::Writing { .. }));
                assert!(!is_written || remedy.contains("aws s3 rm s3://bucket/x.txt"), "{remedy}");
            }
        }
    }
}
