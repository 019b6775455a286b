//! One member of each format.

use std::io::Read;

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstdDecoder};

use super::output::{Output, Source};
use super::{Format, LIMIT, Reason};

/// What snappy-java puts before its blocks, followed by two versions of four bytes.
pub(super) const SNAPPY_JAVA: &[u8] = b"\x82SNAPPY\0";

/// Inflates the member that the source is at.
pub(super) fn member(
    format: Format,
    source: &mut Source<'_>,
    output: &mut Output<'_>,
) -> Result<(), Reason> {
    match format {
        Format::Gzip => drain(format, GzDecoder::new(&mut *source), output),
        Format::SnappyFramed => drain(format, snap::read::FrameDecoder::new(&mut *source), output),
        Format::Lz4 => drain(
            format,
            lz4_flex::frame::FrameDecoder::new(&mut *source),
            output,
        ),
        Format::Zstd => zstd(source, output),
        Format::SnappyJava => snappy_java(source, output),
        Format::Skippable => skip(source).ok_or(Reason::EndsEarly(format)),
    }
    .map_err(|reason| match reason {
        Reason::Corrupt(format) if source.ran_out() => Reason::EndsEarly(format),
        reason => reason,
    })?;
    // The lz4 decoder takes a frame without its end mark for one that is finished.
    if format == Format::Lz4 && source.ran_out() {
        return Err(Reason::EndsEarly(format));
    }
    Ok(())
}

fn drain(format: Format, decoder: impl Read, output: &mut Output<'_>) -> Result<(), Reason> {
    match output.drain(decoder) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Reason::TooLarge(format)),
        Err(_) => Err(Reason::Corrupt(format)),
    }
}

fn zstd(source: &mut Source<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    const FORMAT: Format = Format::Zstd;
    // With this flag the window is the content.
    let single_segment = source.rest().get(4).is_some_and(|flags| flags & 0x20 != 0);
    let mut decoder = ZstdDecoder::new();
    decoder.set_max_window_size(LIMIT as u64);
    decoder.init(&mut *source).map_err(|error| match error {
        FrameDecoderError::WindowSizeTooBig { .. } if single_segment => Reason::TooLarge(FORMAT),
        FrameDecoderError::WindowSizeTooBig { .. }
        | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. }) => {
            Reason::Window(FORMAT)
        }
        FrameDecoderError::DictNotProvided { .. } => Reason::Dictionary(FORMAT),
        _ => Reason::Corrupt(FORMAT),
    })?;
    // Zero where the frame does not say.
    let declared = decoder.content_size();
    let room = output.room();
    if declared > room as u64 {
        return Err(Reason::TooLarge(FORMAT));
    }
    let mut finished = false;
    while !finished {
        finished = decoder
            .decode_blocks(&mut *source, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| Reason::Corrupt(FORMAT))?;
        // Blocks may be empty, and a window is kept back.
        if decoder.can_collect() > 0 {
            drain(FORMAT, &mut decoder, output)?;
        }
    }
    match declared {
        0 => Ok(()),
        _ if declared == (room - output.room()) as u64 => Ok(()),
        _ => Err(Reason::Corrupt(FORMAT)),
    }
}

/// Blocks of raw snappy, each behind its length, to the end of the value or the next header.
fn snappy_java(source: &mut Source<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    const FORMAT: Format = Format::SnappyJava;
    let corrupt = Reason::Corrupt(FORMAT);
    source.take(SNAPPY_JAVA.len() + 8).ok_or(corrupt)?;
    let mut decoder = snap::raw::Decoder::new();
    while !source.rest().is_empty() && !source.rest().starts_with(SNAPPY_JAVA) {
        let length = number(source, u32::from_be_bytes).ok_or(corrupt)?;
        let block = source.take(length).ok_or(corrupt)?;
        let inflated = snap::raw::decompress_len(block).map_err(|_| corrupt)?;
        let space = output.extend(inflated).ok_or(Reason::TooLarge(FORMAT))?;
        decoder.decompress(block, space).map_err(|_| corrupt)?;
    }
    Ok(())
}

fn skip(source: &mut Source<'_>) -> Option<()> {
    source.take(4)?;
    let length = number(source, u32::from_le_bytes)?;
    source.take(length).map(|_| ())
}

fn number(source: &mut Source<'_>, order: fn([u8; 4]) -> u32) -> Option<usize> {
    let bytes = source.take(4)?.first_chunk()?;
    usize::try_from(order(*bytes)).ok()
}
