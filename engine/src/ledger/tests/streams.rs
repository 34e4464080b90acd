//! Random command streams: the books balance after every group, replay and snapshot give the live state, and the
//! outcomes are the same whatever the shard count.

use protocol::ids::{AccountId, BusinessDate, CardCounter, CardUid, Epoch, Sequence};

use super::bench::{Bench, MERCHANT, SECOND_NS, sale, text, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountSelector, Balance, BindCard, CardDebit, Carried, Channel, CodeDebit, CodeVerdict, CutOff,
    OfflineFact, RegisterMerchant, Request, Reversal, SetAccountTerms, TopUp,
};
use crate::ledger::snapshot;

/// xorshift64*: the stream of a seed is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn below_u32(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap()
    }
}

const ACCOUNTS: u32 = 12;

/// One command of a stream; `clock` counts the commands before it.
fn command(random: &mut Random, clock: u32, time_ns: u64) -> Request<'static> {
    let slot = u16::try_from(random.below(3)).unwrap();
    // Around the till's frontier, so that retries, gaps and conflicts happen; now and then a new epoch begins.
    let epoch = u16::try_from(1 + clock / 700 - u32::from(random.below(20) == 0 && clock >= 700)).unwrap();
    let sequence = (clock % 700 / 4 + 4).saturating_sub(random.below_u32(8));
    let sale = sale(slot, epoch, sequence);
    let account = random.below_u32(ACCOUNTS + 1);
    let amount_fen = [100, 100, 250, 900, 2_000, 2_001, 0][random.below(7) as usize];
    match random.below(40) {
        0..=14 => Request::CardDebit(CardDebit {
            sale,
            card_uid: uid(account),
            card_counter: CardCounter(clock + 1 - random.below_u32(2).min(clock)),
            amount_fen,
        }),
        15..=19 => Request::CodeDebit(CodeDebit {
            sale,
            digits: [b'0' + u8::try_from(random.below(10)).unwrap(); 20],
            verdict: match random.below(6) {
                0 => CodeVerdict::Malformed,
                1 => CodeVerdict::NotAuthentic,
                2 => CodeVerdict::Expired,
                _ => CodeVerdict::Authentic {
                    account: AccountId(account),
                    step: 1_000 + clock / 8 + random.below_u32(3),
                    nonce: u8::try_from(random.below(3)).unwrap(),
                },
            },
            key_version: 0,
            amount_fen,
        }),
        20..=22 => Request::TopUp(TopUp {
            sale,
            account: AccountSelector::Account(AccountId(account)),
            amount_fen: amount_fen * 4,
            channel: Channel::WeChat,
            order_number: text(&format!("order {}", random.below(u64::from(clock) / 20 + 1))),
        }),
        23..=28 => Request::Reversal(Reversal {
            sale,
            original_epoch: Epoch(epoch.saturating_sub(u16::from(random.below(8) == 0))),
            original_sequence: Sequence(sequence.saturating_sub(random.below_u32(6))),
            amount_fen,
        }),
        29..=36 => Request::Offline(OfflineFact {
            sale,
            record_terminal: sale.terminal,
            card_uid: uid(account),
            card_counter: CardCounter(clock),
            amount_fen,
            till_time_ns: time_ns - random.below(4) * 20_000 * SECOND_NS,
            list: None,
            authentic: random.below(12) != 0,
            carried: Carried::default(),
        }),
        37 => Request::BindCard(BindCard {
            account: AccountId(random.below_u32(ACCOUNTS)),
            card_uid: CardUid(8_000_000 + random.below(u64::from(clock / 50) + 1)),
        }),
        38 => Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(random.below_u32(ACCOUNTS)),
            status: if random.below(4) == 0 { AccountStatus::Frozen } else { AccountStatus::Open },
            card_lost: random.below(4) == 0,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: [0, 3_000][random.below(2) as usize],
        }),
        _ => match random.below(3) {
            0 => {
                Request::CutOff(CutOff { opened: BusinessDate(9_825 + u16::try_from(clock / 300).unwrap()) })
            }
            1 => Request::RegisterMerchant(RegisterMerchant {
                merchant: MERCHANT,
                name: "一食堂",
                enabled: random.below(3) != 0,
            }),
            _ => Request::Balance(Balance {
                account: AccountSelector::StudentNumber(text(&format!("18{account:04}"))),
            }),
        },
    }
}

#[test]
fn streams_give_the_same_books_whatever_the_shard_count() {
    let given = std::env::var("YIKA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds: Vec<u64> = given.map_or_else(|| (1..=8).collect(), |seed| vec![seed]);
    for seed in seeds {
        println!("seed {seed}: YIKA_SEED={seed} cargo test -p engine ledger::tests::streams -- --nocapture");
        let mut benches = [1, 2, 16].map(|shards| Bench::new(shards, ACCOUNTS));
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for clock in 0..2_500 {
            let step_ns = random.below(120) * SECOND_NS;
            let request = command(&mut random, clock, benches[0].time_ns);
            let answers = benches.each_mut().map(|bench| {
                bench.time_ns += step_ns;
                match request {
                    Request::Balance(_) => {
                        bench.decide(request);
                        None
                    }
                    _ => Some(bench.run(request)),
                }
            });
            assert_eq!(answers[0], answers[1], "command {clock}: {request:?}");
            assert_eq!(answers[0], answers[2], "command {clock}: {request:?}");
        }
        let digests = benches.each_ref().map(|bench| snapshot::digest_of(&bench.state));
        assert_eq!(digests[0], digests[1]);
        assert_eq!(digests[0], digests[2]);
        assert!(benches[0].walks > 0);
        benches.iter().for_each(Bench::close);
    }
}
