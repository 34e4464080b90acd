//! How much a command looks at, counted: the same with few accounts and with many, every table full.
//!
//! Each kind of command is played in its dearest ways: out of order with all gaps open, with a load, kept in suspense, an
//! order again under another identity. The largest count of each kind is held to its constant in
//! [`crate::ledger::limits`], which knows nothing of the number of accounts.
//!
//! Open holds aren't among the tables: no command makes one yet.

mod offline;
mod password_debits;
mod prices;
mod subsidies;

use std::collections::BTreeMap;

use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, PhoneDigest, RecordNumber, Sequence,
    TerminalId, VirtualId,
};
use protocol::request::{AdjustDirection, FreezeAction, Verdict};
use protocol::result_code::ResultCode;

use super::bench::{MERCHANT, NOON_NS, SECOND_NS, register_till, sale, text};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountClose, AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, AdjustExpire, Balance,
    BillHead, BindCard, CardDebit, CardIssue, CardReplace, CardReturn, CardTap, Carried, Channel, CodeDebit,
    CodeVerdict, CutOff, LossLift, LossReport, OfflineFact, OpenAccount, Opening, PasswordSet, PhoneChange,
    Refund, RegisterMerchant, RegisterTerminal, Reversal, Sale, SaleQuery, SetAccountTerms, SetPolicy,
    TapConfirm, Tender, TerminalSlot, TopUp, TopUpUndo, VirtualBind, VirtualUnbind, Void,
};
use crate::ledger::holder::PasswordRef;
use crate::ledger::known::{Known, KnownOrder, KnownPassword, KnownRecord, Need, PasswordVerdict};
use crate::ledger::limits::{
    ACCOUNT_CHANGE_LOOKS_MAX, ACCOUNT_QUERY_LOOKS_MAX, CARD_DEBIT_LOOKS_MAX, CARD_STATE_LOOKS_MAX,
    CARD_TAP_LOOKS_MAX, CODE_DEBIT_LOOKS_MAX, CODE_REVOKE_LOOKS_MAX, DIRECTORY_CHANGE_LOOKS_MAX,
    GAP_CLOSE_LOOKS_MAX, GAPS_MAX, HOLDER_LOOKS_MAX, Looks, OFFICE_LOOKS_MAX, OFFLINE_LOOKS_MAX,
    PASSWORD_DEBIT_LOOKS_MAX, PAYLOAD_BYTES_MAX, PRESENTATION_LOOKS_MAX, PRICED_LOOKS_MAX, REFUND_LOOKS_MAX,
    REVERSAL_LOOKS_MAX, SALE_QUERY_LOOKS_MAX, SCAN_PAY_LOOKS_MAX, SUBSIDY_CLAIM_LOOKS_MAX,
    SUBSIDY_TAKE_BACK_LOOKS_MAX, TABLE_SEARCH_MAX, TAP_CONFIRM_LOOKS_MAX, TENDER_LOOKS_MAX,
    TOLD_POST_LOOKS_MAX, TOP_UP_LOOKS_MAX, TOP_UP_UNDO_LOOKS_MAX, VOID_LOOKS_MAX,
};
use crate::ledger::orders::OrderKey;
use crate::ledger::probes::count;
use crate::ledger::record::{Record, Wallet};
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::told::Told;
use crate::ledger::{
    Command, Decision, Lead, Request, Sizes, Stamp, State, apply, decide_with, shards_touched_with,
};

/// Accounts that are opened while it is counted, the last of the table.
const OPENED_COUNTED: u32 = 64;
/// Times that every way of every command is played.
const ROUNDS: u32 = 150;
const ORDERS_MAX: usize = 256;
const OPEN_TAPS_MAX: u32 = 1_024;
const CARD_PASTS_MAX: u32 = 4_096;
const OUTCOMES_PER_TILL: u32 = 16;

/// The till whose sequences come in order.
const IN_ORDER: u16 = 0;
/// The till with as many gaps open as there may be.
const WITH_GAPS: u16 = 1;
/// The till that wrong codes come from, until it is locked for them.
const WITH_BAD_CODES: u16 = 2;
/// The till that hands out cards, takes cash, and gives it back.
const COUNTER: u16 = 4;
/// The operator, who may do anything.
const OPERATOR: u16 = 5;
/// The one who approves what he asks.
const SECOND_OPERATOR: u16 = 6;
const TILLS: usize = 7;
/// What is refused without a record, or kept out, leaves its sequence unused.
const NOT_USED_UP: Sale<'_> = Sale {
    slot: TerminalSlot(3),
    terminal: TerminalId(104),
    epoch: Epoch(1),
    sequence: Sequence(1),
    raw: b"request bytes",
};
/// The vault's number of every password.
const PASSWORD: PasswordRef = PasswordRef(5);
/// Between two gaps of the till with gaps: no sequence of one is in the ring any more.
const GAP_STEP: u32 = 40;

