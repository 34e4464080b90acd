//! The fast ledger with its log in memory: decide, append, read back, apply.

use std::collections::BTreeMap;

use engine::ledger::decision::{BalanceView, BillHeadView};
use engine::ledger::history::{History, HistorySearch, Step};
use engine::ledger::holder::PasswordRef;
use engine::ledger::known::{Known, KnownOrder, KnownPassword, KnownRecord, Need, PasswordVerdict};
use engine::ledger::limits::PAYLOAD_BYTES_MAX;
use engine::ledger::orders::OrderKey;
use engine::ledger::proposals;
use engine::ledger::record::{DutyRecord, Wallet};
use engine::ledger::refunds;
use engine::ledger::state::{self, sum_of_all_fen};
use engine::ledger::subsidies;
use engine::ledger::till_totals;
use engine::ledger::told;
use engine::ledger::{
    Clearing, Command, Decision, LedgerAccount, Outcome, Record, RecordKind, Request, Sizes, Stamp, State,
    TerminalSlot, apply, decide, shards_touched, snapshot,
};
use protocol::ids::{AccountId, MerchantId, RecordNumber, SaleId};
use protocol::till_totals::TillTotals;

use super::naive::{Answer, Model, Other, Said, Wallets};
use super::stream::{imported, is_imported, typed};

struct Logged {
    kind: u8,
    version: u8,
    time_ns: u64,
    payload: Vec<u8>,
}

pub struct Fast {
    sizes: Sizes,
    state: State,
    log: Vec<Logged>,
    pub walks: u64,
    /// Which record credited an order: the index of orders, always up to date.
    orders: BTreeMap<OrderKey, RecordNumber>,
    pub orders_looked_up: u64,
    /// The passwords set, by their numbers; 0 is none.
    vault: Vec<u8>,
    pub refunds_looked_up: u64,
    pub told_looked_up: u64,
    /// The totals of the shift or batch that was closed last.
    pub closed_with: Option<TillTotals>,
}

fn fault<E: core::fmt::Display>(error: E) -> String {
    format!("the ledger reports a fault: {error}")
}

impl Fast {
    pub fn new(sizes: Sizes) -> Fast {
        let state = State::new(&sizes).expect("sizes in range");
        Fast {
            sizes,
            state,
            log: Vec::new(),
            walks: 0,
            orders: BTreeMap::new(),
            orders_looked_up: 0,
            vault: vec![0],
            refunds_looked_up: 0,
            told_looked_up: 0,
            closed_with: None,
        }
    }

    pub fn last_record(&self) -> u64 {
        self.log.len() as u64
    }

    /// Does what is asked. Every record goes through its bytes before it is applied.
    pub fn execute(&mut self, request: &Request<'_>, time_ns: u64) -> Result<Answer, String> {
        let touched =
            shards_touched(&self.state.directory, self.state.shards.len(), &Command::from(*request));
        if touched.iter().any(|shard| shard >= self.state.shards.len()) {
            return Err(format!("the command touches shards that aren't there: {touched:?}"));
        }
        let mut known = Known::default();
        loop {
            let command = Command { request: *request, known: Some(&known) };
            let stamp = Stamp { number: RecordNumber(self.last_record() + 1), time_ns };
            let State { registry, directory, shards } = &self.state;
            match decide(registry, directory, shards, &command, stamp) {
                Decision::Needs(need) if need.is_of_a_password() => {
                    let sale = *command.sale().ok_or("a password is asked for that nobody typed")?;
                    self.ask_vault(need, typed(&sale), &mut known)?;
                }
                Decision::Needs(need) => self.answer(need, &mut known)?,
                Decision::Done { outcome, group } => {
                    for record in group.records() {
                        self.append(record, time_ns)?;
                    }
                    self.index_orders();
                    if outcome.observed.0 != self.last_record() {
                        return Err(format!(
                            "observed {} after record {}",
                            outcome.observed,
                            self.last_record()
                        ));
                    }
                    return Ok(told(&outcome));
                }
                Decision::NoRecord(outcome) => {
                    if outcome.observed.0 > self.last_record() || outcome.observed < outcome.record {
                        return Err(format!("observed {} by {outcome:?}", outcome.observed));
                    }
                    return Ok(told(&outcome));
                }
                Decision::Balance(view) => return self.balance(&view),
                Decision::BillHead(BillHeadView { account, head, month_start, .. }) => {
                    return Ok(Answer::BillHead {
                        account: account.0,
                        head: head.0,
                        month_start: month_start.0,
                    });
                }
                Decision::Duty(view) => {
                    return Ok(Answer::Duty {
                        cashier: view.cashier,
                        shift: view.shift,
                        shift_record: view.shift_above.0,
                        batch: (view.batch, view.batch_epoch.0, view.batch_last.0, view.batch_record.0),
                    });
                }
                Decision::SaleNotSeen { .. } => return Ok(Answer::NotSeen),
            }
        }
    }

