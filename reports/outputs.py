"""The files that a command writes: looked at before anything is solved, and put down whole.

A command does not write over what it reads, nor two outputs into one file. Another file that is there is replaced in
one step by a new one written beside it, so that a write that fails or is interrupted leaves what was there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reports.problems import wrong_flag

_ANOTHER = "name another file"


def writable(flag: str, name: str) -> None:
    """Refuse before an hour of solving, not after it."""
    if not name or _device(name):
        return
    if os.path.isdir(name):
        raise wrong_flag(flag, f"{name} is a folder", "name a file")
    target = _target(flag, name)
    _folder(flag, name, target.parent)
    if target.exists() and not os.access(target, os.W_OK):
        raise wrong_flag(flag, f"{name} is write-protected", _ANOTHER)


def new_folder(flag: str, name: str) -> None:
    """Refuse a folder that has files in it: those of two answers must not lie together."""
    if not name:
        return
    path = _target(flag, name)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "a folder with files in it" if path.is_dir() else "a file"
        raise wrong_flag(flag, f"{name} is {what}", "name a new folder: several files are written")
    _folder(flag, name, path if path.is_dir() else path.parent)


def _target(flag: str, name: str) -> Path:
    """What the name leads to, if it can be a name at all."""
    target = os.path.realpath(name)
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise wrong_flag(flag, f"{name[:60]} cannot be written: {told}", _ANOTHER) from None
    return Path(target)


def _folder(flag: str, name: str, folder: Path) -> None:
    """Files can be made in it: permissions alone do not tell that of every file system."""
    if not os.path.isdir(folder):
        raise wrong_flag(flag, f"there is no folder {Path(name).parent}", "make it first")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise wrong_flag(flag, f"the folder {folder} cannot be written: {error.strerror or error}") from None


def keep_apart(written: Mapping[str, str], read: Iterable[str | Path]) -> None:
    """ScenarioError where an output is an input, or two outputs are one file.

    written: flag -> file or folder, "" where the flag is absent
    read: every file that the command reads; one that is not there is of no harm
    """
    asked = {flag: name for flag, name in written.items() if name and not _device(name)}
    inputs = [str(one) for one in read if str(one)]
    for place, (flag, name) in enumerate(asked.items()):
        for one in inputs:
            if _same(name, one):
                told = name if Path(name) == Path(one) else f"{name}, the same file as {one},"
                raise wrong_flag(flag, f"{told} is read by this command", _ANOTHER)
        for other, taken in list(asked.items())[:place]:
            if _same(name, taken):
                raise wrong_flag(flag, f"{name} is what {other} writes", _ANOTHER)
            if _inside(name, taken) or _inside(taken, name):
                raise wrong_flag(flag, f"{name} and {taken} of {other} lie in each other", "name another place")


def _same(one: str, other: str) -> bool:
    """Whether two names lead to one file, by links of either kind."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _inside(name: str, folder: str) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(name)).parents


def _device(name: str) -> bool:
    """Pipes, terminals and the like are written to as they are; nothing is lost there."""
    if os.path.abspath(name).startswith("/dev/"):
        return True
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def write(name: str | Path, content: str | bytes, flag: str = "--output") -> None:
    """Write what a flag asks for into its file, whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if _device(str(name)):
            Path(name).write_bytes(data)
            return
        with _beside(str(name)) as spare, open(spare, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise wrong_flag(flag, f"{name} cannot be written: {error.strerror or error}") from None


@contextlib.contextmanager
def beside(flag: str, name: str, always: bool = False) -> Iterator[str]:
    """A new file beside `name` for somebody else to write; it takes the place of `name` at the end.

    Where nothing was written, and after a failure, what was there stays; with `always` what was written before a
    failure takes its place all the same, as the log of a run that failed. Without a name there is no file.
    """
    if not name or _device(name):
        yield name
        return
    try:
        with _beside(name, always, empty=False) as spare:
            yield spare
    except OSError as error:
        raise wrong_flag(flag, f"{name} cannot be written: {error.strerror or error}") from None


@contextlib.contextmanager
def _beside(name: str, always: bool = False, empty: bool = True) -> Iterator[str]:
    target = os.path.realpath(name)  # a link goes on leading there
    folder, last = os.path.split(target)
    # The ending stays: it tells some programs what to write.
    handle, spare = tempfile.mkstemp(prefix=f".{last[:40]}.", suffix=os.path.splitext(last)[1][:20], dir=folder)
    os.close(handle)
    whole = False
    try:
        yield spare
        whole = True
    finally:
        if (whole or always) and (empty or os.path.getsize(spare)):
            _like(spare, target)
            os.replace(spare, target)
        else:
            os.unlink(spare)


def _like(spare: str, target: str) -> None:
    """Give a new file the rights of the one that it replaces, or those of any new file."""
    try:
        there = os.stat(target)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(spare, 0o666 & ~mask)
        return
    with contextlib.suppress(OSError, AttributeError):
        os.chown(spare, there.st_uid, there.st_gid)
    os.chmod(spare, stat.S_IMODE(there.st_mode))
