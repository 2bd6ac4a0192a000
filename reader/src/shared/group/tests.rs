use super::*;
use crate::position::SnapshotMark;

fn at(snapshot: i64) -> Boundary {
    let mark =
        SnapshotMark { snapshot_id: SnapshotId::new(snapshot), sequence_number: snapshot, timestamp_ms: snapshot };
    Boundary { base: Base::Complete(mark), key: Vec::new(), identifier_ids: Vec::new(), schema_id: 0 }
}

fn step(snapshot: i64) -> PathStep {
    PathStep {
        snapshot_id: SnapshotId::new(snapshot),
        parent_id: Some(SnapshotId::new(snapshot - 1)),
        is_full: false,
        detour: None,
    }
}

fn path(snapshots: impl IntoIterator<Item = i64>) -> Vec<PathStep> {
    snapshots.into_iter().map(step).collect()
}

fn needs(columns: &[i32]) -> Needs {
    let columns = Some(columns.iter().map(|id| FieldId::new(*id)).collect());
    Needs { columns, filter: None, readers: 1, memory_limit_bytes: 0 }
}

/// Consumers, and a scan from snapshot 0 on whose events are the numbers of their snapshots.
struct Groups {
    group: Group<i64>,
    scan: ScanId,
    /// Snapshots that are planned and not begun.
    left: Vec<i64>,
}

const N_SNAPSHOTS: i64 = 10;

impl Groups {
    /// Two consumers that stand at snapshot 0. The second has started a scan.
    fn new(buffer_bytes_max: u64) -> (Self, MemberId, MemberId) {
        let mut group = Group::new(buffer_bytes_max);
        let first = group.enter(needs(&[1]), Sharing::Auto);
        let second = group.enter(needs(&[2]), Sharing::Auto);
        assert_eq!(group.at_boundary(first, &at(0), 0, None), Decision::Private);
        let Decision::Start(scan) = group.at_boundary(second, &at(0), 0, None) else { panic!("a start") };
        group.plan(scan, path(1..=N_SNAPSHOTS));
        (Self { group, scan, left: (1..=N_SNAPSHOTS).collect() }, first, second)
    }

    /// As [`Groups::new`], with both in the scan.
    fn both(buffer_bytes_max: u64) -> (Self, MemberId, MemberId) {
        let (mut groups, first, second) = Self::new(buffer_bytes_max);
        assert_eq!(groups.group.at_boundary(first, &at(0), 0, None), Decision::Merge { ordinal: 0 });
        (groups, first, second)
    }

    /// Reads an event of 10 bytes. Each snapshot has one.
    fn read(&mut self) -> Arc<Union> {
        let union = self.group.begin(self.scan).unwrap();
        self.read_part(true);
        union
    }

    fn read_part(&mut self, is_end: bool) {
        let snapshot = self.left[0];
        if is_end {
            self.left.remove(0);
        }
        let after = is_end.then(|| After {
            boundary: at(snapshot),
            ordinal: u64::try_from(snapshot).unwrap(),
            n_planned: self.left.len(),
        });
        self.group.push(self.scan, snapshot, 10, after);
    }

    fn take(&mut self, id: MemberId) -> Option<i64> {
        match self.group.take(id) {
            Taken::Event(event, _) => {
                self.group.advance(id);
                Some(*event)
            }
            Taken::Wait => None,
            Taken::Detached => panic!("{id:?} is detached"),
        }
    }

    fn is_detached(&mut self, id: MemberId) -> bool {
        matches!(self.group.take(id), Taken::Detached)
    }

    fn action(&mut self) -> (usize, Action) {
        (self.group.make_room(), self.group.action(self.scan))
    }
}

#[test]
fn what_is_read_is_what_everyone_needs_who_stands_there() {
    let (mut groups, first, second) = Groups::new(100);
    // Nobody has asked yet.
    assert_eq!(groups.action(), (0, Action::Wait));
    assert_eq!(groups.take(second), None);
    assert_eq!(groups.action(), (0, Action::Read));
    let union = groups.read();
    assert_eq!(union.columns, Some(vec![FieldId::new(1), FieldId::new(2)]));
    assert_eq!(groups.take(second), Some(1));
    // The first comes now, and finds the event that the second has taken.
    assert_eq!(groups.group.at_boundary(first, &at(0), 5, None), Decision::Merge { ordinal: 0 });
    assert_eq!(groups.take(first), Some(1));
    assert_eq!(groups.take(first), None);
}

