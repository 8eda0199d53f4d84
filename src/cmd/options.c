// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of options, and everything that is made from it and from the table of commands. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/serve_config.h"
#include "doctor/doctor.h"

const struct option_spec option_specs[N_OPTIONS] = {
	[OPT_HELP] = { "help", 'h', NULL, "print this help" },
	[OPT_JSON] = { "json", 'j', NULL, "print JSON on standard output" },
	[OPT_PREFIX] = { "prefix", 0, "PREFIX",
		"prefix of the chains (default neutron-openvswi-), at most 17 characters; one for a "
		"network namespace" },
	[OPT_BACKEND] = { "backend", 0, "nft|legacy",
		"which iptables (default: the host's own, see iptables --version)",
		.words = "nft legacy" },
	[OPT_DRY_RUN] = { "dry-run", 'n', NULL,
		"change nothing; print the exact batches for iptables-restore, ipset and nft, or (group, rule, port and their like) the "
		"rules that would change" },
	[OPT_TAKEOVER] = { "takeover", 0, NULL,
		"go on although another agent made these chains (guard: somebody else this table); its rules go" },
	[OPT_ALLOW_MISSING] = { "allow-missing", 0, NULL,
		"close ports whose interface is not there yet, ahead of it" },
	[OPT_FIX_SYSCTL] = { "fix-sysctl", 0, NULL,
		"turn nf_call_iptables and nf_call_ip6tables on for bridges that have ports, and "
		"no_linklocal_learn for those that several may share (clear turns them off again)" },
	[OPT_WAIT] = { "wait", 'w', "SECONDS",
		"how long to wait for another portwall to finish (default 10)" },
	[OPT_VERBOSE] = { "verbose", 'v', NULL, "list every changed rule" },
	[OPT_ALL] = { "all", 'a', NULL,
		"the rules that every port has, too; audit: all of each list" },
	[OPT_POLICY] = { "policy", 'p', "FILE",
		"compare with FILE (default: what was applied last)" },
	[OPT_OUTPUT] = { "output", 'o', "FILE",
		"write to FILE (default: HOSTNAME-DATE.pws); \"-\" is standard output" },
	[OPT_REDACT] = { "redact", 0, NULL,
		"replace addresses, MACs and host names, each always by the same" },
	[OPT_FORCE] = { "force", 'f', NULL, "replace FILE if it is there" },
	[OPT_ONLY_OWN] = { "own-namespace", 0, NULL,
		"only the network namespace of the caller, not the others of this host" },
	[OPT_IN] = { "in", 'i', "DEVICE",
		"the packet is received at DEVICE, from the wire or from the guest behind it; a guest may be "
		"named in its place, by name or UUID" },
	[OPT_TO] = { "to", 0, "DEVICE",
		"the packet is for a station behind DEVICE: a bridge that has not learned its MAC sends it there alone "
		"(default: to all of its ports)" },
	[OPT_OUT_OF_PROCESS] = { "out-of-process", 0, NULL, "a process of the host sends it" },
	[OPT_NETNS] = { "netns", 0, "NAME",
		"a network namespace (default: the caller's): of the process, of DEVICE, or whose rules are audited" },
	[OPT_SNAPSHOT] = { "snapshot", 's', "FILE",
		"ask FILE in place of this host: a snapshot, an unpacked sosreport, or (again for "
		"each) files of iptables-save, ip6tables-save, nft list ruleset, ipset save" },
	[OPT_STATE] = { "state", 0, "STATE",
		"what conntrack says of the packet: new, established, related, invalid or untracked "
		"(default: what its entries say)" },
	[OPT_REPLY] = { "reply", 'r', NULL, "its answer's way back, too" },
	[OPT_EVERY] = { "every", 0, NULL,
		"what is \"any\" or not said stands for every value: the answer is told by parts (as it is for a "
		"prefix, a range or a list)" },
	[OPT_BRIEF] = { "brief", 'b', NULL, "the verdict alone, in one line" },
	[OPT_PACKETS] = { "packets", 0, "FILE",
		"a JSON object a line, {\"in\": \"tap1\", \"packet\": \"icmp 10.0.0.5 10.0.0.9\"}, is "
		"answered with a JSON object a line; \"-\" is standard input" },
	[OPT_DOT] = { "dot", 0, NULL,
		"a drawing for Graphviz: of the devices with the path in it; audit: of who reaches whom" },
	[OPT_SVG] = { "svg", 0, NULL, "the same drawing as SVG (made by Graphviz)" },
	[OPT_BRIDGE] = { "bridge", 0, "NAME",
		"guard this bridge (again for each), in place of all that have ports of VMs" },
	[OPT_CHECK] = { "check", 0, NULL,
		"list what is not understood, by file, line and rule; serve: check the configuration and print what is effective" },
	[OPT_AGAINST] = { "against", 0, "OTHER",
		"say what this one passes and OTHER does not, and the other way: a snapshot of another host "
		"or moment, or (audit) its rules, again for each of its files" },
	[OPT_CHAIN] = { "chain", 'c', "PLACE",
		"one base chain as TABLE/CHAIN (filter/FORWARD), or all of one hook (forward, input, output, "
		"prerouting, postrouting)" },
	[OPT_FAMILY] = { "family", 0, "ipv4|ipv6", "only of this family (default: both)",
		.words = "ipv4 ipv6" },
	[OPT_SERVICE] = { "service", 0, "SERVICE",
		"who reaches whom with it: tcp/443, udp/53, tcp/8000-8080, icmp, esp; again for each "
		"(default: tcp/22 and tcp/80)" },
	[OPT_ASSIGN] = { "assign", 0, "IFACE=NETS",
		"the addresses behind an interface (eth0=10.0.0.0/8, eth+=...): are no others let in by "
		"it? Again for each" },
	[OPT_LIST] = { "list", 'l', NULL, "the checks that there are, and what each looks for" },
	[OPT_FIX] = { "fix", 0, NULL,
		"apply the fix that each finding recommends, or that of FINDING, or FINDING:FIX" },
	[OPT_UNDO] = { "undo", 0, NULL,
		"take back the fix that was applied last, or that of FINDING" },
	[OPT_KEEP] = { "keep", 0, NULL, "keep a fix that waits to be confirmed" },
	[OPT_CONFIRM] = { "confirm", 0, "SECONDS",
		"with --fix: take it back after SECONDS, unless portwall doctor --keep comes first" },
	[OPT_PORT] = { "port", 'p', "PORT",
		"the port, by its name or id in the policy that holds here, by its device, or by its guest's name" },
	[OPT_COUNT] = { "count", 'c', "N", "end after N packets" },
	[OPT_FOR] = { "for", 0, "SECONDS", "end after SECONDS" },
	[OPT_TO_MANY] = { "to-many", 0, NULL, "send also what goes to everybody on the network" },
	[OPT_MATRIX] = { "matrix", 0, NULL,
		"a packet for each rule of each group of the port: the expected verdict beside the seen one" },
	[OPT_PCAP] = { "pcap", 0, "DIR",
		"write the frames to a new file in DIR, for Wireshark: of each point and direction, with what became of the packet as a "
		"comment on its last frame" },
	[OPT_PLAIN] = { "plain", 0, NULL,
		"print a block for each packet, on a terminal, too, in place of the live view" },
	[OPT_DROPS] = { "drops", 0, NULL,
		"every packet that this host drops, by port, rule and reason, in place of single packets" },
	[OPT_RATE] = { "rate", 0, "N",
		"follow at most N packets a second and device through the rules (default: 100); all are counted" },
	[OPT_PARANOID] = { "paranoid", 0, NULL,
		"compare the kernel with a full recompute after every change, as the key paranoid does" },
	[OPT_CONFIG] = { "config", 'c', "FILE",
		"the configuration (default /etc/portwall/serve.conf)" },
	[OPT_ROLE] = { "role", 0, "ROLE", "admin, member or reader (default: member)",
		.words = "admin member reader" },
	[OPT_PASSWORD] = { "password", 0, NULL,
		"set a new password, which is typed, or the first line of standard input" },
	[OPT_NO_PASSWORD] = { "no-password", 0, NULL, "without a password: only tokens let in" },
	[OPT_REVOKE] = { "revoke", 0, NULL, "end the token in place of making it" },
	[OPT_AS_FFFUU] = { "as-fffuu", 0, NULL,
		"who reaches whom, as fffuu would answer for filter/FORWARD or --chain: each rule may match "
		"whatever interface, MAC or module it asks for; --assign is its ipassmt (default: lo=127.0.0.0/8)" },
	[OPT_WATCH] = { "watch", 0, NULL,
		"print it again whenever something has changed, until Ctrl-C" },
	[OPT_LONG] = { "long", 0, NULL, "more columns" },
	[OPT_NAME] = { "name", 0, "NAME", "the new name; list: only what is called so" },
	[OPT_DESCRIPTION] = { "description", 0, "TEXT", "what people should know of it" },
	[OPT_PROJECT] = { "project", 0, "PROJECT",
		"the id of the project that it belongs to (default: default); list: only what belongs to it" },
	[OPT_TAG] = { "tag", 0, "TAG", "a tag; again for each. set: beside those that are there" },
	[OPT_NO_TAG] = { "no-tag", 0, NULL, "take all tags away; with --tag: replace them" },
	[OPT_TAGS] = { "tags", 0, "TAG[,TAG...]", "only what has all of these tags" },
	[OPT_STATEFUL] = { "stateful", 0, NULL,
		"answers to what a rule allows pass, too (the default)" },
	[OPT_STATELESS] = { "stateless", 0, NULL,
		"only what a rule allows passes; answers need rules" },
	[OPT_PROTOCOL] = { "protocol", 0, "PROTOCOL",
		"a name (tcp, udp, icmp, ipip, ...) or a number from 0 to 255; any: every protocol (the default)" },
	[OPT_INGRESS] = { "ingress", 0, NULL,
		"of packets that come to the port (create: the default)" },
	[OPT_EGRESS] = { "egress", 0, NULL, "of packets that the port sends" },
	[OPT_ETHERTYPE] = { "ethertype", 0, "IPv4|IPv6",
		"which family (create: that of --remote-ip or --protocol, else IPv4)",
		.words = "IPv4 IPv6" },
	[OPT_DST_PORT] = { "dst-port", 0, "PORT[:LAST]",
		"the port that packets go to, or a range" },
	[OPT_ICMP_TYPE] = { "icmp-type", 0, "TYPE", "the type of ICMP messages, 0 to 255" },
	[OPT_ICMP_CODE] = { "icmp-code", 0, "CODE", "their code, 0 to 255" },
	[OPT_REMOTE_IP] = { "remote-ip", 0, "PREFIX",
		"the other station's address or prefix (default: any; 0.0.0.0/0 means the same)" },
	[OPT_REMOTE_GROUP] = { "remote-group", 0, "GROUP",
		"the other station is a port of this security group", .names = "group" },
	[OPT_REMOTE_ADDRESS_GROUP] = { "remote-address-group", 0, "ADDRESS-GROUP",
		"the other station has an address of this address group",
		.names = "address-group" },
	[OPT_NETWORK] = { "network", 0, "NETWORK", "the network that it belongs to",
		.names = "network" },
	[OPT_DEVICE] = { "device", 0, "INTERFACE",
		"the interface that it filters (default: tap and the first 11 characters of its id)" },
	[OPT_DEVICE_OWNER] = { "device-owner", 0, "OWNER",
		"such as compute:nova; what begins with network: is trusted" },
	[OPT_HOST] = { "host", 0, "HOST", "the host that it is on (default: this one)" },
	[OPT_MAC_ADDRESS] = { "mac-address", 0, "MAC", "its MAC; list: only ports with it" },
	[OPT_FIXED_IP] = { "fixed-ip", 0, "ip-address=A[,subnet=S]",
		"an address of its own; again for each. set: beside those that are there" },
	[OPT_NO_FIXED_IP] = { "no-fixed-ip", 0, NULL,
		"take all its addresses away; with --fixed-ip: replace them" },
	[OPT_SECURITY_GROUP] = { "security-group", 0, "GROUP",
		"a security group; again for each. set: beside those that are there; list: only ports with it",
		.names = "group" },
	[OPT_NO_SECURITY_GROUP] = { "no-security-group", 0, NULL,
		"no security group, so that nothing passes; set, with --security-group: replace them" },
	[OPT_ALLOWED_ADDRESS] = { "allowed-address", 0, "ip-address=A[,mac-address=M]",
		"an address that it may send from, too; again for each. set: beside those that are there" },
	[OPT_NO_ALLOWED_ADDRESS] = { "no-allowed-address", 0, NULL,
		"take these away; with --allowed-address: replace them" },
	[OPT_ENABLE_PORT_SECURITY] = { "enable-port-security", 0, NULL, "filter it (the default)" },
	[OPT_DISABLE_PORT_SECURITY] = { "disable-port-security", 0, NULL,
		"filter nothing at it; it must have no security group then" },
	[OPT_ADDRESS] = { "address", 0, "PREFIX",
		"an address or prefix; again for each. set: beside those that are there" },
	[OPT_SUBNET_RANGE] = { "subnet-range", 0, "PREFIX", "its addresses, such as 192.0.2.0/24" },
	[OPT_GATEWAY] = { "gateway", 0, "ADDRESS|auto|none",
		"an address that no port gets (default: auto, the first one)",
		.words = "auto none" },
	[OPT_ALLOCATION_POOL] = { "allocation-pool", 0, "start=A,end=B",
		"addresses that ports get, when they ask for none; again for each" },
};

