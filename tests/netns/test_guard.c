// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard against NAT of others, with real packets: who sent, as the receiver sees it.
 *
 *    vm1   vm2     ct        vm3   vm4      out
 *     |     |      |          |     |        |
 *    tap1  tap2   veth1      tap3  tap4     eth0 198.18.0.1
 *   --+-----+--  --+------  --+-----+--      |              the host, which routes
 *      qbrX       docker0      br0
 *    (none)     172.17.0.1   10.0.0.1
 *
 * The VMs of qbrX have addresses of docker0's network, as a tenant may choose.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "explain/explain.h"
#include "kernel/kernel.h"
#include "net.h"
#include "nettool.h"
#include "packet/expr.h"

#define WAIT_MS 60000 /* for what must come, however busy the machine is */
#define PORT	7
#define MAPPED	9 /* others map it to PORT of somebody */

#define OUT4 "198.18.0.1"
#define OUT6 "fd00:18::1"
/* What masquerading takes for a bridge without an address: the first other device's, and by the destination. */
#define HOST4 "172.17.0.1"
#define HOST6 "fd00:17::1"

struct end {
	int ns;
	const char *dev, *v4, *v6;
	char mac[20];
	int fds[2][2]; /* by family, at PORT and at MAPPED */
};
struct lab {
	int ns;
	struct end vm1, vm2, ct, vm3, vm4, out;
	struct end *all[6];
	pid_t holder; /* portwall guard run; 0: none */
	int notify;   /* what it tells its manager */
};

static void open_udp(struct end *end, bool is_v6, int which)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = htons(which ? MAPPED : PORT) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = six.sin6_port };
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, size = 64 << 20;

	assert_true(fd >= 0);
	if (is_v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, is_v6 ? (void *)&six : (void *)&four, is_v6 ? sizeof(six) : sizeof(four)) != 0)
		fail_msg("bind: %s", strerror(errno));
	end->fds[is_v6][which] = fd;
}

/* eth0 in a namespace of its own, the other end is dev in the host's. */
static void plug(struct lab *lab, struct end *end, const char *dev, const char *bridge,
	const char *v4, const char *v6, const char *gateway4, const char *gateway6)
{
	end->ns = net_new_ns();
	end->dev = dev;
	snprintf(end->mac, sizeof(end->mac), "02:00:00:00:01:%02x",
		(unsigned)(end - &lab->vm1) & 0xff);
	end->v4 = v4;
	end->v6 = v6;
	net_sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0");
	net_enter(lab->ns);
	net_ip(lab->ns, "link add %s up type veth peer name eth0 address %s netns /proc/%d/fd/%d\n",
		dev, end->mac, getpid(), end->ns);
	if (bridge)
		net_ip(lab->ns, "link set %s master %s\n", dev, bridge);
	net_ip(end->ns,
		"link set lo up\nlink set eth0 up\naddress add %s/24 dev eth0\n"
		"address add %s/64 dev eth0 nodad\n",
		v4, v6);
	if (gateway4)
		net_ip(end->ns, "route add default via %s\nroute add ::/0 via %s\n", gateway4,
			gateway6);
	net_enter(end->ns);
	net_await_link("eth0");
	for (int i = 0; i < 4; i++)
		open_udp(end, i & 1, i >> 1);
	net_enter(lab->ns);
	net_await_link(dev);
}

static void add_bridge(const char *name, const char *v4, const char *v6)
{
	net_sh("ip link add %s up type bridge forward_delay 0 mcast_snooping 0 nf_call_iptables 1 "
	       "nf_call_ip6tables 1 && sysctl -qw net.ipv4.conf.%s.arp_ignore=1",
		name, name);
	if (v4)
		net_sh("ip address add %s/24 dev %s; ip address add %s/64 dev %s nodad", v4, name,
			v6, name);
	else
		net_sh("sysctl -qw net.ipv6.conf.%s.disable_ipv6=1", name);
}

