#![allow(clippy::unwrap_used, clippy::panic)]
use rstest::rstest;

use super::*;

/// Summaries of snapshots 1, 2, 3, …, oldest first: `key=value`, separated by spaces.
struct Branch {
    summaries: Vec<HashMap<String, String>>,
    properties: HashMap<String, String>,
}

fn pairs(text: &str) -> HashMap<String, String> {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

impl Branch {
    fn new(summaries: &[&str], properties: &str) -> Self {
        Self { summaries: summaries.iter().map(|text| pairs(text)).collect(), properties: pairs(properties) }
    }

    fn commits(&self) -> Vec<Commit<'_>> {
        // Commit times that go back: nothing may depend on them.
        let commit = |(index, summary)| {
            let number = i64::try_from(index).unwrap() + 1;
            Commit { snapshot_id: SnapshotId::new(number), committed_at_ms: 1000 - number, summary }
        };
        self.summaries.iter().enumerate().map(commit).collect()
    }

    fn all(&self) -> Result<TableWatermark> {
        all_writers(&self.commits(), &self.properties, "main")
    }

    fn writer(&self, name: &str) -> Result<Mark> {
        writer(&self.commits(), &self.properties, name, &mut Vec::new())
    }

    fn property(&self, key: &str, unit: TimeUnit) -> Result<Mark> {
        property(&self.commits(), &self.properties, key, unit, &mut Vec::new())
    }
}

fn in_snapshot(number: i64) -> Origin {
    Origin::Summary { snapshot_id: SnapshotId::new(number), committed_at_ms: 1000 - number }
}

fn detail(error: TableError) -> String {
    match error {
        TableError::WatermarkUnknown { detail } => detail,
        other => panic!("{other:?}"),
    }
}

/// Each row: summaries oldest first, properties, the outcome (`Err` names the key), where it was found.
#[rstest]
#[case::in_the_head(&["", "watermark.w=50"], "", 50, in_snapshot(2))]
#[case::in_an_older_ancestor(&["watermark.w=50", "", ""], "", 50, in_snapshot(1))]
#[case::the_nearest_ancestor_wins(&["watermark.w=40", "watermark.w=50", ""], "", 50, in_snapshot(2))]
#[case::it_never_decreases(&["watermark.w=60", "watermark.w=50"], "", 60, in_snapshot(1))]
#[case::the_newest_of_equals_is_named(&["watermark.w=50", "watermark.w=50"], "", 50, in_snapshot(2))]
#[case::in_the_properties_only(&["", ""], "watermark.w=70", 70, Origin::Property)]
#[case::without_a_snapshot(&[], "watermark.w=70", 70, Origin::Property)]
#[case::summaries_go_before_properties(&["watermark.w=50"], "watermark.w=70", 50, in_snapshot(1))]
#[case::a_summary_goes_before_a_property_that_is_rubbish(&["watermark.w=50"], "watermark.w=soon", 50, in_snapshot(1))]
#[case::as_a_time_of_rfc_3339(&["watermark.w=1970-01-01T01:00:00.050+01:00"], "", 50, in_snapshot(1))]
#[case::a_superseded_value_that_is_rubbish(&["watermark.w=soon", "watermark.w=50"], "", 50, in_snapshot(2))]
#[case::no_event_yet(&["watermark.w=-9223372036854775808"], "", i64::MIN, in_snapshot(1))]
#[case::all_input_is_in(&["watermark.w=9223372036854775807"], "", i64::MAX, in_snapshot(1))]
fn one_writer(#[case] summaries: &[&str], #[case] properties: &str, #[case] ms: i64, #[case] origin: Origin) {
    let branch = Branch::new(summaries, properties);
    let mark = branch.writer("w").unwrap();
    assert_eq!((mark.time.ms(), &mark.origin), (ms, &origin));
    assert_eq!((mark.name.as_str(), mark.key.as_str(), mark.is_idle), ("w", "watermark.w", false));
    let all = branch.all().unwrap();
    assert_eq!((all.time.ms(), all.marks.as_slice()), (ms, [mark].as_slice()));
}

#[rstest]
#[case::in_the_head(&["watermark.w=50", "watermark.w=soon"], "", &["`watermark.w`", "snapshot 2", "`soon`"])]
#[case::in_an_ancestor(&["watermark.w=soon", ""], "", &["`watermark.w`", "snapshot 1", "`soon`"])]
#[case::in_the_properties(&[""], "watermark.w=soon", &["`watermark.w`", "properties", "`soon`"])]
#[case::empty(&["watermark.w="], "", &["`watermark.w`", "``"])]
#[case::in_microseconds(&["watermark.w=1700000000000000"], "", &["`watermark.w`", "milliseconds", "year 9999"])]
#[case::without_a_zone(&["watermark.w=2026-11-21T00:00:00"], "", &["`watermark.w`", "RFC 3339"])]
#[case::an_idle_mark(&["watermark.w=50 watermark.w.idle=maybe"], "", &["`watermark.w.idle`", "`maybe`", "true or false"])]
#[case::an_idle_mark_in_the_properties(&["watermark.w=50"], "watermark.w.idle=1", &["`watermark.w.idle`", "`1`"])]
fn what_cannot_be_read_is_named_and_never_ignored(
    #[case] summaries: &[&str],
    #[case] properties: &str,
    #[case] parts: &[&str],
) {
    let branch = Branch::new(summaries, properties);
    for error in [branch.writer("w").unwrap_err(), branch.all().unwrap_err()] {
        let detail = detail(error);
        for part in parts {
            assert!(detail.contains(part), "`{part}` is not in: {detail}");
        }
    }
}

#[test]
fn a_superseded_value_that_cannot_be_read_is_warned_of() {
    let all = Branch::new(&["watermark.w=soon", "watermark.w=50"], "").all().unwrap();
    assert_eq!(all.warnings.len(), 1);
    assert!(all.warnings[0].contains("`watermark.w` of snapshot 1 is `soon`"), "{:?}", all.warnings);
}

#[rstest]
#[case::of_several_the_lowest(&["watermark.a=50", "watermark.b=40", "watermark.c=60"], "", 40)]
#[case::in_one_snapshot(&["watermark.a=50 watermark.b=40"], "", 40)]
#[case::one_in_the_properties(&["watermark.a=50"], "watermark.b=40", 40)]
#[case::kafka_connect_is_a_writer(&["watermark.a=50", "kafka.connect.valid-through-ts=1970-01-01T00:00:00.040Z"], "", 40)]
#[case::one_that_saw_nothing_yet(&["watermark.a=50", "watermark.b=-9223372036854775808"], "", i64::MIN)]
#[case::one_that_has_ended(&["watermark.a=50", "watermark.b=9223372036854775807"], "", 50)]
#[case::an_idle_one_does_not_count(&["watermark.a=50", "watermark.b=40", "watermark.b.idle=true"], "", 50)]
#[case::idle_in_the_same_snapshot(&["watermark.a=50", "watermark.b=40 watermark.b.idle=true"], "", 50)]
#[case::idle_by_a_property(&["watermark.a=50", "watermark.b=40"], "watermark.b.idle=TRUE", 50)]
#[case::back_with_a_new_value(&["watermark.a=50", "watermark.b.idle=true", "watermark.b=40"], "", 40)]
#[case::back_by_its_mark(&["watermark.a=50", "watermark.b=40 watermark.b.idle=true", "watermark.b.idle=false"], "", 40)]
#[case::a_summary_goes_before_a_property(
    &["watermark.a=50", "watermark.b=40", "watermark.b.idle=false"], "watermark.b.idle=true", 40
)]
#[case::an_idle_one_that_left_rubbish(&["watermark.a=50", "watermark.b=soon watermark.b.idle=true"], "", 50)]
#[case::a_mark_without_a_watermark_is_no_writer(&["watermark.a=50", "watermark.b.idle=false"], "", 50)]
fn several_writers(#[case] summaries: &[&str], #[case] properties: &str, #[case] ms: i64) {
    assert_eq!(Branch::new(summaries, properties).all().unwrap().time.ms(), ms);
}

#[test]
fn idle_writers_are_shown_and_count_when_asked_for_by_name() {
    let branch = Branch::new(&["watermark.a=50", "watermark.b=40 watermark.b.idle=true"], "");
    let all = branch.all().unwrap();
    let shown: Vec<_> = all.marks.iter().map(|mark| (mark.name.as_str(), mark.time.ms(), mark.is_idle)).collect();
    assert_eq!(shown, [("a", 50, false), ("b", 40, true)]);
    let mark = branch.writer("b").unwrap();
    assert_eq!((mark.time.ms(), mark.is_idle), (40, true));
}

