//! The program `frazil`: reads arguments, wires the libraries together, and says how it ended.

mod args;
mod check;
mod clock;
mod compact;
mod demo;
mod error;
mod format;
mod groups;
mod heads;
mod inspect;
mod lock;
mod open;
mod output;
mod read;
mod serve;
mod settings;
mod stop;
mod watermark;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tokio::sync::oneshot;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{Cli, Command, ConfigCommand};
use crate::error::CliError;
use crate::output::Output;
use crate::settings::Settings;
use crate::stop::Stop;

/// Time to remove what is unfinished after a signal. Only a write that nobody takes can need longer.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// Time for a command that ends by itself after a signal.
const END_TIMEOUT: Duration = Duration::from_secs(4);

fn main() -> ExitCode {
    leave_decoding_panics_to_errors();
    let outcome = match Cli::try_parse() {
        Ok(cli) => {
            start_logging(cli.global.verbose);
            run(cli)
        }
        Err(error) => parsed_otherwise(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            error.exit_code()
        }
    }
}

/// Libraries panic on some damaged files. Where that becomes an error, the error is the one line to be told.
fn leave_decoding_panics_to_errors() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !frazil_table::is_on_pool() {
            print(info);
        }
    }));
}

/// Help and version are what was asked for; all else is wrong usage, told in one line like any other error.
fn parsed_otherwise(error: &clap::Error) -> Result<(), CliError> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody reads a help that cannot be written.
            let _ = error.print();
            Ok(())
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Err(CliError::Usage("no command is given; see `frazil --help`".to_owned()))
        }
        _ => Err(CliError::Usage(usage_line(&error.render().to_string()))),
    }
}

/// The parser's message without its usage section, on one line.
fn usage_line(rendered: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for paragraph in rendered.split("\n\n") {
        let text = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let text = text.strip_prefix("tip: ").unwrap_or(text);
        if !text.is_empty() && !text.starts_with("Usage:") && !text.starts_with("For more information") {
            parts.push(text.to_owned());
        }
    }
    parts.push("see `--help`".to_owned());
    parts.join("; ")
}

fn report(error: &CliError) {
    if error.is_quiet() {
        return;
    }
    // Also where the arguments could not be parsed.
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let line = if is_json { error.json().to_string() } else { error.line() };
    // Without anyone to tell, the exit code has to do.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Warnings always; with `-v` what this program does, with `-vv` each step of it.
fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let filter = Targets::new()
        .with_default(Level::WARN)
        .with_target("frazil", level)
        // It warns of every server that it cannot reach; what comes of that is told by whoever asked.
        .with_target("zookeeper_client", Level::ERROR);
    let text = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .compact();
    tracing_subscriber::registry().with(filter).with(text).init();
}

fn run(cli: Cli) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Internal(format!("cannot start threads: {error}")))?;
    let stop = Stop::default();
    let outcome = runtime.block_on(until_stopped(command(cli, stop.clone()), stop));
    // What was interrupted may still be reading; there is nothing to wait for.
    runtime.shutdown_background();
    outcome
}

async fn command(mut cli: Cli, stop: Stop) -> Result<(), CliError> {
    if cli.global.memory_limit.is_none() && !matches!(cli.command, Command::Demo(_) | Command::Completions { .. }) {
        cli.global.memory_limit = Settings::load(&cli.global)?.reader().memory_limit;
    }
    match cli.command {
        Command::Read(args) => read::run(&args, &cli.global, &stop).await,
        Command::Inspect(args) => inspect::run(&args, &cli.global).await,
        Command::Compact(args) => compact::run(&args, &cli.global).await,
        Command::Watermark(args) => watermark::run(&args, &cli.global).await,
        Command::Groups(command) => groups::run(&command, &cli.global).await,
        Command::Lock(command) => lock::run(&command, &cli.global).await,
        Command::Config(ConfigCommand::Check) => check::run(&cli.global).await,
        Command::Serve(args) => serve::run(&args, &cli.global, &stop).await,
        Command::Demo(args) => demo::run(&args, &cli.global).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "frazil", &mut script);
            Output::stdout().put(&script)
        }
    }
}

/// Runs `work` until it ends or a signal asks to stop. Dropping it removes unfinished files.
#[expect(
    clippy::disallowed_methods,
    reason = "a write that nobody takes cannot be cancelled: the program can only be ended around it"
)]
async fn until_stopped(work: impl Future<Output = Result<(), CliError>>, stop: Stop) -> Result<(), CliError> {
    let (sender, mut receiver) = oneshot::channel();
    let asked = stop.clone();
    tokio::spawn(async move {
        let (signal, exit_code) = stop_signal().await;
        // If the work has ended already, the program is about to end too.
        let _ = sender.send(signal);
        asked.ask();
        // The work does not see the signal while it is blocked in a write.
        tokio::time::sleep(if asked.is_awaited() { END_TIMEOUT + STOP_TIMEOUT } else { STOP_TIMEOUT }).await;
        std::process::exit(exit_code);
    });
    tokio::pin!(work);
    tokio::select! {
        biased;
        Ok(signal) = &mut receiver => {
            match stop.is_awaited() {
                false => Err(signal),
                true => match tokio::time::timeout(END_TIMEOUT, work).await {
                    Ok(Err(error)) => Err(error),
                    // Whoever serves was done when it was told to be.
                    Ok(Ok(())) if stop.is_end() => Ok(()),
                    Ok(Ok(())) | Err(_) => Err(signal),
                },
            }
        }
        outcome = &mut work => match receiver.try_recv() {
            // It was asked to end, and did, before the signal was seen here.
            Ok(signal) if stop.is_awaited() && !stop.is_end() && outcome.is_ok() => Err(signal),
            _ => outcome,
        },
    }
}

#[cfg(unix)]
async fn stop_signal() -> (CliError, i32) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return interrupt().await };
    tokio::select! {
        biased;
        _ = terminate.recv() => (CliError::Terminated, 143),
        interrupted = interrupt() => interrupted,
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> (CliError, i32) {
    interrupt().await
}

async fn interrupt() -> (CliError, i32) {
    if tokio::signal::ctrl_c().await.is_err() {
        // Signals cannot be watched here: the system's own way of ending the program stays in place.
        std::future::pending::<()>().await;
    }
    (CliError::Interrupted, 130)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> String {
        match Cli::try_parse_from(args) {
            Ok(_) => String::new(),
            Err(error) => match parsed_otherwise(&error) {
                Ok(()) => String::new(),
                Err(error) => error.line(),
            },
        }
    }

    #[test]
    fn wrong_usage_is_told_in_one_line() {
        let unknown = line(&["frazil", "read", "t", "--mode", "nosuch"]);
        assert!(unknown.starts_with("error: invalid value 'nosuch' for '--mode"), "{unknown}");
        assert!(
            unknown.contains("changelog, upsert, net, append, rows") && unknown.ends_with("see `--help`"),
            "{unknown}"
        );
        assert!(line(&["frazil", "read", "t", "--formatt", "jsonl"]).contains("--format"));
        assert_eq!(line(&["frazil"]), "error: no command is given; see `frazil --help`");
        for args in [&["frazil", "read"][..], &["frazil", "nosuch"], &["frazil", "read", "t", "--limit", "x"]] {
            let line = line(args);
            assert!(line.starts_with("error: ") && !line.contains('\n'), "{line}");
        }
    }
}
