//! A small log of a busy lunch, and what a start from an image of it comes to.

use std::sync::Arc;

use engine::ledger::command::{
    AccountSelector, BillHead, BindCard, CardDebit, Carried, Channel, CutOff, OfflineFact, OpenAccount,
    Opening, RegisterMerchant, RegisterTerminal, Reversal, Sale, TopUp,
};
use engine::ledger::record::Wallet;
use engine::ledger::state::{account, sum_of_all_fen, total_fen};
use engine::ledger::{Clearing, Command, LedgerAccount, Request, Sizes, TerminalSlot, snapshot};
use engine::runtime::bill;
use engine::runtime::engine::{Engine, EngineError, Reply, Sources};
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, Sequence, TerminalId,
};
use protocol::terminal_kind::TerminalKind;
use wal::{Clock, LogConfig, LogId, Simulated, Storage};

use super::naive_books::Books;

const ACCOUNTS: u32 = 12;
const TILLS: u16 = 4;

/// A clock that goes on by one microsecond whenever it is looked at.
#[derive(Default)]
struct Ticking(std::sync::atomic::AtomicU64);

impl Clock for Ticking {
    fn wall_ns(&self) -> u64 {
        1_795_492_800_000_000_000 + self.monotonic_ns()
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed)
    }
}

fn sizes(shards: usize) -> Sizes {
    Sizes {
        shards,
        accounts_max: 32,
        cards_max: 64,
        terminals_max: 8,
        merchants_max: 2,
        outcomes_per_terminal: 16,
        orders_max: 2_048,
        ..Sizes::default()
    }
}

/// Opens an engine on this medium.
pub fn open(medium: &Simulated, shards: usize) -> Result<Engine, EngineError> {
    let sources = Sources {
        storage: Arc::new(medium.clone()),
        log: LogConfig::small(LogId([7; 16])),
        clock: Arc::new(Ticking::default()),
        sizes: sizes(shards),
        snapshot: None,
        orders: None,
    };
    Engine::open(sources).map(|(engine, _)| engine)
}

fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// A log of a few hundred postings in many blocks, ended by `seal` or as it stands.
pub fn busy_log(seed: u64, seal: bool) -> Simulated {
    let medium = Simulated::new();
    let engine = open(&medium, 4).expect("an empty medium opens");
    set_up(&engine);
    let mut draws = seed;
    let mut sequences = [0_u32; TILLS as usize];
    for step in 0..400_u32 {
        let slot = (draw(&mut draws) % u64::from(TILLS)) as u16;
        sequences[usize::from(slot)] += 1;
        let sequence = Sequence(sequences[usize::from(slot)]);
        let sale =
            Sale { slot: TerminalSlot(slot), terminal: terminal(slot), epoch: Epoch(1), sequence, raw: b"" };
        let account = AccountId((draw(&mut draws) % u64::from(ACCOUNTS)) as u32);
        let amount_fen = 1 + (draw(&mut draws) % 400) as i64;
        let request = match draw(&mut draws) % 8 {
            0 => Request::TopUp(TopUp {
                sale,
                account: AccountSelector::Account(account),
                amount_fen: amount_fen * 10,
                channel: Channel::Alipay,
                order_number: [(step % 250) as u8 + 1; 32],
            }),
            1 => Request::Offline(OfflineFact {
                sale,
                record_terminal: sale.terminal,
                card_uid: CardUid(9_000 + u64::from(account.0)),
                card_counter: CardCounter(step + 1),
                amount_fen: amount_fen * 8,
                till_time_ns: 1_795_492_800_000_000_000,
                list: None,
                authentic: true,
                carried: Carried::default(),
            }),
            2 if sequence.0 > 2 => Request::Reversal(Reversal {
                sale,
                original_epoch: Epoch(1),
                original_sequence: Sequence(sequence.0 - 1),
                amount_fen,
            }),
            _ => Request::CardDebit(CardDebit {
                sale,
                card_uid: CardUid(9_000 + u64::from(account.0)),
                card_counter: CardCounter(step + 1),
                amount_fen,
            }),
        };
        let reply = engine.execute(&Command::from(request));
        assert!(matches!(reply, Reply::Outcome(_)), "{request:?}: {reply:?}");
        if draw(&mut draws).is_multiple_of(9) {
            engine.sync().expect("the medium is whole");
        }
    }
    engine.sync().expect("the medium is whole");
    if seal {
        engine.log().seal().expect("the medium is whole");
    }
    medium.kill()
}

fn terminal(slot: u16) -> TerminalId {
    TerminalId(101 + u32::from(slot))
}

fn set_up(engine: &Engine) {
    let done = |request: Request<'_>| {
        let outcome = engine.configure(request).expect("an empty campus takes its configuration");
        assert!(outcome.code.is_approved(), "{request:?}: {outcome:?}");
    };
    done(Request::CutOff(CutOff { opened: BusinessDate(9_824) }));
    let merchant = MerchantId(0);
    done(Request::RegisterMerchant(RegisterMerchant { merchant, name: "一食堂", enabled: true }));
    for slot in 0..TILLS {
        done(Request::RegisterTerminal(RegisterTerminal {
            terminal: terminal(slot),
            merchant,
            kind: TerminalKind::PhoneGateway,
            key_version: 1,
            enabled: true,
        }));
    }
    for number in 0..ACCOUNTS {
        let account = AccountId(number);
        let mut student_number = [0; 16];
        student_number[..2].copy_from_slice(&[b'1', b'A' + number as u8]);
        done(Request::OpenAccount(OpenAccount { student_number, class: 0 }));
        done(Request::BindCard(BindCard { account, card_uid: CardUid(9_000 + u64::from(number)) }));
        done(Request::Opening(Opening { account, wallet: Wallet::Electronic, amount_fen: 5_000 }));
    }
    engine.sync().expect("the medium is whole");
}

