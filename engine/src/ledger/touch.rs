//! Reads ahead of a batch: the cache lines that its decisions will need, so that the misses overlap.
//!
//! One miss costs more than a whole decision on warm lines. A processor overlaps as many of them as its window holds
//! instructions for, so each pass here is a short loop over one kind of line: first the directory's buckets, then, once
//! those are near, the accounts that they lead to, then the tills.
//!
//! Nothing is changed and nothing depends on what is read; a batch that isn't touched is only slower.

use core::hint::black_box;

use protocol::ids::{AccountId, Sequence};

use super::command::{AccountSelector, CodeVerdict, Command, Request, TerminalSlot};
use super::decide::candidate;
use super::directory::Directory;
use super::shard::{Layout, Parts};

/// Commands whose lines are read together.
const RUN: usize = 64;

/// Reads the directory's lines that routing these commands will need. Call it for a batch before
/// [`super::shards_touched`]. Needs no shard.
pub fn touch_routes<'c>(directory: &Directory, commands: impl Iterator<Item = Command<'c>>) {
    for command in commands {
        black_box(match &command.request {
            Request::CardDebit(r) => directory.touch_card(r.card_uid),
            Request::Offline(r) => directory.touch_card(r.card_uid),
            Request::TopUp(r) => touch_selector(directory, &r.account),
            Request::Balance(selector) | Request::BillHead(selector) => touch_selector(directory, selector),
            _ => 0,
        });
    }
}

fn touch_selector(directory: &Directory, selector: &AccountSelector) -> u64 {
    match selector {
        AccountSelector::Account(_) => 0,
        AccountSelector::StudentNumber(text) => directory.touch_student_number(text),
        AccountSelector::Card(card_uid) => directory.touch_card(*card_uid),
    }
}

/// Reads the lines of the shards that deciding and applying these commands will need. Call it for a batch before the
/// first decision. Needs the commands' shards.
pub fn touch_parts<'c, P: Parts + ?Sized>(
    directory: &Directory,
    parts: &P,
    mut commands: impl Iterator<Item = Command<'c>>,
) {
    let layout = Layout::new(parts.shard_count());
    loop {
        let mut accounts = [AccountId(0); RUN];
        let mut tills = [(TerminalSlot(0), Sequence(0)); RUN];
        let (mut accounts_count, mut tills_count, mut commands_count) = (0, 0, 0);
        for command in commands.by_ref().take(RUN) {
            commands_count += 1;
            if let Some(account) = account_of(directory, &command) {
                accounts[accounts_count] = account;
                accounts_count += 1;
            }
            if let Some(sale) = command.sale() {
                tills[tills_count] = (sale.slot, sale.sequence);
                tills_count += 1;
            }
        }
        for account in &accounts[..accounts_count] {
            if let Some(account) = layout.account(parts, *account) {
                black_box(account.head ^ account.month_start);
            }
        }
        for (slot, sequence) in &tills[..tills_count] {
            if let Some(entry) = layout.terminal(parts, *slot) {
                black_box(entry.head ^ entry.ring.touch(*sequence));
            }
        }
        if commands_count < RUN {
            return;
        }
    }
}

fn account_of(directory: &Directory, command: &Command<'_>) -> Option<AccountId> {
    match &command.request {
        Request::CardDebit(r) => directory.card(r.card_uid).account(),
        Request::Offline(r) => directory.card(r.card_uid).account(),
        Request::CodeDebit(r) => match r.verdict {
            CodeVerdict::Authentic { account, .. } => Some(account),
            _ => None,
        },
        Request::TopUp(r) => candidate(directory, &r.account),
        Request::Balance(selector) | Request::BillHead(selector) => candidate(directory, selector),
        _ => None,
    }
}
