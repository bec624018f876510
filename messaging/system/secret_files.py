"""Secrets as files: NAME_FILE is the path of a file that holds what NAME would say.

Docker, Kubernetes and systemd hand secrets over as files: an environment can be read in /proc, in `docker inspect` and in the
environments of child processes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path


def variable_of(name: str) -> str:
    """The variable that names the file of a secret."""
    return f"{name}_FILE"


def example_of(name: str) -> str:
    """A path such as Docker and Kubernetes give to a secret."""
    return f"/run/secrets/{name.lower()}"


class SecretFiles:
    """Which of these secrets are given as files, and what is in the files.

    files: secret → path. problems: secret → what is wrong with its file.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self.files: dict[str, str] = {}
        self.problems: dict[str, str] = {}

    def find(self, given: Mapping[str, str]) -> None:
        """Look at one source of settings, without its blank ones. A later source overrides an earlier one."""
        for name in self._names:
            variable = variable_of(name)
            if name in given or variable in given:
                self.files.pop(name, None)
                self.problems.pop(name, None)
            if variable in given:
                self.files[name] = given[variable].strip()
                if name in given:
                    self.problems[name] = f"is given beside {name}: give one of the two"

    def read(self) -> dict[str, str]:
        """Secret → text of its file. What cannot be used is in `problems` afterwards."""
        texts = {}
        for name, path in self.files.items():
            if name not in self.problems:
                try:
                    texts[name] = _text(Path(path))
                except OSError as error:
                    self.problems[name] = f"cannot read {path}: {error.strerror}"
                except ValueError as error:
                    self.problems[name] = f"{path} {error}"
        return texts


def _text(file: Path) -> str:
    """The text without the line ends at its end, which editors and `echo` add. Raises OSError, ValueError."""
    try:
        text = file.read_bytes().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None
    if not text.strip():
        raise ValueError("is empty")
    if "\0" in text:
        raise ValueError("holds a zero byte")
    return text
