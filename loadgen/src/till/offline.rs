//! Selling without a network, and handing the stored records in afterwards.

use protocol::answer::BatchAnswer;
use protocol::command_table::Kind;
use protocol::ids::Sequence;
use protocol::result_code::{ResultCode, TillAction};

use super::{Link, SendBody, Till, TillStep, UploadInFlight, World};
use crate::lost_sales::LostSale;
use crate::outcome_log::{OutcomeKind, SaleState};
use crate::people::CardTap;
use crate::profile::{IntentAction, Tender};

impl Till {
    pub(super) fn poll_offline(&mut self, now_ns: u64, world: &mut World) -> TillStep {
        if self.store_due_sales(now_ns, now_ns, world) || self.stopping {
            self.link = Link::Down { since_ns: now_ns, retry_ns: now_ns, failures: 0 };
            return self.poll(now_ns, world);
        }
        self.wait(u64::MAX, now_ns)
    }

    /// Makes every due sale offline. True once an intention brings the network back.
    pub(super) fn store_due_sales(&mut self, now_ns: u64, since_ns: u64, world: &mut World) -> bool {
        while let Some((at_ns, action)) = self.take_due(now_ns) {
            match action {
                IntentAction::Sale { holder, amount_fen, tender, .. } => {
                    world.measurement.counts.intended += 1;
                    let unix_ns = world.unix_ns(at_ns);
                    let since_unix_ns = world.unix_ns(since_ns.min(at_ns));
                    self.store_sale((holder, amount_fen, tender), unix_ns, since_unix_ns, world);
                }
                IntentAction::Deed(_) => {
                    world.measurement.counts.intended += 1;
                    world.measurement.counts.impossible += 1;
                }
                IntentAction::LoseSequence => self.lose_sequence(world),
                IntentAction::LoseSale => self.loses_sale = true,
                IntentAction::GoOffline => {}
                IntentAction::GoOnline => return true,
            }
        }
        false
    }

    /// Whoever would pay by code scans what the till shows: it can't ask about a code now.
    fn store_sale(
        &mut self,
        (holder, amount_fen, tender): (u32, i64, Tender),
        unix_ns: u64,
        since_unix_ns: u64,
        world: &mut World,
    ) {
        let loses = tender == Tender::Card && std::mem::take(&mut self.loses_sale);
        let lost =
            if loses { self.lose_sale(holder, amount_fen, unix_ns, since_unix_ns, world) } else { None };
        let sale = self.sale_id(self.next_sequence);
        let shown = match tender {
            Tender::Code => world.show_scan(sale, holder, amount_fen, unix_ns, since_unix_ns),
            Tender::Card => None,
        };
        let kind = if shown.is_some() { OutcomeKind::ScanTold } else { OutcomeKind::OfflineDebit };
        let paid =
            shown.or_else(|| world.people.pay_offline(holder, sale, amount_fen, unix_ns, since_unix_ns));
        let Some(record) = paid else {
            world.measurement.counts.impossible += 1;
            return;
        };
        self.take_sequence();
        if let Some(lost) = lost {
            world.lost_sales.lose(lost, sale);
        }
        world.measurement.counts.stored += 1;
        let account = world.people.account(holder).0;
        self.stored.push(record);
        self.stored_entries.push(world.log.open(sale, kind, SaleState::Stored, account, amount_fen, 0));
        self.stored_holders.push(holder);
    }

    /// The chip has paid, and nothing is kept of it.
    fn lose_sale(
        &mut self,
        holder: u32,
        amount_fen: i64,
        unix_ns: u64,
        since_unix_ns: u64,
        world: &mut World,
    ) -> Option<LostSale> {
        let sale = self.sale_id(self.next_sequence);
        let record = world.people.pay_offline(holder, sale, amount_fen, unix_ns, since_unix_ns)?;
        self.take_sequence();
        let tap = CardTap { card_uid: record.card(), counter: record.counter() };
        Some(LostSale { account: world.people.account(holder), tap, amount_fen })
    }