#define WAIT_MAX_S    3600
#define CONFIRM_MAX_S 86400

static bool is_option_of(const struct command *command, int id)
{
	for (size_t i = 0; i < command->n_options; i++)
		if ((int)command->options[i] == id)
			return true;
	return false;
}

/* Of an option that may come again. */
static bool add_word(struct invocation *inv, enum option_id id, const char *arg, struct err *err)
{
	struct object_words *object = &inv->object;
	const struct {
		enum option_id id;
		const char **words;
		size_t most, *n;
	} lists[] = {
		{ OPT_SNAPSHOT, inv->snapshots, N_OF(inv->snapshots), &inv->n_snapshots },
		{ OPT_AGAINST, inv->against, N_OF(inv->against), &inv->n_against },
		{ OPT_SERVICE, inv->services, N_OF(inv->services), &inv->n_services },
		{ OPT_ASSIGN, inv->assigns, N_OF(inv->assigns), &inv->n_assigns },
		{ OPT_BRIDGE, inv->bridges, N_OF(inv->bridges), &inv->n_bridges },
		{ OPT_TAG, object->tags, N_OF(object->tags), &object->n_tags },
		{ OPT_FIXED_IP, object->fixed_ips, N_OF(object->fixed_ips), &object->n_fixed_ips },
		{ OPT_SECURITY_GROUP, object->groups, N_OF(object->groups), &object->n_groups },
		{ OPT_ALLOWED_ADDRESS, object->pairs, N_OF(object->pairs), &object->n_pairs },
		{ OPT_ALLOCATION_POOL, object->pools, N_OF(object->pools), &object->n_pools },
		{ OPT_ADDRESS, object->addresses, N_OF(object->addresses), &object->n_addresses },
	};

	for (size_t i = 0; i < N_OF(lists); i++) {
		if (lists[i].id != id)
			continue;
		if (*lists[i].n == lists[i].most)
			return err_input(err, "--%s: at most %zu of them", option_specs[id].name,
				lists[i].most);
		lists[i].words[(*lists[i].n)++] = arg;
	}
	return true;
}

