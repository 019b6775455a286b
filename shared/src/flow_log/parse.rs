//! Numbers and addresses from bytes, to the same rules as the standard library's text parsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A whole number; a plus sign may stand before it.
pub(super) fn unsigned(word: &[u8]) -> Option<u64> {
    digits(word.strip_prefix(b"+").unwrap_or(word))
}

/// A whole number; a sign may stand before it.
pub(super) fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(rest) => 0_i64.checked_sub_unsigned(digits(rest)?),
        None => i64::try_from(unsigned(word)?).ok(),
    }
}

fn digits(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    let (eights, rest) = word.as_chunks::<8>();
    for eight in eights {
        value = value
            .checked_mul(100_000_000)?
            .checked_add(eight_digits(*eight)?)?;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// Eight digits at once: pairs, then pairs of pairs, then both halves, each in its own part of the register.
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let digits = u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030;
    // Adding 118 sets the high bit of a byte from 10 on; it carries into the next byte only where its own is set.
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & HIGH != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// An address of either family.
pub(super) fn address(word: &[u8]) -> Option<IpAddr> {
    if let Some(address) = v4(word) {
        return Some(IpAddr::V4(address));
    }
    // Version 6 has many spellings and few lines: the standard library's parser knows them all.
    let address: Ipv6Addr = std::str::from_utf8(word).ok()?.parse().ok()?;
    Some(IpAddr::V6(address))
}

/// Four numbers up to 255 without leading zeros.
fn v4(word: &[u8]) -> Option<Ipv4Addr> {
    let (mut address, mut value, mut length, mut dots) = (0_u32, 0_u32, 0_u32, 0_u32);
    for &byte in word {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit <= 9 {
            value = value * 10 + digit;
            // `00` to `09` are one digit too long for their value.
            if value > 255 || (length > 0 && value < 10) {
                return None;
            }
            length += 1;
        } else if byte == b'.' && length > 0 {
            address = address << 8 | value;
            (value, length) = (0, 0);
            dots += 1;
        } else {
            return None;
        }
    }
    (dots == 3 && length > 0).then(|| Ipv4Addr::from(address << 8 | value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same_as_std(text: &str) -> Result<(), TestCaseError> {
        let word = text.as_bytes();
        prop_assert_eq!(unsigned(word), text.parse().ok(), "unsigned {}", text);
        prop_assert_eq!(signed(word), text.parse().ok(), "signed {}", text);
        prop_assert_eq!(address(word), text.parse().ok(), "address {}", text);
        Ok(())
    }

    #[test]
    fn the_edges_are_read_as_the_standard_library_reads_them() {
        for text in [
            "",
            "+",
            "-",
            "-0",
            "+7",
            "-+7",
            "00012",
            "18446744073709551615",
            "18446744073709551616",
            "000000000000000000000000000018446744073709551615",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.04",
            "0.0.0.0",
            "255.255.255.255",
            ".1.2.3",
            "1..2.3",
            "1.2.3.",
            "1.2.3.4 ",
            "::",
            "::1",
            "::ffff:1.2.3.4",
            "2600:1f18::5",
            "fe80::1%eth0",
            "64:ff9b::34d8:1",
            "1.2.3.1000",
        ] {
            same_as_std(text).unwrap();
        }
    }

    proptest! {
        #[test]
        fn any_word_is_read_as_the_standard_library_reads_it(text in "[-+0-9a-f.:]{0,24}|\\PC{0,12}") {
            same_as_std(&text)?;
        }

        #[test]
        fn numbers_and_addresses_are_read_back(number in any::<u64>(), signed in any::<i64>(), v4 in any::<u32>(), v6 in any::<u128>()) {
            for text in [
                number.to_string(), signed.to_string(), Ipv4Addr::from(v4).to_string(), Ipv6Addr::from(v6).to_string(),
            ] {
                same_as_std(&text)?;
            }
        }

        #[test]
        fn dotted_numbers_are_addresses_where_std_says_so(octets in proptest::collection::vec("[0-9]{1,4}", 3..6)) {
            same_as_std(&octets.join("."))?;
        }
    }
}
