//! Tills that sell and upload, keep retrying whatever happens to the server, and remember what they were told.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::answer::{Answer, MoneyAnswer};
use protocol::client::{Client, ClientError, SaleIdentity};
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::offline_record::OfflineRecord;
use protocol::request::{Request, Upload};
use protocol::result_code::{ResultCode, TillAction};

use crate::campus::{CampusKeys, HOLDERS, card, till};
use crate::crowd::{ANSWER_TIMEOUT, Crowd, Member, Place, expect_retry, outcome_of, sign_in, sign_out};
use crate::seed::Random;
use crate::wire_till::{Tap, offline_record, tap_request};

/// Earlier outcomes that a till asks for again in each new session, besides those it hasn't asked for yet.
const ASKED_AGAIN: u64 = 16;
/// Earlier taps that it sends again in each new session.
const SENT_AGAIN: u64 = 4;

/// What a till was told about one sale.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    /// The sale.
    pub tap: Tap,
    /// It was made offline and uploaded.
    pub uploaded: bool,
    /// The outcome.
    pub code: ResultCode,
    /// The record it stands on.
    pub record: u64,
}

/// Everything that a till was told.
pub struct TillLog {
    /// The till.
    pub terminal: TerminalId,
    /// What it was told, each sale once.
    pub acknowledged: Vec<Acknowledged>,
}

/// Tills on threads of their own.
pub type Load = Crowd<TillLog>;

impl Load {
    /// Starts `tills` tills; they wait until an address is published.
    pub fn start(keys: &CampusKeys, tills: u32, random: &mut Random) -> Load {
        Load::resting(keys, tills, Duration::ZERO, random)
    }

    /// Tills that rest so long after each sale: for a test that is long for other reasons, as what is asked again at its end,
    /// each by a walk back along the till's chain, costs the square of what was sold.
    pub fn resting(keys: &CampusKeys, tills: u32, rest: Duration, random: &mut Random) -> Load {
        Crowd::of((0..tills).map(|index| TillWorker {
            index,
            tills,
            rest,
            keys: keys.clone(),
            random: random.fork(),
            next_sequence: 1,
            next_counter: 1,
            in_hand: None,
            acknowledged: Vec::new(),
            confirmed: 0,
        }))
    }
}

/// What a till does until it is answered.
enum InHand {
    Tap(Tap),
    Upload { batch: u32, taps: Vec<Tap>, records: Vec<OfflineRecord> },
}

struct TillWorker {
    index: u32,
    tills: u32,
    rest: Duration,
    keys: CampusKeys,
    random: Random,
    next_sequence: u32,
    next_counter: u32,
    in_hand: Option<InHand>,
    acknowledged: Vec<Acknowledged>,
    /// Outcomes up to here were asked for again in a later session.
    confirmed: usize,
}

impl Member for TillWorker {
    type Log = TillLog;

    fn terminal(&self) -> TerminalId {
        till(self.index)
    }

    async fn session(&mut self, place: &mut Place, address: SocketAddr) -> Result<(), ClientError> {
        let last_told = self.acknowledged.iter().map(|told| told.tap.sequence).max().unwrap_or(0);
        let mut client = sign_in(address, &self.keys, self.terminal(), last_told).await?;
        self.confirm(place, &mut client).await?;
        loop {
            if self.in_hand.is_none() {
                if place.is_stopping() {
                    break;
                }
                self.in_hand = Some(self.new_work());
            }
            self.work(place, &mut client).await?;
            tokio::time::sleep(self.rest).await;
        }
        self.confirm_all(&mut client).await?;
        sign_out(&mut client).await
    }

    fn into_log(self) -> TillLog {
        TillLog { terminal: self.terminal(), acknowledged: self.acknowledged }
    }
}

impl TillWorker {
    /// A tap mostly, sometimes an upload. Each till has its own holders, so their card counters rise.
    fn new_work(&mut self) -> InHand {
        if self.random.below(24) > 0 {
            return InHand::Tap(self.new_tap());
        }
        let count = 1 + self.random.below(100);
        let taps: Vec<Tap> = (0..count).map(|_| self.new_tap()).collect();
        let record = |tap: &Tap| offline_record(&self.keys, till(self.index), tap, 1_790_000_000_000_000_000);
        let records = taps.iter().map(record).collect();
        InHand::Upload { batch: self.next_sequence, taps, records }
    }

