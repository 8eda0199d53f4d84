#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall watch on a terminal: what its screen shows, its keys, and that the terminal is as before afterwards, however it ends."""
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

import pyte

from watchhost import ADDRESSES, PORTWALL, TAPS, done, enter, make_guests, ping, send_dropped, tell, wait_until

COLUMNS, LINES = 120, 40
UP, DOWN, RIGHT, LEFT, END = "\033[A", "\033[B", "\033[C", "\033[D", "\033[4~"  # of TERM=linux, which is what pyte can do


class Terminal:
    """portwall watch in a terminal, and what stands there."""

    def __init__(self, *words, columns=COLUMNS, lines=LINES, **environment):
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.said = b""
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "linux", **environment}
        self.process = subprocess.Popen([PORTWALL, "watch", "icmp or udp port 9", "--in", TAPS["a"], *words], env=environment,
                                        stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=self.own)

    def own(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.said += data
            self.stream.feed(data)
            seconds = 0

    def text(self):
        self.read()
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, question):
        return wait_until(lambda: question(self.text()))

    def has(self, words):
        return self.wait(lambda text: words in text)

    def lacks(self, words):
        return self.wait(lambda text: words not in text)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def end(self):
        """Its status; None: it did not end."""
        wait_until(lambda: (self.read(), self.process.poll() is not None)[1])
        self.read()
        return self.process.returncode

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before and self.said.rstrip().rfind(b"\033[?1049l") > self.said.rfind(b"\033[?1049h")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def counts(text, row):
    """Of a row of counters, by the column of its point."""
    lines = text.split("\n")
    at = [(m.start(), m.group()) for m in re.finditer(r"\S+", lines[2]) if m.group() not in ("<--", "-->")]
    return {name: re.match(r"\d*", lines[row][start:]).group() for start, name in at}


def color_at(terminal, words):
    for y, line in enumerate(terminal.screen.display):
        if words in line:
            return terminal.screen.buffer[y][line.index(words)].fg
    return None


def points(terminal):
    tell("the points are columns", terminal.wait(lambda text: all(tap in text for tap in TAPS.values()) and text.count("eth0") >= 2),
         terminal.text())
    tell("with the namespaces they are in", terminal.wait(lambda text: re.search(r"a +here +here +here +b", text)), terminal.text())
    tell("that nothing came yet is said", terminal.has("no packet yet"), terminal.text())
    ping(3)
    tell("counters rise at each point", terminal.wait(lambda text: counts(text, 4).get(TAPS["a"]) == "3" and
                                                      counts(text, 5).get(TAPS["b"]) == "3"), terminal.text())
    ping(4)
    tell("and go on to", terminal.wait(lambda text: counts(text, 4).get(TAPS["a"]) == "7"), terminal.text())
    tell("packets have a line each", terminal.wait(lambda text: text.count(f"icmp {ADDRESSES['a']} {ADDRESSES['b']}") == 7), terminal.text())
    send_dropped()
    tell("with where they ended", terminal.has(f"dropped at {TAPS['a']}"), terminal.text())
    lost = {TAPS["a"]: "1", TAPS["b"]: ""}
    tell("and are counted there as lost", terminal.wait(lambda text: lost.items() <= counts(text, 6).items()), terminal.text())
    tell("in the colour of what became of them", terminal.wait(lambda _: color_at(terminal, f"dropped at {TAPS['a']}") == "red" and
                                                               color_at(terminal, "delivered to") == "green"), terminal.text())


def keys(terminal):
    terminal.type("/UDP\r")
    tell("/ shows lines with a text only", terminal.wait(lambda text: "udp " in text and f"icmp {ADDRESSES['a']}" not in text), terminal.text())
    terminal.type("\r")
    tell("Enter opens a packet with its rule", terminal.has("chain forward, table guests"), terminal.text())
    tell("and its way", terminal.has("bridge-in"), terminal.text())
    terminal.type(DOWN * 3)
    tell("which can be scrolled", terminal.lacks("dropped at"), terminal.text())
    terminal.type("\033")
    tell("Esc goes back", terminal.has("dropped at"), terminal.text())
    time.sleep(0.1)  # ESC alone is told from a key that begins with it by time only
    terminal.type("\033")
    tell("and then shows all lines", terminal.has(f"icmp {ADDRESSES['a']}"), terminal.text())
    terminal.type(UP)
    terminal.type("\r")
    tell("up chooses the packet before", terminal.wait(lambda text: "icmp " in text and "explain says" in text), terminal.text())
    terminal.type("\r?")
    tell("? tells the keys", terminal.has("page up, page down"), terminal.text())
    terminal.type("?")
    tell("and goes again", terminal.lacks("page up, page down"), terminal.text())
    terminal.type(END + " ")
    tell("space stands still", terminal.has("STANDS STILL"), terminal.text())
    before = terminal.text().count("udp ")
    send_dropped()
    tell("and counts what comes", terminal.wait(lambda text: "(1 more)" in text and text.count("udp ") == before), terminal.text())
    terminal.type(" ")
    tell("until it goes on", terminal.wait(lambda text: text.count("udp ") == before + 1), terminal.text())
    terminal.type("c")
    tell("c clears the lines and the counters", terminal.wait(lambda text: "no packet since" in text and
                                                                   counts(text, 4)[TAPS["a"]] == "0"), terminal.text())


