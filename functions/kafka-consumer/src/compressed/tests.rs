//! Round trips, bombs and broken values of every format.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

/// The formats with data in them.
const ALL: [Format; 5] = [
    Format::Gzip,
    Format::Zstd,
    Format::SnappyFramed,
    Format::SnappyJava,
    Format::Lz4,
];

fn deflate(format: Format, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        Format::Gzip => {
            let mut encoder = GzEncoder::new(&mut out, Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap();
        }
        Format::Zstd => out = compress_to_vec(text, CompressionLevel::Fastest),
        Format::SnappyFramed => {
            out.extend(b"\xff\x06\0\0sNaPpY");
            // The encoder writes nothing, not even the stream's header, for nothing.
            if !text.is_empty() {
                out.clear();
                snap::read::FrameEncoder::new(text)
                    .read_to_end(&mut out)
                    .unwrap();
            }
        }
        Format::SnappyJava => {
            out.extend(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
            for block in text.chunks(32 << 10) {
                let block = snap::raw::Encoder::new().compress_vec(block).unwrap();
                out.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
                out.extend(block);
            }
        }
        Format::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap();
        }
        Format::Skippable => {
            out.extend([0x5a, 0x2a, 0x4d, 0x18]);
            out.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
            out.extend(text);
        }
    }
    out
}

