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
        for (target, shown) in [("./", "/"), ("./?list-type=2", "/?list-type=2")] {
            let url = self.beside_the_page(target);
            let status = self.refusal(CheckId::Listing, &url, Method::GET, &[], Bytes::new()).await?;
            if status.is_success() {
                return Err(Symptom::TooOpen(Opening::Listing(shown.to_owned())));
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
