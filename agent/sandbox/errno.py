"""WASI preview 1 error numbers, those that occur here."""

from enum import IntEnum


class Errno(IntEnum):
    """`errno` of the specification."""

    SUCCESS = 0
    ACCES = 2
    BADF = 8
    EXIST = 20
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    ISDIR = 31
    NAMETOOLONG = 37
    NOENT = 44
    NOSYS = 52
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSUP = 58
    PERM = 63
    ROFS = 69
    SPIPE = 70
    NOTCAPABLE = 76


class WasiError(Exception):
    """A system call that fails with an errno: the program sees it and goes on."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno
