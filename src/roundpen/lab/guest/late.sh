# SPDX-License-Identifier: BSD-2-Clause
# Chains of different kernels, and the late pen: part of /init.

late=/sys/kernel/roundpen

# /chain: a line per generation, "GENERATION FOLDER": the folder of /kexec that has its Image and
# its module. Without /chain there is one kernel, /kexec/Image.
kernel_of() { # generation: sets $kernel, the folder
	kernel=
	[ -e /chain ] || return
	while read -r at folder; do [ "$at" != "$1" ] || kernel=$folder; done </chain
}

next_kernel() { # sets $image
	kernel_of $((generation + 1))
	image=/kexec/${kernel:+$kernel/}Image
}

unneeded() { # prints what of /kexec no kernel after the next one starts or loads
	echo / # no file; without a line, grep takes all for a match
	[ -e /chain ] || return
	for place in /kexec/*/; do
		place=${place%/}
		name=${place##*/} last=-1
		while read -r at folder; do [ "$folder" != "$name" ] || last=$at; done </chain
		[ "$last" -gt $((generation + 1)) ] || echo "kexec/$name/Image"
		[ "$last" -gt "$generation" ] || echo "kexec/$name/roundpen.ko"
	done
}

# What stock says, without the module. A refused kexec costs nothing but reading the Image.
before() {
	next_kernel
	system_call
	attempt kexec -l $call "$image" --command-line=none
	why=$(kernel_says '/[Cc]ommand line/d; /[Kk]exec/{s/^\[[^]]*\] //;p}' | tail -n 1)
	event before "status=$status said=${said%%"$newline"*} kernel=$why"
	[ "$status" != 0 ] || kexec -u
}

fact() { # name: sets $fact
	fact=
	[ ! -e "$late/$1" ] || read -r fact <"$late/$1"
}

load_late() { # parameters of the module
	kernel_of "$generation"
	attempt insmod "/kexec/$kernel/roundpen.ko" "$@"
	said=$line
	if [ "$status" != 0 ]; then
		event late "status=$status said=$said kernel=$(kernel_says '/roundpen: /{s/^\[[^]]*\] //;p}' | tail -n 1)"
		return
	fi
	mounted=0
	if [ -e $late/fdt ]; then
		# kexec-tools takes the tree from there.
		attempt mount --bind $late/fdt /sys/firmware/fdt
		[ "$status" != 0 ] || mounted=1
	fi
	facts=
	for name in pen way region level; do
		fact $name
		facts="$facts $name=$(echo "$fact" | tr ' ' ,)"
	done
	read -r online <$cpus/online
	event late "status=0 mounted=$mounted online=$online$facts"
}

late_words() { # offset in the region, bytes: as words, from the module's file
	at=$1 end=$(($1 + $2))
	while [ "$at" -lt "$end" ]; do
		size=$((end - at))
		[ $size -le 128 ] || size=128
		row=
		for word in $(od -A n -v -t x8 -j "$at" -N $size $late/logbook); do row=$row,0x$word; done
		event logbook "at=$at words=${row#,}"
		at=$((at + size))
	done
}
