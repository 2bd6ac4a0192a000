//! Numbers of seven bits in each byte, the lowest first, as Avro, ORC, Protocol Buffers and Thrift write them.

/// Takes bytes from `next` up to the end of a number. `None` if that does not come within ten bytes.
#[inline]
pub(crate) fn varint<E>(mut next: impl FnMut() -> Result<u8, E>) -> Result<Option<u64>, E> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The number that a zig-zag number stands for: small negative ones are small too.
#[inline]
pub(crate) fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<u64>, &'static str> {
        let mut bytes = bytes.iter();
        varint(|| bytes.next().copied().ok_or("cut off"))
    }

    #[test]
    fn seven_bits_of_each_byte_count() {
        assert_eq!(read(&[0x2a, 0xff]), Ok(Some(42)));
        assert_eq!(read(&[0xac, 0x02]), Ok(Some(300)));
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&largest), Ok(Some(u64::MAX)));
        assert_eq!(read(&[0x80; 11]), Ok(None));
        assert_eq!(read(&[0x80; 3]), Err("cut off"));
    }

    #[test]
    fn zig_zag_numbers_alternate() {
        assert_eq!([0, 1, 2, 3].map(zigzag), [0, -1, 1, -2]);
        assert_eq!([u64::MAX - 1, u64::MAX].map(zigzag), [i64::MAX, i64::MIN]);
    }
}
