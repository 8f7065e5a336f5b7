/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User-space stand-ins for the few kernel services that the sources of
 * kmod/store use, with the kernel's names and semantics.  portable.h includes
 * this header outside the kernel; the tools should not need it otherwise.
 */
#ifndef DMR_SHIM_H
#define DMR_SHIM_H

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef unsigned int gfp_t;
typedef u64 sector_t;

#define U8_MAX		((u8)~0U)
#define U16_MAX		((u16)~0U)
#define U32_MAX		((u32)~0U)
#define U64_MAX		((u64)~0ULL)
#define S64_MAX		((s64)(U64_MAX >> 1))

#define BITS_PER_LONG	((int)(8 * sizeof(long)))
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define SECTOR_SHIFT	9
#define SECTOR_SIZE	(1 << SECTOR_SHIFT)

/* Annotations for sparse and for the kernel's build. */
#ifndef __force
#define __force
#endif
#define __must_check		__attribute__((__warn_unused_result__))
#define __maybe_unused		__attribute__((__unused__))
#define __always_unused		__attribute__((__unused__))
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define __rcu
#define __percpu
#define __read_mostly
#define __init
#define __exit
#define ____cacheline_aligned		__attribute__((__aligned__(64)))
#define ____cacheline_aligned_in_smp	/* malloc() does not align */
#ifndef __packed
#define __packed		__attribute__((__packed__))
#endif
#ifndef __aligned
#define __aligned(x)		__attribute__((__aligned__(x)))
#endif
#define noinline		__attribute__((__noinline__))
#ifndef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#endif
#define fallthrough		__attribute__((__fallthrough__))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define barrier()		__asm__ __volatile__("" ::: "memory")
#define EXPORT_SYMBOL_GPL(sym)
/* The kernel's static_assert() works without a message. */
#undef static_assert
#define static_assert(expr, ...)	__dmr_static_assert(expr, ##__VA_ARGS__, #expr)
#define __dmr_static_assert(expr, msg, ...) _Static_assert(expr, msg)
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), "BUILD_BUG_ON: " #cond)
#define lockdep_assert_held(l)	((void)(l))
#define IS_ENABLED(option)	0
#define cond_resched()		((void)0)
#define might_sleep()		((void)0)
#define cpu_relax()		barrier()

/* Byte order */
#define le16_to_cpu(x)	le16toh((__force u16)(x))
#define le32_to_cpu(x)	le32toh((__force u32)(x))
#define le64_to_cpu(x)	((u64)le64toh((__force u64)(x)))
#define cpu_to_le16(x)	((__force __le16)htole16(x))
#define cpu_to_le32(x)	((__force __le32)htole32(x))
#define cpu_to_le64(x)	((__force __le64)htole64(x))

/* Numbers; min() and max() insist on one type, as the kernel's do */
#define __dmr_cmp(a, b, op) ({			\
	__typeof__(a) __a = (a);		\
	__typeof__(b) __b = (b);		\
	(void)(&__a == &__b);			\
	__a op __b ? __a : __b; })
#define min(a, b)	__dmr_cmp(a, b, <)
#define max(a, b)	__dmr_cmp(a, b, >)
#define min_t(t, a, b)	({ t __ta = (a); t __tb = (b); __ta < __tb ? __ta : __tb; })
#define max_t(t, a, b)	({ t __ta = (a); t __tb = (b); __ta > __tb ? __ta : __tb; })
#define min3(a, b, c)	min((__typeof__(a))min(a, b), c)
#define max3(a, b, c)	max((__typeof__(a))max(a, b), c)
#define clamp(v, lo, hi)	min((__typeof__(v))max(v, lo), hi)
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)
#define swap(a, b) \
	do { __typeof__(a) __t = (a); (a) = (b); (b) = __t; } while (0)

#define ALIGN(x, a)		(((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define round_up(x, y)		((((x) - 1) | ((__typeof__(x))((y) - 1))) + 1)
#define round_down(x, y)	((x) & ~((__typeof__(x))((y) - 1)))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	DIV_ROUND_UP((unsigned long long)(n), (unsigned long long)(d))
#define roundup(x, y)		(DIV_ROUND_UP(x, y) * (y))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define lower_32_bits(n)	((u32)((n) & 0xffffffff))
#define upper_32_bits(n)	((u32)(((n) >> 16) >> 16))
#define sizeof_field(t, m)	sizeof(((t *)0)->m)
#define offsetofend(t, m)	(offsetof(t, m) + sizeof_field(t, m))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define struct_size(p, member, n) \
	(sizeof(*(p)) + sizeof((p)->member[0]) * (size_t)(n))

