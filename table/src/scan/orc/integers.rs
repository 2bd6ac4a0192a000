//! Integers in runs.
//!
//! Source: ORC specification, "Integer Run Length Encoding", version 1 and 2.

use super::Fault;
use super::compression::ByteStream;
use crate::varint::zigzag;

/// Integers of one stream. A clone goes on from the same place.
#[derive(Debug, Clone)]
pub(super) struct Integers {
    stream: ByteStream,
    version: RunVersion,
    is_signed: bool,
    /// The run at hand, and how much of it was taken.
    run: Vec<i64>,
    taken: usize,
}

/// How runs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunVersion {
    One,
    Two,
}

impl Integers {
    pub(super) fn new(stream: ByteStream, version: RunVersion, is_signed: bool) -> Self {
        Self { stream, version, is_signed, run: Vec::new(), taken: 0 }
    }

    /// Appends the next `n`.
    pub(super) fn read(&mut self, mut n: usize, to: &mut Vec<i64>) -> Result<(), Fault> {
        while n > 0 {
            if self.taken >= self.run.len() {
                self.refill()?;
            }
            let here = &self.run[self.taken..];
            let taken = here.len().min(n);
            to.extend_from_slice(&here[..taken]);
            self.taken += taken;
            n -= taken;
        }
        Ok(())
    }

    fn refill(&mut self) -> Result<(), Fault> {
        self.run.clear();
        self.taken = 0;
        match self.version {
            RunVersion::One => self.version_one(),
            RunVersion::Two => {
                let first = self.stream.byte()?;
                match first >> 6 {
                    0 => self.short_repeat(first),
                    1 => self.direct(first),
                    2 => self.patched(first),
                    _ => self.delta(first),
                }
            }
        }
    }

    fn version_one(&mut self) -> Result<(), Fault> {
        let control = self.stream.byte()?;
        if control < 0x80 {
            let step = i64::from(self.stream.byte()?.cast_signed());
            let base = self.base()?;
            for n in 0..i64::from(control) + 3 {
                self.run.push(base.wrapping_add(step.wrapping_mul(n)));
            }
        } else {
            for _ in 0..256 - u16::from(control) {
                let value = self.base()?;
                self.run.push(value);
            }
        }
        Ok(())
    }

    /// A number of its own, signed if the stream is.
    fn base(&mut self) -> Result<i64, Fault> {
        let value = self.stream.varint()?;
        Ok(self.sign(value))
    }

    fn sign(&self, value: u64) -> i64 {
        if self.is_signed { zigzag(value) } else { value.cast_signed() }
    }

    fn short_repeat(&mut self, first: u8) -> Result<(), Fault> {
        let width = usize::from(first >> 3 & 7) + 1;
        let value = self.big_endian(width)?;
        let value = self.sign(value);
        self.run.resize(usize::from(first & 7) + 3, value);
        Ok(())
    }

    fn direct(&mut self, first: u8) -> Result<(), Fault> {
        let (width, n) = (width(first >> 1 & 0x1f), self.n_values(first)?);
        let mut bits = Bits::default();
        for _ in 0..n {
            let value = bits.take(width, &mut self.stream)?;
            self.run.push(self.sign(value));
        }
        Ok(())
    }

    fn patched(&mut self, first: u8) -> Result<(), Fault> {
        let (value_width, n) = (width(first >> 1 & 0x1f), self.n_values(first)?);
        let [third, fourth] = self.stream.array()?;
        let base_bytes = usize::from(third >> 5) + 1;
        let patch_width = width(third & 0x1f);
        let gap_width = u32::from(fourth >> 5) + 1;
        let n_patches = fourth & 0x1f;
        // The first bit is the sign.
        let base = self.big_endian(base_bytes)?;
        let sign = 1_u64 << (base_bytes * 8 - 1);
        let magnitude = (base & !sign).cast_signed();
        let base = if base & sign == 0 { magnitude } else { magnitude.wrapping_neg() };
        let mut bits = Bits::default();
        let mut values = Vec::with_capacity(n);
        for _ in 0..n {
            values.push(bits.take(value_width, &mut self.stream)?);
        }
        if patch_width + gap_width > 64 {
            return Err("patches of more than 64 bits".into());
        }
        let entry_width = closest_width(patch_width + gap_width);
        let mut bits = Bits::default();
        let mut at = 0_usize;
        for _ in 0..n_patches {
            let entry = bits.take(entry_width, &mut self.stream)?;
            let patch = entry & mask(patch_width);
            at += usize::try_from((entry >> patch_width) & mask(gap_width)).unwrap_or(usize::MAX);
            // A patch of zero only leads further: gaps have eight bits at most.
            if patch == 0 {
                continue;
            }
            let value = values.get_mut(at).ok_or("a patch beyond the end of its run")?;
            *value |= patch.checked_shl(value_width).unwrap_or(0);
        }
        self.run.extend(values.into_iter().map(|value| base.wrapping_add(value.cast_signed())));
        Ok(())
    }

