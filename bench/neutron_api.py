#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenStack Neutron's own v2.0 API, of Debian's python3-neutron, on loopback: the peer of bench/api.

    bench/neutron_api.py PORT FOLDER     says "ready" when it listens; ends by SIGKILL alone

Its own are the API, its validation, policy and quotas (which are none here), and ML2's code for ports, networks and security groups. In place
of MySQL it has SQLite in FOLDER, in place of a message bus one that goes nowhere, no mechanism driver, and whoever asks is an admin: no Keystone.
A FOLDER from before is served again.
"""
import argparse
import os

CONF = """
[DEFAULT]
core_plugin = ml2
service_plugins =
api_paste_config = {d}/api-paste.ini
auth_strategy = keystone
transport_url = fake:/
state_path = {d}/state
log_file = {d}/neutron.log
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
rpc_workers = 0
max_allowed_address_pair = 10
[oslo_concurrency]
lock_path = {d}/lock
[oslo_policy]
policy_dirs = {d}/policy.d
[database]
connection = sqlite:///{d}/neutron.sqlite
[ml2]
type_drivers = local,flat,vlan
tenant_network_types = local
mechanism_drivers =
extension_drivers = port_security
[quotas]
quota_security_group = -1
quota_security_group_rule = -1
"""

PASTE = """
[composite:neutron]
use = egg:Paste#urlmap
/: neutronversions
/v2.0: neutronapi_v2_0
[composite:neutronapi_v2_0]
use = call:neutron.auth:pipeline_factory
noauth = request_id catch_errors extensions neutronapiapp_v2_0
keystone = request_id catch_errors keystonecontext extensions neutronapiapp_v2_0
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:catch_errors]
paste.filter_factory = oslo_middleware:CatchErrors.factory
[filter:keystonecontext]
paste.filter_factory = neutron.auth:NeutronKeystoneContext.factory
[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory
[app:neutronversions]
paste.app_factory = neutron.pecan_wsgi.app:versions_factory
[app:neutronapiapp_v2_0]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("folder")
    args = parser.parse_args()
    d = args.folder
    for sub in ("state", "lock", "policy.d"):
        os.makedirs(os.path.join(d, sub), exist_ok=True)
    for name, text in (("api-paste.ini", PASTE), ("neutron.conf", CONF.format(d=d))):
        with open(os.path.join(d, name), "w", encoding="ascii") as f:
            f.write(text)

    # Before any of Neutron's other modules: it changes the standard library that they use.
    from neutron.common import eventlet_utils
    eventlet_utils.monkey_patch()
    import eventlet
    import eventlet.wsgi
    from neutron.common import config
    config.register_common_config_options()
    config.init(["--config-file", os.path.join(d, "neutron.conf")])
    config.setup_logging()
    from neutron.db.migration.models import head  # noqa: F401  (all tables)
    from neutron_lib import context
    from neutron_lib.db import api as db_api
    from neutron_lib.db import model_base
    with db_api.CONTEXT_WRITER.using(context.get_admin_context()) as session:
        model_base.BASEV2.metadata.create_all(session.get_bind())
    app = config.load_paste_app("neutron")

    def as_admin(environ, start_response):
        environ.update(HTTP_X_USER_ID="admin", HTTP_X_USER_NAME="admin", HTTP_X_PROJECT_ID="1" * 32, HTTP_X_PROJECT_NAME="1" * 32,
                       HTTP_X_ROLES="admin,member,reader", HTTP_X_IDENTITY_STATUS="Confirmed")
        return app(environ, start_response)

    sock = eventlet.listen(("127.0.0.1", args.port), reuse_port=False)
    print("ready", flush=True)
    eventlet.wsgi.server(sock, as_admin, log_output=False)


if __name__ == "__main__":
    main()
