/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine of four instructions: it computes with a number that it is given and stores
 * the result where no memory is. That the result arrives proves that the guest ran; nothing on
 * this side could have computed it.
 *
 * Usage: kvm-probe SEED, at most 16 hexadecimal digits. API: Documentation/virt/kvm/api.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define RAM 0x40000000ULL
#define RAM_SIZE 0x10000
#define NOWHERE 0x10000000ULL

/* in: x0 = seed, x1 = factor, x2 = NOWHERE */
extern const char guest_code[], guest_end[];
__asm__(".pushsection .rodata\n"
	".globl guest_code, guest_end\n"
	"guest_code:\n"
	"	mul	x3, x0, x1\n"
	"	eor	x3, x3, x0, lsr #7\n"
	"	str	x3, [x2]\n"
	"	b	.\n"
	"guest_end:\n"
	".popsection\n");

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int set(int vcpu, size_t offset, uint64_t value)
{
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset / sizeof(uint32_t),
		.addr = (uintptr_t)&value,
	};

	return ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

#define CORE(member) offsetof(struct kvm_regs, regs.member)

static int start(int vcpu, uint64_t seed)
{
	return set(vcpu, CORE(regs[0]), seed) || set(vcpu, CORE(regs[1]), 0x9e3779b97f4a7c15) ||
	       set(vcpu, CORE(regs[2]), NOWHERE) || set(vcpu, CORE(pc), RAM);
}

static int give_memory(int vm)
{
	char *memory = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = RAM,
		.memory_size = RAM_SIZE,
		.userspace_addr = (uintptr_t)memory,
	};

	if (memory == MAP_FAILED)
		return -1;
	memcpy(memory, guest_code, guest_end - guest_code);
	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

int main(int count, char **words)
{
	struct kvm_vcpu_init init;
	struct kvm_run *run;
	uint64_t value = 0;
	int kvm, vm, vcpu;

	if (count != 2)
		return 2;
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		return fail("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return fail("KVM_CREATE_VM");
	if (give_memory(vm))
		return fail("KVM_SET_USER_MEMORY_REGION");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return fail("KVM_CREATE_VCPU");
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) || ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		return fail("KVM_ARM_VCPU_INIT");
	if (start(vcpu, strtoull(words[1], NULL, 16)))
		return fail("KVM_SET_ONE_REG");
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
		   vcpu, 0);
	if (run == MAP_FAILED)
		return fail("the VCPU's page");
	if (ioctl(vcpu, KVM_RUN, 0))
		return fail("KVM_RUN");
	memcpy(&value, run->mmio.data, sizeof(value));
	printf("exit=%" PRIu32 " value=0x%" PRIx64 "\n", run->exit_reason, value);
	return run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != NOWHERE;
}
