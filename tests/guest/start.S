/* SPDX-License-Identifier: ISC */
/*
 * PVH entry of the test guest, and the one interrupt handler. Interrupts are
 * enabled only inside irq_wait(), so the handler need not save anything: it
 * drops its frame and goes on behind the hlt.
 */
	.section .note.pvh, "a", @note
	.align 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cli
	cld
	mov $stack_top, %esp
	lgdt gdtr
	ljmp $8, $1f
1:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	push %ebx			/* struct hvm_start_info */
	call guest_main
2:	hlt
	jmp 2b

	.globl irq_load
irq_load:
	mov 4(%esp), %eax
	lidt (%eax)
	ret

	.globl irq_wait
irq_wait:
	sti
	hlt
irq_resume:
	cli
	ret

	.globl irq_entry
irq_entry:
	movl $0, 0xfee000b0		/* end of interrupt */
	add $12, %esp			/* eip, cs, eflags */
	jmp irq_resume

	.section .rodata
	.align 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 8: code, flat */
	.quad 0x00cf93000000ffff	/* 16: data, flat */
gdtr:
	.word 23
	.long gdt

	.bss
	.align 16
	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