fn inflated(value: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut buffer = Vec::new();
    let result = inflate(value, &mut buffer).map(<[u8]>::to_vec);
    assert!(buffer.capacity() <= LIMIT, "{}", buffer.capacity());
    result
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

proptest! {
    #[test]
    fn every_format_comes_back_as_it_was(text in proptest::collection::vec(0..20u8, 0..5000), repeat in 1..60usize) {
        let text = text.repeat(repeat);
        for format in ALL {
            let value = deflate(format, &text);
            prop_assert_eq!(Format::of(&value), Some(format));
            prop_assert!(inflated(&value).as_deref() == Ok(&text), "{format}");
        }
    }

    #[test]
    fn members_that_follow_each_other_are_one_value(parts in proptest::collection::vec((0..6usize, ".{0,40}"), 1..6)) {
        let mut value = Vec::new();
        let mut text = Vec::new();
        for (format, part) in parts {
            match ALL.get(format) {
                Some(format) => {
                    value.extend(deflate(*format, part.as_bytes()));
                    text.extend(part.as_bytes());
                    // Its decoder reads on to the end of the value.
                    if *format == Format::SnappyFramed || *format == Format::SnappyJava {
                        break;
                    }
                }
                None => value.extend(deflate(Format::Skippable, part.as_bytes())),
            }
        }
        prop_assert_eq!(inflated(&value), Ok(text));
    }

    #[test]
    fn texts_are_plain(text in "\\PC*") {
        prop_assert_eq!(inflated(text.as_bytes()), Ok(text.into_bytes()));
    }

    #[test]
    fn a_value_cut_anywhere_is_an_error_or_a_whole_number_of_its_members(
        text in "[a-c]{1,300}", format in 0..5usize, cut in any::<prop::sample::Index>(),
    ) {
        let format = ALL[format];
        let value = deflate(format, text.as_bytes());
        let cut = &value[..cut.index(value.len())];
        match inflated(cut) {
            Err(reason) => prop_assert_eq!(reason, Reason::EndsEarly(format)),
            // Cut within the magic bytes, or between framed snappy's chunks, of which only the header is without data.
            Ok(whole) => prop_assert!(whole == cut && Format::of(cut).is_none() || whole.is_empty(), "{format}"),
        }
    }
}

#[test]
fn what_the_reference_tools_write_is_read() {
    let text = "level=info service=pay msg=\"paid\" "
        .repeat(3)
        .trim_end()
        .to_owned()
        + "\n";
    for value in [
        // zstd 1.5 at level 1, at level 19 from a pipe without a size; lz4 1.9.
        "28b52ffd24665d010034026c6576656c3d696e666f20736572766963653d706179206d73673d227061696422200a01008282aa2795f0548c",
        "28b52ffd04685d010034026c6576656c3d696e666f20736572766963653d706179206d73673d227061696422200a01008282aa2795f0548c",
        "04224d186440a72d000000ff136c6576656c3d696e666f20736572766963653d706179206d73673d2270616964222022002c50616964220a00\
         0000004883d8ef",
    ] {
        assert_eq!(inflated(&hex(value)).unwrap(), text.as_bytes(), "{value}");
    }
}

#[test]
fn a_bomb_of_any_format_is_refused_within_the_limit() {
    let zeros = vec![0; LIMIT + 1];
    for format in ALL {
        let full = deflate(format, &zeros[..LIMIT]);
        assert_eq!(
            inflated(&full).map(|full| full.len()),
            Ok(LIMIT),
            "{format}"
        );
        let bomb = deflate(format, &zeros);
        assert_eq!(inflated(&bomb), Err(Reason::TooLarge(format)));
    }
}

#[test]
fn members_that_only_together_are_a_bomb_are_one() {
    let zeros = vec![0; LIMIT / 2];
    for format in ALL {
        let member = deflate(format, &zeros);
        let value = [member.clone(), member.clone(), deflate(format, b"x")].concat();
        assert_eq!(inflated(&value), Err(Reason::TooLarge(format)));
    }
}

#[test]
fn what_a_value_declares_is_refused_before_any_of_it_is_inflated() {
    // A single segment of 1 GiB; a window of 128 MiB (`--long=27`); a window beyond the format's own limit.
    let declared = [
        ("28b52ffda000000040", Reason::TooLarge(Format::Zstd)),
        ("28b52ffd0088", Reason::Window(Format::Zstd)),
        ("28b52ffd00ff", Reason::Window(Format::Zstd)),
        ("28b52ffd015801", Reason::Dictionary(Format::Zstd)),
        // A block of snappy that says it is 4 GiB.
        (
            "82534e41505059000000000100000001 00000005ffffffff0f",
            Reason::TooLarge(Format::SnappyJava),
        ),
    ];
    for (value, reason) in declared {
        let mut buffer = Vec::new();
        assert_eq!(inflate(&hex(value), &mut buffer), Err(reason));
        assert_eq!(buffer.capacity(), 0, "{reason}");
    }
}

#[test]
fn a_window_of_eight_mebibytes_is_accepted() {
    // Windows of 8 and 9 MiB around one raw block.
    let frame = |window: &str| hex(&format!("28b52ffd00{window}090000 78"));
    assert_eq!(inflated(&frame("68")), Ok(b"x".to_vec()));
    assert_eq!(inflated(&frame("69")), Err(Reason::Window(Format::Zstd)));
}

#[test]
fn endless_empty_members_are_refused() {
    for format in [
        Format::Gzip,
        Format::Zstd,
        Format::SnappyJava,
        Format::Lz4,
        Format::Skippable,
    ] {
        let member = deflate(format, b"");
        assert_eq!(inflated(&member.repeat(MEMBERS)), Ok(Vec::new()));
        assert_eq!(inflated(&member.repeat(MEMBERS + 1)), Err(Reason::Members));
    }
}

#[test]
fn a_wrong_checksum_or_size_is_corrupt_and_bytes_behind_the_end_are_an_error() {
    for format in ALL {
        let text = b"level=info ".repeat(100);
        let value = deflate(format, &text);
        if format != Format::SnappyJava {
            let mut broken = value.clone();
            let last = broken.len() - 1;
            broken[if format == Format::SnappyFramed {
                15
            } else {
                last
            }] ^= 1;
            if format != Format::Zstd {
                assert_eq!(inflated(&broken), Err(Reason::Corrupt(format)));
            }
        }
        let longer = [value.as_slice(), b"  "].concat();
        let reason = match format {
            // Chunks and blocks go on to the end.
            Format::SnappyFramed | Format::SnappyJava => Reason::EndsEarly(format),
            _ => Reason::Trailing(format),
        };
        assert_eq!(inflated(&longer), Err(reason));
    }
    // The frame declares two bytes of content and holds one.
    assert_eq!(
        inflated(&hex("28b52ffd200209000078")),
        Err(Reason::Corrupt(Format::Zstd))
    );
}

#[test]
fn what_comes_out_is_not_inflated_again() {
    let inner = deflate(Format::Gzip, b"text");
    assert_eq!(inflated(&deflate(Format::Zstd, &inner)), Ok(inner));
}

#[test]
fn a_buffer_is_reused_and_what_it_held_is_gone() {
    let mut buffer = b"of the record before".to_vec();
    let short = deflate(Format::Lz4, b"text");
    assert_eq!(inflate(&short, &mut buffer), Ok(b"text".as_slice()));
    let broken = inflate(&short[..12], &mut buffer);
    assert_eq!(broken, Err(Reason::EndsEarly(Format::Lz4)));
    assert!(buffer.is_empty());
}

#[test]
fn reasons_name_the_format_and_the_bound() {
    insta::assert_snapshot!(Reason::TooLarge(Format::Gzip), @"gzip value inflates to over 8 MiB");
    insta::assert_snapshot!(Reason::Window(Format::Zstd), @"zstd value needs a window of over 8 MiB");
}
