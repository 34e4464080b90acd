//! Counters that issue, replace and take back cards, keep retrying whatever happens to the server, and remember what they
//! were told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use engine::ledger::Record;
use engine::ledger::command::{OpenAccount, RegisterTerminal};
use engine::ledger::registry::TerminalKind;
use engine::runtime::engine::Engine;
use protocol::answer::{Answer, MoneyAnswer};
use protocol::card::{CardKind, CardTerms, ReplaceReason};
use protocol::client::{Client, ClientError, SaleIdentity};
use protocol::ids::{AccountId, CardUid, Epoch, Sequence, TerminalId};
use protocol::request::{AccountSelector, BalanceQuery, CardIssue, CardReplace, CardReturn, Request};
use protocol::result_code::{ResultCode, TillAction};
use wal::LogReader;

use crate::campus::{CampusKeys, HOLDERS, MERCHANT};
use crate::crowd::{ANSWER_TIMEOUT, Crowd, Member, Place, expect_retry, outcome_of, sign_in, sign_out};
use crate::seed::Random;

/// Accounts that each counter looks after.
const ACCOUNTS: u32 = 2;
/// Counters: this number and those after it.
const FIRST_COUNTER: u32 = 2_001;
/// Earlier changes that it sends again in each new session, and asks for again.
const SENT_AGAIN: u64 = 4;

fn counter(index: u32) -> TerminalId {
    TerminalId(FIRST_COUNTER + index)
}

/// Registers the counters and opens an account for each card that they may hand out at a time: behind the holders.
pub fn set_up(engine: &Engine, counters: u32) {
    let configure = |request| {
        let outcome = engine.configure(request).expect("a configuration that is taken");
        assert!(outcome.code.is_approved(), "{outcome:?}");
        outcome
    };
    for index in 0..counters {
        configure(engine::ledger::Request::RegisterTerminal(RegisterTerminal {
            terminal: counter(index),
            merchant: MERCHANT,
            kind: TerminalKind::Counter,
            key_version: 1,
            enabled: true,
        }));
        for of_counter in 0..ACCOUNTS {
            let account = HOLDERS + index * ACCOUNTS + of_counter;
            let mut student_number = [0; 16];
            student_number[..5].copy_from_slice(format!("C{account:04}").as_bytes());
            let opened =
                configure(engine::ledger::Request::OpenAccount(OpenAccount { student_number, class: 0 }));
            assert_eq!(opened.account, Some(AccountId(account)));
        }
    }
    engine.sync().expect("durable");
}

/// What a counter asks for about a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    sequence: u32,
    account: AccountId,
    /// The account's card before and after; none = 0.
    old: CardUid,
    new: CardUid,
}

impl Change {
    fn request(&self) -> Request<'static> {
        let account = AccountSelector::Account(self.account);
        match (self.old.0, self.new.0) {
            (0, _) => Request::CardIssue(CardIssue {
                account,
                card_uid: self.new,
                kind: CardKind::Standard,
                expires_day: 0,
                fee_fen: 0,
                till_time_ns: 1,
            }),
            (_, 0) => Request::CardReturn(CardReturn { account, card_uid: self.old, till_time_ns: 1 }),
            _ => Request::CardReplace(CardReplace {
                account,
                new_card: self.new,
                fee_fen: 0,
                reason: ReplaceReason::Broken,
                terms: CardTerms::STANDARD,
                till_time_ns: 1,
            }),
        }
    }
}

/// A change that was acknowledged, and the record it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    change: Change,
    record: u64,
}

/// Everything that a counter was told.
pub struct CounterLog {
    terminal: TerminalId,
    acknowledged: Vec<Acknowledged>,
}

/// Counters on threads of their own.
pub type CounterLoad = Crowd<CounterLog>;

impl CounterLoad {
    /// Starts `counters` counters; they wait until an address is published.
    pub fn start(keys: &CampusKeys, counters: u32, random: &mut Random) -> CounterLoad {
        Crowd::of((0..counters).map(|index| CounterWorker {
            index,
            keys: keys.clone(),
            random: random.fork(),
            cards: [CardUid(0); ACCOUNTS as usize],
            cards_given: 0,
            in_hand: None,
            acknowledged: Vec::new(),
        }))
    }
}

struct CounterWorker {
    index: u32,
    keys: CampusKeys,
    random: Random,
    /// The card that each of its accounts has, as it was told.
    cards: [CardUid; ACCOUNTS as usize],
    cards_given: u64,
    in_hand: Option<Change>,
    acknowledged: Vec<Acknowledged>,
}

impl Member for CounterWorker {
    type Log = CounterLog;

    fn terminal(&self) -> TerminalId {
        counter(self.index)
    }

