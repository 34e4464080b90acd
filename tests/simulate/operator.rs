//! The operator: configures while everybody sells, and writes down what was acknowledged.

use std::collections::BTreeMap;

use engine::ledger::Request;
use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    BindCard, CutOff, OpenAccount, Opening, RegisterMerchant, RegisterTerminal, SetAccountTerms,
    SetMealPeriod, SetOfficeRules, SetPolicy, SetPrice, TerminalKeyTaken,
};
use engine::ledger::record::Wallet;
use engine::ledger::registry::{AuthoriseRule, OfficeRules, Policy, TerminalKind};
use engine::runtime::engine::{Engine, EngineError};
use protocol::ids::{AccountId, BusinessDate, CardUid, MerchantId, RecordNumber, TerminalId};
use protocol::result_code::ResultCode;

use super::auditor::Auditor;
use super::random::Random;
use super::till::{hands_out_cards, tops_up};
use super::town::{Card, Town};

/// Merchants; the till at slot `s` sells for merchant `s % MERCHANTS`.
pub const MERCHANTS: u32 = 3;

/// Operators, at the slots behind the tills.
pub const OPERATORS: [TerminalKind; 3] =
    [TerminalKind::Administrator, TerminalKind::Administrator, TerminalKind::Administrator];

/// What one operator may adjust alone, at a time and in a day.
pub const ALONE_MAX_FEN: i64 = 400;
pub const ALONE_DAY_MAX_FEN: u32 = 2_000;

/// The one meal period, all day long.
const MEAL: u8 = 0;
/// What those of class 1 may pay in it without the password.
const MEAL_MAX_FEN: u32 = 2_500;

/// A card that was given to two people.
const CONFLICTED_CARD: CardUid = CardUid(8_000);
/// A card that nobody has.
const UNKNOWN_CARD: CardUid = CardUid(7_000);

/// What was done and isn't acknowledged yet.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Terms { account: AccountId, terms: Terms },
    Card { account: AccountId, card_uid: CardUid },
    Account { account: AccountId },
    Date { opened: BusinessDate },
    Price,
    SignIn,
}

type Terms = (AccountStatus, bool);

#[derive(Default)]
pub struct Operator {
    waiting: Vec<(RecordNumber, Deed)>,
    /// An account's terms as acknowledged last, and whatever may have replaced them since.
    terms: BTreeMap<AccountId, Vec<Terms>>,
    date: BusinessDate,
    next_card: u64,
    next_student: u32,
    pub cut_offs: u64,
}

