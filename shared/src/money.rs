//! Money as exact decimals with a currency. Never a float, not even on the wire.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// An amount in one currency; on the wire `{"amount": "12.34", "currency": "USD"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Exact amount, in whole units of the currency (dollars, not cents).
    #[serde(with = "rust_decimal::serde::str")]
    pub amount: Decimal,
    /// ISO 4217 code, as the bill names it.
    pub currency: String,
}

impl Money {
    /// An amount of US dollars, the currency of every AWS list price.
    pub fn usd(amount: Decimal) -> Self {
        Self {
            amount,
            currency: "USD".to_owned(),
        }
    }

    /// The same money rounded to whole cents, half away from zero, as a bill would print it.
    #[must_use]
    pub fn to_cents(&self) -> Self {
        Self {
            amount: cents(self.amount),
            currency: self.currency.clone(),
        }
    }
}

/// Rounds to two places, half away from zero, and always keeps two places.
pub fn cents(amount: Decimal) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    rounded
}

/// `$1,234.50` for dollars, `1,234.50 EUR` for anything else. For people, never parsed.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = cents(self.amount);
        let sign = if rounded.is_sign_negative() && !rounded.is_zero() {
            "-"
        } else {
            ""
        };
        let digits = rounded.abs().to_string();
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, "00"));
        let grouped = group_thousands(whole);
        if self.currency == "USD" {
            write!(f, "{sign}${grouped}.{fraction}")
        } else {
            write!(f, "{sign}{grouped}.{fraction} {}", self.currency)
        }
    }
}

/// Digits with a comma before every third from the right, for people.
pub fn group_thousands(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Money {
        Money::usd(text.parse().unwrap())
    }

    #[test]
    fn people_read_dollars_with_cents_and_thousands() {
        assert_eq!(usd("1234567.895").to_string(), "$1,234,567.90");
        assert_eq!(usd("0.004").to_string(), "$0.00");
        assert_eq!(usd("-12.5").to_string(), "-$12.50");
        let euros = Money {
            amount: "999.9".parse().unwrap(),
            currency: "EUR".to_owned(),
        };
        assert_eq!(euros.to_string(), "999.90 EUR");
    }

    #[test]
    fn the_wire_carries_strings_and_refuses_floats() {
        let json = serde_json::to_value(usd("12.34")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"amount": "12.34", "currency": "USD"})
        );
        assert!(serde_json::from_str::<Money>(r#"{"amount": 12.34, "currency": "USD"}"#).is_err());
    }
}