    fn new_tap(&mut self) -> Tap {
        let own_holders = HOLDERS / self.tills;
        let account = self.random.below(own_holders.into()) as u32 * self.tills + self.index;
        let tap = Tap {
            sequence: self.next_sequence,
            card: card(account),
            counter: self.next_counter,
            amount_fen: 1 + self.random.below(500).cast_signed(),
        };
        self.next_sequence += 1;
        self.next_counter += 1;
        tap
    }

    async fn work(&mut self, place: &mut Place, client: &mut Client) -> Result<(), ClientError> {
        let told = match self.in_hand.as_ref().expect("there is work") {
            InHand::Tap(tap) => {
                let Some(answer) = send_tap(client, tap).await? else {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    return Ok(());
                };
                vec![Acknowledged { tap: *tap, uploaded: false, code: answer.code, record: answer.record.0 }]
            }
            InHand::Upload { batch, taps, records } => {
                let upload = Request::Upload(Upload { batch: *batch, records });
                match client.call(SaleIdentity::default(), &upload, ANSWER_TIMEOUT).await? {
                    Answer::Batch(answer) => {
                        let lines = answer.lines.iter().zip(taps).map(|(line, &tap)| {
                            let code = line.result().expect("a known code");
                            assert_eq!(line.sequence.get(), tap.sequence, "the lines are in order");
                            Acknowledged { tap, uploaded: true, code, record: line.record.get() }
                        });
                        lines.collect()
                    }
                    answer => {
                        expect_retry(&answer);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        return Ok(());
                    }
                }
            }
        };
        if told.iter().any(|told| told.code.action() == TillAction::Retry) {
            return Ok(());
        }
        for told in &told {
            assert!(told.code.is_approved() && told.record > 0, "{told:?}");
        }
        place.acknowledge(told.len() as u64);
        self.acknowledged.extend(told);
        self.in_hand = None;
        Ok(())
    }

    /// Asks again for what was told since the last time, and for some of what was told before.
    async fn confirm(&mut self, place: &mut Place, client: &mut Client) -> Result<(), ClientError> {
        for index in self.confirmed..self.acknowledged.len() {
            ask(client, &self.acknowledged[index]).await?;
        }
        self.confirmed = self.acknowledged.len();
        if self.acknowledged.is_empty() {
            return Ok(());
        }
        for turn in 0..ASKED_AGAIN + SENT_AGAIN {
            let told = self.acknowledged[self.random.below(self.acknowledged.len() as u64) as usize];
            if turn < ASKED_AGAIN {
                ask(client, &told).await?;
            } else if !told.uploaded {
                let answer = send_tap(client, &told.tap).await?.ok_or(ClientError::Closed)?;
                assert!(answer.repeat, "a retry of {told:?} was taken for a new sale: {answer:?}");
                expect_same(&told, &answer);
            }
        }
        place.goes_on();
        Ok(())
    }

    async fn confirm_all(&mut self, client: &mut Client) -> Result<(), ClientError> {
        for told in &self.acknowledged {
            ask(client, told).await?;
        }
        Ok(())
    }
}

/// `None`: the server can't now; send it again.
async fn send_tap(client: &mut Client, tap: &Tap) -> Result<Option<MoneyAnswer>, ClientError> {
    let sale = SaleIdentity { epoch: Epoch(1), sequence: Sequence(tap.sequence) };
    match client.call(sale, &tap_request(tap), ANSWER_TIMEOUT).await? {
        Answer::Money(answer) => Ok(Some(answer)),
        answer => {
            expect_retry(&answer);
            Ok(None)
        }
    }
}

/// Asks for an outcome: it must be there as it was told.
async fn ask(client: &mut Client, told: &Acknowledged) -> Result<(), ClientError> {
    expect_same(told, &outcome_of(client, told.tap.sequence).await?);
    Ok(())
}

fn expect_same(told: &Acknowledged, answer: &MoneyAnswer) {
    assert_eq!(
        (answer.code, answer.record.0, answer.amount_fen),
        (told.code, told.record, told.tap.amount_fen),
        "the outcome of {told:?} isn't what was acknowledged"
    );
}
