//! The whole state as a stream of bytes, and its digest.
//!
//! ```text
//! │ magic, 8 bytes │ version u32 │ zero u32 │ section ×24, in order of tag │ BLAKE3 of all before, 32 bytes │
//! section: │ tag u32 │ bytes of a row u32 │ rows u64 │ rows │
//! ```
//!
//! Rows carry logical ids, so a snapshot can be read into another number of shards, and into larger tables. Parts
//! of hot accounts are kept apart (a part's chain goes on where it stood) and added up when there are fewer shards.
//!
//! The **digest** is that of the same stream with the hot parts summed and without their chains, and without the orders,
//! which are remembered for speed alone: equal states have equal digests whatever their shard count. It depends on how many
//! outcomes a till's ring holds.
//!
//! How far orders were forgotten isn't in it. Every order of a record up to the newest in it is taken as forgotten by who
//! reads it: the index of orders is asked once more than it must be.

mod rows;

use std::io::{self, Read, Write};

use protocol::ids::{AccountId, BusinessDate, CardUid, MerchantId, RecordNumber, TerminalId, VirtualId};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::account::Account;
use super::block_list::{BlockList, BlockMove, BlockedSince};
use super::card_stock::StockBlock;
use super::command::TerminalSlot;
use super::directory::{CardRoute, Directory};
use super::error::LedgerError;
use super::holder::Holder;
use super::hot::HotPart;
use super::ledger_account::{Clearing, LedgerAccount};
use super::limits::NAME_BYTES_MAX;
use super::meals::MealSpent;
use super::open_taps::OpenTap;
use super::orders::Order;
use super::outcome_ring::RememberedOutcome;
use super::proposals;
use super::record::{
    MealPeriodSetRecord, MerchantRegisteredRecord, OfficeRulesSetRecord, PolicySetRecord, PriceSetRecord,
    TerminalRegisteredRecord,
};
use super::registry::{
    AuthoriseRule, CodeKey, KeyRotation, MealPeriod, Merchant, Name, OfficeRules, Policy, Registry, Terminal,
    TerminalKind,
};
use super::shard::{Layout, Parts};
use super::state::{Sizes, State};
use super::subsidies;
use super::terminal_entry::TerminalEntry;
use rows::{
    AccountRow, BatchRow, BlockRow, BooksRow, CardPastRow, CardRow, CodeKeyRow, HolderRow, HotRow,
    KeyRotationRow, LineRow, MealPeriodRow, MealRow, MerchantRow, OpenTapRow, OrderRow, OutcomeRow,
    ProposalRow, Row, StockRow, TillRow,
};

const MAGIC: [u8; 8] = *b"YIKALEDG";
/// Version 1 had no subsidy parts and no counters seen, version 2 no block-list, no holders and no subsidy part of offline debits,
/// version 3 nothing of operators, version 4 no open taps and nothing of cards but whose they are, version 5 no payment-code key and no
/// ages of gaps, version 6 not the moments at which cards came back, version 7 no cashiers, shifts and batches, version 8 places for few
/// gaps, version 9 no limits of payments by code, version 10 not what operators adjusted alone, version 11 no subsidy batches, no
/// changes of terminals' keys, no stock of cards and no prices, version 12 no limits of meals; what they left out can only be had from the log.
const VERSION: u32 = 13;

/// Bytes gathered before they are hashed and written.
const CHUNK_BYTES: usize = 1 << 16;

/// Writes everything. Needs every shard, and the registry and the directory unchanging meanwhile.
///
/// # Errors
/// What the writer says.
pub fn write<P: Parts + ?Sized>(
    registry: &Registry,
    directory: &Directory,
    parts: &P,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut sink = Sink::new(out);
    stream(registry, directory, parts, Heads::Kept, &mut sink)?;
    let hash = sink.finish()?;
    out.write_all(&hash)
}

/// The logical digest of the state. Needs every shard.
pub fn digest<P: Parts + ?Sized>(registry: &Registry, directory: &Directory, parts: &P) -> [u8; 32] {
    let mut nowhere = io::sink();
    let mut sink = Sink::new(&mut nowhere);
    match stream(registry, directory, parts, Heads::Summed, &mut sink).and_then(|()| sink.finish()) {
        Ok(hash) => hash,
        Err(_) => unreachable!("a sink takes everything"),
    }
}

