//! Amounts as people read them: yuan with two decimals.

use rust_decimal::Decimal;

/// `fen` as yuan: `-1234` is `-12.34`.
///
/// Sums of amounts are kept as i128; what a campus turns over stays far below the 28 digits that a decimal holds.
///
/// # Panics
/// When the amount has more than 28 digits.
pub fn yuan(fen: i128) -> String {
    Decimal::try_from_i128_with_scale(fen, 2)
        .expect("sums of i64 amounts have less than 29 digits")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decimals_always() {
        for (fen, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (100, "1.00"),
            (-1_234, "-12.34"),
            (i128::from(i64::MIN), "-92233720368547758.08"),
            (i128::from(i64::MAX) * 1_000_000, "92233720368547758070000.00"),
        ] {
            assert_eq!(yuan(fen), text);
        }
    }
}
