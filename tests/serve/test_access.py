#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall serve over TCP: who may ask, as its users' file and its configuration say, and as they change while it runs."""
import base64
import http.client
import json
import os
import re
import signal
import socket
import ssl

from servehost import PATIENCE_S, Service, expect, proc_status, run, run_tests, wait_for

PORT, TLS_PORT = 19696, 19697
PASSWORD = "correct horse"


def basic(name, password=PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def new_service(**keys):
    """With its users' file in its folder; it is not started, since it has no users yet."""
    service = Service(**{"listen": f"127.0.0.1:{PORT} [::1]:{PORT}", **keys})
    service.users = service.dir + "/users"
    service.write_config(users_file=service.users)
    return service


def user(service, *words, status=0, text=PASSWORD + "\n"):
    return service.portwall("user", *words, "--config", service.config, status=status, text=text)


def with_users(**keys):
    service = new_service(**keys)
    for name, project in (("admin", "default"), ("member", "one"), ("reader", "one")):
        user(service, "add", name, "--role", name, "--project", project)
    return service


def ask(method, path, headers=None, body=None, host="127.0.0.1", port=PORT, trusts=None):
    """Status, headers and what the JSON says."""
    if trusts:
        connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE_S,
                                                 context=ssl.create_default_context(cafile=trusts))
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers=headers or {}, body=json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        said = answer.read().decode()
    finally:
        connection.close()
    try:
        return answer.status, answer.headers, json.loads(said)
    except ValueError:
        return answer.status, answer.headers, said


def expect_status(wanted, method, path, headers=None, **more):
    status, _, said = ask(method, path, headers, **more)
    expect(status == wanted, f"{method} {path}: {status}, wanted {wanted}: {said}")
    return said


GROUP = {"security_group": {"name": "over tcp"}}


def names_and_passwords():
    service = with_users().start()
    status, headers, said = ask("GET", "/v2.0/ports")
    expect(status == 401 and headers["WWW-Authenticate"] == 'Basic realm="portwall"' and
           said["NeutronError"]["type"] == "HTTPUnauthorized", f"{status} {headers} {said}")
    for host in ("127.0.0.1", "::1"):
        expect_status(200, "GET", "/v2.0/security-groups", basic("reader"), host=host)
    wrong = [ask("GET", "/v2.0/ports", headers)[2] for headers in (basic("reader", "wrong horse"), basic("nobodyofthem"))]
    expect(wrong[0] == wrong[1], f"a wrong name is told apart from a wrong password: {wrong}")
    expect_status(403, "POST", "/v2.0/security-groups", basic("reader"), body=GROUP)
    expect_status(201, "POST", "/v2.0/security-groups", basic("member"), body=GROUP)
    expect_status(403, "GET", "/v2.0/portwall/status", basic("member"))
    expect_status(200, "GET", "/v2.0/portwall/status", basic("admin"))
    expect_status(401, "GET", "/v2.0/ports", {"X-Roles": "admin", "X-User-Id": "x", "X-Project-Id": "default"})
    expect_status(200, "GET", "/healthz")
    # the one that is asked by nobody is asked by root alone
    service.must("GET", "/v2.0/portwall/status")
    expect(PASSWORD not in service.said() and base64.b64encode(b"reader:" + PASSWORD.encode()).decode() not in service.said(),
           "a password is in the log")
    expect(service.stop() == 0, service.said())


def tokens():
    service = with_users()
    token = {"X-Auth-Token": user(service, "token", "member", "ci").strip()}
    service.start()
    expect_status(200, "GET", "/v2.0/ports", token)
    expect_status(401, "GET", "/v2.0/ports", {"X-Auth-Token": token["X-Auth-Token"][:-1] + "_"})
    expect_status(401, "GET", "/v2.0/ports", {"X-Auth-Token": "notused"})
    expect_status(403, "POST", "/v2.0/portwall/tokens", token)
    short = {"X-Auth-Token": expect_status(201, "POST", "/v2.0/portwall/tokens", basic("admin"))["token"]["id"]}
    expect_status(200, "GET", "/v2.0/portwall/status", short)
    expect_status(204, "DELETE", "/v2.0/portwall/tokens", short)
    expect_status(401, "GET", "/v2.0/portwall/status", short)
    user(service, "token", "member", "ci", "--revoke")
    expect_status(401, "GET", "/v2.0/ports", token)
    with open(service.users, encoding="utf-8") as f:
        expect(token["X-Auth-Token"] not in f.read(), "a token is in the file")


