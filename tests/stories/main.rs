//! Stories: the chapters of the college's card guide, each played by its people over real sockets.
//!
//! A story reads like its chapter: the guide's sentence stands as a comment, and what people do about it follows. One file a
//! chapter, numbered like the table of the guide's systems.

#[expect(dead_code, reason = "the campus of the server's tests, of which a story needs a part")]
#[path = "../server/campus.rs"]
mod campus;
#[expect(dead_code, reason = "the program of the server's tests, of which a story needs a part")]
#[path = "../server/program.rs"]
mod program;
#[path = "../server/subsidy_desk.rs"]
mod subsidy_desk;
mod t01_physical_card;
mod t02_virtual_card;
mod t03_three_wallets;
mod t04_top_up;
mod t05_payment_code;
mod t06_online_till;
mod t07_offline_till;
mod t13_loss_report;
mod t14_my_bill;
#[path = "../wechat_pay/mod.rs"]
mod wechat_pay;
#[path = "../server/wire_till.rs"]
mod wire_till;
