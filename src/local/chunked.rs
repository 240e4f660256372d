//! The `aws-chunked` content encoding: what the SDK sends for streamed uploads (AWS-FACTS J2). A store that kept the framing would
//! corrupt every file.

use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::http::Headers;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::answer::AwsError;

/// How a chunked payload is protected, by the value of `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The transport is trusted: over TLS.
    Unsigned,
    /// Every chunk is signed, and so are the trailing headers if there are any: what the SDK sends without TLS.
    Signed { trailer: bool },
}

impl Framing {
    /// None where the payload is not chunked.
    pub(crate) fn of(payload_hash: &str) -> Option<Self> {
        match payload_hash {
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Self::Signed { trailer: false }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(Self::Signed { trailer: true }),
            _ => None,
        }
    }
}

/// A payload out of its frame.
#[derive(Debug, Default)]
pub(crate) struct Payload<'a> {
    /// The chunks and their signatures, the empty last one included.
    chunks: Vec<(&'a [u8], Option<&'a str>)>,
    trailers: Vec<(&'a str, &'a str)>,
}

const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

impl<'a> Payload<'a> {
    pub(crate) fn decode(headers: &HeaderMap, framed: &'a [u8]) -> Result<Self, AwsError> {
        let incomplete = |message| AwsError::new(StatusCode::BAD_REQUEST, "IncompleteBody", message);
        let payload = Self::unframe(framed)
            .ok_or_else(|| incomplete("The request body is no well-formed aws-chunked payload."))?;
        let declared = headers.get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        if declared != Some(payload.chunks.iter().map(|(data, _)| data.len()).sum::<usize>()) {
            return Err(incomplete(
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header.",
            ));
        }
        Ok(payload)
    }

    fn unframe(mut rest: &'a [u8]) -> Option<Self> {
        let mut payload = Self::default();
        loop {
            let head;
            (head, rest) = line(rest)?;
            let (size, extensions) = head.split_once(';').unwrap_or((head, ""));
            let size = usize::from_str_radix(size, 16).ok()?;
            let signature = extensions.strip_prefix("chunk-signature=");
            if size == 0 {
                payload.chunks.push((&[], signature));
                break;
            }
            let (data, behind) = rest.split_at_checked(size)?;
            payload.chunks.push((data, signature));
            rest = behind.strip_prefix(b"\r\n")?;
        }
        while !rest.is_empty() {
            let trailer;
            (trailer, rest) = line(rest)?;
            if trailer.is_empty() {
                break;
            }
            let (name, value) = trailer.split_once(':')?;
            payload.trailers.push((name.trim(), value.trim()));
        }
        Some(payload)
    }

    /// Whether every chunk carries the signature that follows from the one before it, and the trailing headers theirs. The first
    /// follows from the request's own.
    pub(crate) fn is_signed<S>(&self, seed: &str, trailer: bool, parameters: &v4::SigningParams<'_, S>) -> bool {
        let mut running = seed.to_owned();
        for (data, signature) in &self.chunks {
            match v4::sign_chunk(&Bytes::copy_from_slice(data), &running, parameters) {
                Ok(expected) if *signature == Some(expected.signature()) => running = expected.signature().to_owned(),
                _ => return false,
            }
        }
        if !trailer {
            return true;
        }
        let mut headers = Headers::new();
        for (name, value) in self.content_trailers() {
            headers.insert((*name).to_owned(), (*value).to_owned());
        }
        let signature = self.trailers.iter().find(|(name, _)| *name == TRAILER_SIGNATURE).map(|(_, value)| *value);
        v4::sign_trailer(&headers, &running, parameters).is_ok_and(|expected| signature == Some(expected.signature()))
    }

    /// The content, and the trailing headers.
    pub(crate) fn into_parts(self) -> (Bytes, HeaderMap) {
        let trailers = self
            .content_trailers()
            .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?)))
            .collect();
        let content: Vec<u8> = self.chunks.iter().flat_map(|(data, _)| data.iter().copied()).collect();
        (content.into(), trailers)
    }

    fn content_trailers(&self) -> impl Iterator<Item = &(&'a str, &'a str)> {
        self.trailers.iter().filter(|(name, _)| *name != TRAILER_SIGNATURE)
    }
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use proptest::prelude::*;

    use super::*;

    fn frame(content: &[u8], chunk: usize) -> Vec<u8> {
        let mut framed = Vec::new();
        for chunk in content.chunks(chunk) {
            framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        framed
    }

    fn headers(length: usize) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static("x-amz-decoded-content-length"), HeaderValue::from(length))])
    }

    proptest! {
        #[test]
        fn what_was_framed_comes_out_unchanged(content in proptest::collection::vec(any::<u8>(), 0..200), chunk in 1_usize..70) {
            let framed = frame(&content, chunk);
            let (decoded, trailers) = Payload::decode(&headers(content.len()), &framed).unwrap().into_parts();
            prop_assert_eq!(decoded, content);
            prop_assert_eq!(&trailers["x-amz-checksum-crc32"], "AAAAAA==");
        }

        #[test]
        fn garbage_is_refused_without_a_panic(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Payload::decode(&headers(garbage.len()), &garbage);
        }
    }

    #[test]
    fn a_cut_or_mislabelled_payload_is_refused() {
        let framed = frame(b"hello", 3);
        assert!(Payload::decode(&headers(5), &framed[..6]).is_err());
        assert!(Payload::decode(&headers(4), &framed).is_err());
    }

    #[test]
    fn a_chunk_or_trailer_that_was_changed_on_the_way_is_noticed() {
        let identity = Credentials::from_keys("key", "secret", None).into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(std::time::UNIX_EPOCH)
            .settings(())
            .build()
            .unwrap();
        let sign = |data: &'static [u8], running: &str| {
            v4::sign_chunk(&Bytes::from_static(data), running, &parameters).unwrap().signature().to_owned()
        };
        let (first, last) = (sign(b"hello", "seed"), sign(b"", &sign(b"hello", "seed")));
        let mut headers = Headers::new();
        headers.insert("x-amz-checksum-crc32", "NhCmhg==");
        let trailer = v4::sign_trailer(&headers, &last, &parameters).unwrap().signature().to_owned();
        let framed = format!(
            "5;chunk-signature={first}\r\nhello\r\n0;chunk-signature={last}\r\nx-amz-checksum-crc32:NhCmhg==\r\n\
             x-amz-trailer-signature:{trailer}\r\n\r\n"
        );
        let is_signed =
            |framed: &str, seed| Payload::unframe(framed.as_bytes()).unwrap().is_signed(seed, true, &parameters);
        assert!(is_signed(&framed, "seed"));
        assert!(!is_signed(&framed, "another seed"));
        assert!(!is_signed(&framed.replace("hello", "hallo"), "seed"));
        assert!(!is_signed(&framed.replace("NhCmhg", "AhCmhg"), "seed"));
        assert!(!is_signed(&framed.replace(&format!(";chunk-signature={first}"), ""), "seed"));
        assert!(!is_signed(&framed.replace(&format!("x-amz-trailer-signature:{trailer}\r\n"), ""), "seed"));
    }
}
