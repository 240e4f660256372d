//! DeleteObjects with refusals for single keys in a 200 (AWS-FACTS E5): no bucket of the local AWS is ever too busy, so S3's
//! answers are given here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::rig::Rig;
use crate::diagnostics::Code;
use crate::resources::bucket_contents::{Contents, Version};

/// S3 as it answers DeleteObjects, and what it was asked.
#[derive(Clone, Debug)]
struct Answers {
    next: Arc<Mutex<VecDeque<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        self.asked.lock().unwrap().push(asked);
        let body = self.next.lock().unwrap().pop_front().unwrap();
        let mut response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
        response.headers_mut().insert("x-amz-request-id", "1");
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn refused(key: &str, code: &str) -> String {
    format!("<Error><Key>{key}</Key><VersionId>null</VersionId><Code>{code}</Code><Message>no</Message></Error>")
}

#[tokio::test]
async fn keys_that_s3_was_too_busy_to_delete_are_asked_for_again_and_others_named() {
    let mut rig = Rig::start().await;
    let answers =
        [refused("a", "SlowDown") + &refused("b", "AccessDenied"), refused("a", "InternalError"), String::new()];
    let answers = answers.map(|content| format!("<DeleteResult>{content}</DeleteResult>"));
    let s3 = Answers { next: Arc::new(Mutex::new(answers.into())), asked: Arc::default() };
    let connector = SharedHttpConnector::new(s3.clone());
    let config = rig.context.clients.s3.config().to_builder();
    let config = config.http_client(http_client_fn(move |_, _| connector.clone())).build();
    rig.context.clients.s3 = aws_sdk_s3::Client::from_conf(config);

    let contents = Contents { context: &rig.context, bucket: "demo".to_owned(), prefix: String::new() };
    let version = |key: &str| Version { id: Some("null".to_owned()), ..Version::latest(key) };
    let problem = contents.delete(["a", "b", "c"].map(version).into()).await.unwrap_err();
    assert_eq!(problem.code, Code::Leftover);
    assert!(
        problem.summary.starts_with("1 object versions of the bucket demo could not be deleted (\"b\")"),
        "{problem}"
    );
    let asked: Vec<Vec<char>> = s3
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|body| "abc".chars().filter(|key| body.contains(&format!("<Key>{key}</Key>"))).collect())
        .collect();
    assert_eq!(asked, [vec!['a', 'b', 'c'], vec!['a'], vec!['a']]);
}
