// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * portwall probe: one packet is sent as if the machine behind a port had sent it, or as if it had come by a wire, and watched on its
 * way. The filter asks for what neither NAT nor routing changes of it, so that it is followed wherever it goes.
 */
#include "cmd/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "capture/inject.h"
#include "kernel/kernel.h"
#include "packet/frame.h"

#define SECOND_NS 1000000000ull
#define PATIENCE  (5 * SECOND_NS) /* a neighbour that is asked for in vain takes three */

/* --- the packet --- */

static uint32_t random_number(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = (uint32_t)watch_now_ns();
	return number;
}

static bool is_open(const struct packet *packet, enum field field)
{
	return packet_has_field(packet, field) && packet->unknown & FIELD_BIT(field);
}

/* What nobody said and what a packet cannot be without; a source port is as good as any other. */
static bool complete(struct packet *packet, struct err *err)
{
	static const struct {
		enum field field;
		const char *how;
	} needed[] = { { FIELD_SRC, "the address that it comes from" },
		{ FIELD_DST, "the address that it goes to" },
		{ FIELD_DPORT, "the port that it goes to, as 10.0.0.9:443" },
		{ FIELD_ETH_SRC, "its MACs: mac SOURCE > DESTINATION" },
		{ FIELD_ETH_DST, "its MACs: mac SOURCE > DESTINATION" } };

	if (is_open(packet, FIELD_SPORT)) {
		packet->sport = (uint16_t)(32768 + random_number() % 28000);
		packet->unknown &= ~FIELD_BIT(FIELD_SPORT);
	}
	for (size_t i = 0; i < N_OF(needed); i++)
		if (is_open(packet, needed[i].field)) {
			err_input(err, "probe: the %s is not known", field_name(needed[i].field));
			return err_next(err, "give %s", needed[i].how);
		}
	return true;
}

static bool is_for_many(const struct packet *packet)
{
	return packet->eth_dst.bytes[0] & 1 ||
	       (packet->dst.family == FAMILY_IPV4 && packet->dst.bytes[0] >= 224) ||
	       (packet->dst.family == FAMILY_IPV6 && packet->dst.bytes[0] == 0xff);
}

static struct frame frame_of(const struct probe *probe)
{
	return (struct frame){ .bytes = probe->frame,
		.size = probe->size,
		.has_ethernet = true,
		.wire_size = probe->size };
}

bool probe_make(const struct packet *packet, const char *device, struct probe *ret, struct err *err)
{
	struct probe probe = { .packet = *packet, .device = device };
	struct frame frame;
	struct frame_layout layout;
	struct packet ignored;
	char payload[64];

	/* recognisable to whoever finds it in a capture */
	snprintf(payload, sizeof(payload), "portwall probe %08x%08x", random_number(),
		random_number());
	if (!frame_build(packet, payload, strlen(payload), probe.frame, sizeof(probe.frame),
		    &probe.size, err))
		return err_prefix(err, "probe");
	frame = frame_of(&probe);
	if (!frame_parse(&frame, &ignored, &layout) || !layout.has_network)
		return err_input(err, "probe: a packet of this kind cannot be followed");
	probe.identity = frame_identity(
		probe.frame + layout.network, probe.size - layout.network, layout.ethertype);
	*ret = probe;
	return true;
}

void probe_print_filter(const struct probe *probe, struct text *out)
{
	struct frame frame = frame_of(probe);
	struct frame_layout layout;
	struct packet packet;
	const uint8_t *ip = probe->frame;

	if (!frame_parse(&frame, &packet, &layout))
		return;
	ip += layout.network;
	if (layout.ethertype == ETHERTYPE_IPV4)
		text_addf(out, "ip proto %u and ip[4:2] == %u", packet.proto,
			(unsigned)(ip[4] << 8 | ip[5]));
	else if (layout.ethertype == ETHERTYPE_IPV6)
		text_addf(out, "ip6[0:4] & 0xfffff == %u",
			(unsigned)((ip[1] & 0xf) << 16 | ip[2] << 8 | ip[3]));
	else
		text_add(out, "arp");
}

/* --- sending and watching --- */

struct sending {
	struct probe *probe;
	probe_told *told;
	void *data;
	struct err *err;
	bool is_told, has_failed;
};

static bool send_it(void *data, struct err *err)
{
	const struct probe *probe = data;
	struct inject *inject CLEANUP(inject_close) = NULL;

	return inject_open(NULL, &inject, err) &&
	       inject_frame(inject, probe->device, probe->frame, probe->size, err);
}

