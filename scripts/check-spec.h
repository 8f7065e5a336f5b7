/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For scripts/check-spec: just enough of <net/netlink.h> to compile the
 * policies, those of the module and those generated from the specification,
 * into tables of numbers that can be printed and compared.
 */
#include <stdio.h>
#include <limits.h>

enum {
	NLA_UNSPEC, NLA_U8, NLA_U16, NLA_U32, NLA_U64, NLA_STRING, NLA_FLAG, NLA_MSECS,
	NLA_NESTED, NLA_NESTED_ARRAY, NLA_NUL_STRING, NLA_BINARY, NLA_S8, NLA_S16, NLA_S32,
	NLA_S64, NLA_BITFIELD32, NLA_REJECT,
};

enum { NLA_VALIDATE_NONE, NLA_VALIDATE_RANGE, NLA_VALIDATE_MIN, NLA_VALIDATE_MAX,
       NLA_VALIDATE_MASK };

struct nla_policy {
	int type;
	int validation_type;
	int len;
	long long min, max;
	unsigned int mask;
};

#define NLA_POLICY_RANGE(t, lo, hi) \
	{ .type = (t), .validation_type = NLA_VALIDATE_RANGE, .min = (lo), .max = (hi) }
#define NLA_POLICY_MIN(t, lo) \
	{ .type = (t), .validation_type = NLA_VALIDATE_MIN, .min = (lo) }
#define NLA_POLICY_MAX(t, hi) \
	{ .type = (t), .validation_type = NLA_VALIDATE_MAX, .max = (hi) }
#define NLA_POLICY_MASK(t, m) \
	{ .type = (t), .validation_type = NLA_VALIDATE_MASK, .mask = (m) }
/* The kernel's own definitions of these two. */
#define NLA_POLICY_EXACT_LEN(n) \
	{ .type = NLA_BINARY, .validation_type = NLA_VALIDATE_RANGE, .min = (n), .max = (n) }
#define NLA_POLICY_MIN_LEN(n) \
	{ .type = NLA_BINARY, .validation_type = NLA_VALIDATE_MIN, .min = (n) }

#define CHECK_SPEC_PRINT(name)							\
	do {									\
		for (unsigned int i = 0; i < sizeof(name) / sizeof(name[0]); i++) { \
			const struct nla_policy *p = &name[i];			\
										\
			if (p->type)						\
				printf(#name " %u type %d check %d len %d min %lld max %lld" \
				       " mask %#x\n", i, p->type, p->validation_type, p->len, \
				       p->min, p->max, p->mask);		\
		}								\
		printf(#name " end %zu\n", sizeof(name) / sizeof(name[0]));	\
	} while (0)
