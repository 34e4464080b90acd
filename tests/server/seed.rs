//! Random numbers that can be had again.

use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64: small, and the same everywhere.
pub struct Random(u64);

impl Random {
    /// Takes the seed from `YIKA_SEED`, else from the clock, and prints how to run `test` with it again.
    pub fn for_test(test: &str) -> Random {
        let seed = match std::env::var("YIKA_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("YIKA_SEED is {text:?}, not a number")),
            Err(_) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
                since.as_nanos() as u64
            }
        };
        println!("seed {seed}; again: YIKA_SEED={seed} cargo test -p engine --test server {test}");
        Random(seed)
    }

    /// A generator for a part of the test that runs beside others.
    pub fn fork(&mut self) -> Random {
        Random(self.next())
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which isn't 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