    fn delta(&mut self, first: u8) -> Result<(), Fault> {
        // A width of zero: all steps are the same.
        let code = first >> 1 & 0x1f;
        let n = self.n_values(first)?;
        let base = self.base()?;
        let step = zigzag(self.stream.varint()?);
        self.run.push(base);
        let mut value = base;
        if code == 0 {
            for _ in 1..n {
                value = value.wrapping_add(step);
                self.run.push(value);
            }
            return Ok(());
        }
        let width = width(code);
        value = value.wrapping_add(step);
        if n > 1 {
            self.run.push(value);
        }
        let mut bits = Bits::default();
        for _ in 2..n {
            let delta = bits.take(width, &mut self.stream)?.cast_signed();
            value = if step < 0 { value.wrapping_sub(delta) } else { value.wrapping_add(delta) };
            self.run.push(value);
        }
        Ok(())
    }

    /// Length of a run: a bit of its first byte, and the second.
    fn n_values(&mut self, first: u8) -> Result<usize, Fault> {
        Ok((usize::from(first & 1) << 8 | usize::from(self.stream.byte()?)) + 1)
    }

    fn big_endian(&mut self, n_bytes: usize) -> Result<u64, Fault> {
        let mut value = 0;
        for _ in 0..n_bytes {
            value = value << 8 | u64::from(self.stream.byte()?);
        }
        Ok(value)
    }
}

/// Bits of a stream, the highest of each byte first.
#[derive(Debug, Default)]
struct Bits {
    pending: u128,
    n_pending: u32,
}

impl Bits {
    fn take(&mut self, width: u32, stream: &mut ByteStream) -> Result<u64, Fault> {
        while self.n_pending < width {
            self.pending = self.pending << 8 | u128::from(stream.byte()?);
            self.n_pending += 8;
        }
        self.n_pending -= width;
        let value = self.pending >> self.n_pending;
        self.pending &= (1 << self.n_pending) - 1;
        u64::try_from(value).map_err(|_| "a number of more than 64 bits".into())
    }
}

fn mask(width: u32) -> u64 {
    1_u64.checked_shl(width).map_or(u64::MAX, |bit| bit - 1)
}

/// Source: ORC specification, the table of encoded widths.
fn width(code: u8) -> u32 {
    match code {
        0..=23 => u32::from(code) + 1,
        24 => 26,
        25 => 28,
        26 => 30,
        27 => 32,
        28 => 40,
        29 => 48,
        30 => 56,
        _ => 64,
    }
}

/// The smallest width of that table that holds as many bits.
fn closest_width(n_bits: u32) -> u32 {
    match n_bits {
        0..=24 => n_bits.max(1),
        25..=26 => 26,
        27..=28 => 28,
        29..=30 => 30,
        31..=32 => 32,
        33..=40 => 40,
        41..=48 => 48,
        49..=56 => 56,
        _ => 64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::compression::Codec;
    use super::*;

    fn decode(bytes: &'static [u8], version: RunVersion, is_signed: bool, n: usize) -> Result<Vec<i64>, Fault> {
        let stream = ByteStream::new(Codec::new(0, None)?, bytes::Bytes::from_static(bytes));
        let mut values = Vec::new();
        Integers::new(stream, version, is_signed).read(n, &mut values)?;
        Ok(values)
    }

    // The examples of the specification.

    #[test]
    fn runs_of_version_one_count_up_and_down() {
        assert_eq!(decode(&[0x61, 0, 7], RunVersion::One, false, 100).unwrap(), [7; 100]);
        let down: Vec<i64> = (1..=100).rev().collect();
        assert_eq!(decode(&[0x61, 0xff, 0x64], RunVersion::One, false, 100).unwrap(), down);
        assert_eq!(decode(&[0xfb, 2, 3, 4, 7, 0xb], RunVersion::One, false, 5).unwrap(), [2, 3, 4, 7, 11]);
    }

    #[test]
    fn short_repeats() {
        assert_eq!(decode(&[0x0a, 0x27, 0x10], RunVersion::Two, false, 5).unwrap(), [10_000; 5]);
    }

    #[test]
    fn direct_values() {
        let bytes = &[0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(decode(bytes, RunVersion::Two, false, 4).unwrap(), [23_713, 43_806, 57_005, 48_879]);
    }

    #[test]
    fn patched_values() {
        let bytes = &[
            0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e,
            0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8,
        ];
        let expected = [
            2030, 2000, 2020, 1_000_000, 2040, 2050, 2060, 2070, 2080, 2090, 2100, 2110, 2120, 2130, 2140, 2150, 2160,
            2170, 2180, 2190,
        ];
        assert_eq!(decode(bytes, RunVersion::Two, false, 20).unwrap(), expected);
    }

    #[test]
    fn deltas() {
        let bytes = &[0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
        assert_eq!(decode(bytes, RunVersion::Two, false, 10).unwrap(), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
    }

    #[test]
    fn a_run_that_is_cut_off_is_an_error() {
        for cut in 0..8 {
            let bytes: &'static [u8] = &[0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
            assert!(decode(&bytes[..cut], RunVersion::Two, false, 10).is_err(), "{cut}");
        }
    }
}
