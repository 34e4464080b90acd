//! `yika practice`: books to measure with, and the campus file of them.

use std::process::ExitCode;

use loadgen::campus::Campus;

use super::import::code_keys_of;
use super::server_process::sizes_for;
use super::{ACCOUNTS_MAX, CliResult, PracticeArgs};
use crate::data_dir::DataDir;
use crate::limits::books::{self, BooksSpec};
use crate::opened_books::LogBackEnd;

pub(super) fn practice(args: &PracticeArgs) -> CliResult {
    let dir = &args.data.dir;
    if dir.join("FORMAT").exists() {
        return Err(format!("{}: there are books here already; give it another --data", dir.display()).into());
    }
    if args.holders < u32::from(args.tills) || args.tills == 0 {
        let (tills, holders) = (args.tills, args.holders);
        return Err(
            format!("{tills} tills and {holders} holders: each till needs at least one holder").into()
        );
    }
    let spec =
        BooksSpec { accounts: args.holders, tills: args.tills, debits: 0, back_end: LogBackEnd::default() };
    let made = books::make(dir, &spec)?;
    let master_key = DataDir::open_read_only(dir)?.master_key()?;
    let campus = Campus { address: args.address, code_keys: code_keys_of(&master_key, 0), ..made };
    campus.write(&args.out)?;
    println!(
        "{} tills and {} holders with ¥10000 each in {}; their keys in {}",
        args.tills,
        args.holders,
        dir.display(),
        args.out.display()
    );
    let sizes = sizes_for(args.holders);
    let room = if args.holders > ACCOUNTS_MAX {
        format!(" --accounts-max {} --cards-max {}", sizes.accounts_max, sizes.cards_max)
    } else {
        String::new()
    };
    println!("serve them: yika serve --data {} --listen {}{room}", dir.display(), args.address);
    Ok(ExitCode::SUCCESS)
}