#define AT(member) offsetof(struct invocation, member)

/* Options without a value: what is true then. */
static const struct {
	enum option_id id;
	size_t at;
} switches[] = {
	{ OPT_JSON, AT(json) },
	{ OPT_DRY_RUN, AT(agent.dry_run) },
	{ OPT_TAKEOVER, AT(agent.takeover) },
	{ OPT_ALLOW_MISSING, AT(agent.allow_missing) },
	{ OPT_FIX_SYSCTL, AT(agent.fix_sysctl) },
	{ OPT_VERBOSE, AT(verbose) },
	{ OPT_ALL, AT(all) },
	{ OPT_REDACT, AT(redact) },
	{ OPT_FORCE, AT(force) },
	{ OPT_ONLY_OWN, AT(only_own) },
	{ OPT_OUT_OF_PROCESS, AT(from_process) },
	{ OPT_REPLY, AT(reply) },
	{ OPT_EVERY, AT(every) },
	{ OPT_BRIEF, AT(brief) },
	{ OPT_DOT, AT(dot) },
	{ OPT_SVG, AT(svg) },
	{ OPT_CHECK, AT(check) },
	{ OPT_AS_FFFUU, AT(as_fffuu) },
	{ OPT_LIST, AT(list) },
	{ OPT_FIX, AT(fix) },
	{ OPT_UNDO, AT(undo) },
	{ OPT_KEEP, AT(keep) },
	{ OPT_TO_MANY, AT(to_many) },
	{ OPT_MATRIX, AT(matrix) },
	{ OPT_PLAIN, AT(plain) },
	{ OPT_DROPS, AT(drops) },
	{ OPT_PARANOID, AT(paranoid) },
	{ OPT_WATCH, AT(object.watch) },
	{ OPT_LONG, AT(object.is_long) },
	{ OPT_NO_TAG, AT(object.no_tag) },
	{ OPT_STATEFUL, AT(object.stateful) },
	{ OPT_STATELESS, AT(object.stateless) },
	{ OPT_INGRESS, AT(object.ingress) },
	{ OPT_EGRESS, AT(object.egress) },
	{ OPT_NO_FIXED_IP, AT(object.no_fixed_ip) },
	{ OPT_NO_SECURITY_GROUP, AT(object.no_group) },
	{ OPT_NO_ALLOWED_ADDRESS, AT(object.no_pair) },
	{ OPT_ENABLE_PORT_SECURITY, AT(object.port_security) },
	{ OPT_DISABLE_PORT_SECURITY, AT(object.no_port_security) },
	{ OPT_PASSWORD, AT(password) },
	{ OPT_NO_PASSWORD, AT(no_password) },
	{ OPT_REVOKE, AT(revoke) },
};