#[test]
fn a_scan_reads_one_event_ahead_of_the_fastest() {
    let (mut groups, first, second) = Groups::both(1000);
    assert_eq!((groups.take(first), groups.take(second)), (None, None));
    groups.read();
    assert_eq!(groups.action(), (0, Action::Wait));
    assert_eq!(groups.take(first), Some(1));
    assert_eq!(groups.action(), (0, Action::Read));
    groups.read();
    assert_eq!(groups.action(), (0, Action::Wait));
}

#[test]
fn the_slowest_is_detached_when_the_buffer_is_full_and_another_waits() {
    let (mut groups, fast, slow) = Groups::both(30);
    groups.take(slow);
    for snapshot in 1..=3 {
        assert_eq!(groups.take(fast), None);
        assert_eq!(groups.action(), (0, Action::Read));
        groups.read();
        assert_eq!(groups.take(fast), Some(snapshot));
    }
    // Full; the fast one has taken all and does not wait.
    assert_eq!(groups.action(), (0, Action::Wait));
    assert_eq!(groups.take(fast), None);
    assert_eq!(groups.action(), (1, Action::Read));
    assert!(groups.is_detached(slow));
    assert_eq!(groups.group.n_sharing(), 1);
}

#[test]
fn nobody_is_detached_who_makes_room_in_time() {
    let (mut groups, fast, slow) = Groups::both(30);
    for _ in 1..=3 {
        groups.take(fast);
        groups.read();
        groups.take(fast);
    }
    assert_eq!(groups.take(slow), Some(1));
    assert_eq!(groups.take(fast), None);
    assert_eq!(groups.action(), (0, Action::Read));
    assert_eq!(groups.take(slow), Some(2));
}

#[test]
fn an_event_that_is_larger_than_the_buffer_is_read_all_the_same() {
    let (mut groups, first, second) = Groups::both(1);
    for snapshot in 1..=3 {
        assert_eq!((groups.take(first), groups.take(second)), (None, None));
        assert_eq!(groups.action(), (0, Action::Read));
        groups.read();
        assert_eq!((groups.take(first), groups.take(second)), (Some(snapshot), Some(snapshot)));
    }
}

#[test]
fn events_are_kept_for_one_who_comes_later_while_there_is_room() {
    let (mut groups, first, reader) = Groups::both(50);
    let late = groups.group.enter(needs(&[2]), Sharing::Auto);
    assert_eq!(groups.group.at_boundary(late, &at(-1), 0, None), Decision::Private);
    groups.group.depart(late);
    groups.group.leave(first);
    for _ in 1..=8 {
        groups.take(reader);
        groups.read();
        groups.take(reader);
    }
    // Of eight events the last four are there.
    assert_eq!(groups.group.at_boundary(late, &at(3), 3, None), Decision::Private);
    groups.group.depart(late);
    assert_eq!(groups.group.at_boundary(late, &at(4), 4, None), Decision::Merge { ordinal: 4 });
    assert_eq!(groups.take(late), Some(5));
}

#[test]
fn nothing_is_kept_when_nobody_could_come() {
    let (mut groups, first, second) = Groups::both(1000);
    for _ in 1..=3 {
        groups.take(first);
        groups.read();
        groups.take(first);
        groups.take(second);
    }
    let late = groups.group.enter(needs(&[1]), Sharing::Auto);
    assert_eq!(groups.group.at_boundary(late, &at(2), 2, None), Decision::Private);
    assert_eq!(groups.group.at_boundary(late, &at(3), 3, None), Decision::Merge { ordinal: 3 });
}

#[test]
fn columns_that_a_newcomer_needs_are_read_from_the_next_snapshot_on() {
    let (mut groups, first, second) = Groups::both(1000);
    groups.take(first);
    groups.read();
    groups.take(first);
    let late = groups.group.enter(needs(&[3]), Sharing::Auto);
    // The event of snapshot 1 is there, and lacks a column.
    assert_eq!(groups.group.at_boundary(late, &at(0), 0, None), Decision::Private);
    let union = groups.read();
    assert_eq!(union.columns.as_ref().map(Vec::len), Some(3));
    groups.group.depart(late);
    assert_eq!(groups.group.at_boundary(late, &at(1), 1, None), Decision::Merge { ordinal: 1 });
    assert_eq!(groups.take(late), Some(2));
    // Those who go are not read for any more.
    groups.group.leave(first);
    groups.group.leave(second);
    assert_eq!(groups.read().columns, Some(vec![FieldId::new(3)]));
}