static bool tell_of_probe(void *data, struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer)
{
	struct sending *sending = data;

	if (watched->identity != sending->probe->identity)
		return true;
	sending->is_told = true;
	sending->has_failed = session->file && !watch_file_add(session->file, session, watched,
						       answer, sending->err);
	sending->told(sending->data, session, watched, answer);
	return false;
}

bool probe_send(struct watch_session *session, struct probe *probe, probe_told *told, void *data,
	struct err *err)
{
	struct sending sending = { .probe = probe, .told = told, .data = data, .err = err };

	if (!kernel_in_netns(session->ns->inode, send_it, probe, err) ||
		!watch_session_run(
			session, watch_now_ns() + PATIENCE, tell_of_probe, &sending, err) ||
		sending.has_failed)
		return false;
	if (sending.is_told)
		return true;
	err_system(err, 0, "probe: the packet was not seen at %s", probe->device);
	return err_next(err, "is the device up, and is an XDP program on it?");
}

/* --- one --- */

static void tell(void *data, struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	(void)data;
	session->inv->exit = explain_exit(answer->seen.explanation->final);
	if (session->inv->json) {
		output_print_json(watch_json_answer(session, watched, answer));
		return;
	}
	watch_print_answer(session, &out, watched, answer);
	output_print_text(&out);
}

static bool make_query(struct invocation *inv, struct query *ret, struct err *err)
{
	const struct host_read_options options = { 0 };
	const struct host *host;
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct question question = { .in = inv->in, .to = inv->to, .netns = inv->netns };

	for (size_t i = 0; i < inv->n_args; i++)
		text_addf(&words, "%s%s", i ? " " : "", inv->args[i]);
	question.packet = words.data;
	inv->agent.progress(inv->agent.progress_data, "reading this host");
	if (!kernel_host_read(inv->arena, &options, &host, err) ||
		!question_query(inv->arena, host, &question, ret, NULL, err))
		return false;
	explain_find_macs(host, ret);
	return true;
}

static bool check_usage(struct invocation *inv, struct err *err)
{
	if (inv->in && inv->port)
		return err_input(err, "probe: --in and --port exclude each other");
	if (inv->port && *inv->port)
		inv->in = inv->matrix ? inv->port : watch_port_device(inv->arena, inv->port);
	if (!inv->in || !*inv->in) {
		err_input(err, "probe: where does the packet start?");
		return err_next(err,
			inv->matrix ? "--port PORT: the port whose rules are probed"
				    : "--in DEVICE: it is sent as if it had been received there");
	}
	if (inv->matrix == (inv->n_args > 0)) {
		err_input(
			err, inv->matrix ? "probe: --matrix and a packet" : "probe: which packet?");
		return err_next(err,
			inv->matrix
				? "--matrix makes its packets of the port's rules"
				: "PROTOCOL SOURCE DESTINATION, as icmp 10.0.0.5 10.0.0.9; or --matrix");
	}
	return kernel_must_be_admin(err);
}

bool cmd_probe(struct invocation *inv, struct err *err)
{
	struct watch_session session CLEANUP(watch_session_close) = { .inv = inv };
	struct text expression CLEANUP(text_done) = TEXT_INIT;
	struct watch_file *file CLEANUP(watch_file_close) = NULL;
	struct probe probe;
	struct query query;
	struct filter *filter;

	if (!check_usage(inv, err))
		return false;
	if (inv->matrix)
		return probe_matrix(inv, err);
	if (!make_query(inv, &query, err) || !complete(&query.packet, err))
		return false;
	if (is_for_many(&query.packet) && !inv->to_many) {
		err_input(err, "probe: such a packet goes to everybody on its network");
		return err_next(err, "--to-many sends it all the same");
	}
	if (!probe_make(&query.packet, query.in->name, &probe, err))
		return false;
	probe_print_filter(&probe, &expression);
	if (!filter_parse(inv->arena, expression.data, &filter, err))
		return err_prefix(err, "probe");
	session.filter = filter;
	session.netns = inv->netns;
	session.entry = query.in->name;
	if (!watch_session_open(&session, err) ||
		(inv->pcap_dir && !watch_file_open(inv->pcap_dir, &file, err)))
		return false;
	session.file = file;
	if (!probe_send(&session, &probe, tell, NULL, err))
		return false;
	if (file)
		fprintf(stderr, "wrote %s\n", watch_file_path(file));
	return true;
}
