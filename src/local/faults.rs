//! Faults on request.

#[derive(Debug, Default)]
pub(crate) struct Faults {}
