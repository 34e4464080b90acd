//! The lines that some requests carry. A deed's request is of a fixed size and copied; its lines lie with the terminal until it
//! is answered.

use protocol::request::{BatchLines, Request, SubsidyLine, SubsidyLines};
use protocol::till_totals::TillLine;

/// The lines of the request that is on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// Of a page of a subsidy batch.
    pub(crate) of_subsidies: Vec<SubsidyLine>,
    /// Of a till's batch.
    pub(crate) of_till: Vec<TillLine>,
}

impl Lines {
    /// A request with the lines that belong to it.
    pub(crate) fn carried_by<'a>(&'a self, request: Request<'a>) -> Request<'a> {
        match request {
            Request::SubsidyLines(page) => {
                Request::SubsidyLines(SubsidyLines { lines: &self.of_subsidies, ..page })
            }
            Request::BatchLines(page) => Request::BatchLines(BatchLines { lines: &self.of_till, ..page }),
            other => other,
        }
    }
}