/// [`digest`] of a state in one piece.
pub fn digest_of(state: &State) -> [u8; 32] {
    digest(&state.registry, &state.directory, &state.shards)
}

/// Reads a state into tables of the given sizes.
///
/// # Errors
/// [`LedgerError::OldSnapshot`] for one of an earlier version: the log has it all;
/// [`LedgerError::BadSnapshot`] for a stream that isn't a whole snapshot of this version, with the right digest;
/// [`LedgerError::TableFull`] when the sizes are too small for it, and [`LedgerError::BadSize`].
pub fn read(input: &mut dyn Read, sizes: &Sizes) -> Result<State, LedgerError> {
    let mut state = State::new(sizes)?;
    let mut source = Source { input, hasher: blake3::Hasher::new() };
    let mut head = [0; 16];
    source.take(&mut head)?;
    if head[..8] != MAGIC {
        return Err(bad("it doesn't begin like a ledger snapshot"));
    }
    let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if (1..VERSION).contains(&version) {
        return Err(LedgerError::OldSnapshot { version });
    }
    if version != VERSION {
        return Err(bad(&format!("version {version} isn't known; this is version {VERSION}")));
    }
    let mut reader = Reader { layout: Layout::new(sizes.shards), state: &mut state, accounts: 0 };
    source.section(|row| reader.books(row))?;
    source.section(|row| reader.merchant(row))?;
    source.section(|row| reader.terminal(row))?;
    source.section(|row| reader.policy(row))?;
    source.section(|row| reader.meal_period(row))?;
    source.section(|row| reader.price(row))?;
    source.section(|row| reader.account(row))?;
    source.section(|row| reader.card(row))?;
    source.section(|row| reader.till(row))?;
    source.section(|row| reader.outcome(row))?;
    source.section(|row| reader.hot(row))?;
    source.section(|row| reader.order(row))?;
    source.section(|row| reader.open_tap(row))?;
    source.section(|row| reader.card_past(row))?;
    source.section(|row| reader.block(row))?;
    source.section(|row| reader.holder(row))?;
    source.section(|row| reader.code_key(row))?;
    source.section(|row| reader.office(row))?;
    source.section(|row| reader.proposal(row))?;
    source.section(|row| reader.batch(row))?;
    source.section(|row| reader.line(row))?;
    source.section(|row| reader.key_rotation(row))?;
    source.section(|row| reader.stock(row))?;
    source.section(|row| reader.meal(row))?;
    let accounts = reader.accounts;
    let hash = *source.hasher.finalize().as_bytes();
    let mut recorded = [0; 32];
    source.take(&mut recorded)?;
    if hash != recorded {
        return Err(bad("its digest is wrong"));
    }
    if accounts != state.registry.accounts {
        return Err(bad("accounts are missing"));
    }
    Ok(state)
}

fn bad(reason: &str) -> LedgerError {
    LedgerError::BadSnapshot { reason: reason.to_owned() }
}

/// What becomes of what depends on the shard count: the parts of hot accounts, and which orders are remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heads {
    Kept,
    Summed,
}

