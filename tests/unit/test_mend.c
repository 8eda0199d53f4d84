// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "agent/mending.h"

/* The record of fixes as a text, and the steps of a plan. */

static fix_vec some_fixes(struct arena *arena)
{
	static const struct sysctl also[] = { { "net.ipv4.conf.v1.forwarding", "1" },
		{ "net.ipv4.conf.eth0/5.forwarding", "" } };
	fix_vec fixes = { 0 };
	struct fix *fix = vec_push(&fixes, arena);

	*fix = (struct fix){ .id = "docker-nat.qbr1",
		.title = "two\nlines, \\n and \\\\ ",
		.done_s = 1790000000,
		.undo_at_s = 1790000060,
		.token = 123456789012,
		.waiter = 4711,
		.is_unfinished = true };
	*vec_push(&fix->edits, arena) = (struct made_edit){
		.edit = { .kind = HOST_EDIT_RULE_REPLACE,
			.source = SOURCE_IPTABLES_LEGACY,
			.family = FAMILY_IPV6,
			.table = "nat",
			.chain = "POSTROUTING",
			.at = 7,
			.rule = "-m comment --comment \"a \\\"b\\\" \\\\ c\" -j RETURN",
			.before = "-j MASQUERADE" },
		.above = "",
		.below = "-j ACCEPT",
		.n_equal = 2,
		.n_before = 1
	};
	*vec_push(&fix->edits, arena) =
		(struct made_edit){ .edit = { .kind = HOST_EDIT_TABLE_ADD,
					    .source = SOURCE_NFT,
					    .family = FAMILY_INET,
					    .table = "guard",
					    .rule = "table inet guard {\n\tchain c {\n\t}\n}\n" },
			.made = "table inet guard {\n}\n" };
	*vec_push(&fix->edits, arena) = (struct made_edit){ .edit = { .kind = HOST_EDIT_SYSCTL,
								    .name = "net.ipv4.ip_forward",
								    .value = "1",
								    .before = "0" },
		.also = also,
		.n_also = N_OF(also) };
	for (enum link_flag flag = 0; flag < N_LINK_FLAGS; flag++)
		*vec_push(&fix->edits, arena) =
			(struct made_edit){ .edit = { .kind = HOST_EDIT_LINK,
						    .name = "br0",
						    .flag = flag,
						    .value = "1",
						    .before = "0" } };
	*vec_push(&fixes, arena) = (struct fix){ .id = "other", .title = "", .done_s = 1 };
	return fixes;
}

static void a_record_is_read_as_it_was_written(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	fix_vec fixes = some_fixes(arena), read = { 0 };
	const struct made_edit *made;
	struct err err;

	(void)state;
	fixes_print(&text, &fixes);
	if (!fixes_parse(arena, "record", text.data, &read, &err))
		fail_msg("%s", err.text);
	assert_int_equal(read.n, 2);
	assert_string_equal(read.items[0].title, fixes.items[0].title);
	assert_int_equal(read.items[0].undo_at_s, 1790000060);
	assert_int_equal(read.items[0].waiter, 4711);
	assert_int_equal(read.items[0].token, 123456789012);
	assert_true(read.items[0].is_unfinished && !read.items[1].is_unfinished);
	assert_int_equal(read.items[0].edits.n, 3 + N_LINK_FLAGS);
	made = &read.items[0].edits.items[0];
	assert_int_equal(made->edit.source, SOURCE_IPTABLES_LEGACY);
	assert_int_equal(made->edit.family, FAMILY_IPV6);
	assert_int_equal(made->edit.at, 7);
	assert_string_equal(made->edit.rule, fixes.items[0].edits.items[0].edit.rule);
	assert_string_equal(made->above, "");
	assert_string_equal(made[1].edit.rule, "table inet guard {\n\tchain c {\n\t}\n}\n");
	assert_string_equal(made[2].also[1].name, "net.ipv4.conf.eth0/5.forwarding");
	assert_int_equal(made[3 + LINK_FLAG_HAIRPIN].edit.flag, LINK_FLAG_HAIRPIN);
	fixes_print(&again, &read);
	assert_string_equal(again.data, text.data);
}

