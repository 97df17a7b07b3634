/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The interface from C++: the header compiles without a warning, and what is
 * inline there works as in C.
 */

#include <cstdio>
#include <cstring>
#include <vector>

#include <rte_eal.h>

#include <rte_fastmem.h>

static unsigned int n_passed, n_failed;

static void
check(const char *name, bool ok)
{
	std::printf("cxx.%s: %s\n", name, ok ? "ok" : "FAILED");
	(ok ? n_passed : n_failed)++;
}

/* As a program would use it: a container's memory. */
template <typename T>
struct fastmem_allocator {
	using value_type = T;

	fastmem_allocator() = default;
	template <typename U>
	fastmem_allocator(const fastmem_allocator<U> &) {}

	T *allocate(std::size_t n)
	{
		void *ptr = rte_fastmem_alloc(n * sizeof(T), alignof(T), 0);

		if (ptr == nullptr)
			throw std::bad_alloc();
		return static_cast<T *>(ptr);
	}

	void deallocate(T *ptr, std::size_t n)
	{
		rte_fastmem_free_sized(ptr, n * sizeof(T), alignof(T));
	}

	bool operator==(const fastmem_allocator &) const { return true; }
	bool operator!=(const fastmem_allocator &) const { return false; }
};

static bool
a_container_lives_in_fastmem()
{
	struct rte_fastmem_stats stats;
	bool ok = true;

	{
		std::vector<int, fastmem_allocator<int>> numbers;

		for (int i = 0; i < 10000; i++)
			numbers.push_back(i);
		for (int i = 0; i < 10000; i++)
			ok = ok && numbers[i] == i;
		ok = ok && rte_fastmem_contains(numbers.data());
		ok = ok && rte_fastmem_stats(&stats) == 0 && stats.bytes_in_use >= 40000;
	}
	return ok && rte_fastmem_stats(&stats) == 0 && stats.bytes_in_use == 0;
}

static bool
every_inline_function_works()
{
	rte_fastmem_handle_t handle = 0;
	struct rte_fastmem_stats stats;
	void *ptrs[40];
	void *ptr;
	bool ok;

	ptr = rte_fastmem_alloc(100, 0, RTE_FASTMEM_F_ZERO);
	ok = ptr != nullptr && rte_fastmem_usable_size(ptr) == 128;
	std::memset(ptr, 1, 100);
	ptr = rte_fastmem_realloc(ptr, 1000, 0);
	ok = ok && ptr != nullptr && static_cast<char *>(ptr)[99] == 1;
	rte_fastmem_free(ptr);
	ok = ok && rte_fastmem_alloc_bulk(ptrs, 40, 64, 0, 0) == 0;
	rte_fastmem_free_bulk(ptrs, 40);
	ok = ok && rte_fastmem_hlookup(64, 0, SOCKET_ID_ANY, &handle) == 0;
	ptr = rte_fastmem_halloc(handle, 0);
	ok = ok && ptr != nullptr;
	rte_fastmem_hfree(handle, ptr);
	ok = ok && rte_fastmem_halloc_bulk(handle, ptrs, 40, RTE_FASTMEM_F_ZERO) == 0;
	rte_fastmem_hfree_bulk(handle, ptrs, 40);
	return ok && rte_fastmem_stats(&stats) == 0 && stats.bytes_in_use == 0 &&
		stats.alloc_total == 83 && stats.free_total == 83;
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0) {
		std::fprintf(stderr, "EAL did not start. Without huge pages: --no-huge -m 512\n");
		return 1;
	}
	check("init", rte_fastmem_init() == 0);
	check("every_inline_function_works", every_inline_function_works());
	check("a_container_lives_in_fastmem", a_container_lives_in_fastmem());
	rte_fastmem_deinit();
	rte_eal_cleanup();
	std::printf("%u passed, %u failed\n", n_passed, n_failed);
	return n_failed != 0;
}
