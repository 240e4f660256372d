//! The `aws-chunked` content encoding: what the SDK sends for streamed uploads (AWS-FACTS J2). A store that kept the framing would
//! corrupt every file.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::answer::AwsError;

/// The payload hash of an unsigned chunked payload with trailing checksums.
pub(crate) const STREAMING_UNSIGNED: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// Removes the framing; gives the content and the trailing headers.
pub(crate) fn decode(headers: &HeaderMap, framed: &[u8]) -> Result<(Bytes, HeaderMap), AwsError> {
    let (content, trailers) = unframe(framed).ok_or_else(|| {
        AwsError::new(
            StatusCode::BAD_REQUEST,
            "IncompleteBody",
            "The request body is no well-formed aws-chunked payload.",
        )
    })?;
    let declared = headers.get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if declared != Some(content.len()) {
        return Err(AwsError::new(
            StatusCode::BAD_REQUEST,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header.",
        ));
    }
    Ok((content.into(), trailers))
}

fn unframe(framed: &[u8]) -> Option<(Vec<u8>, HeaderMap)> {
    let mut content = Vec::with_capacity(framed.len());
    let mut rest = framed;
    loop {
        let size_line;
        (size_line, rest) = line(rest)?;
        // Behind a `;` may stand the chunk's extensions.
        let size = usize::from_str_radix(size_line.split(';').next()?, 16).ok()?;
        if size == 0 {
            return Some((content, trailers(rest)?));
        }
        let (chunk, behind) = rest.split_at_checked(size)?;
        content.extend_from_slice(chunk);
        rest = behind.strip_prefix(b"\r\n")?;
    }
}

fn trailers(mut rest: &[u8]) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    while !rest.is_empty() {
        let trailer;
        (trailer, rest) = line(rest)?;
        if trailer.is_empty() {
            break;
        }
        let (name, value) = trailer.split_once(':')?;
        trailers.insert(name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(trailers)
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
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
            let (decoded, trailers) = decode(&headers(content.len()), &frame(&content, chunk)).unwrap();
            prop_assert_eq!(decoded, content);
            prop_assert_eq!(&trailers["x-amz-checksum-crc32"], "AAAAAA==");
        }

        #[test]
        fn garbage_is_refused_without_a_panic(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&headers(garbage.len()), &garbage);
        }
    }

    #[test]
    fn a_cut_or_mislabelled_payload_is_refused() {
        let framed = frame(b"hello", 3);
        assert!(decode(&headers(5), &framed[..6]).is_err());
        assert!(decode(&headers(4), &framed).is_err());
    }
}
