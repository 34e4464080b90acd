//! Books to measure with: tills, accounts with a card and money in a snapshot, and debits after it in the log.

use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::Duration;

use loadgen::campus::{Campus, CampusHolder, CampusTill, HexKey};
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, MerchantId, Sequence, TerminalId};
use protocol::keys::{Key128, derive_card_master, derive_terminal_key};
use protocol::result_code::ResultCode;
use wal::{AppendError, LogWriter};

use super::LimitsError;
use crate::data_dir::DataDir;
use crate::ledger::command::{
    BindCard, CardDebit, OpenAccount, Opening, RegisterMerchant, RegisterTerminal, Sale, SetPolicy,
};
use crate::ledger::record::Wallet;
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::{Command, Request, Sizes, TerminalSlot};
use crate::opened_books::{BooksError, LogBackEnd, OpenOptions, OpenedBooks};
use crate::runtime::engine::{Engine, EngineError, Reply};

/// What every account starts with, fen. A debit of a run takes one.
pub const OPENING_FEN: i64 = 1_000_000;
/// Merchants that the tills sell for.
const MERCHANTS: u32 = 8;
/// Number of the first till; the others follow it.
pub const FIRST_TILL: u32 = 1_001;
/// Number of the card of account 0; each next account's is [`CARD_STEP`] higher.
const FIRST_CARD: u64 = 20_000_000;
/// Between the cards of two accounts.
const CARD_STEP: u64 = 37;
/// Epoch of every till.
const EPOCH: Epoch = Epoch(1);
/// Configuration commands between two waits for the disk.
const SYNC_EVERY: u32 = 8_192;
/// Debits decided in one turn.
const BATCH: u64 = 64;
/// Between two tries when the log has no room at the moment.
const ROOM_PAUSE: Duration = Duration::from_millis(1);

/// Card counters below this are used by the debits in the log; runs start above it.
pub const CARD_COUNTERS_USED: u32 = 1_000_000;

/// What the books hold.
#[derive(Clone, Copy, Debug)]
pub struct BooksSpec {
    /// Accounts, each with a card and money.
    pub accounts: u32,
    /// Tills.
    pub tills: u16,
    /// Debits in the log after the snapshot: what the next start replays.
    pub debits: u64,
    /// What writes the log.
    pub back_end: LogBackEnd,
}

/// The student number of an account, as the ledger keeps it.
pub(super) fn student_number(account: u32) -> [u8; 16] {
    crate::import::apply::padded(&number_text(account))
}

fn number_text(account: u32) -> String {
    format!("{}", 2_600_000 + u64::from(account))
}

/// The card bound to an account.
pub(crate) fn card_of(account: u32) -> CardUid {
    CardUid(FIRST_CARD + u64::from(account) * CARD_STEP)
}

/// The account that a card of such books is bound to.
pub fn account_of(card: CardUid) -> AccountId {
    AccountId((card.0.saturating_sub(FIRST_CARD) / CARD_STEP) as u32)
}

/// Makes the books in an empty directory, leaves them as after a kill, and gives the campus that a load generator
/// needs. The campus's address is still to be set.
///
/// # Errors
/// The disk's, or the ledger refuses what it shouldn't.
pub fn make(dir: &Path, spec: &BooksSpec) -> Result<Campus, LimitsError> {
    let data = DataDir::create_or_open(dir).map_err(BooksError::from)?;
    let master_key = data.master_key().map_err(BooksError::from)?;
    let options = open_options(spec);
    let (books, _) = OpenedBooks::open(data, &options)?;
    with_writer(&books, |engine| open_accounts(engine, spec))?;
    books.close()?;
    if spec.debits > 0 {
        let data = DataDir::open(dir).map_err(BooksError::from)?;
        let (books, _) = OpenedBooks::open(data, &options)?;
        with_writer(&books, |engine| debit(engine, spec))?;
    }
    Ok(campus(spec, &master_key))
}