def changed_users_hold_at_once():
    service = with_users().start()
    expect_status(403, "GET", "/v2.0/portwall/status", basic("reader"))
    user(service, "set", "reader", "--role", "admin")
    expect_status(200, "GET", "/v2.0/portwall/status", basic("reader"))
    user(service, "set", "reader", "--password", text="another horse\n")
    expect_status(401, "GET", "/v2.0/ports", basic("reader"))
    expect_status(200, "GET", "/v2.0/ports", basic("reader", "another horse"))
    user(service, "delete", "reader")
    expect_status(401, "GET", "/v2.0/ports", basic("reader", "another horse"))
    # a mistake of somebody's editor lets nobody out, and nobody in
    os.chmod(service.users, 0o666)
    expect_status(200, "GET", "/v2.0/ports", basic("member"))
    wait_for("the log to say so", lambda: "event=users-not-read" in service.said())


def reload_of_a_configuration():
    service = with_users().start()

    def reload(event):
        before = service.said().count(event)
        service.process.send_signal(signal.SIGHUP)
        wait_for(event + ": " + service.said(), lambda: service.said().count(event) > before)
    for mistake, wanted in (({"listen": f"0.0.0.0:{PORT}"}, "listen = 0.0.0.0"), ({"listen_tls": f"0.0.0.0:{TLS_PORT}"}, "tls.crt|tls.key"),
                            ({"users_file": "/nowhere/users"}, "users_file = /nowhere/users"), ({"auth": "perhaps"}, "auth = perhaps"),
                            ({"listen_tls": f"0.0.0.0:{TLS_PORT}", "auth": "none"}, "auth = none"), ({"listen": "192.0.2.1:1"}, "192.0.2.1")):
        right = {key: service.keys.get(key) for key in mistake}
        service.write_config(**mistake)
        said = service.portwall("serve", "--check", "--config", service.config, status=2)
        expect(re.search(wanted, said) and ("serve.conf:" in said or "default" in said), said)
        reload("event=not-reloaded")
        expect_status(200, "GET", "/v2.0/ports", basic("reader"))
        expect_status(401, "GET", "/v2.0/ports")
        service.write_config(**right)
    # to nobody is asked, to another port, to none
    service.write_config(auth="none")
    reload("event=ready")
    expect_status(200, "GET", "/v2.0/portwall/status", {"X-Auth-Token": "notused"})
    expect_status(403, "GET", "/v2.0/portwall/status", {"X-Roles": "member"})
    service.write_config(auth=None, listen=f"127.0.0.1:{PORT + 7}")
    reload("event=ready")
    expect_status(401, "GET", "/v2.0/ports", port=PORT + 7)
    expect(not is_open(PORT) and is_open(PORT + 7), "the old port is still open, or the new one is not")
    service.write_config(listen=None)
    reload("event=ready")
    expect(not is_open(PORT + 7), "the port is still open")
    service.must("GET", "/v2.0/ports")


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return False
    return True


def make_pair(service, name):
    key, certificate = service.dir + "/tls.key", service.dir + "/tls.crt"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
    os.chmod(key, 0o600)
    return certificate


def certificate_of(port):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as tls:
            return tls.getpeercert(True)


def tls():
    service = with_users(listen_tls=f"0.0.0.0:{TLS_PORT} [::]:{TLS_PORT}")
    certificate = make_pair(service, "first")
    service.write_config(tls_certificate=certificate, tls_key=service.dir + "/tls.key")
    os.chmod(service.dir + "/tls.key", 0o644)
    said = service.portwall("serve", "--check", "--config", service.config, status=2)
    expect("tls_key = " in said and "can be read by others" in said, said)
    os.chmod(service.dir + "/tls.key", 0o600)
    service.start()
    expect_status(200, "GET", "/v2.0/ports", basic("reader"), port=TLS_PORT, trusts=certificate)
    expect_status(401, "GET", "/v2.0/ports", port=TLS_PORT, trusts=certificate)
    expect_status(200, "GET", "/v2.0/ports", basic("reader"))
    before = certificate_of(TLS_PORT)
    make_pair(service, "second")
    ready = service.said().count("event=ready")
    service.process.send_signal(signal.SIGHUP)
    wait_for("the reload", lambda: service.said().count("event=ready") > ready)
    expect(certificate_of(TLS_PORT) != before, "the renewed certificate was not taken")
    expect_status(200, "GET", "/v2.0/ports", basic("reader"), port=TLS_PORT, trusts=certificate)
    expect("PRIVATE" not in service.said(), "the key is in the log")


