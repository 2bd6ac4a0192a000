//! `frazil groups`: where consumer groups stand, and setting them elsewhere.

use std::fs;

use frazil_reader::groups::{Group, GroupError, GroupKey, GroupStore, lag};
use frazil_reader::{Position, ReadError, position_at};
use frazil_table::Table;
use serde_json::{Value, json};

use crate::args::{GlobalArgs, GroupArgs, GroupResetArgs, GroupsCommand};
use crate::clock;
use crate::error::CliError;
use crate::format::time::commit_timestamp;
use crate::open::open;
use crate::output::Output;
use crate::read::owner;
use crate::settings::Settings;

/// Runs the command.
///
/// # Errors
/// [`CliError::Group`] as the store answers; [`CliError::Usage`] for a group that is not there; what loading the table
/// gives.
pub(crate) async fn run(command: &GroupsCommand, global: &GlobalArgs) -> Result<(), CliError> {
    let store = Settings::load(global)?.positions().open()?;
    match command {
        GroupsCommand::List => list(store.as_ref(), global).await,
        GroupsCommand::Describe(args) => describe(store.as_ref(), args, global).await,
        GroupsCommand::Reset(args) => reset(store.as_ref(), args, global).await,
        GroupsCommand::Delete(args) => delete(store.as_ref(), args, global).await,
        GroupsCommand::Export => export(store.as_ref()).await,
        GroupsCommand::Import { file } => import(store.as_ref(), file, global).await,
    }
}

fn put(global: &GlobalArgs, json: &Value, text: &str) -> Result<(), CliError> {
    let text = if global.json { format!("{json}\n") } else { text.to_owned() };
    Output::stdout().put(text.as_bytes())
}

async fn list(store: &dyn GroupStore, global: &GlobalArgs) -> Result<(), CliError> {
    let now_ms = clock::now_ms();
    let groups = store.list().await?;
    let json: Vec<Value> = groups.iter().map(|group| group_json(group, now_ms)).collect();
    let mut text = String::new();
    for group in &groups {
        let place = group.position().map_or_else(|error| error.to_string(), |position| place_text(&position));
        let time = commit_timestamp(group.updated_at_ms);
        let dead = if group.is_dead(now_ms) { "  dead" } else { "" };
        text.push_str(&format!("{}  {}  {place}  {time}{dead}\n", group.name, group.table));
    }
    put(global, &json!({ "groups": json }), if text.is_empty() { "no groups\n" } else { &text })
}

fn group_json(group: &Group, now_ms: i64) -> Value {
    let position = group.position().ok();
    json!({
        "name": group.name,
        "table": group.table,
        "table_uuid": group.table_uuid,
        "version": group.version,
        "updated_at": commit_timestamp(group.updated_at_ms),
        "owner": group.owner,
        "is_dead": group.is_dead(now_ms),
        "position": group.position,
        "branch": position.as_ref().map(Position::branch),
        "snapshot_id": position.as_ref().and_then(Position::snapshot_id).map(|id| id.get()),
        "started_snapshot_id": position.as_ref().and_then(Position::started_snapshot_id).map(|id| id.get()),
        "scanned_snapshot_id": position.as_ref().and_then(Position::scanned_snapshot_id).map(|id| id.get()),
        "next_ordinal": position.as_ref().map(Position::next_ordinal),
        "snapshot_watermark": position.as_ref().and_then(Position::snapshot_watermark_ms).map(commit_timestamp),
    })
}

fn place_text(position: &Position) -> String {
    let started = |text: String| match position.started_snapshot_id() {
        Some(id) if position.scanned_snapshot_id().is_none() => format!("{text}, in {id}"),
        _ => text,
    };
    started(match (position.snapshot_id(), position.scanned_snapshot_id()) {
        (Some(id), _) => format!("after {id}"),
        (None, Some(id)) => format!("in all rows of {id}"),
        (None, None) => "at the beginning".to_owned(),
    })
}

/// The group of the arguments, which must be there.
async fn found(store: &dyn GroupStore, args: &GroupArgs, table: &Table) -> Result<Group, CliError> {
    let key = GroupKey::new(&args.group, table.metadata().uuid())?;
    store.load(&key).await?.ok_or_else(|| {
        CliError::Usage(format!(
            "group `{key}` of table `{}` is not there; `frazil groups list` lists all, and `frazil read --group` makes one",
            table.name()
        ))
    })
}

