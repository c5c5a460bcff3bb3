# SPDX-License-Identifier: BSD-2-Clause
#
# Sourced by the guest's /init, whose steps `load` and `jump` it replaces.

export PATH=/bin:/usr/bin:/usr/sbin PYTHONPATH=/usr/lib/python3/dist-packages

tells() { # name of the call, stream
	while read -r text; do
		[ -n "$text" ] && event verb-line "name=$1 stream=$2 text=$text"
	done <"/tmp/verb.$2"
}

told() { # name of the call, its status; a plan is shown once, each line costs a process
	[ "$1" = ended ] || [ "$1" = load-only ] || tells "$1" out
	tells "$1" err
	read -r loaded </sys/kernel/kexec_loaded
	read -r online <$cpus/online
	left=$(ls -d /tmp/roundpen-* /var/lib/roundpen/promise.json 2>/dev/null)
	event verb "name=$1 status=$2 loaded=$loaded online=$online left=$left"
}

roundpen() { /usr/bin/python3 -m roundpen.cli.main "$@" >/tmp/verb.out 2>/tmp/verb.err; }

verb() { # name, arguments of roundpen kexec
	name=$1; shift
	roundpen kexec "$@"
	told "$name" $?
}

nobody() { # name, arguments of roundpen kexec
	name=$1; shift
	/usr/bin/python3 -c '
import os, runpy, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
runpy.run_module("roundpen.cli.main", run_name="__main__")
' kexec "$@" >/tmp/verb.out 2>/tmp/verb.err
	told "$name" $?
}

# SIGTERM at the worst moment: the kernel has the image, and kexec-tools has not said so yet. (A
# shell has its background processes ignore SIGINT.)
ended() { # name, arguments of roundpen kexec
	name=$1; shift
	cat >/usr/sbin/kexec <<-'END'
		#!/bin/sh
		/bin/kexec "$@" || exit
		case " $* " in *" -l "*) cat /sys/kernel/kexec_loaded >/tmp/held; exec sleep 600 ;; esac
	END
	roundpen kexec "$@" &
	process=$! tries=0
	until [ -s /tmp/held ] || [ $tries -ge 600 ]; do
		sleep 0.2
		tries=$((tries + 1))
	done
	read -r held </tmp/held
	kill -TERM "$(pidof python3)"
	wait $process
	status=$?
	cp /bin/kexec /usr/sbin/kexec
	event verb-line "name=$name stream=out text=held=$held"
	told "$name" $status
}

pack() { # as the lab's, with Python, and with what roundpen keeps over a jump
	echo $((generation + 1)) >/generation
	mkdir -p /var
	(cd / && { echo bin; find init generation nonce scenario bin/busybox bin/kexec lib usr var; } |
		cpio -o -H newc >/tmp/next.cpio) 2>/dev/null
	echo "$generation" >/generation
}

load() {
	pack
	try_it
	pack
	read -r loaded </sys/kernel/kexec_loaded
	event kexec-load "status=0 loaded=$loaded said= kernel="
}

jump() {
	uptime
	event kexec-jump "at=$up"
	verb jump /boot/vmlinuz --initrd /tmp/next.cpio --no-rehearsal
	event kexec-failed "it came back with status $status"
}