/* Options whose value is kept as it is. */
static const struct {
	enum option_id id;
	size_t at;
} texts[] = {
	{ OPT_PREFIX, AT(agent.chain_prefix) },
	{ OPT_BACKEND, AT(agent.backend) },
	{ OPT_POLICY, AT(policy_path) },
	{ OPT_CONFIG, AT(config_path) },
	{ OPT_OUTPUT, AT(output_path) },
	{ OPT_PCAP, AT(pcap_dir) },
	{ OPT_IN, AT(in) },
	{ OPT_PORT, AT(port) },
	{ OPT_TO, AT(to) },
	{ OPT_NETNS, AT(netns) },
	{ OPT_STATE, AT(state) },
	{ OPT_PACKETS, AT(packets_path) },
	{ OPT_CHAIN, AT(chain) },
	{ OPT_FAMILY, AT(family) },
	{ OPT_NAME, AT(object.name) },
	{ OPT_DESCRIPTION, AT(object.description) },
	{ OPT_PROJECT, AT(object.project) },
	{ OPT_TAGS, AT(object.all_tags) },
	{ OPT_PROTOCOL, AT(object.protocol) },
	{ OPT_ETHERTYPE, AT(object.ethertype) },
	{ OPT_DST_PORT, AT(object.dst_port) },
	{ OPT_ICMP_TYPE, AT(object.icmp_type) },
	{ OPT_ICMP_CODE, AT(object.icmp_code) },
	{ OPT_REMOTE_IP, AT(object.remote_ip) },
	{ OPT_REMOTE_GROUP, AT(object.remote_group) },
	{ OPT_REMOTE_ADDRESS_GROUP, AT(object.remote_address_group) },
	{ OPT_NETWORK, AT(object.network) },
	{ OPT_SUBNET_RANGE, AT(object.subnet_range) },
	{ OPT_GATEWAY, AT(object.gateway) },
	{ OPT_DEVICE, AT(object.device) },
	{ OPT_DEVICE_OWNER, AT(object.device_owner) },
	{ OPT_HOST, AT(object.host) },
	{ OPT_MAC_ADDRESS, AT(object.mac_address) },
	{ OPT_ROLE, AT(role) },
};

