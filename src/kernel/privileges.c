// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may do what in the service. Found by taking each right away and looking what fails:
 *
 *   CAP_NET_ADMIN    rules, sets, conntrack, attributes of bridges; the counters of iptables
 *   CAP_NET_RAW      the raw sockets by which iptables-legacy gives rules to the kernel, and either iptables the names of ipsets
 *                    ("Can't open socket to ipset")
 *   CAP_SYS_ADMIN    setns(2): to look into the namespaces of containers and routers, for findings
 *   CAP_SYS_PTRACE   /proc/PID/ns and /proc/PID/fd of processes that have more rights than we: which namespace is a container's, which
 *                    program listens, which tap is whose
 *
 * Not needed: CAP_SYS_MODULE (the kernel loads what rules need by itself; only iptables-legacy calls modprobe for its own
 * ip_tables), CAP_DAC_OVERRIDE (all that is written is root's own), CAP_SYS_RESOURCE, CAP_AUDIT_WRITE.
 */
#include "kernel/privileges.h"

#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "base/vec.h"
#include "kernel/system_calls.h"

static const unsigned needed[] = { CAP_NET_ADMIN, CAP_NET_RAW };
static const unsigned for_reader[] = { CAP_SYS_ADMIN, CAP_SYS_PTRACE };

/* The end of a process with a leak sanitizer is a look at its own threads with clone and ptrace, which a filter refuses. */
#ifdef __SANITIZE_ADDRESS__
static bool is_confined;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return is_confined;
}
#define NOTE_CONFINED() (is_confined = true)
#else
#define NOTE_CONFINED() ((void)0)
#endif

/* "net_admin" is CAP_NET_ADMIN in every manual. */
static void add_name(struct text *out, unsigned capability)
{
	text_add(out, "CAP_");
	for (const char *name = capng_capability_to_name(capability); *name; name++)
		text_addf(out, "%c", toupper((unsigned char)*name));
}

static bool must_have(const unsigned *capabilities, size_t n, struct err *err)
{
	if (capng_get_caps_process() < 0)
		return err_system(err, errno, "the capabilities of this process cannot be read");
	for (size_t i = 0; i < n; i++) {
		struct text name CLEANUP(text_done) = TEXT_INIT;

		if (capng_have_capability(CAPNG_EFFECTIVE, capabilities[i]))
			continue;
		add_name(&name, capabilities[i]);
		err_system(err, EPERM, "portwall serve needs the capability %s", name.data);
		return err_next(
			err, geteuid() ? "start it as root: systemctl start portwall"
				       : "portwall.service has it: see its CapabilityBoundingSet");
	}
	return true;
}

static bool no_new_privileges(struct err *err)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ||
	       err_system(err, errno, "new privileges cannot be ruled out");
}

/* --- engine --- */

/* What the tools have is the ambient set: without this root's programs would have all of the bounding set. */
static bool capabilities_of_engine(struct err *err)
{
	const unsigned keeps = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
			       CAPNG_BOUNDING_SET | CAPNG_AMBIENT;
	bool has[N_OF(for_reader)];

	for (size_t i = 0; i < N_OF(for_reader); i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, for_reader[i]);
	if (capng_lock() < 0)
		return err_system(err, errno, "the rights of root cannot be locked");
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < N_OF(needed); i++)
		capng_update(CAPNG_ADD, keeps, needed[i]);
	for (size_t i = 0; i < N_OF(for_reader); i++)
		if (has[i])
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, for_reader[i]);
	return capng_apply(CAPNG_SELECT_ALL) == 0 ||
	       err_system(err, errno, "the capabilities cannot be given up");
}

bool kernel_privileges_engine(struct err *err)
{
	static const unsigned all[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETPCAP };

	if (!must_have(all, N_OF(all), err) || !capabilities_of_engine(err) ||
		!no_new_privileges(err) || !system_calls_confine_engine(err))
		return false;
	NOTE_CONFINED();
	return true;
}

bool kernel_privileges_reader(struct err *err)
{
	if (capng_get_caps_process() < 0)
		return err_system(err, errno, "the capabilities of this process cannot be read");
	for (size_t i = 0; i < N_OF(for_reader); i++)
		if (capng_have_capability(CAPNG_PERMITTED, for_reader[i]))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, for_reader[i]);
	return capng_apply(CAPNG_SELECT_CAPS) == 0 ||
	       err_system(err, errno, "the capabilities to read the host cannot be taken up");
}

/* --- door --- */

struct identity {
	uid_t uid;
	gid_t gid;
};

/* Asked for before anything is given up: what answers may be a library or a daemon. */
static bool find_identity(const char *user, struct identity *ret, struct err *err)
{
	const struct passwd *passwd = getpwnam(user);

	if (!passwd) {
		err_input(err, "there is no user %s", user);
		return err_next(
			err, "systemd-sysusers makes it; or name another one in serve.conf");
	}
	ret->uid = passwd->pw_uid;
	ret->gid = passwd->pw_gid;
	if (!ret->uid || !ret->gid) {
		err_input(err,
			"what parses requests does not run as %s: root would be left with all its files",
			ret->uid ? "somebody of root's group" : "root");
		return err_next(err, "name another user in serve.conf");
	}
	return true;
}

/* No process beside it, no core with what requests said in it, no memory that is never swapped. */
static bool limit(struct err *err)
{
	static const int resources[] = { RLIMIT_NPROC, RLIMIT_CORE, RLIMIT_MEMLOCK,
		RLIMIT_MSGQUEUE };

	for (size_t i = 0; i < N_OF(resources); i++)
		if (setrlimit(resources[i], &(struct rlimit){ 0, 0 }) < 0)
			return err_system(err, errno, "the limits of the process cannot be set");
	return true;
}

static bool become(const struct identity *identity, struct err *err)
{
	int result;

	capng_clear(CAPNG_SELECT_ALL);
	result = capng_change_id((int)identity->uid, (int)identity->gid,
		CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
	if (result < 0)
		return err_system(err, errno, "cannot become user %u, group %u (step %d)",
			(unsigned)identity->uid, (unsigned)identity->gid, -result);
	return true;
}

/* Not taken on trust: one of these left over is the whole point lost. */
static bool must_be_bare(const struct identity *identity, struct err *err)
{
	uid_t uids[3];
	gid_t gids[3];

	if (capng_get_caps_process() < 0 || getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
		getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return err_system(err, errno, "what this process is cannot be read");
	for (size_t i = 0; i < 3; i++)
		if (uids[i] != identity->uid || gids[i] != identity->gid)
			return err_system(err, 0, "this process is still somebody else");
	if (getgroups(0, NULL) != 0)
		return err_system(err, 0, "this process is still in other groups");
	if (capng_have_capabilities(CAPNG_SELECT_ALL) != CAPNG_NONE || setuid(0) == 0)
		return err_system(err, 0, "this process still has capabilities");
	return true;
}

bool kernel_privileges_door(const char *user, struct err *err)
{
	static const unsigned all[] = { CAP_SETUID, CAP_SETGID, CAP_SETPCAP };
	struct identity identity = { 0 };

	if (!find_identity(user, &identity, err) || !must_have(all, N_OF(all), err) ||
		!limit(err) || !become(&identity, err) || !must_be_bare(&identity, err) ||
		!no_new_privileges(err))
		return false;
	/* neither its memory nor its descriptors are anybody's who has the same user */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_system(err, errno, "the memory of the process cannot be closed");
	if (!system_calls_confine_door(err))
		return false;
	NOTE_CONFINED();
	return true;
}
