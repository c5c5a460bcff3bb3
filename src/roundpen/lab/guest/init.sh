#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Drives one generation (one kernel) of a lab run; the host only reads, because console input
# does not arrive on every machine. What to do stands in /scenario, one step a line:
#     <generation> <verb> <arguments>
# Every event goes through /dev/kmsg, so that the kernel's own lines can't cut it in two and
# it carries the guest's time. Its first word is a digest over a nonce that stands in
# /nonce only: neither an echo of the command line nor a damaged line looks like one.
#
# An emulated CPU takes some 8 ms to start a process, and a run consists of little else: what the
# shell can do by itself, it does, and functions answer in variables where $( ) would be a process.

export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# Not the console: opening its tty starts interrupts that QEMU's raspi4b never lets go of.
exec </dev/null >/dev/kmsg 2>&1
echo on >/proc/sys/kernel/printk_devkmsg

cpus=/sys/devices/system/cpu
read -r generation </generation
read -r nonce </nonce
sequence=0
newline='
'

digest() { # text: sets $digest
	sha256sum >/tmp/digest <<-END
		$1
	END
	read -r digest _ </tmp/digest
}

event() { # name, text
	digest "$nonce $generation $sequence $1 $2"
	echo "roundpen ${digest%"${digest#????????????????}"} $generation $sequence $1 $2" >/dev/kmsg
	sequence=$((sequence + 1))
}

# This shell's children on one CPU: a wake-up of another costs an emulator that runs 32 CPUs in
# turn 50 ms. Unplugging CPU 0 undoes it, hence again behind each round.
stay() { taskset -p 1 $$ >/dev/null 2>&1; }

expand() { # "0-2,5" -> 0 1 2 5
	for range in $(echo "$1" | tr ',' ' '); do
		seq "${range%-*}" "${range#*-}"
	done
}

uptime() { read -r up _ </proc/uptime; }

one_line() { # text: sets $line, no longer than the kernel's log takes
	set -f
	# shellcheck disable=SC2086  # words, with one space between them
	set -- $1
	set +f
	line=$*
	[ ${#line} -le 600 ] || line=$(printf '%.600s' "$line")
}

attempt() { # command: sets $status, $said, and that in one line
	said=$("$@" 2>&1)
	status=$?
	one_line "$said"
}

property() { # file: sets $text, a device-tree string; the shell leaves out the NUL
	text=
	read -r text <"$1"
}

kernel_says() { # sed script for the log without our events
	dmesg | sed -n "/ roundpen /d; $1"
}

report() {
	read -r release </proc/sys/kernel/osrelease
	read -r possible <$cpus/possible
	read -r present <$cpus/present
	read -r online <$cpus/online
	event kernel "release=$release possible=$possible present=$present online=$online"
	event level "$(kernel_says '/started at EL[0-9]/{s/.*\(started at EL[0-9]\).*/\1/p;q}')"
	for file in /proc/device-tree/chosen/roundpen,*; do
		[ -e "$file" ] || continue
		property "$file"
		event chosen "${file##*/}=$text"
	done
	for node in /proc/device-tree/cpus/cpu@*; do
		text=okay
		[ -e "$node/status" ] && property "$node/status"
		state=$text
		property "$node/enable-method"
		event node "name=${node##*/} method=$text status=$state"
	done
}

# "Online" is the kernel's belief. A digest computed while pinned to the CPU, and the CPU that
# the kernel says it ran on, are something that the CPU has done.
work() { # label
	for cpu in $(expand "$(cat $cpus/online)"); do
		attempt taskset -c "$cpu" sh /lib/work.sh "$nonce $generation $1 $cpu"
		event work "label=$1 cpu=$cpu $line"
	done
}

switch() { # cpu, wanted state: sets $why
	{ echo "$2" >"$cpus/cpu$1/online"; } 2>/tmp/why
	why=
	read -r why </tmp/why
	read -r now <"$cpus/cpu$1/online"
	[ "$now" = "$2" ]
}

cycle() { # cpu, cycles
	done=0 why=
	uptime; began=$up
	if [ ! -e "$cpus/cpu$1/online" ]; then
		why="no control file online"
	else
		while [ "$done" -lt "$2" ] && switch "$1" 0 && switch "$1" 1; do
			done=$((done + 1))
		done
	fi
	uptime
	event hotplug "cpu=$1 cycles=$2 done=$done began=$began ended=$up why=$why"
}

hotplug() { # cycles, cpus
	for cpu in $2; do cycle "$cpu" "$1"; done
	stay
}

# One aligned access per word: the region is mapped as device memory.
words() { # offset in the region, bytes
	at=$1 end=$(($1 + $2))
	while [ "$at" -lt "$end" ]; do
		row='' start=$at
		while [ "$at" -lt "$end" ] && [ "$at" -lt $((start + 128)) ]; do
			row=$row,$(devmem $((base + at)) 64)
			at=$((at + 8))
		done
		event logbook "at=$start words=${row#,}"
	done
}

logbook() { # spans: offset:size of the header, offset:stride:size of the slots
	node=$(echo /proc/device-tree/reserved-memory/roundpen@*)
	if [ -d "$node" ]; then
		words=words
		base=$((0x${node##*@}))
		count=$(($(devmem $((base + $1 + 24)) 32)))
	elif [ -e $late/logbook ]; then
		words=late_words
		fact region
		base=$((${fact%% *}))
		count=$(od -A n -t u4 -j $(($1 + 24)) -N 4 $late/logbook)
	else
		event logbook-none "no node /reserved-memory/roundpen@"
		return
	fi
	event logbook-base "base=$base"
	$words "$1" "$2"
	slot=0
	while [ "$slot" -lt "$count" ]; do
		$words $(($3 + slot * $4)) "$5"
		slot=$((slot + 1))
	done
}

pack() { # /tmp/next.cpio, the next generation's root: this one once more, one generation on
	echo $((generation + 1)) >/generation
	unneeded >/tmp/unneeded
	(cd / && { echo bin; find init generation nonce scenario bin/busybox bin/kexec lib kexec chain |
		grep -v -x -F -f /tmp/unneeded; } | cpio -o -H newc >/tmp/next.cpio) 2>/dev/null
	echo "$generation" >/generation
}

system_call() { # sets $call: kexec's option for what this kernel has
	# -i: without the digest that purgatory computes with the caches off. It says nothing about
	# CPUs and costs 20 s of emulation.
	call=-i
	[ ! -e /proc/config.gz ] || zcat /proc/config.gz | grep -q '^CONFIG_KEXEC=y' || call=-s
}

without() { # words: this kernel's command line, but for those
	left=
	for word in $(cat /proc/cmdline); do
		case " $* " in *" $word "*) ;; *) left="$left $word" ;; esac
	done
	echo "${left# }"
}

load() { # words that the next kernel's command line must not have
	next_kernel
	if [ ! -e "$image" ]; then event kexec-load "status=1 said=no $image"; return; fi
	pack
	system_call
	attempt kexec -l $call "$image" --initrd=/tmp/next.cpio --command-line="$(without "$@")"
	why=$(kernel_says '/[Cc]ommand line/d; /[Kk]exec/{s/^\[[^]]*\] //;p}' | tail -n 1)
	read -r loaded </sys/kernel/kexec_loaded
	event kexec-load "status=$status loaded=$loaded said=${said%%"$newline"*} kernel=$why"
	[ "$status" = 0 ] && return
	kernel_says 's/.*CPU\([0-9]*\): cannot leave the kernel: /cpu=\1 why=/p' | sort -u >/tmp/stuck
	while read -r line; do event stuck "$line"; done </tmp/stuck
}

jump() {
	read -r loaded </sys/kernel/kexec_loaded
	if [ "$loaded" != 1 ]; then event kexec-skipped "nothing is loaded"; return; fi
	uptime
	event kexec-jump "at=$up"
	kexec -e
	event kexec-failed "kexec -e came back with status $?"
}

modules() { # file names, in order
	for name in "$@"; do
		attempt insmod "/lib/modules/$name"
		event module "name=$name status=$status said=$line"
	done
}

run() { # command of the shell
	attempt sh -c "$1"
	event run "status=$status said=$line"
}

finish() { # how
	uptime
	event end "how=$1 at=$up"
	case $1 in
	poweroff) poweroff -f ;;
	reboot) reboot -f ;;
	esac
	while :; do sleep 1000; done
}

. /lib/trials.sh
. /lib/late.sh

stay
uptime
event start "at=$up"
while read -r when verb rest; do
	[ "$when" = "$generation" ] || continue
	# shellcheck disable=SC2086  # the steps' arguments are words
	case $verb in
	report) report ;;
	cpus) cpus ;;
	work) work $rest ;;
	hotplug) hotplug ${rest%% *} "${rest#* }" ;;
	logbook) logbook $rest ;;
	load) load $rest ;;
	load-on) load_on $rest ;;
	jump) jump ;;
	load-capture) load_capture $rest ;;
	crash) crash $rest ;;
	kvm) kvm $rest ;;
	before) before ;;
	late) load_late $rest ;;
	modules) modules $rest ;;
	run) run "$rest" ;;
	finish) finish $rest ;;
	*) event unknown-step "$verb" ;;
	esac
done </scenario
finish stay