def flood_of_wrong_passwords():
    """More than are looked at at once, again and again: who is known is answered, and so is the unix socket."""
    service = with_users().start()
    expect_status(200, "GET", "/v2.0/ports", basic("admin"))
    token = {"X-Auth-Token": expect_status(201, "POST", "/v2.0/portwall/tokens", basic("member"))["token"]["id"]}
    statuses = []
    for _ in range(4):
        flood = []
        for number in range(20):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_S)
            connection.request("GET", "/v2.0/ports", headers=basic(f"user{number}", "wrong horse"))
            flood.append(connection)
        for _ in range(10):
            expect_status(200, "GET", "/v2.0/ports", basic("admin"))
            expect_status(200, "GET", "/v2.0/ports", token)
            service.must("GET", "/v2.0/ports")
        for connection in flood:
            answer = connection.getresponse()
            statuses.append(answer.status)
            expect(answer.status != 429 or int(answer.headers["Retry-After"]) > 0, "no Retry-After")
            connection.close()
    expect(set(statuses) == {401, 429}, f"{statuses}")
    expect("event=wrong-passwords from=127.0.0.1" in service.said(), service.said())
    expect("wrong horse" not in service.said() and "user7" not in service.said(), "what was typed is in the log")


def processes_have_no_rights():
    service = with_users().start()
    expect_status(200, "GET", "/v2.0/ports", basic("reader"))
    _, door = service.children()
    with open(f"/proc/{door}/task/{door}/children", encoding="ascii") as f:
        helpers = [int(pid) for pid in f.read().split()]
    expect(len(helpers) == 1, f"{helpers}")
    for pid in (door, helpers[0]):
        said = proc_status(pid)
        expect(int(said["CapEff"], 16) == 0 and int(said["CapPrm"], 16) == 0 and said["Seccomp"] == "2" and
               said["Uid"].split()[0] != "0" and said["NoNewPrivs"] == "1" and said["Groups"].strip() == "", f"{said}")
    files = [os.readlink(f"/proc/{helpers[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{helpers[0]}/fd")]
    expect(sum(file.startswith("socket:") for file in files) == 1 and not any("store" in file for file in files), f"{files}")
    os.kill(helpers[0], signal.SIGKILL)
    expect(service.process.wait(timeout=PATIENCE_S) != 0, "the service goes on without who looks at passwords")
    service.start()
    _, door = service.children()
    os.kill(service.process.pid, signal.SIGTERM)
    service.process.wait(timeout=PATIENCE_S)
    wait_for("its processes to end", lambda: not os.path.exists(f"/proc/{door}"))


def users_command():
    service = new_service()
    said = service.portwall("serve", "--check", "--config", service.config, status=None)
    expect("portwall user add" in said, said)
    expect("fewer than 8" in user(service, "add", "a", text="short\n", status=2), "a short password is taken")
    expect("no password" in user(service, "add", "a", text="", status=2), "no password is taken")
    expect(not os.path.exists(service.users), "a user that was refused made a file")
    user(service, "add", "a")
    file = os.stat(service.users)
    expect(file.st_mode & 0o7777 == 0o640 and file.st_uid == 0, f"{file}")
    expect("already" in user(service, "add", "a", status=1), "twice")
    expect("--role root" in user(service, "set", "a", "--role", "root", status=2), "a role that is none")
    expect("nothing is to be set" in user(service, "set", "a", status=2), "set without anything")
    expect("takes no --revoke" in user(service, "add", "b", "--revoke", status=2), "an option of another verb")
    expect("did you mean add" in user(service, "ad", "b", status=2), "a verb that is none")
    expect("did you mean abc" in (user(service, "add", "abc") and user(service, "delete", "abd", status=2)), "a name that is none")
    user(service, "token", "a", "t1")
    expect("already" in user(service, "token", "a", "t1", status=1), "a label twice")
    listed = json.loads(user(service, "list", "--json"))["users"]
    expect([u["name"] for u in listed] == ["a", "abc"] and listed[0]["role"] == "member" and listed[0]["password"] is True and
           [t["label"] for t in listed[0]["tokens"]] == ["t1"], f"{listed}")
    expect("argon2" not in user(service, "list", "--json") + user(service, "list"), "hashes are listed")
    made = json.loads(user(service, "token", "a", "t2", "--json"))
    expect(made["user"] == "a" and made["label"] == "t2" and made["token"].startswith("pw_"), f"{made}")
    user(service, "set", "a", "--no-password")
    expect(json.loads(user(service, "list", "--json"))["users"][0]["password"] is False, "the password is still there")
    expect(not [name for name in os.listdir(service.dir) if name.startswith("users.")], "a staged file is left")


if __name__ == "__main__":
    run_tests([
        ("a name and a password let in, with their roles", names_and_passwords),
        ("a token lets in until it is revoked", tokens),
        ("changed users hold at once", changed_users_hold_at_once),
        ("a configuration is read again, and one with a mistake changes nothing", reload_of_a_configuration),
        ("TLS is spoken, and a renewed certificate is taken", tls),
        ("a flood of wrong passwords holds up nobody who is known", flood_of_wrong_passwords),
        ("who looks at passwords has no right, and the service ends with it", processes_have_no_rights),
        ("portwall user keeps the file", users_command),
    ])
