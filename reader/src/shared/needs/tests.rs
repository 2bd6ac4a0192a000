use super::*;

fn needs(columns: Option<&[i32]>) -> Needs {
    let columns = columns.map(|ids| ids.iter().map(|id| FieldId::new(*id)).collect());
    Needs { columns, filter: None, readers: 1, memory_limit_bytes: 5 }
}

fn ids(ids: &[i32]) -> Option<Vec<FieldId>> {
    Some(ids.iter().map(|id| FieldId::new(*id)).collect())
}

#[test]
fn columns_of_several_are_read_once_in_the_order_in_which_they_are_asked_for() {
    let all = [needs(Some(&[3, 1])), needs(Some(&[1, 2])), Needs { readers: 4, ..needs(Some(&[])) }];
    let union = Union::of(all.iter());
    assert_eq!(union.columns, ids(&[3, 1, 2]));
    assert_eq!((union.readers, union.memory_limit_bytes), (4, 5));
    assert_eq!(union.filter, None);
    assert!(all.iter().all(|one| union.covers(one)));
    assert!(!union.covers(&needs(Some(&[4]))));
    assert!(!union.covers(&needs(None)));
}

#[test]
fn one_who_wants_all_columns_makes_all_be_read() {
    let all = [needs(Some(&[3, 1])), needs(None)];
    let union = Union::of(all.iter());
    assert_eq!(union.columns, None);
    assert!(union.covers(&needs(Some(&[7]))) && union.covers(&needs(None)));
}

#[test]
fn those_who_want_all_rows_share_whatever_their_columns() {
    assert!(is_worth([needs(Some(&[1])), needs(Some(&[2])), needs(None)].iter()));
    assert!(is_worth([].iter()));
}
