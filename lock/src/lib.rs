//! Who may commit to a table now.
