//! Where results go: standard output, or a file that appears when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use tempfile::{NamedTempFile, TempPath};

use crate::error::CliError;

/// Arrow writes many small pieces; a batch of JSON is larger than this and goes through at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// An open output.
pub(crate) struct Output {
    name: String,
    writer: Writer,
}

enum Writer {
    Stdout(BufWriter<Stdout>),
    /// Written beside its place and renamed at the end. Dropping the path removes the file.
    Unfinished {
        file: BufWriter<File>,
        unfinished: TempPath,
        place: PathBuf,
    },
    /// A device or pipe, which a rename would replace, or a file without an end.
    Direct(BufWriter<File>),
}

/// How text for people may look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// With colours.
    pub(crate) is_coloured: bool,
    /// Long values may be cut.
    pub(crate) is_terminal: bool,
}

impl Look {
    /// What standard output can show, as it is and as `NO_COLOR` and the like ask for.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        Self { is_coloured: AutoStream::choice(&stdout) != ColorChoice::Never, is_terminal: stdout.is_terminal() }
    }
}

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self {
            name: "standard output".to_owned(),
            writer: Writer::Stdout(BufWriter::with_capacity(BUFFER_BYTES, io::stdout())),
        }
    }

    /// A file; `-` is standard output.
    ///
    /// # Errors
    /// [`CliError::Output`] if it cannot be made.
    pub(crate) fn file(path: &Path) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        let name = path.display().to_string();
        let writer = open(path).map_err(|source| CliError::output(&name, source))?;
        Ok(Self { name, writer })
    }

    /// A file that grows: it is there from the beginning, with what has been written so far.
    ///
    /// # Errors
    /// As [`Output::file`].
    pub(crate) fn growing_file(path: &Path) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        let name = path.display().to_string();
        let file = File::create(path).map_err(|source| CliError::output(&name, source))?;
        Ok(Self { name, writer: Writer::Direct(BufWriter::with_capacity(BUFFER_BYTES, file)) })
    }

    /// A file that grows from its present end on.
    ///
    /// # Errors
    /// As [`Output::file`].
    pub(crate) fn continued_file(path: &Path) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        let name = path.display().to_string();
        let file = File::options().append(true).create(true).open(path);
        let file = file.map_err(|source| CliError::output(&name, source))?;
        Ok(Self { name, writer: Writer::Direct(BufWriter::with_capacity(BUFFER_BYTES, file)) })
    }

    /// Whoever is on the other end of it, to be asked after while nothing is written.
    ///
    /// # Errors
    /// [`CliError::Output`] if the system has no room for it.
    pub(crate) fn downstream(&self) -> Result<Downstream, CliError> {
        match &self.writer {
            Writer::Stdout(writer) => Downstream::of(writer.get_ref()),
            Writer::Unfinished { file, .. } | Writer::Direct(file) => Downstream::of(file.get_ref()),
        }
        .map_err(|source| CliError::output(&self.name, source))
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes all of `bytes` and passes them on at once.
    ///
    /// # Errors
    /// [`CliError::ClosedPipe`] if nobody reads any more, else [`CliError::Output`].
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.write_all(bytes).and_then(|()| self.flush()).map_err(|source| CliError::output(&self.name, source))
    }

    /// Gives a file its name. Without this call nothing of it remains.
    ///
    /// # Errors
    /// As [`Output::put`].
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        let outcome = self.flush().and_then(|()| match self.writer {
            Writer::Stdout(_) | Writer::Direct(_) => Ok(()),
            Writer::Unfinished { file, unfinished, place } => {
                drop(file);
                unfinished.persist(place).map_err(|error| error.error)
            }
        });
        outcome.map_err(|source| CliError::output(&self.name, source))
    }
}

/// The other end of an output, which may go away.
#[derive(Debug)]
pub(crate) struct Downstream {
    /// A copy, since the output itself belongs to who writes it.
    #[cfg(unix)]
    output: std::os::fd::OwnedFd,
}

#[cfg(unix)]
impl Downstream {
    fn of(output: &impl std::os::fd::AsFd) -> io::Result<Self> {
        Ok(Self { output: output.as_fd().try_clone_to_owned()? })
    }

    /// Nobody will read what is written from now on: a pipe or socket whose other end was closed, or a terminal that
    /// hung up. A file is never gone.
    pub(crate) fn is_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};
        let mut polled = [PollFd::new(&self.output, PollFlags::empty())];
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        // Where the question fails, the next write finds out.
        matches!(poll(&mut polled, Some(&at_once)), Ok(1..))
            && polled.iter().any(|one| one.revents().intersects(PollFlags::ERR | PollFlags::HUP))
    }
}

#[cfg(not(unix))]
impl Downstream {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn of<T>(_output: &T) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Only the next write finds out.
    #[expect(clippy::unused_self, reason = "elsewhere it is asked")]
    pub(crate) fn is_gone(&self) -> bool {
        false
    }
}

fn open(path: &Path) -> io::Result<Writer> {
    let existing = match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        let file = File::options().write(true).open(path)?;
        return Ok(Writer::Direct(BufWriter::with_capacity(BUFFER_BYTES, file)));
    }
    // A link keeps pointing to the file that it points to.
    let place = if existing.is_some() { path.canonicalize()? } else { path.to_owned() };
    let folder = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut prefix = place.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    prefix.push(".tmp-");
    let (file, unfinished) = unfinished_file(&prefix, folder)?.into_parts();
    Ok(Writer::Unfinished { file: BufWriter::with_capacity(BUFFER_BYTES, file), unfinished, place })
}

/// With the rights that any new file gets: those of a temporary file would let nobody else read the result.
fn unfinished_file(prefix: &std::ffi::OsStr, folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Writer::Stdout(writer) => writer.write(bytes),
            Writer::Unfinished { file, .. } | Writer::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::Stdout(writer) => writer.flush(),
            Writer::Unfinished { file, .. } | Writer::Direct(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        fs::write(&path, "old").unwrap();
        let mut output = Output::file(&path).unwrap();
        output.put(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert!(names(folder.path()).iter().any(|name| name.starts_with("out.jsonl.tmp-")));
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.jsonl"]);
    }

    #[test]
    fn a_file_without_an_end_is_there_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        fs::write(&path, "old").unwrap();
        let mut output = Output::growing_file(&path).unwrap();
        output.put(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_failed_run_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::file(&folder.path().join("out")).unwrap();
        output.put(b"half").unwrap();
        drop(output);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_missing_folder_and_a_folder_in_place_of_a_file_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("no/such"), folder.path().to_owned()] {
            let error = Output::file(&path).map(|_| ()).unwrap_err();
            assert_eq!(error.code(), "OUTPUT_FAILED");
            assert!(error.line().contains(&path.display().to_string()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        use std::os::unix::fs::FileTypeExt;
        let mut output = Output::file(Path::new("/dev/null")).unwrap();
        output.put(b"x").unwrap();
        output.finish().unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_gone_once_its_reader_is_and_a_file_never() {
        let (reader, writer) = std::io::pipe().unwrap();
        let downstream = Downstream::of(&writer).unwrap();
        assert!(!downstream.is_gone());
        drop(reader);
        assert!(downstream.is_gone());
        let folder = tempfile::tempdir().unwrap();
        let output = Output::growing_file(&folder.path().join("out")).unwrap();
        assert!(!output.downstream().unwrap().is_gone());
        assert!(!Output::file(Path::new("/dev/null")).unwrap().downstream().unwrap().is_gone());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_pointing_to_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = Output::file(&link).unwrap();
        output.put(b"new").unwrap();
        output.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }
}