    /// Fetches what a decision needs. Nothing goes on meanwhile, so that nothing is needed twice.
    fn answer(&mut self, need: Need, known: &mut Known) -> Result<(), String> {
        if need.newest().0 > self.last_record() {
            return Err(format!("asked for what isn't there: {need:?}"));
        }
        match need {
            Need::Sale { sale, head } => {
                if known.sale(sale).is_some() {
                    return Err(format!("asked for the history of {sale} twice"));
                }
                self.walks += 1;
                known.learn_sale(self.walk(sale, head)?);
            }
            Need::Order { key, forgotten } => {
                if forgotten.0 > self.last_record() || known.order.is_some_and(|order| order.key == key) {
                    return Err(format!("asked for an order in vain: {need:?}"));
                }
                self.orders_looked_up += 1;
                let found = self.orders.get(&key).copied();
                known.order = Some(KnownOrder { key, up_to: RecordNumber(self.last_record()), found });
            }
            Need::Refunds { account, head, original } => {
                if known.refunds.is_some_and(|refunds| refunds.original == original) {
                    return Err(format!("asked for the refunds of record {original} twice"));
                }
                self.refunds_looked_up += 1;
                let found = refunds::find(original, head, None, |number| {
                    let found = self.known_record(number)?;
                    let link = refunds::Link::of(&found.record(), account);
                    link.ok_or(format!("record {number} isn't in the chain of account {account}"))
                })?;
                known.refunds = Some(found);
            }
            Need::Told { of, head } => {
                if known.told(&of, head).is_some() {
                    return Err(format!("asked for what told of {of:?} twice"));
                }
                self.told_looked_up += 1;
                let found = told::find(of, head, None, usize::MAX, |number| {
                    let found = self.known_record(number)?;
                    let link = told::Link::of(&found.record(), &of);
                    link.ok_or(format!("record {number} isn't in the chain of account {}", of.account))
                })?;
                known.told = Some(found);
            }
            Need::Till(slot) => {
                if known.till.replace(slot) == Some(slot) {
                    return Err(format!("asked for the shard of {slot:?} twice"));
                }
            }
            Need::Account(id) => {
                if known.account.replace(id) == Some(id) {
                    return Err(format!("asked for the shard of account {id} twice"));
                }
            }
            Need::Totals(span) => {
                if known.totals.is_some_and(|sums| sums.span == span) {
                    return Err(format!("asked for the totals of {span:?} twice"));
                }
                let sums = till_totals::sum(span, known.totals, |number| {
                    let link = till_totals::Link::of(&self.known_record(number)?.record());
                    link.ok_or(format!("record {number} is in no till's chain"))
                })?;
                known.totals = Some(sums);
            }
            Need::Record(number) => {
                if known.record(number).is_some() {
                    return Err(format!("asked for record {number} twice"));
                }
                known.record = Some(self.known_record(number)?);
            }
            Need::Password(_) | Need::NewPassword => return Err("the log knows no passwords".to_owned()),
        }
        Ok(())
    }

