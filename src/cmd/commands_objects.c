// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of commands about objects of the service: verbs of the nouns of commands.c. Words and options are those of the
 * openstack client ("openstack security group rule create" is "portwall rule create").
 */
#include "cmd/cmd.h"

static const enum option_id show_options[] = { OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id delete_options[] = { OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id group_list_options[] = { OPT_NAME, OPT_PROJECT, OPT_TAGS, OPT_LONG,
	OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id group_create_options[] = { OPT_DESCRIPTION, OPT_STATEFUL, OPT_STATELESS,
	OPT_PROJECT, OPT_TAG, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id group_set_options[] = { OPT_NAME, OPT_DESCRIPTION, OPT_STATEFUL,
	OPT_STATELESS, OPT_TAG, OPT_NO_TAG, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id rule_list_options[] = { OPT_PROTOCOL, OPT_INGRESS, OPT_EGRESS,
	OPT_ETHERTYPE, OPT_PROJECT, OPT_LONG, OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id rule_create_options[] = { OPT_PROTOCOL, OPT_DST_PORT, OPT_ICMP_TYPE,
	OPT_ICMP_CODE, OPT_REMOTE_IP, OPT_REMOTE_GROUP, OPT_REMOTE_ADDRESS_GROUP, OPT_INGRESS,
	OPT_EGRESS, OPT_ETHERTYPE, OPT_DESCRIPTION, OPT_PROJECT, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON,
	OPT_HELP };
static const enum option_id rule_set_options[] = { OPT_DESCRIPTION, OPT_DRY_RUN, OPT_VERBOSE,
	OPT_JSON, OPT_HELP };
static const enum option_id port_list_options[] = { OPT_SECURITY_GROUP, OPT_NAME, OPT_MAC_ADDRESS,
	OPT_HOST, OPT_PROJECT, OPT_TAGS, OPT_LONG, OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id port_create_options[] = { OPT_NETWORK, OPT_DESCRIPTION, OPT_DEVICE,
	OPT_MAC_ADDRESS, OPT_FIXED_IP, OPT_SECURITY_GROUP, OPT_NO_SECURITY_GROUP,
	OPT_ALLOWED_ADDRESS, OPT_ENABLE_PORT_SECURITY, OPT_DISABLE_PORT_SECURITY, OPT_DEVICE_OWNER,
	OPT_HOST, OPT_TAG, OPT_PROJECT, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id port_set_options[] = { OPT_NAME, OPT_DESCRIPTION, OPT_DEVICE,
	OPT_MAC_ADDRESS, OPT_FIXED_IP, OPT_SECURITY_GROUP, OPT_NO_SECURITY_GROUP,
	OPT_ALLOWED_ADDRESS, OPT_ENABLE_PORT_SECURITY, OPT_DISABLE_PORT_SECURITY, OPT_DEVICE_OWNER,
	OPT_HOST, OPT_TAG, OPT_NO_FIXED_IP, OPT_NO_ALLOWED_ADDRESS, OPT_NO_TAG, OPT_DRY_RUN,
	OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id port_unset_options[] = { OPT_SECURITY_GROUP, OPT_ALLOWED_ADDRESS,
	OPT_FIXED_IP, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id address_group_list_options[] = { OPT_NAME, OPT_PROJECT, OPT_LONG,
	OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id address_group_create_options[] = { OPT_ADDRESS, OPT_DESCRIPTION,
	OPT_PROJECT, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id address_group_set_options[] = { OPT_NAME, OPT_DESCRIPTION, OPT_ADDRESS,
	OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id address_group_unset_options[] = { OPT_ADDRESS, OPT_DRY_RUN, OPT_VERBOSE,
	OPT_JSON, OPT_HELP };
static const enum option_id network_list_options[] = { OPT_NAME, OPT_PROJECT, OPT_TAGS, OPT_LONG,
	OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id network_create_options[] = { OPT_DESCRIPTION, OPT_ENABLE_PORT_SECURITY,
	OPT_DISABLE_PORT_SECURITY, OPT_PROJECT, OPT_TAG, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON,
	OPT_HELP };
static const enum option_id network_set_options[] = { OPT_NAME, OPT_DESCRIPTION,
	OPT_ENABLE_PORT_SECURITY, OPT_DISABLE_PORT_SECURITY, OPT_TAG, OPT_NO_TAG, OPT_DRY_RUN,
	OPT_VERBOSE, OPT_JSON, OPT_HELP };
static const enum option_id subnet_list_options[] = { OPT_NETWORK, OPT_NAME, OPT_PROJECT, OPT_TAGS,
	OPT_LONG, OPT_WATCH, OPT_JSON, OPT_HELP };
static const enum option_id subnet_create_options[] = { OPT_NETWORK, OPT_SUBNET_RANGE, OPT_GATEWAY,
	OPT_ALLOCATION_POOL, OPT_DESCRIPTION, OPT_PROJECT, OPT_TAG, OPT_DRY_RUN, OPT_VERBOSE,
	OPT_JSON, OPT_HELP };
static const enum option_id subnet_set_options[] = { OPT_NAME, OPT_DESCRIPTION, OPT_GATEWAY,
	OPT_ALLOCATION_POOL, OPT_TAG, OPT_NO_TAG, OPT_DRY_RUN, OPT_VERBOSE, OPT_JSON, OPT_HELP };

/* What all verbs have; how many arguments. A table ends with a verb without a name. */
#define VERB(noun, verb, table, ...)                                                               \
	.name = noun " " #verb, .options = (table), .n_options = N_OF(table), __VA_ARGS__
#define ONE  .min_args = 1, .max_args = 1
#define MANY .min_args = 1, .max_args = 64

#define CLOSED                                                                                     \
	"1 also: it is done, but a port that is listed is closed, because the kernel refused its rules"

const struct command group_verbs[] = {
	{
		VERB("group", list, group_list_options, .max_args = 0),
		.args = "",
		.summary = "list security groups",
		.description =
			"The security groups of the service. Columns that nobody has anything in (tags) are left out. "
			"With --watch it is printed again whenever something has changed, until Ctrl-C.",
		.examples = "portwall group list\n"
			    "portwall group list --long --json\n",
		.run = cmd_group_list,
	},
	{
		VERB("group", show, show_options, ONE),
		.args = "GROUP",
		.names_of_args = "group",
		.summary = "show a security group with its rules, and what they counted",
		.description =
			"All fields of a security group, and its rules in words, each with its id and with the "
			"packets and bytes that it let in or out at the ports of this host. A group is named by its "
			"id or its name; where several have the name, by its id. With --watch it is printed again "
			"whenever something has changed, until Ctrl-C.",
		.examples = "portwall group show web\n"
			    "portwall group show --watch web      # the counters as they rise\n",
		.run = cmd_group_show,
	},
	{
		VERB("group", create, group_create_options, ONE),
		.args = "NAME",
		.summary = "make a security group",
		.description =
			"A new group has two rules, which let everything out. Without --description its description "
			"is its name. Names need not differ; the answer has its id.",
		.examples = "portwall group create web --description \"web servers\"\n"
			    "portwall group create --stateless dns\n",
		.exit_status = CLOSED,
		.run = cmd_group_create,
	},
	{
		VERB("group", set, group_set_options, ONE),
		.args = "GROUP",
		.names_of_args = "group",
		.summary = "change a security group",
		.description =
			"Changes what is said and leaves all else. Connections that the change no longer allows are "
			"cut. A group is named by its id or its name; where several have the name, by its id.",
		.examples = "portwall group set web --name frontend\n",
		.exit_status = CLOSED,
		.run = cmd_group_set,
	},
	{
		VERB("group", delete, delete_options, MANY),
		.args = "GROUP...",
		.names_of_args = "group",
		.summary = "remove security groups",
		.description =
			"Removes groups that no port has. Rules of other groups that name them as remote go with them. "
			"If one of the groups is not there, none is removed.",
		.examples = "portwall group delete web db\n"
			    "portwall group delete --dry-run web\n",
		.exit_status = CLOSED,
		.run = cmd_group_delete,
	},
	{ 0 },
};

const struct command rule_verbs[] = {
	{
		VERB("rule", list, rule_list_options, .max_args = 1),
		.args = "[GROUP]",
		.names_of_args = "group",
		.summary = "list rules of security groups, with what they counted",
		.description =
			"The rules of GROUP, or of all groups. packets and bytes are what each rule let in or out at "
			"all ports of this host; without rules in the kernel they are empty. \"any\" as protocol or "
			"remote stands for what the API calls null. With --watch it is printed again whenever "
			"something has changed, until Ctrl-C.",
		.examples = "portwall rule list web\n"
			    "portwall rule list --protocol ipip --ingress\n"
			    "portwall rule list --watch web      # the counters as they rise\n",
		.run = cmd_rule_list,
	},
	{
		VERB("rule", show, show_options, ONE),
		.args = "RULE",
		.names_of_args = "rule",
		.summary = "show a rule of a security group",
		.description =
			"All fields of a rule, which has no name, only its id. With --watch it is printed again "
			"whenever something has changed, until Ctrl-C.",
		.examples = "portwall rule show 5f2c9a1e-7b1d-4a53-9f0e-3c1d2b4a5968\n",
		.run = cmd_rule_show,
	},
	{
		VERB("rule", create, rule_create_options, ONE),
		.args = "GROUP",
		.names_of_args = "group",
		.summary = "add a rule to a security group",
		.description =
			"A rule lets packets pass: those that come in (--ingress, which is meant without a word) or "
			"go out (--egress), of a protocol, to ports, from or to an address, a group or an address "
			"group. What is not said is any. Without --ethertype the rule is for the family of "
			"--remote-ip or of the protocol (icmpv6), else for IPv4. It is in the kernel when the command "
			"ends. Answers to what a rule allows pass without another one, but for stateless groups.",
		.examples =
			"portwall rule create web --protocol tcp --dst-port 80\n"
			"portwall rule create web --protocol tcp --dst-port 8000:8099 --remote-ip 192.0.2.0/24\n"
			"portwall rule create db --protocol tcp --dst-port 5432 --remote-group web\n"
			"portwall rule create web --protocol icmp --icmp-type 8 --icmp-code 0\n"
			"portwall rule create tunnels --protocol ipip      # protocol 4, not 94\n",
		.exit_status = CLOSED,
		.run = cmd_rule_create,
	},
	{
		VERB("rule", set, rule_set_options, ONE),
		.args = "RULE",
		.names_of_args = "rule",
		.summary = "change the description of a rule",
		.description =
			"A rule that means something else is another rule: only its description can be changed.",
		.examples =
			"portwall rule set 5f2c9a1e-7b1d-4a53-9f0e-3c1d2b4a5968 --description office\n",
		.exit_status = CLOSED,
		.run = cmd_rule_set,
	},
	{
		VERB("rule", delete, delete_options, MANY),
		.args = "RULE...",
		.names_of_args = "rule",
		.summary = "remove rules of security groups",
		.description =
			"Removes rules by their ids, which portwall rule list shows. Connections that nothing allows "
			"any more are cut. If one of the rules is not there, none is removed.",
		.examples = "portwall rule delete 5f2c9a1e-7b1d-4a53-9f0e-3c1d2b4a5968\n",
		.exit_status = CLOSED,
		.run = cmd_rule_delete,
	},
	{ 0 },
};

const struct command port_verbs[] = {
	{
		VERB("port", list, port_list_options, .max_args = 0),
		.args = "",
		.summary = "list ports, and whether the kernel has their rules",
		.description =
			"The ports of the service. status is ACTIVE where the rules of a port are in the kernel of "
			"this host; else it is DOWN, and why says the reason. With --watch it is printed again "
			"whenever something has changed, until Ctrl-C.",
		.examples = "portwall port list\n"
			    "portwall port list --security-group web --long\n"
			    "portwall port list --watch\n",
		.run = cmd_port_list,
	},
	{
		VERB("port", show, show_options, ONE),
		.args = "PORT",
		.names_of_args = "port",
		.summary = "show a port",
		.description =
			"All fields of a port. A port is named by its id, its name or its interface. With --watch it "
			"is printed again whenever something has changed, until Ctrl-C.",
		.examples = "portwall port show web1\n",
		.run = cmd_port_show,
	},
	{
		VERB("port", create, port_create_options, ONE),
		.args = "NAME",
		.summary = "make a port",
		.description =
			"A port filters an interface of a virtual machine as its security groups say. Without "
			"--device the interface is called tap and the first 11 characters of the port's id; without "
			"--mac-address the port gets one; without --security-group it has the group \"default\", if "
			"there is one. The interface need not be there yet.",
		.examples =
			"portwall port create web1 --device tap1 --fixed-ip ip-address=192.0.2.1 --security-group web\n"
			"portwall port create dhcp --device tap2 --no-security-group --disable-port-security\n",
		.exit_status = CLOSED,
		.run = cmd_port_create,
	},
	{
		VERB("port", set, port_set_options, ONE),
		.args = "PORT",
		.names_of_args = "port",
		.summary = "change a port",
		.description =
			"Changes what is said and leaves all else. --security-group, --allowed-address and --fixed-ip "
			"add to what the port has; with --no-security-group, --no-allowed-address or --no-fixed-ip "
			"they replace it, and without them these leave nothing. Where somebody else changes the port "
			"at the same time nothing of either change is lost. A port is named by its id, its name or "
			"its interface.",
		.examples = "portwall port set web1 --security-group monitoring\n"
			    "portwall port set web1 --no-security-group --security-group web\n"
			    "portwall port set web1 --allowed-address ip-address=192.0.2.100\n",
		.exit_status = CLOSED,
		.run = cmd_port_set,
	},
	{
		VERB("port", unset, port_unset_options, ONE),
		.args = "PORT",
		.names_of_args = "port",
		.summary = "take groups or addresses from a port",
		.description =
			"Takes away what is said, which has to be there. A port is named by its id, its name or its "
			"interface.",
		.examples = "portwall port unset web1 --security-group monitoring\n"
			    "portwall port unset web1 --allowed-address ip-address=192.0.2.100\n",
		.exit_status = CLOSED,
		.run = cmd_port_unset,
	},
	{
		VERB("port", delete, delete_options, MANY),
		.args = "PORT...",
		.names_of_args = "port",
		.summary = "remove ports",
		.description =
			"The service no longer lets anything pass at the interface of a port that is gone "
			"(closed_interfaces of its configuration), or leaves it unfiltered where its name is none of "
			"these. If one of the ports is not there, none is removed.",
		.examples = "portwall port delete web1\n",
		.exit_status = CLOSED,
		.run = cmd_port_delete,
	},
	{ 0 },
};

const struct command address_group_verbs[] = {
	{
		VERB("address-group", list, address_group_list_options, .max_args = 0),
		.args = "",
		.summary = "list address groups",
		.description =
			"The address groups of the service: lists of addresses that rules can name (portwall rule "
			"create --remote-address-group). With --watch it is printed again whenever something has "
			"changed, until Ctrl-C.",
		.examples = "portwall address-group list\n",
		.run = cmd_address_group_list,
	},
	{
		VERB("address-group", show, show_options, ONE),
		.args = "ADDRESS-GROUP",
		.names_of_args = "address-group",
		.summary = "show an address group",
		.description =
			"All fields of an address group. A group is named by its id or its name; where several have "
			"the name, by its id. With --watch it is printed again whenever something has changed, until "
			"Ctrl-C.",
		.examples = "portwall address-group show office\n",
		.run = cmd_address_group_show,
	},
	{
		VERB("address-group", create, address_group_create_options, ONE),
		.args = "NAME",
		.summary = "make an address group",
		.description = "Without --description its description is its name.",
		.examples =
			"portwall address-group create office --address 192.0.2.0/24 --address 2001:db8::/32\n",
		.exit_status = CLOSED,
		.run = cmd_address_group_create,
	},
	{
		VERB("address-group", set, address_group_set_options, ONE),
		.args = "ADDRESS-GROUP",
		.names_of_args = "address-group",
		.summary = "change an address group, or add addresses to it",
		.description =
			"Changes what is said and leaves all else; --address adds. A group is named by its id or its "
			"name; where several have the name, by its id.",
		.examples = "portwall address-group set office --address 198.51.100.0/24\n",
		.exit_status = CLOSED,
		.run = cmd_address_group_set,
	},
	{
		VERB("address-group", unset, address_group_unset_options, ONE),
		.args = "ADDRESS-GROUP",
		.names_of_args = "address-group",
		.summary = "take addresses from an address group",
		.description =
			"Takes away addresses that the group has to have. Connections that nothing allows any more "
			"are cut.",
		.examples = "portwall address-group unset office --address 198.51.100.0/24\n",
		.exit_status = CLOSED,
		.run = cmd_address_group_unset,
	},
	{
		VERB("address-group", delete, delete_options, MANY),
		.args = "ADDRESS-GROUP...",
		.names_of_args = "address-group",
		.summary = "remove address groups",
		.description =
			"Removes address groups that no rule names. If one of them is not there, none is removed.",
		.examples = "portwall address-group delete office\n",
		.exit_status = CLOSED,
		.run = cmd_address_group_delete,
	},
	{ 0 },
};

const struct command network_verbs[] = {
	{
		VERB("network", list, network_list_options, .max_args = 0),
		.args = "",
		.summary = "list networks",
		.description = "The networks of the service, with their subnets.",
		.examples = "portwall network list\n",
		.run = cmd_network_list,
	},
	{
		VERB("network", show, show_options, ONE),
		.args = "NETWORK",
		.names_of_args = "network",
		.summary = "show a network",
		.description = "All fields of a network. A network is named by its id or its name.",
		.examples = "portwall network show blue\n",
		.run = cmd_network_show,
	},
	{
		VERB("network", create, network_create_options, ONE),
		.args = "NAME",
		.summary = "make a network",
		.description =
			"A network is a name and what ports of it are that say nothing else: --disable-port-security is for ports that are filtered by nobody.",
		.examples = "portwall network create blue\n",
		.run = cmd_network_create,
	},
	{
		VERB("network", set, network_set_options, ONE),
		.args = "NETWORK",
		.names_of_args = "network",
		.summary = "change a network",
		.description =
			"Changes what is said and leaves all else. A network is named by its id or its name.",
		.examples = "portwall network set blue --name green\n",
		.run = cmd_network_set,
	},
	{
		VERB("network", delete, delete_options, MANY),
		.args = "NETWORK...",
		.names_of_args = "network",
		.summary = "remove networks",
		.description =
			"Removes networks that no port is in. If one of them is not there, none is removed.",
		.examples = "portwall network delete blue\n",
		.run = cmd_network_delete,
	},
	{ 0 },
};

const struct command subnet_verbs[] = {
	{
		VERB("subnet", list, subnet_list_options, .max_args = 0),
		.args = "",
		.summary = "list subnets",
		.description = "The subnets of the service, or of --network.",
		.examples = "portwall subnet list --network blue\n",
		.run = cmd_subnet_list,
	},
	{
		VERB("subnet", show, show_options, ONE),
		.args = "SUBNET",
		.names_of_args = "subnet",
		.summary = "show a subnet",
		.description = "All fields of a subnet. A subnet is named by its id or its name.",
		.examples = "portwall subnet show blue4\n",
		.run = cmd_subnet_show,
	},
	{
		VERB("subnet", create, subnet_create_options, ONE),
		.args = "NAME",
		.summary = "make a subnet",
		.description =
			"A range of addresses, from which ports of its network get theirs. --network and --subnet-range have to be said.",
		.examples =
			"portwall subnet create blue4 --network blue --subnet-range 192.0.2.0/24\n",
		.run = cmd_subnet_create,
	},
	{
		VERB("subnet", set, subnet_set_options, ONE),
		.args = "SUBNET",
		.names_of_args = "subnet",
		.summary = "change a subnet",
		.description =
			"Changes what is said and leaves all else; --allocation-pool replaces the pools that are there. A subnet is named by its id or its name.",
		.examples = "portwall subnet set blue4 --gateway none\n",
		.run = cmd_subnet_set,
	},
	{
		VERB("subnet", delete, delete_options, MANY),
		.args = "SUBNET...",
		.names_of_args = "subnet",
		.summary = "remove subnets",
		.description =
			"Removes subnets that no port has an address of. If one of them is not there, none is removed.",
		.examples = "portwall subnet delete blue4\n",
		.run = cmd_subnet_delete,
	},
	{ 0 },
};