    /// Sales made before the run began get their sequences once the server has told the last one it knows.
    pub(super) fn store_sales_from_before(&mut self, now_ns: u64, world: &mut World) {
        let now_unix_ns = world.unix_ns(now_ns);
        let before = std::mem::take(&mut self.stored_before);
        let oldest_ns = before.first().map_or(0, |sale| sale.age_ns);
        for sale in before {
            let unix_ns = now_unix_ns.saturating_sub(sale.age_ns);
            let since_unix_ns = now_unix_ns.saturating_sub(oldest_ns);
            world.measurement.counts.intended += 1;
            self.store_sale((sale.holder, sale.amount_fen, Tender::Card), unix_ns, since_unix_ns, world);
        }
    }

    /// Records that wait for their upload.
    pub(super) fn upload_pending(&self) -> usize {
        self.stored.len() - self.stored_next
    }

    pub(super) fn poll_upload(&mut self, now_ns: u64) -> Option<TillStep> {
        if self.upload.is_some()
            || self.upload_pending() == 0
            || self.stopping
            || now_ns < self.upload_retry_ns
        {
            return None;
        }
        let count = self.upload_pending().min(self.settings.upload_batch_records);
        self.upload = Some(UploadInFlight {
            count,
            batch: self.next_batch,
            sent_ns: now_ns,
            deadline_ns: now_ns.saturating_add(self.settings.timers.upload_timeout_ns),
        });
        self.next_batch = self.next_batch.wrapping_add(1);
        Some(TillStep::Send(self.order(SendBody::Upload { count }, Sequence(0), now_ns)))
    }

    /// One result for each record. What is to be sent again goes to the end of the stored records.
    pub(super) fn on_batch(&mut self, now_ns: u64, answer: &BatchAnswer<'_>, world: &mut World) {
        let Some(upload) = self.upload.filter(|upload| upload.batch == answer.batch) else {
            return;
        };
        self.upload = None;
        let counts = &mut world.measurement.counts;
        if answer.lines.len() != upload.count {
            counts.answers_wrong += 1;
            self.upload_retry_ns = now_ns + self.settings.timers.retry_pauses_ns[0];
            return;
        }
        counts.upload_batches += 1;
        let frames = &mut world.measurement.by_message.of(Kind::Upload).latency;
        frames.saturating_record(now_ns.saturating_sub(upload.sent_ns));
        let mut again = false;
        for (place, line) in (self.stored_next..).zip(answer.lines) {
            let counts = &mut world.measurement.counts;
            let (record, entry, holder) =
                (self.stored[place], self.stored_entries[place], self.stored_holders[place]);
            let Some(code) = line.result().filter(|_| line.sale(self.terminal) == record.sale()) else {
                counts.answers_wrong += 1;
                continue;
            };
            let state = match (code, code.action()) {
                (ResultCode::Approved, _) => SaleState::Uploaded,
                (ResultCode::ApprovedFlagged, _) => {
                    counts.uploaded_flagged += 1;
                    SaleState::Uploaded
                }
                (_, TillAction::Retry | TillAction::SignIn) => {
                    world.measurement.transient_by_code.add(code);
                    self.stored.push(record);
                    self.stored_entries.push(entry);
                    self.stored_holders.push(holder);
                    again = true;
                    continue;
                }
                _ => SaleState::Kept,
            };
            let records = world.measurement.by_message.of(Kind::Upload);
            if state == SaleState::Uploaded {
                counts.uploaded += 1;
                records.approved += 1;
                world.served[holder as usize] = true;
                world.lost_sales.uploaded(record.sale());
            } else {
                counts.upload_kept += 1;
                records.refused += 1;
                records.refused_by_code.add(code);
                world.measurement.refused_by_code.add(code);
            }
            world.close(entry, state, code.number(), line.record.get());
        }
        self.stored_next += upload.count;
        if self.upload_pending() == 0 {
            self.stored.clear();
            self.stored_entries.clear();
            self.stored_holders.clear();
            self.stored_next = 0;
        }
        if again {
            self.upload_retry_ns = now_ns + self.settings.timers.retry_pauses_ns[0];
        }
    }

    /// The batch in flight was refused as a whole; it is sent again after a pause.
    pub(super) fn on_batch_refused(&mut self, now_ns: u64) {
        self.upload = None;
        self.upload_retry_ns = now_ns + self.settings.timers.retry_pauses_ns[0];
    }
}
