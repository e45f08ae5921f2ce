"""Which imports are offered, with which types, and how a call of theirs reaches `WasiHost`."""

from collections.abc import Callable

import wasmtime

from agent.sandbox.errno import WasiError
from agent.sandbox.memory import MASK32, MASK64, GuestMemory
from agent.sandbox.wasi import WasiHost

MODULE = "wasi_snapshot_preview1"
_I32, _I64 = wasmtime.ValType.i32, wasmtime.ValType.i64
_SIGNATURES = {
    "args_get": "ii", "args_sizes_get": "ii", "clock_res_get": "ii", "clock_time_get": "iIi", "environ_get": "ii",
    "environ_sizes_get": "ii", "fd_advise": "iIIi", "fd_allocate": "iII", "fd_close": "i", "fd_datasync": "i",
    "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii", "fd_fdstat_set_rights": "iII", "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI", "fd_filestat_set_times": "iIIi", "fd_pread": "iiiIi", "fd_prestat_dir_name": "iii",
    "fd_prestat_get": "ii", "fd_pwrite": "iiiIi", "fd_read": "iiii", "fd_readdir": "iiiIi", "fd_renumber": "ii",
    "fd_seek": "iIii", "fd_sync": "i", "fd_tell": "ii", "fd_write": "iiii", "path_create_directory": "iii",
    "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiiIIi", "path_link": "iiiiiii",
    "path_open": "iiiiiIIii", "path_readlink": "iiiiii", "path_remove_directory": "iii", "path_rename": "iiiiii",
    "path_symlink": "iiiii", "path_unlink_file": "iii", "poll_oneoff": "iiii", "proc_exit": "i", "proc_raise": "i",
    "random_get": "ii", "sched_yield": "", "sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii",
    "sock_shutdown": "ii",
}  # fmt: skip
"""Parameters of every call offered: i = i32, I = i64. All return an errno, but `proc_exit`, which does not return."""


def is_offered(item: wasmtime.ImportType) -> bool:
    """Whether an import is one of these calls, by name and by type."""
    if item.module != MODULE or item.name not in _SIGNATURES or not isinstance(item.type, wasmtime.FuncType):
        return False
    wanted, given = _func_type(item.name), item.type
    return list(map(str, wanted.params)) == list(map(str, given.params)) and list(map(str, wanted.results)) == list(
        map(str, given.results)
    )


def _func_type(name: str) -> wasmtime.FuncType:
    kinds = [_I64() if letter == "I" else _I32() for letter in _SIGNATURES[name]]
    return wasmtime.FuncType(kinds, [] if name == "proc_exit" else [_I32()])


def define_wasi(linker: wasmtime.Linker, host: WasiHost) -> None:
    """Offer `host`'s calls to whatever `linker` instantiates."""
    for name, parameters in _SIGNATURES.items():
        masks = [MASK64 if letter == "I" else MASK32 for letter in parameters]
        call = _checked(getattr(host, name), masks, returns=name != "proc_exit")
        linker.define_func(MODULE, name, _func_type(name), call, access_caller=True)


def _checked(method: Callable[..., None], masks: list[int], *, returns: bool) -> Callable[..., int | None]:
    def call(caller: wasmtime.Caller, *values: int) -> int | None:
        try:
            method(GuestMemory(caller), *(value & mask for value, mask in zip(values, masks, strict=True)))
        except WasiError as error:
            return int(error.errno)
        return 0 if returns else None

    return call
