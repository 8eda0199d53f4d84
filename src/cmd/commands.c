// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of commands: what each takes and what people read about it. */
#include "cmd/cmd.h"

static const enum option_id apply_options[] = { OPT_DRY_RUN, OPT_VERBOSE, OPT_FIX_SYSCTL,
	OPT_ALLOW_MISSING, OPT_TAKEOVER, OPT_WAIT, OPT_PREFIX, OPT_BACKEND, OPT_JSON, OPT_HELP };
static const enum option_id show_options[] = { OPT_ALL, OPT_POLICY, OPT_PREFIX, OPT_BACKEND,
	OPT_JSON, OPT_HELP };
static const enum option_id groups_options[] = { OPT_JSON, OPT_HELP };
static const enum option_id ruleset_options[] = { OPT_CHECK, OPT_JSON, OPT_HELP };
static const enum option_id clear_options[] = { OPT_DRY_RUN, OPT_VERBOSE, OPT_TAKEOVER, OPT_WAIT,
	OPT_PREFIX, OPT_BACKEND, OPT_JSON, OPT_HELP };
static const enum option_id serve_options[] = { OPT_CONFIG, OPT_PARANOID, OPT_CHECK, OPT_JSON,
	OPT_HELP };
static const enum option_id export_options[] = { OPT_JSON, OPT_HELP };
static const enum option_id status_options[] = { OPT_ALL, OPT_JSON, OPT_HELP };
static const enum option_id user_options[] = { OPT_PROJECT, OPT_ROLE, OPT_PASSWORD, OPT_NO_PASSWORD,
	OPT_REVOKE, OPT_CONFIG, OPT_JSON, OPT_HELP };
static const enum option_id guard_options[] = { OPT_BRIDGE, OPT_DRY_RUN, OPT_TAKEOVER, OPT_WAIT,
	OPT_JSON, OPT_HELP };

static const enum option_id snapshot_options[] = { OPT_OUTPUT, OPT_REDACT, OPT_FORCE, OPT_ONLY_OWN,
	OPT_JSON, OPT_HELP };

static const enum option_id probe_options[] = { OPT_IN, OPT_PORT, OPT_TO, OPT_NETNS, OPT_MATRIX,
	OPT_POLICY, OPT_TO_MANY, OPT_PCAP, OPT_BRIEF, OPT_JSON, OPT_HELP };
static const enum option_id watch_options[] = { OPT_PORT, OPT_IN, OPT_NETNS, OPT_DROPS, OPT_COUNT,
	OPT_FOR, OPT_RATE, OPT_PLAIN, OPT_PCAP, OPT_BRIEF, OPT_JSON, OPT_HELP };
static const enum option_id explain_options[] = { OPT_IN, OPT_TO, OPT_OUT_OF_PROCESS, OPT_NETNS,
	OPT_SNAPSHOT, OPT_STATE, OPT_REPLY, OPT_EVERY, OPT_PACKETS, OPT_BRIEF, OPT_DOT, OPT_SVG,
	OPT_JSON, OPT_HELP };

static const enum option_id verify_options[] = { OPT_SNAPSHOT, OPT_AGAINST, OPT_PREFIX, OPT_JSON,
	OPT_HELP };
static const enum option_id audit_options[] = { OPT_AGAINST, OPT_CHAIN, OPT_FAMILY, OPT_SERVICE,
	OPT_ASSIGN, OPT_AS_FFFUU, OPT_NETNS, OPT_ALL, OPT_DOT, OPT_SVG, OPT_JSON, OPT_HELP };

static const enum option_id doctor_options[] = { OPT_LIST, OPT_SNAPSHOT, OPT_FIX, OPT_DRY_RUN,
	OPT_CONFIRM, OPT_UNDO, OPT_KEEP, OPT_WAIT, OPT_BRIEF, OPT_JSON, OPT_HELP };

#define OPTIONS(array) .options = (array), .n_options = N_OF(array)

