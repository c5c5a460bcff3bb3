# SPDX-License-Identifier: BSD-2-Clause
# A piece of work for one CPU: runs pinned to it and says where the kernel last ran it
# (field 39 of /proc/self/stat, proc(5); the name in field 2 may hold spaces).
digest=$(sha256sum <<-END
	$1
	END
)
read -r stat </proc/self/stat
set -- ${stat##*) }
shift 36
echo "ran=$1 digest=${digest%% *}"
