//! A till that sells the whole time while something bad happens elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use crate::campus::{HOLDERS, Served, TILLS, card, till};
use crate::wire_till::{Tap, WireTill};

/// The account that it sells to; leave it and the last till alone.
const ACCOUNT: u32 = HOLDERS - 1;

/// Sells 1 fen after another until it is stopped. Every sale must be approved and leave the right balance.
pub struct Bystander {
    stop: Arc<AtomicBool>,
    sales: Arc<AtomicU32>,
    thread: thread::JoinHandle<()>,
}

impl Bystander {
    /// Signs the last till in and begins.
    pub fn start(served: &Served) -> Bystander {
        let stop = Arc::new(AtomicBool::new(false));
        let sales = Arc::new(AtomicU32::new(0));
        let mut selling = WireTill::sign_in(served.address(), &served.keys.identity(till(TILLS - 1)));
        let mut balance_fen = selling.balance(ACCOUNT).system_fen;
        let (stopped, sold) = (Arc::clone(&stop), Arc::clone(&sales));
        let thread = thread::spawn(move || {
            for sequence in selling.welcome.last_sequence.0 + 1.. {
                let tap = Tap { sequence, card: card(ACCOUNT), counter: sequence, amount_fen: 1 };
                let answer = selling.tap(&tap);
                balance_fen -= 1;
                assert!(answer.code.is_approved() && !answer.repeat, "{answer:?}");
                assert_eq!(answer.balance_after_fen, balance_fen);
                sold.fetch_add(1, Ordering::Release);
                if stopped.load(Ordering::Acquire) {
                    selling.sign_out();
                    return;
                }
            }
        });
        Bystander { stop, sales, thread }
    }

    /// Sales until now.
    pub fn sales(&self) -> u32 {
        self.sales.load(Ordering::Acquire)
    }

    /// Returns when `count` more sales were made: the proof that selling goes on beside what the caller does.
    pub fn wait_for_sales(&self, count: u32) {
        let enough = self.sales() + count;
        let begun = std::time::Instant::now();
        while self.sales() < enough {
            assert!(!self.thread.is_finished(), "the undisturbed till was disturbed");
            assert!(begun.elapsed() < crate::wire_till::PATIENCE, "the undisturbed till sells no more");
            thread::yield_now();
        }
    }

    /// Stops; panics if a sale went wrong.
    pub fn finish(self) {
        self.wait_for_sales(1);
        self.stop.store(true, Ordering::Release);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
