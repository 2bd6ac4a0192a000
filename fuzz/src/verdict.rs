//! What an error must be like.

use frazil_table::TableError;

/// An error about a file must fit on a screen.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;

/// Checks an error about the file `path`, whose content is arbitrary.
///
/// # Panics
/// It is of a kind that bad content must not lead to, does not name the file, or is not one line.
pub(crate) fn check_error(error: &TableError, path: &str) {
    let message = error.to_string();
    match error {
        TableError::Corrupt { .. } | TableError::Unsupported { .. } | TableError::MemoryLimit { .. } => {}
        other => panic!("wrong kind of error: {other:?}"),
    }
    assert!(message.contains(path), "the file is not named: {message}");
    assert!(!message.contains(char::is_control), "the message is no single line: {message:?}");
    assert!(message.chars().count() <= MESSAGE_CHARACTERS_MAX, "the message is too long: {message}");
}