    async fn session(&mut self, place: &mut Place, address: SocketAddr) -> Result<(), ClientError> {
        let last_told = last_of(&self.acknowledged);
        let mut client = sign_in(address, &self.keys, self.terminal(), last_told).await?;
        for _ in 0..SENT_AGAIN {
            if self.acknowledged.is_empty() {
                break;
            }
            let told = self.acknowledged[self.random.below(self.acknowledged.len() as u64) as usize];
            let again = send(&mut client, &told.change).await?.ok_or(ClientError::Closed)?;
            assert!(again.repeat, "a retry of {told:?} was taken for a new change: {again:?}");
            expect_same(&told, &again);
            ask(&mut client, &told).await?;
        }
        while !place.is_stopping() || self.in_hand.is_some() {
            let change = *self.in_hand.get_or_insert_with(|| {
                new_change(
                    self.index,
                    &mut self.random,
                    &self.cards,
                    &mut self.cards_given,
                    last_of(&self.acknowledged),
                )
            });
            let Some(answer) = send(&mut client, &change).await? else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            assert!(answer.code.is_approved() && answer.record.0 > 0, "{change:?}: {answer:?}");
            assert_eq!(answer.account, Some(change.account));
            self.cards[((change.account.0 - HOLDERS) % ACCOUNTS) as usize] = change.new;
            self.acknowledged.push(Acknowledged { change, record: answer.record.0 });
            place.acknowledge(1);
            self.in_hand = None;
        }
        for told in &self.acknowledged {
            ask(&mut client, told).await?;
        }
        sign_out(&mut client).await
    }

    fn into_log(self) -> CounterLog {
        CounterLog { terminal: self.terminal(), acknowledged: self.acknowledged }
    }
}

fn last_of(acknowledged: &[Acknowledged]) -> u32 {
    acknowledged.last().map_or(0, |told| told.change.sequence)
}

/// A card for who has none; for others mostly another, sometimes none.
fn new_change(
    index: u32,
    random: &mut Random,
    cards: &[CardUid],
    cards_given: &mut u64,
    last_sequence: u32,
) -> Change {
    let of_counter = random.below(ACCOUNTS.into()) as u32;
    let old = cards[of_counter as usize];
    let new = if old.0 != 0 && random.below(3) == 0 {
        CardUid(0)
    } else {
        *cards_given += 1;
        CardUid(8_000_000 + 100_000 * u64::from(index) + *cards_given)
    };
    let account = AccountId(HOLDERS + index * ACCOUNTS + of_counter);
    Change { sequence: last_sequence + 1, account, old, new }
}

/// `None`: the server can't now; send it again.
async fn send(client: &mut Client, change: &Change) -> Result<Option<MoneyAnswer>, ClientError> {
    let sale = SaleIdentity { epoch: Epoch(1), sequence: Sequence(change.sequence) };
    match client.call(sale, &change.request(), ANSWER_TIMEOUT).await? {
        Answer::Money(answer) if answer.code.action() == TillAction::Retry => Ok(None),
        Answer::Money(answer) => Ok(Some(answer)),
        answer => {
            expect_retry(&answer);
            Ok(None)
        }
    }
}

/// Asks for an outcome: it must be there as it was told.
async fn ask(client: &mut Client, told: &Acknowledged) -> Result<(), ClientError> {
    expect_same(told, &outcome_of(client, told.change.sequence).await?);
    Ok(())
}

fn expect_same(told: &Acknowledged, answer: &MoneyAnswer) {
    let same = answer.code == ResultCode::Approved && answer.record.0 == told.record;
    assert!(same, "the outcome of {told:?} isn't what was acknowledged: {answer:?}");
}

/// Every acknowledged change must stand in the log exactly once, where it was said, and nothing else may. The log must be
/// sealed.
pub fn expect_each_once(data_dir: &Path, told: &[CounterLog]) {
    let reader = LogReader::open_offline(data_dir).expect("a sound log");
    let mut logged: HashMap<(TerminalId, u32), Vec<Acknowledged>> = HashMap::new();
    for found in reader.scan(1) {
        let found = found.expect("a readable record");
        let record = Record::decode(found.kind, found.version, found.payload).expect("a known record");
        let (money, old, new) = match &record {
            Record::CardIssued(r) => (&r.money, 0, r.card_uid.get()),
            Record::CardReplaced(r) => (&r.money, r.old.get(), r.new.get()),
            Record::CardReturned(r) => (&r.money, r.card_uid.get(), 0),
            _ => continue,
        };
        let account = money.person().expect("a card is somebody's");
        let sequence = money.sequence.get();
        let change = Change { sequence, account, old: CardUid(old), new: CardUid(new) };
        let key = (TerminalId(money.terminal.get()), sequence);
        logged.entry(key).or_default().push(Acknowledged { change, record: found.number });
    }
    let mut told_count = 0;
    for counter in told {
        for told in &counter.acknowledged {
            told_count += 1;
            let key = (counter.terminal, told.change.sequence);
            assert_eq!(logged.get(&key).map_or(&[][..], Vec::as_slice), [*told]);
        }
    }
    let logged_count: usize = logged.values().map(Vec::len).sum();
    assert_eq!(logged_count, told_count, "cards were changed that nobody was told about");
}

/// Each account must be found by the card that it was given last, and by none of those before.
pub fn expect_cards(told: &[CounterLog], mut balance_code: impl FnMut(BalanceQuery) -> ResultCode) {
    let mut current: HashMap<AccountId, CardUid> = HashMap::new();
    for change in told.iter().flat_map(|counter| &counter.acknowledged).map(|told| told.change) {
        current.insert(change.account, change.new);
    }
    for change in told.iter().flat_map(|counter| &counter.acknowledged).map(|told| told.change) {
        if change.new.0 != 0 {
            let code = balance_code(BalanceQuery { account: AccountSelector::Card(change.new) });
            let expected = match current[&change.account] == change.new {
                true => ResultCode::Approved,
                false => ResultCode::CardNotCurrent,
            };
            assert_eq!(code, expected, "{change:?}, {:?} is current", current[&change.account]);
        }
    }
}