static inline u64 div_u64(u64 n, u32 d)
{
	return n / d;
}

static inline u64 div_u64_rem(u64 n, u32 d, u32 *rem)
{
	*rem = n % d;
	return n / d;
}

static inline u64 div64_u64(u64 n, u64 d)
{
	return n / d;
}

static inline u64 div64_u64_rem(u64 n, u64 d, u64 *rem)
{
	*rem = n % d;
	return n / d;
}

/* Divides in place, the value is the remainder. */
#define do_div(n, base) ({				\
	u32 __base = (base);				\
	u32 __rem = (u64)(n) % __base;			\
	(n) = (u64)(n) / __base;			\
	__rem; })

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

/* Undefined for 0, as in the kernel. */
static inline unsigned long __ffs64(u64 x)
{
	return __builtin_ctzll(x);
}

static inline unsigned long __ffs(unsigned long x)
{
	return __builtin_ctzl(x);
}

static inline unsigned long __fls(unsigned long x)
{
	return BITS_PER_LONG - 1 - __builtin_clzl(x);
}

static inline unsigned int hweight64(u64 x)
{
	return __builtin_popcountll(x);
}

static inline unsigned int hweight32(u32 x)
{
	return __builtin_popcount(x);
}

#define hweight_long(x)	hweight64(x)

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

static inline int ilog2(u64 n)
{
	return fls64(n) - 1;
}

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return 1UL << fls64(n - 1);
}

static inline unsigned long rounddown_pow_of_two(unsigned long n)
{
	return 1UL << (fls64(n) - 1);
}

#define GOLDEN_RATIO_32	0x61C88647
#define GOLDEN_RATIO_64	0x61C8864680B583EBull

static inline u32 hash_64(u64 val, unsigned int bits)
{
	return val * GOLDEN_RATIO_64 >> (64 - bits);
}

static inline u32 hash_32(u32 val, unsigned int bits)
{
	return (val * (u32)GOLDEN_RATIO_32) >> (32 - bits);
}

/* Constant: a failure of a test can be reproduced. */
static inline u64 get_random_u64(void)
{
	return 0x9e3779b97f4a7c15ULL;
}

/*
 * For tests: loads of shared memory are counted, so that work can be bounded
 * without a clock; the one that makes it dmr_shim_loads_max is reported.
 */
#ifdef DMR_SHIM_COUNT
extern __thread u64 dmr_shim_loads;
extern __thread u64 dmr_shim_loads_max;	/* 0: no limit */

void dmr_shim_loads_over(void);

static inline void dmr_shim_count(void)
{
	if (++dmr_shim_loads == dmr_shim_loads_max)
		dmr_shim_loads_over();
}
#else
#define dmr_shim_count()	((void)0)
#endif

/* Memory order */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)(dmr_shim_count(), &(x)))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define smp_load_acquire(p)	(dmr_shim_count(), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb__before_atomic()	smp_mb()
#define smp_mb__after_atomic()	smp_mb()

/* The value is the one before. */
#define cmpxchg(p, old, new) ({						\
	__typeof__(*(p)) __cx_old = (old);				\
	__typeof__(*(p)) __cx_new = (new);				\
	__atomic_compare_exchange_n(p, &__cx_old, __cx_new, false,	\
				    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);	\
	__cx_old; })
#define try_cmpxchg(p, oldp, new) \
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define xchg(p, new)	__atomic_exchange_n(p, new, __ATOMIC_SEQ_CST)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define ATOMIC_INIT(i)		{ (i) }
#define ATOMIC64_INIT(i)	{ (i) }

