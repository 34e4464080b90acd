//! Table tests of the rules, on a bench that appends, applies and checks every group.

mod bench;
mod block_list;
mod bounds;
mod cards;
mod configuration;
mod debits;
mod golden;
mod identity;
mod office;
mod offline;
mod reversals;
mod streams;
mod subsidy_batches;
mod top_up_undos;
mod top_ups;
mod wallets;
