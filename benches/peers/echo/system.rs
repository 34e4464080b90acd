//! An echo server as a system to be measured.

use std::ffi::OsStr;
use std::path::Path;

use engine::limits::books::{self, BooksSpec};
use engine::limits::echo_process::EchoProcess;
use loadgen::campus::Campus;

use super::EchoKind;
use super::session::master_key;
use crate::campus_run;
use crate::error::PeersError;
use crate::peer::closed_run;
use crate::system::{ClosedLoad, ClosedRun, OpenLoad, OpenRun, System};

/// A running echo server and the campus that it takes its clients for.
pub struct Echo {
    process: EchoProcess,
    campus: Campus,
}

impl Echo {
    /// Starts one; what it writes, it writes in `folder`.
    ///
    /// # Errors
    /// It doesn't start.
    pub fn start(
        name: &'static str,
        kind: EchoKind,
        folder: &Path,
        books: &BooksSpec,
    ) -> Result<Echo, PeersError> {
        let kind = kind.name();
        let arguments =
            [OsStr::new("--serve-echo"), OsStr::new(&kind), OsStr::new("--data"), folder.as_os_str()];
        let process =
            EchoProcess::start(arguments).map_err(|error| PeersError::system(name, error.to_string()))?;
        let campus = Campus { address: process.address(), ..books::campus(books, &master_key()) };
        Ok(Echo { process, campus })
    }
}

impl System for Echo {
    fn closed(&mut self, load: &ClosedLoad) -> Result<ClosedRun, PeersError> {
        let (report, processor) = campus_run::closed(&self.campus, load, self.process.id())?;
        Ok(closed_run(&report, &processor, None))
    }

    fn open(&mut self, load: &OpenLoad) -> Result<OpenRun, PeersError> {
        Ok(campus_run::open(&self.campus, load)?.0)
    }
}