static struct lab *lab_new(void)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct end *all[] = { &lab->vm1, &lab->vm2, &lab->ct, &lab->vm3, &lab->vm4, &lab->out };

	lab->ns = net_new_ns();
	memcpy(lab->all, all, sizeof(all));
	net_sh("mount -t sysfs sysfs /sys; ip link set lo up;"
	       "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 "
	       "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	add_bridge("qbrX", NULL, NULL);
	add_bridge("docker0", "172.17.0.1", "fd00:17::1");
	add_bridge("br0", "10.0.0.1", "fd00:10::1");
	plug(lab, &lab->out, "eth0", NULL, "198.18.0.2", "fd00:18::2", OUT4, OUT6);
	net_sh("ip address add " OUT4 "/24 dev eth0; ip address add " OUT6 "/64 dev eth0 nodad");
	plug(lab, &lab->vm1, "tap1", "qbrX", "172.17.0.11", "fd00:17::11", NULL, NULL);
	plug(lab, &lab->vm2, "tap2", "qbrX", "172.17.0.12", "fd00:17::12", NULL, NULL);
	plug(lab, &lab->ct, "veth1", "docker0", "172.17.0.2", "fd00:17::2", "172.17.0.1",
		"fd00:17::1");
	plug(lab, &lab->vm3, "tap3", "br0", "10.0.0.13", "fd00:10::13", "10.0.0.1", "fd00:10::1");
	plug(lab, &lab->vm4, "tap4", "br0", "10.0.0.14", "fd00:10::14", "10.0.0.1", "fd00:10::1");
	return lab;
}

static void lab_freep(struct lab **at)
{
	struct lab *lab = *at;

	if (lab->holder) {
		kill(lab->holder, SIGKILL);
		waitpid(lab->holder, NULL, 0);
		close(lab->notify);
	}
	for (size_t i = 0; i < N_OF(lab->all); i++) {
		for (int f = 0; f < 4; f++)
			close(lab->all[i]->fds[f & 1][f >> 1]);
		close(lab->all[i]->ns);
	}
	close(lab->ns);
	free(lab);
}

/* --- packets --- */

static bool send_udp(const char *to, uint16_t port, bool is_v6)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	inet_pton(AF_INET6, to, &six.sin6_addr);
	inet_pton(AF_INET, to, &four.sin_addr);
	ok = fd >= 0 && sendto(fd, "x", 1, 0, is_v6 ? (void *)&six : (void *)&four,
				is_v6 ? sizeof(six) : sizeof(four)) == 1;
	close(fd);
	return ok;
}

/* What came: from whom; "" when nothing did. */
static const char *receive(int fd, char *from, size_t size, unsigned wait_ms)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char data[8];

	*from = '\0';
	if (poll(&wait, 1, (int)wait_ms) > 0 &&
		recvfrom(fd, data, sizeof(data), 0, (void *)&addr, &len) == 1)
		inet_ntop(addr.ss_family,
			addr.ss_family == AF_INET6
				? (void *)&((struct sockaddr_in6 *)&addr)->sin6_addr
				: (void *)&((struct sockaddr_in *)&addr)->sin_addr,
			from, (socklen_t)size);
	return from;
}

/* A new flow from one end (NULL: the host) to an address and port; whom does "at" see at which port? */
static void assert_seen(struct lab *lab, const struct end *from, const char *to, uint16_t port,
	struct end *at, uint16_t at_port, const char *expected)
{
	bool is_v6 = strchr(to, ':');
	char seen[INET6_ADDRSTRLEN];

	if (from)
		net_enter(from->ns);
	if (!send_udp(to, port, is_v6))
		fail_msg("send to %s: %s", to, strerror(errno));
	net_enter(lab->ns);
	receive(at->fds[is_v6][at_port == MAPPED], seen, sizeof(seen), WAIT_MS);
	if (strcmp(seen, expected) != 0)
		fail_msg("to %s %d: from \"%s\", not %s", to, port, seen, expected);
}

static const struct host *read_host(struct arena *arena)
{
	const struct host *host = NULL;
	struct err err = { 0 };

	if (!kernel_host_read(arena, &(struct host_read_options){ .only_own = true }, &host, &err))
		fail_msg("%s", err.text);
	/* as with a VM behind it: the guests' namespaces are not read */
	for (size_t i = 0; i < host->netns[0].n_links; i++) {
		struct link *link = &host->netns[0].links[i];

		if (strncmp(link->name, "tap", 3) != 0)
			continue;
		link->kind = "tun";
		link->peer_index = 0;
		link->is_peer_away = false;
	}
	return host;
}

