#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress as a terminal sees it: not at once, not for what is quick, erased at the end."""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

PORTWALL = os.environ["PORTWALL"]
QUIET_S = 1       # src/cmd/progress.c
PATIENCE_S = 120  # for a condition; a machine may be slow
ERASE = b"\r\033[K"
EXPLAIN = ["explain", "--in", "x", "icmp", "10.0.0.1", "10.0.0.2", "--snapshot"]
RULES = b"*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"


class Case:
    """portwall reads a pipe that gives nothing until told; its standard error is a terminal."""

    def __init__(self, folder, words, is_terminal=True):
        self.path = os.path.join(folder, "pipe")
        if not os.path.exists(self.path):
            os.mkfifo(self.path)
        self.master, slave = pty.openpty()
        self.begin = time.monotonic()
        self.process = subprocess.Popen([PORTWALL, *words, self.path], stdout=subprocess.DEVNULL,
                                        env={**os.environ, "NO_COLOR": "1"},
                                        stderr=slave if is_terminal else subprocess.PIPE)
        os.close(slave)
        self.seen = b""

    def wait_for(self, pattern):
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.seen) and time.monotonic() < end:
            if select.select([self.master], [], [], 1)[0]:
                try:
                    self.seen += os.read(self.master, 4096)
                except OSError:  # nobody has the terminal any more
                    break
        return re.search(pattern, self.seen) is not None

    def finish(self):
        """Gives it its input; how long it took as a whole."""
        with open(self.path, "wb") as pipe:
            pipe.write(RULES)
        self.process.wait(PATIENCE_S)
        took = time.monotonic() - self.begin
        self.wait_for(b"(?!)")
        os.close(self.master)
        return took


def tell(sentence, is_true, seen=b""):
    tell.n += 1
    print(f"{'ok' if is_true else 'not ok'} {tell.n} - {sentence}")
    if not is_true:
        print(f"# {seen!r}")
        tell.failed = True


tell.n, tell.failed = 0, False


def slow_ones(folder):
    case = Case(folder, ["ruleset", "--check"])
    tell("what goes on for long says where it is", case.wait_for(rb"reading the rulesets\.\.\."), case.seen)
    case.finish()
    tell("and that is erased at its end", case.seen.endswith(ERASE), case.seen)
    case = Case(folder, EXPLAIN)
    tell("a snapshot, too", case.wait_for(rb"reading the snapshot\.\.\."), case.seen)
    case.finish()
    shown = case.seen.split(b"...")[-1]
    tell("an error does not stand behind what it was doing", shown.startswith(ERASE + b"portwall: "), case.seen)


def quick_one(folder):
    """Which of them is quick cannot be chosen on a machine that has other work: it is looked at."""
    for _ in range(20):
        case = Case(folder, EXPLAIN)
        if case.finish() < QUIET_S:
            tell("what is quick says what it has to say, no more", case.seen.startswith(b"portwall: "), case.seen)
            return
    print(f"ok {tell.n + 1} # SKIP this machine does nothing within {QUIET_S} s")
    tell.n += 1


def no_terminal(folder):
    """A second that passed is seen by another one, which has a terminal and began later."""
    case = Case(folder, ["ruleset", "--check"], is_terminal=False)
    with tempfile.TemporaryDirectory() as other:
        clock = Case(other, ["ruleset", "--check"])
        clock.wait_for(rb"\.\.\.")
        clock.finish()
    case.finish()
    said = case.process.stderr.read()
    tell("what is no terminal gets nothing", said == b"", said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        slow_ones(folder)
        quick_one(folder)
        no_terminal(folder)
    print(f"1..{tell.n}")
    return tell.failed


if __name__ == "__main__":
    sys.exit(main())
