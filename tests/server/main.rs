//! The server as its peers meet it: real sockets, real files, the real binary.
//!
//! ```text
//! campus      books of a small campus in a temporary directory, served in this process
//! wire_till   a till on a blocking socket, down to single frames
//! program     the `yika` binary: run, killed
//! wechat_pay  a payment platform and the school that is its merchant
//! seed        random numbers that can be had again
//! ```
//!
//! Every other module is one topic. No test depends on measured time: time limits are only there so that a
//! server that hangs fails instead of hanging the run.

mod bad_frames;
mod bad_input;
mod bad_peers;
mod block_list;
mod books_check;
mod bystander;
mod campus;
mod card_changes;
mod card_stock;
mod cashiers;
mod chip_taps;
mod cli_import;
mod cli_serve;
mod cli_settle;
mod counter_load;
mod crowd;
mod full_log;
mod gateway;
mod graceful_stop;
mod kill_cycles;
mod load;
mod metrics;
mod operators;
mod orders;
mod passwords;
mod prices;
mod program;
mod python_client;
mod refunds;
mod reprint;
mod restart_state;
mod seed;
mod statement;
mod subsidies;
mod subsidy_desk;
mod tables;
mod terminal_keys;
mod told_posts;
mod top_up_undo;
mod uploads;
#[expect(dead_code, reason = "the payment platform of the stories, of which a server's test needs a part")]
#[path = "../wechat_pay/mod.rs"]
mod wechat_pay;
mod wire_till;
