//! Table tests of the rules, on a bench that appends, applies and checks every group.

mod account_close;
mod bench;
mod block_list;
mod block_list_reports;
mod bounds;
mod card_states;
mod cards;
mod codes;
mod configuration;
mod debits;
mod gaps;
mod golden;
mod holders;
mod identity;
mod office;
mod offline;
mod refunds;
mod reversals;
mod scans;
mod streams;
mod taps;
mod tenders;
mod top_up_undos;
mod top_ups;
mod voids;
mod wallets;