static const struct {
	enum option_id id;
	uint32_t min, max;
	size_t at;
	bool is_count; /* else seconds */
} numbers[] = {
	{ OPT_WAIT, 0, WAIT_MAX_S, AT(agent.lock_wait_s), false },
	{ OPT_CONFIRM, 1, CONFIRM_MAX_S, AT(confirm_s), false },
	{ OPT_FOR, 1, 1000000, AT(for_s), false },
	{ OPT_COUNT, 1, 1000000000, AT(count), true },
	{ OPT_RATE, 1, 10000, AT(rate), true },
};

static bool set_number(struct invocation *inv, size_t i, const char *arg, struct err *err)
{
	size_t len = strlen(arg);
	char *digits = arena_strdup(inv->arena, arg);
	uint32_t value;

	if (!numbers[i].is_count && len && digits[len - 1] == 's') /* "10s" */
		digits[len - 1] = '\0';
	if (!text_to_u32(digits, numbers[i].min, numbers[i].max, &value))
		return err_input(err, "--%s %s: must be %s, %u to %u",
			option_specs[numbers[i].id].name, arg,
			numbers[i].is_count ? "a whole number" : "whole seconds", numbers[i].min,
			numbers[i].max);
	*(unsigned *)((char *)inv + numbers[i].at) = value;
	return true;
}

