//! `webrtc-aws`: serverless WebRTC signalling and a 1:1 video call on AWS, deployed by direct API calls.

mod artifact;
pub mod local;
