"""A terminal for programs that draw on one: a pty, and a screen of cells that understands what ncurses sends for TERM=xterm."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

_SEQUENCE = re.compile(rb"\x1b\[([?>]?)([\d;]*)([A-Za-z@`])|\x1b([()][0-9A-B])|\x1b([=>78M])|\x1b\]([^\x07]*)\x07")


class Screen:
    """The cells that a terminal shows, each a character and its SGR attributes."""

    def __init__(self, rows, columns):
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[(" ", ())] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, rows
        self.attributes = ()
        self.last = " "
        self.left = b""
        self.unknown = []

    @property
    def lines(self):
        return ["".join(character for character, _ in line).rstrip() for line in self.cells]

    def feed(self, data):
        data = self.left + data
        self.left = b""
        at = 0
        while at < len(data):
            byte = data[at]
            if byte == 0x1b:
                match = _SEQUENCE.match(data, at)
                if not match:
                    if len(data) - at < 64:
                        self.left = data[at:]
                        return
                    self.unknown.append(data[at:at + 8])
                    at += 1
                    continue
                self._sequence(match)
                at = match.end()
            elif byte < 0x20:
                self._control(byte)
                at += 1
            else:
                size = 1 if byte < 0x80 else 2 if byte < 0xe0 else 3 if byte < 0xf0 else 4
                if at + size > len(data):
                    self.left = data[at:]
                    return
                self._put(data[at:at + size].decode(errors="replace"))
                at += size

    def _put(self, character):
        if self.column >= self.columns:
            self.row, self.column = min(self.row + 1, self.rows - 1), 0
        self.cells[self.row][self.column] = (character, self.attributes)
        self.column += 1
        self.last = character

    def _control(self, byte):
        if byte == 0x08:
            self.column = max(0, self.column - 1)
        elif byte == 0x0a:
            if self.row == self.bottom - 1:
                self._scroll(self.top, 1)
            else:
                self.row = min(self.row + 1, self.rows - 1)
        elif byte == 0x0d:
            self.column = 0
        elif byte == 0x09:
            self.column = min((self.column // 8 + 1) * 8, self.columns - 1)

    def _scroll(self, top, count):
        """Lines go up from `top` to the end of the scrolling region, or down if `count` is negative."""
        region = self.cells[top:self.bottom]
        size = len(region)
        blanks = [[(" ", ())] * self.columns for _ in range(min(abs(count), size))]
        self.cells[top:self.bottom] = (region[count:] + blanks if count > 0 else blanks + region)[:size]

    def _sequence(self, match):
        private, numbers, final = match.group(1), match.group(2), match.group(3)
        if final is None or private:
            return
        values = [int(number or 0) for number in numbers.split(b";")] if numbers else []
        first = values[0] if values else 0
        count = max(1, first)
        final = final.decode()
        blank = (" ", ())
        line = self.cells[self.row]
        if final in "Hf":
            self.row = min(max(1, first), self.rows) - 1
            self.column = min(max(1, values[1] if len(values) > 1 else 1), self.columns) - 1
        elif final == "A":
            self.row = max(0, self.row - count)
        elif final == "B":
            self.row = min(self.rows - 1, self.row + count)
        elif final == "C":
            self.column = min(self.columns - 1, self.column + count)
        elif final == "D":
            self.column = max(0, self.column - count)
        elif final in "G`":
            self.column = min(count, self.columns) - 1
        elif final == "d":
            self.row = min(count, self.rows) - 1
        elif final == "J":
            start = {0: self.row, 1: 0, 2: 0}[first]
            end = {0: self.rows, 1: self.row, 2: self.rows}[first]
            for row in range(start + (first == 0), end):
                self.cells[row] = [blank] * self.columns
            if first == 0:
                line[self.column:] = [blank] * (self.columns - self.column)
        elif final == "K":
            start, end = {0: (self.column, self.columns), 1: (0, self.column + 1), 2: (0, self.columns)}[first]
            line[start:end] = [blank] * (end - start)
        elif final == "X":
            end = min(self.columns, self.column + count)
            line[self.column:end] = [blank] * (end - self.column)
        elif final == "P":
            del line[self.column:self.column + count]
            line += [blank] * (self.columns - len(line))
        elif final == "@":
            line[self.column:self.column] = [blank] * count
            del line[self.columns:]
        elif final == "b":
            for _ in range(count):
                self._put(self.last)
        elif final in "LM":
            self._scroll(self.row, count if final == "M" else -count)
        elif final in "ST":
            self._scroll(self.top, count if final == "S" else -count)
        elif final == "r":
            self.top = max(1, first) - 1
            self.bottom = values[1] if len(values) > 1 and values[1] else self.rows
            self.row = self.column = 0
        elif final == "m":
            self._attributes(values or [0])
        elif final not in "lht":
            self.unknown.append(match.group(0))

    def _attributes(self, values):
        current = set(self.attributes)
        for value in values:
            if value == 0:
                current = set()
            elif value == 22:
                current -= {1, 2}
            elif value in (24, 27):
                current.discard(value - 20)
            elif 30 <= value <= 39:
                current = {old for old in current if not 30 <= old <= 37} | ({value} if value != 39 else set())
            elif value in (1, 2, 4, 7):
                current.add(value)
        self.attributes = tuple(sorted(current))


class Terminal:
    """A program on a terminal of this size.

    with Terminal([BINARY, "top"], rows=24, columns=80) as terminal:
        terminal.wait_for("ready")
        terminal.press("q")
        assert terminal.wait() == 0
    """

    def __init__(self, command, rows=24, columns=80, environment=None):
        self.screen = Screen(rows, columns)
        self.raw = b""
        self.master, slave = pty.openpty()
        self._set_size(rows, columns)
        base = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        base.pop("NO_COLOR", None)
        self.process = subprocess.Popen([str(part) for part in command], stdin=slave, stdout=slave, stderr=slave,
                                        env={**base, **(environment or {})}, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def _set_size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self._set_size(rows, columns)
        os.kill(self.process.pid, signal.SIGWINCH)

    def press(self, keys):
        os.write(self.master, keys.encode())

    def read(self, seconds=0.05):
        """Takes what the program has written; whether there was anything."""
        readable, _, _ = select.select([self.master], [], [], seconds)
        if not readable:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.raw += data
        self.screen.feed(data)
        return bool(data)

    @property
    def text(self):
        return "\n".join(self.screen.lines)

    def wait_for(self, pattern, timeout=10.0):
        """The first match in what the screen shows."""
        deadline = time.monotonic() + timeout
        while True:
            self.read()
            found = re.search(pattern, self.text, re.MULTILINE)
            if found:
                return found
            assert time.monotonic() < deadline, f"no /{pattern}/ in {timeout:g} s on\n{self.text}"
            assert self.process.poll() is None or self.read(), f"ended before /{pattern}/:\n{self.text}"

    def wait(self, timeout=5.0):
        """The exit status."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            self.read()
            assert time.monotonic() < deadline, f"still running after {timeout:g} s:\n{self.text}"
        while self.read():
            pass
        return self.process.returncode