fn stream<P: Parts + ?Sized>(
    registry: &Registry,
    directory: &Directory,
    parts: &P,
    heads: Heads,
    sink: &mut Sink<'_>,
) -> io::Result<()> {
    let layout = Layout::new(parts.shard_count());
    sink.put(&MAGIC)?;
    sink.put(&VERSION.to_le_bytes())?;
    sink.put(&[0; 4])?;
    sink.section(
        1,
        [BooksRow {
            changed: registry.changed.0.into(),
            accounts: registry.accounts.into(),
            subsidies_gone_up_to: registry.subsidies.gone_up_to.into(),
            business_date: registry.business_date.0.into(),
            reserved: [0; 6],
        }],
    )?;
    sink.section(registry.merchants().count(), registry.merchants().map(merchant_row))?;
    sink.section(registry.terminals.len(), registry.terminals.iter().map(terminal_row))?;
    sink.section(registry.policies.len(), (0_u8..).zip(&registry.policies).map(policy_row))?;
    sink.section(registry.meal_periods().count(), registry.meal_periods().map(meal_period_row))?;
    sink.section(registry.prices.lines().count(), registry.prices.lines().map(price_row))?;
    let accounts = (0..registry.accounts).filter_map(|id| layout.account(parts, AccountId(id)));
    sink.section(registry.accounts as usize, accounts.map(AccountRow::from))?;
    let cards = directory.cards_in_order();
    sink.section(
        cards.len(),
        cards.iter().map(|&(uid, route)| CardRow {
            card_uid: uid.0.into(),
            account: U32::new(route.account().map_or(0, |account| account.0)),
            conflicted: u8::from(route == CardRoute::Conflicted),
            reserved: [0; 3],
        }),
    )?;
    let entries = || {
        registry
            .terminals
            .iter()
            .filter_map(|terminal| Some((terminal.slot.0, layout.terminal(parts, terminal.slot)?)))
    };
    sink.section(entries().count(), entries().map(|(slot, entry)| TillRow::new(slot, entry)))?;
    let outcomes = || entries().flat_map(|(slot, entry)| sorted(entry).into_iter().map(move |o| (slot, o)));
    let count = entries().map(|(_, entry)| entry.ring.remembered().count()).sum();
    sink.section(count, outcomes().map(|(slot, outcome)| OutcomeRow::new(slot, &outcome)))?;
    let hot = hot_rows(parts, heads);
    sink.section(hot.len(), hot)?;
    if heads == Heads::Kept {
        let mut orders: Vec<Order> =
            (0..parts.shard_count()).flat_map(|shard| parts.shard(shard).orders.iter().copied()).collect();
        orders.sort_unstable_by_key(|order| order.record);
        sink.section(orders.len(), orders.iter().map(OrderRow::from))?;
    }
    let taps = open_taps(parts);
    sink.section(taps.len(), taps.iter().map(OpenTapRow::from))?;
    let pasts = directory.card_pasts_in_order();
    sink.section(pasts.len(), pasts.iter().map(CardPastRow::from))?;
    let blocks = block_rows(&registry.block_list);
    sink.section(blocks.len(), blocks)?;
    let holders = || {
        (0..registry.accounts)
            .map(|id| (id, layout.holder(parts, AccountId(id))))
            .filter(|(_, holder)| *holder != Holder::default())
    };
    sink.section(holders().count(), holders().map(|(id, holder)| HolderRow::new(id, &holder)))?;
    let CodeKey { version, earlier_until_step } = registry.code_key;
    let row = CodeKeyRow { version: version.into(), earlier_until_step: earlier_until_step.into() };
    sink.section(1, [row])?;
    sink.section(1, [office_row(registry)])?;
    let proposals = proposals::waiting(parts);
    sink.section(proposals.len(), proposals.iter().map(ProposalRow::from))?;
    let batches = || registry.subsidies.iter();
    let rows = batches().map(|batch| BatchRow::new(batch, &subsidies::totals(parts, batch.number)));
    sink.section(batches().count(), rows)?;
    let lines = || {
        batches().flat_map(|batch| {
            let lines = subsidies::lines(parts, batch.number, AccountId(0), usize::MAX);
            lines.into_iter().map(move |line| LineRow::new(batch.number, &line))
        })
    };
    sink.section(lines().count(), lines())?;
    let rotations = || {
        let of_terminals = registry.terminals.iter().zip(&registry.key_rotations);
        of_terminals.filter(|(_, rotation)| **rotation != KeyRotation::NEVER)
    };
    sink.section(
        rotations().count(),
        rotations().map(|(terminal, rotation)| KeyRotationRow {
            rotated_ns: rotation.rotated_ns.into(),
            slot: terminal.slot.0.into(),
            taken: rotation.taken.into(),
            reserved: [0; 5],
        }),
    )?;
    let stock = registry.card_stock.blocks();
    sink.section(
        stock.len(),
        stock.iter().map(|row| StockRow { block: row.block.into(), bits: row.bits.map(Into::into) }),
    )?;
    let meals = || {
        (0..registry.accounts)
            .map(|id| (id, layout.meal(parts, AccountId(id))))
            .filter(|(_, spent)| *spent != MealSpent::default())
    };
    sink.section(meals().count(), meals().map(|(id, spent)| MealRow::new(id, &spent)))
}