def sizes(terminal):
    ping(1)
    terminal.has(f"icmp {ADDRESSES['a']}")
    terminal.resize(40, 12)
    tell("a smaller terminal is filled", terminal.wait(lambda text: "?: help" in text.split("\n")[11] and TAPS["a"] in text), terminal.text())
    tell("what has no room is said to be there", terminal.wait(lambda text: "-->" in text and TAPS["b"] in text), terminal.text())
    terminal.type(RIGHT * 2)
    tell("and comes by the right arrow", terminal.wait(lambda text: "<--" in text and TAPS["a"] not in text.split("\n")[2]), terminal.text())
    terminal.type(LEFT * 2)
    for size in (3, 2), (1, 1), (200, 50):
        terminal.resize(*size)
        time.sleep(0.2)  # it is to survive them, whatever it shows
    tell("a larger one, too, and none is too small", terminal.wait(lambda text: "?: help" in text.split("\n")[49] and TAPS["b"] in text),
         terminal.text())


def losses():
    terminal = Terminal("--rate", "1")
    terminal.has("no packet yet")
    ping(40)
    tell("what could not be looked at stands in the last line", terminal.wait(lambda text: "(--rate)" in text.split("\n")[LINES - 1]), terminal.text())
    tell("and all is counted", terminal.wait(lambda text: counts(text, 4).get(TAPS["a"]) == "40"), terminal.text())
    terminal.kill()


def ends():
    for sentence, how, status in (("q", lambda t: t.type("q"), 5), ("Ctrl-C", lambda t: t.type("\003"), 5),
                                  ("SIGTERM", lambda t: t.process.send_signal(signal.SIGTERM), 5)):
        terminal = Terminal(TERM="screen-256color")
        terminal.has("no packet yet")
        in_it = termios.tcgetattr(terminal.slave) != terminal.before
        how(terminal)
        tell(f"{sentence} ends it", terminal.end() == status, terminal.process.returncode)
        tell(f"and after {sentence} the terminal is as before", in_it and terminal.is_as_before(), terminal.said[-300:])
        tell(f"and after {sentence} the counters stand below", terminal.has("packets in"), terminal.text())
        terminal.kill()
    terminal = Terminal("--pcap", "/dev/shm/" + TAPS["a"], TERM="screen-256color")
    terminal.has("no packet yet")
    fd = f"/proc/{terminal.process.pid}/fd"
    path = next(os.path.realpath(os.path.join(fd, name)) for name in os.listdir(fd)
                if os.path.realpath(os.path.join(fd, name)).endswith(".pcapng"))
    subprocess.run(["prlimit", f"--pid={terminal.process.pid}", f"--fsize={os.path.getsize(path)}"], check=True)
    ping(1)
    tell("an error ends it", terminal.end() not in (0, None), terminal.process.returncode)
    tell("and stands on a terminal that is as before", terminal.is_as_before() and b"--pcap: cannot write" in terminal.said, terminal.said[-300:])
    terminal.kill()
    os.unlink(path)
    os.rmdir(os.path.dirname(path))


def plain():
    for sentence, words, environment in (("--plain", ["--plain"], {}), ("--brief", ["--brief"], {}), ("--json", ["--json"], {}),
                                         ("NO_COLOR", [], {"NO_COLOR": "1"}), ("TERM=dumb", [], {"TERM": "dumb"}),
                                         ("an empty TERM", [], {"TERM": ""}), ("an unknown TERM", [], {"TERM": "no-such-terminal"})):
        terminal = Terminal(*words, "--count", "1", **environment)
        terminal.wait(lambda text: "watching " in text)
        ping(1)
        terminal.end()
        # the request, or its answer, which nobody waits for any more when explain looks: whichever is complete first
        tell(f"with {sentence} lines are printed", (b"delivered" in terminal.said or b"dropped" in terminal.said) and b"\033[?1049h" not in terminal.said, terminal.said)
        terminal.kill()


def main():
    enter()
    make_guests()
    terminal = Terminal()
    points(terminal)
    keys(terminal)
    sizes(terminal)
    terminal.type("q")
    tell("q ends it with the status of the worst packet (5: of one it may not be told)", terminal.wait(lambda _: terminal.process.poll() is not None) and
         terminal.process.returncode in (3, 5), terminal.process.returncode)
    terminal.kill()
    losses()
    ends()
    plain()
    done()


main()