/* The walk over the host as it is says the same of a bridged frame. */
static void assert_explained(
	const struct end *from, const struct end *to, bool is_v6, enum final expected)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *host = read_host(arena);
	const struct explanation *explanation;
	struct query query;
	struct err err;

	if (!explain_find_entry(host, from->dev, &query, &err) ||
		!packet_expr_parse(arena_printf(arena,
					   is_v6 ? "udp [%s]:40000 [%s]:7 mac %s > %s"
						 : "udp %s:40000 %s:7 mac %s > %s",
					   is_v6 ? from->v6 : from->v4, is_v6 ? to->v6 : to->v4,
					   from->mac, to->mac),
			&query.packet, &err))
		fail_msg("%s", err.text);
	explanation = explain(arena, explainer_new(arena, host), &query);
	if (explanation->final != expected)
		fail_msg("from %s: %s, not %s: %s", from->dev, final_name(explanation->final),
			final_name(expected), explanation->leaf->why ? explanation->leaf->why : "");
}

/* Between the VMs of qbrX, both families, both kinds of NAT: as it was sent, or rewritten. */
static void assert_bridged(struct lab *lab, bool is_rewritten)
{
	uint16_t port = is_rewritten ? PORT : MAPPED;

	assert_seen(lab, &lab->vm1, lab->vm2.v4, PORT, &lab->vm2, PORT,
		is_rewritten ? HOST4 : lab->vm1.v4);
	assert_seen(lab, &lab->vm1, lab->vm2.v6, PORT, &lab->vm2, PORT,
		is_rewritten ? HOST6 : lab->vm1.v6);
	assert_seen(lab, &lab->vm1, lab->vm2.v4, MAPPED, &lab->vm2, port,
		is_rewritten ? HOST4 : lab->vm1.v4);
	assert_seen(lab, &lab->vm1, lab->vm2.v6, MAPPED, &lab->vm2, port,
		is_rewritten ? HOST6 : lab->vm1.v6);
	for (int is_v6 = 0; is_v6 < 2; is_v6++)
		assert_explained(&lab->vm1, &lab->vm2, is_v6,
			is_rewritten ? FINAL_REWRITTEN : FINAL_DELIVERED);
}

/* --- who does NAT --- */

#define SAVED(first, second, net, own)                                                             \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n"                                                              \
	"-A PREROUTING -d " own " -p udp --dport 9 -j DNAT --to-destination " first "\n"           \
	"-A PREROUTING -p udp --dport 9 -j REDIRECT --to-ports 1\n"                                \
	"-I PREROUTING -d " second " -p udp --dport 9 -j DNAT --to-destination " net "\n"
#define RULES4                                                                                     \
	SAVED("172.17.0.2:7", "172.17.0.12", "172.17.0.12:7", "10.0.0.1")                          \
	"-A POSTROUTING -o br0 -p udp --dport 9 -s 10.0.0.1 -j SNAT --to-source 10.0.0.99\n"       \
	"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"                             \
	"-A POSTROUTING -s 10.0.0.0/24 ! -o docker0 -j MASQUERADE\nCOMMIT\n"
#define RULES6                                                                                     \
	SAVED("[fd00:17::2]:7", "fd00:17::12", "[fd00:17::12]:7", "fd00:10::1")                    \
	"-A POSTROUTING -o br0 -p udp --dport 9 -s fd00:10::1 -j SNAT --to-source fd00:10::99\n"   \
	"-A POSTROUTING -s fd00:17::/64 ! -o docker0 -j MASQUERADE\n"                              \
	"-A POSTROUTING -s fd00:10::/64 ! -o docker0 -j MASQUERADE\nCOMMIT\n"

static void restore(const char *program, const char *rules)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!net_try(rules, &out, (const char *const[]){ program, NULL }))
		fail_msg("%s: %s", program, out.data);
}

static void write_iptables(const char *variant)
{
	char program[64];

	snprintf(program, sizeof(program), "iptables-%s-restore", variant);
	restore(program, RULES4);
	snprintf(program, sizeof(program), "ip6tables-%s-restore", variant);
	restore(program, RULES6);
}

static void write_by_iptables_nft(void)
{
	write_iptables("nft");
}

static void write_by_iptables_legacy(void)
{
	write_iptables("legacy");
}