#define DMR_SHIM_ATOMIC(pfx, atype, type)						\
static inline type pfx##_read(const atype *v)						\
{											\
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);				\
}											\
static inline void pfx##_set(atype *v, type i)						\
{											\
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void pfx##_add(type i, atype *v)						\
{											\
	__atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void pfx##_sub(type i, atype *v)						\
{											\
	__atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void pfx##_inc(atype *v)							\
{											\
	pfx##_add(1, v);								\
}											\
static inline void pfx##_dec(atype *v)							\
{											\
	pfx##_sub(1, v);								\
}											\
static inline type pfx##_add_return(type i, atype *v)					\
{											\
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline type pfx##_sub_return(type i, atype *v)					\
{											\
	return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline type pfx##_inc_return(atype *v)						\
{											\
	return pfx##_add_return(1, v);							\
}											\
static inline type pfx##_dec_return(atype *v)						\
{											\
	return pfx##_sub_return(1, v);							\
}											\
static inline bool pfx##_dec_and_test(atype *v)						\
{											\
	return pfx##_sub_return(1, v) == 0;						\
}											\
static inline type pfx##_cmpxchg(atype *v, type o, type n)				\
{											\
	return cmpxchg(&v->counter, o, n);						\
}											\
static inline bool pfx##_add_unless(atype *v, type a, type u)				\
{											\
	type c = pfx##_read(v);								\
											\
	while (c != u)									\
		if (try_cmpxchg(&v->counter, &c, c + a))				\
			return true;							\
	return false;									\
}											\
static inline bool pfx##_inc_not_zero(atype *v)						\
{											\
	return pfx##_add_unless(v, 1, 0);						\
}

DMR_SHIM_ATOMIC(atomic, atomic_t, int)
DMR_SHIM_ATOMIC(atomic64, atomic64_t, s64)

/* Spinlocks: mutexes that sleep */
typedef struct {
	pthread_mutex_t mutex;
} spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name)	{ PTHREAD_MUTEX_INITIALIZER }
#define DEFINE_SPINLOCK(name)	spinlock_t name = __SPIN_LOCK_UNLOCKED(name)

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
}

static inline void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

static inline int spin_trylock(spinlock_t *lock)
{
	return pthread_mutex_trylock(&lock->mutex) == 0;
}

static inline void spin_unlock(spinlock_t *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

#define spin_lock_irq(l)		spin_lock(l)
#define spin_unlock_irq(l)		spin_unlock(l)
#define spin_lock_bh(l)			spin_lock(l)
#define spin_unlock_bh(l)		spin_unlock(l)
#define spin_lock_nested(l, sub)	spin_lock(l)
#define spin_lock_irqsave(l, flags)	do { (flags) = 0; spin_lock(l); } while (0)
#define spin_unlock_irqrestore(l, flags) do { (void)(flags); spin_unlock(l); } while (0)

#define rcu_read_lock()		((void)0)
#define rcu_read_unlock()	((void)0)

/* Memory */
#define GFP_KERNEL	0x1u
#define GFP_NOIO	0x2u
#define GFP_NOFS	0x4u
#define GFP_ATOMIC	0x8u
#define GFP_NOWAIT	0x10u
#define __GFP_ZERO	0x100u
#define __GFP_NOWARN	0x200u
#define __GFP_NORETRY	0x400u
#define __GFP_RETRY_MAYFAIL	0x800u

/* For tests: that many allocations succeed, the next one fails, all others succeed. */
extern int dmr_shim_fail_alloc;		/* negative: none fails */

static inline void *kmalloc(size_t size, gfp_t gfp)
{
	if (dmr_shim_fail_alloc >= 0 && dmr_shim_fail_alloc-- == 0)
		return NULL;
	return gfp & __GFP_ZERO ? calloc(1, size) : malloc(size);
}

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

static inline void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmalloc(bytes, gfp);
}

static inline void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}

#define kvmalloc(size, gfp)		kmalloc(size, gfp)
#define kvzalloc(size, gfp)		kzalloc(size, gfp)
#define kvmalloc_array(n, size, gfp)	kmalloc_array(n, size, gfp)
#define kvcalloc(n, size, gfp)		kcalloc(n, size, gfp)
#define vmalloc(size)			kmalloc(size, GFP_KERNEL)
#define vzalloc(size)			kzalloc(size, GFP_KERNEL)
#define kfree(p)			free((void *)(p))
#define kvfree(p)			free((void *)(p))
#define vfree(p)			free((void *)(p))

struct kmem_cache {
	const char *name;
	size_t size;
};

#define SLAB_HWCACHE_ALIGN	0x1u
#define SLAB_RECLAIM_ACCOUNT	0x2u
#define SLAB_MEM_SPREAD		0x4u

static inline struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
						   unsigned int align, unsigned int flags,
						   void (*ctor)(void *))
{
	struct kmem_cache *c = kzalloc(sizeof(*c), GFP_KERNEL);

	(void)align;
	(void)flags;
	(void)ctor;
	if (c) {
		c->name = name;
		c->size = size;
	}
	return c;
}

#define KMEM_CACHE(s, flags) \
	kmem_cache_create(#s, sizeof(struct s), __alignof__(struct s), flags, NULL)

static inline void *kmem_cache_alloc(struct kmem_cache *c, gfp_t gfp)
{
	return kmalloc(c->size, gfp);
}

static inline void *kmem_cache_zalloc(struct kmem_cache *c, gfp_t gfp)
{
	return kzalloc(c->size, gfp);
}

static inline void kmem_cache_free(struct kmem_cache *c, void *p)
{
	(void)c;
	free(p);
}

static inline void kmem_cache_destroy(struct kmem_cache *c)
{
	free(c);
}

/* A pool without a reserve, on malloc(). */
typedef struct mempool_s {
	struct kmem_cache *cache;
	size_t size;
} mempool_t;

static inline mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *c)
{
	mempool_t *p = kzalloc(sizeof(*p), GFP_KERNEL);

	(void)min_nr;
	if (p)
		p->cache = c;
	return p;
}

static inline mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	mempool_t *p = kzalloc(sizeof(*p), GFP_KERNEL);

	(void)min_nr;
	if (p)
		p->size = size;
	return p;
}

