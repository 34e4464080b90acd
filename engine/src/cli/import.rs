//! `yika import` and `yika keys`.

use std::process::ExitCode;

use loadgen::campus::{Campus, CampusCodeKey, CampusHolder, CampusTill, HexKey};
use protocol::keys::{Key128, derive_card_master, derive_code_key, derive_terminal_key};
use protocol::payment_code::CODE_KEY_ID_MAX;
use protocol::terminal_kind::TerminalKind;
use wal::{Clock, SystemClock};

use super::{CliResult, DataArgs, ImportCampusArgs, ImportHoldersArgs, KeysArgs, SizeArgs};
use crate::data_dir::DataDir;
use crate::import::apply::{self, ImportReport, text_of};
use crate::import::campus::CampusFile;
use crate::import::roster::Roster;
use crate::ledger::State;
use crate::ledger::registry::Terminal;
use crate::ledger::state::account;
use crate::opened_books::{OpenOptions, OpenedBooks};
use crate::runtime::engine::Engine;
use crate::runtime::password_vault::PasswordVault;

pub(super) fn holders(args: &ImportHoldersArgs) -> CliResult {
    let roster = Roster::read(&args.file, args.encoding)?;
    let apply = |engine: &Engine, vault: Option<&PasswordVault>| {
        let mut report = apply::holders(engine, &roster)?;
        apply::passwords(engine, vault, &roster, &mut report)?;
        Ok(report)
    };
    let report = apply_file(&args.data, &args.sizes, args.dry_run, apply)?;
    print(&report, args.dry_run, args.json)
}

pub(super) fn campus(args: &ImportCampusArgs) -> CliResult {
    let file = CampusFile::read(&args.file)?;
    let apply = |engine: &Engine, _: Option<&PasswordVault>| apply::campus(engine, &file);
    let report = apply_file(&args.data, &args.sizes, args.dry_run, apply)?;
    print(&report, args.dry_run, args.json)
}

fn apply_file(
    data: &DataArgs,
    sizes: &SizeArgs,
    dry_run: bool,
    apply: impl FnOnce(&Engine, Option<&PasswordVault>) -> Result<ImportReport, apply::ImportError>,
) -> Result<ImportReport, Box<dyn std::error::Error>> {
    let options = OpenOptions { sizes: sizes.sizes(), ..OpenOptions::default() };
    let (books, _) = OpenedBooks::open(DataDir::create_or_open(&data.dir)?, &options)?;
    if dry_run {
        return Ok(apply(&books.engine().rehearsal()?, None)?);
    }
    let report = apply(books.engine(), Some(books.passwords()))?;
    books.close()?;
    Ok(report)
}

fn print(report: &ImportReport, dry_run: bool, json: bool) -> CliResult {
    if json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(ExitCode::SUCCESS);
    }
    for conflict in &report.conflicts {
        println!("conflict: {conflict}");
    }
    println!(
        "{}{} changes: {} accounts opened, {} cards bound, {} classes, {} passwords, {} settings; {} entries unchanged, \
         {} lines in conflict",
        if dry_run { "dry run, nothing written: " } else { "" },
        report.changes(),
        report.accounts_opened,
        report.cards_bound,
        report.classes_changed,
        report.passwords_set,
        report.settings_changed,
        report.unchanged,
        report.lines_in_conflict
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) fn keys(args: &KeysArgs) -> CliResult {
    let options = OpenOptions { sizes: args.sizes.sizes(), ..OpenOptions::default() };
    let data = DataDir::open(&args.data.dir)?;
    let master_key = data.master_key()?;
    let (books, _) = OpenedBooks::open(data, &options)?;
    let campus = campus_of(&books.engine().copy_state().0, &master_key, args.address);
    campus.write(&args.out)?;
    println!(
        "wrote {} tills, {} gateways, {} counters and {} holders with their keys to {}; keep it secret",
        campus.tills.len(),
        campus.gateways.len(),
        campus.counters.len(),
        campus.holders.len(),
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// The campus as a load generator must know it.
pub(super) fn campus_of(state: &State, master_key: &Key128, address: std::net::SocketAddr) -> Campus {
    let hex = |key: Key128| HexKey(*key.as_bytes());
    // As of now: the server goes by logged time, which is never behind.
    let now_ns = SystemClock.wall_ns();
    let earlier_key = |t: &Terminal| {
        let version = state.registry.earlier_sign_in_key(t, now_ns)?;
        Some(hex(derive_terminal_key(master_key, t.terminal, version)))
    };
    let tills = |kind: TerminalKind| {
        let of_kind = state.registry.terminals().iter().filter(move |t| t.kind == kind && t.enabled);
        of_kind
            .map(|t| CampusTill {
                terminal: t.terminal.0,
                key: hex(derive_terminal_key(master_key, t.terminal, t.key_version)),
                earlier_key: earlier_key(t),
                epoch: 1,
                merchant: t.merchant.0,
            })
            .collect()
    };
    let holders = (0..state.registry.accounts())
        .map(protocol::ids::AccountId)
        .filter_map(|id| Some((id, account(&state.shards, id)?)))
        .map(|(id, account)| CampusHolder {
            account: id.0,
            student_no: text_of(account.student_number()),
            card_uid: Some(account.card_uid().0).filter(|&uid| uid != 0),
        })
        .collect();
    Campus {
        address,
        tills: tills(TerminalKind::PointOfSale),
        gateways: tills(TerminalKind::PhoneGateway),
        counters: tills(TerminalKind::Counter),
        card_centre: tills(TerminalKind::CardCentre),
        finance: tills(TerminalKind::Finance),
        administrators: tills(TerminalKind::Administrator),
        holders,
        card_master_key: hex(derive_card_master(master_key)),
        code_keys: code_keys_of(master_key, state.registry.code_key().version),
    }
}

/// The keys under which phones make payment codes: the one in use, and those that come into use after it.
pub(super) fn code_keys_of(master_key: &Key128, current: u32) -> Vec<CampusCodeKey> {
    let key = |version| HexKey(*derive_code_key(master_key, version).as_bytes());
    (current..=current.saturating_add(CODE_KEY_ID_MAX.into()))
        .map(|version| CampusCodeKey { version, key: key(version) })
        .collect()
}