    fn ask_vault(&mut self, need: Need, typed: u8, known: &mut Known) -> Result<(), String> {
        match need {
            Need::Password(of) => {
                if known.password.is_some_and(|known| known.of == of) {
                    return Err(format!("asked for {of:?} twice"));
                }
                let right = match self.vault.get(of.0 as usize) {
                    _ if is_imported(of.0) => imported(of.0),
                    Some(&right) => right,
                    None => return Err(format!("the vault has no {of:?}")),
                };
                let verdict = if right == typed { PasswordVerdict::Right } else { PasswordVerdict::Wrong };
                known.password = Some(KnownPassword { of, verdict });
            }
            _ => {
                if known.stored.is_some() {
                    return Err("a password is stored twice".to_owned());
                }
                known.stored = Some(PasswordRef(self.vault.len() as u64));
                self.vault.push(typed);
            }
        }
        Ok(())
    }

    fn index_orders(&mut self) {
        let up_to = RecordNumber(self.last_record());
        self.state.shards.iter_mut().for_each(|shard| shard.set_orders_indexed(up_to));
    }

    fn known_record(&self, number: RecordNumber) -> Result<KnownRecord, String> {
        let logged = &self.log[number.0 as usize - 1];
        let form = (logged.kind, logged.version);
        KnownRecord::new(number, logged.time_ns, form, &logged.payload).map_err(fault)
    }

    fn append(&mut self, record: &Record<'_>, time_ns: u64) -> Result<(), String> {
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        let payload = record.payload(&mut buffer).to_vec();
        let (kind, version) = (record.kind() as u8, record.version());
        self.log.push(Logged { kind, version, time_ns, payload });
        let number = self.last_record();
        apply_logged(&mut self.state, &self.log, number)?;
        match record {
            Record::Duty(duty) if duty.what == DutyRecord::SHIFT_CLOSED => {
                self.closed_with = Some(duty.totals);
            }
            Record::BatchSettled(settled) => self.closed_with = Some(settled.totals),
            _ => {}
        }
        if let Some(key) = OrderKey::credited_by(record)
            && let Some(before) = self.orders.insert(key, RecordNumber(number))
        {
            return Err(format!("record {number} credits the order of record {before} again"));
        }
        Ok(())
    }

    fn balance(&self, view: &BalanceView) -> Result<Answer, String> {
        let wallets = Wallets {
            card_fen: view.card_fen,
            transition_fen: view.transition_fen,
            electronic_fen: view.electronic_fen,
        };
        if view.system_fen != wallets.sum_fen() || view.held_fen != 0 {
            return Err(format!("a balance that contradicts itself: {view:?}"));
        }
        let (account, status, card_lost) = (view.account.0, view.status, view.card_lost);
        Ok(Answer::Balance { account, wallets, status, card_lost })
    }

    fn walk(&self, sale: SaleId, head: RecordNumber) -> Result<History, String> {
        let (mut search, mut step) = HistorySearch::begin(sale, head, None);
        loop {
            match step {
                Step::Done(history) => return Ok(history),
                Step::Read(number) => {
                    let known = self.known_record(number)?;
                    step = search.visit(number, known.time_ns, &known.record());
                }
            }
        }
    }

    pub fn records_by_kind(&self) -> BTreeMap<RecordKind, u64> {
        let mut kinds = BTreeMap::new();
        for kind in self.log.iter().filter_map(|logged| RecordKind::from_number(logged.kind)) {
            *kinds.entry(kind).or_default() += 1;
        }
        kinds
    }

    pub fn sum_fen(&self) -> i128 {
        sum_of_all_fen(&self.state.shards)
    }

    pub fn digest(&self) -> [u8; 32] {
        snapshot::digest_of(&self.state)
    }

