//! Who is whose turn: decided from the names of the nodes in line.

use super::layout::sequence;

/// Where one member stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<'a> {
    /// It holds the lock.
    First,
    /// It waits for this node to go, and for no other: of those who wait, one is woken at a time.
    After(&'a str),
    /// It is not in line.
    Gone,
}

/// Those in line among the children of a lock's folder, in order.
pub(super) fn line(children: &[String]) -> Vec<&str> {
    let mut line: Vec<(i64, &str)> =
        children.iter().filter_map(|node| sequence(node).map(|number| (number, node.as_str()))).collect();
    line.sort_unstable();
    line.into_iter().map(|(_, node)| node).collect()
}

/// Where the member with this node stands.
pub(super) fn turn<'a>(children: &'a [String], own: &str) -> Turn<'a> {
    let line = line(children);
    match line.iter().position(|node| *node == own) {
        Some(0) => Turn::First,
        Some(index) => line.get(index - 1).map_or(Turn::Gone, |before| Turn::After(before)),
        None => Turn::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_lowest_number_is_first_whatever_the_ids_are() {
        let children = children(&["_c_a-lock-0000000011", "_c_z-lock-0000000009", "_c_m-lock-0000000010"]);
        assert_eq!(line(&children), ["_c_z-lock-0000000009", "_c_m-lock-0000000010", "_c_a-lock-0000000011"]);
        assert_eq!(turn(&children, "_c_z-lock-0000000009"), Turn::First);
        assert_eq!(turn(&children, "_c_a-lock-0000000011"), Turn::After("_c_m-lock-0000000010"));
    }

    #[test]
    fn what_is_no_member_stands_in_nobodys_way() {
        let children = children(&["__READ__0000000001", "config", "lock-0000000002"]);
        assert_eq!(turn(&children, "lock-0000000002"), Turn::First);
        assert_eq!(turn(&children, "lock-0000000003"), Turn::Gone);
        assert_eq!(turn(&children, "config"), Turn::Gone);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let children = children(&["lock-10000000000", "lock-9999999999"]);
        assert_eq!(turn(&children, "lock-10000000000"), Turn::After("lock-9999999999"));
    }
}