/// How such books are opened.
pub(super) fn open_options(spec: &BooksSpec) -> OpenOptions {
    let accounts_max = spec.accounts.next_power_of_two().max(1 << 16);
    let terminals_max = spec.tills.max(Sizes::default().terminals_max);
    let sizes =
        Sizes { shards: 4, accounts_max, cards_max: 2 * accounts_max, terminals_max, ..Sizes::default() };
    OpenOptions { sizes, back_end: spec.back_end, log_bytes_max: None }
}

fn with_writer(
    books: &OpenedBooks,
    work: impl FnOnce(&Engine) -> Result<(), LimitsError>,
) -> Result<(), LimitsError> {
    let writer =
        LogWriter::spawn(books.engine().log().clone()).map_err(LimitsError::io("the log's threads"))?;
    let done = work(books.engine());
    writer.stop();
    books.engine().sync().map_err(EngineError::from)?;
    done
}

/// Registers the tills and opens the accounts, in any engine.
///
/// # Errors
/// The disk's, or the ledger refuses what it shouldn't.
pub fn open_accounts(engine: &Engine, spec: &BooksSpec) -> Result<(), LimitsError> {
    let policy = Policy { day_max_fen: u32::MAX, ..Policy::DEFAULT };
    configure(engine, Request::SetPolicy(SetPolicy { class: 0, policy }))?;
    for number in 1..=MERCHANTS {
        let merchant = MerchantId(number);
        configure(
            engine,
            Request::RegisterMerchant(RegisterMerchant { merchant, name: "canteen", enabled: true }),
        )?;
    }
    for till in 0..spec.tills {
        configure(
            engine,
            Request::RegisterTerminal(RegisterTerminal {
                terminal: terminal_of(till),
                merchant: merchant_of(till),
                kind: TerminalKind::PointOfSale,
                key_version: 1,
                enabled: true,
            }),
        )?;
    }
    for number in 0..spec.accounts {
        let account = AccountId(number);
        configure(
            engine,
            Request::OpenAccount(OpenAccount { student_number: student_number(number), class: 0 }),
        )?;
        configure(engine, Request::BindCard(BindCard { account, card_uid: card_of(number) }))?;
        configure(
            engine,
            Request::Opening(Opening { account, wallet: Wallet::Card, amount_fen: OPENING_FEN }),
        )?;
        if number % SYNC_EVERY == SYNC_EVERY - 1 {
            engine.sync().map_err(EngineError::from)?;
        }
    }
    Ok(())
}

/// Tries again while the log has no room at the moment.
fn configure(engine: &Engine, request: Request<'_>) -> Result<(), LimitsError> {
    loop {
        match engine.configure(request) {
            Ok(_) => return Ok(()),
            Err(EngineError::NotTaken(AppendError::StagingFull)) => make_room(engine)?,
            Err(error) => return Err(error.into()),
        }
    }
}

fn make_room(engine: &Engine) -> Result<(), LimitsError> {
    engine.sync().map_err(EngineError::from)?;
    thread::sleep(ROOM_PAUSE);
    Ok(())
}

/// Debits of one fen, over all accounts in a scrambled order and all tills in turn, in an engine that has them. Call it
/// once.
///
/// # Errors
/// The disk's, or a debit is refused.
pub fn debit(engine: &Engine, spec: &BooksSpec) -> Result<(), LimitsError> {
    debit_some(engine, spec, 0..spec.debits)
}

/// The same in blocks of `block_debits`, each durable before the next is begun: what a log looks like when few tills are
/// waiting at a time. Call it once, without a [`LogWriter`].
///
/// # Errors
/// As [`debit`].
pub fn debit_in_blocks(engine: &Engine, spec: &BooksSpec, block_debits: u64) -> Result<(), LimitsError> {
    let mut next = 0;
    while next < spec.debits {
        let end = spec.debits.min(next + block_debits.max(1));
        debit_some(engine, spec, next..end)?;
        engine.sync().map_err(EngineError::from)?;
        next = end;
    }
    Ok(())
}

/// The account that a debit is of: an odd prime walks over all of them.
fn account_of_debit(debit: u64, accounts: u32) -> u32 {
    (debit % u64::from(accounts) * 2_654_435_761 % u64::from(accounts)) as u32
}