    /// The digest of a fresh state, of any shard count, that the whole log was replayed into.
    pub fn digest_after_replay(&self, shards: usize) -> Result<[u8; 32], String> {
        let mut state = State::new(&Sizes { shards, ..self.sizes.clone() }).map_err(fault)?;
        for number in 1..=self.last_record() {
            apply_logged(&mut state, &self.log, number)?;
        }
        Ok(snapshot::digest_of(&state))
    }

    /// Puts the state through a snapshot, into any shard count, and goes on with what comes out.
    pub fn reload(&mut self, shards: usize) -> Result<(), String> {
        let mut bytes = Vec::new();
        let State { registry, directory, shards: parts } = &self.state;
        snapshot::write(registry, directory, parts, &mut bytes).map_err(fault)?;
        self.sizes.shards = shards;
        self.state = snapshot::read(&mut bytes.as_slice(), &self.sizes).map_err(fault)?;
        self.index_orders();
        Ok(())
    }

    /// Every balance against the model's.
    pub fn compare_balances(&self, model: &Model) -> Result<(), String> {
        for (id, theirs) in (0_u32..).zip(&model.accounts) {
            let ours = state::account(&self.state.shards, AccountId(id)).ok_or("an account is missing")?;
            let wallets = [
                (Wallet::Card, theirs.wallets.card_fen),
                (Wallet::Transition, theirs.wallets.transition_fen),
                (Wallet::Electronic, theirs.wallets.electronic_fen),
            ];
            for (wallet, theirs_fen) in wallets {
                if ours.wallet_fen(wallet) != theirs_fen {
                    let ours_fen = ours.wallet_fen(wallet);
                    return Err(format!("account {id} {wallet:?}: ledger {ours_fen}, model {theirs_fen}"));
                }
            }
            let (given_fen, seen) = (ours.subsidy_fen(), ours.card_seen().0);
            if (given_fen, seen) != (theirs.subsidy_fen, theirs.card_seen) {
                return Err(format!(
                    "account {id}: ledger {given_fen} fen of subsidy and counter {seen} seen, model {} and {}",
                    theirs.subsidy_fen, theirs.card_seen
                ));
            }
            if ours.student_number() != &theirs.student_number {
                return Err(format!("account {id} has another student number"));
            }
        }
        self.compare_block_list(model)?;
        for (slot, theirs) in (0..).map(TerminalSlot).zip(&model.tills) {
            let ours = state::terminal_entry(&self.state.shards, slot).ok_or("a till is missing")?;
            let missing =
                ours.gaps().open().flat_map(|gap| (gap.first..=gap.last).map(move |s| (s, gap.since_s)));
            let (ours, theirs) = (missing.collect::<BTreeMap<_, _>>(), theirs.missing());
            if ours != theirs {
                return Err(format!("till {}: ledger misses {ours:?}, model {theirs:?}", slot.0));
            }
        }
        for merchant in 0..self.sizes.merchants_max {
            let id = MerchantId(merchant);
            self.compare_other(model, Other::Merchant(merchant), LedgerAccount::merchant(id))?;
            self.compare_other(model, Other::HeldBack(merchant), LedgerAccount::held_back(id))?;
        }
        self.compare_other(model, Other::TopUpClearing, LedgerAccount::clearing(Clearing::TopUp))?;
        self.compare_other(model, Other::OpeningClearing, LedgerAccount::clearing(Clearing::Opening))?;
        self.compare_other(model, Other::Payable, LedgerAccount::clearing(Clearing::Payable))?;
        self.compare_other(model, Other::Fees, LedgerAccount::clearing(Clearing::Fees))?;
        self.compare_other(model, Other::Payable, LedgerAccount::clearing(Clearing::Payable))?;
        let waiting = proposals::waiting(&self.state.shards);
        let ours: Vec<_> =
            waiting.iter().map(|p| (p.record.0, p.account.0, p.amount_fen, p.expires_ns)).collect();
        let theirs = model.proposals.iter().filter(|(_, p)| p.waits);
        let theirs: Vec<_> =
            theirs.map(|(&record, p)| (record, p.account, p.amount_fen, p.expires_ns)).collect();
        if ours != theirs {
            return Err(format!("proposals: ledger {ours:?}, model {theirs:?}"));
        }
        for (&number, theirs) in &model.batches {
            let ours = self.state.registry.subsidies().get(number).ok_or("a batch is missing")?;
            let totals = subsidies::totals(&self.state.shards, number);
            let brought = theirs.lines.values().filter(|line| line.brought_fen.is_some());
            let withdrawn_fen: i64 = theirs.lines.values().map(|line| line.withdrawn_fen).sum();
            let paid = brought.fold((0, 0), |(lines, fen), line| (lines + 1, fen + line.amount_fen));
            let told = (ours.state, (totals.claimed, totals.claimed_fen), totals.withdrawn_fen);
            if told != (theirs.state, paid, withdrawn_fen) {
                return Err(format!("batch {number}: ledger {told:?}, model {theirs:?}"));
            }
        }
        self.compare_other(model, Other::Adjustments, LedgerAccount::clearing(Clearing::Adjustments))?;
        self.compare_other(model, Other::Pricing, LedgerAccount::clearing(Clearing::Pricing))?;
        self.compare_other(model, Other::SubsidyClearing, LedgerAccount::clearing(Clearing::Subsidy))?;
        self.compare_other(model, Other::LostCards, LedgerAccount::clearing(Clearing::LostCards))?;
        self.compare_other(model, Other::UnknownCardClearing, LedgerAccount::clearing(Clearing::UnknownCard))
    }

