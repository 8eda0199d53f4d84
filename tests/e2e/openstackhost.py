# SPDX-License-Identifier: GPL-2.0-or-later
"""The real openstack client (Debian's python3-openstackclient). It is loaded once; each command is a process that is forked from there."""
import contextlib
import io
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../serve")
from servehost import Failure, expect  # noqa: E402


class Client:
    """environment: OS_AUTH_TYPE and the like."""

    def __init__(self, **environment):
        self.process = subprocess.Popen(["/usr/bin/python3", "-B", os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**{k: v for k, v in os.environ.items() if not k.startswith("OS_")}, **environment})

    def run(self, *words, status=0):
        """What it prints."""
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        expect(line, "the openstack client ended")
        got, said = json.loads(line)
        expect(status is None or got == status, f"openstack {' '.join(words)}: status {got}, wanted {status}: {said}")
        return said

    def json(self, *words):
        said = self.run(*words, "-f", "json")
        try:
            return json.loads(said)
        except ValueError as e:
            raise Failure(f"openstack {' '.join(words)}: no JSON: {said}") from e

    def fails(self, *words):
        """The message of a command that does not succeed."""
        said = self.run(*words, status=1)
        expect("Traceback" not in said, said)
        return said.strip()


def run_command(words):
    """In a process of its own: status and output."""
    from openstackclient import shell
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = shell.main(words)
        except SystemExit as e:
            status = e.code
    return status, said.getvalue()


def serve_commands():
    import openstackclient.shell  # noqa: F401  now, and not in each process
    import openstack  # noqa: F401
    for line in sys.stdin:
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            with os.fdopen(write_end, "w") as out:
                json.dump(run_command(json.loads(line)), out)
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as f:
            print(json.dumps(json.loads(f.read() or '[99, "it ended"]')), flush=True)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    serve_commands()