/// What is blocked, in order of card, then the moves, in order of version.
fn block_rows(list: &BlockList) -> Vec<BlockRow> {
    let row = |card_uid: u64, version: u32, time_ns: u64, what: u8| BlockRow {
        card_uid: card_uid.into(),
        time_ns: time_ns.into(),
        version: version.into(),
        what,
        reserved: [0; 3],
    };
    let blocked = list.blocked_in_order().into_iter();
    let blocked = blocked.map(|(uid, since)| {
        let what = if since.lost { BlockRow::LOST } else { BlockRow::BLOCKED };
        row(uid, since.version, since.time_ns, what)
    });
    let moves = list.moves().map(|step| {
        let what = if step.blocked { BlockRow::MOVE_ON } else { BlockRow::MOVE_OFF };
        row(step.card_uid.0, step.version, 0, what)
    });
    blocked.chain(moves).collect()
}

fn sorted(entry: &TerminalEntry) -> Vec<RememberedOutcome> {
    let mut outcomes: Vec<_> = entry.ring.remembered().copied().collect();
    outcomes.sort_unstable_by_key(|outcome| (outcome.epoch, outcome.sequence));
    outcomes
}

/// Every open tap with its key, in order of account.
fn open_taps<P: Parts + ?Sized>(parts: &P) -> Vec<(u64, OpenTap)> {
    let of_shard = |shard| parts.shard(shard).taps.in_order().into_iter().map(|(key, tap)| (key, *tap));
    let mut taps: Vec<_> = (0..parts.shard_count()).flat_map(of_shard).collect();
    taps.sort_unstable_by_key(|(key, _)| *key);
    taps
}

fn hot_rows<P: Parts + ?Sized>(parts: &P, heads: Heads) -> Vec<HotRow> {
    let merchants = parts.shard(0).hot.merchants.len();
    let merchants = || (0_u32..).take(merchants).map(MerchantId);
    let accounts = merchants()
        .map(LedgerAccount::merchant)
        .chain(merchants().map(LedgerAccount::held_back))
        .chain(Clearing::ALL.map(LedgerAccount::clearing));
    let mut rows = Vec::new();
    for account in accounts {
        let mut sum = HotPart::default();
        for (part, shard) in (0_u32..).zip(0..parts.shard_count()) {
            let Some(hot) = parts.shard(shard).hot.part(account) else { continue };
            if hot.postings == 0 {
                continue;
            }
            if heads == Heads::Kept {
                rows.push(HotRow::new(account, part, hot));
            } else {
                sum.total_fen += hot.total_fen;
                sum.postings += hot.postings;
            }
        }
        if sum.postings > 0 {
            rows.push(HotRow::new(account, 0, &sum));
        }
    }
    rows
}

fn name_bytes(name: &Name) -> ([u8; NAME_BYTES_MAX], u8) {
    let mut bytes = [0; NAME_BYTES_MAX];
    bytes[..name.as_bytes().len()].copy_from_slice(name.as_bytes());
    // A name is at most NAME_BYTES_MAX bytes, which fits.
    (bytes, name.as_bytes().len() as u8)
}

fn merchant_row(merchant: &Merchant) -> MerchantRow {
    let (name, name_bytes) = name_bytes(&merchant.name);
    MerchantRow {
        merchant: MerchantRegisteredRecord {
            merchant: merchant.merchant.0.into(),
            enabled: merchant.enabled.into(),
            name_bytes,
            reserved: U16::ZERO,
        },
        name,
    }
}

fn terminal_row(terminal: &Terminal) -> TerminalRegisteredRecord {
    TerminalRegisteredRecord {
        terminal: terminal.terminal.0.into(),
        merchant: terminal.merchant.0.into(),
        key_version: terminal.key_version.into(),
        slot: terminal.slot.0.into(),
        kind: terminal.kind as u8,
        enabled: terminal.enabled.into(),
    }
}