static bool option_set(
	struct invocation *inv, enum option_id id, const char *arg, bool *ret_help, struct err *err)
{
	if (id == OPT_HELP) {
		*ret_help = true;
		return true;
	}
	for (size_t i = 0; i < N_OF(switches); i++) {
		if (switches[i].id == id) {
			*(bool *)((char *)inv + switches[i].at) = true;
			return true;
		}
	}
	for (size_t i = 0; i < N_OF(texts); i++) {
		if (texts[i].id == id) {
			*(const char **)((char *)inv + texts[i].at) = arg;
			return true;
		}
	}
	for (size_t i = 0; i < N_OF(numbers); i++)
		if (numbers[i].id == id)
			return set_number(inv, i, arg, err);
	return add_word(inv, id, arg, err);
}

static bool refuse_option(const struct command *command, const char *word, struct err *err)
{
	const char *names[N_OPTIONS], *nearest;
	size_t n = 0;

	for (size_t i = 0; i < command->n_options; i++)
		names[n++] = option_specs[command->options[i]].name;
	err_input(err, "%s: unknown option or missing value: %s", command->name, word);
	nearest = text_nearest(word + strspn(word, "-"), names, n);
	if (nearest)
		return err_next(
			err, "did you mean --%s? See portwall %s --help", nearest, command->name);
	return err_next(err, "portwall %s --help", command->name);
}

bool options_parse(struct invocation *inv, int argc, char **argv, bool *ret_help, struct err *err)
{
	const struct command *command = inv->command;
	struct option longs[N_OPTIONS + 1] = { 0 };
	char letters[2 * N_OPTIONS + 2] = ":";
	size_t n_letters = 1;
	int id;

	for (size_t i = 0; i < command->n_options; i++) {
		enum option_id o = command->options[i];
		const struct option_spec *spec = &option_specs[o];

		longs[i] = (struct option){ spec->name, spec->arg ? required_argument : no_argument,
			NULL, 256 + (int)o };
		if (!spec->letter)
			continue;
		letters[n_letters++] = spec->letter;
		if (spec->arg)
			letters[n_letters++] = ':';
	}
	optind = 1;
	opterr = 0;
	while ((id = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (id == '?' || id == ':')
			return refuse_option(command, argv[optind - 1], err);
		if (id < 256) {
			for (int o = 0; o < N_OPTIONS; o++)
				if (option_specs[o].letter == id && is_option_of(command, o))
					id = 256 + o;
		}
		if (!option_set(inv, (enum option_id)(id - 256), optarg, ret_help, err))
			return false;
	}
	if (*ret_help)
		return true;
	inv->n_args = (size_t)(argc - optind);
	if (inv->n_args < command->min_args || inv->n_args > command->max_args) {
		err_input(err, "%s takes %s, not %zu argument%s", command->name,
			*command->args ? command->args : "no argument", inv->n_args,
			inv->n_args == 1 ? "" : "s");
		return err_next(err, "portwall %s --help", command->name);
	}
	for (size_t i = 0; i < inv->n_args; i++)
		inv->args[i] = argv[optind + (int)i];
	return true;
}

void options_print_usage(struct text *out)
{
	text_add(out,
		"Usage: portwall COMMAND [OPTION...]\n\n"
		"Security groups for the bridge ports of this host, and where its packets go.\n\nCommands:\n");
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];

		if (command->verbs)
			text_addf(out, "  %-17s %s\n", command->name, command->summary);
		else
			text_addf(out, "  %-8s %-8s %s\n", command->name, command->args,
				command->summary);
	}
	text_add(out,
		"  completion        print the completion script for bash\n"
		"\nportwall COMMAND --help says more, man portwall everything. "
		"Everything acts on the current network namespace; explain, watch, doctor and "
		"snapshot see all of them.\n");
}