fn debit_some(engine: &Engine, spec: &BooksSpec, debits: Range<u64>) -> Result<(), LimitsError> {
    let tills = u64::from(spec.tills);
    let command = |debit: u64| {
        let (till, sequence) = ((debit % tills) as u16, (debit / tills) as u32 + 1);
        let tap = (debit / u64::from(spec.accounts)) as u32 + 1;
        card_debit(till, sequence, account_of_debit(debit, spec.accounts), tap)
    };
    let mut next = debits.start;
    while next < debits.end {
        let end = debits.end.min(next + BATCH);
        let routes = engine.routes();
        let mut turn = routes.hold_for((next..end).map(&command));
        let mut full = false;
        while next < end && !full {
            match turn.execute(&command(next)) {
                Reply::Outcome(outcome) if outcome.code.is_approved() => next += 1,
                Reply::Refused(ResultCode::Busy) => full = true,
                Reply::Refused(code) => return Err(refused(code)),
                reply => return Err(refused(code_of(&reply))),
            }
        }
        drop(turn);
        if full {
            make_room(engine)?;
        }
    }
    Ok(())
}

/// A debit of one fen: the till's `sequence` from 1, and the card's `tap` from 1, each higher than before.
pub fn card_debit(till: u16, sequence: u32, account: u32, tap: u32) -> Command<'static> {
    static RAW: [u8; super::echo_server::REQUEST_BYTES] = [0; super::echo_server::REQUEST_BYTES];
    Command::from(Request::CardDebit(CardDebit {
        sale: Sale {
            slot: TerminalSlot(till),
            terminal: terminal_of(till),
            epoch: EPOCH,
            sequence: Sequence(sequence),
            raw: &RAW,
        },
        card_uid: card_of(account),
        card_counter: CardCounter(tap),
        amount_fen: 1,
    }))
}

fn code_of(reply: &Reply) -> ResultCode {
    match reply {
        Reply::Outcome(outcome) => outcome.code,
        _ => ResultCode::UnknownSale,
    }
}

fn refused(code: ResultCode) -> LimitsError {
    LimitsError::Refused { what: "a debit of the books to measure with", code }
}

fn terminal_of(till: u16) -> TerminalId {
    TerminalId(FIRST_TILL + u32::from(till))
}

fn merchant_of(till: u16) -> MerchantId {
    MerchantId(1 + u32::from(till) % MERCHANTS)
}

/// The campus of such books under this master key. Its address is still to be set.
pub fn campus(spec: &BooksSpec, master_key: &Key128) -> Campus {
    let tills = (0..spec.tills).map(|till| CampusTill {
        terminal: terminal_of(till).0,
        key: HexKey(*derive_terminal_key(master_key, terminal_of(till), 1).as_bytes()),
        earlier_key: None,
        epoch: EPOCH.0,
        merchant: merchant_of(till).0,
    });
    let holders = (0..spec.accounts).map(|account| CampusHolder {
        account,
        student_no: number_text(account),
        card_uid: Some(card_of(account).0),
    });
    Campus {
        address: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        tills: tills.collect(),
        gateways: Vec::new(),
        counters: Vec::new(),
        card_centre: Vec::new(),
        finance: Vec::new(),
        administrators: Vec::new(),
        holders: holders.collect(),
        card_master_key: HexKey(*derive_card_master(master_key).as_bytes()),
        code_keys: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{self, AuditOptions};

    #[test]
    fn the_books_pass_the_audit_and_the_debits_lie_behind_the_snapshot() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let spec = BooksSpec { accounts: 300, tills: 7, debits: 1_000, back_end: LogBackEnd::Through };
        let campus = make(dir.path(), &spec).expect("they can be made");
        campus.validate().expect("a load generator can play it");

        let data = DataDir::open(dir.path()).expect("it was just made");
        let (books, report) = OpenedBooks::open(data, &OpenOptions::default()).expect("they open again");
        assert_eq!(report.recovery.records_replayed, 1_000);
        assert_eq!((report.accounts, report.terminals), (300, 7));
        books.close().expect("they close");
        let report = audit::verify(dir.path(), &AuditOptions::default()).expect("the log can be read");
        assert!(report.ok, "{report}");
        assert_eq!(report.totals.debits_fen, 1_000);
    }
}
