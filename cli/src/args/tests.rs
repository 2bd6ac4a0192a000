#![allow(clippy::unwrap_used, clippy::panic)]
use clap::CommandFactory;
use clap::error::ErrorKind;
use rstest::rstest;

use super::*;

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("frazil").chain(args.iter().copied()))
}

fn read(args: &[&str]) -> ReadArgs {
    let args: Vec<&str> = ["read", "db/t"].iter().chain(args).copied().collect();
    match parse(&args).unwrap().command {
        Command::Read(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_read_without_options_is_the_changelog_of_the_main_branch() {
    let args = read(&[]);
    assert_eq!(args.mode, ModeArg::Changelog);
    assert_eq!(args.branch, "main");
    assert!(args.from.is_none() && args.to.is_none() && args.at.is_none() && args.limit.is_none());
    assert!(args.format.is_none() && args.output.is_none() && !args.markers);
}

#[test]
fn kinds_are_lists_whatever_their_case() {
    let kinds = read(&["--drop-kinds", "update_before,DELETE"]).drop_kinds;
    assert_eq!(kinds, [KindArg::UpdateBefore, KindArg::Delete]);
}

#[test]
fn lists_of_columns_and_repeated_path_maps_are_taken() {
    let args = read(&["--columns", "a,b.c", "--key", "a", "--path-map", "/a=/b", "--path-map", "/c=/d"]);
    assert_eq!(args.columns.unwrap().0, ["a", "b.c"]);
    assert_eq!(args.key.unwrap().0, ["a"]);
    assert_eq!(args.table.path_map, ["/a=/b", "/c=/d"]);
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let after = parse(&["read", "t", "--json", "--memory-limit", "1MB"]).unwrap().global;
    let before = parse(&["--json", "--memory-limit", "1MB", "read", "t"]).unwrap().global;
    for global in [after, before] {
        assert!(global.json);
        assert_eq!(global.memory_limit, Some(1 << 20));
    }
}

#[rstest]
#[case(&["read"], ErrorKind::MissingRequiredArgument)]
#[case(&["read", "t", "--mode", "sideways"], ErrorKind::InvalidValue)]
#[case(&["read", "t", "--format", "xml"], ErrorKind::InvalidValue)]
#[case(&["read", "t", "--limit", "-1"], ErrorKind::UnknownArgument)]
#[case(&["read", "t", "--limit", "x"], ErrorKind::ValueValidation)]
#[case(&["read", "t", "--from", "x"], ErrorKind::ValueValidation)]
#[case(&["read", "t", "--memory-limit", "x"], ErrorKind::ValueValidation)]
#[case(&["read", "t", "--nosuch"], ErrorKind::UnknownArgument)]
#[case(&["nosuch"], ErrorKind::InvalidSubcommand)]
fn wrong_usage_is_found_while_parsing(#[case] args: &[&str], #[case] kind: ErrorKind) {
    assert_eq!(parse(args).unwrap_err().kind(), kind);
}

#[test]
fn help_of_every_command_ends_with_an_example() {
    let mut command = Cli::command();
    command.build();
    for subcommand in std::iter::once(&command).chain(command.get_subcommands()) {
        let after = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
        let last = after.rsplit("\n\n").next().unwrap_or_default();
        assert!(last.starts_with("Example"), "{}", subcommand.get_name());
    }
}
