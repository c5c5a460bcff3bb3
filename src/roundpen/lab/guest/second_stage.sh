# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# Runs in the new system, with no daemon about: dpkg installs the essential packages from the
# state that unpacking left, apt all the rest, each from the archive in /installer. Then what
# Debian's installer asks a person for: a name, a password, a console to log in at.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
. /installer/settings

say() { echo "second stage: $*"; }

printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # start nothing
chmod 755 /usr/sbin/policy-rc.d
say "essential packages"
# shellcheck disable=SC2086 # a list
(cd /installer/archive && dpkg --install --force-depends --force-unsafe-io $essential)
echo 'deb [trusted=yes] file:/installer/archive ./' >/etc/apt/sources.list
echo 'force-unsafe-io' >/etc/dpkg/dpkg.cfg.d/installer
apt-get -qq update
# As the installer's question "targeted" is answered.
mkdir -p /etc/initramfs-tools/conf.d
echo 'MODULES=dep' >/etc/initramfs-tools/conf.d/driver-policy
# shellcheck disable=SC2086,SC2154 # a list, from the settings
printf '%s\n' $modules >/etc/initramfs-tools/modules
say "all others"
# shellcheck disable=SC2086 # a list
INITRD=No apt-get -qq -y --no-install-recommends install $others
# Each takes minutes, and the packages' own hooks would make some twice.
for kernel in /boot/vmlinuz-*; do
	say "initrd of ${kernel#/boot/vmlinuz-}"
	update-initramfs -c -k "${kernel#/boot/vmlinuz-}"
done
rm /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/installer

echo "$hostname" >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$hostname" >/etc/hosts
echo "LABEL=root / ext4 errors=remount-ro 0 1" >/etc/fstab
echo "root:$password" | chpasswd
# What the installer leaves as the archive: here it lies on the disk, there is no network.
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list
apt-get -qq update
sync
say "done"
