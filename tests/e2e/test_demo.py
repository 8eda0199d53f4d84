#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""examples/demo and examples/lab from outside: what they say holds, and they leave nothing behind,
whatever happens to them."""
import glob
import os
import re
import signal
import subprocess
import tempfile
import time

from e2e import BUILD, LAB, SECONDS_TO_END, UNPACK, WIRE, Demo, Machine, expect, packages, processes_of, run, run_tests, wait_for


def whole_demo_holds():
    demo = Demo()
    status = demo.finish()
    expect(status == 0, f"exit status {status}; it printed:\n{demo.output}")
    expect("NOT SO" not in demo.output and demo.output.count("\n  ok  ") >= 24, demo.output)
    expect("left behind: nothing" in demo.output, demo.output)
    expect("\033" not in demo.output, "colour although it does not print to a terminal")
    demo.check_gone()


def interrupted(signal_number, where, to_group):
    def test():
        demo = Demo()
        if where is None:
            deadline = time.monotonic() + SECONDS_TO_END
            while not os.path.isdir(f"{BUILD}/lab/{demo.lab}/ovs") and time.monotonic() < deadline:
                time.sleep(0.01)
        else:
            demo.read_until(where)
        (os.killpg if to_group else os.kill)(demo.process.pid, signal_number)
        status = demo.finish()
        expect(status == 128 + signal_number, f"exit status {status}; it printed:\n{demo.output}")
        expect("left behind: nothing" in demo.output, demo.output)
        demo.check_gone()
    return test


def reader_goes_away():
    demo = Demo()
    demo.read_until(r"^2\. ")
    demo.process.stdout.close()
    expect(demo.process.wait(timeout=SECONDS_TO_END) != 0, "exit status 0")
    demo.check_gone()


def false_claim_ends_the_demo():
    with tempfile.TemporaryDirectory() as tmp:
        fake = tmp + "/portwall"
        with open(fake, "w", encoding="ascii") as f:
            # says that it applies the new rule, and does not
            f.write('#!/bin/sh\nif [ "$1" = apply ] && [ "$2" != --dry-run ] && grep -q ipip "$2"; then\n'
                    '\techo applied\nelse\n\texec "%s" "$@"\nfi\n' % os.environ["PORTWALL"])
        os.chmod(fake, 0o755)
        demo = Demo(PORTWALL=fake)
        status = demo.finish()
    expect(status == 1, f"exit status {status}; it printed:\n{demo.output}")
    expect(re.search("NOT SO: all five are in the VM", demo.output), demo.output)
    demo.check_gone()


def demo_names_what_stays():
    demo = Demo()
    demo.read_until(r"^1\. ")
    netns = f"pw-{demo.lab}-outside"
    stays = subprocess.Popen(["ip", "netns", "exec", netns, "sleep", "1d"], start_new_session=True)
    try:
        wait_for(str(stays.pid), lambda: run("ip", "netns", "pids", netns).stdout)
        run("ip", "netns", "del", netns)  # "lab down" cannot find it without the name
        os.kill(demo.process.pid, signal.SIGTERM)
        demo.finish()
        expect(re.search(f"left behind:\n> process {stays.pid}: sleep 1d", demo.output), demo.output)
    finally:
        stays.kill()
        stays.wait()
    demo.check_gone()


def stacks_of_containerd_are_not_left():
    """dockerd asks a containerd for them that answers late on a busy machine."""
    demo = Demo()
    demo.read_until(r"^8\. ")
    running = processes_of(demo.lab)
    pids = [int(process.split(":")[0]) for process in running if re.match(r"\d+: (\S*/)?containerd ", process)]
    expect(len(pids) == 1, f"not one containerd: {running}")
    os.kill(pids[0], signal.SIGUSR1)
    own = f"/proc/{pids[0]}/root/run/tmp/containerd.*"
    wait_for("stacks", lambda: " ".join(glob.glob(own) + os.listdir(demo.tmp)))
    os.kill(demo.process.pid, signal.SIGTERM)
    status = demo.finish()
    expect(status == 128 + signal.SIGTERM, f"exit status {status}; it printed:\n{demo.output}")
    expect("left behind: nothing" in demo.output, demo.output)
    demo.check_gone()


def next_demo_clears_what_a_killed_one_left():
    killed = Demo()
    killed.read_until(r"^3\. ")
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    killed.process.stdout.close()
    expect(os.path.isdir(f"{BUILD}/lab/{killed.lab}"), "there is nothing to clear: this test tests nothing")
    demo = Demo()
    expect(demo.finish() == 0, demo.output)
    demo.check_gone()
    killed.check_gone()


def labs_stand_beside_one_another():
    machine, names = Machine(), [f"e2e-{os.getpid()}-{i}" for i in "ab"]
    try:
        ups = [subprocess.Popen([LAB, "up", name], stdout=subprocess.DEVNULL) for name in names]
        expect([up.wait(timeout=SECONDS_TO_END) for up in ups] == [0, 0], "lab up")
        refused = run(LAB, "up", names[0])
        expect(refused.returncode == 1 and "is up already" in refused.stdout and "lab down" in refused.stdout,
               refused.stdout)
        expect(run(LAB, "down", names[0]).returncode == 0, "lab down")
        machine.check(names[0])
        reach = run("ip", "netns", "exec", f"pw-{names[1]}-director", WIRE, "reach", "10.1.0.12")
        expect(reach.returncode == 0, "taking one lab down broke the other: " + reach.stdout)
    finally:
        for name in names:
            run(LAB, "down", name)
    for name in names:
        machine.check(name)
        expect(run(LAB, "down", name).returncode == 0, "down of a lab that is down fails")


def lab_forgets_the_policy_that_was_applied():
    machine, name = Machine(), f"e2e-{os.getpid()}-d"
    in_host = ["ip", "netns", "exec", f"pw-{name}-host"]
    environment = {k: v for k, v in os.environ.items() if k != "PORTWALL_RUN_DIR"}
    try:
        expect(run(LAB, "up", name).returncode == 0, "lab up")
        cookie = run(*in_host, WIRE, "cookie").stdout.strip()
        subprocess.run([*in_host, os.environ["PORTWALL"], "apply", f"{BUILD}/lab/{name}/lab-policy.yaml"],
                       env=environment, check=True, stdout=subprocess.DEVNULL)
        expect(glob.glob(f"/run/portwall/{cookie}[.-]*"), "nothing is kept: this test tests nothing")
        run(LAB, "down", name)
        expect(not glob.glob(f"/run/portwall/{cookie}[.-]*"), "the policy of a lab that is gone is kept")
    finally:
        run(LAB, "down", name)
    machine.check(name)


def lab_goes_down_after_a_crash():
    machine, name = Machine(), f"e2e-{os.getpid()}-c"
    try:
        expect(run(LAB, "up", name).returncode == 0, "lab up")
        with open(f"{BUILD}/lab/{name}/ovs/ovs-vswitchd.pid", encoding="ascii") as f:
            os.kill(int(f.read()), signal.SIGKILL)
        # its namespaces' names are gone, its processes are not
        for ns in ("host", "vm1"):
            run("ip", "netns", "del", f"pw-{name}-{ns}")
        down = run(LAB, "down", name)
        expect(down.returncode == 0, down.stdout)
    finally:
        run(LAB, "down", name)
    machine.check(name)


def unpacking_without_network_says_so():
    before = packages()
    with tempfile.TemporaryDirectory() as tmp:
        result = run("unshare", "-n", UNPACK, "-b", tmp, "libxdp1")
        expect(result.returncode == 1, f"exit status {result.returncode}")
        expect("cannot download libxdp1" in result.stdout and "next step:" in result.stdout, result.stdout)
        expect(os.listdir(tmp + "/unpacked") == [], "something is unpacked")
    again = run(UNPACK)
    expect((again.returncode, again.stdout) == (0, ""), "it is not silent when all is there: " + again.stdout)
    expect(packages() == before, "packages were installed")


TESTS = [
    ("the whole demo holds what it claims and leaves nothing behind", whole_demo_holds),
    ("Ctrl-C while the host comes up leaves nothing behind", interrupted(signal.SIGINT, None, True)),
    ("SIGTERM while the host comes up leaves nothing behind", interrupted(signal.SIGTERM, None, False)),
    ("Ctrl-C while a policy is applied leaves nothing behind",
     interrupted(signal.SIGINT, r"\$ portwall apply", True)),
    ("SIGTERM while packets are sent leaves nothing behind", interrupted(signal.SIGTERM, r"^2\. ", False)),
    ("SIGTERM to all of it after the rule was added leaves nothing behind",
     interrupted(signal.SIGTERM, r"^4\. ", True)),
    ("a hang-up while portwall clear runs leaves nothing behind",
     interrupted(signal.SIGHUP, r"\$ portwall clear", True)),
    ("Ctrl-C while dockerd starts leaves nothing behind",
     interrupted(signal.SIGINT, r"lab dockerd", True)),
    ("SIGTERM while a container runs, and containerd wrote its stacks, leaves nothing behind", stacks_of_containerd_are_not_left),
    ("a reader that goes away leaves nothing behind", reader_goes_away),
    ("a claim that does not hold ends the demo with status 1 and leaves nothing behind",
     false_claim_ends_the_demo),
    ("what stays in a namespace whose name is gone is told with its command", demo_names_what_stays),
    ("the next demo clears what a killed one left", next_demo_clears_what_a_killed_one_left),
    ("labs stand beside one another and go down twice", labs_stand_beside_one_another),
    ("a lab that goes down forgets the policy that was applied", lab_forgets_the_policy_that_was_applied),
    ("a lab goes down after a crash", lab_goes_down_after_a_crash),
    ("unpacking without network says so, and is silent when all is there", unpacking_without_network_says_so),
]


run_tests(TESTS)
