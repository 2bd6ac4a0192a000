//! `frazil lock`: who may commit to a table now, who waits, and how an operator takes the lock away.

mod report;

use std::io::{self, BufRead, IsTerminal, Write};

use frazil_lock::{CommitLock, LockLine, LockName};

use self::report::{Broken, Report};
use crate::args::{GlobalArgs, LockBreakArgs, LockCommand, LockTableArgs};
use crate::clock;
use crate::error::CliError;
use crate::open::lock_name;
use crate::output::Output;
use crate::settings::{LockKind, Settings};

/// Runs the command.
///
/// # Errors
/// [`CliError::Usage`] if the settings have no lock that others can see; what the lock service answers. For `break`
/// also [`CliError::LockChanged`] if the holder is no longer the one that was shown, and [`CliError::LockKept`] if
/// the answer was no.
pub(crate) async fn run(command: &LockCommand, global: &GlobalArgs) -> Result<(), CliError> {
    match command {
        LockCommand::Show(args) => show(args, global).await,
        LockCommand::Break(args) => take_away(args, global).await,
    }
}

async fn show(args: &LockTableArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let settings = Settings::load(global)?;
    let lock = open(&settings)?;
    let name = lock_name(&args.table, global).await?;
    let line = lock.describe(&name).await?;
    let head = lock.head(&name).await?;
    let report = Report::new(&args.table, &name, &line, head, clock::now_ms());
    let text = if global.json { report.json()? } else { report.text() };
    Output::stdout().put(text.as_bytes())
}

async fn take_away(args: &LockBreakArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let is_asking = !args.yes;
    if is_asking && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(CliError::Usage(
            "`frazil lock break` asks first, and there is no terminal; look with `frazil lock show`, then pass --yes"
                .to_owned(),
        ));
    }
    let settings = Settings::load(global)?;
    let lock = open(&settings)?;
    let name = lock_name(&args.table.table, global).await?;
    let line = lock.describe(&name).await?;
    if is_asking && line.holder.is_some() {
        ask(args, &name, &line).await?;
    }
    let holder = line.holder.clone();
    if let Some(holder) = &holder
        && !lock.take_away(&name, &holder.id).await?
    {
        return Err(CliError::LockChanged { name: name.to_string() });
    }
    let broken = Broken::new(&args.table.table, &name, holder.as_ref());
    let text = if global.json { broken.json()? } else { broken.text() };
    Output::stdout().put(text.as_bytes())
}

/// The lock that the settings name, if others can see it at all.
fn open(settings: &Settings) -> Result<std::sync::Arc<dyn CommitLock>, CliError> {
    let lock = settings.lock();
    if lock.kind() == LockKind::Memory {
        return Err(CliError::Usage(
            "the lock is of type `memory`, which no other process sees; set [lock] type = \"zookeeper\" and connect"
                .to_owned(),
        ));
    }
    lock.open()
}

/// Shows who would lose the lock and waits for an answer.
async fn ask(args: &LockBreakArgs, name: &LockName, line: &LockLine) -> Result<(), CliError> {
    let question = format!(
        "{}The holder is told, but may be in the middle of a commit. Take the lock away? [y/N] ",
        Report::new(&args.table.table, name, line, None, clock::now_ms()).text()
    );
    let answer = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let mut stderr = io::stderr();
        stderr.write_all(question.as_bytes())?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = answer.await.map_err(|error| CliError::Internal(format!("question: {error}")))?;
    let answer = answer.map_err(|source| CliError::output("terminal", source))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::LockKept { name: name.to_string() }),
    }
}
