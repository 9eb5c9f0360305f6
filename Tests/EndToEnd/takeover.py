"""Makes a process do what somebody would have it do who has taken it over: any system call, in its own name.

Through ptrace(2), so nothing in the program knows of it, and the kernel judges the call as it does every one of the process.
"""

import ctypes
import os
import pathlib
import signal

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_SINGLESTEP, _GETREGS, _SETREGS, _ATTACH, _DETACH = 9, 12, 13, 16, 17
_WALL = 0x40000000
_NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es "
          "fs gs").split()
# The numbers on x86-64 of the calls that tests make.
NUMBERS = {
    "read": 0, "open": 2, "mmap": 9, "mprotect": 10, "ioctl": 16, "socket": 41, "connect": 42, "fork": 57, "execve": 59, "kill": 62,
    "ptrace": 101, "setuid": 105, "prctl": 157, "mount": 165, "init_module": 175, "openat": 257, "unshare": 272, "setns": 308,
    "process_vm_readv": 310, "bpf": 321, "io_uring_setup": 425, "getpid": 39,
}


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _NAMES]


class Killed(Exception):
    """The process was killed by this signal."""


def _request(kind, pid, data=None):
    if _ptrace(kind, pid, None, data) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def call(pid, name, *arguments):
    """What a call returned, a negative error number where it failed. Texts are put where the process has room for them.
    Raises Killed if it was the last thing that the process did."""
    _request(_ATTACH, pid)
    os.waitpid(pid, _WALL)
    before = _Registers()
    _request(_GETREGS, pid, ctypes.addressof(before))
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(before.rip - 2)
        assert memory.read(2) == b"\x0f\x05", "it waits in a call"
        place = before.rsp - 65536
        numbers = []
        for argument in arguments:
            if isinstance(argument, (str, bytes, pathlib.Path)):
                data = argument if isinstance(argument, bytes) else os.fsencode(argument) + b"\0"
                memory.seek(place)
                memory.write(data)
                numbers.append(place)
                place += 4096
            else:
                numbers.append(argument & 0xffffffffffffffff)
    registers = _Registers.from_buffer_copy(before)
    # No call is to be begun again.
    registers.orig_rax = 0xffffffffffffffff
    registers.rip = before.rip - 2
    registers.rax = NUMBERS[name]
    for register, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), numbers):
        setattr(registers, register, value)
    _request(_SETREGS, pid, ctypes.addressof(registers))
    _request(_SINGLESTEP, pid)
    _, status = os.waitpid(pid, _WALL)
    if os.WIFSIGNALED(status):
        raise Killed(signal.Signals(os.WTERMSIG(status)).name)
    after = _Registers()
    _request(_GETREGS, pid, ctypes.addressof(after))
    _request(_SETREGS, pid, ctypes.addressof(before))
    _request(_DETACH, pid)
    return ctypes.c_longlong(after.rax).value
