# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# what: openvswitch  Open vSwitch, userspace datapath on DPDK: 2500 rules and 2500 flows
#
# Its own database, sockets and vdevs: a system's Open vSwitch is not touched. One vdev plays a
# file of 2500 UDP flows over and over, so that each gets a datapath flow; rules are then
# replaced, which revalidates them all, and deleted, which ends them.
#
# app/test/upstream/openvswitch.sh runs it, too, with a record() and an ovs_note() of its own.

ovs_n_flows=2500
ovs_daemon=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
ovs_dir=$work/ovs
ovs_ctl="--target=$ovs_dir/vswitchd.ctl"

# One 60 byte packet of each flow.
ovs_packets()
{
	perl -e '
		binmode STDOUT;
		print pack("VvvVVVV", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1);
		for my $i (0 .. $ARGV[0] - 1) {
			my @ip = (0x4500, 46, 0, 0, 0x4011, 0, 0x0a000000 + $i, 0x0b000001);
			my $sum = 0;
			$sum += $_ for unpack("n*", pack("nnnnnnNN", @ip));
			$sum = ($sum & 0xffff) + ($sum >> 16) while $sum > 0xffff;
			$ip[5] = 0xffff - $sum;
			my $packet = pack("H12H12n", "025000000001", "025000000002", 0x0800) .
				pack("nnnnnnNN", @ip) . pack("nnnn", 1024 + $i, 53, 26, 0) . "\0" x 18;
			print pack("VVVV", 0, $i, length($packet), length($packet)), $packet;
		}' $ovs_n_flows
}

# ovs_rules ACTIONS: a rule for each flow
ovs_rules()
{
	awk -v n=$ovs_n_flows -v actions="$1" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "priority=%d,udp,nw_src=10.0.%d.%d,tp_src=%d actions=%s\n",
				100 + i % 7, i / 256, i % 256, 1024 + i, actions
	}'
}

ovs_count()
{
	ovs-appctl "$ovs_ctl" dpctl/show netdev@ovs-netdev 2>/dev/null | sed -n 's/^  flows: //p'
}

# wait until the datapath has at least (-ge) or at most (-le) so many flows
ovs_wait_for()
{
	tries=300
	until count=$(ovs_count) && test "${count:-0}" "$1" "$2"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || die "Open vSwitch has ${count:-no} flows, not $1 $2"
		sleep 0.2
	done
}

ovs_vsctl()
{
	ovs-vsctl --timeout=60 --db="unix:$ovs_dir/db.sock" "$@"
}

# ovs_note STEP: what is to be noted of the state that it is in
command -v ovs_note >/dev/null || ovs_note() { :; }

ovs_start_database()
{
	mkdir "$ovs_dir"
	export OVS_RUNDIR="$ovs_dir" OVS_LOGDIR="$ovs_dir" OVS_DBDIR="$ovs_dir"
	ovsdb-tool create "$ovs_dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server --detach --no-chdir --pidfile="$ovs_dir/db.pid" \
		--unixctl="$ovs_dir/db.ctl" --remote="punix:$ovs_dir/db.sock" "$ovs_dir/conf.db"
	# or Open vSwitch adds --in-memory, which does not go with --no-huge
	$huge || eal="$eal --legacy-mem"
	ovs_vsctl --no-wait init
	ovs_vsctl --no-wait set Open_vSwitch . other_config:dpdk-init=true \
		other_config:dpdk-extra="$eal" other_config:pmd-cpu-mask=0x2 other_config:max-idle=500 \
		other_config:per-port-memory=false
	! $huge || ovs_vsctl --no-wait set Open_vSwitch . other_config:dpdk-socket-limit=256
}

ovs_add_input()
{
	ovs_vsctl add-port br0 in -- set interface in type=dpdk ofport_request=1 \
		options:dpdk-devargs="net_pcap0,rx_pcap=$ovs_dir/packets.pcap,infinite_rx=1"
	ovs_wait_for -ge $ovs_n_flows
}

ovs_remove_input()
{
	ovs_vsctl del-port in
	ovs_wait_for -le 2
}

# Rules come in bundles: one by one, each would have the flows there are revalidated.
ovs_drive()
{
	ovs_rules drop >"$ovs_dir/rules-drop"
	ovs_rules output:2 >"$ovs_dir/rules-output"
	ovs_vsctl add-br br0 -- set bridge br0 datapath_type=netdev protocols=OpenFlow14 \
		-- set-fail-mode br0 secure \
		-- add-port br0 out -- set interface out type=dpdk ofport_request=2 \
		options:dpdk-devargs=net_null0,no-rx=1
	ovs-ofctl -O OpenFlow14 --bundle add-flows "$ovs_dir/br0.mgmt" "$ovs_dir/rules-drop"
	ovs_note start
	ovs_add_input
	ovs_note traffic
	ovs-ofctl -O OpenFlow14 --bundle add-flows "$ovs_dir/br0.mgmt" "$ovs_dir/rules-output"
	ovs-appctl "$ovs_ctl" revalidator/wait
	ovs_note replaced
	ovs_remove_input
	ovs_note removed
	ovs_add_input
	ovs-ofctl -O OpenFlow14 del-flows "$ovs_dir/br0.mgmt"
	ovs-appctl "$ovs_ctl" revalidator/wait
	ovs_remove_input
	ovs_note deleted
	ovs_vsctl del-br br0
	ovs-appctl "$ovs_ctl" exit --cleanup
}

ovs_stop()
{
	for file in "$ovs_dir/vswitchd.pid" "$ovs_dir/db.pid"; do
		pid=$(cat "$file" 2>/dev/null) && kill "$pid" 2>/dev/null || true
	done
}

trap 'ovs_stop; rm -rf "$work"' EXIT
ovs_start_database
ovs_packets >"$ovs_dir/packets.pcap"
(record openvswitch --libc --command "ovs-vswitchd unix:db.sock" -- \
	"$ovs_daemon" "unix:$ovs_dir/db.sock" --pidfile="$ovs_dir/vswitchd.pid" \
	--unixctl="$ovs_dir/vswitchd.ctl" --log-file="$ovs_dir/vswitchd.log") &
ovs_recording=$!
ovs_drive
wait $ovs_recording
ovs-appctl --target="$ovs_dir/db.ctl" exit
