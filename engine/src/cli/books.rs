//! `yika cutoff`, `verify`, `settle` and `inspect`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use protocol::ids::BusinessDate;
use wal::{Clock, LogReader, SystemClock};

use super::{CliResult, CutoffArgs, InspectArgs, SettleArgs, VerifyArgs};
use crate::audit::{self, AuditOptions};
use crate::data_dir::DataDir;
use crate::inspect::{Filter, inspect as records};
use crate::ledger::calendar::day_of;
use crate::ledger::command::CutOff;
use crate::ledger::{Record, Request};
use crate::opened_books::{BooksError, OpenOptions, OpenedBooks};
use crate::settlement::{self, CivilDay};

pub(super) fn cutoff(args: &CutoffArgs) -> CliResult {
    let options = OpenOptions { sizes: args.sizes.sizes(), ..OpenOptions::default() };
    let (closed, opened) = close_business_date(&args.data.dir, &options)?;
    println!("{} is closed, {} is open", CivilDay::from(closed), CivilDay::from(opened));
    Ok(ExitCode::SUCCESS)
}

/// Closes the open business date of books that nobody serves; gives it and the date opened: today, or the day
/// after the closed one if that is later.
pub(super) fn close_business_date(
    data_dir: &Path,
    options: &OpenOptions,
) -> Result<(BusinessDate, BusinessDate), BooksError> {
    let (books, _) = OpenedBooks::open(DataDir::open(data_dir)?, options)?;
    let closed = books.engine().routes().configuration().registry.business_date();
    let today = day_of(SystemClock.wall_ns());
    let opened = BusinessDate(today.max(closed.0 + 1));
    let configured = books.engine().configure(Request::CutOff(CutOff { opened }));
    configured.map_err(|source| BooksError::Engine { path: data_dir.to_owned(), source })?;
    books.close()?;
    Ok((closed, opened))
}

/// The business date that the newest cut-off closed.
pub(super) fn last_closed_date(data_dir: &Path) -> Result<CivilDay, Box<dyn std::error::Error>> {
    let reader = LogReader::open_offline(data_dir)?;
    for found in reader.scan_back(reader.last_number()) {
        let found = found?;
        if let Record::CutOff(record) = Record::decode(found.kind, found.version, found.payload)? {
            return Ok(CivilDay::from(BusinessDate(record.closed.get())));
        }
    }
    Err(format!("{}: no business date was ever closed; see `yika cutoff`", data_dir.display()).into())
}

pub(super) fn verify(args: &VerifyArgs) -> CliResult {
    let data = DataDir::open_read_only(&args.data.dir)?;
    let report = audit::verify(data.path(), &AuditOptions::default())?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn settle(args: &SettleArgs) -> CliResult {
    let data = DataDir::open_read_only(&args.data.dir)?;
    let date: CivilDay = args.date.parse()?;
    let report = settlement::settle(data.path(), date, &args.out)?;
    if args.json {
        println!("{}", serde_json::to_string(&report.manifest)?);
    } else {
        println!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn inspect(args: &InspectArgs) -> CliResult {
    let data = DataDir::open_read_only(&args.data.dir)?;
    let reader = LogReader::open_offline(data.path())?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let to = args.to.unwrap_or_else(|| reader.last_number());
    for view in records(&reader, args.from, to, Filter::default()) {
        let view = view?;
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&view)?)?;
        } else {
            writeln!(out, "{view}")?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