/* Adds text in lines of at most width columns, each begun with indent spaces. */
static void add_wrapped(struct text *out, const char *text, size_t indent, size_t width)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > width) {
			text_add(out, "\n");
			column = 0;
		}
		if (!column) {
			text_addf(out, "%*s", (int)indent, "");
			column = indent;
		} else {
			text_add(out, " ");
			column++;
		}
		text_add_n(out, text, word);
		column += word;
		text += word + strspn(text + word, " ");
	}
	text_add(out, "\n");
}

static void add_option_words(struct text *out, const struct option_spec *spec)
{
	if (spec->letter)
		text_addf(out, "-%c, ", spec->letter);
	else
		text_add(out, "    ");
	text_addf(out, "--%s%s%s", spec->name, spec->arg ? " " : "", spec->arg ? spec->arg : "");
}

static void add_examples(struct text *out, const struct command *command)
{
	for (const char *line = command->examples; *line;) {
		size_t len = strcspn(line, "\n");

		text_addf(out, "  %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

const char *options_verb_name(const struct command *verb)
{
	return strchr(verb->name, ' ') + 1;
}

const struct command *options_find_verb(const struct command *noun, const char *word)
{
	for (const struct command *verb = noun->verbs; verb->name; verb++)
		if (!strcmp(options_verb_name(verb), word))
			return verb;
	return NULL;
}

static void print_noun_help(struct text *out, const struct command *noun)
{
	text_addf(out, "Usage: portwall %s VERB [OPTION...]\n\n", noun->name);
	add_wrapped(out, noun->description, 0, 80);
	text_add(out, "\nVerbs:\n");
	for (const struct command *verb = noun->verbs; verb->name; verb++)
		text_addf(out, "  %-7s %-17s %s\n", options_verb_name(verb), verb->args,
			verb->summary);
	text_addf(out, "\nportwall %s VERB --help says more.\n\nExamples:\n", noun->name);
	add_examples(out, noun);
}

void options_print_help(struct text *out, const struct command *command)
{
	if (command->verbs) {
		print_noun_help(out, command);
		return;
	}
	text_addf(out, "Usage: portwall %s [OPTION...]%s%s\n\n", command->name,
		*command->args ? " " : "", command->args);
	add_wrapped(out, command->description, 0, 80);
	text_add(out, "\nOptions:\n");
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_spec *spec = &option_specs[command->options[i]];
		struct text words CLEANUP(text_done) = TEXT_INIT,
				  help CLEANUP(text_done) = TEXT_INIT;

		add_option_words(&words, spec);
		add_wrapped(&help, spec->help, 27, 80);
		if (words.len > 24)
			text_addf(out, "  %s\n%s", words.data, help.data);
		else
			text_addf(out, "  %-24s %s", words.data, help.data + 27);
	}
	text_add(out,
		"\nExit status: 0 done, 1 failed (what was changed is taken back, or the message says "
		"what stands),\n2 wrong usage or bad input (nothing was changed).\n");
	if (command->exit_status)
		add_wrapped(out, command->exit_status, 0, 80);
	text_add(out, "\nExamples:\n");
	add_examples(out, command);
}

/* roff eats leading dots and backslashes, and turns - into a hyphen. */
static void add_roff(struct text *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			text_add(out, "\\e");
		else if (*text == '-')
			text_add(out, "\\-");
		else
			text_add_n(out, text, 1);
	}
}

static void add_checks(struct text *out)
{
	text_add(out, ".SH CHECKS OF DOCTOR\n");
	for (size_t i = 0; i < doctor_n_checks; i++) {
		text_add(out, ".TP\n.B ");
		add_roff(out, doctor_checks[i]->id);
		text_add(out, "\n");
		add_roff(out, doctor_checks[i]->description);
		text_add(out, "\n");
	}
}

static void add_serve_config(struct text *out)
{
	const char *key, *preset, *help;

	text_add(out, ".SH CONFIGURATION OF SERVE\n");
	add_roff(out, SERVE_CONFIG_PATH);
	text_add(out,
		" has lines KEY = VALUE. A # at the beginning of a line or behind a space begins a remark, "
		"and the words of a list are parted by spaces. portwall serve \\-\\-check reads it and "
		"tells what is effective, or what is wrong and in which line.\n");
	for (size_t i = 0; serve_config_key(i, &key, &preset, &help), key; i++) {
		text_addf(out, ".TP\n.B ");
		add_roff(out, key);
		text_add(out, "\n");
		add_roff(out, help);
		text_add(out, *preset ? " Default: " : " Default: none");
		add_roff(out, preset);
		text_add(out, ".\n");
	}
}

static void add_synopsis(struct text *out, const struct command *command)
{
	text_addf(out, "%s.B portwall %s\n[OPTION...] %s\n", command == commands ? "" : ".br\n",
		command->name, command->args);
}

static void add_command(struct text *out, const struct command *command)
{
	text_addf(out, ".SS portwall %s [OPTION...] %s\n", command->name, command->args);
	add_roff(out, command->description);
	text_add(out, "\n");
	for (size_t o = 0; o < command->n_options; o++) {
		struct text words CLEANUP(text_done) = TEXT_INIT;

		add_option_words(&words, &option_specs[command->options[o]]);
		text_add(out, ".TP\n.B ");
		add_roff(out, words.data + strspn(words.data, " "));
		text_add(out, "\n");
		add_roff(out, option_specs[command->options[o]].help);
		text_add(out, "\n");
	}
	text_add(out, ".PP\n.nf\n");
	add_roff(out, command->examples);
	text_add(out, ".fi\n");
}

/* A noun is its verbs. */
static void each_command(struct text *out, void (*add)(struct text *, const struct command *))
{
	for (size_t i = 0; i < n_commands; i++) {
		if (!commands[i].verbs)
			add(out, &commands[i]);
		for (const struct command *verb = commands[i].verbs; verb && verb->name; verb++)
			add(out, verb);
	}
}

void options_print_man(struct text *out)
{
	text_addf(out,
		".\\\" made from the option table: do not edit\n"
		".TH PORTWALL 1 \"2026-11-27\" \"portwall %s\" \"User Commands\"\n"
		".SH NAME\nportwall \\- security groups for the bridge ports of a host\n"
		".SH SYNOPSIS\n",
		PORTWALL_VERSION);
	each_command(out, add_synopsis);
	text_add(out,
		".SH DESCRIPTION\n"
		"portwall puts OpenStack\\-style security groups on the ports of Linux bridges: taps of "
		"virtual machines, veths of containers. What no rule allows is dropped, in both "
		"directions; replies of allowed connections pass; source addresses are checked. The "
		"rules have the layout of OpenStack Neutron's iptables driver. Every command acts on "
		"the current network namespace and needs root.\n.SH COMMANDS\n");
	each_command(out, add_command);
	add_checks(out);
	add_serve_config(out);
	text_add(out,
		".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nFailed: the system refused or lacks "
		"something, or somebody else owns the chains. Nothing was changed, or what was changed "
		"was taken back, or the message says what stands.\n.TP\n.B 2\n"
		"Wrong usage, or an error in the policy file, the packet or the snapshot. Nothing was "
		"changed.\n"
		".TP\n.B 3\nexplain, watch, probe: the packet is dropped, rejected or consumed; probe \\-\\-matrix: something is not as the policy says; verify: something passes or is dropped that "
		"should not; audit: rules that can never match, a difference, or a source that should not be let in; doctor: there are findings; guard status: "
		"the guard is not there, was changed, or does not have all bridges.\n"
		".TP\n.B 4\nexplain, watch, probe: it is delivered, but rewritten.\n.TP\n.B 5\nexplain, watch, probe, verify: it cannot be told, also guard status; doctor: there are no findings, but something could not be told; "
		"ruleset \\-\\-check: something is not understood; audit: nothing was found, but something is not known.\n"
		".SH FILES\n.TP\n.I /run/portwall/\nThe policy that was applied last, the fixes of doctor that stand, and while something "
		"is changed a lock file and a journal, one each for every network namespace.\n"
		".SH ENVIRONMENT\n.TP\n.B PORTWALL_RUN_DIR\nIn place of /run/portwall.\n.TP\n"
		".B NO_COLOR\nNo colour, on a terminal too.\n"
		".SH SEE ALSO\n.BR iptables (8),\n.BR ipset (8),\n.BR nft (8),\n.BR bridge (8)\n");
}
