//! What nobody may do: list the bucket, write to it, read it without TLS.

use bytes::Bytes;
use http::header::IF_NONE_MATCH;
use http::{HeaderName, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::check::CheckId;
use super::symptom::{Opening, Symptom};
use super::{Passed, Verification};
use crate::aws::visitor::{Answer, VisitError};
use crate::naming::{PROBE_OBJECT, Reach};

impl Verification<'_> {
    /// Emulators may let everybody do everything. One that lists all buckets of the account to somebody without credentials says
    /// nothing about a bucket; AWS never does, and is not asked.
    pub(super) async fn checks_no_access(&self) -> Option<String> {
        let Reach::Endpoint { url, .. } = self.reach else { return None };
        let answer = self.visitor.get(url).await.ok()?;
        (answer.status == StatusCode::OK && contains(&answer, "ListAllMyBucketsResult"))
            .then(|| format!("{url} lists all buckets without credentials: it checks nobody's access"))
    }

    /// The bucket's own URL is a listing: there is no index document (AWS-FACTS E2).
    pub(super) async fn listing(&self) -> Result<Passed, Symptom> {
        let mut seen = Vec::new();
        let targets = match self.prefix.as_str() {
            "" => vec![("./".to_owned(), "/".to_owned()), ("./?list-type=2".to_owned(), "/?list-type=2".to_owned())],
            // Of a bucket that others use as well, nothing else is asked for.
            prefix => {
                let query = format!("?list-type=2&prefix={prefix}");
                vec![(format!("{}{query}", "../".repeat(prefix.matches('/').count())), format!("/{query}"))]
            }
        };
        for (target, shown) in targets {
            let url = self.beside_the_page(&target);
            let status = self.refusal(CheckId::Listing, &url, Method::GET, &[], Bytes::new()).await?;
            if status.is_success() {
                return Err(Symptom::TooOpen(Opening::Listing(shown)));
            }
            seen.push(format!("{shown} answered {}", status.as_u16()));
        }
        Ok(Passed::saw(seen.join(", ")))
    }

    /// The condition makes sure that nothing is ever overwritten.
    pub(super) async fn writing(&self) -> Result<Passed, Symptom> {
        let url = self.beside_the_page(PROBE_OBJECT);
        let body = Bytes::from_static(
            b"webrtc-aws verify looked whether anybody can write here. This object may be deleted.\n",
        );
        let status = self.refusal(CheckId::Writing, &url, Method::PUT, &[(IF_NONE_MATCH, "*")], body).await?;
        // A failed condition means that the write itself was permitted.
        if status.is_success() || status == StatusCode::PRECONDITION_FAILED {
            let object = PROBE_OBJECT.to_owned();
            return Err(Symptom::TooOpen(Opening::Writing { object, status: status.as_u16() }));
        }
        Ok(Passed::saw(format!("PUT answered {}", status.as_u16())))
    }

    /// Why the question is none here.
    pub(super) fn cannot_tell_about_tls(&self) -> Option<&'static str> {
        match (self.reach, self.site.scheme()) {
            (Reach::Aws, _) => None,
            (Reach::Endpoint { .. }, "http") => Some("this endpoint has no TLS"),
            (Reach::Endpoint { .. }, _) => Some("what stands beside this endpoint's TLS is not ours to know"),
        }
    }

    /// No answer at all is as good as a refusal.
    pub(super) async fn tls(&self) -> Result<Passed, Symptom> {
        let mut url = self.site.clone();
        // From one of the web's schemes to another: that cannot fail.
        let _ = url.set_scheme("http");
        match self.visitor.get(&url).await {
            Ok(answer) if answer.status.is_success() => Err(Symptom::TooOpen(Opening::Plain(url.to_string()))),
            Ok(answer) => Ok(Passed::saw(format!("http:// answered {}", answer.status.as_u16()))),
            Err(_) => Ok(Passed::saw("http:// is not answered")),
        }
    }

    /// The status of a request that ought to be refused. A server in trouble has refused nothing.
    async fn refusal(
        &self,
        check: CheckId,
        url: &Url,
        method: Method,
        headers: &[(HeaderName, &'static str)],
        body: Bytes,
    ) -> Result<StatusCode, Symptom> {
        self.patiently(check, self.deadline.max(Instant::now()), async || {
            let unreachable = |error| Symptom::Unreachable { what: url.path().to_owned(), error };
            let answer = self.visitor.request(url, method.clone(), headers, body.clone()).await.map_err(unreachable)?;
            if answer.status.is_server_error() {
                return Err(unreachable(VisitError::Broken(format!("status {}", answer.status.as_u16()))));
            }
            Ok(answer.status)
        })
        .await
    }
}

fn contains(answer: &Answer, text: &str) -> bool {
    String::from_utf8_lossy(&answer.body).contains(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::engine::outputs::Outputs;
    use crate::events::Events;

    /// A store that gives every request the same answer, one that the local AWS would never give.
    struct Store {
        outputs: Outputs,
        reach: Reach,
        events: Events,
    }

    impl Store {
        async fn new(status: &'static str, body: &'static str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}/", listener.local_addr().unwrap());
            tokio::spawn(async move {
                loop {
                    let mut stream = BufReader::new(listener.accept().await.unwrap().0);
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.unwrap() > 2 {
                        line.clear();
                    }
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    // Until the other side hangs up: what it sent must not be lost on it.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            });
            let text = String::new;
            let outputs = Outputs {
                stack: text(),
                account: text(),
                region: text(),
                site_url: format!("{endpoint}bucket/index.html"),
                websocket_url: "ws://127.0.0.1/".into(),
                api_id: text(),
                bucket: text(),
                function: text(),
                log_group: text(),
            };
            let reach = Reach::Endpoint { url: endpoint.parse().unwrap(), gateway: None };
            Self { outputs, reach, events: Events::discarded() }
        }

        /// As if it were AWS, whose page has an https URL.
        async fn on_aws(status: &'static str, body: &'static str) -> Self {
            let mut store = Self::new(status, body).await;
            store.outputs.site_url = store.outputs.site_url.replacen("http", "https", 1);
            Self { reach: Reach::Aws, ..store }
        }

        fn verification(&self) -> Verification<'_> {
            let prefix = String::new();
            Verification::new(&self.outputs, &self.reach, prefix, Duration::ZERO, None, &self.events).unwrap()
        }
    }

    #[tokio::test]
    async fn a_bucket_that_anybody_lists_or_writes_to_fails() {
        let open = Store::new("200 OK", "").await;
        let listed = open.verification().listing().await.map(drop);
        assert_eq!(listed, Err(Symptom::TooOpen(Opening::Listing("/".into()))));
        for (answer, status) in [("200 OK", 200), ("412 Precondition Failed", 412)] {
            let store = Store::new(answer, "").await;
            let written = store.verification().writing().await.map(drop);
            assert_eq!(written, Err(Symptom::TooOpen(Opening::Writing { object: PROBE_OBJECT.into(), status })));
        }
        for refusal in ["403 Forbidden", "404 Not Found"] {
            let store = Store::new(refusal, "").await;
            assert!(store.verification().listing().await.is_ok(), "{refusal}");
            assert!(store.verification().writing().await.is_ok(), "{refusal}");
        }
        let in_trouble = Store::new("503 Slow Down", "").await;
        let written = in_trouble.verification().writing().await.map(drop);
        assert!(matches!(written, Err(Symptom::Unreachable { .. })), "it has refused nothing: {written:?}");
    }

    #[tokio::test]
    async fn only_an_endpoint_that_shows_everybody_everything_is_not_asked() {
        let all = "<ListAllMyBucketsResult></ListAllMyBucketsResult>";
        let open = Store::new("200 OK", all).await;
        assert!(open.verification().checks_no_access().await.unwrap().contains("without credentials"));
        let unlike = Store::new("200 OK", "welcome").await;
        assert_eq!(unlike.verification().checks_no_access().await, None);
        let closed = Store::new("403 Forbidden", all).await;
        assert_eq!(closed.verification().checks_no_access().await, None);
        let aws = Store::on_aws("200 OK", all).await;
        assert_eq!(aws.verification().checks_no_access().await, None, "AWS itself is always asked");
    }

    #[tokio::test]
    async fn a_page_that_is_served_without_tls_fails() {
        let plain = Store::on_aws("200 OK", "").await;
        let served = plain.verification().tls().await.map(drop);
        assert!(matches!(served, Err(Symptom::TooOpen(Opening::Plain(url))) if url.starts_with("http://")));
        let refused = Store::on_aws("403 Forbidden", "").await;
        assert_eq!(refused.verification().tls().await.map(drop), Ok(()));
        assert_eq!(refused.verification().cannot_tell_about_tls(), None);
        let endpoint = Store::new("403 Forbidden", "").await;
        assert!(endpoint.verification().cannot_tell_about_tls().is_some());
    }
}
