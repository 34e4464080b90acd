//! Yika beside its peers, an echo server and the bare disk, in one run on one machine: see the library's page.

use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;

use benches::{contenders, echo, rounds, run_folder};
use clap::Parser;
use engine::limits::books::BooksSpec;
use engine::limits::disk::Disk;
use engine::opened_books::LogBackEnd;
use loadgen::machine::Machine;

use benches::arguments::Arguments;
use benches::error::PeersError;
use benches::report::PeersReport;
use benches::rounds::say;
use benches::system::SystemId;

fn main() -> ExitCode {
    // The server under test is this program again, running what `yika serve` runs.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return engine::cli::program();
    }
    let arguments = Arguments::parse();
    let done = match arguments.serve_echo {
        Some(kind) => {
            let folder = arguments.data.unwrap_or_else(std::env::temp_dir);
            echo::serve(kind, &folder).map_err(PeersError::machine("the echo server"))
        }
        None => compare(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("peers: {error}");
        ExitCode::FAILURE
    })
}

fn compare(arguments: &Arguments) -> Result<ExitCode, PeersError> {
    let pace = arguments.pace()?;
    let measures = arguments.measures();
    engine::limits::open_files::raise().map_err(PeersError::machine("the limit of open files"))?;
    let folder = run_folder::make("peers", arguments.data.as_deref())?;
    // A server that isn't root's must find its own directory in it.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
        .map_err(PeersError::file(folder.path()))?;

    let books = BooksSpec {
        accounts: arguments.accounts(),
        tills: measures.iter().map(|measure| measure.tills() as u16).max().unwrap_or(1),
        debits: 0,
        back_end: LogBackEnd::Through,
    };
    let wanted: Vec<SystemId> = SystemId::ALL
        .into_iter()
        .filter(|id| measures.iter().any(|measure| measure.systems().contains(id)))
        .collect();
    let mut contenders = contenders::start(&wanted, &arguments.programs(), folder.path(), &books)?;
    for (id, contender) in &contenders {
        match &contender.part {
            contenders::Part::Measured => {}
            contenders::Part::Skipped(reason) => say(&format!("{} is skipped: {reason}", id.name())),
            contenders::Part::Failed(reason) => say(&format!("{} takes no part: {reason}", id.name())),
        }
    }
    let mut disk = Disk::new(&folder.path().join("disk"), LogBackEnd::Through);
    let runs = rounds::run(&measures, &pace, &mut contenders, &mut disk)?;
    let machine = Machine::here(Some(folder.path()));
    let report = PeersReport::of(machine, books.accounts, &pace, &contenders, &runs);
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(report.exit_code())
}