#[test]
fn nobody_joins_amid_a_snapshot() {
    let (mut groups, late, reader) = Groups::new(1000);
    groups.take(reader);
    groups.group.begin(groups.scan);
    groups.read_part(false);
    assert_eq!(groups.take(reader), Some(1));
    let newcomer = groups.group.enter(needs(&[9]), Sharing::Auto);
    // What has begun lacks a column.
    assert_eq!(groups.group.at_boundary(newcomer, &at(0), 0, None), Decision::Private);
    assert_eq!(groups.group.at_boundary(newcomer, &at(1), 1, None), Decision::Private);
    // The part that is there has all that this one needs.
    assert_eq!(groups.group.at_boundary(late, &at(0), 0, None), Decision::Merge { ordinal: 0 });
    groups.read_part(true);
    assert_eq!((groups.take(late), groups.take(late)), (Some(1), Some(1)));
}

#[test]
fn a_range_joins_only_where_its_snapshots_come_next() {
    let (mut groups, late, reader) = Groups::new(1000);
    groups.take(reader);
    groups.read();
    groups.take(reader);
    let mut at_0 = |path: &[PathStep]| {
        let decision = groups.group.at_boundary(late, &at(0), 0, Some(path));
        groups.group.detach(late);
        decision
    };
    assert_eq!(at_0(&path(1..=4)), Decision::Merge { ordinal: 0 });
    assert_eq!(at_0(&path([1, 2, 5])), Decision::Private);
    // The scan does not know what comes then.
    assert_eq!(at_0(&path(1..=N_SNAPSHOTS + 1)), Decision::Private);
    let undone = PathStep { detour: Some(Detour::Undo), ..step(1) };
    assert_eq!(at_0(&[undone]), Decision::Private);
}

#[test]
fn a_scan_is_dry_when_all_that_is_planned_has_been_read() {
    let (mut groups, first, _) = Groups::both(1000);
    for n in 0..N_SNAPSHOTS {
        assert!(!groups.group.is_dry(), "{n}");
        groups.read();
    }
    assert!(groups.group.is_dry());
    groups.group.plan(groups.scan, path([11, 12]));
    assert!(!groups.group.is_dry());
    groups.left = vec![11, 12];
    groups.read();
    assert_eq!(groups.take(first), Some(1));
    let late = groups.group.enter(needs(&[1]), Sharing::Auto);
    assert_eq!(groups.group.at_boundary(late, &at(10), 0, Some(&path([11, 12]))), Decision::Merge { ordinal: 10 });
}

#[test]
fn a_scan_ends_with_the_last_who_shares_it() {
    let (mut groups, first, second) = Groups::both(1000);
    groups.group.leave(first);
    assert_eq!(groups.action(), (0, Action::Wait));
    groups.group.detach(second);
    assert_eq!(groups.action(), (0, Action::End));
    assert!(groups.group.begin(groups.scan).is_none());
    // Another one has another number.
    let third = groups.group.enter(needs(&[1]), Sharing::Always);
    groups.group.at_boundary(third, &at(5), 0, None);
    let Decision::Start(scan) = groups.group.at_boundary(second, &at(5), 0, None) else { panic!("a start") };
    assert_ne!(scan, groups.scan);
    assert_eq!(groups.action(), (0, Action::End));
}

#[test]
fn a_scan_that_fails_detaches_everybody() {
    let (mut groups, first, second) = Groups::both(1000);
    groups.read();
    assert_eq!(groups.group.fail(groups.scan), 2);
    assert!(groups.is_detached(first) && groups.is_detached(second));
    assert_eq!(groups.group.fail(groups.scan), 0);
}

#[test]
fn whoever_has_begun_the_next_snapshot_is_no_partner() {
    let mut group: Group<i64> = Group::new(1);
    let first = group.enter(needs(&[1]), Sharing::Always);
    let second = group.enter(needs(&[1]), Sharing::Always);
    group.at_boundary(first, &at(0), 0, None);
    group.depart(first);
    assert_eq!(group.at_boundary(second, &at(0), 0, None), Decision::Private);
    let other_key = Boundary { key: vec![FieldId::new(1)], ..at(0) };
    assert_eq!(group.at_boundary(first, &other_key, 0, None), Decision::Private);
}
