# SPDX-License-Identifier: BSD-2-Clause
# What the module's guards are tried with: sh /lib/guards.sh FUNCTION ARGUMENTS...
# Each prints what came of it, and what the module said last.

late=/sys/kernel/roundpen
switch=/sys/kernel/debug/kprobes/enabled
free=0x60000000

pen() { # offset from its start: prints the address
	read -r base _ <$late/region
	printf '0x%x' $((base + $1))
}

captured() { # offset into the capture kernel's memory
	start=$(sed -n 's/^ *\([0-9a-f]*\)-.* : Crash kernel$/0x\1/p' /proc/iomem)
	printf '0x%x' $((start + $1))
}

say() {
	dmesg | sed -n '/ roundpen /d; /roundpen: /{s/^\[[^]]*\] //;p}' | tail -n 1
}

probe() { kexec-probe "$@"; say; }

trees() { # the running tree as it came, and as the module has it
	umount /sys/firmware/fdt
	cat /sys/firmware/fdt >/tmp/stock
	cat $late/fdt >/tmp/good
	head -c 3000 /tmp/good >/tmp/cut
	mount -t debugfs debugfs /sys/kernel/debug
}

over() { probe "$(pen "$1"):/init" "$free:/tmp/good"; }
beside() { probe "$(pen -4096):/generation" "$(pen 65536):/generation" "$free:/tmp/good"; }
with() { probe "0x50000000:/bin/busybox" "$free:$1"; }
capture() { probe -p "$(captured 0):/init" "$(captured 0x100000):$1"; }
unload() { kexec "$@" -u; cat $late/loaded; }

remove() { rmmod roundpen; [ ! -e $late ] && echo gone; }
insert() { insmod /kexec/0/roundpen.ko "$@"; say; }
without_image() { kexec -u; cat /sys/kernel/kexec_loaded; }
turn() { echo "$1" >$switch; cat $switch; say; }
power() { echo "$1" >/sys/power/state; say; }

"$@" 2>&1
exit 0