    fn compare_block_list(&self, model: &Model) -> Result<(), String> {
        let list = self.state.registry.block_list();
        let blocked = |card_uid| list.blocked(card_uid).map(|since| (since.time_ns, since.lost));
        let ours: Vec<_> = list.full().into_iter().map(|uid| (uid.0, blocked(uid))).collect();
        let theirs: Vec<_> = model.blocked.iter().map(|(&uid, &since)| (uid, Some(since))).collect();
        if ours != theirs {
            return Err(format!("blocked are {ours:?}, in the model {theirs:?}"));
        }
        let moves = list.moves_after(0).ok_or("the first moves of the block-list aren't kept any more")?;
        let ours: Vec<_> = moves.map(|step| (step.card_uid.0, step.blocked)).collect();
        if ours == model.block_moves {
            Ok(())
        } else {
            Err(format!("the block-list moved by {ours:?}, in the model by {:?}", model.block_moves))
        }
    }

    fn compare_other(&self, model: &Model, other: Other, account: LedgerAccount) -> Result<(), String> {
        let ours_fen = state::total_fen(&self.state.shards, account);
        let theirs_fen = model.others_fen.get(&other).copied().unwrap_or(0);
        if ours_fen == theirs_fen {
            Ok(())
        } else {
            Err(format!("{other:?}: ledger {ours_fen}, model {theirs_fen}"))
        }
    }
}

fn apply_logged(state: &mut State, log: &[Logged], number: u64) -> Result<(), String> {
    let logged = &log[number as usize - 1];
    let record = Record::decode(logged.kind, logged.version, &logged.payload).map_err(fault)?;
    let State { registry, directory, shards } = state;
    apply(registry, directory, shards, RecordNumber(number), logged.time_ns, &record).map_err(fault)
}

fn told(outcome: &Outcome) -> Answer {
    Answer::Outcome(Said {
        code: outcome.code,
        account: outcome.account.map(|account| account.0),
        amount_fen: outcome.amount_fen,
        balance_after_fen: outcome.balance_after_fen,
        record: outcome.record.0,
        repeat: outcome.repeat,
    })
}
