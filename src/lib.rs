//! x

mod artifact;
