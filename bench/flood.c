// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flood SECONDS RATE ADDRESS: small UDP packets to ADDRESS, RATE a second, or as fast as one process goes (0). Prints how many
 * were sent, and the nanoseconds of a processor that it took, with what the kernel did on its way.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define AT_ONCE	  64
#define SECOND_NS 1000000000ull
#define BURST_NS  1000000ull

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void sleep_until(uint64_t time_ns)
{
	struct timespec until = { (time_t)(time_ns / SECOND_NS), (long)(time_ns % SECOND_NS) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* How many have to have been sent by now. */
static uint64_t due(uint64_t begin_ns, uint64_t rate)
{
	return rate ? (now_ns() - begin_ns) * rate / SECOND_NS : UINT64_MAX;
}

int main(int argc, char **argv)
{
	struct mmsghdr messages[AT_ONCE] = { 0 };
	char payload[18] = { 0 };
	struct iovec part = { payload, sizeof(payload) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t begin_ns = now_ns(), end_ns, rate, n = 0;

	if (argc != 4 || sock < 0 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1 ||
		connect(sock, (struct sockaddr *)&to, sizeof(to)) != 0)
		return EXIT_FAILURE;
	rate = strtoull(argv[2], NULL, 10);
	end_ns = begin_ns + (uint64_t)(strtod(argv[1], NULL) * (double)SECOND_NS);
	for (size_t i = 0; i < AT_ONCE; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (now_ns() < end_ns) {
		uint64_t missing = due(begin_ns, rate) - n;
		int sent;

		if (!missing) {
			sleep_until(now_ns() + BURST_NS);
			continue;
		}
		sent = sendmmsg(sock, messages, missing < AT_ONCE ? (unsigned)missing : AT_ONCE, 0);
		n += sent > 0 ? (uint64_t)sent : 0;
	}
	printf("%llu %llu\n", (unsigned long long)n,
		(unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	return EXIT_SUCCESS;
}
