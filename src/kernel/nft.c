// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nftables through libnftables, in this process and over one socket: the kernel ties a table
 * with "flags owner" to the socket that made it, lets nobody else change or flush it, and takes it away when that socket is
 * closed, however the process ended (net/netfilter/nf_tables_api.c, nft_rcv_nl_event).
 */
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

struct kernel_nft {
	struct nft_ctx *ctx;
};

bool kernel_nft_open(struct kernel_nft **ret, struct err *err)
{
	struct kernel_nft *nft = calloc(1, sizeof(*nft));

	if (!nft)
		abort();
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx || nft_ctx_buffer_output(nft->ctx) || nft_ctx_buffer_error(nft->ctx)) {
		kernel_nft_close(&nft);
		return err_system(err, 0, "libnftables cannot be set up");
	}
	*ret = nft;
	return true;
}

void kernel_nft_close(struct kernel_nft **nft)
{
	if (*nft && (*nft)->ctx)
		nft_ctx_free((*nft)->ctx);
	free(*nft);
	*nft = NULL;
}

/* "Error: Could not process rule: Operation not permitted", and then the commands once more. */
static bool refuse(struct kernel_nft *nft, struct err *err)
{
	const char *message = nft_ctx_get_error_buffer(nft->ctx);
	const char *start = strstr(message, "Error: ");

	message = start ? start + strlen("Error: ") : message;
	err_system(err, strstr(message, "Operation not permitted") ? EPERM : 0, "nft refused: %.*s",
		(int)strcspn(message, "\n"), message);
	return false;
}

bool kernel_nft_run(struct kernel_nft *nft, const char *commands, struct err *err)
{
	return nft_run_cmd_from_buffer(nft->ctx, commands) == 0 || refuse(nft, err);
}

bool kernel_nft_list(struct kernel_nft *nft, const char *table, struct text *ret, struct err *err)
{
	struct text command CLEANUP(text_done) = TEXT_INIT;

	text_addf(&command, "list table %s", table);
	text_clear(ret);
	if (nft_run_cmd_from_buffer(nft->ctx, command.data) != 0)
		return strstr(nft_ctx_get_error_buffer(nft->ctx), "No such file or directory") ||
		       refuse(nft, err);
	text_add(ret, nft_ctx_get_output_buffer(nft->ctx));
	return true;
}