/// The number under which the operator opens an account, if every one before it was opened.
pub fn student_number(number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    let text = format!("26{number:05}");
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

impl Operator {
    /// Sets the campus up: merchants, tills, rules, people with cards and money.
    ///
    /// # Errors
    /// The engine doesn't take it.
    pub fn set_up(
        &mut self,
        engine: &Engine,
        random: &mut Random,
        town: &mut Town,
        tills: u16,
    ) -> Result<(), String> {
        let done = |request: Request<'_>| {
            engine.configure(request).map_err(|error| format!("setting up, {request:?}: {error}"))
        };
        self.date = BusinessDate(9_824);
        done(Request::CutOff(CutOff { opened: self.date }))?;
        for (merchant, name) in (0..MERCHANTS).zip(["一食堂", "二食堂", "shop"]) {
            done(Request::RegisterMerchant(RegisterMerchant {
                merchant: MerchantId(merchant),
                name,
                enabled: true,
            }))?;
        }
        for slot in 0..tills {
            done(Request::RegisterTerminal(RegisterTerminal {
                terminal: TerminalId(101 + u32::from(slot)),
                merchant: MerchantId(u32::from(slot) % MERCHANTS),
                kind: match slot {
                    _ if hands_out_cards(slot) => TerminalKind::Counter,
                    _ if tops_up(slot) => TerminalKind::PhoneGateway,
                    _ => TerminalKind::PointOfSale,
                },
                key_version: 1,
                enabled: true,
            }))?;
        }
        for (slot, kind) in (tills..).zip(OPERATORS) {
            done(Request::RegisterTerminal(RegisterTerminal {
                terminal: TerminalId(101 + u32::from(slot)),
                merchant: MerchantId(0),
                kind,
                key_version: 1,
                enabled: true,
            }))?;
        }
        let rules = OfficeRules {
            adjust_alone_max_fen: ALONE_MAX_FEN,
            adjust_alone_day_max_fen: ALONE_DAY_MAX_FEN,
            proposal_s: 240,
            cards_from_stock: false,
        };
        done(Request::SetOfficeRules(SetOfficeRules { rules }))?;
        let literal = Policy {
            rule: AuthoriseRule::AboveZero,
            floor_fen: -500,
            code_max_fen: 900,
            meal_max_fen: MEAL_MAX_FEN,
            ..Policy::DEFAULT
        };
        done(Request::SetPolicy(SetPolicy { class: 1, policy: literal }))?;
        let rate = *random.pick(&[450, -1_000, -10_000]);
        // It is one meal all day long.
        done(Request::SetMealPeriod(SetMealPeriod {
            period: MEAL,
            name: "meal",
            start_minute: 0,
            end_minute: 1_440,
        }))?;
        done(Request::SetPrice(SetPrice { class: 1, period: MEAL, rate }))?;
        for number in 0..random.between(3, 16) as u32 {
            let account = AccountId(number);
            let class = u8::from(random.per_mille(300));
            done(Request::OpenAccount(OpenAccount { student_number: student_number(number), class }))?;
            if number < 2 {
                done(Request::BindCard(BindCard { account, card_uid: CONFLICTED_CARD }))?;
            }
            self.next_card = 9_000 + u64::from(number);
            let card_uid = CardUid(self.next_card);
            done(Request::BindCard(BindCard { account, card_uid }))?;
            town.cards.push(Card::new(card_uid, Some(account)));
            let amount_fen = random.below(20_000) as i64;
            if amount_fen > 0 {
                let wallet = *random.pick(&[Wallet::Card, Wallet::Electronic]);
                done(Request::Opening(Opening { account, wallet, amount_fen }))?;
            }
            town.openings_fen.insert(account, amount_fen);
            self.next_student = number + 1;
        }
        for uid in [CONFLICTED_CARD, UNKNOWN_CARD] {
            town.cards.push(Card::new(uid, None));
        }
        engine.sync().map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Does something.
    ///
    /// # Errors
    /// The books and the log don't agree.
    pub fn act(&mut self, engine: &Engine, random: &mut Random, town: &Town) -> Result<(), String> {
        let account = town.person(random);
        let (request, deed) = match random.below(12) {
            0..4 => {
                let status = *random.pick(&[
                    AccountStatus::Open,
                    AccountStatus::Open,
                    AccountStatus::Frozen,
                    AccountStatus::Closed,
                ]);
                let terms = (status, random.per_mille(400));
                let request = Request::SetAccountTerms(SetAccountTerms {
                    account,
                    status,
                    card_lost: terms.1,
                    class: random.below(2) as u8,
                    debit_max_fen: 0,
                    day_max_fen: 0,
                });
                (request, Deed::Terms { account, terms })
            }
            4..7 => {
                self.next_card += 1;
                let card_uid = CardUid(self.next_card);
                (Request::BindCard(BindCard { account, card_uid }), Deed::Card { account, card_uid })
            }
            7..9 => {
                self.next_student += 1;
                let request = Request::OpenAccount(OpenAccount {
                    student_number: student_number(self.next_student),
                    class: 0,
                });
                (request, Deed::Account { account })
            }
            9 => {
                // Somebody pays more than the price, or less, or just that, from now on.
                let (class, rate) = (random.below(2) as u8, *random.pick(&[0, 450, 333, -1_000]));
                let request = Request::SetPrice(SetPrice { class, period: MEAL, rate });
                (request, Deed::Price)
            }
            10 => {
                // A till signs in: under its newest key.
                let terminal = TerminalId(101 + random.below(4) as u32);
                let routes = engine.routes();
                let known = routes.configuration().registry.find_terminal(terminal);
                let Some(key_version) = known.map(|known| known.key_version) else { return Ok(()) };
                let taken = TerminalKeyTaken { terminal, key_version };
                (Request::TerminalKeyTaken(taken), Deed::SignIn)
            }
            _ => {
                let opened = BusinessDate(self.date.0 + 1);
                (Request::CutOff(CutOff { opened }), Deed::Date { opened })
            }
        };
        let outcome = match engine.configure(request) {
            Ok(outcome) => outcome,
            Err(EngineError::NotTaken(_) | EngineError::Refused { .. }) => return Ok(()),
            Err(error) => return Err(format!("{request:?}: {error}")),
        };
        if outcome.code != ResultCode::Approved {
            return Err(format!("{request:?} is answered {outcome:?}"));
        }
        match deed {
            Deed::Terms { account, terms } => self.terms_of(account).push(terms),
            Deed::Card { account, .. } => self.may_have_other_card(account),
            Deed::Account { .. } | Deed::Date { .. } | Deed::Price | Deed::SignIn => {}
        }
        let deed = match deed {
            Deed::Account { .. } => Deed::Account { account: outcome.account.unwrap_or_default() },
            deed => deed,
        };
        self.waiting.push((outcome.observed, deed));
        Ok(())
    }

    /// A person has another card now, or none, or may have: that lifts the loss report of the one before.
    pub fn may_have_other_card(&mut self, account: AccountId) {
        self.may_have_terms(account, &[false]);
    }

    /// A person's card is lost now, or found, or may be.
    pub fn may_have_lost_card(&mut self, account: AccountId) {
        self.may_have_terms(account, &[false, true]);
    }

    /// With any status that the account may have, its card may be `lost` from now on. Said anew though it was said before:
    /// what is acknowledged makes what came before it untrue.
    fn may_have_terms(&mut self, account: AccountId, lost: &[bool]) {
        let all = self.terms_of(account);
        let statuses = [AccountStatus::Open, AccountStatus::Frozen, AccountStatus::Closed];
        let had = statuses.map(|status| all.iter().any(|terms| terms.0 == status));
        for (status, _) in statuses.into_iter().zip(had).filter(|(_, had)| *had) {
            all.extend(lost.iter().map(|&lost| (status, lost)));
        }
    }

    /// A person's account was frozen or opened again, or may have been.
    pub fn may_have_other_status(&mut self, account: AccountId) {
        let all = self.terms_of(account);
        let lost = [false, true];
        let had = lost.map(|card_lost| all.iter().any(|terms| terms.1 == card_lost));
        for (card_lost, _) in lost.into_iter().zip(had).filter(|(_, had)| *had) {
            all.extend([(AccountStatus::Open, card_lost), (AccountStatus::Frozen, card_lost)]);
        }
    }

    /// A person's account is closed at a counter, or may be: that takes the card back, too.
    pub fn may_be_closed(&mut self, account: AccountId) {
        self.terms_of(account).push((AccountStatus::Closed, false));
    }

    /// The terms that an account may have, the oldest first: at first those that it was opened with.
    fn terms_of(&mut self, account: AccountId) -> &mut Vec<Terms> {
        self.terms.entry(account).or_insert_with(|| vec![(AccountStatus::Open, false)])
    }

    /// Takes what is acknowledged by now.
    pub fn take_answers(&mut self, durable: u64, town: &mut Town) {
        let (told, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|(observed, _)| observed.0 <= durable);
        self.waiting = waiting;
        for (_, deed) in told {
            match deed {
                Deed::Terms { account, terms } => {
                    if let Some(all) = self.terms.get_mut(&account)
                        && let Some(place) = all.iter().position(|known| *known == terms)
                    {
                        all.drain(..place);
                    }
                }
                Deed::Card { account, card_uid } => {
                    town.cards.push(Card::new(card_uid, Some(account)));
                }
                Deed::Account { account } => {
                    town.openings_fen.insert(account, 0);
                }
                Deed::Date { opened } => {
                    self.date = opened;
                    self.cut_offs += 1;
                }
                Deed::Price | Deed::SignIn => {}
            }
        }
    }

    /// The process has ended: what wasn't acknowledged may have happened or not.
    pub fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Holds what was acknowledged against the log.
    ///
    /// # Errors
    /// It isn't there.
    pub fn check(&self, auditor: &Auditor, town: &Town) -> Result<(), String> {
        for (account, all) in &self.terms {
            if !all.iter().any(|&(status, card_lost)| auditor.has_terms(*account, status, card_lost)) {
                return Err(format!("account {account} has none of the terms it may have: {all:?}"));
            }
        }
        match town.openings_fen.keys().find(|account| account.0 as usize >= auditor.books().persons()) {
            Some(account) => Err(format!("account {account} was acknowledged and isn't there")),
            None => Ok(()),
        }
    }
}