fn policy_row((class, policy): (u8, &Policy)) -> PolicySetRecord {
    PolicySetRecord {
        floor_fen: policy.floor_fen.into(),
        debit_max_fen: policy.debit_max_fen.into(),
        day_max_fen: policy.day_max_fen.into(),
        offline_debit_max_fen: policy.offline_debit_max_fen.into(),
        offline_day_max_fen: policy.offline_day_max_fen.into(),
        class,
        rule: policy.rule as u8,
        codes_need_phone: policy.codes_need_phone.into(),
        reserved: [0; 5],
        code_max_fen: policy.code_max_fen.into(),
        meal_max_fen: policy.meal_max_fen.into(),
    }
}

fn price_row((class, period, rate): (u8, u8, i16)) -> PriceSetRecord {
    PriceSetRecord { rate: rate.into(), class, period, reserved: [0; 4] }
}

fn office_row(registry: &Registry) -> OfficeRulesSetRecord {
    OfficeRulesSetRecord {
        adjust_alone_max_fen: registry.office.adjust_alone_max_fen.into(),
        proposal_s: registry.office.proposal_s.into(),
        adjust_alone_day_max_fen: registry.office.adjust_alone_day_max_fen.into(),
        cards_from_stock: registry.office.cards_from_stock.into(),
        reserved: [0; 7],
    }
}

fn meal_period_row((period, meal): (u8, &MealPeriod)) -> MealPeriodRow {
    let (name, name_bytes) = name_bytes(&meal.name);
    MealPeriodRow {
        period: MealPeriodSetRecord {
            start_minute: meal.start_minute.into(),
            end_minute: meal.end_minute.into(),
            period,
            name_bytes,
            reserved: U16::ZERO,
        },
        name,
    }
}

/// Gathers, hashes and writes.
struct Sink<'w> {
    out: &'w mut dyn Write,
    hasher: blake3::Hasher,
    chunk: Vec<u8>,
}

impl<'w> Sink<'w> {
    fn new(out: &'w mut dyn Write) -> Self {
        Self { out, hasher: blake3::Hasher::new(), chunk: Vec::with_capacity(CHUNK_BYTES) }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.chunk.len() + bytes.len() > CHUNK_BYTES {
            self.flush()?;
        }
        self.chunk.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.update(&self.chunk);
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    fn section<R: Row>(&mut self, count: usize, rows: impl IntoIterator<Item = R>) -> io::Result<()> {
        // A row is at most a few hundred bytes.
        let row_bytes = size_of::<R>() as u32;
        self.put(&R::TAG.to_le_bytes())?;
        self.put(&row_bytes.to_le_bytes())?;
        self.put(&(count as u64).to_le_bytes())?;
        let mut written = 0;
        for row in rows {
            self.put(row.as_bytes())?;
            written += 1;
        }
        if written == count { Ok(()) } else { Err(io::Error::other("a table changed while it was written")) }
    }

    fn finish(mut self) -> io::Result<[u8; 32]> {
        self.flush()?;
        Ok(*self.hasher.finalize().as_bytes())
    }
}

/// Reads and hashes.
struct Source<'r> {
    input: &'r mut dyn Read,
    hasher: blake3::Hasher,
}

impl Source<'_> {
    fn take(&mut self, bytes: &mut [u8]) -> Result<(), LedgerError> {
        self.input.read_exact(bytes).map_err(|error| bad(&error.to_string()))?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn section<R: Row + FromZeros + Copy>(
        &mut self,
        mut restore: impl FnMut(&R) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut head = [0; 16];
        self.take(&mut head)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if word(0) != R::TAG || word(4) as usize != size_of::<R>() {
            return Err(bad(&format!(
                "section {} of {}-byte rows isn't where it should be",
                word(0),
                word(4)
            )));
        }
        let mut left = u64::from(word(8)) | u64::from(word(12)) << 32;
        let mut rows = vec![R::new_zeroed(); CHUNK_BYTES / size_of::<R>()];
        while left > 0 {
            let count = rows.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.take(rows[..count].as_mut_bytes())?;
            rows[..count].iter().try_for_each(&mut restore)?;
            left -= count as u64;
        }
        Ok(())
    }
}

/// Puts rows where they belong.
struct Reader<'s> {
    layout: Layout,
    state: &'s mut State,
    accounts: u32,
}