static void a_record_that_is_not_understood_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "title x\n", "record line 1: \"title x\" is not understood" },
		{ "fix a\ndone -1\n", "record line 2: \"done -1\" is not understood" },
		{ "fix a\ndone 1x\n", "record line 2: \"done 1x\" is not understood" },
		{ "fix a\nedit nothing\n", "record line 2: \"edit nothing\" is not understood" },
		{ "fix a\nedit sysctl\nwhat\n", "record line 3: \"what\" is not understood" },
		{ "fix a\nedit sysctl\nalso x\n", "record line 3: \"also x\" is not understood" },
		{ "fix a\nedit link\nflag x\n", "record line 3: \"flag x\" is not understood" },
		{ "fix a\nedit link\nfamily x\n", "record line 3: \"family x\" is not understood" },
		/* cut off */
		{ "fix a\nedit rule-add\ntable nat\n",
			"record: an edit of the fix a is not whole" },
		{ "fix a\nedit rule-remove\ntable nat\nchain c\nbefore x\n",
			"record: an edit of the fix a is not whole" },
		{ "fix a\nedit sysctl\nname net.x\n", "record: an edit of the fix a is not whole" },
		{ "fix a\nedit table-add\n", "record: an edit of the fix a is not whole" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		fix_vec fixes = { 0 };
		struct err err;

		assert_false(fixes_parse(arena, "record", rows[i].text, &fixes, &err));
		assert_string_equal(err.text, rows[i].error);
		assert_int_equal(err.kind, ERR_SYSTEM);
	}
}

static struct made_edit rule_edit(enum table_source source, enum family family, const char *table)
{
	return (struct made_edit){ .edit = { .kind = HOST_EDIT_RULE_REMOVE,
					   .source = source,
					   .family = family,
					   .table = table,
					   .chain = "C",
					   .at = 1,
					   .before = "-j DROP" },
		.n_rules = 3,
		.counters = { 5, 500 },
		.is_first = !strcmp(table, "raw") };
}

static void rules_are_one_step_for_each_table(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan *plan;
	made_vec edits = { 0 };

	(void)state;
	*vec_push(&edits, arena) = rule_edit(SOURCE_IPTABLES, FAMILY_IPV4, "nat");
	*vec_push(&edits, arena) = rule_edit(SOURCE_IPTABLES_LEGACY, FAMILY_IPV4, "nat");
	*vec_push(&edits, arena) = rule_edit(SOURCE_IPTABLES, FAMILY_IPV4, "raw");
	*vec_push(&edits, arena) = rule_edit(SOURCE_IPTABLES, FAMILY_IPV6, "nat");
	*vec_push(&edits, arena) = (struct made_edit){ .edit = { .kind = HOST_EDIT_RULE_ADD,
							       .source = SOURCE_IPTABLES,
							       .family = FAMILY_IPV4,
							       .table = "nat",
							       .chain = "C",
							       .at = 2,
							       .rule = "-j ACCEPT" },
		.n_rules = 2,
		.n_equal = 1 };
	plan = mend_plan(arena, &edits);
	assert_int_equal(plan->n_steps, 4);
	assert_int_equal(plan->steps[0].tool, TOOL_IPTABLES);
	assert_string_equal(plan->steps[0].text, "*nat\n-D C 2\n-A C -j ACCEPT\nCOMMIT\n");
	assert_string_equal(
		plan->steps[0].undo, "*nat\n-D C -j ACCEPT\n[5:500] -I C 2 -j DROP\nCOMMIT\n");
	assert_int_equal(plan->steps[1].tool, TOOL_IPTABLES_LEGACY);
	assert_int_equal(plan->steps[2].tool, TOOL_IPTABLES);
	assert_string_equal(plan->steps[2].text, "*raw\n-D C -j DROP\nCOMMIT\n");
	assert_int_equal(plan->steps[3].tool, TOOL_IP6TABLES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(a_record_that_is_not_understood_is_refused_with_its_line),
		cmocka_unit_test(rules_are_one_step_for_each_table),
	};

	return cmocka_run_group_tests_name("mend", tests, NULL, NULL);
}
