# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# what: testpmd      two null vdevs forwarding; flows created and destroyed; ports restarted
#
# net_null has no flows of its own. net_failsafe keeps a flow rule (in rte_malloc memory) for
# devices that are yet to appear, which is what a control plane does all day.

testpmd_commands()
{
	awk 'BEGIN {
		srand(7)
		print "start"
		for (round = 0; round < 3; round++) {
			n_alive = 0
			for (i = 0; i < 700; i++) {
				# testpmd numbers a rule one above the newest that is left
				id = n_alive ? alive[n_alive - 1] + 1 : 0
				alive[n_alive++] = id
				n = round * 700 + i
				pattern = sprintf("eth / ipv4 src is 10.0.%d.%d /", n / 256, n % 256)
				kind = int(rand() * 4)
				if (kind == 1)
					pattern = pattern sprintf(" udp dst is %d /", 1000 + n)
				else if (kind == 2)
					pattern = pattern sprintf(" tcp src is %d /", 1000 + n)
				else if (kind == 3)
					pattern = sprintf("eth / vlan vid is %d / ipv4 /", n)
				action = "queue index 0 /"
				if (rand() < 0.3)
					action = sprintf("mark id %d / queue index 0 /", n)
				else if (rand() < 0.4)
					action = "drop /"
				printf "flow create 2 ingress pattern %s end actions %s end\n",
					pattern, action
				if (i % 3 == 2) {
					victim = int(rand() * n_alive)
					printf "flow destroy 2 rule %d\n", alive[victim]
					n_alive--
					for (j = victim; j < n_alive; j++)
						alive[j] = alive[j + 1]
				}
			}
			print "show port stats all"
			print "flow flush 2"
			print "stop"
			print "port stop all"
			printf "port config all rxq %d\n", 1 + round % 2
			printf "port config all txq %d\n", 1 + round % 2
			print "port start all"
			print "start"
		}
		print "stop"
		print "quit"
	}'
}

testpmd_commands >"$work/commands"
for libc in "" --libc; do
	(cd "$work" && record "testpmd${libc:+-libc}" $libc -- \
		dpdk-testpmd $eal -l 0,1 --vdev net_null0 --vdev net_null1 \
		--vdev "net_failsafe0,mac=02:00:00:00:00:01,exec(echo)" -- \
		--total-num-mbufs=4096 --portlist=0,1 --cmdline-file=commands -i </dev/null)
	[ "$(grep -c '^Flow rule #[0-9]* created' "$work/testpmd${libc:+-libc}.out")" -eq 2100 ] ||
		die "testpmd did not create its flows"
done