static void write_by_nft(void)
{
	static const char rules[] =
		"table inet others {\nchain pre { type nat hook prerouting priority dstnat;\n"
		"ip daddr 172.17.0.12 udp dport 9 dnat ip to 172.17.0.12:7\n"
		"ip6 daddr fd00:17::12 udp dport 9 dnat ip6 to [fd00:17::12]:7\n"
		"ip daddr 10.0.0.1 udp dport 9 dnat ip to 172.17.0.2:7\n"
		"ip6 daddr fd00:10::1 udp dport 9 dnat ip6 to [fd00:17::2]:7\n"
		"udp dport 9 redirect to :1\n"
		"}\nchain post { type nat hook postrouting priority srcnat;\n"
		"oifname br0 ip saddr 10.0.0.1 udp dport 9 snat ip to 10.0.0.99\n"
		"oifname br0 ip6 saddr fd00:10::1 udp dport 9 snat ip6 to fd00:10::99\n"
		"oifname != docker0 ip saddr { 172.17.0.0/16, 10.0.0.0/24 } masquerade\n"
		"oifname != docker0 ip6 saddr { fd00:17::/64, fd00:10::/64 } masquerade\n}\n}\n";
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!net_try(rules, &out, (const char *const[]){ "nft", "-f", "-", NULL }))
		fail_msg("%s", out.data);
}

static const struct writer {
	const char *name;
	void (*write)(void);
	const char *erase;
} writers[] = {
	{ "iptables-nft", write_by_iptables_nft,
		"iptables-nft -t nat -F; ip6tables-nft -t nat -F" },
	{ "iptables-legacy", write_by_iptables_legacy,
		"iptables-legacy -t nat -F; ip6tables-legacy -t nat -F" },
	{ "nft", write_by_nft, "nft delete table inet others" },
};

/* --- portwall --- */

/* Its exit status must be that; ret: what it printed, may be NULL. */
static void portwall(const char *words, int status, struct text *ret)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, command CLEANUP(text_done) = TEXT_INIT;

	text_addf(&command, "'%s' guard %s; test $? -eq %d", getenv("PORTWALL"), words, status);
	if (!net_try_sh(&out, command.data))
		fail_msg("guard %s: not %d\n%s", words, status, out.data);
	if (ret) {
		text_clear(ret);
		text_add(ret, out.data);
	}
}

#define LOG "/run/guard.log"

static void await_ready(struct lab *lab)
{
	struct pollfd wait = { .fd = lab->notify, .events = POLLIN };
	char data[256];
	ssize_t got = 0;

	if (poll(&wait, 1, WAIT_MS) <= 0 ||
		(got = recv(lab->notify, data, sizeof(data) - 1, 0)) <= 0)
		fail_msg("guard run does not say that it is ready");
	data[got] = '\0';
	assert_memory_equal(data, "READY=1\nSTATUS=guards ", strlen("READY=1\nSTATUS=guards "));
}

static void hold(struct lab *lab)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/run/notify" };

	unlink(addr.sun_path);
	lab->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(lab->notify, (void *)&addr, sizeof(addr)), 0);
	fflush(stdout);
	lab->holder = fork();
	if (lab->holder == 0) {
		int fd = open(LOG, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		const char *program = getenv("PORTWALL");

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a case that fails goes on with the next one */
		dup2(fd, 2);
		setenv("NOTIFY_SOCKET", addr.sun_path, 1);
		if (program)
			execl(program, "portwall", "guard", "run", NULL);
		_exit(126);
	}
	assert_true(lab->holder > 0);
	await_ready(lab);
}

/* Ends the holder; returns what waitpid says. */
static int end_holder(struct lab *lab, int signal)
{
	int status;

	assert_int_equal(kill(lab->holder, signal), 0);
	assert_int_equal(waitpid(lab->holder, &status, 0), lab->holder);
	lab->holder = 0;
	close(lab->notify);
	return status;
}

static bool log_has(void *data)
{
	struct text log CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	return text_load(&log, LOG, 1 << 20, &err) && strstr(log.data, data);
}

static void assert_logged(char *words)
{
	struct text log CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	if (net_wait_for(log_has, words, WAIT_MS))
		return;
	assert_true(text_load(&log, LOG, 1 << 20, &err));
	fail_msg("not logged: %s\n%s", words, log.data);
}

static bool is_guarded(void *data)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	return net_try_sh(&out, "nft list set inet portwall-guard bridges") &&
	       strstr(out.data, data);
}