static inline void *mempool_alloc(mempool_t *p, gfp_t gfp)
{
	return kmalloc(p->cache ? p->cache->size : p->size, gfp);
}

static inline void *dmr_pool_alloc(mempool_t *p)
{
	return mempool_alloc(p, GFP_KERNEL);
}

static inline void mempool_free(void *elem, mempool_t *p)
{
	(void)p;
	free(elem);
}

static inline void mempool_destroy(mempool_t *p)
{
	free(p);
}

/* Bitmaps */
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, BITS_PER_LONG)
#define BIT_WORD(n)		((n) / BITS_PER_LONG)
#define BIT_MASK(n)		(1UL << ((n) % BITS_PER_LONG))
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline void set_bit(long nr, volatile unsigned long *map)
{
	__atomic_fetch_or(&map[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void clear_bit(long nr, volatile unsigned long *map)
{
	__atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline bool test_bit(long nr, const volatile unsigned long *map)
{
	return map[BIT_WORD(nr)] & BIT_MASK(nr);
}

static inline bool test_and_set_bit(long nr, volatile unsigned long *map)
{
	return __atomic_fetch_or(&map[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_SEQ_CST) &
	       BIT_MASK(nr);
}

static inline bool test_and_clear_bit(long nr, volatile unsigned long *map)
{
	return __atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_SEQ_CST) &
	       BIT_MASK(nr);
}

static inline void __set_bit(long nr, volatile unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void __clear_bit(long nr, volatile unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

static inline bool __test_and_set_bit(long nr, volatile unsigned long *map)
{
	bool was = test_bit(nr, map);

	__set_bit(nr, map);
	return was;
}

static inline bool __test_and_clear_bit(long nr, volatile unsigned long *map)
{
	bool was = test_bit(nr, map);

	__clear_bit(nr, map);
	return was;
}

/* All of them return @size without such a bit. */
unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long from);
unsigned long find_last_bit(const unsigned long *map, unsigned long size);

#define find_first_bit(map, size)	find_next_bit(map, size, 0)
#define find_first_zero_bit(map, size)	find_next_zero_bit(map, size, 0)
#define for_each_set_bit(bit, map, size)			\
	for ((bit) = find_first_bit(map, size); (bit) < (size);	\
	     (bit) = find_next_bit(map, size, (bit) + 1))

void bitmap_set(unsigned long *map, unsigned int start, unsigned int len);
void bitmap_clear(unsigned long *map, unsigned int start, unsigned int len);
unsigned int bitmap_weight(const unsigned long *map, unsigned int bits);

static inline void bitmap_zero(unsigned long *map, unsigned int bits)
{
	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long));
}

static inline void bitmap_fill(unsigned long *map, unsigned int bits)
{
	memset(map, 0xff, BITS_TO_LONGS(bits) * sizeof(long));
}

static inline bool bitmap_empty(const unsigned long *map, unsigned int bits)
{
	return find_first_bit(map, bits) == bits;
}

static inline bool bitmap_full(const unsigned long *map, unsigned int bits)
{
	return find_first_zero_bit(map, bits) == bits;
}

/* Lock-less lists */
struct llist_node {
	struct llist_node *next;
};

struct llist_head {
	struct llist_node *first;
};

#define LLIST_HEAD_INIT(name)	{ NULL }
#define LLIST_HEAD(name)	struct llist_head name = LLIST_HEAD_INIT(name)

static inline void init_llist_head(struct llist_head *h)
{
	h->first = NULL;
}

static inline bool llist_empty(const struct llist_head *h)
{
	return !READ_ONCE(h->first);
}

/* Return: true if the list was empty before. */
static inline bool llist_add_batch(struct llist_node *first, struct llist_node *last,
				   struct llist_head *h)
{
	struct llist_node *was = READ_ONCE(h->first);

	do {
		last->next = was;
	} while (!try_cmpxchg(&h->first, &was, first));
	return !was;
}

static inline bool llist_add(struct llist_node *n, struct llist_head *h)
{
	return llist_add_batch(n, n, h);
}

static inline struct llist_node *llist_del_all(struct llist_head *h)
{
	return xchg(&h->first, NULL);
}

struct llist_node *llist_reverse_order(struct llist_node *head);

#define llist_entry(ptr, type, member)	container_of(ptr, type, member)
#define llist_for_each(pos, node) \
	for ((pos) = (node); pos; (pos) = (pos)->next)
#define llist_for_each_safe(pos, n, node) \
	for ((pos) = (node); (pos) && ((n) = (pos)->next, true); (pos) = (n))

/* NULL for no node: an entry's address less its member's offset would not be. */
#define __dmr_llist_entry(node, type, member) \
	((node) ? container_of(node, type, member) : NULL)
#define llist_for_each_entry(pos, node, member)					\
	for ((pos) = __dmr_llist_entry(node, __typeof__(*(pos)), member); (pos);	\
	     (pos) = __dmr_llist_entry((pos)->member.next, __typeof__(*(pos)), member))
#define llist_for_each_entry_safe(pos, n, node, member)				\
	for ((pos) = __dmr_llist_entry(node, __typeof__(*(pos)), member);		\
	     (pos) && ((n) = __dmr_llist_entry((pos)->member.next,			\
					       __typeof__(*(n)), member), true);	\
	     (pos) = (n))

/* Doubly linked lists */
struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline void __dmr_list_insert(struct list_head *n, struct list_head *prev,
				     struct list_head *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_add(struct list_head *n, struct list_head *head)
{
	__dmr_list_insert(n, head, head->next);
}

static inline void list_add_tail(struct list_head *n, struct list_head *head)
{
	__dmr_list_insert(n, head->prev, head);
}

static inline void list_del_init(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	INIT_LIST_HEAD(n);
}

#define list_del(n)	list_del_init(n)

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_move_tail(struct list_head *n, struct list_head *head)
{
	list_del_init(n);
	list_add_tail(n, head);
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_for_each_entry(pos, head, member)					\
	for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member);	\
	     &(pos)->member != (head);						\
	     (pos) = list_entry((pos)->member.next, __typeof__(*(pos)), member))
#define list_for_each_entry_safe(pos, n, head, member)				\
	for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member),	\
	     (n) = list_entry((pos)->member.next, __typeof__(*(pos)), member);	\
	     &(pos)->member != (head);						\
	     (pos) = (n), (n) = list_entry((n)->member.next, __typeof__(*(n)), member))

/* Error pointers */
#define MAX_ERRNO	4095

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return (unsigned long)p >= (unsigned long)-MAX_ERRNO;
}