/// One digest a record, and the books after each.
pub struct Truth {
    records: Vec<(u8, u64, Vec<u8>)>,
}

impl Truth {
    /// Reads the records of an undamaged log.
    pub fn of(medium: &Simulated) -> Truth {
        let engine = open(&medium.kill(), 2).expect("an undamaged log opens");
        let reader = engine.log().reader();
        let records = reader.scan(1).map(|found| {
            let found = found.expect("an undamaged log reads");
            (found.kind, found.time_ns, found.payload.to_vec())
        });
        Truth { records: records.collect() }
    }

    /// Records in the undamaged log.
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Starts from an image. `None`: the engine refuses to start. Otherwise the number of records that it came back
    /// with, after its balances were held against the naive sum of that prefix.
    ///
    /// # Errors
    /// It came back wrong.
    pub fn start(&self, medium: &Simulated, shards: usize) -> Result<Option<u64>, String> {
        let Ok(engine) = open(medium, shards) else { return Ok(None) };
        let (state, last) = engine.copy_state();
        let mut books = Books::default();
        let mut seen = 0;
        for found in engine.log().reader().scan(1) {
            let found = found.map_err(|error| format!("record {} can't be read: {error}", seen + 1))?;
            let same = self.records.get(seen).is_some_and(|(kind, time_ns, payload)| {
                (*kind, *time_ns, payload.as_slice()) == (found.kind, found.time_ns, found.payload)
            });
            if !same {
                return Err(format!("record {} isn't what was written", found.number));
            }
            books.take(&found)?;
            seen += 1;
        }
        if seen as u64 != last.0 {
            return Err(format!("the state stands at record {last}, the log ends with {seen}"));
        }
        for number in 0..ACCOUNTS {
            let person = AccountId(number);
            let held = account(&state.shards, person).map(|account| {
                use Wallet::{Card, Electronic, Transition};
                [Card, Transition, Electronic].map(|wallet| account.wallet_fen(wallet))
            });
            let summed = books.standings(person).last().map(|standing| standing.wallets);
            if held != summed {
                return Err(format!(
                    "account {person} holds {held:?}, the prefix of {seen} sums to {summed:?}"
                ));
            }
            check_bill(&engine, &books, person)?;
        }
        let hot = [LedgerAccount::merchant(MerchantId(0)), LedgerAccount::held_back(MerchantId(0))];
        for hot in hot.into_iter().chain(Clearing::ALL.map(LedgerAccount::clearing)) {
            let (held_fen, summed_fen) = (total_fen(&state.shards, hot), books.hot_fen(hot));
            if held_fen != summed_fen {
                return Err(format!("{hot} holds {held_fen}, the prefix of {seen} sums to {summed_fen}"));
            }
        }
        let sums = (sum_of_all_fen(&state.shards), books.sum_fen(), books.persons());
        if sums.0 != 0 || sums.1 != 0 || sums.2 > ACCOUNTS as usize {
            return Err(format!("sums: {sums:?}"));
        }
        Ok(Some(last.0))
    }

    /// The state's digest after a start, if the engine starts.
    pub fn digest(medium: &Simulated, shards: usize) -> Option<[u8; 32]> {
        open(medium, shards).ok().map(|engine| snapshot::digest_of(&engine.copy_state().0))
    }
}

/// The account's chain in the log has every record that names it.
fn check_bill(engine: &Engine, books: &Books, person: AccountId) -> Result<(), String> {
    let standings = books.standings(person);
    let Some(newest) = standings.last() else { return Ok(()) };
    let selector = AccountSelector::Account(person);
    let Reply::BillHead(view) =
        engine.execute(&Command::from(Request::BillHead(BillHead { account: selector })))
    else {
        return Err(format!("account {person} has no bill"));
    };
    let page = bill::page(&engine.log().reader(), person, view.head, RecordNumber(0), usize::MAX);
    let lines = page.map_err(|error| format!("account {person}'s bill: {error}"))?.lines.len();
    let postings = standings.iter().filter(|standing| standing.posting).count();
    if (view.head.0, lines) != (newest.number, postings) {
        return Err(format!("account {person}'s bill has {lines} lines from {}, not {postings}", view.head));
    }
    Ok(())
}

/// A copy of a medium with one segment replaced.
pub fn with_segment(medium: &Simulated, segment_id: u32, image: Vec<u8>) -> Simulated {
    let copy = medium.kill();
    copy.set_image(segment_id, Some(image));
    copy
}

/// The segments that are in use, in order, with their bytes.
pub fn segments(medium: &Simulated) -> Vec<(u32, Vec<u8>)> {
    let ids = medium.list().expect("a simulated medium lists its segments");
    let images = ids.into_iter().filter_map(|id| Some((id, medium.image(id)?)));
    images.filter(|(_, image)| image.iter().any(|byte| *byte != 0)).collect()
}
