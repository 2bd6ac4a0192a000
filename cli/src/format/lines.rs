//! Lines of text on their way to an output: they go on together, in pieces of a limited size.

use crate::error::CliError;
use crate::output::Output;

/// Text that is passed on before a batch is complete, so that wide rows do not pile up in memory.
const PIECE_BYTES: usize = 1 << 20;

/// An output that is written line by line.
pub(super) struct LineBuffer {
    output: Output,
    bytes: Vec<u8>,
}

impl LineBuffer {
    pub(super) fn new(output: Output) -> Self {
        Self { output, bytes: Vec::new() }
    }

    /// Where the line goes that is being written, behind those that are complete.
    pub(super) fn line(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Completes a line. Much text is passed on at once.
    ///
    /// # Errors
    /// As [`Output::put`].
    pub(super) fn end_line(&mut self) -> Result<(), CliError> {
        self.bytes.push(b'\n');
        if self.bytes.len() >= PIECE_BYTES { self.pass_on() } else { Ok(()) }
    }

    /// Passes on all lines.
    ///
    /// # Errors
    /// As [`Output::put`].
    pub(super) fn pass_on(&mut self) -> Result<(), CliError> {
        self.output.put(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    /// Completes the output.
    ///
    /// # Errors
    /// As [`Output::finish`].
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        self.pass_on()?;
        self.output.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn lines_wait_for_each_other_but_not_without_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut lines = LineBuffer::new(Output::growing_file(&path).unwrap());
        let written = || fs::read(&path).unwrap().len();
        lines.line().extend_from_slice(b"a");
        lines.end_line().unwrap();
        assert_eq!(written(), 0);
        lines.line().resize(PIECE_BYTES, b'b');
        lines.end_line().unwrap();
        assert_eq!(written(), PIECE_BYTES + 1);
        lines.line().push(b'c');
        lines.end_line().unwrap();
        lines.finish().unwrap();
        assert_eq!(written(), PIECE_BYTES + 3);
    }
}
