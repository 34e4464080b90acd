//! At the end: what the clients wrote down beside what the engine holds.

use std::collections::{BTreeMap, BTreeSet};

use engine::ledger::state::{sum_of_all_fen, total_fen};
use engine::ledger::{Clearing, LedgerAccount};
use protocol::ids::{AccountId, MerchantId, SaleId};
use protocol::request::Verdict;

use super::super::ask::Ask;
use super::super::operator::MERCHANTS;
use super::{World, signed_fen};

impl World<'_> {
    /// What the clients wrote down adds up to what the engine holds, to the fen.
    pub(super) fn reconcile(&mut self) -> Result<(), String> {
        let mut persons_fen = self.town.openings_fen.clone();
        let mut merchants_fen = vec![0_i64; MERCHANTS as usize];
        let (mut unknown_fen, mut lost_fen, mut fees_fen) = (0, 0, 0);
        let (mut adjusted_fen, mut paid_out_fen, mut beside_fen) = (0, 0, 0);
        let proposed = self.proposed();
        let mut orders: BTreeMap<(u8, [u8; 32]), (AccountId, i64)> = BTreeMap::new();
        let mut taken_back: BTreeSet<(u8, [u8; 32])> = BTreeSet::new();
        // A till takes back what it showed; who paid is another's customer.
        let undone: BTreeSet<SaleId> = self
            .tills
            .iter()
            .flat_map(|till| till.notebook.notes())
            .filter(|(_, note)| note.outcome.code.is_approved())
            .filter_map(|(sale, note)| match note.ask {
                Ask::Reversal { epoch, sequence, .. }
                | Ask::Void { epoch, sequence, .. }
                | Ask::TopUpUndo { epoch, sequence, .. } => Some(SaleId { epoch, sequence, ..*sale }),
                _ => None,
            })
            .collect();
        let mut scanned_once: BTreeSet<SaleId> = BTreeSet::new();
        for till in &self.tills {
            let notes = till.notebook.notes();
            // An order that a counter took back stays used, and whoever tells it again is told that it is approved.
            taken_back.extend(undone.iter().filter_map(|sale| match notes.get(sale)?.ask {
                Ask::TopUp { channel, order_number, .. } => Some((channel as u8, order_number)),
                _ => None,
            }));
            for (sale, note) in notes {
                // The clients have asked about every sale: an undone tap has said so.
                let is_undone = matches!(note.ask, Ask::ChipTap { .. }) && note.reversed;
                if !note.outcome.code.is_approved() || undone.contains(sale) || is_undone {
                    continue;
                }
                self.coverage.voids += u64::from(matches!(note.ask, Ask::Void { .. }));
                // What is given back goes the other way, to whoever paid.
                let (paid, sign) = match note.ask {
                    Ask::Refund { epoch, sequence, .. } => {
                        self.coverage.refunds += 1;
                        let original = SaleId { epoch, sequence, ..*sale };
                        let original = notes.get(&original).ok_or(format!("{note:?} is of no known sale"))?;
                        (original.ask, -1)
                    }
                    ask => (ask, 1),
                };
                let owner_of = |card_uid| {
                    self.town.cards.iter().find(|card| card.uid == card_uid).and_then(|card| card.owner)
                };
                let mut others_bear_it = false;
                if let Ask::ScanPay { account, scanned, slot, amount_fen, .. } = note.ask {
                    if !undone.contains(&scanned) && scanned_once.insert(scanned) {
                        *persons_fen.entry(account).or_default() -= amount_fen;
                        merchants_fen[usize::from(slot.0) % MERCHANTS as usize] += amount_fen;
                    }
                    continue;
                }
                if let Ask::PostTold { told, amount_fen, .. } = note.ask {
                    let slot = (told.terminal.0 - 101) as usize;
                    let of_its_till = self.tills[slot].notebook.note(told);
                    if of_its_till.is_some_and(|note| note.outcome.code.is_approved()) {
                        // Its till has told of it after all: it is among that one's notes.
                        self.coverage.told_came_after_all += 1;
                        continue;
                    }
                    merchants_fen[slot % MERCHANTS as usize] += amount_fen;
                    match note.outcome.account {
                        Some(payer) => *persons_fen.entry(payer).or_default() -= amount_fen,
                        None => lost_fen -= amount_fen,
                    }
                    continue;
                }
                let payer = match paid {
                    Ask::Tap { card_uid, .. } | Ask::ChipTap { card_uid, .. } => owner_of(card_uid),
                    Ask::Offline { card_uid, .. } => {
                        // What a blocked card paid is told without an account.
                        others_bear_it = owner_of(card_uid).is_some() && note.outcome.account.is_none();
                        owner_of(card_uid).filter(|_| !others_bear_it)
                    }
                    Ask::Code { account, .. } => account,
                    // What its phone paid is the gateway's note; what the till gave back of it is this one's.
                    Ask::ScanUpload { .. } if sign < 0 => note.outcome.account,
                    Ask::Replace { account, fee_fen, .. } => {
                        fees_fen += fee_fen;
                        *persons_fen.entry(account).or_default() -= fee_fen;
                        continue;
                    }
                    // Past these books: it changes no balance.
                    Ask::Tender { .. } => {
                        self.coverage.tenders += 1;
                        continue;
                    }
                    Ask::Adjust { account, amount_fen, direction, .. } => {
                        let change_fen = signed_fen(direction, amount_fen);
                        adjusted_fen += change_fen;
                        *persons_fen.entry(account).or_default() += change_fen;
                        continue;
                    }
                    Ask::Decide { proposal, verdict: Verdict::Approve } => {
                        let Some(&(account, change_fen)) = proposed.get(&proposal) else {
                            return Err(format!("approved was {proposal}, which nobody was told of"));
                        };
                        adjusted_fen += change_fen;
                        *persons_fen.entry(account).or_default() += change_fen;
                        continue;
                    }
                    Ask::Close { account, .. } => {
                        paid_out_fen += note.outcome.amount_fen;
                        *persons_fen.entry(account).or_default() -= note.outcome.amount_fen;
                        continue;
                    }
                    Ask::TopUp { account, amount_fen, channel, order_number } => {
                        let told =
                            orders.entry((channel as u8, order_number)).or_insert((account, amount_fen));
                        if *told != (account, amount_fen) {
                            return Err(format!("one order was credited as {told:?} and as {note:?}"));
                        }
                        continue;
                    }
                    _ => continue,
                };
                // What the person paid, or got back, is told; the price is what the till asked for.
                let amount_fen = sign * note.ask.amount_fen();
                let paid_fen = sign * note.outcome.amount_fen;
                beside_fen += paid_fen - amount_fen;
                merchants_fen[usize::from(till.slot.0) % MERCHANTS as usize] += amount_fen;
                if others_bear_it {
                    lost_fen -= amount_fen;
                    self.coverage.lost_cards_paid += 1;
                    continue;
                }
                match payer.and_then(|payer| persons_fen.get_mut(&payer)) {
                    Some(person_fen) => *person_fen -= paid_fen,
                    None => unknown_fen -= amount_fen,
                }
            }
        }
        orders.retain(|order, _| !taken_back.contains(order));
        self.coverage.top_ups_undone += taken_back.len() as u64;
        for (account, amount_fen) in orders.values() {
            *persons_fen.entry(*account).or_default() += amount_fen;
        }
        let topped_up_fen: i64 = orders.values().map(|(_, amount_fen)| amount_fen).sum();
        let opened_fen: i64 = self.town.openings_fen.values().sum();

        // What the school gave, nobody asked for: the log says it, and the auditor has held it against the plans.
        let mut subsidies_fen = 0;
        for (account, given_fen) in self.auditor.subsidies_fen() {
            subsidies_fen += given_fen;
            *persons_fen.entry(*account).or_default() += given_fen;
        }
        let (state, _) = self.machine.engine().copy_state();
        if sum_of_all_fen(&state.shards) != 0 {
            return Err(format!("the books sum to {} fen", sum_of_all_fen(&state.shards)));
        }
        let books = self.auditor.books();
        // A till isn't told that what it gives back becomes payable.
        for (account, payable_fen) in &self.auditor.payable_fen {
            *persons_fen.entry(*account).or_default() -= payable_fen;
        }
        let payable_fen: i64 = self.auditor.payable_fen.values().sum();
        let compare = |name: String, told_fen: i64, accounts: &[LedgerAccount]| {
            let held_fen: i64 = accounts.iter().map(|account| total_fen(&state.shards, *account)).sum();
            if told_fen == held_fen {
                Ok(())
            } else {
                Err(format!("{name}: the clients add up to {told_fen} fen, the engine holds {held_fen}"))
            }
        };
        for (account, told_fen) in &persons_fen {
            compare(format!("account {account}"), *told_fen, &[LedgerAccount::person(*account)])?;
            let logged_fen = books.standings(*account).last().map_or(0, |s| s.wallets.iter().sum());
            if logged_fen != *told_fen {
                return Err(format!("account {account}: told {told_fen} fen, logged {logged_fen}"));
            }
        }
        for (number, told_fen) in (0..).zip(&merchants_fen) {
            let parts =
                [LedgerAccount::merchant(MerchantId(number)), LedgerAccount::held_back(MerchantId(number))];
            compare(format!("merchant {number}"), *told_fen, &parts)?;
            let logged_fen: i64 = parts.iter().map(|part| books.hot_fen(*part)).sum();
            if logged_fen != *told_fen {
                return Err(format!("merchant {number}: told {told_fen} fen, logged {logged_fen}"));
            }
        }
        let clearing = |clearing| [LedgerAccount::clearing(clearing)];
        compare("top-ups".to_owned(), -topped_up_fen, &clearing(Clearing::TopUp))?;
        compare("payable".to_owned(), payable_fen + paid_out_fen, &clearing(Clearing::Payable))?;
        compare("subsidies".to_owned(), -subsidies_fen, &clearing(Clearing::Subsidy))?;
        compare("adjustments".to_owned(), -adjusted_fen, &clearing(Clearing::Adjustments))?;
        compare("pricing".to_owned(), beside_fen, &clearing(Clearing::Pricing))?;
        compare("fees".to_owned(), fees_fen, &clearing(Clearing::Fees))?;
        compare("openings".to_owned(), -opened_fen, &clearing(Clearing::Opening))?;
        compare("lost cards".to_owned(), lost_fen, &clearing(Clearing::LostCards))?;
        compare("unknown cards".to_owned(), unknown_fen, &clearing(Clearing::UnknownCard))
    }
}