const struct command commands[] = {
	{
		.name = "apply",
		.args = "FILE",
		.min_args = 1,
		.max_args = 1,
		.summary = "put the security groups of a policy file on the ports of this host",
		.description =
			"Reads FILE (\"-\" is standard input) and changes iptables, ip6tables, ipsets and the "
			"nftables table \"bridge portwall\" of this network namespace where they differ from "
			"it: each port of the file is filtered by its groups, and ports that are no longer in "
			"the file are no longer filtered. Applying the same file again changes nothing. "
			"A file with an error changes nothing; a change that the kernel refuses is taken "
			"back as a whole. Connections that no rule allows any more are cut, all others live "
			"on.",
		.examples =
			"portwall apply policy.yaml                  # enforce it\n"
			"portwall apply --dry-run policy.yaml        # the exact batches, nothing done\n"
			"portwall apply --fix-sysctl policy.yaml     # also make the bridges call iptables\n",
		OPTIONS(apply_options),
		.run = cmd_apply,
	},
	{
		.name = "show",
		.args = "[PORT]",
		.names_of_args = "port",
		.max_args = 1,
		.summary = "show what each port's rules did: packets, bytes, drops",
		.description =
			"For each port (or for PORT: a name, an id or an interface) and each direction: every "
			"rule of its groups in words with its packets and bytes and the line of the chain "
			"that it became, then the default drop and the anti-spoofing drop with their "
			"counters. A rule of the policy that is missing in the kernel, and a rule in a "
			"port's chain that is not the policy's, are marked.",
		.examples = "portwall show                  # all ports\n"
			    "portwall show web1             # one port\n"
			    "portwall show --all tap1234    # its built-in rules too\n",
		OPTIONS(show_options),
		.run = cmd_show,
	},
	{
		.name = "groups",
		.args = "[FILE]",
		.max_args = 1,
		.summary = "list security groups and their rules",
		.description =
			"The security groups of the policy that was applied last, or of FILE, with "
			"their rules in words.",
		.examples = "portwall groups\n"
			    "portwall groups policy.yaml    # of a file that is not applied yet\n",
		OPTIONS(groups_options),
		.run = cmd_groups,
	},
	{
		.name = "ruleset",
		.args = "FILE...",
		.min_args = 1,
		.max_args = 64,
		.summary =
			"read rulesets of iptables, ebtables, ipset and nft, and check what is understood",
		.description =
			"Reads texts of iptables-save, ip6tables-save, ebtables-save, ipset save and nft list "
			"ruleset, told apart by their content (\"-\" is standard input), and prints them as they were "
			"understood; what was written by hand takes the form in which those programs would "
			"print it. With --check, lists in their place by file and line what is not understood: "
			"matches, targets and sets that are carried as text and of which explain cannot tell "
			"what they do; then a summary for each file.",
		.exit_status = "5 something is not understood",
		.examples = "portwall ruleset --check /etc/iptables/rules.v4\n"
			    "iptables-save | portwall ruleset -         # the same again\n"
			    "nft list ruleset | portwall ruleset --json -\n",
		OPTIONS(ruleset_options),
		.run = cmd_ruleset,
	},
	{
		.name = "clear",
		.args = "",
		.summary = "take everything away that portwall made on this host",
		.description =
			"Removes portwall's chains, jumps, ipsets and its nftables table, cuts the connections "
			"that were tracked in its zones, and turns off what --fix-sysctl turned on. Ports "
			"are unfiltered afterwards. Rules of other programs are not touched.",
		.examples = "portwall clear\n"
			    "portwall clear --dry-run\n",
		OPTIONS(clear_options),
		.run = cmd_clear,
	},
	{
		.name = "serve",
		.args = "",
		.summary = "the service: keep the policy of its store on the ports of this host",
		.description =
			"Keeps what the policy says in the kernel: interfaces get their groups when they appear (and pass nothing "
			"before), rules that other programs change or flush are put back within a second, and each "
			"change of the policy is written as the few rules that differ. The policy is in a store of its own; it is changed "
			"over HTTP and JSON on a unix socket (and over TCP, for the users of \"portwall user\", where its configuration says so), in the shapes of Neutron's API, and by \"portwall apply\", which asks "
			"the service when it runs. Two processes: the door parses requests and has no right at all, the engine "
			"changes the kernel and takes only typed requests. While the service is stopped the "
			"kernel goes on enforcing; a start cuts no connection. SIGHUP reads the configuration again. --check "
			"says what is effective, or what is wrong in the configuration (--json: only with it).",
		.examples =
			"portwall serve --check\n"
			"portwall serve                         # systemctl start portwall\n"
			"portwall apply policy.yaml             # through the service\n"
			"portwall status\n"
			"curl --unix-socket /run/portwall/api.sock http://localhost/v2.0/security-groups\n",
		OPTIONS(serve_options),
		.run = cmd_serve,
	},
	{
		.name = "status",
		.args = "",
		.summary = "how the service is, and each port",
		.description =
			"Asks portwall serve: whether the kernel has the policy of the store, what was written, repaired and refused, "
			"and for each port of this host whether its rules are in the kernel or why not.",
		.exit_status =
			"3 the kernel does not have all of the policy, or a port failed and is closed",
		.examples = "portwall status\n"
			    "portwall status --json\n",
		OPTIONS(status_options),
		.run = cmd_status,
	},
	{
		.name = "group",
		.args = "VERB",
		.summary = "security groups of the service: list, show, create, set, delete",
		.description =
			"Security groups of portwall serve, one at a time, as openstack security group does it with Neutron.",
		.examples = "portwall group list\n"
			    "portwall group create web\n",
		.verbs = group_verbs,
	},
	{
		.name = "rule",
		.args = "VERB",
		.summary = "their rules, with packets and bytes: list, show, create, set, delete",
		.description =
			"Rules of security groups, as openstack security group rule does it with Neutron. A rule that was created is "
			"in the kernel, and what it counted is told with it.",
		.examples = "portwall rule list web\n"
			    "portwall rule create web --protocol tcp --dst-port 80\n",
		.verbs = rule_verbs,
	},
	{
		.name = "port",
		.args = "VERB",
		.summary = "ports of the service: list, show, create, set, unset, delete",
		.description =
			"Ports of virtual machines, as openstack port does it with Neutron, and whether the kernel has their rules.",
		.examples = "portwall port list\n"
			    "portwall port set web1 --security-group monitoring\n",
		.verbs = port_verbs,
	},
	{
		.name = "address-group",
		.args = "VERB",
		.summary = "address groups of the service: list, show, create, set, unset, delete",
		.description =
			"Lists of addresses that rules can name, as openstack address group does it with Neutron.",
		.examples = "portwall address-group create office --address 192.0.2.0/24\n",
		.verbs = address_group_verbs,
	},
	{
		.name = "network",
		.args = "VERB",
		.summary = "networks of the service: list, show, create, set, delete",
		.description =
			"Networks, as much of them as ports need, as openstack network has them: names, and addresses (portwall subnet).",
		.examples = "portwall network create blue\n",
		.verbs = network_verbs,
	},
	{
		.name = "subnet",
		.args = "VERB",
		.summary = "their addresses: list, show, create, set, delete",
		.description =
			"Ranges of addresses of networks, as openstack subnet has them. A port of a network gets its addresses from them.",
		.examples =
			"portwall subnet create blue4 --network blue --subnet-range 192.0.2.0/24\n",
		.verbs = subnet_verbs,
	},
	{
		.name = "user",
		.args = "VERB [NAME [LABEL]]",
		.words_of_args = "list add set delete token",
		.min_args = 1,
		.max_args = 3,
		.summary = "who may ask the service over TCP: passwords, tokens, roles",
		.description =
			"Keeps the users' file of portwall serve (users_file of its configuration), which notices a change by "
			"itself. list prints all. add NAME makes one, set NAME changes it, delete NAME ends it. A password is "
			"typed, or the first line of standard input; the file has only a hash of it. token NAME LABEL makes a "
			"token for a program and prints it, once; with --revoke it ends that token. An admin may do everything in "
			"all projects, a member change what is his project's, a reader look at it.",
		.examples =
			"portwall user add alice --role admin             # asks for a password\n"
			"portwall user add ci --no-password --project web # for a program\n"
			"portwall user token ci deploy                    # prints the token\n"
			"portwall user token ci deploy --revoke\n"
			"portwall user set alice --password < secret\n"
			"portwall user list --json\n",
		OPTIONS(user_options),
		.run = cmd_user,
	},
	{
		.name = "export",
		.args = "",
		.summary = "print the policy that holds here as a policy file",
		.description =
			"The policy of portwall serve when it runs, else the one that was applied last, with the ids of all objects: \"portwall "
			"apply\" of it changes nothing here, and elsewhere makes the same rules. The options that a service or an "
			"apply was given are not in it.",
		.examples = "portwall export > policy.yaml\n"
			    "portwall export | ssh other-host portwall apply -\n",
		OPTIONS(export_options),
		.run = cmd_export,
	},
	{
		.name = "guard",
		.args = "ACTION",
		.words_of_args = "install run status remove",
		.min_args = 1,
		.max_args = 1,
		.summary =
			"keep NAT of others (Docker's and its like) away from bridged packets of VMs",
		.description =
			"Programs that do NAT for containers write rules that are too broad: they rewrite packets "
			"that this host only bridges from one VM to another. The guard is an nftables table of its "
			"own, \"inet portwall-guard\", whose chains are asked before all other NAT and give "
			"bridged packets of VMs the addresses that they have; that also holds when the others write "
			"their rules again. ACTION is install, run, status or remove: install puts it there for the bridges that are there now (those "
			"with a port of a VM and those named qbr... and brq..., but no bridge of Docker, podman, CNI, LXD "
			"or of libvirt's NAT), and again after bridges came or went. run holds it as a service: "
			"new bridges are guarded at once, nobody else can change or flush it, and rules "
			"that others write are logged; at its end the table stays. status says whether it is whole, "
			"remove takes it away. What was tracked before keeps its NAT.",
		.exit_status =
			"status: 0 the guard is whole, 3 it is not there, was changed, or a bridge is not in "
			"it, 5 it cannot be told",
		.examples = "portwall guard install                 # once\n"
			    "portwall guard install --bridge br0    # of this bridge alone\n"
			    "portwall guard status\n"
			    "systemctl enable --now portwall-guard  # hold it: portwall guard run\n"
			    "portwall guard remove\n",
		OPTIONS(guard_options),
		.run = cmd_guard,
	},
	{
		.name = "explain",
		.args = "PACKET",
		.min_args = 0,
		.max_args = 64,
		.summary =
			"say what happens to a packet on this host, where, by whose rule, and what "
			"helps",
		.description =
			"Walks a packet through devices, bridges, netfilter, routing, network namespaces "
			"and Open vSwitch as the kernel would, without sending it, and prints where it "
			"ends, the way there, the rule that decided, whose that rule is, and the smallest "
			"change that flips the verdict. Where that depends on what is not known it says "
			"\"cannot tell\", and what is missing. "
			"PACKET is PROTOCOL SOURCE DESTINATION [OPTION...], such as \"tcp "
			"10.0.0.5:40000 10.0.0.9:443 syn\"; \"any\" leaves a part open. A prefix, a range, a list or a "
			"\"!\" in an address or a port (\"tcp any 10.0.0.0/8:!22\") asks about all of those packets at "
			"once, --every about all that \"any\" stands for: the set is parted by where they end, each part in "
			"words and with one of its packets. Nothing is changed. "
			"Needs root to read everything; a snapshot needs none.",
		.exit_status =
			"0 the packet is delivered as it is, 3 it is dropped, rejected or consumed, "
			"4 it is delivered but rewritten, 5 it cannot be told; of several packets, and of the parts of a "
			"set, the one that is furthest from delivered: 5, then 3, then 4",
		.examples =
			"portwall explain --in tap812bd281-f5 icmp 172.17.0.8 172.17.0.9\n"
			"portwall explain --in br-ethx ipip 10.0.0.2 192.168.1.5 --brief\n"
			"portwall explain --snapshot host.pws --in eth0 tcp 192.0.2.7:any 10.0.0.9:443\n"
			"portwall explain --in tap812bd281-f5 icmp 10.0.0.5 10.0.0.9 --svg > path.svg\n"
			"portwall explain --in tap812bd281-f5 tcp any 10.0.0.0/8\n"
			"portwall explain --in eth0 'udp !192.0.2.0/24 203.0.113.9:53,67-69'\n"
			"portwall explain --snapshot host.pws --packets packets.jsonl\n",
		OPTIONS(explain_options),
		.run = cmd_explain,
	},
	{
		.name = "watch",
		.args = "[FILTER]",
		.max_args = 64,
		.summary =
			"follow packets on the wire, from point to point and rule to rule, as they pass",
		.description =
			"Listens on every device of a port's path (taps, ports of bridges, veths, ports of Open vSwitch, NICs, in all "
			"network namespaces), asks netfilter which rules a packet meets, and the kernel where it is dropped, and "
			"puts that together: for each packet its way, how it looked at each point, where it was seen last, by which "
			"rule of which program it was dropped or rewritten, and what helps. Below it stands how that differs from what "
			"portwall explain says of the packet, if it does. FILTER is an expression of libpcap (pcap-filter(7)), such as "
			"\"icmp and host 172.17.0.9\", and \"ipip\"; none: every packet. It is applied by the kernel; packets in "
			"IPIP, GRE and VXLAN are followed by their inner header, rewritten ones stay followed. "
			"No rule of anybody is changed: traces are asked for by tables of its own (nft list tables: portwall-watch-...), which go with "
			"it, however it ends. What cannot be observed on this kernel is said at the beginning. "
			"On a terminal it shows a live view, unless it is asked for --plain, --brief or --json: the points as columns with exact counters, "
			"so that it is seen where packets come no further, the newest packets below, and each of them in full; \"?\" tells the keys. "
			"With --pcap the frames go into a file as well (pcapng, mode 0600: it holds what people sent), which can be read "
			"however the command ends. "
			"With --drops no packet is followed: every drop at the ports of this host's bridges (--port, --in: at those of one "
			"port's path) is counted by the kernel, exactly, with the reason that it has. For each port, reason and other station "
			"it is said which rule it was, whose that is, and what would let these packets pass, as portwall explain says of one of "
			"them; where explain does not know why, the kernel's reason stands alone. Needs root.",
		.exit_status =
			"as explain, of the packet that is furthest from delivered: 0 delivered, 3 dropped, rejected or consumed, 4 delivered "
			"but rewritten, 5 it cannot be told, or no packet came; --drops: 3 packets were dropped, 0 none",
		.examples =
			"portwall watch ipip --port vm1\n"
			"portwall watch 'icmp and host 172.17.0.9' --in vm1 --count 1 --json\n"
			"portwall watch 'tcp port 443' --in tap812bd281-f5 --for 10s --brief\n"
			"portwall watch ipip --in tap812bd281-f5 --pcap incident  # for Wireshark\n"
			"portwall watch --drops\n"
			"portwall watch --drops --port vm1 --for 60s --json\n",
		OPTIONS(watch_options),
		.run = cmd_watch,
	},
	{
		.name = "probe",
		.args = "[PACKET]",
		.max_args = 64,
		.summary =
			"send one packet as if it came in by a device, and watch what becomes of it",
		.description =
			"Sends PACKET, once, as if the machine behind the device had sent it, or as if it had come by the wire, and follows it "
			"as portwall watch does: where it ends, its way and the rules on it, and whether portwall explain says the same. "
			"PACKET is written as for explain. It bears \"portwall probe\" and a random number; a source port "
			"that is not said is a random one, and MACs are those that this host knows of the addresses. "
			"Where it is answered, the answer goes to whoever has the source address. "
			"What goes to everybody (broadcast, multicast) is refused without --to-many. "
			"--matrix sends one packet for each rule of each group of the port (of the policy that holds, or of --policy), and one that no rule "
			"allows, and prints what is expected beside what was seen: a test of the policy. What comes to the port is sent in by the "
			"other port of its bridge, or by that of --to. "
			"Needs root and Linux 5.18.",
		.exit_status =
			"as explain: 0 delivered, 3 dropped, rejected or consumed, 4 delivered but rewritten, 5 it cannot be told; "
			"--matrix: 0 all is as expected, 3 something is not, 5 something could not be told",
		.examples =
			"portwall probe --in tap812bd281-f5 'tcp 10.0.0.5 10.0.0.9:443 syn'\n"
			"portwall probe --in eth1 ipip 10.0.0.2 192.168.1.5 --json\n"
			"portwall probe --matrix --port vm1       # do the rules of the port do what they say?\n",
		OPTIONS(probe_options),
		.run = cmd_probe,
	},
	{
		.name = "verify",
		.args = "[POLICY]",
		.max_args = 1,
		.summary = "prove that this host passes what its policy passes, for every packet",
		.description =
			"For each port, in each direction, the packets that the installed rules of this host "
			"let pass (all of them, whoever wrote them: iptables, ip6tables, ipset, nft, ebtables) are "
			"computed as a set and compared with those that POLICY lets pass; without POLICY, with "
			"the one that was applied last. Where they differ it prints the packets that are lost, "
			"or pass and should not, in words and with one of them as an example; and the rule that "
			"is missing, too much or in the way, with its table, chain and number, and whose it is. "
			"What depends on matches that are not modelled, or on rules that were not read, is "
			"\"cannot tell\". Judged is what bridges forward between a port and the network; NAT is not "
			"judged. With --against, what one host passes and the other does not, at each port that "
			"both have. Nothing is changed. Needs root; a snapshot needs none.",
		.exit_status = "0 equal, 3 different, 5 it cannot be told",
		.examples =
			"portwall verify                              # what was applied last still holds\n"
			"portwall verify policy.yaml                  # would it be the same with that?\n"
			"portwall verify --snapshot host.pws policy.yaml\n"
			"portwall verify --against yesterday.pws      # what changed since then?\n",
		OPTIONS(verify_options),
		.run = cmd_verify,
	},
	{
		.name = "audit",
		.args = "[FILE...]",
		.max_args = 16,
		.summary =
			"say what a ruleset lets pass, which of its rules can never match, what differs",
		.description =
			"Asks the rules of FILE about all packets at once, and proves what it says. FILE is what "
			"iptables-save, ip6tables-save or nft list ruleset print (with ipset save beside it), a "
			"snapshot or an unpacked sosreport; without one, this host. Told are, for each family: "
			"who may talk to whom (addresses that are treated alike are one class), which sources "
			"come in by which interface, and the rules that no packet can match with the earlier "
			"rules that take their packets. With --against, what one ruleset passes and the other "
			"does not, with a packet as witness and the rules that decide. A match that nobody can "
			"compute (limit, recent, bpf) stands in brackets: for some value of it. Nothing is changed.",
		.exit_status =
			"3 something was found: a rule that can never match, a difference, a source that "
			"--assign does not have; 5 nothing was found, but something is not known",
		.examples =
			"portwall audit /etc/iptables/rules.v4\n"
			"iptables-save | portwall audit -\n"
			"portwall audit --service tcp/443 --service udp/53 rules.v4\n"
			"portwall audit --assign eth1=10.0.0.0/8 --chain filter/FORWARD rules.v4\n"
			"portwall audit --against rules.old rules.new\n"
			"portwall audit --chain forward --svg host.pws > who.svg\n",
		OPTIONS(audit_options),
		.run = cmd_audit,
	},
	{
		.name = "doctor",
		.args = "[CHECK...]",
		.max_args = 64,
		.summary = "find what other programs do to the ports of this host, and fix it",
		.description =
			"Makes every check (or each CHECK that is named) over this host and prints what it found, worst "
			"first: what is wrong, the rules and settings that show it, whose they are, a packet that "
			"shows it with its way, what users see, and fixes as commands. Nothing is reported that the walk "
			"of a packet does not show, and no fix is offered that was not tried in a copy of the host: "
			"with it the packet passes as it was sent, and what other programs serve is served as before. "
			"With --fix a fix is applied, whole or not at all; conntrack entries that the fault left behind "
			"are deleted, no others; the host is looked at again, and the way back is printed. With --fix, --undo "
			"and --keep the words are findings (\"nat-source.POSTROUTING-1\"), or a finding and one of its fixes "
			"(\"nat-source.POSTROUTING-1:return\"). Needs root; a snapshot needs none.",
		.exit_status =
			"3 there are findings, 5 there are none, but a check could not be made",
		.examples =
			"portwall doctor\n"
			"portwall doctor --list                         # what it looks for\n"
			"portwall doctor --snapshot host.pws nat-source # one check, of another host\n"
			"portwall doctor --fix --dry-run                # what would be done\n"
			"portwall doctor --fix nat-source.POSTROUTING-1 --confirm 60\n"
			"portwall doctor --keep                         # within these 60 seconds\n"
			"portwall doctor --undo\n",
		OPTIONS(doctor_options),
		.run = cmd_doctor,
	},
	{
		.name = "snapshot",
		.args = "",
		.summary = "take everything that decides about packets on this host into one file",
		.description =
			"Reads every network namespace of this host: links, addresses, routes, rules, "
			"neighbours, bridges, settings, conntrack entries, listening sockets, the rules of "
			"iptables (both variants), nftables, ipset, and Open vSwitch. Nothing is changed, "
			"and no payload of packets is looked at. The file is JSON, and behind it the rules "
			"as the tools print them, packed as gzip does (zcat shows it). What could not be read is listed, and noted in the file as "
			"unread, never as absent. Needs root to see everything.",
		.examples = "portwall snapshot                          # HOSTNAME-DATE.pws\n"
			    "portwall snapshot --redact -o case17.pws   # to give away\n"
			    "portwall snapshot -o - | zcat | jq -n 'input.host.netns[0].links'\n",
		OPTIONS(snapshot_options),
		.run = cmd_snapshot,
	},
};

const size_t n_commands = N_OF(commands);