/// The bound of a kind of command, and the buckets that a search for a place may add to it.
const BOUNDS: [(&str, Looks, usize); 27] = [
    ("card debit", CARD_DEBIT_LOOKS_MAX, 0),
    ("password debit", PASSWORD_DEBIT_LOOKS_MAX, 0),
    (prices::PRICED, PRICED_LOOKS_MAX, 0),
    ("two-phase tap", CARD_TAP_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("presentation", PRESENTATION_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("confirmation", TAP_CONFIRM_LOOKS_MAX, 0),
    ("code debit", CODE_DEBIT_LOOKS_MAX, 0),
    ("codes revoked", CODE_REVOKE_LOOKS_MAX, 0),
    ("scan payment", SCAN_PAY_LOOKS_MAX, 0),
    ("gap closed", GAP_CLOSE_LOOKS_MAX, 0),
    ("told posted", TOLD_POST_LOOKS_MAX, 0),
    ("offline record", OFFLINE_LOOKS_MAX, 0),
    ("reversal", REVERSAL_LOOKS_MAX, 0),
    ("refund", REFUND_LOOKS_MAX, 0),
    ("void", VOID_LOOKS_MAX, 0),
    ("top-up", TOP_UP_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("tender", TENDER_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("top-up undo", TOP_UP_UNDO_LOOKS_MAX, 0),
    ("balance or bill", ACCOUNT_QUERY_LOOKS_MAX, 0),
    ("sale query", SALE_QUERY_LOOKS_MAX, 0),
    ("opening or terms", ACCOUNT_CHANGE_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("account or card", DIRECTORY_CHANGE_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("card at a counter", CARD_STATE_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("holder", HOLDER_LOOKS_MAX, TABLE_SEARCH_MAX),
    ("operator", OFFICE_LOOKS_MAX, 0),
    ("subsidy paid", SUBSIDY_CLAIM_LOOKS_MAX, 0),
    ("subsidy taken back", SUBSIDY_TAKE_BACK_LOOKS_MAX, 0),
];

fn kind(request: &Request<'_>) -> &'static str {
    match request {
        Request::CardDebit(_) => "card debit",
        Request::PasswordDebit(_) => "password debit",
        Request::CardTap(_) => "two-phase tap",
        Request::TapConfirm(_) => "confirmation",
        Request::CodeDebit(_) => "code debit",
        Request::CodeRevoke(_) => "codes revoked",
        Request::ScanPay(_) => "scan payment",
        Request::GapClose(_) => "gap closed",
        Request::ToldPost(_) => "told posted",
        Request::Offline(_) => "offline record",
        Request::Reversal(_) => "reversal",
        Request::Refund(_) => "refund",
        Request::Void(_) => "void",
        Request::TopUp(_) => "top-up",
        Request::Tender(_) => "tender",
        Request::TopUpUndo(_) => "top-up undo",
        Request::Balance(_) | Request::BillHead(_) => "balance or bill",
        Request::SaleQuery(_) => "sale query",
        Request::Opening(_) | Request::SetAccountTerms(_) | Request::SetAccountClass(_) => "opening or terms",
        Request::OpenAccount(_) | Request::BindCard(_) => "account or card",
        Request::CardIssue(_)
        | Request::CardReplace(_)
        | Request::CardReturn(_)
        | Request::AccountClose(_) => "card at a counter",
        Request::PasswordSet(_)
        | Request::PasswordImport(_)
        | Request::VirtualBind(_)
        | Request::VirtualUnbind(_)
        | Request::PhoneChange(_)
        | Request::LossReport(_)
        | Request::LossLift(_) => "holder",
        Request::AccountFreeze(_)
        | Request::AccountLimits(_)
        | Request::Adjust(_)
        | Request::AdjustDecide(_)
        | Request::AdjustExpire(_) => "operator",
        Request::SubsidyClaim(_) => "subsidy paid",
        Request::SubsidyTakeBack(_) => "subsidy taken back",
        _ => "configuration",
    }
}

struct Campus {
    state: State,
    accounts: u32,
    next_number: u64,
    next_sequences: [u32; TILLS],
    most: BTreeMap<&'static str, Looks>,
    codes: BTreeMap<&'static str, Vec<ResultCode>>,
    /// The latest top-up or debit, as the log has it.
    latest: Option<KnownRecord>,
    /// What cards told, of the till with gaps.
    told: Option<Told>,
    /// What the vault says of the next password.
    verdict: PasswordVerdict,
}

fn card(number: u64) -> CardUid {
    CardUid(20_000_000 + number * 37)
}

fn student_number(account: u32) -> [u8; 16] {
    text(&format!("26{account:08}"))
}

impl Campus {
    /// So many accounts in tables for just as many, each with a card and money.
    fn full(accounts: u32) -> Campus {
        let sizes = Sizes {
            shards: 4,
            accounts_max: accounts,
            cards_max: accounts,
            terminals_max: TILLS as u16,
            merchants_max: 4,
            outcomes_per_terminal: OUTCOMES_PER_TILL as usize,
            orders_max: ORDERS_MAX,
            open_taps_max: OPEN_TAPS_MAX,
            card_pasts_max: CARD_PASTS_MAX,
        };
        let mut campus = Campus {
            state: State::new(&sizes).expect("sizes in their ranges"),
            accounts,
            next_number: 1,
            next_sequences: [1; TILLS],
            most: BTreeMap::new(),
            codes: BTreeMap::new(),
            latest: None,
            told: None,
            verdict: PasswordVerdict::Right,
        };
        campus.run(Request::CutOff(CutOff { opened: BusinessDate(9_824) }));
        campus.run(Request::RegisterMerchant(RegisterMerchant {
            merchant: MERCHANT,
            name: "一食堂",
            enabled: true,
        }));
        let policy = Policy { day_max_fen: u32::MAX, ..Policy::DEFAULT };
        campus.run(Request::SetPolicy(SetPolicy { class: 0, policy }));
        for slot in 0..OPERATOR {
            campus.run(register_till(slot));
        }
        campus.run(Request::RegisterTerminal(RegisterTerminal {
            terminal: sale(COUNTER, 1, 1).terminal,
            merchant: MERCHANT,
            kind: TerminalKind::Counter,
            key_version: 1,
            enabled: true,
        }));
        for operator in [OPERATOR, SECOND_OPERATOR] {
            campus.run(Request::RegisterTerminal(RegisterTerminal {
                terminal: sale(operator, 1, 1).terminal,
                merchant: MerchantId(0),
                kind: TerminalKind::Administrator,
                key_version: 1,
                enabled: true,
            }));
        }
        for number in 0..accounts {
            let account = AccountId(number);
            let requests = [
                Request::OpenAccount(OpenAccount { student_number: student_number(number), class: 0 }),
                Request::BindCard(BindCard { account, card_uid: card(number.into()) }),
                Request::Opening(Opening { account, wallet: Wallet::Card, amount_fen: 10_000 }),
            ];
            for request in requests {
                if number + OPENED_COUNTED < accounts {
                    campus.run(request);
                } else {
                    campus.counted(request);
                }
            }
        }
        campus
    }

    fn run(&mut self, request: Request<'_>) -> ResultCode {
        // An order that has left memory is looked up outside of the ledger: none here comes again as late as that.
        let order = match request {
            Request::TopUp(r) => Some(OrderKey::new(r.channel as u8, &r.order_number)),
            Request::Tender(r) => Some(OrderKey::new(r.channel as u8, &r.order_number)),
            _ => None,
        };
        let up_to = RecordNumber(self.next_number);
        let order = order.map(|key| KnownOrder { key, up_to, found: None });
        let password = Some(KnownPassword { of: PASSWORD, verdict: self.verdict });
        let till = if let Request::ToldPost(_) = request { WITH_GAPS } else { COUNTER };
        let (stored, till, told) = (Some(PASSWORD), Some(TerminalSlot(till)), self.told);
        let known = Known { order, record: self.latest, till, password, stored, told, ..Known::default() };
        let command = Command { request, known: Some(&known) };
        let number = RecordNumber(self.next_number);
        let time_ns = NOON_NS + self.next_number * SECOND_NS / 100;
        let State { registry, directory, shards } = &mut self.state;
        let lead = Lead::of(directory, &command);
        shards_touched_with(shards.len(), &command, lead);
        let stamp = Stamp { number, time_ns };
        let mut decision = decide_with(registry, directory, shards, &command, lead, stamp);
        // Whose tap is confirmed is known by now, and it is decided again.
        let account = if let Decision::Needs(Need::Account(id)) = decision { Some(id) } else { None };
        let known = Known { account, ..known };
        if account.is_some() {
            let command = Command { request, known: Some(&known) };
            decision = decide_with(registry, directory, shards, &command, lead, stamp);
        }
        match decision {
            Decision::Done { outcome, group } => {
                for record in group.records() {
                    let number = RecordNumber(self.next_number);
                    apply(registry, directory, shards, number, time_ns, record).expect("it was decided");
                    if let Record::TopUp(_) | Record::Debit(_) | Record::FullDebit(_) = record {
                        let form = (record.kind() as u8, record.version());
                        let mut buffer = [0; PAYLOAD_BYTES_MAX];
                        let payload = record.payload(&mut buffer);
                        self.latest = KnownRecord::new(number, time_ns, form, payload).ok();
                    }
                    self.next_number += 1;
                }
                shards.iter_mut().for_each(|shard| shard.set_orders_indexed(number));
                outcome.code
            }
            Decision::NoRecord(outcome) => outcome.code,
            // What the log knows is looked up outside of the ledger, and decided again with the same lines.
            _ => ResultCode::UnknownSale,
        }
    }

    fn counted(&mut self, request: Request<'_>) -> ResultCode {
        self.counted_as(kind(&request), request)
    }

    fn counted_as(&mut self, kind: &'static str, request: Request<'_>) -> ResultCode {
        let (code, looks) = count(|| self.run(request));
        let most = self.most.entry(kind).or_default();
        most.probes = most.probes.max(looks.probes);
        most.lines = most.lines.max(looks.lines);
        let codes = self.codes.entry(kind).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
        code
    }

    /// The next sale of the till in order.
    fn next_sale(&mut self) -> Sale<'static> {
        self.next_sale_of(IN_ORDER)
    }

    fn next_sale_of(&mut self, slot: u16) -> Sale<'static> {
        let next = &mut self.next_sequences[usize::from(slot)];
        *next += 1;
        sale(slot, 1, *next - 1)
    }

    /// Opens all gaps but one of the till that has them.
    fn open_gaps(&mut self) {
        for gap in 1..=GAPS_MAX as u32 - 1 {
            self.run(tap(sale(WITH_GAPS, 1, gap * GAP_STEP), card(0), 0, 1));
        }
    }

    /// Every command in all its ways, about an account of its own each round.
    fn play(&mut self, round: u32) {
        // An odd factor walks over all accounts in a scrambled order.
        let account = (u64::from(round) * 2_654_435_761 % u64::from(self.accounts)) as u32;
        let id = AccountId(account);
        let counter = 10 * (round + 1);
        let own = card(account.into());
        let nobody = card(u64::from(self.accounts) + 7);
        let tapped = self.next_sale();
        for request in [
            tap(tapped, own, counter, 100),
            tap(tapped, own, counter, 100),
            tap(tapped, own, counter, 101),
            tap(tapped, nobody, counter, 101),
        ] {
            self.counted(request);
        }
        for (card_uid, counter, amount_fen) in [(own, counter, 1), (nobody, 1, 1), (own, counter + 1, 2_001)]
        {
            let sale = self.next_sale();
            self.counted(tap(sale, card_uid, counter, amount_fen));
        }
        self.counted(tap(NOT_USED_UP, own, counter + 2, 0));
        self.top_ups(round, account);
        self.top_up_undos(round, account);
        self.tenders(round);
        self.code_debits(round, account);
        self.revocations(account);
        self.scans(round, account);
        self.gaps_closed(round);
        self.told_posts(round, account);
        // What was paid by code is settled first.
        let with_settling = self.next_sale();
        self.counted(tap(with_settling, own, counter + 2, 100));
        // More than the card wallet has: what is missing is loaded first.
        let policy = Policy { debit_max_fen: u32::MAX, day_max_fen: u32::MAX, ..Policy::DEFAULT };
        self.run(Request::SetPolicy(SetPolicy { class: 0, policy }));
        let with_load = self.next_sale();
        self.counted(tap(with_load, own, counter + 3, 10_500));
        self.reversals(with_load);
        self.given_back(own, counter + 4);
        self.uploads(round, account);
        self.out_of_order(round, account);
        self.two_phase_taps(own, counter + 10);
        self.password_debits(account, own, counter + 50);
        self.priced(round, account, counter + 60);
        for selector in [
            AccountSelector::Account(id),
            AccountSelector::StudentNumber(student_number(account)),
            AccountSelector::Card(own),
            AccountSelector::Card(nobody),
            AccountSelector::StudentNumber(text("nobody's")),
        ] {
            self.counted(Request::Balance(Balance { account: selector }));
            self.counted(Request::BillHead(BillHead { account: selector }));
        }
        for sale in [tapped, with_load, sale(IN_ORDER, 1, 1), sale(IN_ORDER, 1, u32::MAX), NOT_USED_UP] {
            self.counted(Request::SaleQuery(SaleQuery { sale }));
        }
        self.changes(round, account);
    }

    fn top_ups(&mut self, round: u32, account: u32) {
        let order = format!("order {round}");
        for (selector, order, amount_fen) in [
            (AccountSelector::Account(AccountId(account)), order.as_str(), 9_000),
            (AccountSelector::StudentNumber(student_number(account)), order.as_str(), 9_000),
            (AccountSelector::Card(card(account.into())), order.as_str(), 9_001),
            (AccountSelector::Card(card(account.into())), &format!("{order} by card"), 1),
            (AccountSelector::StudentNumber(student_number(account)), &format!("{order} by number"), 1),
            (AccountSelector::Card(CardUid(3)), &format!("{order} by nobody"), 1),
        ] {
            let top_up = |sale| {
                Request::TopUp(TopUp {
                    sale,
                    account: selector,
                    amount_fen,
                    channel: Channel::WeChat,
                    order_number: text(order),
                })
            };
            let sale = self.next_sale();
            self.counted(top_up(sale));
            self.counted(top_up(sale));
        }
    }

    fn top_up_undos(&mut self, round: u32, account: u32) {
        let paid_in = self.next_sale_of(COUNTER);
        self.counted(Request::TopUp(TopUp {
            sale: paid_in,
            account: AccountSelector::Account(AccountId(account)),
            amount_fen: 700,
            channel: Channel::Counter,
            order_number: text(&format!("cash {round}")),
        }));
        for amount_fen in [701, 700, 700] {
            let sale = self.next_sale_of(COUNTER);
            let undo = TopUpUndo {
                sale,
                original_epoch: paid_in.epoch,
                original_sequence: paid_in.sequence,
                amount_fen,
            };
            self.counted(Request::TopUpUndo(undo));
            self.counted(Request::TopUpUndo(undo));
            self.counted(Request::TopUpUndo(TopUpUndo { amount_fen: amount_fen + 1, ..undo }));
        }
    }

    fn tenders(&mut self, round: u32) {
        for (order, amount_fen) in [("a", 500), ("a", 500), ("a", 501), ("b", 1)] {
            let tender = Tender {
                sale: self.next_sale(),
                amount_fen,
                channel: Channel::Alipay,
                order_number: text(&format!("{round} {order}")),
            };
            self.counted(Request::Tender(tender));
            self.counted(Request::Tender(tender));
            self.counted(Request::Tender(Tender { amount_fen: amount_fen + 1, ..tender }));
        }
    }

    fn code_debits(&mut self, round: u32, account: u32) {
        let authentic = CodeVerdict::Authentic { account: AccountId(account), step: 1_000 + round, nonce: 3 };
        for verdict in
            [authentic, authentic, CodeVerdict::Malformed, CodeVerdict::NotAuthentic, CodeVerdict::Expired]
        {
            for amount_fen in [100, 101] {
                let bad = !matches!(verdict, CodeVerdict::Authentic { .. });
                let sale = self.next_sale_of(if bad { WITH_BAD_CODES } else { IN_ORDER });
                let digits = *b"12345678901234567890";
                let debit = CodeDebit { sale, digits, verdict, key_version: 0, amount_fen };
                self.counted(Request::CodeDebit(debit));
                self.counted(Request::CodeDebit(CodeDebit { amount_fen: 102, ..debit }));
            }
        }
    }

    fn reversals(&mut self, with_load: Sale<'_>) {
        let reverse = |own: Sale<'static>, original: Sale<'_>, amount_fen| {
            Request::Reversal(Reversal {
                sale: own,
                original_epoch: original.epoch,
                original_sequence: original.sequence,
                amount_fen,
            })
        };
        for (original, amount_fen) in [(with_load, 10_500), (with_load, 10_500), (with_load, 1)] {
            let own = self.next_sale();
            self.counted(reverse(own, original, amount_fen));
            self.counted(reverse(own, original, amount_fen + 1));
        }
        let (own, original) = (self.next_sale(), self.next_sale());
        self.counted(reverse(own, original, 5));
        self.counted(reverse(own, original, 6));
        // The log is asked first for what is out of the ring: this one isn't used up.
        let next = sale(IN_ORDER, 1, self.next_sequences[usize::from(IN_ORDER)]);
        self.counted(reverse(next, sale(IN_ORDER, 1, 1), 1));
    }

    /// Paid at one till, and given back there or at another of its merchant.
    fn given_back(&mut self, own: CardUid, counter: u32) {
        for (counter, parts_fen) in [(counter, [300, 200]), (counter + 1, [301, 200])] {
            let paid = self.next_sale();
            self.run(tap(paid, own, counter, 300));
            let (original, original_slot) = (paid.id(), Some(paid.slot));
            let refund = |sale, amount_fen| Refund { sale, original, original_slot, amount_fen };
            for amount_fen in parts_fen {
                // What was given back before is asked for: this one isn't used up.
                let again = amount_fen == 200 && parts_fen[0] == 300;
                let next = sale(COUNTER, 1, self.next_sequences[usize::from(COUNTER)]);
                let own = if again { next } else { self.next_sale_of(COUNTER) };
                self.counted(Request::Refund(refund(own, amount_fen)));
                self.counted(Request::Refund(refund(own, amount_fen)));
                self.counted(Request::Refund(refund(own, amount_fen + 1)));
            }
        }
        for (counter, amounts_fen) in [(counter + 2, [300, 300]), (counter + 3, [299, 300])] {
            let paid = self.next_sale();
            self.run(tap(paid, own, counter, 300));
            for amount_fen in amounts_fen {
                let (sale, original_epoch, original_sequence) = (self.next_sale(), paid.epoch, paid.sequence);
                let void = Void { sale, original_epoch, original_sequence, amount_fen };
                self.counted(Request::Void(void));
                self.counted(Request::Void(void));
                self.counted(Request::Void(Void { amount_fen: amount_fen + 1, ..void }));
            }
        }
    }

    /// Opened, confirmed in every way, undone at the card's next presentation at another till, with a load and without.
    fn two_phase_taps(&mut self, own: CardUid, counter: u32) {
        let tap = |sale, counter, amount_fen| {
            Request::CardTap(CardTap { sale, card_uid: own, card_counter: CardCounter(counter), amount_fen })
        };
        for (at, write) in (0..).zip(ChipWrite::ALL) {
            let counter = counter + 10 * at;
            let tapped = self.next_sale_of(COUNTER);
            self.counted(tap(tapped, counter, 100));
            self.counted(tap(tapped, counter, 100));
            let sale = self.next_sale_of(COUNTER);
            let confirm = TapConfirm {
                sale,
                original_terminal: sale.terminal,
                original_epoch: tapped.epoch,
                original_sequence: tapped.sequence,
                amount_fen: 100,
                write: *write,
            };
            self.counted(Request::TapConfirm(confirm));
            self.counted(Request::TapConfirm(confirm));
            self.counted(Request::TapConfirm(TapConfirm { amount_fen: 101, ..confirm }));
            let next = self.next_sale();
            self.counted_as("presentation", tap(next, counter + 1, 100));
            let (tapped, sale) = (self.next_sale_of(COUNTER), self.next_sale());
            self.counted_as("presentation", tap(tapped, counter + 2, 100));
            let (card_counter, amount_fen) = (CardCounter(counter + 2), 400);
            let debit = CardDebit { sale, card_uid: own, card_counter, amount_fen };
            self.counted_as("presentation", Request::CardDebit(debit));
        }
    }

    fn changes(&mut self, round: u32, account: u32) {
        let id = AccountId(account);
        self.holders(round, account);
        for (status, card_lost) in [(AccountStatus::Frozen, true), (AccountStatus::Open, false)] {
            self.counted(Request::SetAccountTerms(SetAccountTerms {
                account: id,
                status,
                card_lost,
                class: 0,
                debit_max_fen: 0,
                day_max_fen: 0,
            }));
        }
        self.counted(Request::Opening(Opening { account: id, wallet: Wallet::Card, amount_fen: 5 }));
        self.counted(Request::OpenAccount(OpenAccount { student_number: student_number(account), class: 0 }));
        self.counted(Request::OpenAccount(OpenAccount {
            student_number: text(&format!("{round} late")),
            class: 0,
        }));
        self.counted(Request::BindCard(BindCard { account: id, card_uid: card(account.into()) }));
        // The second time it is another's already.
        let fresh = card(u64::from(self.accounts) + 100 + u64::from(round));
        let other = AccountId((account + 1) % self.accounts);
        self.counted(Request::BindCard(BindCard { account: id, card_uid: fresh }));
        self.counted(Request::BindCard(BindCard { account: other, card_uid: fresh }));
        self.cards_at_a_counter(round, account);
        self.at_the_office(account);
        self.closings(account);
    }
}

impl Campus {
    /// Everything that is done under a password, right and wrong, or by a phone.
    fn holders(&mut self, round: u32, account: u32) {
        let by_id = AccountSelector::Account(AccountId(account));
        let by_number = AccountSelector::StudentNumber(student_number(account));
        let virtual_id = VirtualId(7 + u64::from(round));
        for account in [by_id, by_number] {
            let sale = self.next_sale_of(COUNTER);
            self.counted(Request::PasswordSet(PasswordSet { sale, account, well_formed: true }));
            for verdict in [PasswordVerdict::Wrong, PasswordVerdict::Right, PasswordVerdict::Right] {
                self.verdict = verdict;
                let sale = self.next_sale_of(COUNTER);
                self.counted(Request::LossReport(LossReport { sale, account, well_formed: true }));
            }
            for _ in 0..2 {
                let sale = self.next_sale_of(COUNTER);
                self.counted(Request::LossLift(LossLift { sale, account, well_formed: true }));
            }
        }
        for id in [virtual_id, VirtualId(virtual_id.0 + 1_000_000)] {
            let (sale, number) = (self.next_sale(), student_number(account));
            let bind = VirtualBind {
                sale,
                student_number: number,
                virtual_id: id,
                well_formed: true,
                intake_step: 0,
            };
            self.counted(Request::VirtualBind(bind));
            let sale = self.next_sale();
            let phone = PhoneDigest(9);
            self.counted(Request::PhoneChange(PhoneChange { sale, virtual_id: id, phone }));
        }
        for id in [virtual_id, VirtualId(virtual_id.0 + 1_000_000)] {
            let sale = self.next_sale();
            self.counted(Request::VirtualUnbind(VirtualUnbind { sale, virtual_id: id, intake_step: 0 }));
        }
    }

    /// The account has no card by now: it is given one, another, none, and refused a third.
    fn cards_at_a_counter(&mut self, round: u32, account: u32) {
        let fresh = |n: u64| card(u64::from(self.accounts) + 10_000 + 4 * u64::from(round) + n);
        let by_id = AccountSelector::Account(AccountId(account));
        let by_number = AccountSelector::StudentNumber(student_number(account));
        let old = card(account.into());
        for (account, first, second) in [(by_id, fresh(0), fresh(1)), (by_number, fresh(2), fresh(3))] {
            for card_uid in [first, first, old] {
                let (sale, kind) = (self.next_sale_of(COUNTER), CardKind::Standard);
                let expires_day = 40_000;
                let issue = CardIssue { sale, account, card_uid, kind, expires_day, fee_fen: 0 };
                self.counted(Request::CardIssue(issue));
                self.counted(Request::CardIssue(issue));
                let at_till = self.next_sale();
                self.counted_as("presentation", tap(at_till, card_uid, 1, 5));
            }
            for new_card in [second, first, old] {
                let (sale, reason) = (self.next_sale_of(COUNTER), ReplaceReason::Broken);
                self.counted(Request::CardReplace(CardReplace {
                    sale,
                    account,
                    new_card,
                    reason,
                    terms: CardTerms::STANDARD,
                    fee_fen: 0,
                }));
            }
            for card_uid in [first, second, second] {
                let sale = self.next_sale_of(COUNTER);
                self.counted(Request::CardReturn(CardReturn { sale, account, card_uid }));
            }
        }
    }

    /// The account has no card by now: it is closed, and can't be once more.
    fn closings(&mut self, account: u32) {
        let old = card(account.into());
        let by_id = AccountSelector::Account(AccountId(account));
        let by_number = AccountSelector::StudentNumber(student_number(account));
        for (account, card_uid) in [(by_number, old), (by_id, CardUid(0)), (by_id, CardUid(0))] {
            let (sale, way) = (self.next_sale_of(COUNTER), PayoutWay::Cash);
            let close = AccountClose { sale, account, card_uid, way };
            self.counted(Request::AccountClose(close));
            self.counted(Request::AccountClose(close));
        }
    }
}

impl Campus {
    /// Everything that an operator asks, twice; what he proposes he takes back.
    fn at_the_office(&mut self, account: u32) {
        let reason = "重复扣款".as_bytes();
        for selector in [
            AccountSelector::Account(AccountId(account)),
            AccountSelector::StudentNumber(student_number(account)),
            AccountSelector::Card(CardUid(3)),
        ] {
            for action in [FreezeAction::Freeze, FreezeAction::Unfreeze] {
                let sale = self.next_sale_of(OPERATOR);
                let freeze = AccountFreeze { sale, account: selector, action, reason };
                self.counted(Request::AccountFreeze(freeze));
                self.counted(Request::AccountFreeze(freeze));
            }
            let sale = self.next_sale_of(OPERATOR);
            let (debit_max_fen, day_max_fen, class) = (0, 0, 0);
            let limits = AccountLimits { sale, account: selector, debit_max_fen, day_max_fen, class, reason };
            self.counted(Request::AccountLimits(limits));
            for amount_fen in [100, 1_000_000] {
                let (sale, wallet) = (self.next_sale_of(OPERATOR), Wallet::Electronic);
                let direction = AdjustDirection::Give;
                let adjust = Adjust { sale, account: selector, amount_fen, wallet, direction, reason };
                let proposal = RecordNumber(self.next_number);
                let code = self.counted(Request::Adjust(adjust));
                self.counted(Request::Adjust(adjust));
                if code == ResultCode::AwaitsApproval {
                    for verdict in [Verdict::Approve, Verdict::Reject] {
                        let sale = self.next_sale_of(OPERATOR);
                        let decide = AdjustDecide { sale, proposal, verdict, reason };
                        self.counted(Request::AdjustDecide(decide));
                        self.counted(Request::AdjustDecide(decide));
                    }
                }
            }
        }
        self.counted(Request::AdjustExpire(AdjustExpire { proposal: RecordNumber(1) }));
    }
}

fn tap(sale: Sale<'_>, card_uid: CardUid, counter: u32, amount_fen: i64) -> Request<'_> {
    Request::CardDebit(CardDebit { sale, card_uid, card_counter: CardCounter(counter), amount_fen })
}

fn fact(
    sale: Sale<'_>,
    card_uid: CardUid,
    counter: u32,
    amount_fen: i64,
    authentic: bool,
) -> OfflineFact<'_> {
    OfflineFact {
        sale,
        record_terminal: sale.terminal,
        card_uid,
        card_counter: CardCounter(counter),
        amount_fen,
        till_time_ns: NOON_NS,
        list: None,
        authentic,
        carried: Carried::default(),
    }
}

/// The most that each kind looked at, with so many accounts in full tables.
fn most(accounts: u32) -> Campus {
    let mut campus = Campus::full(accounts);
    campus.open_gaps();
    campus.subsidies();
    for round in 0..ROUNDS {
        campus.play(round);
    }
    println!("{accounts} accounts");
    for (kind, looks) in &campus.most {
        println!("{kind:<18} {looks:?} {:?}", campus.codes[kind]);
    }
    campus
}

/// Every kind reaches its bound and doesn't pass it, with as few accounts as with many. What a search for a place adds
/// depends on where the vacancies are, up to a bound of its own.
fn bounded(few: u32, many: u32) {
    for accounts in [few, many] {
        let campus = most(accounts);
        for (kind, bound, search) in BOUNDS {
            let looks = campus.most[kind];
            if search == 0 {
                assert_eq!(looks, bound, "{kind}, {accounts} accounts");
            } else {
                let within = looks.probes <= bound.probes + search && looks.lines <= bound.lines + search;
                assert!(within, "{kind}, {accounts} accounts: {looks:?} of {bound:?} and a search");
            }
        }
    }
}

#[test]
fn a_command_looks_at_no_more_with_a_million_accounts_than_with_ten_thousand() {
    bounded(10_000, 1_000_000);
}

/// `cargo test --release -p engine ten_million -- --ignored`: it takes 3 GB and half a minute.
#[test]
#[ignore = "it takes 3 GB"]
fn a_command_looks_at_no_more_with_ten_million_accounts() {
    bounded(10_000, 10_000_000);
}
