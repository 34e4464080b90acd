//! Crash images of the whole engine: its log is cut and damaged everywhere, and the engine must come back with a valid
//! prefix whose balances are the naive sum of that prefix, or refuse to start. Never a wrong balance.
//!
//! Deterministic: nothing is drawn by chance but through `YIKA_SEED`, which the failing test names.

mod books_log;
mod images;
#[path = "../simulate/books.rs"]
mod naive_books;
