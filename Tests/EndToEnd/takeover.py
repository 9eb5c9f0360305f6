"""Makes a process do what somebody would have it do who has taken it over: any system call, in its own name.

Through ptrace(2), so nothing in the program knows of it, and the kernel judges the call as it does every one of the process.
"""

import ctypes
import os
import pathlib
import signal
import time

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_SINGLESTEP, _GETREGS, _SETREGS, _ATTACH, _DETACH = 9, 12, 13, 16, 17
_WALL = 0x40000000
_NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es "
          "fs gs").split()
# The numbers on x86-64 of the calls that tests make.
NUMBERS = {
    "read": 0, "open": 2, "mmap": 9, "mprotect": 10, "ioctl": 16, "getpid": 39, "socket": 41, "connect": 42, "sendto": 44,
    "recvfrom": 45, "sendmsg": 46, "bind": 49, "fork": 57, "execve": 59, "kill": 62, "ptrace": 101, "setuid": 105,
    "prctl": 157, "mount": 165, "init_module": 175, "keyctl": 250, "inotify_init1": 294, "openat": 257, "unshare": 272,
    "setns": 308, "process_vm_readv": 310, "bpf": 321, "io_uring_setup": 425,
}


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _NAMES]


class Killed(Exception):
    """The process was killed by this signal."""


def _request(kind, pid, data=None):
    if _ptrace(kind, pid, None, data) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def call(pid, name, *arguments):
    """What a call returned, a negative error number where it failed. Texts are put where the process has room for them,
    and what is called with the address of that place to make one.
    Raises Killed if it was the last thing that the process did."""
    return _call(pid, name, arguments)[0]


def receive(pid, number, size=4096):
    """What the process finds in a socket of this number: it waits for it."""
    count, texts = _call(pid, "recvfrom", (number, bytes(size), size, 0, 0, 0))
    assert count >= 0, os.strerror(-count)
    return texts[0][:count]


def _attach_in_call(pid):
    """Stops the process where it waits in a call, as one that has nothing to do does. Returns its registers."""
    deadline = time.monotonic() + 10
    while True:
        _request(_ATTACH, pid)
        os.waitpid(pid, _WALL)
        registers = _Registers()
        _request(_GETREGS, pid, ctypes.addressof(registers))
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(registers.rip - 2)
            if memory.read(2) == b"\x0f\x05":
                return registers
        _request(_DETACH, pid)
        assert time.monotonic() < deadline, "it never waits in a call"
        time.sleep(0.01)


def _call(pid, name, arguments):
    before = _attach_in_call(pid)
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        place = before.rsp - 65536
        numbers, texts = [], []
        for argument in arguments:
            if callable(argument):
                argument = argument(place)
            if isinstance(argument, (str, bytes, pathlib.Path)):
                data = argument if isinstance(argument, bytes) else os.fsencode(argument) + b"\0"
                memory.seek(place)
                memory.write(data)
                numbers.append(place)
                texts.append((place, len(data)))
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
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        contents = []
        for place, size in texts:
            memory.seek(place)
            contents.append(memory.read(size))
    _request(_SETREGS, pid, ctypes.addressof(before))
    _request(_DETACH, pid)
    return ctypes.c_longlong(after.rax).value, contents