fn position(group: &Group) -> Result<Position, CliError> {
    Ok(group.position().map_err(ReadError::from)?)
}

async fn describe(store: &dyn GroupStore, args: &GroupArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let table = open(&args.table, global).await?;
    let group = found(store, args, &table).await?;
    let position = position(&group)?;
    let lag = lag(&table, &position)?;
    let mut json = group_json(&group, clock::now_ms());
    json["lag"] = match lag {
        Some(lag) => json!({ "snapshots": lag.snapshots, "rows": lag.rows, "bytes": lag.bytes, "ms": lag.time_ms }),
        None => Value::Null,
    };
    let lag = match lag {
        Some(lag) => format!(
            "{} snapshots, {} rows, {} bytes, {:.1} s",
            lag.snapshots,
            lag.rows,
            lag.bytes,
            std::time::Duration::from_millis(lag.time_ms.try_into().unwrap_or(0)).as_secs_f64()
        ),
        None => "unknown: the snapshot has expired, or is not on the branch any more".to_owned(),
    };
    let text = format!(
        "group     {}\ntable     {}\nbranch    {}\nposition  {}\nlag       {lag}\nupdated   {}\nowner     {}\n",
        group.name,
        group.table,
        position.branch(),
        place_text(&position),
        commit_timestamp(group.updated_at_ms),
        group.owner,
    );
    put(global, &json, &text)
}

async fn reset(store: &dyn GroupStore, args: &GroupResetArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let table = open(&args.group.table, global).await?;
    let group = found(store, &args.group, &table).await?;
    let before = position(&group)?;
    let after = position_at(&table, &before, &args.to)?;
    let now_ms = clock::now_ms();
    if args.execute {
        let key = group.key()?;
        let owner = owner(now_ms);
        // Whoever reads would overwrite it.
        let _claim = store.claim(&key, &owner).await?;
        let changed = Group {
            position: after.to_string(),
            version: group.version.saturating_add(1),
            updated_at_ms: now_ms,
            owner,
            ..group.clone()
        };
        store.store(&changed).await?;
    }
    let json = json!({
        "name": group.name,
        "from": place_text(&before),
        "to": place_text(&after),
        "executed": args.execute,
        "position": after.to_string(),
    });
    let (from, to) = (place_text(&before), place_text(&after));
    let text = match args.execute {
        true => format!("group {} was {from}, and is {to} now\n", group.name),
        false => format!("group {} is {from}, and would be {to}; pass --execute to do it\n", group.name),
    };
    put(global, &json, &text)
}

async fn delete(store: &dyn GroupStore, args: &GroupArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let table = open(&args.table, global).await?;
    let group = found(store, args, &table).await?;
    let key = group.key()?;
    let _claim = store.claim(&key, &owner(clock::now_ms())).await?;
    store.delete(&key, group.version).await?;
    put(global, &json!({ "name": group.name, "deleted": true }), &format!("group {} is forgotten\n", group.name))
}

async fn export(store: &dyn GroupStore) -> Result<(), CliError> {
    let json = serde_json::to_string_pretty(&store.list().await?);
    let json = json.map_err(|error| CliError::Internal(format!("groups: {error}")))?;
    Output::stdout().put(format!("{json}\n").as_bytes())
}

async fn import(store: &dyn GroupStore, file: &std::path::Path, global: &GlobalArgs) -> Result<(), CliError> {
    let wrong = |cause: String| CliError::Usage(format!("file {} holds no groups: {cause}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let groups: Vec<Group> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    // All are looked at before the first is taken.
    for group in &groups {
        group.key()?;
        group.position().map_err(|error| wrong(format!("group `{}`: {error}", group.name)))?;
    }
    let (mut taken, mut kept) = (Vec::new(), Vec::new());
    for group in groups {
        match store.store(&Group { version: 1, ..group.clone() }).await {
            Ok(()) => taken.push(group.name),
            Err(GroupError::Changed { .. }) => kept.push(group.name),
            Err(error) => return Err(error.into()),
        }
    }
    let text = format!("{} groups were taken, {} were there already\n", taken.len(), kept.len());
    put(global, &json!({ "taken": taken, "kept": kept }), &text)
}
