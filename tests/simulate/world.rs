//! One simulation: the machine, the clock, the clients and the network between them, all from one seed.
//!
//! ```text
//!  tills, operator ──ask──▶ network: lost, late, twice ──▶ machine: engine, log, medium ──▶ auditor: durable records
//!        ▲                                                        │                               │
//!        └── notebook ◀── answer, once durable: lost or told ◀────┘            held against ◀─────┘
//! ```

mod by_itself;
mod reconcile;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::audit::{AuditOptions, Check, verify_log};
use engine::runtime::engine::Reply;
use engine::runtime::subsidy::Sweep;
use engine::runtime::{bill, statement};
use protocol::bill::{BillLineKind, BillLineKinds};
use protocol::ids::{AccountId, RecordNumber, SaleId};
use protocol::request::{AccountSelector, AdjustDirection, StatementDay, StatementQuery};
use protocol::result_code::ResultCode;

use super::ask::Ask;
use super::auditor::{Auditor, Sent};
use super::clock::{SECOND_NS, SimulatedClock};
use super::coverage::Coverage;
use super::machine::{Machine, Stop, Trouble};
use super::mishaps::Mishap;
use super::notebook::{Note, check_against_log, is_kept_out};
use super::operator::{OPERATORS, Operator};
use super::plant::Plant;
use super::random::Random;
use super::till::Till;
use super::town::{Town, verdict};

/// Steps in which every open question must come to an end once nothing fails any more.
const SETTLING_STEPS_MAX: u64 = 600;
/// Sales asked about after a restart; at the end it is all of them.
const QUERIES_AFTER_RESTART: usize = 8;

/// How many times likelier than others rare requests get lost or are copied.
const RARE_MISHAPS: u64 = 6;

/// What goes wrong how often, drawn once a seed: calm seeds find other things than wild ones.
struct Weather {
    steps: u64,
    commit_per_mille: u64,
    stop_per_mille: u64,
    answer_lost_per_mille: u64,
    ask_lost_per_mille: u64,
    duplicate_per_mille: u64,
    snapshot_per_mille: u64,
    full_per_mille: u64,
    busy_tills_per_mille: u64,
}

impl Weather {
    fn draw(random: &mut Random) -> Weather {
        Weather {
            steps: random.between(40, 160),
            commit_per_mille: *random.pick(&[15, 60, 300, 700, 1_000]),
            stop_per_mille: *random.pick(&[10, 30, 80]),
            answer_lost_per_mille: *random.pick(&[0, 50, 200, 400]),
            ask_lost_per_mille: *random.pick(&[0, 20, 150]),
            duplicate_per_mille: *random.pick(&[0, 30, 100]),
            snapshot_per_mille: *random.pick(&[0, 10, 40]),
            full_per_mille: *random.pick(&[0, 0, 20, 60]),
            busy_tills_per_mille: *random.pick(&[200, 500, 1_000]),
        }
    }
}

/// An answer that waits for durability.
struct Pending {
    till: usize,
    sale: SaleId,
    ask: Ask,
    reply: Reply,
}

/// A copy of a request that the network delivers late, when nobody waits for its answer any more.
struct Late {
    due_step: u64,
    till: usize,
    sale: SaleId,
    ask: Ask,
}

struct World<'d> {
    machine: Machine<'d>,
    clock: Arc<SimulatedClock>,
    random: Random,
    weather: Weather,
    town: Town,
    operator: Operator,
    tills: Vec<Till>,
    auditor: Auditor,
    sent: Sent,
    pending: Vec<Pending>,
    late: Vec<Late>,
    /// The sale of each till that came last.
    newest: BTreeMap<usize, SaleId>,
    full_until_step: Option<u64>,
    /// Where the withdrawal of a subsidy batch has come to; a restart forgets it.
    sweep: Sweep,
    coverage: Coverage,
    step: u64,
    trace: bool,
}

/// Runs one simulation.
///
/// # Errors
/// The violation, with the step at which it was found.
pub fn simulate(seed: u64, plant: Plant, snapshot_dir: &Path, trace: bool) -> Result<Coverage, String> {
    let mut world = World::new(seed, plant, snapshot_dir, trace)?;
    world.run().map_err(|what| format!("step {}: {what}", world.step))?;
    world.coverage.steps = world.step;
    world.coverage.records = world.auditor.last();
    world.coverage.cut_offs = world.operator.cut_offs;
    world.coverage.settlings = world.auditor.settlings;
    world.coverage.list_reports = world.auditor.list_reports;
    world.coverage.taps_confirmed = world.auditor.taps_confirmed;
    world.coverage.taps_undone = world.auditor.taps_undone;
    world.coverage.password_debits = world.auditor.password_debits;
    world.coverage.surcharges = world.auditor.surcharges;
    world.coverage.meals_refused = world.auditor.meals_refused;
    world.coverage.discounts = world.auditor.discounts;
    world.coverage.accounts_closed = world.auditor.accounts_closed;
    world.coverage.cards_stocked = world.auditor.cards_stocked;
    world.coverage.scans_paid = world.auditor.scans_paid;
    world.coverage.scans_pending = world.auditor.scans_pending;
    world.coverage.gaps_closed = world.auditor.gaps_closed;
    world.coverage.told_posted = world.auditor.told_posted;
    world.coverage.shifts_closed = world.auditor.shifts.closed;
    world.coverage.batches_settled = world.auditor.shifts.batches;
    world.coverage.subsidy_lines_paid = world.auditor.lines_paid;
    world.coverage.subsidy_lines_taken_back = world.auditor.lines_taken_back;
    world.coverage.subsidies_swept_again = world.auditor.swept_again;
    for till in &world.tills {
        world.coverage.retries += till.retries;
        world.coverage.reversals += till.reversals;
        world.coverage.uploads += till.uploads;
    }
    Ok(world.coverage)
}