#[test]
fn an_idle_writer_that_left_rubbish_is_warned_of() {
    let branch = Branch::new(&["watermark.a=50", "watermark.b=soon watermark.b.idle=true"], "");
    let all = branch.all().unwrap();
    assert_eq!(all.marks.len(), 1);
    assert!(all.warnings[0].contains("`watermark.b`") && all.warnings[0].contains("idle"), "{:?}", all.warnings);
    assert!(detail(branch.writer("b").unwrap_err()).contains("`soon`"));
}

#[rstest]
#[case::no_snapshot(&[], "")]
#[case::no_key(&["added-records=1", ""], "write.format.default=parquet")]
#[case::a_key_without_a_name(&["watermark.=50"], "watermark=50")]
#[case::only_an_idle_mark(&["watermark.w.idle=true"], "")]
fn without_any_watermark_nothing_can_be_told(#[case] summaries: &[&str], #[case] properties: &str) {
    let detail = detail(Branch::new(summaries, properties).all().unwrap_err());
    assert!(detail.contains("branch `main`"), "{detail}");
}

#[test]
fn if_all_writers_are_idle_nothing_can_be_told() {
    let branch = Branch::new(&["watermark.a=50 watermark.a.idle=true"], "");
    let detail = detail(branch.all().unwrap_err());
    assert!(detail.contains("idle") && detail.contains("`a`"), "{detail}");
}

#[test]
fn a_name_that_is_not_there_is_told_with_those_that_are() {
    let branch = Branch::new(&["watermark.eu=50", "watermark.us=40"], "");
    let unknown = detail(branch.writer("asia").unwrap_err());
    assert!(unknown.contains("`watermark.asia`") && unknown.contains("`eu, us`"), "{unknown}");
    let unknown = detail(branch.property("nosuch", TimeUnit::Millis).unwrap_err());
    assert!(unknown.contains("`nosuch`"), "{unknown}");
}

#[rstest]
#[case::offset_date_time("2026-11-21T01:00:00.5Z", 1_795_222_800_500)]
#[case::seconds_left_out("2026-11-21T01:00Z", 1_795_222_800_000)]
#[case::another_zone("2026-11-21T02:00+01:00", 1_795_222_800_000)]
#[case::milliseconds("1795222800000", 1_795_222_800_000)]
fn kafka_connect_writes_java_times_or_milliseconds(#[case] text: &str, #[case] ms: i64) {
    let branch = Branch::new(&[&format!("{KAFKA_CONNECT_KEY}={text}"), "kafka.connect.commit-id=x"], "");
    let mark = branch.writer(KAFKA_CONNECT_KEY).unwrap();
    assert_eq!((mark.time.ms(), mark.key.as_str(), &mark.origin), (ms, KAFKA_CONNECT_KEY, &in_snapshot(1)));
    assert_eq!(branch.all().unwrap().time.ms(), ms);
}

#[rstest]
#[case::in_the_head(&["", "k=1700000000"], "", in_snapshot(2))]
#[case::in_an_ancestor(&["k=1700000000", ""], "", in_snapshot(1))]
#[case::it_never_decreases(&["k=1700000000", "k=1600000000"], "", in_snapshot(1))]
#[case::in_the_properties(&[""], "k=1700000000", Origin::Property)]
#[case::summaries_go_before_properties(&["k=1700000000"], "k=1800000000", in_snapshot(1))]
fn any_key_can_be_asked_for_with_its_unit(
    #[case] summaries: &[&str],
    #[case] properties: &str,
    #[case] origin: Origin,
) {
    let branch = Branch::new(summaries, properties);
    let mark = branch.property("k", TimeUnit::Seconds).unwrap();
    assert_eq!((mark.time.ms(), &mark.origin, mark.name.as_str()), (1_700_000_000_000, &origin, "property:k"));
    let wrong_unit = detail(branch.property("k", TimeUnit::Rfc3339).unwrap_err());
    assert!(wrong_unit.contains("`k`") && wrong_unit.contains("RFC 3339"), "{wrong_unit}");
    // It is nobody's mark, so it does not count among those of writers.
    assert!(branch.all().is_err());
}

#[test]
fn long_and_odd_text_is_cut_and_escaped() {
    let long = format!("watermark.{}={}", "n".repeat(5000), "v\u{1b}".repeat(5000));
    let detail = detail(Branch::new(&[&long], "").all().unwrap_err());
    assert!(detail.chars().count() < 900 && !detail.contains('\u{1b}'), "{detail}");
}