static bool is_not_guarded(void *data)
{
	return !is_guarded(data);
}

/* --- cases --- */

static void bridged_packets_keep_their_addresses_whoever_does_nat(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(writers); i++) {
		struct lab *lab CLEANUP(lab_freep) = lab_new();

		printf("# %s\n", writers[i].name);
		writers[i].write();
		assert_bridged(lab, true);
		portwall("install", 0, NULL);
		assert_bridged(lab, false);
		portwall("status", 0, NULL);
		/* rules that are written again stand behind it all the same */
		net_sh("%s", writers[i].erase);
		assert_bridged(lab, false);
		writers[i].write();
		assert_bridged(lab, false);
		if (i < 2)
			net_sh("iptables-%s -t nat -I POSTROUTING 1 -j MASQUERADE",
				i ? "legacy" : "nft");
		assert_bridged(lab, false);
		portwall("remove", 0, NULL);
		assert_bridged(lab, true);
	}
}

static void what_the_host_routes_and_sends_is_mapped_as_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(writers); i++) {
		struct lab *lab CLEANUP(lab_freep) = lab_new();

		writers[i].write();
		for (int is_guarded_now = 0; is_guarded_now < 2; is_guarded_now++) {
			printf("# %s, %s\n", writers[i].name, is_guarded_now ? "guarded" : "not");
			if (is_guarded_now)
				portwall("install", 0, NULL);
			/* containers and VMs of br0 get out */
			assert_seen(lab, &lab->ct, lab->out.v4, PORT, &lab->out, PORT, OUT4);
			assert_seen(lab, &lab->ct, lab->out.v6, PORT, &lab->out, PORT, OUT6);
			assert_seen(lab, &lab->vm3, lab->out.v4, PORT, &lab->out, PORT, OUT4);
			assert_seen(lab, &lab->vm3, lab->out.v6, PORT, &lab->out, PORT, OUT6);
			/* a published port, asked from a VM by the host's address */
			assert_seen(
				lab, &lab->vm3, "10.0.0.1", MAPPED, &lab->ct, PORT, lab->vm3.v4);
			assert_seen(
				lab, &lab->vm3, "fd00:10::1", MAPPED, &lab->ct, PORT, lab->vm3.v6);
			/* what the host sends */
			assert_seen(lab, NULL, lab->vm3.v4, MAPPED, &lab->vm3, MAPPED, "10.0.0.99");
			assert_seen(
				lab, NULL, lab->vm3.v6, MAPPED, &lab->vm3, MAPPED, "fd00:10::99");
			/* what br0 bridges */
			assert_seen(lab, &lab->vm3, lab->vm4.v4, PORT, &lab->vm4, PORT,
				is_guarded_now ? lab->vm3.v4 : "10.0.0.1");
			assert_seen(lab, &lab->vm3, lab->vm4.v6, PORT, &lab->vm4, PORT,
				is_guarded_now ? lab->vm3.v6 : "fd00:10::1");
			for (int is_v6 = 0; is_v6 < 2; is_v6++)
				assert_explained(&lab->vm3, &lab->vm4, is_v6,
					is_guarded_now ? FINAL_DELIVERED : FINAL_REWRITTEN);
			if (is_guarded_now) {
				assert_seen(lab, &lab->vm3, lab->vm4.v4, MAPPED, &lab->vm4, MAPPED,
					lab->vm3.v4);
				assert_seen(lab, &lab->vm3, lab->vm4.v6, MAPPED, &lab->vm4, MAPPED,
					lab->vm3.v6);
			}
		}
	}
}

static void a_held_guard_cannot_be_flushed_or_changed(void **state)
{
	struct lab *lab CLEANUP(lab_freep) = lab_new();
	struct text out CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	hold(lab);
	portwall("status --json", 0, &out);
	assert_non_null(strstr(out.data, "\"held\": true"));
	net_sh("nft flush ruleset");
	write_by_iptables_nft();
	assert_bridged(lab, false);
	net_sh("! nft delete table inet portwall-guard");
	net_sh("! nft add rule inet portwall-guard postrouting accept");
	net_sh("! nft flush table inet portwall-guard");
	net_sh("! nft delete element inet portwall-guard bridges '{ qbrX }'");
	portwall("status", 0, NULL);
	portwall("install", 0, &out);
	assert_non_null(strstr(out.data, "already"));
	portwall("remove", 1, &out);
	assert_non_null(strstr(out.data, "a process holds"));
	portwall("run", 1, &out);
	assert_non_null(strstr(out.data, "a process holds"));
	assert_bridged(lab, false);
	/* who wrote is told */
	assert_logged("<5>event=rules-changed writer=");
	assert_logged("iptables");
	assert_logged("tables=\"ip");
	write_by_iptables_legacy();
	assert_logged("writer=iptables-legacy");
}

