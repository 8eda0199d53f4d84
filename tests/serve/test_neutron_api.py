#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same small requests as the real API of Neutron 21 was asked, and the same answers."""
import fnmatch
import json
import os
import re

from neutron_cases import UUID, run_cases
from servehost import Failure, Service, run_tests

ANSWERS = os.path.dirname(os.path.abspath(__file__)) + "/../data/neutron/api-answers-21.0.0.jsonl"
MASKED_ID = re.compile(r"\bID\d+\b")
ADDRESS = re.compile(r'"(10\.0\.0\.\d+|2001:db8:1::[0-9a-f]+)"')  # that a subnet gave

# What we answer and Neutron does not: more to look at.
MORE = {"security_group_rule": {"description", "portwall:packets", "portwall:bytes"}, "address_group": {"created_at", "updated_at", "revision_number", "shared", "tags"},
        "port": {"device", "binding:host_id", "portwall:state", "portwall:why"}}  # a port that names no host is this host's: null
# Where we answer otherwise, and why. Neutron's own faults (500) are answered 400, or as its later versions do.
OTHERWISE = {
    "rule: protocol 'any', *": (201, "as Neutron since 2024: any is no protocol"),
    "rule: protocol 'ANY', *": (201, "as Neutron since 2024"),
    "rule: protocol any with ports": (400, "as Neutron since 2024: ports without a protocol"),
    "rule: twice: any, none (first)": (201, "as Neutron since 2024"),
    "rule: twice: any, none (second)": (409, "any is none, so it is there twice"),
    "rule: tcp ports 80.5-90": (400, "half a port is none"),
    "rule: tcp ports ' 80'-80": (400, "a number has no spaces"),
    "rule: tcp ports True-True": (400, "true is no port"),
    "rule: * IPv4 type 255 code 255": (400, "iptables takes ICMP type 255 for every type: the rule would allow more than it says"),
    "rule: prefix '192.0.2', *": (400, "an address with parts left out means different things to different programs"),
    "rule: prefix '10', *": (400, "the same: 10.0.0.0/32 is hardly what was meant"),
    "rule: prefix '192.0.2.0/255.255.255.0', *": (400, "a mask is written as a length"),
    "rule: prefix '192.0.2.0/0.0.0.255', *": (400, "a mask is written as a length"),
    "rule: prefix '192.0.2.010', *": (400, "octal for some, decimal for others"),
    "rule: prefix ' 192.0.2.1', *": (400, "an address has no spaces"),
    "rule: prefix '', *": (400, "whoever left something out by mistake would open the port to all"),
    "rule: remote group empty": (404, "500 there"),
    "rule: update description": (200, "500 there"),
    "port: pairs: multicast mac": (400, "no packet comes from one"),
    "port: pairs: multicast address": (400, "as Neutron since 2026"),
}


def masked(value):
    text = json.dumps(value, sort_keys=True)
    text = re.sub("http://[^/]*/", "http://HOST/", ADDRESS.sub('"ADDRESS"', text))
    return MASKED_ID.sub("ID", UUID.sub("ID", text))


def in_order(value):
    """Lists have no order in answers, but for sorted ones, which the cases show by single fields."""
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((in_order(item) for item in value), key=masked)
    return value


def without_ids(value):
    return json.loads(masked(in_order(value)))


def without_more(value, kind=None):
    """What Neutron answers too: kind is the key that the value is under."""
    if isinstance(value, list):
        return [without_more(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_more(item, key.removesuffix("s")) for key, item in value.items() if key not in MORE.get(kind, ())}


def unlike(ours, theirs, where=""):
    """Where they are not the same."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [word for key in sorted({*ours, *theirs}) for word in unlike(ours.get(key, "(absent)"), theirs.get(key, "(absent)"), f"{where}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [word for i, pair in enumerate(zip(ours, theirs)) for word in unlike(*pair, f"{where}.{i}")]
    return [] if ours == theirs else [f"{where} is {json.dumps(ours)[:400]}, Neutron's {json.dumps(theirs)[:400]}"]


def differences(ours, theirs):
    if theirs["status"] == 500 and ours["status"] == 400:
        return []
    for case, (status, _) in OTHERWISE.items():
        if fnmatch.fnmatchcase(ours["case"], case.replace("[", "[[]")):
            return [] if ours["status"] == status else [f"status {ours['status']}, and it should be {status}"]
    if ours["status"] != theirs["status"]:
        return [f"status {ours['status']}, Neutron's {theirs['status']}: {json.dumps(ours['answer'])[:300]}"]
    mine, other = (without_ids(without_more(answer["answer"])) for answer in (ours, theirs))
    if ours["case"].startswith("groups: list limit=1"):
        mine["security_groups"] = other["security_groups"]  # ids are in another order
    for answer in mine, other:
        if isinstance(answer, dict) and "NeutronError" in answer:
            answer["NeutronError"].pop("detail")  # ours says there what can be done
    return unlike(mine, other)


def same_answers():
    service = Service(paranoid="no").start()

    def send(method, path, body, who):
        user, project, roles = who
        return service.send(method, path, body, {"X-User-Id": user, "X-Project-Id": project, "X-Roles": roles})

    ours = run_cases(send)
    with open(ANSWERS, encoding="ascii") as f:
        theirs = [json.loads(line) for line in f]
    wrong = []
    if [case["case"] for case in ours] != [case["case"] for case in theirs]:
        wrong.append(f"{len(ours)} cases, {len(theirs)} are recorded")
    for mine, other in zip(ours, theirs):
        wrong += [f"{mine['case']}: {said}" for said in differences(mine, other)]
    if wrong:
        raise Failure(f"{len(wrong)} of {len(theirs)} differ:\n" + "\n".join(wrong))


if __name__ == "__main__":
    run_tests([("488 requests are answered as Neutron answers them", same_answers)])