static inline bool IS_ERR_OR_NULL(const void *p)
{
	return !p || IS_ERR(p);
}

/* Strings */
void *memchr_inv(const void *start, int c, size_t bytes);
ssize_t strscpy(char *dst, const char *src, size_t size);

/* Messages; set dmr_shim_quiet to suppress warnings that a test provokes */
extern bool dmr_shim_quiet;
extern unsigned int dmr_shim_warnings;	/* number of WARN_ONs that fired */

bool dmr_shim_warn(bool cond, const char *what, const char *file, int line);

#define KERN_ERR
#define pr_err(...)	((void)(dmr_shim_quiet || fprintf(stderr, __VA_ARGS__)))
#define pr_warn(...)	pr_err(__VA_ARGS__)
#define pr_info(...)	pr_err(__VA_ARGS__)
#define pr_debug(...)	((void)(0 && fprintf(stderr, __VA_ARGS__)))
#define WARN_ON(c)	dmr_shim_warn(!!(c), #c, __FILE__, __LINE__)
#define WARN_ON_ONCE(c)	WARN_ON(c)

/**
 * dmr_crc32c() - CRC-32C of the format
 * @seed: 0, or the value for the bytes before @data.
 * @data: bytes to add.
 * @len: their number.
 *
 * Return: the checksum, inverted at both ends; "123456789" gives 0xe3069283.
 */
u32 dmr_crc32c(u32 seed, const void *data, size_t len);

#endif /* DMR_SHIM_H */