static void a_new_bridge_is_guarded_and_one_that_gets_an_address_differently(void **state)
{
	struct lab *lab CLEANUP(lab_freep) = lab_new();
	struct text out CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	hold(lab);
	add_bridge("brq-new", NULL, NULL);
	assert_true(net_wait_for(is_guarded, "brq-new", WAIT_MS));
	await_ready(lab);
	/* by its port alone */
	add_bridge("plain", NULL, NULL);
	net_sh("ip tuntap add dev vnet0 mode tap; ip link set vnet0 master plain");
	assert_true(net_wait_for(is_guarded, "plain", WAIT_MS));
	net_sh("ip address add 10.9.0.1/24 dev plain");
	assert_true(net_wait_for(is_not_guarded, "plain", WAIT_MS));
	portwall("status --json | jq -c .bridges", 0, &out);
	assert_non_null(strstr(out.data, "{\"name\":\"plain\",\"has_address\":true}"));
	net_sh("ip link delete brq-new");
	assert_true(net_wait_for(is_not_guarded, "brq-new", WAIT_MS));
	assert_logged("event=guard-bridges removed=brq-new");
	portwall("status", 0, NULL);
	assert_false(is_guarded("docker0"));
}

static void its_end_leaves_the_table_without_a_gap(void **state)
{
	struct lab *lab CLEANUP(lab_freep) = lab_new();
	struct text out CLEANUP(text_done) = TEXT_INIT;
	char seen[INET6_ADDRSTRLEN];
	size_t n = 0;

	(void)state;
	write_by_iptables_nft();
	hold(lab);
	for (int round = 0; round < 4; round++) {
		pid_t sender;
		int status;

		fflush(stdout);
		sender = fork();
		if (sender == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			net_bind_to_another_cpu();
			net_enter(lab->vm1.ns);
			for (;;)
				send_udp(lab->vm2.v4, PORT, false);
		}
		receive(lab->vm2.fds[0][0], seen, sizeof(seen), WAIT_MS);
		status = end_holder(lab, SIGTERM);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		portwall("status --json", 0, &out);
		assert_non_null(strstr(out.data, "\"held\": false"));
		hold(lab); /* takes the table over, which has no gap either */
		kill(sender, SIGKILL);
		waitpid(sender, NULL, 0);
		for (; *seen; n++) {
			assert_string_equal(seen, lab->vm1.v4);
			receive(lab->vm2.fds[0][0], seen, sizeof(seen), 0);
		}
		net_sh("conntrack -F >/dev/null 2>&1");
	}
	printf("# %zu flows while it came and went\n", n);
	assert_true(n > 100);
	assert_int_equal(WEXITSTATUS(end_holder(lab, SIGINT)), 0);
	assert_logged("event=guard-left");
	/* a table without an owner goes as any other does */
	portwall("remove", 0, NULL);
	assert_bridged(lab, true);
}

static void what_kills_it_leaves_no_table_and_install_puts_one_there(void **state)
{
	struct lab *lab CLEANUP(lab_freep) = lab_new();

	(void)state;
	write_by_iptables_nft();
	hold(lab);
	assert_bridged(lab, false);
	assert_true(WIFSIGNALED(end_holder(lab, SIGKILL)));
	net_sh("! nft list table inet portwall-guard");
	portwall("status", 3, NULL);
	portwall("install", 0, NULL);
	assert_bridged(lab, false);
	hold(lab);
	portwall("status", 0, NULL);
	assert_bridged(lab, false);
}