impl<'d> World<'d> {
    fn new(seed: u64, plant: Plant, snapshot_dir: &'d Path, trace: bool) -> Result<World<'d>, String> {
        let mut random = Random::new(seed);
        let clock = Arc::new(SimulatedClock::new());
        let machine = Machine::new(Arc::clone(&clock), snapshot_dir, plant, Random::new(random.next()))?;
        let weather = Weather::draw(&mut random);
        let storms_per_mille = *random.pick(&[0, 300, 800]);
        let tills = *random.pick(&[1, 2, 4, 8, 15]);
        let mut world = World {
            machine,
            clock,
            weather,
            town: Town::new(),
            operator: Operator::default(),
            tills: (0..tills)
                .map(|slot| Till::new(slot, random.per_mille(storms_per_mille)))
                .chain((tills..).take(OPERATORS.len()).map(Till::of_operator))
                .collect(),
            auditor: Auditor::default(),
            sent: Sent::new(),
            pending: Vec::new(),
            late: Vec::new(),
            newest: BTreeMap::new(),
            full_until_step: None,
            sweep: Sweep::default(),
            coverage: Coverage::default(),
            step: 0,
            trace,
            random,
        };
        world.operator.set_up(world.machine.engine(), &mut world.random, &mut world.town, tills)?;
        world.catch_up()?;
        Ok(world)
    }

    fn run(&mut self) -> Result<(), String> {
        while self.step < self.weather.steps {
            self.step += 1;
            self.one_step()?;
        }
        self.settle()?;
        let checked = self.machine.check_live_state();
        if let Err(Trouble::Violation(what)) = checked {
            return Err(what);
        }
        self.restart(Stop::Clean)?;
        self.ask_about_sales(usize::MAX)?;
        self.reconcile()
    }

    fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:4}  {}", self.step, what());
        }
    }

    fn one_step(&mut self) -> Result<(), String> {
        self.move_clock();
        self.move_bounds();
        for till in 0..self.tills.len() {
            if self.random.per_mille(self.weather.busy_tills_per_mille) {
                self.tick(till, false)?;
            }
        }
        self.deliver_late()?;
        if self.random.per_mille(40) {
            self.operator.act(self.machine.engine(), &mut self.random, &self.town)?;
        }
        if self.random.per_mille(100) {
            self.do_what_is_due();
        }
        let stop_per_mille = self.weather.stop_per_mille;
        if self.random.per_mille(stop_per_mille / 3) {
            if self.random.per_mille(600) { self.machine.plan_stop() } else { self.machine.plan_failure() }
        }
        if self.random.per_mille(self.weather.commit_per_mille) {
            self.live(Machine::commit)?;
        }
        if self.random.per_mille(50) {
            self.live(Machine::maintain)?;
        }
        if self.random.per_mille(self.weather.snapshot_per_mille) {
            self.live(Machine::save_snapshot)?;
        }
        self.tell()?;
        if self.random.per_mille(stop_per_mille) {
            let stop = *self.random.pick(&[
                Stop::PowerFailure,
                Stop::PowerFailure,
                Stop::Kill,
                Stop::Kill,
                Stop::Clean,
            ]);
            self.restart(stop)?;
        }
        Ok(())
    }

    /// Fills the medium up now and then, and makes room again.
    fn move_bounds(&mut self) {
        match self.full_until_step {
            Some(step) if step <= self.step => {
                self.full_until_step = None;
                self.machine.set_room(None);
            }
            None if self.random.per_mille(self.weather.full_per_mille) => {
                self.full_until_step = Some(self.step + self.random.between(5, 60));
                let segments = self.random.below(2);
                self.note(|| format!("the medium has room for {segments} more segments"));
                self.machine.set_room(Some(segments));
            }
            _ => {}
        }
    }

    /// One till's turn: what it sends comes in, some of it, and is decided.
    fn tick(&mut self, till: usize, settling: bool) -> Result<(), String> {
        let sends = self.tills[till].tick(&mut self.random, &mut self.town, settling);
        let mut uploads = Vec::new();
        for (sale, ask) in sends {
            let bodies = self.sent.entry(sale).or_default();
            let retried = bodies.contains(&ask);
            if ask.is_money() && !retried {
                bodies.push(ask);
            }
            if let Some(stands_as) = ask.posts_as() {
                // The sale stands under the identity that was scanned, or that the card told of.
                let bodies = self.sent.entry(stands_as).or_default();
                if !bodies.contains(&ask) {
                    bodies.push(ask);
                }
            }
            // What is seldom asked meets each mishap often enough only where it meets it more often.
            let often = if ask.is_rare() { RARE_MISHAPS } else { 1 };
            let per_mille = |per_mille: u64| (per_mille * often).min(500);
            let is_copied = self.random.per_mille(per_mille(self.weather.duplicate_per_mille));
            let is_lost = self.random.per_mille(per_mille(self.weather.ask_lost_per_mille));
            if !settling && is_copied && ask.is_money() {
                let due_step = self.step + self.random.between(1, 40);
                self.late.push(Late { due_step, till, sale, ask });
            }
            if retried {
                self.coverage.mishaps.count(&ask, Mishap::Twice);
            }
            if !settling && is_lost {
                self.coverage.mishaps.count(&ask, Mishap::Lost);
                continue;
            }
            if ask.is_uploaded() {
                uploads.push((sale, ask));
            } else {
                self.decide(till, sale, ask, retried)?;
            }
        }
        self.decide_batch(till, &uploads)
    }

    fn decide(&mut self, till: usize, sale: SaleId, ask: Ask, retried: bool) -> Result<(), String> {
        let reply = self.execute(till, sale, ask, retried)?;
        self.pend(till, sale, ask, reply);
        Ok(())
    }

    fn decide_batch(&mut self, till: usize, uploads: &[(SaleId, Ask)]) -> Result<(), String> {
        let slot = self.tills[till].slot;
        let (now_ns, key) = (self.town.now_ns, self.code_key());
        let requests: Vec<_> =
            uploads.iter().map(|(sale, ask)| ask.request(slot, *sale, |d| verdict(d, now_ns, key))).collect();
        let replies = if requests.is_empty() { Vec::new() } else { self.machine.execute_batch(&requests) };
        let decided = replies.len();
        for (&(sale, ask), reply) in uploads.iter().zip(replies) {
            self.pend(till, sale, ask, reply);
        }
        for &(sale, ask) in &uploads[decided..] {
            self.decide(till, sale, ask, false)?;
        }
        Ok(())
    }

    fn pend(&mut self, till: usize, sale: SaleId, ask: Ask, reply: Reply) {
        if ask.is_money() {
            self.newest.insert(till, sale);
        }
        self.note(|| format!("till {till} asks {sale} {ask:?}: {reply:?}"));
        match reply {
            Reply::Refused(ResultCode::LogFull) => self.coverage.refused_full += 1,
            Reply::Refused(ResultCode::Busy) => self.coverage.refused_busy += 1,
            Reply::Refused(ResultCode::Stopping) => self.coverage.refused_stopping += 1,
            _ => {}
        }
        self.pending.push(Pending { till, sale, ask, reply });
    }

    /// One request, decided. While its till's chain is walked, a late copy of another of the till's requests may come
    /// in between.
    fn execute(&mut self, till: usize, sale: SaleId, ask: Ask, retried: bool) -> Result<Reply, String> {
        let late = self.late.iter().find(|late| late.till == till && late.due_step > self.step + 20);
        let between = late.map(|late| (late.sale, late.ask));
        self.execute_with(till, (sale, ask), retried, between)
    }

    fn execute_with(
        &mut self,
        till: usize,
        (sale, ask): (SaleId, Ask),
        retried: bool,
        between: Option<(SaleId, Ask)>,
    ) -> Result<Reply, String> {
        let slot = self.tills[till].slot;
        let (now_ns, key) = (self.machine.engine().log().stage().time_ns(), self.code_key());
        let request = ask.request(slot, sale, |digits| verdict(digits, now_ns, key));
        let between_ask = between.map(|(_, ask)| ask);
        let between =
            between.map(|(sale, ask)| ask.request(slot, sale, |digits| verdict(digits, now_ns, key)));
        let executed = self.machine.execute(request, ask.password(), retried, between, &mut self.coverage);
        for ask in [Some(ask), between_ask].into_iter().flatten() {
            if let Some(account) = ask.changes_card_of() {
                self.operator.may_have_other_card(account);
            }
            if let Ask::Close { account, .. } = ask {
                self.operator.may_be_closed(account);
            }
        }
        for account in [Some(ask), between_ask].into_iter().flatten().filter_map(|ask| ask.loses_card_of()) {
            self.operator.may_have_lost_card(account);
        }
        for account in
            [Some(ask), between_ask].into_iter().flatten().filter_map(|ask| ask.changes_status_of())
        {
            self.operator.may_have_other_status(account);
        }
        match executed {
            Ok(reply) => {
                if is_new_approval(&reply) {
                    self.coverage.count_office(&ask);
                }
                self.coverage.cards_changed +=
                    u64::from(ask.changes_card_of().is_some() && is_new_approval(&reply));
                self.coverage.losses += u64::from(ask.loses_card_of().is_some() && is_new_approval(&reply));
                self.coverage.phones_bound +=
                    u64::from(matches!(ask, Ask::BindPhone { .. }) && is_new_approval(&reply));
                self.coverage.codes_revoked +=
                    u64::from(matches!(ask, Ask::Revoke { .. }) && is_new_approval(&reply));
                self.coverage.code_keys_changed +=
                    u64::from(matches!(ask, Ask::NewCodeKey { .. }) && is_new_approval(&reply));
                Ok(reply)
            }
            Err(Trouble::Violation(what)) => Err(what),
            Err(Trouble::Died) => Ok(Reply::Refused(ResultCode::Stopping)),
        }
    }

    /// The version of the code key that the engine has in use.
    fn code_key(&self) -> u32 {
        self.machine.engine().routes().configuration().registry.code_key().version
    }

    fn deliver_late(&mut self) -> Result<(), String> {
        let (due, later): (Vec<Late>, Vec<Late>) =
            self.late.drain(..).partition(|late| late.due_step <= self.step);
        self.late = later;
        for late in due {
            let reply = self.execute(late.till, late.sale, late.ask, false)?;
            self.note(|| format!("late: till {} {} {:?}: {reply:?}", late.till, late.sale, late.ask));
            self.coverage.duplicates += 1;
            self.coverage.mishaps.count(&late.ask, Mishap::Late);
            if self.newest.get(&late.till).is_some_and(|&newest| newest != late.sale) {
                self.coverage.mishaps.count(&late.ask, Mishap::Reordered);
            }
        }
        Ok(())
    }

    /// Does something that the medium's faults may end the process in.
    fn live(&mut self, what: impl FnOnce(&mut Machine<'d>) -> Result<(), Trouble>) -> Result<(), String> {
        match what(&mut self.machine) {
            Ok(()) => self.catch_up(),
            Err(Trouble::Violation(what)) => Err(what),
            Err(Trouble::Died) => {
                self.coverage.deaths_in_writes += 1;
                // Answers that became durable before the fault may still leave.
                self.catch_up()?;
                self.tell()?;
                let stop = if self.random.per_mille(500) { Stop::PowerFailure } else { Stop::Kill };
                self.restart(stop)
            }
        }
    }

    fn catch_up(&mut self) -> Result<(), String> {
        self.auditor.catch_up(&self.machine.engine().log().reader(), &self.sent)
    }

    /// Tells every answer whose record is durable, unless it gets lost on its way.
    fn tell(&mut self) -> Result<(), String> {
        let durable = self.machine.engine().log().durable();
        self.catch_up()?;
        let (told, waiting): (Vec<Pending>, Vec<Pending>) =
            self.pending.drain(..).partition(|pending| pending.reply.observed().0 <= durable);
        self.pending = waiting;
        for pending in told {
            let often = if pending.ask.is_rare() { RARE_MISHAPS } else { 1 };
            if self.random.per_mille((self.weather.answer_lost_per_mille * often).min(500)) {
                self.coverage.answers_lost += 1;
                self.coverage.mishaps.count(&pending.ask, Mishap::AnswerLost);
                continue;
            }
            self.coverage.answers += 1;
            let Pending { till, sale, ask, reply } = pending;
            self.note(|| format!("till {till} is told about {sale}: {reply:?}"));
            self.check_told(sale, ask, &reply)?;
            if let (Reply::Outcome(outcome), Some((card_uid, account))) = (&reply, ask.hands_out())
                && outcome.code.is_approved()
            {
                self.town.hand_out(card_uid, account);
            }
            if let (Reply::Outcome(outcome), Ask::NewCodeKey { key_version }) = (&reply, ask)
                && outcome.code.is_approved()
            {
                self.town.code_key = key_version.max(self.town.code_key);
            }
            if let (Reply::Outcome(outcome), Ask::NewTerminalKey { terminal, key_version }) = (&reply, ask)
                && outcome.code.is_approved()
            {
                self.town.terminal_keys.insert(terminal, key_version);
            }
            if let Reply::Outcome(outcome) = &reply
                && outcome.code == ResultCode::AwaitsApproval
                && !outcome.repeat
            {
                self.town.proposals.push((outcome.record, sale.terminal));
            }
            self.tills[till].answer(sale, ask, &reply, &mut self.random)?;
        }
        self.operator.take_answers(durable, &mut self.town);
        Ok(())
    }

    /// Whatever is told must stand on durable records, whatever the reply itself says of them.
    fn check_told(&self, sale: SaleId, ask: Ask, reply: &Reply) -> Result<(), String> {
        match reply {
            Reply::Outcome(outcome) if outcome.code.is_transient() => Ok(()),
            Reply::Outcome(outcome) if is_kept_out(outcome.code) => {
                if outcome.record.0 > self.auditor.last() {
                    return Err(format!("{sale}: told before it was durable: {outcome:?}"));
                }
                Ok(())
            }
            Reply::Outcome(outcome) if outcome.record.0 > self.auditor.last() => {
                Err(format!("{sale}: told before it was durable: {outcome:?}"))
            }
            Reply::Outcome(_) if !ask.names_a_sale() => Ok(()),
            // An upload of a reversed sale is kept out, and says so with the same code.
            Reply::Outcome(outcome) if ask != Ask::SaleQuery || outcome.record.0 > 0 => {
                check_against_log(&self.auditor, sale, &ask, outcome)
            }
            Reply::Balance(view) => {
                let standing = self.auditor.standing_at(view.account, view.observed);
                let wallets = [view.card_fen, view.transition_fen, view.electronic_fen];
                match standing {
                    Some(standing) if standing.wallets == wallets => Ok(()),
                    _ => Err(format!("told before it was durable: {view:?}, by the log {standing:?}")),
                }
            }
            Reply::BillHead(view) => self.check_bill(view.account, view.head, view.observed),
            Reply::SaleNotSeen { observed } => match self.auditor.entry(sale) {
                Some(entry) if entry.record <= observed.0 => {
                    Err(format!("{sale} was never seen, the log has {entry:?}"))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The chain in the log has every line of the account.
    fn check_bill(
        &self,
        account: AccountId,
        head: RecordNumber,
        observed: RecordNumber,
    ) -> Result<(), String> {
        let books = self.auditor.books();
        let newest = self.auditor.standing_at(account, observed).map_or(0, |standing| standing.number);
        if newest != head.0 {
            return Err(format!("account {account}'s bill begins at {head}, by the log at {newest}"));
        }
        let reader = self.machine.engine().log().reader();
        let page = bill::page(&reader, account, head, RecordNumber(0), usize::MAX)
            .map_err(|error| format!("account {account}'s bill: {error}"))?;
        let standings = books.standings(account).iter();
        let postings = standings.filter(|standing| standing.posting && standing.number <= head.0).count();
        // What was paid beside a price is a line above that of the same record.
        let beside = [BillLineKind::Surcharge.number(), BillLineKind::Discount.number()];
        let pairs = page.lines.windows(2).filter(|pair| pair[0].record == pair[1].record);
        let (besides, pairs) =
            (page.lines.iter().filter(|line| beside.contains(&line.kind)).count(), pairs.count());
        if page.lines.len() - besides != postings || besides != pairs {
            return Err(format!(
                "account {account}'s bill has {} lines, {besides} beside prices, by the log {postings}",
                page.lines.len()
            ));
        }
        let query = StatementQuery {
            account: AccountSelector::Account(account),
            before: RecordNumber(0),
            from_day: 0,
            to_day: u16::MAX,
            kinds: BillLineKinds::ALL,
            by: StatementDay::Calendar,
            lines_max: 1,
        };
        let statement = statement::page(&reader, account, head, &query)
            .map_err(|error| format!("account {account}'s statement: {error}"))?;
        let closing_fen = self.auditor.standing_at(account, observed).map_or(0, |s| s.wallets.iter().sum());
        if (statement.opening_fen, statement.closing_fen) != (0, closing_fen) {
            return Err(format!("account {account}'s statement is {statement:?}, by the log {closing_fen}"));
        }
        Ok(())
    }

    /// The process ends, the next one starts: what was acknowledged must be there, and what was durable unchanged.
    fn restart(&mut self, stop: Stop) -> Result<(), String> {
        self.note(|| format!("{stop:?} with {} staged", self.machine.staged()));
        if stop == Stop::Clean {
            // A clean stop drains first.
            match self.machine.sync() {
                Ok(()) => self.tell()?,
                Err(Trouble::Violation(what)) => return Err(what),
                Err(Trouble::Died) => {}
            }
        }
        self.catch_up()?;
        self.pending.clear();
        self.operator.forget_waiting();
        self.clock.pass(self.random.below(600 * SECOND_NS));
        if self.random.per_mille(200) {
            self.jump_clock();
        }
        if self.random.per_mille(100) {
            self.machine.damage_snapshot();
        }
        if self.random.per_mille(150) {
            self.machine.damage_order_index(&mut self.coverage);
        }
        self.sweep = Sweep::default();
        self.machine.restart(stop, &mut self.coverage)?;
        let before = std::mem::take(&mut self.auditor);
        self.catch_up()?;
        self.note(|| format!("started with {} of {} durable", self.auditor.last(), before.last()));
        self.auditor.check_kept(&before)?;
        for till in &self.tills {
            till.notebook.check(&self.auditor)?;
        }
        self.operator.check(&self.auditor, &self.town)?;
        self.ask_about_sales(QUERIES_AFTER_RESTART)
    }

    /// Asks the engine about sales that were acknowledged: it must remember.
    fn ask_about_sales(&mut self, sales_max: usize) -> Result<(), String> {
        for till in 0..self.tills.len() {
            let notes = self.tills[till].notebook.notes();
            let skip = self.random.below(notes.len().saturating_sub(sales_max) as u64 + 1) as usize;
            let known: Vec<_> =
                notes.iter().skip(skip).take(sales_max).map(|(&sale, note)| (sale, note.ask)).collect();
            for (sale, ask) in known {
                match self.execute_with(till, (sale, Ask::SaleQuery), false, None)? {
                    Reply::Outcome(outcome) => {
                        check_against_log(&self.auditor, sale, &ask, &outcome)?;
                        self.tills[till].notebook.write(sale, ask, &outcome)?;
                    }
                    Reply::Refused(ResultCode::Stopping) => return Ok(()),
                    reply => return Err(format!("{sale} was acknowledged, now {reply:?}")),
                }
            }
        }
        Ok(())
    }

    /// Nothing fails any more: every open question comes to an end.
    fn settle(&mut self) -> Result<(), String> {
        self.weather.answer_lost_per_mille = 0;
        self.full_until_step = None;
        self.machine.set_room(None);
        let last = self.step + SETTLING_STEPS_MAX;
        loop {
            self.step += 1;
            self.clock.pass(2 * SECOND_NS);
            self.town.now_ns = self.machine.engine().log().stage().time_ns();
            for till in 0..self.tills.len() {
                self.tick(till, true)?;
            }
            self.deliver_late()?;
            let mut runs = self.machine.engine().due().is_some();
            self.do_what_is_due();
            runs |= self.pay_subsidies();
            self.live(Machine::maintain)?;
            self.live(Machine::sync)?;
            self.tell()?;
            let quiet = self.pending.is_empty() && self.late.is_empty();
            if quiet && !runs && self.tills.iter().all(Till::is_quiet) {
                if let Some((batch, account)) = self.auditor.forgotten_line() {
                    return Err(format!("batch {batch} is issued, and account {account} wasn't paid"));
                }
                return self.verify();
            }
            if self.step == last {
                let waiting = self.tills.iter().find(|till| !till.is_quiet()).map(Till::waits_for);
                return Err(format!("a till never gets an answer: {waiting:?}"));
            }
        }
    }

    /// What `yika verify` says of subsidies: that what was withdrawn is gone, for one, which nobody adds up here.
    fn verify(&self) -> Result<(), String> {
        let reader = self.machine.engine().log().reader();
        let report = verify_log(&reader, &AuditOptions::default()).map_err(|error| error.to_string())?;
        let of_subsidies = [Check::Batch, Check::Subsidy, Check::Floor];
        match report.violations.iter().find(|violation| of_subsidies.contains(&violation.check)) {
            None => Ok(()),
            Some(found) => Err(format!("verify: record {}: {}", found.record, found.detail)),
        }
    }

    /// What operators were told is proposed: whose account it changes, and by how much.
    fn proposed(&self) -> BTreeMap<RecordNumber, (AccountId, i64)> {
        let notes = self.tills.iter().flat_map(|till| till.notebook.notes().values());
        let waited = notes.filter(|note| note.outcome.code == ResultCode::AwaitsApproval);
        let change = |note: &Note| match note.ask {
            Ask::Adjust { account, amount_fen, direction, .. } => {
                Some((note.outcome.record, (account, signed_fen(direction, amount_fen))))
            }
            _ => None,
        };
        waited.filter_map(change).collect()
    }
}

const fn signed_fen(direction: AdjustDirection, amount_fen: i64) -> i64 {
    match direction {
        AdjustDirection::Give => amount_fen,
        AdjustDirection::Take => -amount_fen,
    }
}

/// Whether something happened just now.
fn is_new_approval(reply: &Reply) -> bool {
    matches!(reply, Reply::Outcome(outcome) if outcome.code.is_approved() && !outcome.repeat)
}