impl Reader<'_> {
    fn books(&mut self, row: &BooksRow) -> Result<(), LedgerError> {
        let registry = &mut self.state.registry;
        registry.changed = RecordNumber(row.changed.get());
        registry.accounts = row.accounts.get();
        registry.subsidies.gone_up_to = row.subsidies_gone_up_to.get();
        registry.business_date = BusinessDate(row.business_date.get());
        if registry.accounts > registry.accounts_max {
            return Err(LedgerError::TableFull { table: "accounts" });
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "as every other row's")]
    fn code_key(&mut self, row: &CodeKeyRow) -> Result<(), LedgerError> {
        let (version, earlier_until_step) = (row.version.get(), row.earlier_until_step.get());
        self.state.registry.code_key = CodeKey { version, earlier_until_step };
        Ok(())
    }

    fn name(bytes: &[u8; NAME_BYTES_MAX], length: u8) -> Result<Name, LedgerError> {
        let text = bytes.get(..usize::from(length)).and_then(|bytes| core::str::from_utf8(bytes).ok());
        text.and_then(Name::new).ok_or_else(|| bad("a name isn't text"))
    }

    fn merchant(&mut self, row: &MerchantRow) -> Result<(), LedgerError> {
        let merchant = MerchantId(row.merchant.merchant.get());
        let name = Self::name(&row.name, row.merchant.name_bytes)?;
        let places = &mut self.state.registry.merchants;
        let place =
            places.get_mut(merchant.0 as usize).ok_or(LedgerError::TableFull { table: "merchants" })?;
        *place = Some(Merchant { merchant, name, enabled: row.merchant.enabled != 0 });
        Ok(())
    }

    fn terminal(&mut self, row: &TerminalRegisteredRecord) -> Result<(), LedgerError> {
        let slot = TerminalSlot(row.slot.get());
        let registry = &mut self.state.registry;
        if slot.0 >= registry.terminals_max {
            return Err(LedgerError::TableFull { table: "terminals" });
        }
        let terminal = TerminalId(row.terminal.get());
        let Err(at) = registry.position(terminal) else { return Err(bad("a terminal is there twice")) };
        if usize::from(slot.0) != registry.terminals.len() {
            return Err(bad("terminals aren't in order"));
        }
        registry.terminals.push(Terminal {
            terminal,
            merchant: MerchantId(row.merchant.get()),
            key_version: row.key_version.get(),
            slot,
            kind: TerminalKind::from_number(row.kind).ok_or_else(|| bad("a kind of terminal isn't known"))?,
            enabled: row.enabled != 0,
        });
        registry.key_rotations.push(KeyRotation::NEVER);
        registry.slots_by_terminal.insert(at, slot);
        let shard = &mut self.state.shards[self.layout.shard_of_terminal(slot)];
        shard.terminals.push(TerminalEntry::new(terminal, shard.outcomes_per_terminal));
        Ok(())
    }

    fn key_rotation(&mut self, row: &KeyRotationRow) -> Result<(), LedgerError> {
        let rotations = &mut self.state.registry.key_rotations;
        let rotation = rotations
            .get_mut(usize::from(row.slot.get()))
            .ok_or_else(|| bad("a changed key's terminal isn't registered"))?;
        *rotation = KeyRotation { rotated_ns: row.rotated_ns.get(), taken: row.taken != 0 };
        Ok(())
    }

    fn stock(&mut self, row: &StockRow) -> Result<(), LedgerError> {
        let block = StockBlock { block: row.block.get(), bits: row.bits.map(Into::into) };
        if self.state.registry.card_stock.restore(block) {
            Ok(())
        } else {
            Err(bad("the stock of cards isn't in order"))
        }
    }

    fn policy(&mut self, row: &PolicySetRecord) -> Result<(), LedgerError> {
        let policies = &mut self.state.registry.policies;
        let policy =
            policies.get_mut(usize::from(row.class)).ok_or_else(|| bad("a class is out of range"))?;
        *policy = Policy {
            floor_fen: row.floor_fen.get(),
            debit_max_fen: row.debit_max_fen.get(),
            day_max_fen: row.day_max_fen.get(),
            offline_debit_max_fen: row.offline_debit_max_fen.get(),
            offline_day_max_fen: row.offline_day_max_fen.get(),
            rule: AuthoriseRule::from_number(row.rule).ok_or_else(|| bad("a rule isn't known"))?,
            code_max_fen: row.code_max_fen.get(),
            meal_max_fen: row.meal_max_fen.get(),
            codes_need_phone: row.codes_need_phone != 0,
        };
        self.state.registry.prices.set_limited(row.class, row.meal_max_fen.get() != 0);
        Ok(())
    }

    fn meal_period(&mut self, row: &MealPeriodRow) -> Result<(), LedgerError> {
        let name = Self::name(&row.name, row.period.name_bytes)?;
        let periods = &mut self.state.registry.meal_periods;
        let place = periods
            .get_mut(usize::from(row.period.period))
            .ok_or_else(|| bad("a meal period is out of range"))?;
        let (start_minute, end_minute) = (row.period.start_minute.get(), row.period.end_minute.get());
        *place = Some(MealPeriod { name, start_minute, end_minute });
        let period = usize::from(row.period.period);
        self.state.registry.prices.set_times(period, start_minute, end_minute);
        Ok(())
    }

    fn price(&mut self, row: &PriceSetRecord) -> Result<(), LedgerError> {
        let taken = self.state.registry.prices.set(row.class, row.period, row.rate.get());
        if taken { Ok(()) } else { Err(bad("a rate is out of range")) }
    }

    fn account(&mut self, row: &AccountRow) -> Result<(), LedgerError> {
        let id = AccountId(self.accounts);
        if id.0 >= self.state.registry.accounts {
            return Err(bad("there are more accounts than it says"));
        }
        let account = row.account().ok_or_else(|| bad("an account's status isn't known"))?;
        if !self.state.directory.insert_student_number(&account.student_number, id) {
            return Err(LedgerError::TableFull { table: "student numbers" });
        }
        self.state.shards[self.layout.shard_of_account(id)].accounts.push(account);
        self.accounts += 1;
        Ok(())
    }

    fn card(&mut self, row: &CardRow) -> Result<(), LedgerError> {
        let uid = CardUid(row.card_uid.get());
        let directory = &mut self.state.directory;
        let inserted = if row.conflicted != 0 {
            directory.insert_conflicted(uid)
        } else {
            directory.insert_card(uid, AccountId(row.account.get()))
        };
        if inserted { Ok(()) } else { Err(LedgerError::TableFull { table: "cards" }) }
    }

    fn block(&mut self, row: &BlockRow) -> Result<(), LedgerError> {
        let list = &mut self.state.registry.block_list;
        let (card_uid, version) = (row.card_uid.get(), row.version.get());
        let lost = row.what == BlockRow::LOST;
        if lost || row.what == BlockRow::BLOCKED {
            let since = BlockedSince { version, time_ns: row.time_ns.get(), lost };
            let restored = list.restore_blocked(card_uid, since);
            return if restored { Ok(()) } else { Err(LedgerError::TableFull { table: "blocked cards" }) };
        }
        let blocked = row.what == BlockRow::MOVE_ON;
        let known = blocked || row.what == BlockRow::MOVE_OFF;
        if known && list.restore_move(BlockMove { version, card_uid: CardUid(card_uid), blocked }) {
            Ok(())
        } else {
            Err(bad("the moves of the block-list aren't in order"))
        }
    }

    fn holder(&mut self, row: &HolderRow) -> Result<(), LedgerError> {
        let account = AccountId(row.account.get());
        if account.0 >= self.state.registry.accounts {
            return Err(bad("a holder's account isn't there"));
        }
        let State { directory, shards, .. } = &mut *self.state;
        let virtual_id = VirtualId(row.virtual_id.get());
        if virtual_id.0 != 0 && !directory.insert_virtual_card(virtual_id, account) {
            return Err(LedgerError::TableFull { table: "virtual cards" });
        }
        *self.layout.holder_mut(shards, account) = row.holder();
        Ok(())
    }

    fn meal(&mut self, row: &MealRow) -> Result<(), LedgerError> {
        let account = AccountId(row.account.get());
        if account.0 >= self.state.registry.accounts {
            return Err(bad("who has spent something isn't there"));
        }
        let spent = row.spent().ok_or_else(|| bad("no meal has such a window"))?;
        *self.layout.meal_mut(&mut self.state.shards, account) = spent;
        Ok(())
    }

    fn entry(&mut self, slot: U16) -> Result<&mut TerminalEntry, LedgerError> {
        self.layout
            .terminal_mut(&mut self.state.shards, TerminalSlot(slot.get()))
            .ok_or_else(|| bad("a terminal isn't registered"))
    }

    fn till(&mut self, row: &TillRow) -> Result<(), LedgerError> {
        row.restore(self.entry(row.slot)?).ok_or_else(|| bad("a terminal has too many gaps"))
    }

    fn outcome(&mut self, row: &OutcomeRow) -> Result<(), LedgerError> {
        self.entry(row.slot)?.ring.put(&row.outcome());
        Ok(())
    }

    fn hot(&mut self, row: &HotRow) -> Result<(), LedgerError> {
        let account = LedgerAccount::from_bits(row.account.get());
        let shard = row.part.get() as usize & self.layout.mask();
        let part = self.state.shards[shard]
            .hot
            .part_mut(account)
            .ok_or(LedgerError::TableFull { table: "merchants" })?;
        part.total_fen += row.total_fen.get();
        part.postings += row.postings.get();
        part.head = part.head.max(row.head.get());
        Ok(())
    }

    fn office(&mut self, row: &OfficeRulesSetRecord) -> Result<(), LedgerError> {
        self.state.registry.office = OfficeRules {
            adjust_alone_max_fen: row.adjust_alone_max_fen.get(),
            adjust_alone_day_max_fen: row.adjust_alone_day_max_fen.get(),
            proposal_s: row.proposal_s.get(),
            cards_from_stock: row.cards_from_stock != 0,
        };
        Ok(())
    }

    fn proposal(&mut self, row: &ProposalRow) -> Result<(), LedgerError> {
        let proposal = row.proposal().ok_or_else(|| bad("a proposed adjustment isn't one"))?;
        let shard = self.layout.shard_of_account(proposal.account);
        if self.state.shards[shard].proposals.push(proposal) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "proposed adjustments" })
        }
    }

    fn open_tap(&mut self, row: &OpenTapRow) -> Result<(), LedgerError> {
        let (key, tap) = row.tap().ok_or_else(|| bad("an open tap has a mark that it can't have"))?;
        let account = OpenTap::account_of(key);
        let marked = self.layout.account(&self.state.shards, account).is_some_and(Account::has_open_tap);
        if !marked {
            return Err(bad("an account has an open tap and isn't marked"));
        }
        let shard = &mut self.state.shards[self.layout.shard_of_account(account)];
        if shard.taps.insert(key, tap) { Ok(()) } else { Err(LedgerError::TableFull { table: "open taps" }) }
    }

    fn card_past(&mut self, row: &CardPastRow) -> Result<(), LedgerError> {
        let (uid, past) = row.past().ok_or_else(|| bad("a card's row has a mark that it can't have"))?;
        if self.state.directory.insert_card_past(uid, past) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "what is known of cards" })
        }
    }

    fn batch(&mut self, row: &BatchRow) -> Result<(), LedgerError> {
        let batch = row.batch().ok_or_else(|| bad("a subsidy batch isn't one"))?;
        for shard in &mut self.state.shards {
            shard.subsidies.open(batch.number, batch.lines_kept);
        }
        if let Some(share) = self.state.shards[0].subsidies.shares.get_mut(&batch.number) {
            share.totals = row.totals();
        }
        self.state.registry.subsidies.put(batch);
        Ok(())
    }

    fn line(&mut self, row: &LineRow) -> Result<(), LedgerError> {
        let line = row.line().ok_or_else(|| bad("a line of a subsidy batch isn't one"))?;
        let shard = self.layout.shard_of_account(line.account);
        if self.state.shards[shard].subsidies.push(row.batch.get(), line) {
            Ok(())
        } else {
            Err(bad("lines of a subsidy batch aren't in order"))
        }
    }

    fn order(&mut self, row: &OrderRow) -> Result<(), LedgerError> {
        let order = row.order();
        for shard in &mut self.state.shards {
            shard.orders.take_as_forgotten(order.record);
        }
        let shard = order.key.shard(self.layout.mask());
        if self.state.shards[shard].orders.insert(order) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "orders" })
        }
    }
}
