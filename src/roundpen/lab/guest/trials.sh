# SPDX-License-Identifier: BSD-2-Clause
# The rarer steps of a run, part of /init: crashes, virtual machines, and what the kernel made of
# the device tree's CPUs.

cpus() { # which node the kernel took for each CPU, and whether it offers to unplug it
	for folder in $cpus/cpu[0-9]*; do
		node=$(readlink "$folder/of_node")
		switch=no
		[ -e "$folder/online" ] && switch=yes
		event cpu "cpu=${folder##*cpu} switch=$switch node=/${node#*/devicetree/base/}"
	done
}

load_on() { # CPU that asks, words as for load
	taskset -p "$(printf %x $((1 << $1)))" $$ >/dev/null 2>&1
	event kexec-asked "cpu=$1"
	shift
	load "$@"
	stay
}

load_capture() { # words for the capture kernel's command line
	next_kernel
	pack
	# The first kernel's own words would reserve memory again, or limit the CPUs again.
	system_call
	attempt kexec -p $call "$image" --initrd=/tmp/next.cpio --command-line="$(without \
		$(tr ' ' '\n' </proc/cmdline | grep -E '^(crashkernel=|maxcpus=|nosmp)')) $*"
	read -r loaded </sys/kernel/kexec_crash_loaded
	event kexec-load "status=$status loaded=$loaded said=${said%%"$newline"*} kernel="
}

crash() { # CPU that crashes, CPU that spins with its interrupts off, or -
	read -r loaded </sys/kernel/kexec_crash_loaded
	if [ "$loaded" != 1 ]; then
		event crash-skipped "no capture kernel is loaded"
		return
	fi
	# Away from the CPU that is going to spin.
	taskset -p "$(printf %x $((1 << $1)))" $$ >/dev/null 2>&1
	if [ "$2" != - ]; then
		mount -t debugfs debugfs /sys/kernel/debug
		spin=/sys/kernel/debug/provoke-crash/DIRECT
		if [ ! -e $spin ]; then event crash-skipped "no $spin"; return; fi
		taskset -c "$2" sh -c "echo HARDLOCKUP >$spin" &
		sleep 1
	fi
	uptime
	event crash "at=$up cpu=$1 spinning=$2"
	taskset -c "$1" sh -c 'echo c >/proc/sysrq-trigger'
	event crash-failed "the kernel is still there"
}

kvm() { # label
	digest "$nonce $generation kvm $1"
	attempt /lib/kvm-probe "${digest%"${digest#????????}"}"
	event kvm "label=$1 status=$status $line"
}