static void what_is_not_the_guard_is_not_touched(void **state)
{
	struct lab *lab CLEANUP(lab_freep) = lab_new();
	struct text before CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	(void)lab;
	portwall("install", 0, NULL);
	net_sh("nft add rule inet portwall-guard prerouting counter");
	assert_true(net_try_sh(&before, "nft list ruleset"));
	portwall("status", 3, &after);
	assert_non_null(strstr(after.data, "was changed"));
	portwall("install", 1, &after);
	assert_non_null(strstr(after.data, "is not the guard"));
	portwall("remove", 1, NULL);
	portwall("run", 1, NULL);
	portwall("install --dry-run --takeover", 0, NULL);
	text_clear(&after);
	assert_true(net_try_sh(&after, "nft list ruleset"));
	assert_string_equal(before.data, after.data);
	portwall("install --takeover", 0, NULL);
	portwall("status", 0, NULL);
	portwall("install --bridge br0", 0, NULL);
	portwall("status --bridge br0", 0, NULL);
	portwall("status", 3, &after);
	assert_non_null(strstr(after.data, "not guarded: 1 bridge: qbrX"));
	portwall("remove", 0, NULL);
	portwall("remove", 0, &after);
	assert_non_null(strstr(after.data, "there is no guard"));
	text_clear(&after);
	assert_true(net_try_sh(&after, "nft list ruleset"));
	assert_string_equal(after.data, "");
}

/* nft lists what guard_print wrote. */
static void the_table_is_listed_as_it_is_printed(void **state)
{
	struct lab *lab CLEANUP(lab_freep) = lab_new();
	struct text printed CLEANUP(text_done) = TEXT_INIT, listed CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	(void)lab;
	portwall("install --dry-run", 0, &printed);
	portwall("install", 0, NULL);
	assert_true(net_try_sh(&listed, "nft list table inet portwall-guard"));
	assert_string_equal(listed.data, printed.data);
}

static void write_source_nat(int which, int priority)
{
	if (which == 0)
		net_sh("iptables-nft -t nat -A POSTROUTING -p udp -j SNAT --to-source 203.0.113.1");
	else if (which == 1)
		net_sh("iptables-legacy -t nat -A POSTROUTING -p udp -j SNAT --to-source 203.0.113.2");
	else
		net_sh("nft 'table ip others { chain c { type nat hook postrouting priority %d; "
		       "meta l4proto udp snat to 203.0.113.3; }; }'",
			priority);
}

/*
 * NAT chains of one hook, whoever wrote them: by priority, and of equal ones the one that was hooked in last
 * first, which no listing tells (the hooks of iptables-legacy stay when its rules go).
 */
static void the_newest_of_equal_chains_maps(void **state)
{
	static const struct {
		int order[3], priority; /* of nft's; of the others it is 100 */
		const char *seen;
	} cases[] = { { { 0, 1, 2 }, 100, "203.0.113.3" }, { { 0, 2, 1 }, 100, "203.0.113.2" },
		{ { 2, 1, 0 }, 100, "203.0.113.1" }, { { 2, 0, 1 }, 99, "203.0.113.3" },
		{ { 1, 0, 2 }, 101, "203.0.113.1" } };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct lab *lab CLEANUP(lab_freep) = lab_new();

		for (int w = 0; w < 3; w++)
			write_source_nat(cases[i].order[w], cases[i].priority);
		assert_seen(lab, &lab->vm1, lab->vm2.v4, PORT, &lab->vm2, PORT, cases[i].seen);
		assert_explained(&lab->vm1, &lab->vm2, false,
			cases[i].priority < 100 ? FINAL_REWRITTEN : FINAL_CANNOT_TELL);
		portwall("install", 0, NULL);
		assert_seen(lab, &lab->vm1, lab->vm2.v4, PORT, &lab->vm2, PORT, lab->vm1.v4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridged_packets_keep_their_addresses_whoever_does_nat),
		cmocka_unit_test(what_the_host_routes_and_sends_is_mapped_as_before),
		cmocka_unit_test(the_newest_of_equal_chains_maps),
		cmocka_unit_test(a_held_guard_cannot_be_flushed_or_changed),
		cmocka_unit_test(a_new_bridge_is_guarded_and_one_that_gets_an_address_differently),
		cmocka_unit_test(its_end_leaves_the_table_without_a_gap),
		cmocka_unit_test(what_kills_it_leaves_no_table_and_install_puts_one_there),
		cmocka_unit_test(what_is_not_the_guard_is_not_touched),
		cmocka_unit_test(the_table_is_listed_as_it_is_printed),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("guard", tests, NULL, NULL));
}
